"""What holding costs and earns: borrow of shorts, funding of perpetuals, interest on cash — terms and exact arithmetic.

Amounts are signed, above 0 is credited, and rounded down to the currency's smallest unit: a credit loses, a charge gains.
Nothing accrues pro rata: what is held at the end of a period pays for the whole period, as a venue's daily snapshot does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from orders.exact import exact_arithmetic
from orders.values import Record

NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * NS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ZERO: Final = Decimal(0)


class DayCount(StrEnum):
    """Days of a year that an annual fraction is divided by: "Actual/365 (Fixed)" and "Actual/360", ISDA 2006 4.16 (d), (e)."""

    ACT_365 = "act/365"
    ACT_360 = "act/360"

    @property
    def year_days(self) -> int:
        """365 or 360."""
        return 365 if self is DayCount.ACT_365 else 360


class FinancingKind(StrEnum):
    """BORROW: of a short; FUNDING: between longs and shorts of a perpetual; INTEREST: on cash of either sign."""

    BORROW = "borrow"
    FUNDING = "funding"
    INTEREST = "interest"


class InterestTerms(Record, frozen=True, kw_only=True):
    """Annual fractions of cash >= 0: `credit_fraction` is earned on cash above 0, `debit_fraction` paid on cash below it."""

    credit_fraction: Decimal
    debit_fraction: Decimal


class FundingTerms(Record, frozen=True, kw_only=True):
    """Funding of one perpetual at every multiple of `interval_ns` since 1970 UTC; above 0 longs pay shorts.

    `rate`: fraction of notional an interval. None: of a dated series, whose file has the sha256 `series_sha256`.
    """

    rate: Decimal | None
    interval_ns: int
    series_sha256: str | None


class FinancingTerms(Record, frozen=True, kw_only=True):
    """The financing part of the assumptions. Borrow and interest accrue a calendar day at a time, at `accrue_at` (HH:MM) in
    `zone`. `borrow`: annual fraction >= 0 of a short's market value, by venue or by platform symbol, which wins. `interest`: by
    currency. `funding`: by platform symbol.
    """

    day_count: DayCount
    accrue_at: str
    zone: str
    borrow: Mapping[str, Decimal]
    interest: Mapping[str, InterestTerms]
    funding: Mapping[str, FundingTerms]

    def borrow_fraction(self, symbol: str, *, venue: str) -> Decimal:
        """Return the annual fraction of a short. A symbol's own goes first; a config without its venue's is refused."""
        own = self.borrow.get(symbol)
        return self.borrow[venue] if own is None else own

    @property
    def is_free(self) -> bool:
        """Nothing can ever accrue: every rate is zero and there is no series."""
        return (
            not any(self.borrow.values())
            and not any(terms.credit_fraction or terms.debit_fraction for terms in self.interest.values())
            and all(terms.rate == 0 for terms in self.funding.values())
        )


def days_amount(basis: Decimal, *, fraction: Decimal, days: int, day_count: DayCount, unit: Decimal) -> Decimal:
    """Return basis x annual fraction x days / year, floored to `unit` > 0 (the smallest amount of the currency).

    The sign is the basis': cash below 0 is charged, and a short's market value is given as a negative basis. Simple interest:
    n days at once are at least, and by less than n units more than, n single days.
    """
    assert days >= 0
    assert unit > 0
    with exact_arithmetic():
        return _floor(basis * fraction * days, per=day_count.year_days, unit=unit)


def interest_amount(cash: Decimal, *, terms: InterestTerms, days: int, day_count: DayCount, unit: Decimal) -> Decimal:
    """Return what `cash` of one currency at one venue earns (above 0) or pays (below 0) over whole days."""
    fraction = terms.credit_fraction if cash > 0 else terms.debit_fraction
    return days_amount(cash, fraction=fraction, days=days, day_count=day_count, unit=unit)


def funding_amount(notional: Decimal, *, rate: Decimal, unit: Decimal) -> Decimal:
    """Return what a position of signed `notional` gets for one interval: a long pays a rate above 0, a short earns it."""
    with exact_arithmetic():
        return _floor(-notional * rate, per=1, unit=unit)


def daily_after(instant_ns: int, *, accrue_at: str, zone: str) -> int:
    """Return the first accrual instant later than `instant_ns`: one each calendar day of `zone`, in nanoseconds UTC.

    An hour that clocks skip or repeat counts by the offset before the change, so that no day is without or has two.
    """
    hour, minute = accrue_at.split(":")
    at, where = time(int(hour), int(minute)), ZoneInfo(zone)
    day = (EPOCH + timedelta(seconds=instant_ns // NS)).astimezone(where).date() - timedelta(days=1)
    while True:
        due = (datetime.combine(day, at, tzinfo=where) - EPOCH) // timedelta(seconds=1) * NS
        if due > instant_ns:
            return due
        day += timedelta(days=1)


def daily_before(instant_ns: int, *, accrue_at: str, zone: str) -> int:
    """Return the last accrual instant earlier than `instant_ns`."""
    due = daily_after(instant_ns - 3 * DAY_NS, accrue_at=accrue_at, zone=zone)  # a day has 25 hours at most
    while (later := daily_after(due, accrue_at=accrue_at, zone=zone)) < instant_ns:
        due = later
    return due


def interval_after(instant_ns: int, *, interval_ns: int) -> int:
    """Return the first multiple of the interval later than `instant_ns`."""
    return (instant_ns // interval_ns + 1) * interval_ns


def _floor(amount: Decimal, *, per: int, unit: Decimal) -> Decimal:
    """Return amount / per, floored to `unit`; decided on whole numbers of units, so no quotient is ever rounded."""
    divisor = per * unit
    units, rest = divmod(abs(amount), divisor)
    if amount < 0:
        return -(units + 1 if rest else units) * unit if units or rest else ZERO
    return units * unit
