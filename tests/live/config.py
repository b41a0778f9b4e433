"""A run config with a [live] table below a directory, over a loopback address."""

from __future__ import annotations

from pathlib import Path

from tests.ccxt_public.world import LiveWorld

ENDPOINT = "http://127.0.0.1:18081"
LIVE = """
[live]
order_timeout_s = 5
absent_s = 60
undecided_halt_s = 300
reconcile_s = 60
dead_man_s = 60
clock_offset_max_ms = 500
external_orders = "halt"
[live.persons]
alice = "{public}"
[live.venues.BINANCE]
adapter = "ccxt"
exchange = "binance"
endpoint = "{endpoint}"
credentials = "rehearsal"
account_id = "42"
day_notional_max = "50000"
arming = "{root}/arming.json"
"""


def live_config(root: Path, public: str, *, endpoint: str = ENDPOINT) -> Path:
    """Write a made world's config with live prices and a [live] table that trusts one key; return its path."""
    path = LiveWorld(root).write(endpoint).world.config_path
    path.write_text(path.read_text() + LIVE.format(public=public, root=root, endpoint=endpoint))
    return path
