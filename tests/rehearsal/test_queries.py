"""Pages, look-ups and order kinds through unmodified ccxt.pro, and the market as the public sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt.pro
import pytest

from sim.rehearsal.handle import RehearsalVenue
from tests.rehearsal.world import drive, exchange, until

PAIR = "BTC/USDT"


@pytest.fixture(scope="module")
def traded() -> Iterator[RehearsalVenue]:
    """Seven fills of one account, with one of another between them."""
    with exchange() as venue:
        venue.set_balance("BTC", "5", account="other")
        for number in range(7):
            venue.place(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001", newClientOrderId=f"c{number}")
            venue.place(account="other", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.002")
        yield venue


def test_trades_are_paged_by_id_without_gap_or_double(traded):
    async def work(made: Any) -> list[str]:
        seen: list[str] = []
        while True:
            params = {"fromId": int(seen[-1]) + 1 if seen else 1}
            page = await made.fetch_my_trades(PAIR, None, 3, params)
            seen += [trade["id"] for trade in page]
            if len(page) < 3:
                return seen

    assert drive(traded, work) == ["1", "3", "5", "7", "9", "11", "13"]


def test_without_a_begin_the_newest_trades_come_and_with_one_the_oldest_after_it(traded):
    async def work(made: Any) -> tuple[list[str], list[str]]:
        newest = await made.fetch_my_trades(PAIR, None, 2)
        first = await made.fetch_my_trades(PAIR, newest[0]["timestamp"] - 3_600_000, 2)
        return [trade["id"] for trade in newest], [trade["id"] for trade in first]

    assert drive(traded, work) == (["11", "13"], ["1", "3"])


def test_trades_of_one_order_and_all_orders_are_found(traded):
    async def work(made: Any) -> tuple[Any, Any]:
        orders = await made.fetch_orders(PAIR)
        return orders, await made.fetch_order_trades(orders[2]["id"], PAIR)

    orders, trades = drive(traded, work)
    assert [order["clientOrderId"] for order in orders] == [f"c{number}" for number in range(7)]
    assert [trade["order"] for trade in trades] == [orders[2]["id"]]


@pytest.fixture
def thin(venue):
    venue.set_book("BTCUSDT", bids=[("97000", "1")], asks=[("97000.01", "0.5")])
    return venue


KINDS: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[str, float]]] = {
    "IOC": (("limit", "buy", "0.6", "97000.01"), {"timeInForce": "IOC"}, ("expired", 0.5)),
    "FOK": (("limit", "buy", "0.6", "97000.01"), {"timeInForce": "FOK"}, ("expired", 0.0)),
    "post-only": (("limit", "buy", "0.6", "97000"), {"postOnly": True}, ("open", 0.0)),
    "by cost": (("market", "buy", "0.1", None), {"cost": 9_700.02}, ("closed", 0.1)),
    "partly filled": (("limit", "buy", "0.6", "97000.01"), {}, ("open", 0.5)),
}


@pytest.mark.parametrize("case", KINDS.values(), ids=KINDS)
def test_an_order_kind_ends_as_it_should(thin, case):
    given, params, expected = case

    async def work(made: Any) -> Any:
        placed = await made.create_order(PAIR, *given, params)
        return await made.fetch_order(placed["id"], PAIR)

    order = drive(thin, work)
    assert (order["status"], order["filled"]) == expected


def test_every_order_of_a_pair_is_cancelled_at_once(thin):
    async def work(made: Any) -> list[Any]:
        for price in ("90000", "91000"):
            await made.create_order(PAIR, "limit", "buy", "0.01", price)
        await made.cancel_all_orders(PAIR)
        with pytest.raises(ccxt.pro.OrderNotFound):
            await made.cancel_all_orders(PAIR)
        return await made.fetch_open_orders(PAIR)

    assert drive(thin, work) == []


def test_an_order_test_is_judged_and_not_placed(thin):
    async def work(made: Any) -> None:
        await made.create_order(PAIR, "limit", "buy", "0.01", "97000", {"test": True})

    drive(thin, work)
    assert thin.truth().orders == []


def test_the_key_may_trade_and_cannot_withdraw(thin):
    async def work(made: Any) -> Any:
        return await made.sapi_get_account_apirestrictions()

    may = drive(thin, work)
    assert (may["enableSpotAndMarginTrading"], may["enableWithdrawals"]) == (True, False)


def test_the_public_sees_clients_orders_in_the_book_and_their_trades(thin):
    async def work(made: Any) -> tuple[Any, Any, Any]:
        book = await made.watch_order_book(PAIR)
        await made.create_order(PAIR, "limit", "buy", "0.25", "97000")
        await until(lambda: made.orderbooks[PAIR]["bids"][0][1] == 1.25)
        trades = made.watch_trades(PAIR)
        await made.create_order(PAIR, "market", "buy", "0.1")
        ticker = await made.fetch_ticker(PAIR)
        return (
            book["asks"][0],
            (await made.fetch_trades(PAIR))[-1],
            (ticker["bid"], ticker["bidVolume"], ticker["last"], trades.close()),
        )

    ask, trade, ticker = drive(thin, work)
    assert (ask[0], trade["price"], trade["amount"], trade["side"]) == (97_000.01, 97_000.01, 0.1, "buy")
    assert ticker[:3] == (97_000.0, 1.25, 97_000.01)


def test_candles_are_of_the_trades(thin):
    async def work(made: Any) -> Any:
        await made.create_order(PAIR, "market", "buy", "0.1")
        return await made.fetch_ohlcv(PAIR, "1d")

    assert [row[1:] for row in drive(thin, work)] == [[97_000.01, 97_000.01, 97_000.01, 97_000.01, 0.1]]


def test_twelve_pairs_are_listed_with_limits_ccxt_reads(thin):
    async def work(made: Any) -> Any:
        return made.markets

    markets = drive(thin, work)
    assert len(markets) == 12
    shib = markets["SHIB/USDT"]
    assert (shib["precision"]["price"], shib["precision"]["amount"], shib["limits"]["cost"]["min"]) == (1e-08, 1.0, 1.0)
    assert markets["BTC/USDT"]["limits"]["market"]["max"] == 120
