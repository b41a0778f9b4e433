"""A made crypto day with a second venue whose market keeps hours: sessions in milliseconds of the day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lakehouse.hours_snapshot import write_hours
from orders.market_hours import Calendar, Session
from tests.gate.world import BTC, DAY_NS, MS, Name, World, _limits, _listing, quote

SHARE = Name("NYSE:S000", "100")
OTHER = Name("NYSE:S001", "50")
CALENDAR = "XMAD"
FAR_MS = 86_400_000


def hours_file(path: Path, sessions: Sequence[tuple[int, int]], *, until_ms: int = FAR_MS) -> Path:
    """Write a snapshot of one calendar; the range begins an hour before the day."""
    begins, ends = DAY_NS - 3_600_000 * MS, DAY_NS + until_ms * MS
    made = tuple(
        Session(day="2025-01-06", open_ns=DAY_NS + first * MS, close_ns=DAY_NS + last * MS, early_close=False)
        for first, last in sessions
    )
    calendar = Calendar(name=CALENDAR, valid_from_ns=begins, valid_until_ns=ends, sessions=made)
    write_hours(path, [calendar], valid_from_ns=begins, valid_until_ns=ends, made_at_ns=1, source="made for a test")
    return path


def two_markets(
    root: Path,
    sessions: Sequence[tuple[int, int]],
    *,
    shares: Sequence[Name] = (SHARE,),
    quoted: dict[str, Sequence[int]] | None = None,
    last_ms: int = 3_000,
    until_ms: int = FAR_MS,
    policy: str = "",
    schedules: str = "",
) -> World:
    """Write a world where BINANCE never closes and US is open in `sessions` only; quotes every 100 ms, of a share `quoted` at."""
    world = World(
        root, names=(BTC,), latency_ms="5", jitter_ms="0", environment="two-markets", policy=policy, schedules=schedules
    )
    instants = range(0, last_ms, 100)
    world.quotes = [quote(BTC, at_ms) for at_ms in instants]
    for share in shares:
        world.quotes += [quote(share, at_ms) for at_ms in (quoted or {}).get(share.symbol, instants)]
    world.quotes.sort(key=lambda made: made.market_ns)
    world.write()
    (root / "symbols.toml").write_text(_listing(BTC, "BINANCE", "USDT") + "".join(_listing(s, "US", "USD") for s in shares))
    (root / "limits_us.json").write_text(json.dumps(_limits(shares, "US")))
    hours_file(root / "hours.json", sessions, until_ms=until_ms)
    allow = ", ".join(f'"{share.symbol}"' for share in shares)
    changes = (
        ("[capital.starting_cash.BINANCE]", '[capital.starting_cash.US]\nUSD = "100000"\n[capital.starting_cash.BINANCE]'),
        ("[sentinel.allow]", f"[sentinel.allow]\nUS = [{allow}]"),
        ('calendar = "none"', 'calendar = "24/7"'),
        (
            "[venues.BINANCE]",
            f'[venues.US]\nadapter = "simulated"\naccount = "cash"\nmarket_limits = "{root}/limits_us.json"\n'
            f'calendar = "{CALENDAR}"\nhours = "{root}/hours.json"\n[venues.BINANCE]',
        ),
        (
            "[assumptions.fees.BINANCE]",
            '[assumptions.fees.US]\nmaker_fraction = "0.0001"\ntaker_fraction = "0.0001"\nbase_on_buys = false\n'
            "[assumptions.fees.BINANCE]",
        ),
        ('BINANCE = "0"\n', 'BINANCE = "0"\nUS = "0"\n'),
        (
            "[assumptions.financing.interest.USDT]",
            '[assumptions.financing.interest.USD]\ncredit_fraction = "0"\ndebit_fraction = "0"\n'
            "[assumptions.financing.interest.USDT]",
        ),
    )
    text = world.config_path.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    world.config_path.write_text(text)
    return world
