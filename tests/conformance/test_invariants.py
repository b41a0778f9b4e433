"""The invariants fail where they must: one bad record for each rule, beside the good one it was made from."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.invariants import Left, check_cycles, check_fills, check_idle, check_latency, check_orders, check_sizes
from tests.conformance.traded import PAIR

D = Decimal
ONE, OTHER = "1" * 32, "2" * 32
FILL: dict[str, Any] = {
    "type": "fill", "client_order_id": ONE, "seq": 6, "trade_id": "7", "instrument_id": PAIR.instrument_id, "symbol": PAIR.symbol,
    "quantity": "0.1", "price": "100010.00", "fee": "0.0001", "event_ns": 900,
}  # fmt: skip
GOOD: list[dict[str, Any]] = [
    {"type": "cycle", "cycle": 1, "seq": 0},
    {"type": "intent", "client_order_id": ONE, "seq": 1, "symbol": PAIR.symbol, "quantity": "0.1", "limit_price": "100010.00",
     "ts_ns": 100},
    {"type": "verdict", "client_order_id": ONE, "seq": 2},
    {"type": "send", "action": "submit", "client_order_id": ONE, "seq": 3},
    {"type": "received", "client_order_id": ONE, "seq": 4, "due_ns": 300},
    {"type": "ack", "client_order_id": ONE, "seq": 5, "event_ns": 300},
    FILL,
    {"type": "cycle_end", "cycle": 1, "seq": 7},
]  # fmt: skip
ROW = ("7", PAIR.instrument_id, D("0.1"), D(100_010), D("0.0001"))
LEFT = Left(balances={}, shares={}, engine_fills=[ROW], venue_fills=[ROW], venue_orders=[ONE])


def check(lines: list[dict[str, Any]], left: Left) -> None:
    check_orders(lines, resent=False)
    check_cycles(lines)
    check_sizes(lines, {PAIR.symbol: PAIR})
    check_fills(lines, PAIR, left)
    check_latency(lines, latency_ns=200)


def changed(kind: str, **changes: Any) -> list[dict[str, Any]]:
    return [line | changes if line["type"] == kind else line for line in GOOD]


def again(kind: str, *, at: int = 7) -> list[dict[str, Any]]:
    line = next(line for line in GOOD if line["type"] == kind)
    return [*GOOD[:at], line, *GOOD[at:]]


def test_the_good_record_holds() -> None:
    check(GOOD, LEFT)


@pytest.mark.parametrize(
    ("lines", "left", "said"),
    [
        pytest.param(again("intent"), LEFT, "two intents", id="an order intended twice"),
        pytest.param(again("send", at=4), LEFT, "'send', 'send'", id="an order sent twice"),
        pytest.param(again("received", at=5), LEFT, "'received', 'received'", id="received twice"),
        pytest.param(again("ack"), LEFT, "after the end", id="an answer after the end"),
        pytest.param(again("fill"), LEFT, "after the end", id="a fill after the end"),
        pytest.param(changed("fill", quantity="0.2"), LEFT, "filled 0.2 of 0.1", id="more filled than meant"),
        pytest.param([GOOD[3], *GOOD[:3], *GOOD[4:]], LEFT, "never intended", id="sent before it was intended"),
        pytest.param([*GOOD[:3], FILL, *GOOD[3:6], GOOD[7]], LEFT, "after the end", id="filled before it was sent"),
        pytest.param(again("cycle", at=1), LEFT, "opened within", id="a cycle within a cycle"),
        pytest.param(changed("intent", quantity="0.100001"), LEFT, "off step", id="meant between steps"),
        pytest.param(changed("intent", limit_price="100010.001"), LEFT, "off tick", id="a limit between ticks"),
        pytest.param(changed("fill", price="100010.001"), LEFT, "off tick", id="a price between ticks"),
        pytest.param(changed("fill", event_ns=200), LEFT, "too early", id="filled before its due time"),
    ],
)
def test_a_bad_record_is_found_out(lines: list[dict[str, Any]], left: Left, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check(lines, left)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"venue_fills": []}, id="a fill the venue does not know"),
        pytest.param({"venue_fills": [ROW, ("8", *ROW[1:])]}, id="a fill of the venue that nobody told"),
        pytest.param({"engine_fills": [ROW, ROW]}, id="a fill the engine counts twice"),
        pytest.param({"venue_fills": [(*ROW[:4], D("0.0002"))]}, id="another fee"),
        pytest.param({"venue_orders": [ONE, ONE]}, id="an order twice at the venue"),
        pytest.param({"venue_orders": [ONE, OTHER]}, id="an order at the venue that was never sent"),
    ],
)
def test_a_venue_that_differs_is_found_out(changes: dict[str, Any]) -> None:
    facts = {"balances": {}, "shares": {}, "engine_fills": [ROW], "venue_fills": [ROW], "venue_orders": [ONE]}
    with pytest.raises(AssertionError):
        check_fills(GOOD, PAIR, Left(**facts | changes))


@pytest.mark.parametrize("kind", ["send", "fill", "cancel", "halt", "alarm", "unknown"])
def test_a_start_that_tells_news_is_found_out(kind: str) -> None:
    with pytest.raises(AssertionError):
        check_idle([{"type": "run_start"}, {"type": kind}])


def test_an_order_may_be_sent_again_only_where_the_case_says_so() -> None:
    lines = again("send", at=4)
    check: Callable[..., None] = check_orders
    check(lines, resent=True)
    with pytest.raises(AssertionError):
        check(lines, resent=False)
