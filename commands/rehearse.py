"""`sluice rehearse`: a Binance-spot-shaped exchange on this machine, and how to point a run at it; with `--tws` a fake TWS."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from commands.output import Exit, print_json
from commands.rehearse_parser import PORT, TWS_PORT
from orders.errors import ConfigError
from sim.rehearsal.feeds import random_walk
from sim.rehearsal.hand import Truth
from sim.rehearsal.listing import LISTINGS
from sim.rehearsal.process import serve
from sim.rehearsal.recording import recorded
from sim.rehearsal.script import read_script
from sim.rehearsal.server import Chance, Settings
from sim.rehearsal.settlement import FeeRates

FUNDS = {"USDT": Decimal(100_000)}


def run(given: argparse.Namespace) -> int:
    """Serve until Ctrl-C, SIGTERM or `--for`; then say what the exchange saw. With a config `commands.rehearse_live` does it.

    Raises `InputError`, `ConfigError`.
    """
    if given.crash_drill:
        from commands import crash_drill

        kills = given.kills or crash_drill.KILLS
        return crash_drill.run(given.config, directory=given.directory, kills=kills, seed=given.seed, as_json=given.json)
    if given.kills is not None:
        raise ConfigError("USAGE", expected="--crash-drill beside --kills", found="none", action="Give both, or neither.")
    if given.config is not None:
        from commands import rehearse_live

        return rehearse_live.run(given)
    given.port = _port(given)
    if given.tws and given.directory is None:
        from commands import rehearse_tws

        return rehearse_tws.run(given)
    if given.directory is not None or given.bundle is not None:
        raise ConfigError(
            "USAGE",
            expected=f"CONFIG beside {'--bundle' if given.directory is None else '--directory'}",
            found="none",
            action="Name the config of the live run, or use --state.",
        )
    settings = Settings(
        port=given.port,
        control_port=given.control_port,
        state=None if given.state is None else str(given.state),
        fees=FeeRates(maker=given.maker_fee, taker=given.taker_fee),
        balances=dict(given.balance) or FUNDS,
    )
    chance = Chance(seed=given.seed, fraction=float(given.fault_fraction), kinds=tuple(given.fault)) if given.fault else None

    def started(hello: dict[str, str]) -> None:
        if given.json:
            print_json({"event": "started", **hello})
        else:
            print("\n".join(_welcome(given, hello)), flush=True)

    document = asyncio.run(
        serve(settings, steps=_steps(given), chance=chance, for_s=given.for_s, started=started, with_stdin=given.ends_with_input)
    )
    if given.json:
        print_json({"event": "ended", **document})
    else:
        print("\n".join(_farewell(document)))
    return Exit.DONE


def _port(given: argparse.Namespace) -> int:
    """The one that was asked for; else the one of the examples."""
    asked: int | None = given.port
    return asked if asked is not None else TWS_PORT if given.tws else PORT


def _steps(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if given.script is not None:
        return iter(read_script(given.script))
    if given.recorded is not None:
        return recorded(given.recorded, listings={each.name: each for each in LISTINGS}, speed=given.speed)
    return random_walk(given.seed)


def _welcome(given: argparse.Namespace, hello: dict[str, str]) -> list[str]:
    feed = (
        f"script {given.script}"
        if given.script
        else f"recording {given.recorded}"
        if given.recorded
        else f"random walk, seed {given.seed}"
    )
    known = "" if given.state is None else ", unless its memory says otherwise"
    wrong = f"{', '.join(given.fault)}: {given.fault_fraction} of what could" if given.fault else "nothing, unless told"
    return [
        f"rehearsal  an exchange in Binance's words on {hello['endpoint']} · {len(LISTINGS)} pairs · {feed}",
        f"account    {', '.join(f'{amount} {asset}' for asset, amount in (dict(given.balance) or FUNDS).items())}{known}",
        f"memory     {given.state or 'none: what it knows ends with it (--state FILE keeps it)'}",
        f"faults     {wrong}",
        f'config     [data] kind = "ccxt", exchange = "binance", endpoint = "{hello["endpoint"]}"',
        f"shadow     sluice shadow CONFIG --data ccxt:binance@{hello['endpoint']}",
        f"key        {hello['key']}",
        f"secret     {hello['secret']}   of the rehearsal: it opens nothing else",
        f'control    curl -d \'{{"do": "truth"}}\' {hello["control"]}   its own book; data/README.md has all it takes',
        "stop       Ctrl-C",
    ]


def _farewell(document: dict[str, Any]) -> list[str]:
    truth = Truth(document["truth"])
    counts, struck = document["counts"], document["faults"]
    lines = [
        f"ended      {len(truth.orders)} orders, {len(truth.open_orders())} open, {len(truth.trades)} fills",
        f"requests   {', '.join(f'{name} {count}' for name, count in sorted(counts.items())) or 'none'}",
        f"faults     {len(struck)}"
        + "".join(f"\n           {name}: {kind} {when} the work" for name, kind, when in struck[-20:]),
    ]
    for account, holdings in truth.balances.items():
        rows = (f"{asset} {each['free']} free, {each['locked']} locked" for asset, each in holdings.items())
        lines.append(f"balances   {account}: {'; '.join(rows)}")
    return lines
