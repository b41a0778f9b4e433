"""Average daily volume from dated volumes: which days count, and when the average has to be renewed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Final

from orders.errors import InputError
from orders.values import AverageVolume

NS_PER_DAY: Final = 86_400 * 1_000_000_000
PLACES: Final = Decimal("1e-9")  # of units per day; rounded down, so that a share of it is never too much


def by_day(rows: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    """Sum (instant in ns, units >= 0) by UTC day, numbered from 1970; a bar that ends at midnight is of the day before."""
    days: dict[int, Decimal] = {}
    for ts_ns, units in rows:
        day = (ts_ns - 1) // NS_PER_DAY
        days[day] = days.get(day, Decimal(0)) + units
    return days


def average_volume(
    symbol: str, units_by_day: Mapping[int, Decimal], *, last_day: int, days: int, valid_days: int
) -> AverageVolume:
    """Return the average over the newest `days` days with data up to and including `last_day`, rounded down to nine places.

    A day without data is no session and does not count; a day with data and no volume counts with 0. The average is true from
    the end of its newest day and believed for `valid_days` after that, whenever it was made. Raises `InputError` TOO_FEW_DAYS,
    NO_VOLUME.
    """
    assert days >= 1
    assert valid_days >= 1
    known = sorted(day for day in units_by_day if day <= last_day)[-days:]
    if len(known) < days:
        raise _refused("TOO_FEW_DAYS", f"{days} days of {symbol} with data", str(len(known)), "Import more, or ask for fewer.")
    units = (sum((units_by_day[day] for day in known), Decimal(0)) / days).quantize(PLACES, rounding=ROUND_DOWN).normalize()
    if not units > 0:
        raise _refused("NO_VOLUME", f"volume above 0 of {symbol}", str(units), "Its source has no volumes; use another.")
    ends_ns = (known[-1] + 1) * NS_PER_DAY
    return AverageVolume(units_per_day=units, days=days, as_of_ns=ends_ns, valid_until_ns=ends_ns + valid_days * NS_PER_DAY)


def _refused(code: str, expected: str, found: str, action: str) -> InputError:
    return InputError(code, expected=expected, found=found, action=action)
