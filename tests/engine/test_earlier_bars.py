"""What a bar's jump is held against: with bars that come oftener than a jump must stand, one that is old enough."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.model.objects import Price, Quantity

from engine.prices import Prices

SPEC = "1-MINUTE-LAST-EXTERNAL"
BARS = BarType.from_str(f"A.X-{SPEC}")
SECOND = 1_000_000_000


def earlier(stamps_s: list[int], *, gap_s: int) -> int | None:
    """Return the second of the bar that the newest is held against; closes are the seconds."""
    bus = MessageBus(TraderId("T-1"), TestClock())
    prices = Prices(
        cache=Cache(), msgbus=bus, instrument_ids={"A": "A.X"}, bar_spec=SPEC, half_spread_bps={"A": Decimal(0)},
        bars_kept_ns=gap_s * SECOND,
    )  # fmt: skip
    for stamp in stamps_s:
        price = Price(stamp + 1, 0)
        bus.publish(f"data.bars.{BARS}", Bar(BARS, price, price, price, price, Quantity(1, 0), stamp * SECOND, stamp * SECOND))
    found = prices.earlier_of("A", gap_ns=gap_s * SECOND)
    return None if found is None else found.ts_ns // SECOND


def test_one_minute_bars_are_held_against_the_bar_of_five_minutes_ago_or_the_oldest() -> None:
    assert earlier([0, 60, 120, 180, 240, 300, 360], gap_s=300) == 60
    assert earlier([0, 60, 120], gap_s=300) == 0
    assert earlier([0, 60, 120], gap_s=0) == 60
    assert earlier([0], gap_s=300) is None


@given(stamps=st.lists(st.integers(0, 500), min_size=2, max_size=60, unique=True).map(sorted), gap=st.integers(0, 600))
def test_it_is_the_newest_that_is_old_enough_whatever_was_forgotten(stamps: list[int], gap: int) -> None:
    *before, newest = stamps
    assert earlier(stamps, gap_s=gap) == next((each for each in reversed(before) if newest - each >= gap), before[0])
