"""The Sentinel asks for itself whether a market is open, of each line and again of each order at the gate."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Decision, Outcome
from orders.values import MarketHours, OrderKind
from sentinel.market_hours import order_hours
from sentinel.order_check import OrderFacts, judge_order
from tests.planner.world import NOW, quote
from tests.sentinel.cases import BUY, SELL, denials, judged, limits

OPEN = MarketHours(state="open", detail="XMAD is open until 20:00")
CLOSED = MarketHours(state="closed", detail="XMAD is closed, opens 13:30")
UNKNOWN = MarketHours(state="unknown", detail="hours of XMAD are known until 2026-01-01")
STRANGE = MarketHours(state="auction", detail="")  # type: ignore[arg-type]  # what a file may hold


def test_open_markets_pass_with_one_verdict_and_markets_without_hours_with_none() -> None:
    made = judged(f={"hours": {BUY: OPEN, SELL: OPEN}})
    assert [verdict.outcome for verdict in made.verdicts if verdict.control == "MARKET_CLOSED"] == [Outcome.ALLOW]
    assert not [verdict for verdict in judged().verdicts if verdict.control in ("MARKET_CLOSED", "NO_HOURS")]


@pytest.mark.parametrize(
    ("hours", "code"),
    [
        ({BUY: CLOSED, SELL: OPEN}, "MARKET_CLOSED"),
        ({BUY: UNKNOWN, SELL: OPEN}, "NO_HOURS"),
        ({SELL: OPEN}, "NO_HOURS"),
        ({BUY: STRANGE, SELL: OPEN}, "NO_HOURS"),
    ],
    ids=["closed", "not known", "no entry", "a state nobody knows"],
)
def test_a_line_of_a_market_that_is_not_open_is_denied_and_the_others_go_on(hours: dict[str, MarketHours], code: str) -> None:
    made = judged(f={"hours": hours})
    assert [control for control, _ in denials(made)] == [code]
    assert made.decision is Decision.PLAN
    assert [approval.symbol for approval in made.approvals] == [SELL]


def test_a_plan_of_closed_markets_alone_is_refused_by_name() -> None:
    made = judged(f={"hours": {BUY: CLOSED, SELL: CLOSED}})
    assert (made.decision, made.code, made.approvals) == (Decision.REFUSED, "MARKET_CLOSED", ())


def at_the_gate(hours: MarketHours | None, **changes: Any) -> tuple[str, list[str]]:
    approval = judged().approvals[1]
    order = OrderFacts(
        client_order_id=approval.client_order_id,
        instrument_id=approval.instrument_id,
        side=approval.side,
        quantity=approval.quantity,
        order_kind=OrderKind.MARKET,
        limit_price=None,
        reduce_only=False,
    )
    values: dict[str, Any] = {"used": False, "halted": False, "quote": quote(approval.symbol, "10"), "now_ns": NOW}
    verdict = judge_order(order, approval, limits=limits(), hours=hours, **values | changes)
    return verdict.code, [asked.control for asked in verdict.verdicts if asked.control in ("MARKET_CLOSED", "NO_HOURS")]


@pytest.mark.parametrize(
    ("hours", "code", "asked"),
    [
        (None, "", []),
        (OPEN, "", ["MARKET_CLOSED"]),
        (CLOSED, "MARKET_CLOSED", ["MARKET_CLOSED"]),
        (UNKNOWN, "NO_HOURS", ["NO_HOURS"]),
        (STRANGE, "NO_HOURS", ["NO_HOURS"]),
    ],
    ids=["not judged", "open", "closed", "not known", "a state nobody knows"],
)
def test_an_order_leaves_only_while_its_market_is_open(hours: MarketHours | None, code: str, asked: list[str]) -> None:
    assert at_the_gate(hours) == (code, asked)


def test_a_halt_is_named_before_a_closed_market() -> None:
    assert at_the_gate(CLOSED, halted=True)[0] == "HALT"


@pytest.mark.parametrize(("hours", "seen"), [(OPEN, "XMAD is open until 20:00"), (STRANGE, "auction")])
def test_words_are_the_detail_or_else_the_state(hours: MarketHours, seen: str) -> None:
    (verdict,) = order_hours(hours)
    assert verdict.observed == seen
