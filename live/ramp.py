"""The ramp of a promoted run, watched while it trades: a halt, a loss limit or a failed gate takes a step of its capital away.

First the capital of the run falls, in memory and at once; then the line is written, which a restart begins from. A crash between
the two leaves what asked for it unanswered in the log, and the next start answers it (`lakehouse.ramp_marks`). Nothing here gives
capital: what goes up takes evidence and persons (`sluice promote`, beside a run by `live.move_desk`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.line_writer import LineWriter
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.promotion_files import keep_promotion_file
from lakehouse.promotion_lines import promotion_fields
from lakehouse.ramp_marks import RampMarks
from live.gate_look import GateLook, GateRequest, NotJudged, look_at_gates
from orders.canonical import decimal_text, sha256_hex
from orders.capital import Capital
from orders.capital_granted import capital_of
from orders.errors import InputError, StorageError
from orders.gates import GatesFile
from orders.promotion import ENGINE, Promotions, Standing
from orders.way_down import GATE_FAILED, HALTED, LOSS_LIMIT, Asked, unanswered, way_down

LOOK_S: Final = 0.2  # between looks at what a halt or a loss asks for
GATES_PER_DWELL: Final = 20  # looks at the gates in the shortest dwell of a step
GATES_S_MIN, GATES_S_MAX = 3.0, 60.0
CODE_OF_ALARM: Final = "STEPPED_DOWN"


class RunningGates:
    """What the gates of a run are looked at with. `sources`: directories by source, its own under "canary"."""

    def __init__(self, gates: GatesFile, *, path: Path, sources: Mapping[str, Path], code_sha256: str) -> None:
        self.gates = gates
        self._path = path
        self._sources = sources
        self._code_sha256 = code_sha256

    @property
    def every_s(self) -> float:
        """How often they are looked at: so many times in the shortest dwell, but not all the time."""
        return min(max(min(self.gates.dwell_s, default=0) / GATES_PER_DWELL, GATES_S_MIN), GATES_S_MAX)

    async def look(self, standing: Standing) -> GateLook:
        """Look once, at what the bundle did since it came to its step. Raises `NotJudged`."""
        return await look_at_gates(
            GateRequest(
                gates=str(self._path),
                gates_sha256=self.gates.sha256,
                bundle_sha256=standing.bundle_sha256,
                code_sha256=self._code_sha256,
                sources={name: str(path) for name, path in self._sources.items()},
                since_ns=standing.since_ns,
                now_ns=time.time_ns(),
            )
        )


class Ramp:
    """One per governed live run, on its loop. `promotions`: of its log, moved by what is written here; `marks`: what the log and
    the run have to answer. `hold_to` lowers the run's capital, `tell(text, **facts)` puts it on the screen, `halt` stops trading
    where a line cannot be written.
    """

    def __init__(
        self,
        *,
        promotions: Promotions,
        marks: RampMarks,
        environment: str,
        layout: Layout,
        writer: LineWriter,
        hold_to: Callable[[Capital], object],
        tell: Callable[..., None],
        halt: Callable[[str], None],
        gates: RunningGates | None = None,
    ) -> None:
        self._promotions = promotions
        self._marks = marks
        self._environment = environment
        self._layout = layout
        self._writer = writer
        self._hold_to = hold_to
        self._tell = tell
        self._halt = halt
        self._gates = gates
        self._broken = False  # a line could not be written: the run is halted, and nothing is tried again
        self._untold = ""  # why gates could not be judged, as it was told last
        writer.marks = marks

    def look(self) -> None:
        """Answer the first thing that asks for a step down and was not answered. Never raises: a line that fails halts."""
        standing = self._promotions.current
        if standing is None or self._broken:
            return
        marks = self._marks
        asked = (
            Asked(code=HALTED, reason=marks.halt, at=marks.halted_at),
            Asked(code=LOSS_LIMIT, reason=marks.loss, at=marks.close_only_at),
        )
        found = unanswered(standing, asked=asked)
        if found is not None:
            self._down(standing, code=found.code, reason=found.reason)

    def judged(self, standing: Standing, look: GateLook) -> None:
        """Take what a look at the gates found, of the step it was a look at. Never raises."""
        if self._broken or not look.failed or self._promotions.current != standing or way_down(standing) is None:
            return
        words = "; ".join(f"{name}: {why}" for name, why in sorted(look.failed.items()))
        assert self._gates is not None
        try:
            evidence = keep_promotion_file(self._layout, look.evidence)
        except (StorageError, InputError) as error:  # a file of that name that is another one is not overwritten
            self._break(str(error))
            return
        self._down(
            standing, code=GATE_FAILED, reason=words[:400], evidence_sha256=evidence, gates_sha256=self._gates.gates.sha256
        )

    async def watch(self) -> None:
        """Look until cancelled; the first time before anything of the run is awaited."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    async def watch_gates(self) -> None:
        """Look at the gates every so often until cancelled; a look that fails is told once, and changes nothing."""
        gates = self._gates
        if gates is None or not gates.gates.before("while_running"):
            return
        while True:
            await asyncio.sleep(gates.every_s)
            standing = self._promotions.current
            if standing is None or way_down(standing) is None:
                continue
            try:
                look = await gates.look(standing)
            except NotJudged as error:
                self._not_judged(error)
                continue
            self._untold = ""
            self.judged(standing, look)

    def _not_judged(self, error: NotJudged) -> None:
        words = f"{error.found}. {error.action}"
        if words != self._untold:
            self._untold = words
            self._writer.write_quietly(records.Alarm, code=error.code, message=words)
            self._tell(f"{error.code}  {words}", type="alarm", code=error.code, message=words)

    def _down(
        self,
        standing: Standing,
        *,
        code: str,
        reason: str,
        evidence_sha256: str | None = None,
        gates_sha256: str | None = None,
    ) -> None:
        move = way_down(standing)
        if move is None:
            return
        promotions = self._promotions
        change = promotions.change(move, paused=f"{code}: {reason}")
        self._hold_to(capital_of(change.after))
        fields = promotion_fields(
            promotions,
            move,
            environment=self._environment,
            by=ENGINE,
            reason=reason,
            code=code,
            evidence_sha256=evidence_sha256,
            gates_sha256=gates_sha256,
        )
        words = _words(standing, change.after)
        if not self.put(
            records.PromotionLine(**self._writer.stamp(), **fields), alarm=CODE_OF_ALARM, words=f"{words}; {code}: {reason}"
        ):
            return
        facts: dict[str, Any] = {
            "action": move.action.value, "code": code, "reason": reason, "fraction": decimal_text(change.after.fraction),
        }  # fmt: skip
        self._tell(f"ramp     {words}\n         {code}: {reason}", type="ramp", **facts)

    def put(self, line: records.PromotionLine, *, alarm: str, words: str) -> bool:
        """Write a line that follows, and an alarm, and go on from it; False: the disk takes none, and the run is halted."""
        try:
            number = self._writer.put(line)
            self._promotions.apply(line, number=number, sha256=sha256_hex(msgspec.json.encode(line)))
            self._writer.write(records.Alarm, code=alarm, message=words)
        except StorageError as error:
            self._break(str(error))
            return False
        return True

    def _break(self, why: str) -> None:
        self._broken = True
        self._halt(why)


def _words(before: Standing, after: Standing) -> str:
    def share(standing: Standing) -> str:
        return f"{decimal_text(standing.steps[standing.step])} of equity"

    if after.paused and not before.paused:
        return f"paused at {share(after)}: nothing opens until a person resumes"
    return f"{before.state} at {share(before)} steps down to {after.state} at {share(after)}"
