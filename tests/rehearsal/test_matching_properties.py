"""What holds at the rehearsal exchange whatever is sent to it: nothing is made or lost, nobody over-filled, priority kept."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orders.values import Side
from sim.rehearsal.exchange import Exchange
from sim.rehearsal.store import Store
from sim.rehearsal.values import Asked, Refusal
from tests.rehearsal.pure import PAIR, made

HALVES = st.integers(190, 210).map(lambda ticks: Decimal(ticks) / 2)
TENTHS = st.integers(1, 60).map(lambda steps: Decimal(steps) / 10)
SIZES = st.integers(0, 60).map(lambda steps: Decimal(steps) / 10)
MODES = st.sampled_from(["NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"])
ACCOUNTS = st.sampled_from(["one", "two"])


@st.composite
def orders(draw: st.DrawFn) -> Asked:
    kind = draw(st.sampled_from(["LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET"]))
    by_quote = kind == "MARKET" and draw(st.booleans())
    return Asked(
        account=draw(ACCOUNTS),
        symbol=PAIR.name,
        side=draw(st.sampled_from(Side)),
        kind=kind,
        time_in_force=draw(st.sampled_from(["GTC", "GTC", "IOC", "FOK"])) if kind == "LIMIT" else "GTC",
        quantity=None if by_quote else draw(TENTHS),
        quote_quantity=draw(st.integers(500, 60_000).map(lambda cents: Decimal(cents) / 100)) if by_quote else None,
        price=None if kind == "MARKET" else draw(HALVES),
        client_id=f"c{draw(st.integers(0, 10**9))}",
        self_trade=draw(MODES),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[str, dict[Decimal, Decimal], dict[Decimal, Decimal]]:
    prices = sorted(draw(st.sets(HALVES, max_size=6)))
    middle = draw(st.integers(0, len(prices)))
    sizes = draw(st.lists(TENTHS, min_size=len(prices), max_size=len(prices)))
    sized = dict(zip(prices, sizes, strict=True))
    return "book", {p: sized[p] for p in prices[:middle]}, {p: sized[p] for p in prices[middle:]}


STEPS = st.one_of(
    orders(),
    books(),
    st.tuples(st.just("trade"), HALVES, TENTHS, st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("balance"), ACCOUNTS, st.sampled_from(["AAA", "BBB"]), st.integers(0, 3_000).map(Decimal)),
)


def do(exchange: Exchange, step: Any, *, now_ms: int) -> list[Any]:
    """Do a step; return its events."""
    if isinstance(step, Asked):
        done = exchange.place(step, now_ms=now_ms)
        return [] if isinstance(done, Refusal) else done[1]
    match step:
        case "book", bids, asks:
            return exchange.set_book(PAIR.name, bids=bids, asks=asks, now_ms=now_ms)
        case "trade", price, quantity, maker:
            return exchange.trade_at(PAIR.name, price=price, quantity=quantity, buyer_is_maker=maker, now_ms=now_ms)
        case "cancel", number:
            ids = sorted(exchange.state.orders)
            if not ids:
                return []
            done = exchange.cancel(ids[number % len(ids)], cancel_id="x", now_ms=now_ms)
            return [] if isinstance(done, Refusal) else done[1]
        case "balance", account, asset, free:
            return exchange.set_balance(account, asset, free=free)
    raise AssertionError(step)


def check(exchange: Exchange) -> None:
    """Hold the exchange's state against itself."""
    state, book = exchange.state, exchange.books[PAIR.name]
    locked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order in state.orders.values():
        trades = state.trades_for(order.order_id)
        assert order.executed == sum(trade.quantity for trade in trades) <= order.quantity
        assert order.turnover == sum(trade.turnover for trade in trades)
        assert (order.status == "FILLED") == (
            order.executed == order.quantity and not (order.kind == "MARKET" and not order.quantity)
        )
        assert all(trade.price * order.side.sign <= order.price * order.side.sign for trade in trades) or order.kind == "MARKET"
        if order.is_open:
            assert book.resting[order.order_id].leaves == order.leaves > 0
            locked[order.account, "BBB" if order.side is Side.BUY else "AAA"] += order.locked
        else:
            assert order.order_id not in book.resting
            assert order.locked == 0
    for asset in ("AAA", "BBB"):
        assert state.balances.total(asset) == 0
        for account in ("one", "two"):
            assert state.balances.locked(account, asset) == locked[account, asset]
            assert state.balances.free(account, asset) >= 0
    bids, asks = book.shown(Side.BUY), book.shown(Side.SELL)
    assert not bids or not asks or max(bids) < min(asks)
    assert min([*bids.values(), *asks.values(), Decimal(1)]) > 0
    ids = [trade.trade_id for trade in state.trades[PAIR.name]]
    assert ids == sorted(ids)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=40))
def test_nothing_is_made_or_lost_and_nobody_is_over_filled(steps):
    exchange = made(funds="1000")
    for number, step in enumerate(steps):
        do(exchange, step, now_ms=number)
        check(exchange)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=30), orders())
def test_who_takes_takes_the_best_price_and_the_oldest_order_first(steps, last):
    exchange = made(funds="100000")
    for number, step in enumerate(steps):
        do(exchange, step, now_ms=number)
    resting = {order.order_id: order for order in exchange.state.orders.values() if order.is_open and order.side is not last.side}
    done = exchange.place(last, now_ms=99)
    if isinstance(done, Refusal):
        return
    takes = exchange.state.trades_for(done[0].order_id)
    sign = last.side.sign
    assert [trade.price * sign for trade in takes] == sorted(trade.price * sign for trade in takes)
    makers = [trade for trade in exchange.state.trades[PAIR.name] if trade.order_id in resting and trade.ms == 99]
    assert makers == sorted(makers, key=lambda trade: (trade.price * sign, trade.order_id))
    for trade in takes:
        passed_over = [
            order
            for order in resting.values()
            if order.price * sign < trade.price * sign and exchange.state.orders[order.order_id].is_open
        ]
        assert passed_over == []


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=25), st.lists(STEPS, max_size=10))
def test_an_exchange_that_begins_again_from_its_memory_is_the_same_exchange(tmp_path_factory, steps, more):
    path: Path = tmp_path_factory.mktemp("state") / "venue.sqlite"
    exchange, store = made(funds="1000"), Store(path)
    store.save(exchange.state)
    for number, step in enumerate(steps):
        do(exchange, step, now_ms=number)
        store.save(exchange.state)
    store.close()
    reopened = Store(path)
    again = made(reopened.load())
    reopened.close()
    assert again.state.orders == exchange.state.orders
    assert again.state.trades == exchange.state.trades
    assert again.state.balances.holdings == exchange.state.balances.holdings
    assert (again.state.order_id, again.state.trade_ids) == (exchange.state.order_id, exchange.state.trade_ids)
    check(again)
    for number, step in enumerate(more):
        do(again, step, now_ms=100 + number)
        check(again)


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=25))
def test_equal_steps_make_equal_exchanges(steps):
    one, two = made(funds="1000"), made(funds="1000")
    for number, step in enumerate(steps):
        assert do(one, step, now_ms=number) == do(two, step, now_ms=number)
    assert one.state.orders == two.state.orders
    assert one.state.balances.holdings == two.state.balances.holdings
