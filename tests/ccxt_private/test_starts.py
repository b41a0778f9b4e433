"""What is asked of the venue before anything is sent, and what refuses a start: clock, key, limits, names."""

from __future__ import annotations

import asyncio
import re
import time
from decimal import Decimal

import pytest
from msgspec.structs import replace

from orders.errors import ConfigError, SluiceError, VenueUnavailable
from orders.values import Listing, MarketLimits
from tests.ccxt_private.venue import KEY, SECRET, Fault, LoopbackVenue
from tests.ccxt_private.world import QUICK, engine_at
from tests.gate.world import BTC, ETH
from venues.ccxt.account_checks import VenueClock, require_harmless_key
from venues.ccxt.adapter import BinanceAdapter, CCXTAdapter
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.limits_check import limits_changed
from venues.ccxt.private_api import PrivateApi
from venues.ccxt.trading_profiles import BINANCE, TRADING_PROFILES, require_trading
from venues.secrets import VenueSecret

D = Decimal


def at_venue(work, *, secret: str = SECRET, **settings):
    """Run `work(api, venue, endpoint)` with a client of a venue on loopback."""

    async def run():
        venue = LoopbackVenue(**settings)
        endpoint = parse_endpoint(await venue.start())
        client = VenueClient(
            "binance", options=BINANCE.options, endpoint=endpoint, hosts=BINANCE.hosts, timeout_ms=300,
            secret=VenueSecret(key=KEY, secret=secret, origin="a test"),
        )  # fmt: skip
        try:
            await client.exchange.load_markets()
            api = PrivateApi(client, profile=BINANCE, quotes={"BTC/USDT": "USDT"}, redact=str, quarantine=lambda what, why: None)
            return await work(api, venue, endpoint)
        finally:
            await client.close()
            await venue.stop()

    return asyncio.run(run())


def refused(code: str, kind: type[SluiceError], work, **settings) -> str:
    with pytest.raises(kind) as caught:
        at_venue(work, **settings)
    assert caught.value.code == code
    return str(caught.value)


@pytest.mark.slow
def test_a_clock_that_is_too_far_off_does_not_connect_and_halts(tmp_path):
    """Slow: Nautilus waits for its connection to the end."""

    async def run():
        with pytest.raises(AssertionError, match="NOT_CONNECTED: VenueRefused: CLOCK_SKEW"):
            async with engine_at(tmp_path, venue=LoopbackVenue(skew_ms=30_000), wait_s=3.0):
                pass

    asyncio.run(run())


@pytest.mark.parametrize("skew", [-30_000, -1_500, 1_500, 30_000])
def test_a_clock_that_is_too_far_off_refuses_by_how_much(skew):
    text = refused("CLOCK_SKEW", SluiceError, lambda api, venue, endpoint: clock_of(api).require(), skew_ms=skew)
    told = int(re.search(r"is ([+-]\d+) ms", text).group(1))  # type: ignore[union-attr]  # the words were matched by code
    assert abs(told - skew) < 250


def clock_of(api: PrivateApi) -> VenueClock:
    return VenueClock(api, now_ns=time.time_ns, skew_max_ms=1_000)


def test_a_clock_within_bounds_stamps_requests_by_the_venue_s(tmp_path):
    async def work(api, venue, endpoint):
        clock = clock_of(api)
        await clock.require()
        assert -750 <= clock.skew_ms <= -550
        assert abs(clock.now_ms() - venue.now_ms()) < 100
        assert abs(api.exchange.nonce() - venue.now_ms()) < 100

    at_venue(work, skew_ms=-650)


def test_a_clock_that_drifts_off_while_it_runs_halts_with_an_alarm(tmp_path):
    async def work():
        async with engine_at(tmp_path, timing=replace(QUICK, clock_s=0.2)) as engine:
            engine.venue.skew_ms = 3_000
            await engine.until(lambda: any("CLOCK_SKEW" in halt for halt in engine.halts))
            assert "CLOCK_SKEW" in dict(engine.alarms)

    asyncio.run(work())


def test_a_key_that_can_withdraw_is_refused():
    refused("KEY_CAN_WITHDRAW", ConfigError, lambda api, venue, endpoint: require_harmless_key(api), can_withdraw=True)


def test_a_harmless_key_passes_and_one_whose_rights_are_not_told_does_not():
    async def silent(api, venue, endpoint):
        venue.fault("GET apiRestrictions", Fault("html200"))
        await require_harmless_key(api)

    assert at_venue(lambda api, venue, endpoint: require_harmless_key(api))["enableWithdrawals"] is False
    refused("KEY_UNCHECKED", VenueUnavailable, silent)


