"""Orders of unmodified ccxt.pro at the rehearsal exchange: placed, matched, found, cancelled, told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from sim.rehearsal.handle import RehearsalVenue
from tests.rehearsal.world import ID, Listener, drive, exchange, until

PAIR = "BTC/USDT"


def balance(venue: RehearsalVenue, asset: str) -> tuple[Decimal, Decimal]:
    row = venue.truth().balances["main"].get(asset, {"free": "0", "locked": "0"})
    return Decimal(row["free"]), Decimal(row["locked"])


def test_a_market_buy_takes_the_ask_and_pays_its_fee_in_the_base_asset(venue):
    async def work(made: Any) -> dict[str, Any]:
        return await made.create_order(PAIR, "market", "buy", "0.01", None, {"clientOrderId": ID})

    order = drive(venue, work)
    assert (order["status"], order["clientOrderId"], order["filled"]) == ("closed", ID, 0.01)
    assert order["trades"][0]["fee"] == {"currency": "BTC", "cost": 0.00001}
    assert balance(venue, "BTC") == (Decimal("1.00999"), Decimal(0))
    assert balance(venue, "USDT") == (Decimal("99029.9999"), Decimal(0))


def test_a_market_sell_takes_the_bid_and_pays_its_fee_in_the_quote_asset(venue):
    async def work(made: Any) -> dict[str, Any]:
        return await made.create_order(PAIR, "market", "sell", "0.01", None, {"clientOrderId": ID})

    order = drive(venue, work)
    assert order["trades"][0]["fee"] == {"currency": "USDT", "cost": 0.97}
    assert balance(venue, "USDT") == (Decimal("100969.03"), Decimal(0))


def test_a_resting_order_fills_in_parts_behind_its_queue_and_is_told_of_each(venue):
    venue.set_book("BTCUSDT", bids=[("97000.00", "2")], asks=[("97000.01", "2")])

    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()["userDataStream.subscribe.signature"] == 1)
            order = await made.create_order(PAIR, "limit", "buy", "0.03", "97000", {"clientOrderId": ID})
            assert order["status"] == "open"
            venue.trade_at("BTCUSDT", "97000", "2", buyer_is_maker=True)  # all of the queue in front
            assert venue.truth().trades == []
            await until(lambda: len(heard.orders) == 1)
            venue.trade_at("BTCUSDT", "97000", "0.01", buyer_is_maker=True)
            await until(lambda: len(heard.orders) == 2)
            venue.trade_at("BTCUSDT", "96999.99", "5", buyer_is_maker=True)
            await until(lambda: len(heard.trades) == 2 and heard.orders[-1]["status"] == "closed")
        return heard

    heard = drive(venue, work)
    assert [(trade["amount"], trade["price"], trade["takerOrMaker"]) for trade in heard.trades] == [
        (0.01, 97000.0, "maker"),
        (0.02, 97000.0, "maker"),
    ]
    assert [order["filled"] for order in heard.orders] == [0.0, 0.01, 0.03]
    assert {order["clientOrderId"] for order in heard.orders} == {ID}
    assert balance(venue, "USDT") == (Decimal("97090"), Decimal(0))


def test_an_order_is_found_by_its_client_id_and_a_cancel_gives_back_what_it_locked(venue):
    async def work(made: Any) -> tuple[Any, ...]:
        placed = await made.create_order(PAIR, "limit", "sell", "0.5", "99000", {"clientOrderId": ID})
        found = await made.fetch_order(None, PAIR, {"origClientOrderId": ID})
        opened = await made.fetch_open_orders(PAIR)
        locked = balance(venue, "BTC")
        await made.cancel_order(placed["id"], PAIR)
        gone = await made.fetch_order(placed["id"], PAIR)
        with pytest.raises(ccxt.pro.OrderNotFound):
            await made.cancel_order(placed["id"], PAIR)
        return placed, found, opened, locked, gone

    placed, found, opened, locked, gone = drive(venue, work)
    assert found["id"] == placed["id"] == opened[0]["id"]
    assert (gone["status"], gone["clientOrderId"]) == ("canceled", ID)
    assert locked == (Decimal("0.5"), Decimal("0.5"))
    assert balance(venue, "BTC") == (Decimal(1), Decimal(0))


def test_a_client_id_is_taken_while_its_order_is_open_and_free_after(venue):
    async def work(made: Any) -> None:
        await made.create_order(PAIR, "limit", "buy", "0.01", "90000", {"clientOrderId": ID})
        with pytest.raises(ccxt.pro.InvalidOrder, match="Duplicate order sent"):
            await made.create_order(PAIR, "limit", "buy", "0.01", "90000", {"clientOrderId": ID})
        await made.cancel_order(None, PAIR, {"origClientOrderId": ID})
        await made.create_order(PAIR, "market", "buy", "0.01", None, {"clientOrderId": ID})
        await made.create_order(PAIR, "market", "buy", "0.01", None, {"clientOrderId": ID})

    drive(venue, work)
    assert [order["status"] for order in venue.truth().by_client_id(ID)] == ["CANCELED", "FILLED", "FILLED"]


def test_orders_trades_and_balances_outlive_a_kill_of_the_exchange(tmp_path):
    with exchange(tmp_path / "state.sqlite") as venue:

        async def before(made: Any) -> None:
            await made.create_order(PAIR, "market", "buy", "0.01", None, {"clientOrderId": ID})
            await made.create_order(PAIR, "limit", "buy", "0.02", "96000", {"clientOrderId": "b" * 32})

        drive(venue, before)
        known = venue.truth()
        venue.kill()
        venue.restart()
        assert vars(venue.truth()) == vars(known)
        venue.trade_at("BTCUSDT", "95999", "1", buyer_is_maker=True)

        async def after(made: Any) -> list[dict[str, Any]]:
            return await made.fetch_my_trades(PAIR)

        trades = drive(venue, after)
        assert [trade["amount"] for trade in trades] == [0.01, 0.02]
        assert int(trades[0]["id"]) < int(trades[1]["id"])
