"""Hours on the engine's clock: sessions are judged in market time, whatever the shift and speed of a replay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.hours import Hours
from engine.market_time import IDENTITY, MarketTime
from orders.market_hours import Calendar, Session, span_at
from orders.values import Listing

S = 10**9
SESSIONS = tuple(Session(day="2025-01-06", open_ns=o * S, close_ns=c * S, early_close=False) for o, c in ((100, 200), (300, 400)))
CALENDAR = Calendar(name="XMAD", valid_from_ns=50 * S, valid_until_ns=1_000 * S, sessions=SESSIONS)


def listing(symbol: str, venue: str) -> Listing:
    name = symbol.split(":")[1]
    return Listing(symbol=symbol, venue=venue, instrument_id=f"{name}.{venue}", quote_currency="USD", asset_class="equity")


LISTINGS = {entry.symbol: entry for entry in (listing("NYSE:A", "US"), listing("NYSE:B", "US"), listing("B:C", "BINANCE"))}


def hours(market_time: MarketTime = IDENTITY) -> Hours:
    return Hours({"US": CALENDAR, "BINANCE": None}, listings=LISTINGS, market_time=market_time)


@given(
    speed=st.integers(1, 100_000),
    shift_ns=st.integers(-500 * S, 500 * S),
    instants=st.lists(st.integers(0, 1_100 * S), min_size=1, max_size=30),
)
def test_the_state_is_that_of_the_market_instant_in_any_order_of_asking(speed: int, shift_ns: int, instants: list[int]) -> None:
    market_time = MarketTime(real_epoch_ns=5_000 * S, market_epoch_ns=shift_ns, speed=speed)
    asked = hours(market_time)
    for market_ns in instants:
        now_ns = market_time.real_of(market_ns)
        expected = span_at(CALENDAR, now_ns=market_time.at(now_ns))
        at_gate, planned = asked.at("US", now_ns), asked.of(now_ns)
        assert at_gate is not None
        assert planned is not None
        assert at_gate == planned["NYSE:A"] == planned["NYSE:B"]
        assert (at_gate.state, at_gate.detail) == (expected.hours.state, expected.hours.detail)
        closed_ns = expected.hours.closed_ns
        assert at_gate.closed_ns == (None if closed_ns is None else market_time.real_of(closed_ns))
        assert asked.opens_ns("NYSE:A", now_ns=now_ns) == (
            None if expected.opens_ns is None else market_time.real_of(expected.opens_ns)
        )


def test_a_venue_that_is_not_judged_is_open_in_a_plan_and_has_no_verdict_at_the_gate() -> None:
    made = hours()
    planned = made.of(250 * S)
    assert planned is not None
    assert {symbol: entry.state for symbol, entry in planned.items()} == {"NYSE:A": "closed", "NYSE:B": "closed", "B:C": "open"}
    assert made.at("BINANCE", 250 * S) is None
    assert made.closed(LISTINGS, now_ns=250 * S) == {"NYSE:A", "NYSE:B"}


def test_a_venue_the_run_does_not_have_is_not_in_a_plan() -> None:
    made = Hours({"US": CALENDAR}, listings=LISTINGS, market_time=IDENTITY)
    assert "B:C" not in (made.of(150 * S) or {})
    assert made.opens_ns("B:C", now_ns=150 * S) is None
    assert made.opens_ns("NYSE:UNKNOWN", now_ns=150 * S) is None


def test_without_any_calendar_nothing_is_judged() -> None:
    made = Hours({"US": None, "BINANCE": None}, listings=LISTINGS)
    assert made.of(0) is None
    assert made.at("US", 0) is None
    assert made.closed(LISTINGS, now_ns=0) == frozenset()


def test_the_mapping_is_the_same_until_something_opens_or_closes() -> None:
    made = hours()
    first = made.of(150 * S)
    assert made.of(199 * S) is first
    made.at("US", 200 * S)  # the gate asks first
    again = made.of(200 * S)
    assert again is not first
    assert again is not None
    assert again["NYSE:A"].state == "closed"
