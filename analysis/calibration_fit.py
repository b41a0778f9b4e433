"""Estimators of calibration, each with a seeded bootstrap interval: means, ends of a uniform latency, slope of impact, a share.

Orders are drawn again with replacement (`analysis.intervals` says how for means); fills of one order stay together.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

import numpy as np

from analysis.calibration_data import Column
from analysis.intervals import DRAWS, Interval, ends, generator, ratio_interval, rounded
from orders.values import Record

BOOTSTRAP_MAX: Final = 4_000  # orders, evenly taken, that an interval is made of: 1,000 draws of them are 32 MB
NARROW: Final = 0.1  # the quantiles a uniform latency is read from: its true ends are the worst told by a sample, and by a stall
Z: Final = 1.959963984540054  # of 95 %
SPREAD_MIN: Final = 0.05  # deviation of sigma sqrt(Q/V) over its mean: orders of one size cannot tell impact from spread
BPS: Final = 1e4


class Fit(Record, frozen=True, kw_only=True):
    """An estimate and its 95 % interval, in the parameter's unit, rounded to 6 places. `count`: rows it is made of."""

    value: Decimal
    interval: Interval
    count: int


def fit_mean(values: Column, *, seed: int, name: str) -> Fit | None:
    """Return the mean, each order the same weight; None where there are too few to judge."""
    interval = ratio_interval((values / BPS).tolist(), [1.0] * len(values), seed=seed, name=name)
    return None if interval is None else Fit(value=rounded(float(values.mean())), interval=interval, count=len(values))


def fit_latency(latencies: Column, *, seed: int, name: str) -> tuple[Fit, Fit]:
    """Return (latency, width of the draw above it) of a uniform latency, from its 10 % and 90 % quantiles."""

    def fitted(rows: Column) -> Column:
        low, high = np.quantile(rows, [NARROW, 1 - NARROW], axis=-1)
        width = (high - low) / (1 - 2 * NARROW)
        return np.stack([low - NARROW * width, width])

    at, drawn = fitted(latencies), fitted(_drawn(latencies, seed=seed, name=name))
    low, width = (Fit(value=rounded(float(at[i])), interval=ends(drawn[i]), count=len(latencies)) for i in (0, 1))
    return low, width


def fit_slope(roots: Column, costs: Column, *, seed: int, name: str) -> Fit | None:
    """Return the least-squares slope of costs on roots beside a free constant; None where all roots are nearly the same."""
    if roots.std() <= SPREAD_MIN * abs(roots.mean()):
        return None

    def slope(pairs: Column) -> Column:
        x, y = pairs[..., 0], pairs[..., 1]
        x = x - x.mean(axis=-1, keepdims=True)
        spread = (x * x).sum(axis=-1)
        return np.divide((x * y).sum(axis=-1), spread, out=np.full_like(spread, np.nan), where=spread > 0)

    pairs = np.column_stack((roots, costs))
    at = float(slope(pairs))
    drawn = slope(_drawn(pairs, seed=seed, name=name))
    if not math.isfinite(at) or not np.isfinite(drawn).all():
        return None
    return Fit(value=rounded(at), interval=ends(drawn), count=len(roots))


def fit_share(outcomes: Column) -> Fit:
    """Return the share of ones with Wilson's (1927) interval, which is right near 0 and 1 where a bootstrap is not."""
    count = len(outcomes)
    share = float(outcomes.mean())
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    interval = Interval(low=rounded(max(0.0, middle - half)), high=rounded(min(1.0, middle + half)))
    return Fit(value=rounded(share), interval=interval, count=count)


def _drawn(rows: Column, *, seed: int, name: str) -> Column:
    """Return draws x rows (x columns), drawn with replacement; keyed by seed and name, so that no fit moves another's draws."""
    kept = rows
    if len(rows) > BOOTSTRAP_MAX:
        kept = rows[np.linspace(0, len(rows) - 1, BOOTSTRAP_MAX).astype(np.int64)]
    return kept[generator(seed, name).integers(0, len(kept), size=(DRAWS, len(kept)))]
