"""Borrow, funding and interest: exact, rounded down, additive over days; one accrual a calendar day whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.financing import (
    NS,
    DayCount,
    FinancingTerms,
    FundingTerms,
    InterestTerms,
    daily_after,
    daily_before,
    days_amount,
    funding_amount,
    interest_amount,
    interval_after,
)

CENT = Decimal("0.01")
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False)
fractions = st.decimals(min_value=0, max_value=Decimal("0.9"), places=6)
days = st.integers(min_value=0, max_value=400)
units = st.sampled_from([Decimal("0.01"), Decimal("0.00000001"), Decimal(1)])
counts = st.sampled_from(list(DayCount))
zones = st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"])
clocks = st.sampled_from(["00:00", "01:30", "02:00", "02:30", "16:00", "17:00", "23:59"])
instants = st.integers(min_value=0, max_value=4_000_000_000).map(lambda second: second * NS)


@pytest.mark.parametrize(
    ("basis", "fraction", "held", "count", "expected"),
    [
        ("1000000", "0.0365", 1, DayCount.ACT_365, "100.00"),
        ("1000000", "0.036", 1, DayCount.ACT_360, "100.00"),
        ("100", "0.05", 1, DayCount.ACT_365, "0.01"),
        ("-100", "0.05", 1, DayCount.ACT_365, "-0.02"),
        ("-0.01", "0.0001", 1, DayCount.ACT_365, "-0.01"),
        ("1000000", "0", 1, DayCount.ACT_365, "0"),
        ("1000000", "0.05", 0, DayCount.ACT_365, "0"),
    ],
    ids=[
        "a day of act/365", "a day of act/360", "a credit loses what is below a cent", "a charge gains it",
        "the least charge is a cent", "zero rate", "zero days",
    ],
)  # fmt: skip
def test_an_amount_is_basis_times_fraction_times_days_over_the_year(basis, fraction, held, count, expected):
    found = days_amount(Decimal(basis), fraction=Decimal(fraction), days=held, day_count=count, unit=CENT)
    assert found == Decimal(expected)


@given(amounts, fractions, days, days, counts, units)
def test_days_add_up_to_within_a_unit(basis, fraction, first, second, count, unit):
    terms = {"fraction": fraction, "day_count": count, "unit": unit}
    whole = days_amount(basis, days=first + second, **terms)
    split = days_amount(basis, days=first, **terms) + days_amount(basis, days=second, **terms)
    assert 0 <= whole - split <= unit


@given(amounts, fractions, days, counts, units)
def test_rounding_is_against_the_account_and_by_less_than_a_unit(basis, fraction, held, count, unit):
    found = days_amount(basis, fraction=fraction, days=held, day_count=count, unit=unit)
    exact_times_year = basis * fraction * held
    assert found * count.year_days <= exact_times_year < (found + unit) * count.year_days
    assert found % unit == 0


@given(amounts, fractions, fractions, counts)
def test_cash_above_zero_never_pays_and_below_zero_never_earns(cash, credit, debit, count):
    terms = InterestTerms(credit_fraction=credit, debit_fraction=debit)
    found = interest_amount(cash, terms=terms, days=1, day_count=count, unit=CENT)
    assert (found >= 0) if cash > 0 else (found <= 0)


@given(amounts, st.decimals(min_value="-0.1", max_value="0.1", places=8), units)
def test_funding_above_zero_is_paid_by_longs_and_the_two_sides_differ_by_rounding_alone(notional, rate, unit):
    long, short = funding_amount(notional, rate=rate, unit=unit), funding_amount(-notional, rate=rate, unit=unit)
    assert 0 <= -(long + short) <= unit
    if notional > 0 and rate > 0:
        assert long < 0 <= short


@given(instants, clocks, zones)
def test_every_calendar_day_has_one_accrual_and_before_undoes_after(instant, clock, zone):
    first = daily_after(instant, accrue_at=clock, zone=zone)
    second = daily_after(first, accrue_at=clock, zone=zone)
    assert instant < first < second
    assert daily_before(second, accrue_at=clock, zone=zone) == first
    assert (second - first) // NS in range(23 * 3600 - 1800, 25 * 3600 + 1801)


@pytest.mark.parametrize(
    ("after", "clock", "expected"),
    [
        ("2022-03-11T22:00:00+00:00", "17:00", "2022-03-12T22:00:00+00:00"),
        ("2022-03-12T22:00:00+00:00", "17:00", "2022-03-13T21:00:00+00:00"),
        ("2022-03-12T22:00:00+00:00", "02:30", "2022-03-13T07:30:00+00:00"),
    ],
    ids=["a Saturday counts", "clocks went forward", "an hour that does not exist"],
)
def test_the_accrual_of_a_new_york_day(after, clock, expected):
    instant = int(datetime.fromisoformat(after).timestamp()) * NS
    found = daily_after(instant, accrue_at=clock, zone="America/New_York")
    assert datetime.fromtimestamp(found // NS, UTC) == datetime.fromisoformat(expected)
    assert datetime.fromtimestamp(found // NS, ZoneInfo("America/New_York")).date() > date(2022, 3, 11)


@given(instants, st.integers(min_value=1, max_value=24))
def test_funding_instants_are_multiples_of_the_interval(instant, hours):
    found = interval_after(instant, interval_ns=hours * 3600 * NS)
    assert found % (hours * 3600 * NS) == 0
    assert 0 < found - instant <= hours * 3600 * NS


def _terms(**changes: object) -> FinancingTerms:
    facts: dict[str, object] = {
        "day_count": DayCount.ACT_365, "accrue_at": "17:00", "zone": "UTC", "borrow": {"US": Decimal(0)},
        "interest": {"USD": InterestTerms(credit_fraction=Decimal(0), debit_fraction=Decimal(0))}, "funding": {},
    }  # fmt: skip
    return FinancingTerms(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"borrow": {"US": Decimal(0), "NYSE:GE": Decimal("0.01")}},
        {"interest": {"USD": InterestTerms(credit_fraction=Decimal(0), debit_fraction=Decimal("0.01"))}},
        {"funding": {"BINANCE:BTCUSDT.P": FundingTerms(rate=Decimal("-0.0001"), interval_ns=1, series_sha256=None)}},
        {"funding": {"BINANCE:BTCUSDT.P": FundingTerms(rate=None, interval_ns=1, series_sha256="0" * 64)}},
    ],
    ids=["one symbol's borrow", "debit interest", "negative funding", "a series"],
)
def test_one_rate_that_is_not_zero_makes_holding_cost_something(changes):
    assert _terms().is_free
    assert not _terms(**changes).is_free


def test_a_symbols_own_borrow_goes_before_its_venues():
    terms = _terms(borrow={"US": Decimal("0.01"), "NYSE:GE": Decimal("0.2")})
    assert terms.borrow_fraction("NYSE:GE", venue="US") == Decimal("0.2")
    assert terms.borrow_fraction("NYSE:KO", venue="US") == Decimal("0.01")
