"""`sluice live` as its user has it: a config, keys and an arming on disk, the rehearsal exchange as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from engine.run_config import load_config
from lakehouse.live_note import read_live_note
from live.approving import approve
from live.arming_file import Arming, armed_bytes
from live.signing_keys import load_key, make_key
from orders.errors import VenueUnavailable
from sim.rehearsal.handle import RehearsalVenue
from sim.rehearsal.wording import ACCOUNT_UID
from tests import canary
from tests.children import child, kill
from tests.gate.world import BTC, ETH, SOL, Name, World, manifest_text
from tests.live.config import live_config

ROOT = Path(__file__).parents[2]
WAIT_S = 40.0
PULSE_S = 0.1
WORKING = ("NEW", "PARTIALLY_FILLED")
ACCOUNT = str(ACCOUNT_UID)
HOUR_NS = 3_600_000_000_000
CASH = Decimal(100_000)  # at the venue to begin with, USDT or USD
PASSIVE = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 600\n'


def stamp(*, seconds_ago: int) -> str:
    """A moment ago, as a manifest has it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S")


def fresh(weights: Mapping[str, str], *, seconds_ago: int = 60) -> str:
    """A manifest generated a moment ago."""
    return manifest_text(weights, generated=stamp(seconds_ago=seconds_ago))


