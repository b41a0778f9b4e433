"""The first contact with TWS: limits of contracts, and every way in which it cannot be had, named within seconds."""

from __future__ import annotations

import asyncio
import socket
from decimal import Decimal
from typing import Any

import pytest

from orders.errors import ConfigError, VenueUnavailable
from orders.values import Listing
from venues.ibkr.gateway import HOST, IbkrGateway, gateway
from venues.ibkr.reach import Reached, reach

D = Decimal


def listing(symbol: str, asset_class: str = "equity", base: str | None = None) -> Listing:
    return Listing(
        symbol=symbol, venue="IBKR", instrument_id=f"{symbol.split(':')[1]}.IBKR", quote_currency="USD", base_currency=base,
        asset_class=asset_class,
    )  # fmt: skip


def at(tws: Any, **changes: Any) -> IbkrGateway:
    return gateway(**{"host": HOST, "port": tws.port, "client_id": 7, "account": tws.account} | changes)


def asked(address: IbkrGateway, *symbols: Listing, ask_s: float = 2.0) -> Reached:
    return asyncio.run(reach(address, symbols, min_notional=D(1), ask_s=ask_s))


def test_every_contract_of_the_fake_tws_has_limits_or_a_reason(tws):
    symbols = [listing("NASDAQ:AAPL"), listing("NYSE:BRK.B"), listing("AMEX:SPY"), listing("FX_IDC:EURUSD", "fx", "EUR")]
    reached = asked(at(tws), *symbols, listing("NYSE:NOIS"), listing("NASDAQ:NONE"), listing("NYSE:AAPL"))
    steps = {limits.symbol: (limits.step_size, limits.tick_size) for limits in reached.limits}
    assert steps == {
        "NASDAQ:AAPL": (D(1), D("0.01")), "NYSE:BRK.B": (D(1), D("0.01")), "AMEX:SPY": (D(1), D("0.01")),
        "FX_IDC:EURUSD": (D(1), D("0.00005")),
    }  # fmt: skip
    codes = [(refused.symbol, refused.code) for refused in reached.refused]
    assert codes == [("NYSE:NOIS", "ISIN_MISSING"), ("NASDAQ:NONE", "NOT_AT_VENUE"), ("NYSE:AAPL", "NOT_AT_VENUE")]
    assert reached.server_version == 223


def test_a_first_contact_leaves_the_client_id_of_the_run_alone(tws):
    asked(at(tws))
    assert tws.counts()["start"] == 1
    asked(at(tws))


def test_nothing_that_listens_is_named(tws):
    tws.stop()
    with pytest.raises(VenueUnavailable, match=r"VENUE_UNREACHABLE.*ConnectionRefusedError"):
        asked(at(tws))


def test_something_that_listens_and_does_not_answer_is_named():
    with socket.create_server((HOST, 0)) as silent:
        address = gateway(host=HOST, port=silent.getsockname()[1], client_id=7, account="DU1")
        with pytest.raises(VenueUnavailable, match=r"VENUE_UNREACHABLE.*no answer in 0.3 s"):
            asked(address, ask_s=0.3)


def test_another_account_is_named(tws):
    with pytest.raises(VenueUnavailable, match=r"ACCOUNT_MISMATCH.*REHEARSAL1"):
        asked(at(tws, account="DU7654321"))


def test_a_client_id_in_use_is_named(tws):
    tws.clash(1)
    with pytest.raises(VenueUnavailable, match=r"VENUE_UNREACHABLE.*326"):
        asked(at(tws))


def test_a_contract_without_an_answer_is_named(tws):
    tws.fault("contract", "swallow")
    with pytest.raises(VenueUnavailable, match="VENUE_UNREACHABLE"):
        asked(at(tws), listing("NASDAQ:AAPL"), ask_s=0.5)


def test_what_is_no_contract_of_ib_s_is_refused_before_it_is_asked(tws):
    with pytest.raises(ConfigError, match="CONTRACT_UNMAPPED"):
        asked(at(tws), listing("BINANCE:BTCUSDT", "spot", "BTC"))


def test_ticks_that_change_overnight_are_seen(tws):
    tws.change_contract("AAPL", rule=[["0", "0.0001"], ["1", "0.05"]], rule_id=27)
    assert asked(at(tws), listing("NASDAQ:AAPL")).limits[0].tick_size == D("0.05")
