"""Several markets that open at different times: the first that opens tops up its own lines, the others go on waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from engine.hours import Hours
from engine.market_time import IDENTITY
from engine.waiting import Waiting
from orders.market_hours import Calendar, Session
from orders.plan import Reason
from orders.values import Listing
from strategies.desk import Work
from tests.planner.world import inputs, planned

S = 10**9
LONDON, TOKYO, COIN = "LSE:A", "TSE:B", "BINANCE:C"
H = 3_600 * S


@dataclass
class Manifest:
    generated_ns: int


def calendar(name: str, *hours: tuple[int, int], ends: int = 100) -> Calendar:
    sessions = tuple(Session(day="1970-01-01", open_ns=o * H, close_ns=c * H, early_close=False) for o, c in hours)
    return Calendar(name=name, valid_from_ns=0, valid_until_ns=ends * H, sessions=sessions)


def listing(symbol: str, venue: str) -> Listing:
    return Listing(
        symbol=symbol, venue=venue, instrument_id=f"{symbol[-1]}.{venue}", quote_currency="USD", asset_class="equity"
    )  # fmt: skip


LISTINGS = {LONDON: listing(LONDON, "LSE"), TOKYO: listing(TOKYO, "TSE"), COIN: listing(COIN, "BINANCE")}
CALENDARS = {"LSE": calendar("XLON", (8, 16), (32, 40)), "TSE": calendar("XTKS", (24, 30), (48, 54)), "BINANCE": None}


def waiting(*, age_max: int = 1_000) -> Waiting:
    return Waiting(Hours(CALENDARS, listings=LISTINGS), market_time=IDENTITY, age_max_ns=age_max * H)


def work(**changes: Any) -> Work:
    values: dict[str, Any] = {
        "outcome": Manifest(generated_ns=0), "cause": "new_manifest", "symbols": (COIN, LONDON, TOKYO), "after_ns": 5,
        "deadline_ns": 6,
    }  # fmt: skip
    return Work(**values | changes)


def top_up(left: set[str], now_h: int, *, age_max: int = 1_000) -> tuple[Work | None, str]:
    made = waiting(age_max=age_max)
    return made.top_up(work(), left, now_ns=now_h * H, deadline_ns=lambda now_ns: now_ns + 60 * S)


@pytest.mark.parametrize(
    ("left", "now_h", "opens_h", "awaited"),
    [
        ({LONDON, TOKYO}, 20, 24, (TOKYO,)),
        ({LONDON}, 20, 32, (LONDON,)),
        ({TOKYO}, 20, 24, (TOKYO,)),
        ({LONDON, TOKYO}, 31, 32, (LONDON,)),
        ({TOKYO}, 31, 48, (TOKYO,)),
    ],
    ids=["Tokyo opens first", "only London waits", "only Tokyo waits", "London next", "Tokyo waits a day"],
)
def test_the_first_market_to_open_is_the_one_whose_prices_are_awaited(
    left: set[str], now_h: int, opens_h: int, awaited: tuple[str, ...]
) -> None:
    again, why = top_up(left, now_h)
    assert again is not None, why
    assert (again.cause, again.after_ns, again.deadline_ns) == ("top_up", opens_h * H - 1, opens_h * H + 60 * S)
    assert again.waits_for == awaited
    assert again.symbols == (COIN, LONDON, TOKYO)


def test_a_market_that_has_opened_meanwhile_is_topped_up_at_once() -> None:
    again, _ = top_up({LONDON, TOKYO}, 25)
    assert again is not None
    assert again.after_ns == 0
    assert TOKYO in again.waits_for
    assert LONDON not in again.waits_for


@pytest.mark.parametrize(
    ("now_h", "age_max", "code"),
    [(60, 1_000, "NO_HOURS"), (20, 23, "MANIFEST_TOO_OLD_TO_WAIT"), (99, 1_000, "NO_HOURS")],
    ids=["no session is known", "the manifest grows too old", "at the end of the range"],
)
def test_where_no_session_comes_in_time_there_is_none_and_a_reason(now_h: int, age_max: int, code: str) -> None:
    again, why = top_up({LONDON, TOKYO}, now_h, age_max=age_max)
    assert again is None
    assert why.startswith(f"{code}:")


def test_a_manifest_as_old_as_its_limit_at_the_open_is_still_topped_up() -> None:
    assert top_up({TOKYO}, 20, age_max=24)[0] is not None


@pytest.mark.parametrize(
    ("now_h", "awaited"),
    [(20, (COIN,)), (25, (COIN, TOKYO)), (10, (COIN, LONDON))],
    ids=["both closed", "Tokyo open", "London open"],
)
def test_prices_of_open_markets_alone_are_waited_for(now_h: int, awaited: tuple[str, ...]) -> None:
    assert waiting().awaited((COIN, LONDON, TOKYO), now_ns=now_h * H) == awaited


def test_what_a_session_stopped_waits_and_what_was_skipped_for_another_reason_does_not() -> None:
    made = planned(inputs({LONDON: "0.2", COIN: "0.2"}, prices={LONDON: ("10", "10"), COIN: ("10", "10")}))
    lines = {line.symbol: line.reason for line in made.lines}
    assert lines == {LONDON: Reason.TRADE, COIN: Reason.TRADE}
    assert waiting().left(made, short=[COIN, LONDON], now_ns=20 * H) == {LONDON}
    assert waiting().left(made, short=[LONDON], now_ns=10 * H) == frozenset()
    assert waiting().left(None, short=[LONDON], now_ns=20 * H) == frozenset()
