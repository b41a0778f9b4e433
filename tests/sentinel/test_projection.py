"""The projected book: open orders at their worst case, only the lines that are left."""

from __future__ import annotations

import pytest

from orders.plan import Decision
from orders.valuation import OpenExposure
from sentinel.facts import project
from tests.planner.world import D
from tests.sentinel.cases import BUY, SELL, facts, judged, made_plan


@pytest.mark.parametrize(
    ("buys", "sells", "gross_before", "gross_after", "net_after"),
    [
        ("0", "0", "400", "600", "600"),
        ("100", "0", "500", "700", "700"),
        ("0", "300", "400", "600", "600"),
        ("0", "900", "500", "1100", "600"),
        ("100", "900", "500", "1100", "700"),
    ],
    ids=["none", "a buy adds", "a sell may not fill", "a sell through zero", "both sides"],
)
def test_an_open_order_on_a_traded_symbol_counts_at_its_worst(
    buys: str, sells: str, gross_before: str, gross_after: str, net_after: str
) -> None:
    plan = made_plan()
    opens = {SELL: OpenExposure(buy_base=D(buys), sell_base=D(sells))}
    book = project(plan, plan.lines, facts=facts(open_exposure=opens))
    assert book is not None
    assert (book.gross_before, book.gross_after, book.net_after) == (D(gross_before), D(gross_after), D(net_after))


def test_an_open_order_on_a_symbol_outside_the_plan_counts_too() -> None:
    plan = made_plan()
    opens = {"NYSE:X": OpenExposure(buy_base=D("100"), sell_base=D("30"))}
    book = project(plan, plan.lines, facts=facts(open_exposure=opens))
    assert book is not None
    assert (book.gross_before, book.gross_after, book.net_before, book.net_after) == (D("500"), D("700"), D("500"), D("700"))
    assert (book.squares_before, book.squares_after) == (D("170000"), D("210000"))


def test_lines_that_are_left_out_do_not_move_the_book() -> None:
    plan = made_plan()
    book = project(plan, [line for line in plan.lines if line.symbol == BUY], facts=facts())
    assert book is not None
    assert (book.gross_before, book.gross_after, book.traded) == (D("400"), D("800"), D("400"))
    assert book.assets == ((2, BUY, D("0"), D("400")),)


def test_a_swap_that_leaves_gross_and_concentration_equal_is_no_growth() -> None:
    plan = made_plan(targets={BUY: "0.4", SELL: "0"})
    swap = {"weights": {BUY: D("0.4"), SELL: D("0")}}
    assert judged(plan, f=swap, lim={"max_leverage": D("0.1"), "hhi_max": D("0.1")}).decision is Decision.PLAN


def test_what_needs_an_override_says_how_to_ask_for_one() -> None:
    judgement = judged(f={"regime_name": "CRISIS"})
    assert judgement.code == "REGIME_PARITY"
    assert "CRISIS, gross 0.4 -> 0.6, net 0.4 -> 0.6 of equity" in judgement.message
    assert judgement.message.endswith("It would need a person's signed override: `sluice override request`.")
