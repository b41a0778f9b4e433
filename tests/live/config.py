"""A run config with a [live] table below a directory, over a loopback address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.ccxt_public.world import LiveWorld
from tests.gate.shares import shares_at_ib
from tests.gate.world import BTC, ETH, Name, World

ENDPOINT = "http://127.0.0.1:18081"
SECTION = """
[live]
order_timeout_s = {timeout_s}
absent_s = {absent_s}
undecided_halt_s = 300
reconcile_s = 60
dead_man_s = 60
clock_offset_max_ms = 500
external_orders = "halt"
[live.persons]
alice = "{public}"
[live.venues.{venue}]
{adapter}account_id = "{account}"
day_notional_max = "500000"
arming = "{root}/arming.json"
"""
CCXT = """\
adapter = "ccxt"
exchange = "binance"
endpoint = "{endpoint}"
credentials = "rehearsal"
"""
IB = """\
adapter = "ibkr"
tws_port = {port}
client_id = 7
"""


def ib_config(root: Path, public: str, *, names: Sequence[Name], port: int = 4002, account: str = "REHEARSAL1") -> World:
    """Write a made world of shares at Interactive Brokers with a [live] table that trusts one key; return it."""
    world = shares_at_ib(root, names=names, environment="live-shadow")
    text = re.sub(
        r"\[data\].*?\[snapshots\]", '[data]\nkind = "ibkr"\n[snapshots]', world.config_path.read_text(), flags=re.DOTALL
    )
    text = text.replace('calendar = "none"', 'calendar = "24/7"')
    section = SECTION.format(
        timeout_s=2, absent_s=8, public=public, venue="IBKR", adapter=IB.format(port=port), account=account, root=root
    )
    world.config_path.write_text(text + section)
    return world


def live_config(root: Path, public: str, *, endpoint: str = ENDPOINT, names: Sequence[Name] = (BTC, ETH)) -> Path:
    """Write a made world's config with live prices and a [live] table that trusts one key; return its path."""
    path = LiveWorld(root, names=names).write(endpoint).world.config_path
    section = SECTION.format(
        timeout_s=5, absent_s=60, public=public, venue="BINANCE", adapter=CCXT.format(endpoint=endpoint), account="42", root=root
    )
    path.write_text(path.read_text() + section)
    return path
