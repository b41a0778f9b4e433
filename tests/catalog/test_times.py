"""Stamps of price files: one unit and one zone a file, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.price_times import UNITS, Stamps
from orders.errors import InputError

NS = 1_000_000_000
JANUARY = 1_736_172_000 * NS  # 2025-01-06 14:00 UTC


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("1736172000", None),
        ("1736172000000", None),
        ("1736172000000000", None),
        ("1736172000000000000", None),
        ("2025-01-06T14:00:00Z", None),
        ("2025-01-06 14:00:00+00:00", None),
        ("2025-01-06 15:00:00.000000+01:00", None),
        ("2025-01-06T08:30-0530", None),
        ("2025-01-06 14:00:00", "UTC"),
        ("2025-01-06 09:00", "America/New_York"),
    ],
    ids=["s", "ms", "us", "ns", "Z", "offset 0", "offset east", "offset west, half an hour", "zone given", "zone of New York"],
)
def test_a_stamp_of_every_form_is_the_same_instant(text: str, zone: str | None) -> None:
    assert Stamps("f", zone=zone).ns_of(text, 2) == JANUARY


def test_nine_decimals_of_a_second_are_kept() -> None:
    assert Stamps("f", zone=None).ns_of("2025-01-06T14:00:00.123456789Z", 2) == JANUARY + 123_456_789


def test_a_bare_day_ends_with_its_session() -> None:
    stamps = Stamps("f", zone="America/New_York", session_close=time(16))
    closes = [stamps.ns_of(day, 2) for day in ("2022-03-11", "2022-03-14")]
    assert [datetime.fromtimestamp(ns // NS, UTC).hour for ns in closes] == [21, 20]  # daylight saving began between them


@pytest.mark.parametrize(
    ("zone", "texts", "code"),
    [
        (None, ["17361720000"], "TIME_UNIT"),
        (None, ["0"], "TIME_UNIT"),
        (None, ["1736172000000", "1736172060000000"], "TIMES_MIXED"),
        (None, ["2025-01-06T14:00:00Z", "2025-01-06T14:01:00"], "TIMES_MIXED"),
        (None, ["2025-01-06T14:00:00Z", "1736172060"], "TIMES_MIXED"),
        (None, ["2025-01-06T14:00:00"], "ZONE_MISSING"),
        ("UTC", ["2025-01-06T14:00:00Z"], "ZONE_CONTRADICTED"),
        ("UTC", ["1736172000"], "ZONE_CONTRADICTED"),
        ("America/New_York", ["2024-11-03T01:30:00"], "LOCAL_TIME"),
        ("America/New_York", ["2024-03-10T02:30:00"], "LOCAL_TIME"),
        (None, ["2025-02-30T14:00:00Z"], "TIME_MALFORMED"),
        (None, ["2025-01-06T24:00:00Z"], "TIME_MALFORMED"),
        (None, ["yesterday"], "TIME_MALFORMED"),
        (None, [""], "TIME_MALFORMED"),
        (None, ["1985-01-06T14:00:00Z"], "TIME_MALFORMED"),
    ],
    ids=[
        "between seconds and milliseconds",
        "zero",
        "ms, then us",
        "a zone, then none",
        "text, then a number",
        "no zone anywhere",
        "a zone twice",
        "a zone for an integer",
        "a local time that comes twice",
        "a local time that never comes",
        "a day that is none",
        "hour 24",
        "words",
        "nothing",
        "before 1990",
    ],
)
def test_a_stamp_that_is_not_clear_is_refused_with_its_line(zone: str | None, texts: list[str], code: str) -> None:
    stamps = Stamps("prices.csv", zone=zone)
    *clear, last = texts
    for line, text in enumerate(clear, start=2):
        stamps.ns_of(text, line)
    with pytest.raises(InputError) as caught:
        stamps.ns_of(last, len(texts) + 1)
    assert caught.value.code == code
    assert f"line {len(texts) + 1} of prices.csv" in caught.value.expected


@given(st.integers(min_value=631_152_000, max_value=4_102_444_799), st.sampled_from(sorted(UNITS)))
def test_the_unit_of_an_integer_is_never_mistaken(second: int, unit: str) -> None:
    assert Stamps("f", zone=None).ns_of(str(second * NS // UNITS[unit]), 2) == second * NS
