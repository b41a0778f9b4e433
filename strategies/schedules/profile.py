"""The usual volume of each part of a day, from bars: what a VWAP schedule cuts its parent by.

Volumes are units, times nanoseconds UTC. Exact: sums are fractions, no float. What the bars do not cover is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from orders.errors import InputError
from orders.values import Record

DAY_NS: Final = 86_400 * 1_000_000_000
BUCKETS_MAX: Final = 1_440  # minutes of a day


class VolumeProfile(Record, frozen=True, kw_only=True):
    """Volume of each bucket of the UTC day, summed over `days` days; `volumes` has one entry, >= 0, a bucket."""

    symbol: str
    bucket_ns: int
    volumes: tuple[Decimal, ...]
    days: int


def profile_of(symbol: str, rows: Iterable[tuple[int, Decimal]], *, bucket_ns: int, before_ns: int) -> VolumeProfile:
    """Return the profile of (bar's end, volume) rows; those that end at `before_ns` or later are left out: they were not known.

    A bar counts where it ended, less a nanosecond. `bucket_ns` divides a day into at most `BUCKETS_MAX`.
    Raises `InputError` VOLUME_INVALID (negative or not finite), NO_PROFILE (no row, or no volume in any).
    """
    assert DAY_NS % bucket_ns == 0
    assert DAY_NS // bucket_ns <= BUCKETS_MAX
    sums = [Fraction(0)] * (DAY_NS // bucket_ns)
    days = set()
    for end_ns, volume in rows:
        if not (volume.is_finite() and volume >= 0):
            raise InputError(
                "VOLUME_INVALID",
                expected=f"a finite volume of 0 or more in every bar of {symbol}",
                found=f"{volume} in the bar that ended at {end_ns}",
                action="Mend the catalog, or name another one for the schedule.",
            )
        if end_ns >= before_ns:
            continue
        days.add((end_ns - 1) // DAY_NS)
        sums[(end_ns - 1) % DAY_NS // bucket_ns] += Fraction(volume)
    if not any(sums):
        raise _no_profile(symbol, f"bars with volume that ended before {before_ns}", "none")
    return VolumeProfile(symbol=symbol, bucket_ns=bucket_ns, volumes=tuple(_decimal(value) for value in sums), days=len(days))


def _decimal(value: Fraction) -> Decimal:
    """A sum of decimals is a decimal again: the denominator has no other factors than 2 and 5."""
    digits = 0
    while value.denominator != 1:
        value *= 10
        digits += 1
    return Decimal(value.numerator).scaleb(-digits)


def window_fractions(profile: VolumeProfile, *, start_ns: int, offsets_ns: tuple[int, ...]) -> tuple[Fraction, ...]:
    """Return, for intervals that end at start + offset (rising, > 0), the cumulated share of the window's usual volume.

    Within a bucket volume is even; the last share is 1. Raises `InputError` NO_PROFILE when the window usually has none.
    """
    start = start_ns % DAY_NS
    base = _volume_until(profile, start)
    cumulated = [_volume_until(profile, start + offset) - base for offset in offsets_ns]
    total = cumulated[-1]
    if total <= 0:
        found = f"no volume from second {start // 10**9} of the day for {offsets_ns[-1] // 10**9} s"
        raise _no_profile(profile.symbol, "usual volume while the schedule runs", found)
    return tuple(value / total for value in cumulated)


def _volume_until(profile: VolumeProfile, at_ns: int) -> Fraction:
    """Volume from the day's start to `at_ns`, which may lie in days after it."""
    days, left = divmod(at_ns, DAY_NS)
    bucket, into = divmod(left, profile.bucket_ns)
    whole = sum((Fraction(volume) for volume in profile.volumes[:bucket]), Fraction(0))
    part = Fraction(profile.volumes[bucket]) * Fraction(into, profile.bucket_ns)
    return days * sum((Fraction(volume) for volume in profile.volumes), Fraction(0)) + whole + part


def _no_profile(symbol: str, expected: str, found: str) -> InputError:
    return InputError(
        "NO_PROFILE",
        expected=f"{expected} for {symbol}",
        found=found,
        action="Import bars with volume that cover these hours, or use a twap schedule.",
    )
