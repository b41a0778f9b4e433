"""A venue in trouble: it dies, freezes, comes back, changes its filters, and answers in ways no document describes."""

from __future__ import annotations

import asyncio
import random
import time
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from orders.errors import InputError, VenueUnavailable
from sim.rehearsal.handle import RehearsalVenue
from tests.rehearsal.world import ID, client, drive, exchange, running

PAIR = "BTC/USDT"


async def buy(made: Any, client_id: str = ID) -> Any:
    return await made.create_order(PAIR, "limit", "buy", "0.001", "90000", {"clientOrderId": client_id})


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_a_venue_that_dies_with_an_order_in_hand_knows_after_its_restart_whether_it_took_it(tmp_path, when, count):
    with exchange(tmp_path / "state") as venue:
        venue.fault("POST order", "die", when=when)

        async def work(made: Any) -> Any:
            with pytest.raises(ccxt.pro.ExchangeNotAvailable):
                await buy(made)
            await asyncio.to_thread(venue.restart)
            return await made.fetch_open_orders(PAIR)

        assert [order["clientOrderId"] for order in drive(venue, work)] == [ID] * count


def test_an_outage_refuses_connections_and_what_traded_meanwhile_is_in_a_query(venue):
    async def work(made: Any) -> Any:
        await buy(made)
        venue.outage(500)
        await asyncio.sleep(0.1)
        with pytest.raises(ccxt.pro.ExchangeNotAvailable):
            await made.fetch_open_orders(PAIR)
        venue.trade_at("BTCUSDT", "89000", "1", buyer_is_maker=True)
        while True:
            try:
                return await made.fetch_my_trades(PAIR)
            except ccxt.pro.NetworkError:
                await asyncio.sleep(0.05)

    assert [trade["amount"] for trade in drive(venue, work)] == [0.001]


def test_a_frozen_venue_answers_when_it_goes_on(venue):
    async def work() -> Any:
        async with client(venue, timeout_ms=300) as made:
            venue.freeze(True)
            with pytest.raises(ccxt.pro.RequestTimeout):
                await buy(made)
            venue.freeze(False)
            made.timeout = 30_000
            return await made.fetch_order(None, PAIR, {"origClientOrderId": ID})

    assert running(work())["status"] == "open"


def test_a_late_create_is_done_after_its_client_has_given_up(venue):
    venue.fault("POST order", "delay", when="before", ms=600)

    async def work() -> tuple[int, int]:
        async with client(venue, timeout_ms=200) as made:
            with pytest.raises(ccxt.pro.RequestTimeout):
                await buy(made)
            first = len(venue.truth().orders)
            while not venue.truth().orders:
                await asyncio.sleep(0.05)
            return first, len(venue.truth().orders)

    assert running(work()) == (0, 1)


def test_filters_that_change_overnight_are_in_exchange_info_and_enforced_over_restarts(tmp_path):
    with exchange(tmp_path / "state") as venue:
        venue.relist("BTCUSDT", tick_size="0.1", min_notional="10")
        venue.kill()
        venue.restart()
        venue.quote("BTCUSDT", "97000.0", "97000.1")

        async def work(made: Any) -> Any:
            with pytest.raises(ccxt.pro.InvalidOrder, match="PRICE_FILTER"):
                await made.private_post_order(
                    {
                        "symbol": "BTCUSDT",
                        "side": "BUY",
                        "type": "LIMIT",
                        "timeInForce": "GTC",
                        "quantity": "1",
                        "price": "97000.01",
                    }
                )
            return made.market(PAIR)

        market = drive(venue, work)
        assert (market["precision"]["price"], market["limits"]["cost"]["min"]) == (0.1, 10)


def test_other_fees_are_charged_from_the_next_trade_on_and_booked_to_the_unit(venue):
    async def work(made: Any) -> None:
        await made.create_order(PAIR, "market", "buy", "0.001")
        venue.charge(maker="0", taker="0.03")
        await made.create_order(PAIR, "market", "buy", "0.001")

    drive(venue, work)
    trades = venue.truth().trades
    charged = [Decimal(trade["commission"]) / Decimal(trade["qty"]) for trade in trades]
    assert charged == [Decimal("0.001"), Decimal("0.03")]


