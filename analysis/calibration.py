"""Assumptions fitted from own fills: each parameter with an interval, shrunk to the prior, judged out of sample.

(1) The first 70 % of the orders, by market time, fit; (2) an estimate of n rows is shrunk to what is assumed now, the prior,
with weight n / (n + `PRIOR_ORDERS`); (3) the rest judges: what is not nearer to it than the prior leaves the prior as it is.
Of all venues together first; where there are several then of each one, shrunk to what stands for all of them after that.
Too few rows at (1) or (3) say so with their numbers, and the prior stands. Impact and the fill share of limit orders are told
and become no assumption by themselves. A latency is told by few orders (see `Observations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np

from analysis.calibration_data import Observations, Seen
from analysis.calibration_fit import Fit, fit_latency, fit_mean, fit_share, fit_slope
from analysis.calibration_judge import Judged, Said, judge
from analysis.intervals import GROUP_MIN
from orders.assumptions import Assumptions
from orders.values import Record

FIT_FRACTION: Final = 0.7
FIT_MIN: Final = 40  # of a fit: below, the 10 % ends of a latency are made of four orders
PRIOR_ORDERS: Final = 50  # what the prior is worth: with as many own orders, half of the way is gone
PLACES: Final = Decimal("0.0001")  # of what is written: 0.1 us, and a hundredth of a hundredth of a basis point
ZERO: Final = Decimal(0)
NS_PER_MS: Final = Decimal(1_000_000)


class Status(StrEnum):
    """FITTED: `value` is new. INCONCLUSIVE: too few rows. NOT_BETTER: the prior is at least as near to the rest. Both: it stands.

    INFORMATIVE: fitted, and no assumption.
    """

    FITTED = "FITTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_BETTER = "NOT_BETTER"
    INFORMATIVE = "INFORMATIVE"


class Parameter(Record, frozen=True, kw_only=True):
    """One parameter, in the unit its name ends with (`impact_coefficient` has none). `venue`: whose; empty: of all together.

    `prior`: assumed now, of a venue what it is shrunk to: its own or the new one of all; None: nothing is. `estimate`, `low`,
    `high`: of the fit alone, 95 %; None where it is not made.
    `weight` of the estimate in `value`, which is what a new file says; None: no assumption. `rest`: the estimate of the
    `rest_count` rows that judge.
    """

    name: str
    status: Status
    prior: Decimal | None
    count: int
    estimate: Decimal | None
    low: Decimal | None
    high: Decimal | None
    weight: Decimal | None
    value: Decimal | None
    rest_count: int
    rest: Decimal | None
    words: str
    venue: str = ""


class Calibration(Record, frozen=True, kw_only=True):
    """`cut_ns`: market time at which the fit ends and judging begins; None without orders.

    `changed`: assumption -> new value; `changed_by_venue`: the same of venues that differ from the others.
    """

    cut_ns: int | None
    parameters: tuple[Parameter, ...]
    judged: tuple[Judged, ...]
    changed: Mapping[str, Decimal]
    changed_by_venue: Mapping[str, Mapping[str, Decimal]]
    kinds: tuple[str, ...]
    notes: tuple[str, ...]


def calibrate(seen: Observations, *, prior: Assumptions, seed: int) -> Calibration:
    """Fit, shrink and judge. The same observations, prior and seed give the same result."""
    cut_ns = _cut(seen)
    first, rest = _parts(seen, cut_ns)
    assumed = assumed_of(prior)
    pooled = _assumptions(first, rest, prior=assumed, impact=prior.impact is not None, seed=seed)
    together = {each.name: each.value for each in pooled if each.value is not None}
    own: list[Parameter] = []
    for venue in told_apart(seen, prior):
        stands = together | own_of(prior, venue)
        own += _assumptions(
            first.of_venue(venue), rest.of_venue(venue), prior=stands, impact=prior.impact is not None, seed=seed, venue=venue
        )
    parameters = [*pooled, _impact(first.parents, rest.parents, seed=seed), _limits(first.limits, rest.limits), *own]
    after: dict[str, dict[str, Decimal]] = {}
    changed_by_venue: dict[str, dict[str, Decimal]] = {}
    for each in own:
        assert each.value is not None
        after.setdefault(each.venue, {})[each.name] = each.value
        if each.status is Status.FITTED:
            changed_by_venue.setdefault(each.venue, {})[each.name] = each.value
    before = {venue: assumed | own_of(prior, venue) for venue in (*after, *prior.by_venue)}
    return Calibration(
        cut_ns=cut_ns,
        parameters=tuple(parameters),
        judged=tuple(
            judge(rest, before=Said(common=assumed, by_venue=before), after=Said(common=together, by_venue=after), seed=seed)
        ),
        changed={each.name: each.value for each in pooled if each.status is Status.FITTED and each.value is not None},
        changed_by_venue=changed_by_venue,
        kinds=seen.kinds,
        notes=seen.notes,
    )


def assumed_of(prior: Assumptions) -> dict[str, Decimal]:
    """Return what is assumed now, in the units of the parameters' names."""
    return {
        "latency_ms": Decimal(prior.latency_ns) / NS_PER_MS,
        "jitter_ms": Decimal(prior.jitter_ns) / NS_PER_MS,
        "bar_half_spread_bps": prior.bar_half_spread_bps,
        "slippage_bps": prior.slippage_bps,
    }


