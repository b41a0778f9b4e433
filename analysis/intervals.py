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
UNITS_MAX: Final = 500  # more orders are summed into so many units first, in turn: 1,000 draws of 500 take 20 ms
LEVEL: Final = 0.95
PLACES: Final = 6


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


def ratio_interval(costs: Sequence[float], bases: Sequence[float], *, seed: int, name: str) -> Interval | None:
    """Return the interval of 10,000 x sum(costs) / sum(bases), by drawing pairs; None where there are too few to judge.

    `name` keys the draws, so that a group's interval does not depend on which groups stand before it. A draw whose bases sum
    to zero is left out; None where all do.
    """
    assert len(costs) == len(bases), "each cost has its base"
    if too_small(len(costs)):
        return None
    paid, base = _units(costs), _units(bases)
    drawn = _draws(len(paid), seed=seed, name=name)
    sums = drawn @ np.column_stack((paid, base))
    kept = sums[sums[:, 1] != 0.0]
    if not len(kept):
        return None
    return _ends(BPS * kept[:, 0] / kept[:, 1])


class Difference(Record, frozen=True, kw_only=True):
    """`interval` of B - A in bps; `told_apart`: it lies on one side of zero."""

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
        paid, base = _units(costs), _units(bases)
        sums = _draws(len(paid), seed=seed, name=f"{name}\n{number}") @ np.column_stack((paid, base))
        if not np.all(sums[:, 1]):
            return None
        ratios.append(BPS * sums[:, 0] / sums[:, 1])
    interval = _ends(ratios[1] - ratios[0])
    return Difference(interval=interval, told_apart=interval.low > 0 or interval.high < 0)


def _draws(units: int, *, seed: int, name: str) -> npt.NDArray[np.float64]:
    """How often each unit is drawn: a row a draw."""
    key = hashlib.sha256(f"{seed}\n{name}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(key[:16], "big")))
    return generator.multinomial(units, np.full(units, 1.0 / units), size=DRAWS).astype(np.float64)


def _units(values: Sequence[float]) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if len(array) <= UNITS_MAX:
        return array
    return np.bincount(np.arange(len(array)) % UNITS_MAX, weights=array, minlength=UNITS_MAX)


def _ends(values: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=Decimal(f"{low:.{PLACES}f}"), high=Decimal(f"{high:.{PLACES}f}"))
