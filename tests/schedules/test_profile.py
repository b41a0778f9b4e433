"""The usual volume of the day from bars, and what share of it a window's parts have."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError
from strategies.schedules.profile import DAY_NS, profile_of, window_fractions

HOUR = 3_600 * 10**9


def bars(*rows: tuple[int, int, str]) -> list[tuple[int, Decimal]]:
    """Rows of (day, hour in which the bar ends, volume)."""
    return [(day * DAY_NS + hour * HOUR, Decimal(volume)) for day, hour, volume in rows]


def profile(*rows: tuple[int, int, str], before: int = 100 * DAY_NS):
    return profile_of("BINANCE:BTCUSDT", bars(*rows), bucket_ns=HOUR, before_ns=before)


def test_bars_are_summed_over_the_days_by_the_hour_they_cover():
    made = profile((0, 1, "10"), (1, 1, "5.5"), (0, 24, "2"))
    assert made.volumes[0] == Decimal("15.5")
    assert made.volumes[23] == 2
    assert sum(made.volumes) == Decimal("17.5")
    assert made.days == 2


def test_what_was_not_known_yet_is_left_out():
    made = profile((0, 1, "10"), (1, 1, "999"), before=DAY_NS + HOUR)
    assert made.volumes[0] == 10


@pytest.mark.parametrize("volume", ["-1", "NaN", "Infinity"])
def test_a_volume_that_is_none_is_refused(volume):
    with pytest.raises(InputError, match="VOLUME_INVALID"):
        profile((0, 1, volume))


@pytest.mark.parametrize("rows", [(), ((0, 1, "0"),)], ids=["no bar", "no volume"])
def test_no_volume_is_no_profile(rows):
    with pytest.raises(InputError, match="NO_PROFILE"):
        profile(*rows)


def test_a_window_is_cut_by_the_volume_of_its_hours():
    made = profile((0, 10, "1"), (0, 11, "3"))
    shares = window_fractions(made, start_ns=9 * HOUR, offsets_ns=(HOUR, HOUR + HOUR // 2, 2 * HOUR))
    assert shares == (Fraction(1, 4), Fraction(5, 8), Fraction(1))


def test_a_window_may_cross_midnight():
    made = profile((0, 24, "1"), (0, 1, "1"))
    assert window_fractions(made, start_ns=23 * HOUR, offsets_ns=(HOUR, 2 * HOUR)) == (Fraction(1, 2), Fraction(1))


def test_a_window_without_usual_volume_is_refused():
    with pytest.raises(InputError, match="NO_PROFILE"):
        window_fractions(profile((0, 10, "1")), start_ns=12 * HOUR, offsets_ns=(HOUR,))


@given(
    volumes=st.lists(st.decimals(0, 10**6, places=3), min_size=24, max_size=24), start=st.integers(0, 10 * DAY_NS),
    parts=st.integers(1, 50),
)  # fmt: skip
def test_shares_rise_to_exactly_one(volumes, start, parts):
    volumes[0] += 1
    made = profile(*[(0, hour + 1, str(volume)) for hour, volume in enumerate(volumes)])
    offsets = tuple(DAY_NS * number // parts for number in range(1, parts + 1))
    shares = window_fractions(made, start_ns=start, offsets_ns=offsets)
    assert shares[-1] == 1
    assert list(shares) == sorted(shares)
    assert shares[0] >= 0
