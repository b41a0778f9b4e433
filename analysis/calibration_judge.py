"""Predictions of a calibration against the orders that judge: what each order paid, and how long it was under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from analysis.calibration_data import Column, Observations, Seen
from analysis.intervals import GROUP_MIN, Interval, ratio_interval, rounded
from orders.values import Record

TWO: Final = Decimal(2)


class Judged(Record, frozen=True, kw_only=True):
    """A prediction against the rows that judge: means; errors are predicted - realised, `error_before` with its 95 % interval.

    `venue`: whose rows; empty: all.
    """

    what: str
    unit: str
    count: int
    realised: Decimal
    before: Decimal
    after: Decimal
    error_before: Interval | None
    error_after: Interval | None
    absolute_before: Decimal
    absolute_after: Decimal
    venue: str = ""


class Said(Record, frozen=True, kw_only=True):
    """What assumptions say, by parameter; `by_venue`: of venues that are told apart, whole."""

    common: Mapping[str, Decimal]
    by_venue: Mapping[str, Mapping[str, Decimal]]

    def cost(self, venue: str) -> Decimal:
        """Of a market order against the mid at its fill, in bps."""
        table = self.by_venue.get(venue, self.common)
        return table["bar_half_spread_bps"] + table["slippage_bps"]

    def latency(self, venue: str) -> Decimal:
        """From send to first fill, in ms, on average."""
        table = self.by_venue.get(venue, self.common)
        return table["latency_ms"] + table["jitter_ms"] / TWO


def judge(rest: Observations, *, before: Said, after: Said, seed: int) -> Iterator[Judged]:
    """Yield costs and latencies of all rows, then of each venue that is told apart; too few rows are left out."""
    for venue in ("", *sorted(after.by_venue)):
        told = rest if not venue else rest.of_venue(venue)
        cost, latency = "cost against the mid at the fill", "send to first fill"
        if len(told.orders) >= GROUP_MIN:
            predicted = (_by_row(told.orders, before.cost), _by_row(told.orders, after.cost))
            yield _judged(cost, "bps", told.orders.columns["cost_bps"], *predicted, seed=seed, venue=venue)
        if len(told.latencies) >= GROUP_MIN:
            predicted = (_by_row(told.latencies, before.latency), _by_row(told.latencies, after.latency))
            yield _judged(latency, "ms", told.latencies.columns["latency_ms"], *predicted, seed=seed, venue=venue)


class _Predicted(Record, frozen=True, kw_only=True):
    rows: Column
    mean: Decimal


def _by_row(rows: Seen, said: Callable[[str], Decimal]) -> _Predicted:
    by_venue: dict[str, Decimal] = {venue: said(venue) for venue in sorted(set(map(str, rows.venues)))}
    column = np.array([float(by_venue[str(venue)]) for venue in rows.venues], dtype=np.float64)
    values = set(by_venue.values())
    return _Predicted(rows=column, mean=values.pop() if len(values) == 1 else rounded(float(column.mean())))


def _judged(what: str, unit: str, realised: Column, before: _Predicted, after: _Predicted, *, seed: int, venue: str) -> Judged:
    def error(predicted: _Predicted) -> Interval | None:
        errors = ((predicted.rows - realised) / 1e4).tolist()
        return ratio_interval(errors, [1.0] * len(realised), seed=seed, name=f"{what}{venue}")

    return Judged(
        what=what,
        unit=unit,
        count=len(realised),
        realised=rounded(float(realised.mean())),
        before=before.mean,
        after=after.mean,
        error_before=error(before),
        error_after=error(after),
        absolute_before=rounded(float(np.abs(before.rows - realised).mean())),
        absolute_after=rounded(float(np.abs(after.rows - realised).mean())),
        venue=venue,
    )