def test_what_takes_is_filled_worse_than_the_book_shows_from_the_next_order_on_and_over_a_restart_of_its_port(venue):
    async def work(made: Any) -> None:
        await made.create_order(PAIR, "market", "buy", "0.001")
        venue.slip("0.01")
        venue.outage(50)
        await asyncio.sleep(0.2)
        venue.quote("BTCUSDT", "97000.00", "97000.01")
        await made.create_order(PAIR, "market", "buy", "0.001")
        await made.create_order(PAIR, "market", "sell", "0.001")

    drive(venue, work)
    assert [trade["price"].rstrip("0").rstrip(".") for trade in venue.truth().trades] == ["97000.01", "97970.02", "96030"]


def test_a_suspended_pair_takes_no_order(venue):
    async def work(made: Any) -> None:
        venue.relist("BTCUSDT", status="BREAK")
        with pytest.raises(ccxt.pro.MarketClosed):
            await buy(made)

    drive(venue, work)


def test_what_is_no_filter_or_no_pair_is_refused(venue):
    with pytest.raises(InputError, match="no such filters"):
        venue.relist("BTCUSDT", tick="1")
    with pytest.raises(InputError, match="SCRIPT_MALFORMED"):
        venue.relist("NONE", tick_size="1")


def test_a_fault_of_an_unknown_kind_is_refused_with_the_known_ones(venue):
    with pytest.raises(InputError, match="truncated"):
        venue.fault("POST order", "hiccup")


def test_a_fault_may_skip_repeat_and_look_for_a_client_id(venue):
    venue.fault("POST order", "limited", skip=1, times=2)
    venue.fault("POST order", "unknown", containing="the-fifth")  # no signature, which is of hex digits, has it by chance

    async def work(made: Any) -> list[str]:
        ended = []
        for name in ("aaa", "bbb", "ccc", "eee", "the-fifth"):
            try:
                await buy(made, name)
                ended.append("taken")
            except ccxt.pro.BaseError as error:
                ended.append(type(error).__name__)
        return ended

    assert drive(venue, work) == ["taken", "DDoSProtection", "DDoSProtection", "taken", "RequestTimeout"]


def test_faults_by_chance_strike_the_same_requests_for_the_same_seed():
    def struck(seed: int) -> list[tuple[str, str, str]]:
        with exchange() as venue:
            venue.schedule(seed=seed, fraction=0.5, requests=["POST order"], kinds=["unknown", "limited", "html"])

            async def work(made: Any) -> None:
                for number in range(12):
                    try:
                        await buy(made, f"n{number}")
                    except ccxt.pro.BaseError:
                        continue

            drive(venue, work)
            return venue.faults_done()

    one = struck(1)
    assert one == struck(1) != struck(2)
    assert {when for _, _, when in one} == {"before", "after"}


READS = {
    "account": ("GET account", "fetch_balance", ()),
    "open orders": ("GET openOrders", "fetch_open_orders", (PAIR,)),
    "my trades": ("GET myTrades", "fetch_my_trades", (PAIR,)),
    "one order": ("GET order", "fetch_order", ("1000001", PAIR)),
}