def test_a_wrong_secret_is_told_as_one_and_shows_nowhere():
    async def work(api, venue, endpoint):
        await require_harmless_key(api)

    text = refused("KEY_UNCHECKED", VenueUnavailable, work, secret="w" * 30)
    assert "AuthenticationError" in text
    assert "w" * 30 not in text


LISTINGS = {
    name.symbol: Listing(
        symbol=name.symbol, venue="BINANCE", instrument_id=name.instrument_id, quote_currency="USDT", base_currency=name.base,
        ccxt_symbol=f"{name.base}/USDT", asset_class="spot",
    )
    for name in (BTC, ETH)
}  # fmt: skip
LIMITS = {
    "BINANCE:BTCUSDT": MarketLimits(
        symbol="BINANCE:BTCUSDT", venue="BINANCE", step_size=D("0.00001"), tick_size=D("0.01"), min_quantity=D("0.00001"),
        min_notional=D(5), max_quantity=D(120), multiplier=D(1),
    ),
}  # fmt: skip


def compare(**changes):
    ours = {"BINANCE:BTCUSDT": replace(LIMITS["BINANCE:BTCUSDT"], **changes)}
    return lambda api, venue, endpoint: limits_changed("binance", listings=LISTINGS, market_limits=ours, endpoint=endpoint)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tick_size": D("0.001")}, "BINANCE:BTCUSDT tick_size 0.001 here, 0.01 there"),
        ({"tick_size": D("0.1")}, "BINANCE:BTCUSDT tick_size 0.1 here, 0.01 there"),
        ({"step_size": D("0.000001")}, "step_size 0.000001 here, 0.00001 there"),
        ({"min_notional": D("4.99")}, "min_notional 4.99 here, 5 there"),
        ({"min_quantity": D("0.000001")}, "min_quantity 0.000001 here, 0.00001 there"),
        ({"max_quantity": D(121)}, "max_quantity 121 here, 120 there"),
        ({"max_quantity": None}, "max_quantity none here, 120 there"),
        ({"multiplier": D(10)}, "multiplier 10 here, 1 there"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_limits_that_differ_in_a_way_that_matters_are_told_by_symbol_field_and_both_values(changes, words):
    (found,) = at_venue(compare(**changes))
    assert words in found


@pytest.mark.parametrize("changes", [{}, {"min_notional": D(6)}, {"max_quantity": D(100)}, {"min_quantity": D("0.001")}])
def test_the_same_limits_and_stricter_ones_of_ours_pass(changes):
    assert at_venue(compare(**changes)) == ()


def test_a_pair_the_venue_does_not_have_is_a_difference():
    listing = replace(LISTINGS["BINANCE:BTCUSDT"], ccxt_symbol="NOPE/USDT", base_currency="NOPE")

    async def work(api, venue, endpoint):
        return await limits_changed("binance", listings={"BINANCE:BTCUSDT": listing}, market_limits=LIMITS, endpoint=endpoint)

    assert "NOT_AT_VENUE" in "; ".join(at_venue(work))


@pytest.mark.parametrize(
    ("exchange", "code"),
    [
        ("alpaca", "ALPACA_EQUITIES"), ("bitfinex", "PRECISION_MODE"), ("kraken", "NOT_PROVEN"), ("okx", "NOT_PROVEN"),
        ("bybit", "NOT_PROVEN"), ("coinbase", "NOT_PROVEN"), ("hyperliquid", "NOT_PROVEN"), ("nosuch", "NO_TRADING_PROFILE"),
    ],
)  # fmt: skip
def test_a_venue_nothing_proves_is_refused_for_orders_by_its_reason(exchange, code):
    with pytest.raises(ConfigError) as caught:
        require_trading(exchange)
    assert caught.value.code == code
    with pytest.raises(ConfigError):
        CCXTAdapter(exchange, desk=None, market_limits={})  # type: ignore[arg-type]


def test_profiles_say_what_ccxt_says_of_precision():
    import ccxt

    modes = {ccxt.TICK_SIZE: "TICK_SIZE", ccxt.SIGNIFICANT_DIGITS: "SIGNIFICANT_DIGITS", ccxt.DECIMAL_PLACES: "DECIMAL_PLACES"}
    for exchange, profile in TRADING_PROFILES.items():
        assert modes[getattr(ccxt, exchange)().precisionMode] == profile.precision_mode


def test_the_binance_adapter_is_the_binance_profile_by_name():
    adapter = BinanceAdapter(desk=None, market_limits=LIMITS)  # type: ignore[arg-type]
    assert adapter.profile is require_trading("binance")
    assert adapter.venue == "BINANCE"
    assert adapter.get_market_metadata(["BINANCE:BTCUSDT"]) == LIMITS
