"""`sluice rehearse CONFIG`: a venue on this machine, a live run armed against it, and both sides' books at the end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from commands.output import Exit, print_json
from commands.rehearsal_books import compared, lines_of
from commands.rehearsal_desk import SLUICE, TWS, RehearsalDesk, furnish, named_directory, new_desk
from commands.rehearsal_truth import VenueTruth, binance_truth, tws_truth
from commands.rehearse_tws import control_line, refuse_foreign
from engine.inputs import Inputs, read_inputs
from live.arming import ENVIRONMENT_VARIABLE, LIVE
from orders.errors import VenueUnavailable
from orders.values import Record
from sim.rehearsal.hand import Truth
from sim.rehearsal.tws.values import State

END_S: Final = 30.0


class Exchange(Record, frozen=True, kw_only=True):
    """The exchange's process, and what it said of itself."""

    process: Any  # subprocess.Popen[str]
    hello: dict[str, str]

    def end(self) -> dict[str, Any]:
        """End it and return what it saw."""
        self.process.terminate()
        said, _ = self.process.communicate(timeout=END_S)
        lines = said.strip().splitlines()
        if not lines:
            raise _silent("nothing at its end")
        document: dict[str, Any] = json.loads(lines[-1])
        return document


def run(given: argparse.Namespace) -> int:
    """Rehearse until the live run ends: by Ctrl-C, SIGTERM, `--for` or its own halt.

    Return 0 when both sides agree; 1 when they do not or the run failed; 3 when it was not armed.
    """
    desk = new_desk(given.config, directory=given.directory)
    if desk.adapter == TWS:
        refuse_foreign(given)
    if given.bundle is not None:
        given.bundle = str(named_directory(desk, given.bundle))
    if given.port is None:
        given.port = 0 if given.bundle is None else desk.port
    desk.make()
    with _exchange(given, desk) as exchange:
        hello = exchange.hello
        config = furnish(desk, hello)
        if not given.json:
            print("\n".join(_welcome(desk, hello)), flush=True)
        code = _live(desk, for_s=given.for_s, as_json=given.json, bundle=given.bundle)
        seen = exchange.end()
    desk.end_watchdog()
    inputs = read_inputs(config)
    books = compared(_truth(desk, seen["truth"], inputs), config=config, inputs=inputs, venue=desk.venue)
    if given.json:
        print_json(
            {"event": "compared", "directory": str(desk.directory), "live": code, "books": books, "faults": seen["faults"]}
        )
    else:
        print("\n".join(["", *lines_of(books), f"faults     {len(seen['faults'])} struck", *_again(desk, hello)]))
    if code:
        return code
    return Exit.FAILED if books.parted else Exit.DONE


@contextmanager
def _exchange(given: argparse.Namespace, desk: RehearsalDesk) -> Iterator[Exchange]:
    """The exchange as a process of its own that outlives the live run, and ends with this one."""
    balances = dict(given.balance) or desk.funds
    words: list[Any] = ["--tws"] if desk.adapter == TWS else []
    words += ["--port", given.port, "--control-port", given.control_port, "--state", given.state or desk.memory]
    words += ["--maker-fee", given.maker_fee, "--taker-fee", given.taker_fee, "--speed", given.speed, "--seed", given.seed]
    words += ["--fault-fraction", given.fault_fraction, "--ends-with-input"]
    for name, several in (("--fault", given.fault), ("--balance", [f"{asset}={held}" for asset, held in balances.items()])):
        words += [word for each in several for word in (name, each)]
    for name, path in (("--recorded", given.recorded), ("--script", given.script)):
        words += [] if path is None else [name, path]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    command = [*SLUICE, "rehearse", "--json", *map(str, words)]
    with subprocess.Popen(command, **pipes) as process:  # our own program, words of our own parser  # nosec B603
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first or "error" in (hello := json.loads(first)):
                raise _silent("see above" if first else "nothing")
            yield Exchange(process=process, hello=hello)
        finally:
            if process.poll() is None:
                process.kill()


def _live(desk: RehearsalDesk, *, for_s: int | None, as_json: bool, bundle: str | None) -> int:
    """Run `sluice live` in this terminal and return its exit code. Ctrl-C reaches it by the terminal, SIGTERM through here."""
    words = desk.live_words + ([] if for_s is None else ["--for", str(for_s)]) + (["--json"] if as_json else [])
    words += [] if bundle is None else ["--bundle", bundle]
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with subprocess.Popen(words, env={**os.environ, ENVIRONMENT_VARIABLE: LIVE}) as process:  # as above  # nosec B603
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if code >= 0:
        return code
    print(
        f"killed     the live run, by {signal.Signals(-code).name}; its record stands and the next start goes on", file=sys.stderr
    )
    return Exit.FAILED


def _truth(desk: RehearsalDesk, told: Any, inputs: Inputs) -> VenueTruth:
    if desk.adapter == TWS:
        traded = {symbol: inputs.listings[symbol] for symbol in inputs.market_limits}
        return tws_truth(msgspec.convert(told, type=State, strict=False), listings=traded, venue=desk.venue)
    return binance_truth(Truth(told), venue=desk.venue)


def _welcome(desk: RehearsalDesk, hello: dict[str, str]) -> list[str]:
    if desk.adapter == TWS:
        what = f"a fake TWS on 127.0.0.1:{hello['port']}, account {hello['account']}"
        control = control_line(hello["control_port"])
    else:
        what = f"an exchange in Binance's words on {hello['endpoint']}"
        control = f'curl -d \'{{"do": "truth"}}\' {hello["control"]}   while it runs; data/README.md has all it takes'
    return [
        f"rehearsal  {what}, and a live run on it",
        f"directory  {desk.directory}: run.toml (of {desk.source}), keys, arming.json, the venue's memory",
        f"control    {control}",
        "",
    ]


def _again(desk: RehearsalDesk, hello: dict[str, str]) -> list[str]:
    tws = desk.adapter == TWS
    port = hello["port"] if tws else hello["endpoint"].rpartition(":")[2]
    kind = "rehearse --tws" if tws else "rehearse"
    return [
        f"again      .venv/bin/sluice {kind} --state {desk.memory} --port {port}     then, in another terminal:",
        f"           {ENVIRONMENT_VARIABLE}={LIVE} .venv/bin/sluice live {desk.config} --keys {desk.keys}",
        f"record     .venv/bin/sluice verify {desk.directory / 'lakehouse'}",
    ]


def _silent(found: str) -> VenueUnavailable:
    return VenueUnavailable(
        "REHEARSAL_NOT_STARTED",
        expected="a rehearsal venue that says where it listens",
        found=found,
        action="Free the port, or give --port 0.",
    )
