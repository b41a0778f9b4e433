"""Orders that still work: waited for, counted as filled, or cancelled first; never one of ours against one of ours."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import InFlight, OpenOrder, PlanInputs, Reason, UnnamedPositions
from orders.values import AccountKind, Side
from tests.planner.world import D, inputs, open_order, planned, policy

A = "NYSE:AAA"
TEN = {A: ("10", "10")}
BUY, SELL = Side.BUY, Side.SELL


def works(*orders: tuple[Side, str]) -> tuple[OpenOrder, ...]:
    return tuple(open_order(A, side, leaves, order_id=str(number) * 32) for number, (side, leaves) in enumerate(orders, 1))


def world(mode: InFlight, target: str | None, held: str, *orders: tuple[Side, str], **changes: Any) -> PlanInputs:
    values: dict[str, Any] = {
        "prices": TEN,
        "cash": str(1000 - 10 * D(held)),
        "held": {A: held},
        "policy": policy(in_flight=mode),
        "open_orders": works(*orders),
    }
    return inputs({} if target is None else {A: target}, **(values | changes))


@pytest.mark.parametrize(
    ("target", "held", "orders", "reason", "side", "quantity"),
    [
        ("0.5", "10", [(BUY, "15")], Reason.TRADE, BUY, "25"),
        ("0.5", "10", [(BUY, "15"), (BUY, "5")], Reason.TRADE, BUY, "20"),
        ("0.5", "10", [(BUY, "40")], Reason.IN_FLIGHT, None, "0"),
        ("0.5", "10", [(BUY, "60")], Reason.IN_FLIGHT, None, "0"),
        ("0.5", "10", [(SELL, "5")], Reason.IN_FLIGHT, None, "0"),
        ("0.5", "10", [(BUY, "10"), (SELL, "5")], Reason.IN_FLIGHT, None, "0"),
        ("0.1", "50", [(SELL, "15")], Reason.TRADE, SELL, "25"),
        ("0", "50", [(SELL, "15")], Reason.TRADE, SELL, "35"),
        ("0", "0", [(BUY, "15")], Reason.IN_FLIGHT, None, "0"),
        (None, "10", [(SELL, "4")], Reason.TRADE, SELL, "6"),
        (None, "10", [(SELL, "10")], Reason.IN_FLIGHT, None, "0"),
    ],
    ids=[
        "buys the rest",
        "several orders on one side",
        "they lead to the target",
        "they lead past it",
        "they work the other way",
        "on both sides",
        "sells the rest",
        "closes the rest",
        "never sells what is only on its way",
        "closes the rest of what nobody names",
        "nothing left to close",
    ],
)
def test_net_trades_what_open_orders_on_the_same_side_leave(
    target: str | None, held: str, orders: list[tuple[Side, str]], reason: Reason, side: Side | None, quantity: str
) -> None:
    (line,) = planned(world(InFlight.NET, target, held, *orders)).lines
    assert (line.reason, line.side, line.quantity) == (reason, side, D(quantity))
    assert f"open as {'1' * 32}" in line.detail


def test_what_is_netted_counts_as_filled_in_what_comes_after() -> None:
    made = planned(world(InFlight.NET, "0.5", "10", (BUY, "15")))
    assert (made.gross_after, made.tracking_error_bps, made.turnover) == (D("0.5"), D("0"), D("0.25"))


def test_an_open_buy_that_is_netted_keeps_its_cash() -> None:
    made = planned(world(InFlight.NET, "0.9", "10", (BUY, "15"), policy=policy(in_flight=InFlight.NET)))
    assert made.lines[0].quantity == D("65")  # 900 in hand, 150 of it promised
    made = planned(
        world(InFlight.NET, "0.9", "10", (BUY, "15"), policy=policy(in_flight=InFlight.NET, cash_buffer_fraction=D("0.23")))
    )
    assert (made.lines[0].reason, made.lines[0].quantity) == (Reason.SCALED_TO_CASH, D("52"))


@pytest.mark.parametrize(
    ("target", "held", "orders", "reason", "cancelled"),
    [
        ("0.5", "10", [(BUY, "15")], Reason.REPLACE, 1),
        ("0.5", "10", [(BUY, "60")], Reason.REPLACE, 1),
        ("0.5", "10", [(SELL, "5"), (BUY, "1")], Reason.REPLACE, 2),
        ("0.5", "10", [(BUY, "40")], Reason.IN_FLIGHT, 0),
        ("0", "0", [(BUY, "15")], Reason.REPLACE, 1),
        (None, "0", [(BUY, "15")], Reason.REPLACE, 1),
        ("-0.5", "10", [(SELL, "5")], Reason.REFUSED_SHORT, 0),
    ],
    ids=[
        "they stop short",
        "they lead past",
        "they work both ways",
        "they lead to the target",
        "nobody wants it any more",
        "nobody names it any more",
        "what could not trade cancels nothing",
    ],
)
def test_replace_cancels_what_does_not_lead_to_the_target(
    target: str | None, held: str, orders: list[tuple[Side, str]], reason: Reason, cancelled: int
) -> None:
    made = planned(world(InFlight.REPLACE, target, held, *orders))
    assert (made.lines[0].reason, made.lines[0].quantity) == (reason, D("0"))
    assert made.cancels == tuple(str(number) * 32 for number in range(1, cancelled + 1))


def test_a_rest_below_the_floor_cancels_nothing() -> None:
    made = planned(world(InFlight.REPLACE, "0.5", "10", (BUY, "39"), symbol_limits={A: {"min_quantity": D("2")}}))
    assert (made.lines[0].reason, made.cancels) == (Reason.IN_FLIGHT, ())


def test_wait_is_the_default_and_cancels_nothing() -> None:
    made = planned(world(InFlight.WAIT, "0.5", "10", (BUY, "15")))
    assert (made.lines[0].reason, made.cancels) == (Reason.IN_FLIGHT, ())
    assert policy().in_flight is InFlight.WAIT


@pytest.mark.parametrize("mode", list(InFlight))
def test_what_is_kept_is_left_to_its_orders(mode: InFlight) -> None:
    keep = policy(in_flight=mode, unnamed_positions=UnnamedPositions.KEEP)
    made = planned(world(mode, None, "10", (SELL, "5"), policy=keep))
    assert (made.lines[0].reason, made.cancels) == (Reason.IN_FLIGHT, ())


def test_a_flip_waits_for_what_works() -> None:
    made = planned(world(InFlight.NET, "-0.5", "10", (SELL, "5"), account=AccountKind.MARGIN))
    assert made.lines[0].reason is Reason.IN_FLIGHT


def test_cancels_are_in_one_order_whatever_that_of_the_orders() -> None:
    made = world(InFlight.REPLACE, "0.5", "10", (BUY, "1"), (BUY, "2"), (BUY, "3"))
    turned = world(InFlight.REPLACE, "0.5", "10", open_orders=made.open_orders[::-1])
    assert planned(made) == planned(turned)
