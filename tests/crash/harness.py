"""A made shadow run to be killed: a few days of the sample's closes, dated manifests with turnover, and what must hold after."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout
from lakehouse.verifier import VerifyReport, verify
from tests.children import END_S, child
from tests.cut_records import cut_record, whole
from tests.no_egress import watched

ROOT = Path(__file__).parents[2]
FIRST_MANIFEST = ROOT / "data/samples/sp500/manifests/2022-03-31.json"


@dataclass(frozen=True)
class World:
    """Paths of one lakehouse and the config that names it; `origin`: what it is a copy of."""

    lake: Path
    config: Path
    manifests: Path
    origin: World | None = None

    @property
    def whole(self) -> World:
        """The uncut record that this is a copy of."""
        assert self.origin is not None
        return self.origin

    @property
    def layout(self) -> Layout:
        return Layout(self.lake)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "commands.main", *words]

    def configure(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


def make_world(
    root: Path, *, end: date = date(2022, 4, 7), speed: int = 345_600, manifests: tuple[date, ...] = (), interest: str = "0"
) -> World:
    """A lakehouse under `root` with a replay from 31 March 2022; each further manifest turns the weights round.

    `interest`: annual fraction of cash; above zero every day has a line of financing.
    """
    world = World(lake=root / "lake", config=root / "run.toml", manifests=root / "manifests")
    world.manifests.mkdir(parents=True)
    text = (ROOT / "data/configs/shadow.toml").read_text()
    text = text.replace('"data/lakehouse', f'"{world.lake}').replace('"data/samples/sp500/manifests"', f'"{world.manifests}"')
    text = text.replace('"data/', f'"{ROOT}/data/').replace('provenance_min = "VERIFIED"', 'provenance_min = "ABSENT"')
    text = text.replace('price_collar_fraction = "0.05"', 'price_collar_fraction = "0.3"')  # days pass between decision and order
    text = text.replace("plan_deadline_s = 172800", "plan_deadline_s = 604800")  # longer than a start takes at this speed
    text = text.replace("market_speed = 86400", f"market_speed = {speed}").replace("end = 2022-06-02", f"end = {end}")
    text = text.replace('credit_fraction = "0"', f'credit_fraction = "{interest}"')
    world.config.write_text(text)
    for turn, day in enumerate((date(2022, 3, 31), *manifests)):
        (world.manifests / f"{day}.json").write_text(turned(day, turn=turn))
    return world


def turned(day: date, *, turn: int) -> str:
    """The sample's manifest of March as of another day, its weights moved on by `turn` * 7 names."""
    manifest = json.loads(FIRST_MANIFEST.read_text())
    stamp = f"{day}T20:04:50"
    winner = manifest["winners"][0]
    winner["metadata"]["generated_at"] = stamp
    weights = [(asset["Weight"], asset["Net_Weight"]) for asset in winner["assets"]]
    for number, asset in enumerate(winner["assets"]):
        asset["Generated_At"] = stamp
        asset["Weight"], asset["Net_Weight"] = weights[(number + 7 * turn) % len(weights)]
    return json.dumps(manifest)


