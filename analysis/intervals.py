"""How sure a mean of few orders is: seeded bootstrap intervals, and when there are too few to say anything.

Efron (1979): the orders are drawn again with replacement, as many as there are, and the spread of what comes out is the
interval (percentile method). The same data and seed give the same interval.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from orders.values import Record

BPS: Final = 10_000.0
GROUP_MIN: Final = 20  # below it the 2.5 % ends of a bootstrap are made of one or two orders: no interval, no comparison
DRAWS: Final = 1_000  # an end of the interval then moves by about a twentieth of its width from seed to seed
UNITS_MAX: Final = 500  # more orders are summed into so many units first, in turn: 1,000 draws of 500 take 5 ms
LEVEL: Final = 0.95
PLACES: Final = 6

type Values = Sequence[float] | npt.NDArray[np.float64]


class Interval(Record, frozen=True, kw_only=True):
    """Both ends of a 95 % interval, in the unit of what was asked; rounded to 6 places."""

    low: Decimal
    high: Decimal


def too_small(count: int) -> bool:
    """Say whether a group of `count` orders (or fills) is too small to judge: shown, but without interval or comparison."""
    return count < GROUP_MIN


def quantile_known(count: int, *, fraction: float) -> bool:
    """Say whether `count` observations have a quantile of this fraction: with fewer than 1 / (1 - fraction) it is the maximum."""
    return count * (1 - fraction) >= 1 - 1e-9


def ratio_interval(costs: Values, bases: Values, *, seed: int, name: str) -> Interval | None:
    """Return the interval of 10,000 x sum(costs) / sum(bases), by drawing pairs; None where there are too few to judge.

    `name` keys the draws, so that a group's interval does not depend on which groups stand before it. A draw whose bases sum
    to zero is left out; None where all do.
    """
    assert len(costs) == len(bases), "each cost has its base"
    if too_small(len(costs)):
        return None
    paid, base = _resampled(costs, bases, seed=seed, name=name)
    kept = base != 0.0
    return ends(BPS * paid[kept] / base[kept]) if kept.any() else None


class Difference(Record, frozen=True, kw_only=True):
    """`interval` of B - A, in bps or in the unit of what was asked; `told_apart`: it lies on one side of zero."""

    interval: Interval
    told_apart: bool


def ratio_difference(
    first: tuple[Sequence[float], Sequence[float]], second: tuple[Sequence[float], Sequence[float]], *, seed: int, name: str
) -> Difference | None:
    """Return the interval of the second ratio minus the first, each (costs, bases) drawn by itself; None: one is too small."""
    if too_small(len(first[0])) or too_small(len(second[0])):
        return None
    ratios = []
    for number, (costs, bases) in enumerate((first, second)):
        paid, base = _resampled(costs, bases, seed=seed, name=f"{name}\n{number}")
        if not np.all(base):
            return None
        ratios.append(BPS * paid / base)
    return _difference(ratios[1] - ratios[0])


def median_interval(values: Values, *, seed: int, name: str) -> Interval | None:
    """Return the interval of the median, in the unit of the values; None: there are too few to judge. See `median_difference`."""
    return None if too_small(len(values)) else ends(_medians(values, seed=seed, name=name))


def median_difference(first: Sequence[float], second: Sequence[float], *, seed: int, name: str) -> Difference | None:
    """Return the interval of the second median minus the first, in their unit; None: one has too few values.

    The median is the ceil(n / 2)-th value. A resample's is the value at that order statistic of n uniform numbers, which is
    distributed as Beta(k, n - k + 1) (David and Nagaraja 2003, 2.1): so nothing is drawn but that.
    """
    if too_small(len(first)) or too_small(len(second)):
        return None
    medians = [_medians(values, seed=seed, name=f"{name}\n{number}") for number, values in enumerate((first, second))]
    return _difference(medians[1] - medians[0])


def _medians(values: Values, *, seed: int, name: str) -> npt.NDArray[np.float64]:
    ascending, count = np.sort(np.asarray(values, dtype=np.float64)), len(values)
    k = (count + 1) // 2
    at = generator(seed, name).beta(k, count - k + 1, size=DRAWS)
    return ascending[np.minimum((at * count).astype(np.int64), count - 1)]


def _difference(values: npt.NDArray[np.float64]) -> Difference:
    interval = ends(values)
    return Difference(interval=interval, told_apart=interval.low > 0 or interval.high < 0)


def generator(seed: int, name: str) -> np.random.Generator:
    """Return what draws for a name: no other name's draws move its own."""
    key = hashlib.sha256(f"{seed}\n{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key[:16], "big")))


def _resampled(costs: Values, bases: Values, *, seed: int, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the sums of `DRAWS` resamples of pairs, which are drawn by number: a tenth of the time of drawing how often each."""
    paid, base = _units(costs), _units(bases)
    drawn = generator(seed, name).integers(0, len(paid), size=(DRAWS, len(paid)))
    return paid[drawn].sum(axis=1), base[drawn].sum(axis=1)


def _units(values: Values) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if len(array) <= UNITS_MAX:
        return array
    return np.bincount(np.arange(len(array)) % UNITS_MAX, weights=array, minlength=UNITS_MAX)


def ends(values: npt.NDArray[np.float64]) -> Interval:
    """Return the interval that what was drawn says."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=rounded(float(low)), high=rounded(float(high)))


def rounded(value: float) -> Decimal:
    """Return a float as a Decimal of 6 places, half-even."""
    return Decimal(f"{value:.{PLACES}f}")
