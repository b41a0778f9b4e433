"""Market hours: what is closed waits and funds nothing, what is not known is refused; its last price still values the book."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Held, InFlight, Reason
from orders.valuation import Marks
from orders.values import MarketHours, Side
from strategies.planner import plan
from tests.planner.world import AGE_MAX, NOW, D, inputs, line_of, open_order, planned, policy, quote

A, B = "NYSE:AAA", "NYSE:BBB"
TENS = {A: ("10", "10"), B: ("10", "10")}
OPEN = MarketHours(state="open", detail="until 20:00")
CLOSED = MarketHours(state="closed", detail="opens 13:30")
UNKNOWN = MarketHours(state="unknown", detail="the calendar ends 2026-01-01")


@pytest.mark.parametrize(
    ("hours", "reason", "detail"),
    [
        (None, Reason.TRADE, ""),
        ({A: OPEN}, Reason.TRADE, ""),
        ({A: CLOSED}, Reason.MARKET_CLOSED, "opens 13:30"),
        ({A: UNKNOWN}, Reason.NO_HOURS, "the calendar ends 2026-01-01"),
        ({}, Reason.NO_HOURS, "no market hours"),
        ({B: OPEN}, Reason.NO_HOURS, "no market hours"),
        ({A: MarketHours(state="auction", detail="?")}, Reason.NO_HOURS, "?"),  # type: ignore[arg-type]  # what a file may hold
    ],
    ids=["not judged", "open", "closed", "unknown", "no entry at all", "another symbol's entry", "a state nobody knows"],
)
def test_only_an_open_market_trades(hours: dict[str, MarketHours] | None, reason: Reason, detail: str) -> None:
    line = line_of(planned(inputs({A: "0.5"}, prices=TENS, hours=hours)), A)
    assert (line.reason, line.detail, line.trades) == (reason, detail, reason is Reason.TRADE)
    assert line.wanted_quantity == D("50")


def test_a_line_that_wants_nothing_does_not_mind_the_hours() -> None:
    made = planned(inputs({A: "0.5", B: "0"}, prices=TENS, held={A: "100"}, hours={}))
    assert [line.reason for line in made.lines] == [Reason.ON_TARGET, Reason.ON_TARGET]


def test_proceeds_of_a_closed_market_fund_nothing() -> None:
    world: dict[str, Any] = {"prices": TENS, "cash": "0", "held": {A: "100"}}
    made = planned(inputs({B: "1"}, hours={A: CLOSED, B: OPEN}, **world))
    assert [line.reason for line in made.lines] == [Reason.MARKET_CLOSED, Reason.NO_CASH]
    assert line_of(planned(inputs({B: "1"}, hours={A: OPEN, B: OPEN}, **world)), B).quantity == D("100")


def test_an_open_market_trades_while_another_is_closed_and_its_old_close_still_values_the_book() -> None:
    closed_ns = NOW - 60 * AGE_MAX
    old = {A: quote(A, "10", ts_ns=closed_ns - AGE_MAX), B: quote(B, "10")}
    shut = MarketHours(state="closed", detail="weekend", closed_ns=closed_ns)
    made = planned(inputs({A: "0", B: "0.4"}, prices=TENS, held={A: "100"}, quotes=old, hours={A: shut, B: OPEN}))
    assert (line_of(made, A).reason, line_of(made, B).quantity) == (Reason.MARKET_CLOSED, D("80"))
    assert made.equity_base == D("2000")


@pytest.mark.parametrize(
    ("hours", "ts_ns", "code"),
    [
        (None, NOW - 60 * AGE_MAX, "MARK_STALE"),
        ({A: CLOSED, B: OPEN}, NOW - 60 * AGE_MAX, "MARK_STALE"),
        ({A: OPEN, B: OPEN}, NOW - 60 * AGE_MAX, "MARK_STALE"),
        (
            {A: MarketHours(state="closed", detail="", closed_ns=NOW - 60 * AGE_MAX), B: OPEN},
            NOW - 61 * AGE_MAX - 1,
            "MARK_STALE",
        ),
        ({A: MarketHours(state="closed", detail="", closed_ns=NOW + 5), B: OPEN}, NOW + 1, "MARK_STALE"),
    ],
    ids=["hours not judged", "close not known", "open", "stale by 1 ns at the close", "from the future"],
)
def test_a_stale_price_holds_the_plan(hours: dict[str, MarketHours] | None, ts_ns: int, code: str) -> None:
    quotes = {A: quote(A, "10", ts_ns=ts_ns), B: quote(B, "10")}
    answer = plan(inputs({B: "0.4"}, prices=TENS, held={A: "100"}, quotes=quotes, hours=hours))
    assert isinstance(answer, Held)
    assert answer.code == code


def test_a_price_after_the_close_is_as_good_as_one_at_it() -> None:
    hours = {A: MarketHours(state="closed", detail="", closed_ns=NOW - 60 * AGE_MAX)}
    quotes = {A: quote(A, "10", ts_ns=NOW - 30 * AGE_MAX)}
    world = inputs({A: "0.4"}, prices={A: ("10", "10")}, held={A: "1"}, quotes=quotes, hours=hours)
    assert line_of(planned(world), A).reason is Reason.MARKET_CLOSED
    assert Marks.of_inputs(world).rate("USD") == 1


def test_nothing_is_cancelled_while_the_market_is_closed() -> None:
    made = planned(
        inputs(
            {A: "0.5"},
            prices=TENS,
            open_orders=(open_order(A, Side.BUY, "10"),),
            hours={A: CLOSED},
            policy=policy(in_flight=InFlight.REPLACE),
        )
    )
    assert (made.lines[0].reason, made.cancels) == (Reason.MARKET_CLOSED, ())
