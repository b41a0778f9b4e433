"""The shadow on a live market: unmodified ccxt.pro, a real node, a loopback venue that misbehaves on command."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise

from nautilus_trader.model.data import OrderBookDepth10, QuoteTick, TradeTick
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from tests.ccxt_public.world import Market, Running, fresh_manifest, run_live
from tests.gate.world import BTC, ETH
from tests.no_egress import SEEN

HALF = {BTC.symbol: "0.4", ETH.symbol: "0.4"}


def trade_ids(ran) -> list[int]:
    return [int(row["trade_id"]) for row in ran.trades() if row["symbol"] == BTC.symbol]


def test_a_manifest_is_traded_on_streamed_quotes_and_all_of_it_is_recorded(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: running.count("alarm", "MANIFEST_VANISHED") == 1)
        running.live.world.install(fresh_manifest(HALF))
        await running.until(lambda: running.count("cycle_end") == 1)
        await running.until(lambda: market.pulses > 20)

    ran = run_live(tmp_path, act, stale_ms=20_000)
    fills = ran.of("fill")
    quotes = ran.quotes()
    catalog = ParquetDataCatalog(str(ran.world.layout.catalog))
    assert ran.code == 0, ran.said
    assert {(fill["symbol"], fill["side"]) for fill in fills} == {(BTC.symbol, "BUY"), (ETH.symbol, "BUY")}
    asks = {(row["symbol"], Decimal(row["ask"])) for row in quotes}
    assert {(fill["symbol"], Decimal(fill["price"])) for fill in fills} <= asks
    assert ran.of("run_start")[0]["data_source"].startswith("ccxt binance http://127.0.0.1:")
    assert ran.of("run_start")[0]["market_speed"] == 1
    assert {type(tick) for tick in catalog.query(QuoteTick)} == {QuoteTick}
    assert len(catalog.query(QuoteTick)) == len(quotes)
    assert [int(tick.trade_id.value) for tick in catalog.query(TradeTick)] == trade_ids(ran)
    assert catalog.query(OrderBookDepth10)
    assert ran.alarms() == ["MANIFEST_VANISHED"]


def test_prices_are_the_venue_s_texts_and_time_never_runs_back(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.pulses > 15)

    ran = run_live(tmp_path, act)
    rows = [row for row in ran.quotes() if row["symbol"] == BTC.symbol]
    assert rows
    assert all(row["bid"] == f"100000.{row['ask'][-2:]}" and row["bid_size"] == "50.00000" for row in rows)
    assert all(earlier["ts_ns"] <= later["ts_ns"] for earlier, later in pairwise(rows))
    trades = ran.trades()
    assert all(row["ts_ns"] <= row["received_ns"] and row["ts_ns"] % 1_000_000 == 0 for row in trades)
    assert {row["aggressor"] for row in trades} == {"SELL"}


def test_after_a_dropped_line_it_subscribes_again_and_back_fills_trades_without_doubles(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.server.subscribed("aggTrade") == 2 and running.heard_a_trade(BTC))
        market.server.refuse_sockets = True
        market.server.drop()
        before = market.pulses
        await running.until(lambda: market.pulses > before + 10)
        market.server.refuse_sockets = False
        await running.until(lambda: running.count("alarm", "STREAM_BACK") >= 5)
        before = market.pulses
        await running.until(lambda: market.pulses > before + 15)

    ran = run_live(tmp_path, act)
    ids = trade_ids(ran)
    assert ran.code == 0, ran.said
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert len(ids) > 20
    assert ran.alarms().count("STREAM_LOST") >= 5
    assert "TRADES_BACKFILLED" in ran.alarms()
    assert "TRADES_LOST" not in ran.alarms()
    assert any("is back after" in text and " ms and " in text for text in ran.said)


def test_silence_is_alarmed_and_nothing_is_planned_on_stale_prices_until_they_are_back(tmp_path):
    async def act(running: Running, market: Market) -> None:
        world = running.live.world
        await running.until(lambda: market.pulses > 5)
        market.server.silence("")
        await running.until(lambda: running.count("alarm", "STREAM_STALE") >= 2)
        await asyncio.sleep(0.4)
        world.install(fresh_manifest(HALF))
        await asyncio.sleep(0.6)
        quiet.append(running.count("intent"))
        market.server.speak()
        await running.until(lambda: running.count("fill") == 2)

    quiet: list[int] = []
    ran = run_live(tmp_path, act, stale_ms=300, price_age_max_ms=700)
    back = [line for line in ran.of("alarm") if line["code"] == "STREAM_BACK" and "quotes" in line["message"]]
    assert quiet == [0]
    assert ran.code == 0, ran.said
    assert back
    assert min(fill["seq"] for fill in ran.of("fill")) > min(line["seq"] for line in back)


def test_what_a_thin_touch_could_not_fill_is_filled_one_tick_further_as_in_a_backtest(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.server.subscribed("bookTicker") == 2 and market.pulses > 5)
        market.size = Decimal(5)
        market.pulse()
        market.still = True
        await running.caught_up(market)
        await running.until(lambda: running.count("manifest") == 1)
        running.live.world.install(fresh_manifest({ETH.symbol: "0.4"}))
        await running.until(lambda: running.count("manifest") == 2)
        market.pulse()
        await running.until(lambda: running.count("cycle_end") == 1)

    ran = run_live(tmp_path, act, stale_ms=5_000)
    first, second = ran.of("fill")
    assert Decimal(first["quantity"]) == 5
    assert Decimal(second["price"]) - Decimal(first["price"]) == Decimal(ETH.tick)
    assert Decimal(first["quantity"]) + Decimal(second["quantity"]) == Decimal(ran.of("intent")[0]["quantity"])


def test_duplicates_are_dropped(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.server.subscribed("bookTicker") == 2)
        market.server.duplicate(True)
        before = market.pulses
        await running.until(lambda: market.pulses > before + 12)

    ran = run_live(tmp_path, act)
    ids = trade_ids(ran)
    rows = [row["bid"] for row in ran.quotes() if row["symbol"] == BTC.symbol]
    assert len(rows) == len(set(rows))
    assert ids == sorted(set(ids))
    assert ran.dropped["quotes BTCUSDT.BINANCE", "DUPLICATE"] > 5
    assert ran.dropped["trades BTCUSDT.BINANCE", "DUPLICATE"] > 5


def test_a_burst_in_reverse_leaves_the_newest_quote_and_every_trade_once(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.server.subscribed("bookTicker") == 2 and market.pulses > 8)
        market.still = True
        await running.caught_up(market)
        market.server.hold()
        for _ in range(4):
            market.pulse()
        market.server.release(reverse=True)
        newest.append(f"100000.{market.pulses % 100:02d}")
        await running.until(lambda: running.dropped()["quotes BTCUSDT.BINANCE", "OLDER"] == 3)
        shown.append(str(running.kernel.cache.quote_tick(InstrumentId.from_str(BTC.instrument_id)).bid_price))

    newest: list[str] = []
    shown: list[str] = []
    ran = run_live(tmp_path, act, stale_ms=20_000)
    ids = trade_ids(ran)
    assert shown == newest
    assert ran.dropped["quotes BTCUSDT.BINANCE", "OLDER"] == 3
    assert ids == list(range(ids[0], ids[-1] + 1))


def test_zero_crossed_and_off_tick_prices_never_reach_the_node(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.server.subscribed("bookTicker") == 2 and market.pulses > 5)
        market.still = True
        await running.caught_up(market)
        bad = (("0.00000000", "1"), ("100002", "100001"), ("NaN", "1"), ("99.123", "100001"), (None, "1"), ("1e400", "1e401"))
        for place, (bid, ask) in enumerate(bad):
            made = {"u": 900_000 + place, "s": "BTCUSDT", "b": bid, "B": "1", "a": ask, "A": "1"}
            market.server.send("btcusdt@bookTicker", made)
        name = "quotes BTCUSDT.BINANCE"
        await running.until(lambda: sum(n for (of, _), n in running.dropped().items() if of == name) >= len(bad))

    ran = run_live(tmp_path, act, stale_ms=20_000)
    dropped = {why: count for (name, why), count in ran.dropped.items() if name == "quotes BTCUSDT.BINANCE"}
    assert dropped == {"NOT_POSITIVE": 2, "CROSSED": 1, "OFF_TICK": 1, "MALFORMED": 2}
    assert "LIMITS_OUTDATED" in ran.alarms()
    assert ran.code == 0, ran.said


def test_everything_went_to_the_endpoint_and_nowhere_else(tmp_path):
    async def act(running: Running, market: Market) -> None:
        await running.until(lambda: market.pulses > 10)
        places.append(market.endpoint.removeprefix("http://"))

    places: list[str] = []
    ran = run_live(tmp_path, act)
    assert set(ran.attempts) == set(places)
    assert ran.refused.total() == 0
    assert SEEN
    assert set(SEEN) == {"127.0.0.1"}


def test_a_restart_goes_on_from_its_record_and_trades_nothing_twice(tmp_path):
    async def first(running: Running, market: Market) -> None:
        running.live.world.install(fresh_manifest(HALF))
        await running.until(lambda: running.count("cycle_end") == 1)

    async def second(running: Running, market: Market) -> None:
        before = market.pulses
        await running.until(lambda: market.pulses > before + 15)

    assert run_live(tmp_path, first).code == 0
    ran = run_live(tmp_path, second)
    assert ran.code == 0, ran.said
    assert len(ran.of("fill")) == 2
    assert len(ran.of("run_start")) == 2
