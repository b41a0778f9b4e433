"""Deposits and withdrawals of the rehearsal exchange, as Binance tells them and as unmodified ccxt reads them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from orders.errors import InputError
from sim.rehearsal.local import LocalVenue, local_venue
from venues.ccxt.egress import moved
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.trading_profiles import BINANCE


async def told(venue: LocalVenue) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    exchange = ccxt.binance({"apiKey": venue.key, "secret": venue.secret, "options": dict(BINANCE.options)})
    endpoint = parse_endpoint(venue.endpoint)
    exchange.urls = moved(exchange.urls, endpoint)
    try:
        return await exchange.fetch_deposits(), await exchange.fetch_withdrawals()
    finally:
        await exchange.close()


def test_ccxt_reads_amounts_fees_and_states_as_they_are() -> None:
    async def run() -> None:
        async with local_venue(balances={"USDT": "1000"}) as venue:
            venue.deposit("USDT", "500.5", transfer_id="in")
            waits = venue.deposit("BTC", "1", pending=True)
            venue.withdraw("USDT", "100", fee="1.5", pending=True)
            deposits, withdrawals = await told(venue)
            seen = {(one["id"] == "in", one["currency"], one["amount"], one["status"]) for one in deposits}
            assert seen == {(True, "USDT", 500.5, "ok"), (False, "BTC", 1.0, "pending")}
            assert [(one["amount"], one["fee"]["cost"], one["status"]) for one in withdrawals] == [(100.0, 1.5, "pending")]
            venue.confirm(waits)
            deposits, _ = await told(venue)
            assert {one["status"] for one in deposits} == {"ok"}

    asyncio.run(run())


def test_a_deposit_arrives_when_it_is_confirmed_and_a_withdrawal_is_gone_at_once_with_its_fee() -> None:
    async def run() -> None:
        async with local_venue(balances={"USDT": "1000"}) as venue:
            number = venue.deposit("USDT", "500", pending=True)
            venue.withdraw("USDT", "100", fee="1.5", pending=True)
            assert venue.truth().balances["main"]["USDT"]["free"] == "898.5"
            venue.confirm(number)
            assert venue.truth().balances["main"]["USDT"]["free"] == "1398.5"
            with pytest.raises(InputError, match="SCRIPT_MALFORMED"):
                venue.confirm(number)
            with pytest.raises(InputError, match="insufficient"):
                venue.withdraw("USDT", "1398", fee="1")

    asyncio.run(run())


def test_they_survive_a_restart_of_the_exchange(tmp_path: Path) -> None:
    async def run() -> None:
        state = tmp_path / "venue.sqlite"
        async with local_venue(state=state, balances={"USDT": "1000"}) as venue:
            number = venue.deposit("USDT", "500", pending=True)
        async with local_venue(state=state) as venue:
            venue.confirm(number)
            venue.withdraw("USDT", "10")
            deposits, withdrawals = await told(venue)
            assert ([one["status"] for one in deposits], len(withdrawals)) == (["ok"], 1)

    asyncio.run(run())
