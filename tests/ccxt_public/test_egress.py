"""The egress guard and the loopback endpoint: one place a client may reach, everything else refused and counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from orders.errors import ConfigError
from sim.rehearsal.binance_public import BinancePublic
from sim.rehearsal.listing import LISTINGS
from tests.no_egress import SEEN
from venues.ccxt.egress import Egress, EgressRefused, VenueClient, moved, venue_hosts
from venues.ccxt.endpoint import Endpoint, parse_endpoint
from venues.ccxt.profiles import BINANCE, profile_of


def with_client(act: Callable[[VenueClient], Awaitable[None]], endpoint: str | None) -> VenueClient:
    async def whole() -> VenueClient:
        client = VenueClient(
            "binance",
            options=BINANCE.options,
            endpoint=None if endpoint is None else parse_endpoint(endpoint),
            hosts=BINANCE.hosts,
        )
        try:
            await act(client)
        finally:
            await client.close()
        return client

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("text", "host"),
    [("http://127.0.0.1:80", "127.0.0.1"), ("http://127.9.9.9:1/", "127.9.9.9"), ("http://[::1]:9", "::1")],
    ids=["the usual one", "the whole block", "version 6"],
)
def test_a_loopback_address_is_an_endpoint(text, host):
    assert parse_endpoint(text).host == host


def test_localhost_is_resolved_once_to_an_address():
    assert parse_endpoint("http://localhost:80").host in {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "text",
    [
        "http://10.0.0.1:80",
        "https://127.0.0.1:80",
        "http://127.0.0.1",
        "http://127.0.0.1.example:80",
        "http://0.0.0.0:80",
        "http://[::]:80",
        "http://[::ffff:127.0.0.1]:80",
        "http://u:p@127.0.0.1:80",
        "http://127.0.0.1:80/x",
        "http://127.0.0.1:80?x",
        "http://2130706433:80",
        "http://api.binance.com:80",
        "127.0.0.1:80",
        "",
        "http://[bad",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
    ],
    ids=str,
)
def test_anything_else_is_no_endpoint_and_no_name_server_is_asked(text):
    with pytest.raises(ConfigError, match="ENDPOINT_NOT_LOOPBACK"):
        parse_endpoint(text)
    assert SEEN == []


def test_every_url_of_a_client_moves():
    endpoint = Endpoint(host="127.0.0.1", port=7)
    urls = {
        "api": {"public": "https://api.x.com/v3", "ws": {"spot": "wss://{hostname}:9443/ws?a=1"}},
        "www": "https://x.com",
        "n": 1,
        "l": ["https://y/z"],
    }
    assert moved(urls, endpoint) == {
        "api": {"public": "http://127.0.0.1:7/v3", "ws": {"spot": "ws://127.0.0.1:7/ws?a=1"}},
        "www": "http://127.0.0.1:7",
        "n": 1,
        "l": ["http://127.0.0.1:7/z"],
    }


def test_a_venue_s_hosts_are_those_of_its_api_urls():
    urls = {"api": {"a": "https://api.{hostname}/v5", "ws": {"b": "wss://Stream.x.com:9443/ws"}}, "www": "https://www.x.com"}
    assert venue_hosts(urls, hostname="x.com") == {"api.x.com", "stream.x.com"}


def test_the_profile_narrows_ccxt_s_own_hosts():
    from ccxt.pro import binance

    assert venue_hosts(binance().urls) >= BINANCE.hosts


@pytest.mark.parametrize(
    ("host", "port", "tls", "passes"),
    [
        ("api.x.com", 443, True, True),
        ("API.X.com", 443, True, True),
        ("api.x.com", 80, False, False),
        ("evil.com", 443, True, False),
        ("api.x.com.evil.com", 443, True, False),
        ("127.0.0.1", 443, True, False),
    ],
    ids=["its host", "in capitals", "without TLS", "another host", "a look-alike", "loopback without an endpoint"],
)
def test_live_reaches_its_hosts_by_tls_only(host, port, tls, passes):
    egress = Egress(hosts=frozenset({"api.x.com"}), endpoint=None)
    expected = contextlib.nullcontext() if passes else pytest.raises(EgressRefused, match="EGRESS_REFUSED")
    with expected:
        egress.check(host=host, port=port, tls=tls)
    assert egress.attempts.total() == 1
    assert egress.refused.total() == (0 if passes else 1)


def test_with_an_endpoint_the_venue_itself_is_out_of_reach():
    egress = Egress(hosts=frozenset({"api.x.com"}), endpoint=Endpoint(host="127.0.0.1", port=7))
    egress.check(host="127.0.0.1", port=7, tls=False)
    for host, port in (("api.x.com", 443), ("127.0.0.1", 8), ("127.0.0.2", 7)):
        with pytest.raises(EgressRefused):
            egress.check(host=host, port=port, tls=True)
    assert egress.refused.total() == 3


def test_a_foreign_host_is_refused_before_anything_is_connected_or_looked_up():
    async def act(client: VenueClient) -> None:
        with pytest.raises(EgressRefused):
            await client.exchange.fetch("https://example.com/")
        client.exchange.set_markets([])
        with pytest.raises(Exception, match="EGRESS_REFUSED"):
            await client.exchange.watch("wss://example.com/ws", "x", {}, "x")

    client = with_client(act, None)
    assert client.egress.refused == {"example.com:443": 2}
    assert SEEN == []


def test_a_redirect_to_another_place_is_refused():
    async def whole() -> tuple[VenueClient, int]:
        reached = []

        async def away(request: web.Request) -> web.Response:
            raise web.HTTPFound(f"http://127.0.0.1:{other.port}/stolen")

        async def stolen(request: web.Request) -> web.Response:
            reached.append(1)
            return web.json_response({})

        async def listen(handler: Callable[[web.Request], Awaitable[web.Response]]) -> tuple[web.AppRunner, int]:
            app = web.Application()
            app.router.add_get("/{name:.*}", handler)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return runner, runner.addresses[0][1]

        second, port = await listen(stolen)
        other = Endpoint(host="127.0.0.1", port=port)
        first, port = await listen(away)
        client = VenueClient(
            "binance", options=BINANCE.options, endpoint=Endpoint(host="127.0.0.1", port=port), hosts=BINANCE.hosts
        )
        try:
            with pytest.raises(EgressRefused):
                await client.exchange.fetch_time()
        finally:
            await client.close()
            await first.cleanup()
            await second.cleanup()
        return client, len(reached)

    client, reached = asyncio.run(whole())
    assert reached == 0
    assert client.egress.refused.total() == 1


def test_reads_of_unmodified_ccxt_all_reach_the_endpoint():
    async def whole() -> None:
        server = BinancePublic()
        endpoint = await server.start()
        server.quote("BTCUSDT", "100.00", "100.01")
        for _ in range(3):
            server.trade("BTCUSDT", "100.00", "1.5")
        client = VenueClient(
            "binance", options=BINANCE.options, endpoint=parse_endpoint(endpoint), hosts=BINANCE.hosts, streaming=False
        )
        exchange = client.exchange
        try:
            assert set(await exchange.load_markets()) == {f"{each.base}/{each.quote}" for each in LISTINGS}
            assert len(await exchange.fetch_trades("BTC/USDT")) == 3
            assert (await exchange.fetch_order_book("BTC/USDT"))["bids"][0] == [100.0, 50.0]
            assert (await exchange.fetch_ohlcv("BTC/USDT", "1m"))[0][5] == 4.5
            assert (await exchange.fetch_bids_asks(["BTC/USDT"]))["BTC/USDT"]["ask"] == 100.01
            assert set(client.egress.attempts) == {endpoint.removeprefix("http://")}
        finally:
            await client.close()
            await server.stop()

    asyncio.run(whole())


@pytest.mark.parametrize("name", ["kraken", "nonsense", "Binance", ""])
def test_a_venue_without_a_profile_is_refused_by_name(name):
    with pytest.raises(ConfigError, match="NO_PROFILE"):
        profile_of(name)


def test_an_exchange_ccxt_does_not_know_is_refused():
    async def whole() -> None:
        VenueClient("nonsense", options={}, endpoint=None)

    with pytest.raises(ConfigError, match="EXCHANGE_UNKNOWN"):
        asyncio.run(whole())