def started(world: World, *prefix: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """`sluice shadow` as a process that lives no longer than the block."""
    return child([*prefix, *world.command("shadow", str(world.config))], cwd=ROOT)


def run_to_end(world: World) -> str:
    """Run the shadow until it ends by itself; return what it printed."""
    with started(world) as process:
        text = process.communicate(timeout=END_S)[0]
    assert process.returncode == 0, text
    assert "Traceback" not in text, text
    return text


def sluice(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """One command of the real command line."""
    return subprocess.run(
        [sys.executable, "-m", "commands.main", *words],
        cwd=cwd,
        env=watched({**os.environ, "PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )


def wait_for_lines(world: World, count: int, process: subprocess.Popen[str]) -> None:
    """Return when the log has `count` lines or the process has ended."""
    while process.poll() is None:
        if line_count(world) >= count:
            return
        time.sleep(0.001)


def line_count(world: World) -> int:
    return whole(world.layout.log).count(b"\n")


def lines_of(world: World) -> list[dict[str, Any]]:
    """The whole lines of the log, over all its segments."""
    raw = whole(world.layout.log).split(b"\n")
    return [json.loads(line) for line in raw[:-1]]


class Fills:
    """What fills the log ever had: none may be missing from it later."""

    def __init__(self) -> None:
        self.keys: set[tuple[str, ...]] = set()

    def still_there(self, lines: list[dict[str, Any]]) -> None:
        names = ("venue", "account", "symbol", "trade_id", "client_order_id", "quantity", "price")
        keys = {tuple(line[name] for name in names) for line in lines if line["type"] == "fill"}
        assert self.keys <= keys, f"lost: {self.keys - keys}"
        self.keys = keys


def check(world: World) -> VerifyReport:
    """What must hold at every instant at which the process is dead."""
    report = verify(world.lake)
    assert report.first_bad is None, report.first_bad
    assert report.unexplained_fills == 0
    lines = lines_of(world)
    of: Mapping[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        of[line["type"]].append(line)
    intents = {line["client_order_id"]: line for line in of["intent"]}
    assert len(intents) == len(of["intent"]), "a client order id was intended twice"
    places = Counter((line["cycle"], line["line"]) for line in of["intent"])
    assert max(places.values(), default=1) == 1, "a plan line had two orders"
    sends = Counter(line["client_order_id"] for line in of["send"] if line["action"] == "submit")
    assert max(sends.values(), default=1) == 1, "an order was sent twice"
    assert sends.keys() <= intents.keys()
    filled: dict[str, Decimal] = defaultdict(Decimal)
    ended: set[str] = set()
    for line in lines:
        if line["type"] in {"cancel", "reject"}:
            ended.add(line["client_order_id"])
        elif line["type"] == "fill":
            assert line["client_order_id"] in sends
            assert line["client_order_id"] not in ended, "a fill after the end of its order"
            filled[line["client_order_id"]] += Decimal(line["quantity"])
    for key, quantity in filled.items():
        assert quantity <= Decimal(intents[key]["quantity"]), key
    keys = Counter((line["venue"], line["account"], line["symbol"], line["trade_id"]) for line in of["fill"])
    assert max(keys.values(), default=1) == 1, "a trade id twice"
    owners: dict[str, set[str]] = defaultdict(set)
    for line in [*of["ack"], *of["fill"]]:
        owners[line["venue_order_id"]].add(line["client_order_id"])
    assert all(len(owner) == 1 for owner in owners.values()), "one venue order id for two orders"
    opened = Counter(line["cycle"] for line in of["cycle"])
    assert max(opened.values(), default=1) == 1
    interest = [(line["from_ns"], line["to_ns"]) for line in of["financing"]]
    assert [end for _, end in interest[:-1]] == [begin for begin, _ in interest[1:]], "a day without interest, or with two"
    assert all(amount >= 0 for row in report.cash.values() for amount in row.values()), report.cash
    return report


def check_end(world: World) -> VerifyReport:
    """What must hold, beside `check`, when a run ended by itself."""
    report = check(world)
    assert report.open_orders == 0
    lines = lines_of(world)
    assert lines[-1]["type"] == "run_stop"
    assert report.anchored_line == report.log_lines
    opened = [line["cycle"] for line in lines if line["type"] == "cycle"]
    closed = [line["cycle"] for line in lines if line["type"] == "cycle_end"]
    assert opened == closed
    state = json.loads(world.layout.state.read_text())
    assert state, "a state was expected"
    return report


def targets_are_reached(world: World, report: VerifyReport, *, tolerance: Decimal = Decimal("0.01")) -> None:
    """Hold what is held against the last accepted manifest at the last plan's prices, but for drift band and cash scaling."""
    lines = lines_of(world)
    accepted = [line for line in lines if line["type"] == "manifest" and line["decision"] == "ACCEPTED"][-1]
    judged = [line for line in lines if line["type"] == "plan"][-1]
    assert judged["decision"] == "PLAN", judged["message"]
    assert judged["manifest_sha256"] == accepted["manifest_sha256"]
    plan = judged["plan"]
    for line in plan["lines"]:
        mid = (Decimal(line["bid"]) + Decimal(line["ask"])) / 2
        held = report.positions.get(line["symbol"], Decimal(0)) * mid / Decimal(plan["equity_base"])
        wanted = Decimal(accepted["targets"].get(line["symbol"], "0"))
        assert abs(held - wanted) <= tolerance, (line["symbol"], held, wanted)


def copied(world: World, root: Path) -> World:
    """A copy of a lakehouse under another root, its config pointing there."""
    shutil.copytree(world.lake, root / "lake")
    shutil.copytree(world.manifests, root / "manifests")
    old = str(world.config.parent)
    (root / "run.toml").write_text(world.config.read_text().replace(old, str(root)))
    return World(lake=root / "lake", config=root / "run.toml", manifests=root / "manifests", origin=world)


def cut_after(world: World, number: int) -> None:
    """Make the record what a kill right after log line `number` leaves: later lines, their records, state, snapshots gone."""
    cut_record(world.layout, number)
    world.layout.state.unlink(missing_ok=True)
    shutil.rmtree(world.lake / "snapshots", ignore_errors=True)
    read = [line["manifest_sha256"] for line in lines_of(world) if line["type"] == "manifest" and line["decision"] == "ACCEPTED"]
    by_sha256 = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in world.manifests.glob("*.json")}
    watched = world.lake / "portfolio_optimized_v3.json"
    watched.unlink()
    if read:
        shutil.copy(by_sha256[read[-1]], watched)


def add_line(world: World, line: Mapping[str, Any]) -> None:
    """Append a line by hand, numbered as the next."""
    with world.layout.log.open("ab") as log:
        log.write(json.dumps({**line, "seq": line_count(world) + 1}, separators=(",", ":")).encode() + b"\n")
