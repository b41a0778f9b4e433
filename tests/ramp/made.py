"""A ramp over a log in memory: real lines, numbered and folded as the journal does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from engine.line_writer import LineWriter
from engine.market_time import IDENTITY
from lakehouse import records
from lakehouse.journal import number_line
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold, decode_line
from live.ramp import Ramp, RunningGates
from orders.capital import Capital, tighter
from orders.capital_granted import granted
from orders.errors import StorageError
from orders.promotion import Move
from tests.promotion.made import START_NS, TO_LIVE, line_of

DAY = START_NS // (86_400 * 10**9)
RUN = "ramp-1"


class Memory:
    """A journal that keeps lines as bytes; `full`: it takes no more."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.full = False
        self.waiters: list[Callable[[], None]] = []  # for the disk

    def append(self, line: Any) -> int:
        if self.full:
            raise StorageError("DISK_FULL", expected="room", found="none", action="Free some.")
        number_line(line, len(self.raw) + 1)
        self.raw.append(msgspec.json.encode(line))
        return len(self.raw)

    def when_durable(self, callback: Callable[[], None], *, meanwhile: Callable[[], None] | None = None) -> None:
        self.waiters.append(callback)

    def lines(self, kind: type[Any]) -> list[Any]:
        """The lines of one kind."""
        return [line for raw in self.raw if isinstance(line := decode_line(raw), kind)]

    def fold(self) -> LogFold:
        """All of it, folded from the start, as a restart does."""
        fold = LogFold()
        for raw in self.raw:
            fold.apply(decode_line(raw))
        return fold


class Ramped:
    """One run after the other on one log. `held`: what the run may use now; `told`: what was put on the screen."""

    def __init__(self, *moves: Move, root: Path = Path("/nonexistent"), gates: RunningGates | None = None) -> None:
        self.gates = gates
        self.journal = Memory()
        self.now = START_NS
        self.held: Capital | None = None
        self.told: list[str] = []
        self.halts: list[str] = []
        self.layout = Layout(root)
        for one in moves or TO_LIVE:
            self.person(one)
        self.start()

    def person(self, move: Move) -> None:
        """A move by persons, while nothing runs."""
        self.now += 1
        self.journal.append(line_of(self.journal.fold().promotions, move, at_ns=self.now))

    def start(self) -> None:
        """Fold the log and begin a run; what an earlier run had in memory is gone."""
        self.now += 1
        fold = self.journal.fold()
        self.writer = LineWriter(journal=self.journal, run_id=RUN, market_time=IDENTITY, clock_ns=self.tick)
        self.promotions = fold.promotions
        self.held = granted(fold.promotions)
        self.ramp = Ramp(
            promotions=fold.promotions, marks=fold.ramp_marks, environment="live-btc", layout=self.layout, writer=self.writer,
            hold_to=self.hold, tell=lambda text, **facts: self.told.append(text), halt=self.halts.append, gates=self.gates,
        )  # fmt: skip
        self.run_start(first=fold.run is None)

    def run_start(self, *, first: bool) -> None:
        self.writer.write(
            records.RunStart, sluice_version="0", environment="live-btc", kind="live", config_sha256="c" * 64,
            limits_sha256="d" * 64, market_limits_sha256="e" * 64, assumptions_sha256="f" * 64, assumptions={}, data_source="x",
            synthetic=[], real_epoch_ns=0, market_epoch_ns=0, market_speed=1, starting_cash={} if first else None, durable=True,
            base_currency="USD",
        )  # fmt: skip

    def tick(self) -> int:
        self.now += 1
        return self.now

    def hold(self, capital: Capital) -> None:
        self.held = tighter(self.held, capital)

    def halt(self, *, action: str = "halt") -> None:
        self.writer.write(records.HaltLine, action=action, by="alice", reason="enough")

    def equity(self, mode: str, *, day: int = DAY) -> None:
        self.writer.write(
            records.EquityLine, equity_base="90", day=day, day_start_base="100", peak_base="100", mode=mode
        )  # fmt: skip

    def automatic(self) -> list[tuple[str, str | None, int, int]]:
        """What happened without a person: action, code, from which step, to which."""
        lines: Iterable[Any] = (decode_line(raw) for raw in self.journal.raw)
        return [
            (line.action, line.code, line.from_step, line.to_step)
            for line in lines
            if isinstance(line, records.PromotionLine) and line.by == "engine"
        ]
