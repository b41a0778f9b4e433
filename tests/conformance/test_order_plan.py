"""The plan of a single order: exactly what was asked or nothing, with the rest of the book beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.book import Book
from orders.errors import InputError
from orders.plan import Held, Plan, PlanInputs, Reason, plan_document, plan_sha256
from orders.values import AccountKind, MarketHours, OrderKind, Side
from strategies.order_plan import SingleOrder, plan_order
from tests.planner.world import D, fees, inputs, line_of, open_order, policy

A, B = "NYSE:A", "NYSE:B"
PRICES = {A: ("99", "101"), B: ("49", "51")}


def order(side: str, quantity: str, *, limit: str | None = None, symbol: str = A) -> SingleOrder:
    return SingleOrder(
        symbol=symbol,
        side=Side(side),
        quantity=D(quantity),
        order_kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
        limit_price=None if limit is None else D(limit),
    )


def world(**changes: Any) -> PlanInputs:
    return inputs({}, **({"prices": PRICES, "cash": "1000", "held": {B: "4"}} | changes))


def made(asked: SingleOrder, **changes: Any) -> Plan:
    plan = plan_order(world(**changes), asked)
    assert isinstance(plan, Plan), plan
    return plan


def test_the_line_asks_for_exactly_the_order_and_the_rest_is_kept() -> None:
    plan = made(order("BUY", "3"))
    line = line_of(plan, A)
    assert (line.trades, line.side, line.quantity, line.limit_price) == (True, Side.BUY, D(3), None)
    assert line_of(plan, B).reason is Reason.KEPT
    assert [line.symbol for line in plan.lines if line.trades] == [A]


def test_exposures_are_of_the_whole_book_with_the_order_filled_at_mid() -> None:
    plan = made(order("BUY", "3"))
    assert plan.equity_base == D(1_200)
    assert (plan.gross_before, plan.gross_after) == (D("0.166666666667"), D("0.416666666667"))
    assert plan.turnover == D("0.25")
    assert plan.tracking_error_bps == 0


def test_a_limit_order_is_valued_at_its_limit_price_which_is_in_the_hash() -> None:
    plan = made(order("BUY", "3", limit="90"))
    line = line_of(plan, A)
    assert (line.order_kind, line.limit_price, line.notional_base) == (OrderKind.LIMIT, D(90), D(270))
    assert plan_document(plan)["lines"][0]["limit_price"] == "90"
    assert plan_sha256(plan) != plan_sha256(made(order("BUY", "3", limit="91")))


@pytest.mark.parametrize(
    ("asked", "changes", "reason"),
    [
        pytest.param(order("BUY", "1.5"), {}, Reason.OFF_STEP, id="half a share"),
        pytest.param(order("BUY", "1", limit="99.999"), {}, Reason.OFF_TICK, id="limit between ticks"),
        pytest.param(
            order("BUY", "1"), {"symbol_limits": {A: {"min_notional": D("101.01")}}}, Reason.BELOW_FLOOR, id="one cent short"
        ),
        pytest.param(
            order("BUY", "1", limit="98"), {"symbol_limits": {A: {"min_notional": D(99)}}}, Reason.BELOW_FLOOR, id="limit too low"
        ),
        pytest.param(
            order("BUY", "1"), {"symbol_limits": {A: {"min_quantity": D(2)}}}, Reason.BELOW_FLOOR, id="below the least quantity"
        ),
        pytest.param(
            order("BUY", "3"), {"symbol_limits": {A: {"max_quantity": D(2)}}}, Reason.ABOVE_MAX_QUANTITY, id="above the most"
        ),
        pytest.param(order("BUY", "10"), {}, Reason.NO_CASH, id="costs 1010 of 1000"),
        pytest.param(order("BUY", "9"), {"fees": {"US": fees("0.11")}}, Reason.NO_CASH, id="the fee is not covered"),
        pytest.param(
            order("BUY", "9"), {"policy": policy(cash_buffer_fraction=D("0.1"))}, Reason.NO_CASH, id="the buffer is not spent"
        ),
        pytest.param(order("SELL", "5", symbol=B), {}, Reason.REFUSED_SHORT, id="sells 5 of 4"),
        pytest.param(order("SELL", "1"), {}, Reason.REFUSED_SHORT, id="sells what is not held"),
        pytest.param(order("BUY", "1", symbol="NYSE:ZZZ"), {}, Reason.NOT_LISTED, id="not in the symbol map"),
        pytest.param(
            order("BUY", "1"), {"open_orders": (open_order(A, Side.BUY, "1"),)}, Reason.IN_FLIGHT, id="an order works already"
        ),
        pytest.param(order("BUY", "1"), {"accounts": {}, "held": {}}, Reason.NOT_LISTED, id="no account at the venue"),
        pytest.param(order("BUY", "1"), {"prices": {B: ("49", "51")}}, Reason.NOT_LISTED, id="nothing is known of it"),
        pytest.param(
            order("BUY", "1"),
            {"hours": {A: MarketHours(state="closed", detail=""), B: MarketHours(state="open", detail="")}},
            Reason.MARKET_CLOSED,
            id="its market is closed",
        ),
        pytest.param(order("BUY", "1"), {"hours": {}}, Reason.NO_HOURS, id="its hours are not known"),
    ],
)
def test_what_cannot_go_as_asked_does_not_go(asked: SingleOrder, changes: dict[str, Any], reason: Reason) -> None:
    plan = made(asked, **changes)
    line = line_of(plan, asked.symbol)
    assert (line.reason, line.quantity, line.side) == (reason, 0, None)
    assert plan.gross_after == plan.gross_before
    assert plan.turnover == 0


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(order("BUY", "9"), id="all the cash but a rest"),
        pytest.param(order("BUY", "10", limit="100"), id="a limit that the cash just covers"),
        pytest.param(order("SELL", "4", symbol=B), id="all that is held"),
    ],
)
def test_what_is_just_covered_goes(asked: SingleOrder) -> None:
    assert line_of(made(asked), asked.symbol).quantity == asked.quantity


def test_a_margin_account_may_sell_what_it_does_not_hold() -> None:
    plan = made(order("SELL", "3"), account=AccountKind.MARGIN)
    assert line_of(plan, A).quantity == 3
    assert plan.net_after < plan.net_before


def test_a_book_that_cannot_be_valued_holds() -> None:
    plan = plan_order(world(prices={A: PRICES[A]}), order("BUY", "1"))
    assert isinstance(plan, Held)
    assert plan.code == "NO_MARK"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param(order("BUY", "0"), "QUANTITY_INVALID", id="nothing"),
        pytest.param(order("BUY", "Infinity"), "QUANTITY_INVALID", id="infinite"),
        pytest.param(order("BUY", "1e29"), "QUANTITY_INVALID", id="more digits than the log keeps"),
        pytest.param(order("BUY", "1", limit="NaN"), "PRICE_INVALID", id="no number as a limit"),
        pytest.param(order("BUY", "1", symbol="A\nB"), "SYMBOL_INVALID", id="a line break in the symbol"),
        pytest.param(
            SingleOrder(symbol=A, side=Side.BUY, quantity=D(1), order_kind=OrderKind.MARKET, limit_price=D(1)),
            "PRICE_INVALID",
            id="a market order with a limit",
        ),
        pytest.param(
            SingleOrder(symbol=A, side=Side.BUY, quantity=D(1), order_kind=OrderKind.LIMIT, limit_price=None),
            "PRICE_INVALID",
            id="a limit order without one",
        ),
    ],
)
def test_a_request_that_cannot_be_written_down_is_an_error(asked: SingleOrder, code: str) -> None:
    with pytest.raises(InputError, match=code):
        plan_order(world(), asked)


@given(
    quantity=st.decimals(min_value="0.001", max_value="10000", places=3),
    side=st.sampled_from(list(Side)),
    cash=st.integers(min_value=1, max_value=100_000),
    held=st.integers(min_value=0, max_value=100),
)
def test_an_order_goes_whole_or_not_at_all_and_never_overdraws(quantity: Decimal, side: Side, cash: int, held: int) -> None:
    asked = SingleOrder(symbol=A, side=side, quantity=quantity, order_kind=OrderKind.MARKET, limit_price=None)
    book = Book(cash={"US": {"USD": D(cash)}}, positions={A: D(held)} if held else {})
    line = line_of(made(asked, held={}, book=book), A)
    assert line.quantity in (0, quantity)
    if line.trades and side is Side.BUY:
        assert line.notional_base + line.fee_base <= cash
    if line.trades and side is Side.SELL:
        assert quantity <= held
