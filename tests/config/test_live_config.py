"""[live] of a run config: every sentence of what does not fit, by one change each to a config that does."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from engine.run_config import load_config
from tests.config_refused import change, keys_refused
from tests.gate.world import Name
from tests.live.config import ENDPOINT, ib_config, live_config

PUBLIC = "ed25519:" + base64.b64encode(bytes(32)).decode()
NAMES = (Name("NASDAQ:AAPL", "230.00"), Name("NYSE:XOM", "110.00"))
BAD = [
    ("no such exchange", 'exchange = "binance"\nendpoint', 'exchange = "nowhere"\nendpoint', "live.venues.BINANCE.exchange"),
    ("no exchange", 'adapter = "ccxt"\nexchange = "binance"\n', 'adapter = "ccxt"\n', "live.venues.BINANCE.exchange"),
    ("an exchange of IB", 'adapter = "ccxt"', 'adapter = "ibkr"', "live.venues.BINANCE.exchange"),
    ("a real account of IB called a rehearsal", 'adapter = "ccxt"\nexchange = "binance"\n', 'adapter = "ibkr"\n',
     "live.venues.BINANCE.endpoint"),
    ("an adapter that is none", 'adapter = "ccxt"', 'adapter = "simulated"', "live.venues.BINANCE.adapter"),
    ("an account without a name", 'account_id = "42"\n', "", "live.venues.BINANCE.account_id"),
    ("a cap of nothing", 'day_notional_max = "500000"', 'day_notional_max = "0"', "live.venues.BINANCE.day_notional_max"),
    ("an inexact cap", 'day_notional_max = "500000"', "day_notional_max = 500000.0", "live.venues.BINANCE.day_notional_max"),
    ("nobody may sign", f'alice = "{PUBLIC}"', "", "live.persons"),
    ("a key that is none", PUBLIC, "ed25519:abc", "live.persons.alice"),
    ("a venue missing", "[live.venues.BINANCE]", "[live.venues.OKX]", "live.venues"),
    ("decided before it is proven", "undecided_halt_s = 300", "undecided_halt_s = 60", "live.undecided_halt_s"),
    ("a clock a second and more away", "clock_offset_max_ms = 500", "clock_offset_max_ms = 1001", "live.clock_offset_max_ms"),
    ("external orders ignored", 'external_orders = "halt"', 'external_orders = "ignore"', "live.external_orders"),
    ("an unknown key", "reconcile_s = 60", "reconcile_s = 60\nretry = true", "live.retry"),
    ("a key in the config", 'credentials = "rehearsal"', 'credentials = "rehearsal"\nsecret = "x"', "live.venues.BINANCE.secret"),
    ("orders elsewhere than prices", f'exchange = "binance"\nendpoint = "{ENDPOINT}"\ncred', 'exchange = "binance"\ncred',
     "live.venues.BINANCE.endpoint"),
]  # fmt: skip

OF_IB = [
    ("no port", "tws_port = 4002\n", "", "live.venues.IBKR.tws_port"),
    ("no client id", "client_id = 7\n", "", "live.venues.IBKR.client_id"),
    ("TWS' own window", "client_id = 7", "client_id = 0", "live.venues.IBKR.client_id"),
    ("no port there is", "tws_port = 4002", "tws_port = 65536", "live.venues.IBKR.tws_port"),
    ("no account of IB", 'account_id = "REHEARSAL1"', 'account_id = "du-1"', "live.venues.IBKR.account_id"),
    ("a key where none is asked for", "client_id = 7", 'client_id = 7\ncredentials = "x"', "live.venues.IBKR.credentials"),
    ("an exchange of ccxt", "client_id = 7", 'client_id = 7\nexchange = "binance"', "live.venues.IBKR.exchange"),
    ("an endpoint", "client_id = 7", f'client_id = 7\nendpoint = "{ENDPOINT}"', "live.venues.IBKR.endpoint"),
    ("orders of others cancelled", 'external_orders = "halt"', 'external_orders = "cancel"', "live.venues.IBKR.adapter"),
    ("a margin account", 'account = "cash"', 'account = "margin"', "live.venues.IBKR.adapter"),
    ("another adapter than the prices'", 'adapter = "ibkr"', 'adapter = "ccxt"', "live.venues.IBKR.adapter"),
    ("keys of prices elsewhere", 'kind = "ibkr"', 'kind = "ibkr"\nstale_ms = 500', "data.stale_ms"),
    ("a file of prices", 'kind = "ibkr"', 'kind = "ibkr"\npath = "x"', "data"),
    ("dollars of another name", 'base_currency = "USD"', 'base_currency = "EUR"', "sentinel.allow.IBKR"),
]  # fmt: skip


def test_a_sound_config_is_taken(tmp_path: Path) -> None:
    config = load_config(live_config(tmp_path, PUBLIC))
    assert config.live is not None
    assert config.live.venues["BINANCE"].account_id == "42"


@pytest.mark.parametrize(("old", "new", "key"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_one_change_is_named_by_its_key(old: str, new: str, key: str, tmp_path: Path) -> None:
    path = live_config(tmp_path, PUBLIC)
    text = path.read_text()
    head, live = text[: text.index("[live]")], text[text.index("[live]") :]
    assert old in live
    path.write_text(head + live.replace(old, new))
    assert key in keys_refused(path)


@pytest.mark.parametrize("endpoint", ["http://10.0.0.1:8080", "http://example.com", "http://127.0.0.1.evil.com:80"])
def test_an_endpoint_that_is_not_loopback_is_refused(endpoint: str, tmp_path: Path) -> None:
    path = live_config(tmp_path, PUBLIC)
    change(path, ENDPOINT, endpoint)
    assert {"data.endpoint", "live.venues.BINANCE.endpoint"} <= keys_refused(path)


def test_recorded_prices_are_not_live(tmp_path: Path) -> None:
    from tests.gate.world import World

    live = live_config(tmp_path, PUBLIC).read_text()
    path = World(tmp_path).write().config_path
    path.write_text(path.read_text() + live[live.index("[live]") :])
    assert "live" in keys_refused(path)


@pytest.mark.parametrize(("old", "new", "key"), [row[1:] for row in OF_IB], ids=[row[0] for row in OF_IB])
def test_one_change_of_a_config_at_interactive_brokers_is_named_by_its_key(old: str, new: str, key: str, tmp_path: Path) -> None:
    path = ib_config(tmp_path, PUBLIC, names=NAMES).config_path
    assert load_config(path).live is not None
    change(path, old, new)
    assert key in keys_refused(path)


def test_prices_of_interactive_brokers_need_its_line(tmp_path: Path) -> None:
    path = ib_config(tmp_path, PUBLIC, names=NAMES).config_path
    text = path.read_text()
    path.write_text(text[: text.index("[live]")])
    assert "data.kind" in keys_refused(path)