def own_of(prior: Assumptions, venue: str) -> dict[str, Decimal]:
    """Return only what is assumed of this venue itself."""
    own, here = prior.by_venue.get(venue), assumed_of(prior.at(venue))
    if own is None:
        return {}
    said = {"latency_ms": own.latency_ns, "jitter_ms": own.jitter_ns}
    said |= {"bar_half_spread_bps": own.bar_half_spread_bps, "slippage_bps": own.slippage_bps}  # type: ignore[dict-item]
    return {name: here[name] for name, value in said.items() if value is not None}


def told_apart(seen: Observations, prior: Assumptions) -> list[str]:
    """Return the venues that have rows of their own: all where there are several, else one that is assumed apart already."""
    venues = sorted({*map(str, seen.orders.venues), *map(str, seen.latencies.venues)} - {""})
    return venues if len(venues) > 1 else [venue for venue in venues if venue in prior.by_venue]


def _assumptions(
    first: Observations, rest: Observations, *, prior: Mapping[str, Decimal], impact: bool, seed: int, venue: str = ""
) -> list[Parameter]:
    """The four assumptions, of all rows that are given. `impact`: it is charged apart, so that slippage cannot be told."""
    found = _latencies(first.latencies, rest.latencies, prior=prior, seed=seed, venue=venue)
    for name, column in (("bar_half_spread_bps", "half_bps"), ("slippage_bps", "slippage_bps")):
        if impact and name == "slippage_bps":
            counts = (len(first.orders), len(rest.orders))
            words = "impact is assumed apart, and fills do not tell the two apart: the prior stands"
            found.append(
                _parameter(
                    name,
                    Status.INCONCLUSIVE,
                    prior=prior[name],
                    counts=counts,
                    fit=None,
                    rest=None,
                    value=prior[name],
                    words=words,
                )
            )
            continue
        found.append(_mean(name, column, first.orders, rest.orders, prior=prior[name], seed=seed, venue=venue))
    return [msgspec.structs.replace(each, venue=venue) for each in found]


def _cut(seen: Observations) -> int | None:
    times = np.sort(np.concatenate([seen.orders.at_ns, seen.latencies.at_ns])) if len(seen.orders) else seen.latencies.at_ns
    return int(times[int(FIT_FRACTION * len(times))]) if len(times) else None


def _parts(seen: Observations, cut_ns: int | None) -> tuple[Observations, Observations]:
    """Split all rows at one instant; rows at the cut belong to the rest."""
    at = 0 if cut_ns is None else cut_ns

    def part(early: bool) -> Observations:
        def cut(rows: Seen) -> Seen:
            return rows.where((rows.at_ns < at) if early else (rows.at_ns >= at))

        return Observations(
            orders=cut(seen.orders),
            latencies=cut(seen.latencies),
            parents=cut(seen.parents),
            limits=None if seen.limits is None else cut(seen.limits),
            kinds=seen.kinds,
            notes=seen.notes,
        )

    return part(True), part(False)


def _latencies(first: Seen, rest: Seen, *, prior: Mapping[str, Decimal], seed: int, venue: str) -> list[Parameter]:
    names = {name: prior[name] for name in ("latency_ms", "jitter_ms")}
    fits: list[Fit | None] = [None, None]
    rests: list[Fit | None] = [None, None]
    if len(first) >= FIT_MIN:
        fits = list(fit_latency(first.columns["latency_ms"], seed=seed, name=f"latency{venue}"))
    if len(rest) >= GROUP_MIN:
        rests = list(fit_latency(rest.columns["latency_ms"], seed=seed, name=f"latency rest{venue}"))
    return [
        _assumed(name, assumed, fits[i], rests[i], counts=(len(first), len(rest)))
        for i, (name, assumed) in enumerate(names.items())
    ]


