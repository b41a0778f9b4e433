"""The projected book against sums made plainly, symbol by symbol; and what makes a book that cannot be valued."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.exact import exact_operators
from orders.plan import Plan, PlanLine
from orders.valuation import OpenExposure
from orders.values import OrderKind, Side
from sentinel.facts import Projection, RecentApproval, far_touch, order_price, order_value_base, project, reduces
from tests.planner.world import NOW, D
from tests.sentinel.cases import BUY, SELL, changed, facts, judged, made_plan
from tests.sentinel.gate_stand import limited

SELLING, BUYING = made_plan().lines
SYMBOLS = ("X:A", "X:B", "X:C", "X:D")
AMOUNTS = st.integers(0, 50).map(Decimal)


def plan_of(*lines: PlanLine, **changes: Any) -> Plan:
    return changed(made_plan(), lines=lines, **changes)


@st.composite
def lines(draw: st.DrawFn) -> tuple[PlanLine, ...]:
    chosen = draw(st.lists(st.sampled_from(SYMBOLS), unique=True, min_size=1))
    return tuple(
        changed(
            BUYING, line=number, symbol=symbol, side=draw(st.sampled_from(list(Side))),
            quantity=draw(st.integers(1, 60).map(Decimal)),
            held_quantity=draw(st.integers(-50, 50).map(Decimal)), bid=D("7"), ask=draw(st.sampled_from((D("7"), D("9")))),
            unit_value_base=draw(st.sampled_from((D("1"), D("0.5"), D("3")))),
        )
        for number, symbol in enumerate(chosen, start=1)
    )  # fmt: skip


OPEN = st.dictionaries(st.sampled_from((*SYMBOLS, "X:E")), st.builds(OpenExposure, buy_base=AMOUNTS, sell_base=AMOUNTS))


@given(made=lines(), opens=OPEN, data=st.data())
def test_every_sum_of_the_book_is_what_a_plain_count_makes_of_it(
    made: Any, opens: dict[str, OpenExposure], data: st.DataObject
) -> None:
    left = [one for one in made if data.draw(st.booleans(), label=f"line {one.line} is left")]
    book = project(plan_of(*made), left, facts=facts(open_exposure=opens))
    assert book is not None
    none = OpenExposure(buy_base=D("0"), sell_base=D("0"))
    by_symbol = {one.symbol: one for one in made}
    rows = []
    for symbol in by_symbol.keys() | opens.keys():
        line, work = by_symbol.get(symbol), opens.get(symbol, none)
        mid = (line.bid + line.ask) / 2 * line.unit_value_base if line else D("0")
        before = line.held_quantity * mid if line else D("0")
        moved = line.quantity * mid * line.side.sign if line in left else D("0")
        low, high = sorted((before, before + moved))[:: 1 if moved >= 0 else -1]
        rows.append((low, high, work.buy_base, work.sell_base, abs(moved)))
    for place, name in ((0, "before"), (1, "after")):
        ends = [(row[place] + row[2], row[place] - row[3]) for row in rows]
        worst = [max(abs(up), abs(down)) for up, down in ends]
        assert getattr(book, f"gross_{name}") == sum(worst)
        assert getattr(book, f"squares_{name}") == sum(one * one for one in worst)
        assert getattr(book, f"net_{name}") == sum(up for up, _ in ends)
        assert getattr(book, f"net_worst_{name}") == max(sum(up for up, _ in ends), -sum(down for _, down in ends), 0)
    assert book.traded == sum(row[4] for row in rows)
    assert book.opens is any(not reduces(one) for one in left)
    assert [(number, symbol) for number, symbol, _, _ in book.assets] == [(one.line, one.symbol) for one in left]


def whole(*made: PlanLine, left: tuple[PlanLine, ...] | None = None, opens: Any = None, **changes: Any) -> Projection | None:
    with exact_operators():
        return project(plan_of(*made, **changes), made if left is None else left, facts=facts(open_exposure=opens or {}))


HOLDING = changed(SELLING, side=None, quantity=D("0"))  # 40 held, nothing traded


@pytest.mark.parametrize("name", ["bid", "ask", "unit_value_base"])
@pytest.mark.parametrize(("line", "left"), [(BUYING, True), (HOLDING, False), (SELLING, True)], ids=["bought", "held", "sold"])
def test_a_book_with_a_line_that_has_no_value_has_none(name: str, line: PlanLine, left: bool) -> None:
    assert whole(changed(line, **{name: None}), left=None if left else ()) is None


def test_a_line_that_is_neither_held_nor_traded_needs_no_price() -> None:
    book = whole(changed(BUYING, bid=None, ask=None, unit_value_base=None), SELLING, left=(SELLING,))
    assert book is not None
    assert (book.gross_before, book.gross_after) == (D("400"), D("200"))


@pytest.mark.parametrize("equity", ["0", "-1", "NaN", "Infinity"])
def test_a_book_without_equity_has_no_value(equity: str) -> None:
    assert whole(BUYING, equity_base=D(equity)) is None


def test_a_book_of_half_a_unit_of_equity_has_a_value() -> None:
    book = whole(BUYING, equity_base=D("0.5"))
    assert book is not None
    assert book.equity == D("0.5")


@pytest.mark.parametrize("wrong", [{"quantity": D("NaN")}, {"quantity": D("Infinity")}, {"held_quantity": D("NaN")}])
def test_a_book_with_a_quantity_that_is_no_number_has_no_value(wrong: dict[str, Decimal]) -> None:
    assert whole(changed(SELLING, **wrong)) is None


@pytest.mark.parametrize("symbol", [BUY, "NYSE:ELSEWHERE"])
@pytest.mark.parametrize("side", ["buy_base", "sell_base"])
@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01"])
def test_open_orders_whose_worth_is_not_known_leave_no_book(symbol: str, side: str, amount: str) -> None:
    exposure = changed(OpenExposure(buy_base=D("0"), sell_base=D("0")), **{side: D(amount)})
    assert whole(BUYING, opens={symbol: exposure}) is None


def test_a_second_line_of_a_symbol_that_was_denied_counts_once_and_ends_nothing() -> None:
    second = changed(SELLING, line=2, quantity=D("5"))
    book = whole(SELLING, second, changed(BUYING, line=3), left=(SELLING, changed(BUYING, line=3)))
    assert book is not None
    assert (book.gross_before, book.gross_after, book.traded) == (D("400"), D("600"), D("600"))
    assert [number for number, *_ in book.assets] == [1, 3]


def test_both_legs_of_a_flip_are_counted() -> None:
    opening = changed(SELLING, line=2, held_quantity=D("0"), quantity=D("5"), after_line=1)
    book = whole(changed(SELLING, quantity=D("40")), opening)
    assert book is not None
    assert (book.gross_before, book.gross_after, book.net_after, book.traded) == (D("400"), D("50"), D("-50"), D("450"))
    assert book.opens


def test_a_line_made_smaller_by_a_cap_counts_as_small_as_it_is() -> None:
    book = whole(BUYING, left=(changed(BUYING, quantity=D("15")),))
    assert book is not None
    assert (book.gross_after, book.traded) == (D("150"), D("150"))


@pytest.mark.parametrize(
    ("side", "held", "units", "expected"),
    [
        (Side.SELL, "10", "10", True), (Side.SELL, "10", "10.1", False), (Side.SELL, "-10", "1", False),
        (Side.BUY, "-10", "10", True), (Side.BUY, "-10", "10.1", False), (Side.BUY, "10", "1", False),
        (Side.BUY, "0", "0", False),
        (Side.SELL, "0.5", "0.5", True), (Side.BUY, "-0.5", "0.1", True), (Side.SELL, "NaN", "1", False),
        (Side.SELL, "10", "NaN", False), (Side.SELL, "Infinity", "1", False), (None, "10", "1", False),
        (Side.SELL, "10", "-Infinity", False),
    ],
)  # fmt: skip
def test_a_line_reduces_only_toward_zero_and_not_past_it(side: Side | None, held: str, units: str, expected: bool) -> None:
    assert reduces(changed(BUYING, side=side, held_quantity=D(held), quantity=D(units))) is expected


@pytest.mark.parametrize(
    ("line", "touch", "price"),
    [
        (changed(BUYING, bid=D("9"), ask=D("11")), "11", "11"),
        (changed(BUYING, bid=D("9"), ask=D("11"), side=Side.SELL), "9", "9"),
        (changed(limited(BUYING, "10"), bid=D("9"), ask=D("11")), "11", "10"),
        (changed(limited(BUYING, "0.5"), ask=D("0.25")), "0.25", "0.5"),
        (changed(limited(BUYING, "10"), ask=None), None, None),
        (limited(BUYING, "0"), "10", None),
        (limited(BUYING, "NaN"), "10", None),
        (limited(BUYING, "Infinity"), "10", None),
        (changed(limited(BUYING, "10"), limit_price=None), "10", None),
        (changed(BUYING, limit_price=D("10")), "10", None),
        (changed(BUYING, ask=D("0")), None, None),
        (changed(BUYING, ask=D("-1")), None, None),
        (changed(BUYING, ask=D("NaN")), None, None),
        (changed(BUYING, ask=D("Infinity")), None, None),
    ],
)  # fmt: skip
def test_a_line_is_judged_at_its_far_touch_or_its_limit(line: PlanLine, touch: str | None, price: str | None) -> None:
    assert far_touch(line) == (None if touch is None else D(touch))
    assert order_price(line) == (None if price is None else D(price))


def test_a_quantity_that_is_an_amount_has_its_value_without_the_price() -> None:
    whole = {"price": D("7"), "unit_value_base": D("3")}
    assert order_value_base(D("2"), **whole, quoted=True) == D("6")
    assert order_value_base(D("2"), **whole, quoted=False) == D("42")


@pytest.mark.parametrize(("limit_price", "price"), [(None, "10"), ("9.5", "9.5")])
def test_what_is_remembered_of_an_approval_is_the_price_it_was_judged_at(limit_price: str | None, price: str) -> None:
    _, approval = judged().approvals
    if limit_price is not None:
        approval = changed(approval, order_kind=OrderKind.LIMIT, limit_price=D(limit_price))
    recent = RecentApproval.of(approval, approved_ns=NOW)
    assert (recent.price, recent.approved_ns, recent.quantity, recent.symbol) == (D(price), NOW, D("40"), BUY)


def test_a_plan_opens_where_its_first_line_does_and_its_last_one_does_not() -> None:
    book = whole(changed(BUYING, line=1), changed(SELLING, line=2, symbol=SELL))
    assert book is not None
    assert book.opens
