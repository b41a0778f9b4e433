"""Control 11: what crosses an own resting order is denied, one tick away from it passes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.plan import Outcome
from orders.values import OrderKind, Side
from sentinel.order_check import OrderFacts
from sentinel.self_match import SELF_MATCH, OwnOrders

WHERE = "BTCUSDT.BINANCE"


def order(side: Side, price: str | int | None, *, name: str = "asked", where: str = WHERE) -> OrderFacts:
    return OrderFacts(
        client_order_id=name, instrument_id=where, side=side, quantity=Decimal(2),
        order_kind=OrderKind.MARKET if price is None else OrderKind.LIMIT, limit_price=None if price is None else Decimal(price),
        reduce_only=False, spawned_from=None,
    )  # fmt: skip


def resting(side: Side, *prices: str) -> OwnOrders:
    own = OwnOrders()
    for number, price in enumerate(prices):
        own.passed(order(side, price, name=f"order{number}"), left=Decimal(2))
    return own


def denied(own: OwnOrders, asked: OrderFacts) -> bool:
    (verdict,) = own.ask(asked)
    return verdict.outcome is Outcome.DENY


@pytest.mark.parametrize(
    ("side", "price", "denies"),
    [
        (Side.BUY, "100.1", True), (Side.BUY, "100.0", True), (Side.BUY, "99.9", False), (Side.BUY, None, True),
        (Side.SELL, "99.9", True), (Side.SELL, "100.0", True), (Side.SELL, "100.1", False), (Side.SELL, None, True),
    ],
    ids=[
        "a buy through our sell", "a buy at our sell", "a buy a tick below", "a buy at any price",
        "a sell through our buy", "a sell at our buy", "a sell a tick above", "a sell at any price",
    ],
)  # fmt: skip
def test_what_could_meet_our_own_order_is_denied(side: Side, price: str | None, denies: bool) -> None:
    own = resting(Side.SELL if side is Side.BUY else Side.BUY, "100.0")
    (found,) = own.ask(order(side, price))
    assert (found.control, found.outcome) == (SELF_MATCH, Outcome.DENY if denies else Outcome.ALLOW)


def test_the_same_side_another_instrument_and_an_ended_order_deny_nothing() -> None:
    own = resting(Side.SELL, "100", "101")
    assert not denied(own, order(Side.SELL, 1))
    assert not denied(own, order(Side.BUY, None, where="ETHUSDT.BINANCE"))
    own.ended("order0")
    assert not denied(own, order(Side.BUY, "100.5"))
    assert denied(own, order(Side.BUY, 101))
    own.ended("order1")
    own.ended("order1")
    assert not denied(own, order(Side.BUY, None))


def test_an_order_that_is_filled_whole_denies_nothing_more() -> None:
    own = resting(Side.SELL, "100")
    own.filled("order0", Decimal("1.5"))
    assert denied(own, order(Side.BUY, None))
    own.filled("order0", Decimal("0.5"))
    own.filled("order0", Decimal("0.5"))
    assert not denied(own, order(Side.BUY, None))


@given(asked=st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 20), st.booleans()), max_size=40))
def test_whatever_passes_in_whatever_order_no_two_of_ours_cross(asked: list[tuple[Side, int, bool]]) -> None:
    own, living = OwnOrders(), dict[str, tuple[Side, int]]()
    for number, (side, price, end_one) in enumerate(asked):
        if end_one and living:
            gone = next(iter(living))
            own.ended(gone)
            del living[gone]
        if not denied(own, order(side, price)):
            own.passed(order(side, price, name=str(number)), left=Decimal(1))
            living[str(number)] = (side, price)
        buys = [p for s, p in living.values() if s is Side.BUY]
        sells = [p for s, p in living.values() if s is Side.SELL]
        assert not buys or not sells or max(buys) < min(sells)