def _mean(name: str, column: str, first: Seen, rest: Seen, *, prior: Decimal, seed: int, venue: str) -> Parameter:
    fit = fit_mean(first.columns[column], seed=seed, name=f"{name}{venue}") if len(first) >= FIT_MIN else None
    return _assumed(
        name, prior, fit, fit_mean(rest.columns[column], seed=seed, name=f"{name} rest{venue}"), counts=(len(first), len(rest))
    )


def _assumed(name: str, prior: Decimal, fit: Fit | None, rest: Fit | None, *, counts: tuple[int, int]) -> Parameter:
    """Return a parameter that is an assumption: shrunk and judged, or the prior."""
    count, rest_count = counts
    if fit is None or rest is None:
        words = f"{count} to fit and {rest_count} to judge, {FIT_MIN} and {GROUP_MIN} are needed: the prior stands"
        return _parameter(name, Status.INCONCLUSIVE, prior=prior, counts=counts, fit=fit, rest=rest, value=prior, words=words)
    weight = Decimal(count) / (count + PRIOR_ORDERS)
    value = max(ZERO, weight * fit.value + (1 - weight) * prior).quantize(PLACES)
    below = " (below zero: zero is the least the venue charges)" if fit.value < 0 else ""
    if abs(value - rest.value) >= abs(prior - rest.value):
        words = f"{value} is no nearer to the rest's {rest.value} than the prior: it stands{below}"
        return _parameter(
            name, Status.NOT_BETTER, prior=prior, counts=counts, fit=fit, rest=rest, value=prior, words=words, weight=ZERO
        )
    words = f"weight {weight:.3f} of the fit, nearer to the rest than the prior{below}"
    return _parameter(
        name, Status.FITTED, prior=prior, counts=counts, fit=fit, rest=rest, value=value, words=words, weight=weight
    )


def _impact(first: Seen, rest: Seen, *, seed: int) -> Parameter:
    """Y of cost against arrival = constant + Y sigma sqrt(Q/V), by parent; the constant takes spread and slippage."""
    name, counts = "impact_coefficient", (len(first), len(rest))
    fit = None
    if len(first) >= FIT_MIN:
        fit = fit_slope(first.columns["root_bps"], first.columns["cost_bps"], seed=seed, name=name)
    if fit is None:
        words = f"{len(first)} parent orders of known volume and volatility, {FIT_MIN} of several sizes are needed"
        return _parameter(name, Status.INCONCLUSIVE, prior=None, counts=counts, fit=None, rest=None, value=None, words=words)
    later = None
    if len(rest) >= GROUP_MIN:
        later = fit_slope(rest.columns["root_bps"], rest.columns["cost_bps"], seed=seed, name=f"{name} rest")
    apart = "told apart from zero" if fit.interval.low > 0 or fit.interval.high < 0 else "not told apart from zero"
    words = f"no assumption: for `backtest --capacity`; {apart}"
    return _parameter(name, Status.INFORMATIVE, prior=None, counts=counts, fit=fit, rest=later, value=None, words=words)


def _limits(first: Seen | None, rest: Seen | None) -> Parameter:
    name, counts = "limit_fill_fraction", (0 if first is None else len(first), 0 if rest is None else len(rest))
    if first is None or len(first) < FIT_MIN:
        words = f"{counts[0]} limit orders that ended, {FIT_MIN} are needed"
        return _parameter(name, Status.INCONCLUSIVE, prior=None, counts=counts, fit=None, rest=None, value=None, words=words)
    later = fit_share(rest.columns["filled"]) if rest is not None and len(rest) >= GROUP_MIN else None
    words = "no assumption: share of limit orders that filled whole before they ended"
    fit = fit_share(first.columns["filled"])
    return _parameter(name, Status.INFORMATIVE, prior=None, counts=counts, fit=fit, rest=later, value=None, words=words)


def _parameter(
    name: str,
    status: Status,
    *,
    prior: Decimal | None,
    counts: tuple[int, int],
    fit: Fit | None,
    rest: Fit | None,
    value: Decimal | None,
    words: str,
    weight: Decimal | None = None,
) -> Parameter:
    return Parameter(
        name=name,
        status=status,
        prior=prior,
        count=counts[0],
        estimate=None if fit is None else fit.value,
        low=None if fit is None else fit.interval.low,
        high=None if fit is None else fit.interval.high,
        weight=None if weight is None else weight.quantize(PLACES),
        value=value,
        rest_count=counts[1],
        rest=None if rest is None else rest.value,
        words=words,
    )