@dataclass
class Desk:
    """One directory with everything a live run needs, and the exchange it is pointed at: Binance's words through CCXT.

    `tests.live.ib_world` has the same of Interactive Brokers; what a test asks of a venue without knowing which, is asked here.
    """

    root: Path
    venue: Any
    world: World
    config: Path
    children: contextlib.ExitStack
    names: ClassVar[tuple[Name, ...]] = (BTC, ETH)
    called: ClassVar[str] = "BINANCE"
    account: ClassVar[str] = ACCOUNT

    @property
    def weights(self) -> dict[str, str]:
        """Of the first manifest."""
        return {name.symbol: "0.2" for name in self.names}

    def weigh(self, weight: str, *, seconds_ago: int = 1) -> None:
        """Install a newer manifest of the same two names."""
        self.install(fresh({name.symbol: weight for name in self.names}, seconds_ago=seconds_ago))

    def ids(self) -> list[str]:
        """Our id of every order at the venue, as often as it is there."""
        return [str(order["clientOrderId"]) for order in self.venue.truth().orders]

    def trade_ids(self) -> list[str]:
        return [str(trade["id"]) for trade in self.venue.truth().trades]

    def held(self, name: Name) -> Decimal:
        """What the account holds of a name."""
        row = self.venue.truth().balances["main"].get(str(name.base), {"free": "0", "locked": "0"})
        return Decimal(row["free"]) + Decimal(row["locked"])

    def bought(self) -> dict[str, Decimal]:
        """Quote currency by symbol that the venue has traded; a sale fails."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for trade in self.venue.truth().trades:
            assert trade["isBuyer"], trade
            found[f"BINANCE:{trade['symbol']}"] += Decimal(trade["quoteQty"])
        return found

    def move(self, tick: int, wide: int) -> None:
        """Set the market of both names, so many ticks above its first; a venue that is down is left alone."""
        with contextlib.suppress(VenueUnavailable):
            for symbol, ticks in (("BTCUSDT", 10_000_000 + tick), ("ETHUSDT", 400_000 + tick)):
                self.venue.quote(symbol, str(Decimal(ticks) / 100), str(Decimal(ticks + wide) / 100))

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def lines(self) -> list[dict[str, Any]]:
        if not self.world.layout.log.exists():
            return []
        return [json.loads(raw) for raw in self.world.layout.log.read_bytes().split(b"\n")[:-1]]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] in kinds]

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text, old
        self.config.write_text(text.replace(old, new))

    def limits(self, most: Mapping[str, str]) -> None:
        """Write the venue's largest quantities into the snapshot, which has them larger."""
        path = self.root / "limits.json"
        document = json.loads(path.read_text())
        for row in document["limits"]:
            row["max_quantity"] = most.get(row["symbol"], row["max_quantity"])
        path.write_text(json.dumps(document))

    def secret(self, *, key: str | None = None, mode: int = 0o400) -> None:
        """Write the account's key as the venue knows it, or another one."""
        path = self.keys / "rehearsal"
        path.unlink(missing_ok=True)
        path.write_text(f"{key or self.venue.key}\n{self.venue.secret}\n")
        path.chmod(mode)

    def arm(self, **change: Any) -> None:
        """Sign an arming that holds for an hour."""
        now = time.time_ns()
        facts: dict[str, Any] = {
            "venue": self.called, "account_id": self.account, "environment": "live-shadow", "day_notional": Decimal("500000"),
            "not_before_ns": now - HOUR_NS, "expires_ns": now + HOUR_NS, "by": "alice",
        }  # fmt: skip
        arming = Arming(**facts | change)
        (self.root / "arming.json").write_bytes(armed_bytes(arming, key=load_key(arming.by, directory=self.keys)))

    def install(self, text: str, *, approved: bool = True) -> None:
        """Put a manifest where the run looks for it, with alice's approval unless it is to lack one."""
        new = self.world.manifest.with_name("new.json")
        new.write_text(text)
        if approved:
            config, key = load_config(self.config), load_key("alice", directory=self.keys)
            approve(new, config=config, signer="alice", key=key, now_ns=time.time_ns())
        new.replace(self.world.manifest)

    def start(
        self, *options: str, engine: str = "live", environ: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start `sluice live`, or shadow; `prefix`: the words of a command that runs it, such as strace's."""
        keys = ["--keys", str(self.keys)] if engine == "live" else []
        command = [*prefix, sys.executable, "-m", "commands.main", engine, str(self.config), *keys, *options]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **({"SLUICE_ENV": "live"} if environ is None else environ)}
        return self.children.enter_context(child(command, cwd=ROOT, env=env))

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Start another command of a user beside the run."""
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "commands.main", *words, "--lakehouse", str(self.world.lakehouse)]
        return self.children.enter_context(child(command, cwd=ROOT, env=env))

    def halt(self, *more: str) -> tuple[int, str]:
        """`sluice halt` by alice; return its exit code and what it said."""
        process = self.command("halt", "--by", "alice", "--reason", "enough", *more)
        said = process.communicate(timeout=120)[0]
        return process.returncode, said

    def working(self) -> list[str]:
        """Our ids of the orders that work at the venue."""
        return [str(order["clientOrderId"]) for order in self.venue.truth().orders if order["status"] in WORKING]

    def end_watchdog(self) -> None:
        """The watchdog of the last run, which no test's group has."""
        note = read_live_note(self.world.layout)
        if note is not None and note.watchdog is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(note.watchdog, signal.SIGKILL)

    def until(self, true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Wait until something holds; the process ending first is a failure that shows what it said."""
        deadline = time.monotonic() + WAIT_S
        while not true():
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"it did not come: {kill(process)[-4000:]}")
            time.sleep(0.02)

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
        """Send a signal, wait, return what was said."""
        if process.poll() is None:
            process.send_signal(number)
        return process.communicate(timeout=WAIT_S)[0]


@contextmanager
def desk(
    root: Path, *, balances: Mapping[str, str] | None = None, resting: bool = False, kind: type[Desk] = Desk
) -> Iterator[Desk]:
    """A rehearsal exchange with 100,000 USDT and a sound, armed configuration for it; every process is reaped.

    `resting`: orders are put at the near touch of a market too wide to fill them, and wait there for ten minutes. `kind`: a desk
    with names and a market of its own.
    """
    wide = 100 if resting else 2
    with (
        RehearsalVenue.start(
            state=root / "venue.sqlite", balances=balances or {"USDT": str(CASH)}, key_file=canary.key_file()
        ) as venue,
        contextlib.ExitStack() as children,
    ):
        made = kind(root=root, venue=venue, world=World(root), config=root / "made.toml", children=children)
        live_config(root, make_key("alice", directory=made.keys), endpoint=venue.endpoint, names=kind.names)
        made.move(0, wide)
        made.world = World(root, names=kind.names, environment="live-shadow")
        made.change('account_id = "42"', f'account_id = "{ACCOUNT}"')
        made.change("order_timeout_s = 5", "order_timeout_s = 2")
        made.change("absent_s = 60", "absent_s = 8")
        made.change("stale_ms = 500", "stale_ms = 5000")
        made.limits({BTC.symbol: "120", ETH.symbol: "2400", SOL.symbol: "15000"})
        if resting:
            made.change("[sentinel]", f'schedule = "slow"\n{PASSIVE}[sentinel]')
        made.secret()
        made.arm()
        made.weigh("0.2", seconds_ago=60)
        with market(made, wide=wide):
            yield made


@contextmanager
def market(made: Desk, *, wide: int) -> Iterator[None]:
    """A market that moves a tick at a time, so that no stream is silent; at the end the last watchdog goes too."""
    over = threading.Event()
    beat = threading.Thread(target=_move, args=(made, over, wide))
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()
        made.end_watchdog()


def _move(made: Desk, over: threading.Event, wide: int) -> None:
    tick = 0
    while not over.wait(PULSE_S):
        tick = (tick + 1) % 50
        made.move(tick, wide)


def dice_of(name: str) -> random.Random:
    """Seeded by a test's name."""
    return random.Random(name)