@pytest.mark.parametrize("kind", ["unknown_fields", "texts", "huge"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_an_answer_with_odd_fields_says_the_same(venue, read, kind):
    request, call, arguments = read

    async def work(made: Any) -> tuple[Any, Any]:
        await buy(made)
        await made.create_order(PAIR, "market", "buy", "0.001")
        sound = await getattr(made, call)(*arguments)
        venue.fault(request, kind)
        return sound, await getattr(made, call)(*arguments)

    sound, odd = drive(venue, work)
    assert plain(odd)[: len(plain(sound))] == plain(sound)


def plain(answer: Any) -> list[Any]:
    """What an engine reads of an answer of ccxt: amounts by currency, or ids, prices, quantities."""
    if isinstance(answer, dict) and "total" in answer:
        return sorted(answer["total"].items())
    rows = answer if isinstance(answer, list) else [answer]
    return [(row["id"], row["price"], row["amount"], row.get("filled"), row.get("status")) for row in rows]


def test_an_answer_of_nulls_is_read_by_ccxt_as_nothing_known(venue):
    async def work(made: Any) -> tuple[Any, Any]:
        await buy(made)
        venue.fault("GET account", "nulls")
        venue.fault("GET openOrders", "nulls")
        return await made.fetch_balance(), await made.fetch_open_orders(PAIR)

    balance, orders = drive(venue, work)
    assert not any(balance["total"].values())
    assert [order["id"] for order in orders] == [None]


def test_a_handle_whose_venue_is_gone_says_so():
    with exchange() as venue:
        venue.kill()
        with pytest.raises(VenueUnavailable, match="REHEARSAL_NOT_ANSWERING"):
            venue.truth()


def test_a_file_that_is_no_state_is_refused(tmp_path):
    path = tmp_path / "state"
    path.write_text("not a database, but long enough to be read as one " * 20)
    with pytest.raises(VenueUnavailable, match="STATE_MALFORMED"):
        RehearsalVenue.start(state=path)


def test_a_port_that_is_taken_is_refused(venue):
    port = int(venue.endpoint.rpartition(":")[2])
    with pytest.raises(VenueUnavailable, match="REHEARSAL_PORT_TAKEN"):
        RehearsalVenue.start(port=port)


def test_a_price_path_moves_the_market_and_fills_what_it_meets(venue):
    venue.place(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.5", price="96000", newClientOrderId=ID)
    venue.price_path("BTCUSDT", [("96500", "96500.01"), ("95999", "96000"), ("97000", "97000.01")], every_ms=20)
    deadline = time.monotonic() + 10
    while venue.playing() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [order["status"] for order in venue.truth().by_client_id(ID)] == ["FILLED"]
    assert venue.truth().trades[0]["price"] == "96000.00000000"


def test_every_order_that_was_acknowledged_outlives_kills_at_any_moment(tmp_path):
    with exchange(tmp_path / "state") as venue:

        async def placing(made: Any, acknowledged: list[str]) -> None:
            while True:
                client_id = f"o{len(acknowledged)}-{time.monotonic_ns()}"
                try:
                    order = await made.create_order(PAIR, "market", "buy", "0.0001", None, {"clientOrderId": client_id})
                except ccxt.pro.NetworkError:
                    continue
                acknowledged.append(order["clientOrderId"])

        async def work() -> list[str]:
            acknowledged: list[str] = []
            draw = random.Random(11)
            async with client(venue, enableRateLimit=False) as made:
                task = asyncio.create_task(placing(made, acknowledged))
                for _ in range(5):
                    await asyncio.sleep(draw.uniform(0.05, 0.3))
                    await asyncio.to_thread(venue.kill)
                    await asyncio.to_thread(venue.restart)
                    await asyncio.to_thread(venue.quote, "BTCUSDT", "97000", "97000.01")
                await asyncio.sleep(0.2)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return acknowledged

        acknowledged = running(work())
        truth = venue.truth()
    known = {order["clientOrderId"]: order for order in truth.orders}
    assert len(acknowledged) > 5
    assert [client_id for client_id in acknowledged if client_id not in known] == []
    filled = sum((Decimal(order["executedQty"]) for order in truth.orders), start=Decimal(0))
    fees = sum((Decimal(trade["commission"]) for trade in truth.trades), start=Decimal(0))
    assert filled == sum((Decimal(trade["qty"]) for trade in truth.trades), start=Decimal(0))
    assert Decimal(truth.balances["main"]["BTC"]["free"]) == 1 + filled - fees
