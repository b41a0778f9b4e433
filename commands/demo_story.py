"""What the chapters of a promotion demo share: the desk, the stage, bundles by name, the exchange, and the words they repeat."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from commands.demo_desk import DemoDesk
from commands.demo_log import ended_cycles
from commands.demo_stage import Stage
from orders.values import Record
from sim.rehearsal.handle import told

PERSONS: Final = ("ann", "bob")  # two people, because two must sign for capital
START_S: Final = 90.0  # for a process that imports its venue's client, on a machine that is busy
CYCLE_S: Final = 60.0
FUNDS: Final = "USDT=100000"
PAUSE_S: Final = 5.0  # between manifests: the gates ask for nine seconds of each run, where a month would be right


class Going(Record, frozen=True, kw_only=True):
    """A run that goes on, and its data directory."""

    process: Any  # Backstage
    directory: Path


class Story:
    """One telling. `bundles`: hash by name of a config; `published`: how many manifests research has put out."""

    def __init__(self, *, stage: Stage, desk: DemoDesk) -> None:
        self.stage = stage
        self.desk = desk
        self.bundles: dict[str, str] = {}
        self.published = 0
        self.start_s = START_S
        self.going: Going | None = None  # a live run from one chapter into the next
        self.hello: dict[str, str] = {}

    def open_exchange(self) -> None:
        """Start the exchange, which outlives every run and ends with the demo."""
        desk, stage = self.desk, self.stage
        memory = desk.directory / "venue.sqlite"
        words: list[str | Path] = [
            "rehearse",
            "--port",
            str(desk.port),
            "--state",
            memory,
            "--balance",
            FUNDS,
            "--json",
            "--ends-with-input",
        ]
        exchange = stage.start(*words, stdin=subprocess.PIPE)
        stage.until("an exchange that listens", lambda: "\n" in exchange.text(), of=exchange, within_s=START_S)
        self.hello = json.loads(exchange.text().splitlines()[0])
        desk.write_venue_key(key=self.hello["key"], secret=self.hello["secret"])
        stage.say(f"  a Binance-shaped exchange on {self.hello['endpoint']}, a random walk; told what to do at its control port")

    def tell_exchange(self, step: Mapping[str, Any]) -> Any:
        """Tell the exchange to do a step, and show it."""
        self.stage.say(f"$ curl -d '{json.dumps(step)}' {self.hello['control']}")
        return told(self.hello["control"], step)

    def first_cycle(self, going: Going) -> None:
        """Wait until a run has traded what it found at its start."""
        what = f"a first cycle in {going.directory}"
        self.stage.until(what, lambda: ended_cycles(going.directory) > 0, of=going.process, within_s=START_S)

    @property
    def left(self) -> int:
        """How many manifests research has still to put out."""
        return len(self.desk.manifests) - self.published

    def approve(self, name: str) -> None:
        """Let a person approve the manifest that lies where a run looks."""
        words = ("--config", self.desk.config(name), "--key", PERSONS[0], "--directory", self.desk.keys)
        self.stage.run("approve", self.desk.manifest, *words, show=["approved", "signed"])

    def promote(self, name: str, *move: str, reason: str, signatures: int = 1) -> None:
        """Move a bundle: ann asks and signs, bob signs where two must."""
        desk, stage = self.desk, self.stage
        common = ("--config", desk.config(name), "--directory", desk.keys)
        asked = ("--gates", desk.gates(name), "--by", PERSONS[0], "--reason", reason, "--key", PERSONS[0])
        stage.run("promote", self.bundles[name][:16], *move, *common, *asked, says=["signed"])
        if signatures == 2:
            stage.run("promote", "sign", "--key", PERSONS[1], *common, says=["recorded"])

    def publish(self, *runs: Going, approved_by: str | None = None) -> None:
        """Let research put out its next manifest, a person approve it where it is for money (`approved_by`: under which config),
        and wait until each run has traded it.
        """
        before = [ended_cycles(going.directory) for going in runs]
        source = self.desk.publish(self.published)
        self.published += 1
        if approved_by is not None:
            self.approve(approved_by)
        self.stage.say(f"  research puts out {source.name}")
        for going, count in zip(runs, before, strict=True):
            what = f"a cycle on {source.name} in {going.directory}"
            self.stage.until(what, partial(_more, going, count), of=going.process, within_s=CYCLE_S)
        time.sleep(PAUSE_S)


def _more(going: Going, count: int) -> bool:
    return ended_cycles(going.directory) > count
