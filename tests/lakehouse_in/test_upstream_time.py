"""Time stamps of the platform: naive or aware, `T` or space."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.upstream_time import stamp_ns, zone_of
from orders.errors import ConfigError, InputError

BASE_NS = 1_767_663_182_000_000_000  # 2026-01-06T01:33:02Z


@pytest.mark.parametrize(
    ("text", "zone", "ns"),
    [
        ("2026-01-06T01:33:02.118311", "UTC", BASE_NS + 118_311_000),
        ("2026-01-06 01:33:02.118311", "UTC", BASE_NS + 118_311_000),
        ("2026-01-06T01:33:02", "UTC", BASE_NS),
        ("2026-01-06T01:33:02.123456789", "UTC", BASE_NS + 123_456_789),
        ("2026-01-06T02:33:02", "Europe/Berlin", BASE_NS),
        ("2026-01-06T01:33:02Z", "Europe/Berlin", BASE_NS),
        ("2026-01-06T03:33:02+02:00", "Europe/Berlin", BASE_NS),
        ("2026-01-05 20:33:02-05:00", "UTC", BASE_NS),
        ("2025-10-26T02:30:00", "Europe/Berlin", 1_761_438_600 * 10**9),
        ("1970-01-01T00:00:00", "UTC", 0),
    ],
    ids=[
        "isoformat",
        "pandas space",
        "no fraction",
        "nine digits",
        "local winter time",
        "Z wins over zone",
        "offset wins over zone",
        "space and offset",
        "a repeated hour means the first",
        "the epoch",
    ],
)
def test_a_stamp_is_read_in_its_zone(text: str, zone: str, ns: int) -> None:
    assert stamp_ns(text, zone=zone_of(zone)) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-06",
        "2026-02-30T00:00:00",
        "2026-01-06T25:00:00",
        "20260106T013302",
        "2026-01-06T01:33:02.1234567890",
        "2026-01-06T01:33:02 UTC",
        " 2026-01-06T01:33:02",
        "2026-01-06T01:33:02\n",
        "1969-12-31T23:59:59",
        "2262-01-01T00:00:00",
        "２０２６-01-06T01:33:02",
        "2026-01-06T01:33:02+99:00",
        "1767663182",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="STAMP_MALFORMED"):
        stamp_ns(text, zone=zone_of("UTC"))


def test_a_local_time_that_the_zone_skips_is_refused() -> None:
    with pytest.raises(InputError, match="STAMP_IMPOSSIBLE"):
        stamp_ns("2026-03-29T02:30:00", zone=zone_of("Europe/Berlin"))


@pytest.mark.parametrize("name", ["Europe/Berln", "", "../../etc/passwd", "/etc/localtime", "Europe"])
def test_an_unknown_zone_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="ZONE_UNKNOWN"):
        zone_of(name)


@given(moment=st.datetimes(datetime(1971, 1, 1), datetime(2261, 1, 1)))  # noqa: DTZ001 - a naive stamp is what is tested
def test_isoformat_round_trips(moment: datetime) -> None:
    microseconds = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert stamp_ns(moment.isoformat(), zone=zone_of("UTC")) == microseconds * 1000
    assert stamp_ns(str(moment), zone=zone_of("UTC")) == microseconds * 1000
