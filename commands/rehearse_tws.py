"""`sluice rehearse --tws`: a fake TWS on this machine, and how to point a live run at it."""

from __future__ import annotations

import argparse
import asyncio
from decimal import Decimal
from typing import Any, Final

import msgspec

from commands.output import Exit, print_json
from orders.errors import ConfigError
from sim.rehearsal.tws.faults import BY_CHANCE, Chance
from sim.rehearsal.tws.handle import ACCOUNT
from sim.rehearsal.tws.process import serve
from sim.rehearsal.tws.server import Settings
from sim.rehearsal.tws.values import State
from sim.rehearsal.tws.walk import FIRST

FUNDS: Final = {"USD": Decimal(100_000)}


def refuse_foreign(given: argparse.Namespace) -> None:
    """Raise `ConfigError` USAGE for an option of the Binance-shaped exchange, or a fault that a fake TWS has not."""
    foreign = [name for name, value in (("--recorded", given.recorded), ("--script", given.script)) if value is not None]
    fees = (("--maker-fee", given.maker_fee), ("--taker-fee", given.taker_fee))
    foreign += [name for name, value in fees if value != Decimal("0.001")]
    foreign += [f"--fault {kind}" for kind in given.fault if kind not in BY_CHANCE]
    foreign += [f"--balance {asset}" for asset, _ in given.balance if asset != "USD"]
    if foreign:
        raise ConfigError(
            "USAGE",
            expected=f"with a fake TWS: --balance USD=AMOUNT, --fault {', '.join(sorted(BY_CHANCE))}; its market walks by --seed",
            found=", ".join(foreign),
            action="Leave them out; they are the Binance-shaped exchange's.",
        )


def run(given: argparse.Namespace) -> int:
    """Serve until Ctrl-C, SIGTERM or `--for`; then say what TWS saw. Raises `InputError`, `ConfigError`, `VenueUnavailable`."""
    refuse_foreign(given)
    chance = Chance(seed=given.seed, fraction=given.fault_fraction, kinds=tuple(given.fault)) if given.fault else None
    settings = Settings(
        port=given.port,
        control_port=given.control_port,
        state=None if given.state is None else str(given.state),
        account=ACCOUNT,
        cash=dict(given.balance) or FUNDS,
        walk=given.seed,
        chance=chance,
    )

    def started(hello: dict[str, Any]) -> None:
        if given.json:
            print_json({"event": "started", **{name: str(value) for name, value in hello.items()}})
        else:
            print("\n".join(_welcome(given, hello)), flush=True)

    document = asyncio.run(serve(settings, started=started, for_s=given.for_s, with_stdin=given.ends_with_input))
    if given.json:
        print_json({"event": "ended", **document})
    else:
        print("\n".join(_farewell(document)))
    return Exit.DONE


def _welcome(given: argparse.Namespace, hello: dict[str, Any]) -> list[str]:
    wrong = f"{', '.join(given.fault)}: {given.fault_fraction} of what could" if given.fault else "nothing, unless told"
    return [
        f"rehearsal  a fake TWS on 127.0.0.1:{hello['port']} · {len(FIRST)} shares · random walk, seed {given.seed}",
        f"account    {hello['account']}: {', '.join(f'{held} {code}' for code, held in (dict(given.balance) or FUNDS).items())}"
        f"{'' if given.state is None else ', unless its memory says otherwise'}",
        f"memory     {given.state or 'none: what it knows ends with it (--state FILE keeps it)'}",
        f"faults     {wrong}",
        f'config     [live.venues.IBKR] adapter = "ibkr", tws_port = {hello["port"]}, account_id = "{hello["account"]}"',
        f"control    {control_line(hello['control_port'])}",
        "stop       Ctrl-C",
    ]


def control_line(port: Any) -> str:
    """Return how its control endpoint is asked."""
    return f'curl -d \'{{"do": "truth"}}\' http://127.0.0.1:{port}/   its own book; data/README.md has all it takes'


def _farewell(document: dict[str, Any]) -> list[str]:
    state = msgspec.convert(document["truth"], type=State, strict=False)
    struck, working = document["faults"], sum(order.works for order in state.orders)
    return [
        f"ended      {len(state.orders)} orders, {working} open, {len(state.executions)} fills",
        f"requests   {', '.join(f'{name} {count}' for name, count in sorted(document['counts'].items())) or 'none'}",
        f"faults     {len(struck)}" + "".join(f"\n           {name}: {kind}" for name, kind in struck[-20:]),
        f"cash       {'; '.join(f'{held} {code}' for code, held in state.cash.items())}",
    ]
