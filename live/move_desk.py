"""Moves of a bundle that persons ask of a live run from another terminal: each is taken once, asked again whole, and recorded.

Only this process writes the log. What takes capital away falls in memory first, then its line is written; what gives some is
durable first, and holds for the next plan. Whoever asks is not believed: signatures, evidence and the move itself are held
against the run's own promotions and the persons of its own config. What is refused is told and moved aside, and the run goes on.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from engine.line_writer import LineWriter
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.move_files import Recorded, Refused, answer_move, forget_taken, take_move
from lakehouse.move_request import LIFE_NS, MoveRequest, PlainMove, parse_request
from live.promotion_signing import line_asked, request_of
from live.ramp import Ramp
from orders.canonical import decimal_text, sha256_hex
from orders.capital import Capital
from orders.capital_granted import capital_of
from orders.errors import InputError, NotAsked, SluiceError, StorageError
from orders.promotion import WITH_CAPITAL, Action, Change, Move, Promotions, State, is_risk_reducing
from sentinel.person_signatures import PersonRules

LOOK_S: Final = 0.2  # between looks at whether somebody asks
MOVED: Final = "PROMOTION_MOVED"
REFUSED: Final = "MOVE_REFUSED"
AGAIN: Final = "Nothing has moved; ask again with `sluice promote`."


class MoveDesk:
    """One per live run, on its loop. `ramp`: None where no promotion governs the run, which takes no move then. `bundle_sha256`:
    the bundle that runs; `gates_sha256`: of the gates file it is held to. `hold_to` lowers its capital, `raise_to` raises it;
    `tell(text, **facts)` puts a line on the screen; `keep(work)` does what writes files, and ends the run where the disk says no.
    """

    def __init__(
        self,
        *,
        ramp: Ramp | None,
        promotions: Promotions,
        bundle_sha256: str,
        gates_sha256: str | None,
        environment: str,
        run_id: str,
        rules: PersonRules,
        layout: Layout,
        writer: LineWriter,
        hold_to: Callable[[Capital], object],
        raise_to: Callable[[Capital], object],
        tell: Callable[..., None],
        keep: Callable[[Callable[[], None]], None],
    ) -> None:
        self._ramp = ramp
        self._promotions = promotions
        self._bundle_sha256 = bundle_sha256
        self._gates_sha256 = gates_sha256
        self._environment = environment
        self._run_id = run_id
        self._rules = rules
        self._layout = layout
        self._writer = writer
        self._hold_to = hold_to
        self._raise_to = raise_to
        self._tell = tell
        self._keep = keep
        self._answering = False  # a line is on its way to disk: the next request waits

    async def watch(self) -> None:
        """Look until cancelled. What a run had taken that died is not taken again: it is in the log, or was not done."""
        self._keep(lambda: forget_taken(self._layout))
        while True:
            self._keep(self.look)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Take the request that waits, if there is one, and answer it. Raises `StorageError`.

        A halt or a loss that waits for its answer is answered before: nobody's step up is taken for it.
        """
        if self._answering:
            return
        if self._ramp is not None:
            self._ramp.look()
        data = None
        try:
            data = take_move(self._layout)
            if data is None:
                return
            request = parse_request(data)
            ramp = self._required(request)
            line = self._line(request)
        except StorageError:
            raise
        except SluiceError as error:
            self._refuse(error, request_sha256=None if data is None else sha256_hex(data))
            return
        self._carry_out(ramp, line, request_sha256=sha256_hex(data))

    def _required(self, request: MoveRequest) -> Ramp:
        """Return what writes the line, once the request is for this run and of now."""
        if request.run_id != self._run_id:
            raise _invalid("MOVE_FOREIGN", f"a request to run {self._run_id}", f"one to run {request.run_id}")
        age_ns = time.time_ns() - request.created_ns
        if age_ns < 0:
            raise _invalid("MOVE_EARLY", "one that was made before now", f"{-age_ns} ns to go")
        if age_ns > LIFE_NS:
            raise _invalid("MOVE_EXPIRED", f"one at most {LIFE_NS // 10**9} s old", f"{age_ns // 10**9} s")
        if self._ramp is None:
            raise NotAsked(
                "MOVE_UNGOVERNED",
                expected="a run that is governed by promotions",
                found="one that began without any: its capital would be another one by this line",
                action="Nothing has moved. End the run first: then it is recorded, and the next start is held to it.",
            )
        return self._ramp

    def _line(self, request: MoveRequest) -> records.PromotionLine:
        """Return the line, judged on the run's own promotions and proven to be one that can follow them."""
        asked = request.asked
        if isinstance(asked, PlainMove):
            move, gates = asked.move, asked.gates_sha256
        else:
            statement = request_of(asked.statement, rules=self._rules).statement
            move, gates = statement.move, statement.gates_sha256
        require_beside(move, running=self._bundle_sha256, gates_sha256=gates, held_to=self._gates_sha256)
        stamp = self._writer.stamp()
        line = line_asked(
            self._promotions,
            asked,
            rules=self._rules,
            layout=self._layout,
            environment=self._environment,
            now_ns=stamp["ts_ns"],
            run_id=self._run_id,
        )
        line = replace(line, **stamp)
        self._foreseen(line)
        return line

    def _foreseen(self, line: records.PromotionLine) -> Change:
        """Return what a line would change; nothing is changed. Raises `RecordCorrupt` where the fold would not take it."""
        return copy.deepcopy(self._promotions).apply(line, number=0, sha256=line.follows)

    def _carry_out(self, ramp: Ramp, line: records.PromotionLine, *, request_sha256: str) -> None:
        change = self._foreseen(line)
        before = self._promotions.current
        of_run = before is not None and before.bundle_sha256 == self._bundle_sha256 == line.bundle_sha256
        if before is not None and of_run and is_risk_reducing(change):
            after = change.after
            if after.state in WITH_CAPITAL:
                self._hold_to(capital_of(after))
            else:
                self._hold_to(replace(capital_of(before), paused=f"retired: {line.reason}", standing=after.state.value))
        words = _words(line, change, of_run=of_run)
        self._answering = True
        if not ramp.put(line, alarm=MOVED, words=words):
            return

        def durable() -> None:
            self._answering = False
            current = self._promotions.current
            if of_run and current is not None and not is_risk_reducing(change):
                self._raise_to(capital_of(current))  # as of now: a halt may have taken a step since the line was written
            self._tell(f"moved    {words}", type="move", action=line.action, by=line.by, reason=line.reason, log_line=line.seq)
            self._keep(lambda: answer_move(self._layout, Recorded(request_sha256=request_sha256, log_line=line.seq)))

        self._writer.when_durable(durable)

    def _refuse(self, error: SluiceError, *, request_sha256: str | None) -> None:
        refused = Refused(
            code=error.code,
            expected=error.expected,
            found=error.found,
            action=error.action,
            ruled=isinstance(error, NotAsked),
            request_sha256=request_sha256,
        )
        self._writer.write(records.Alarm, code=REFUSED, message=str(error))
        self._tell(f"refused  {error}", type="move_refused", code=error.code, message=str(error))
        answer_move(self._layout, refused)


def require_beside(move: Move, *, running: str, gates_sha256: str | None, held_to: str | None) -> None:
    """Return when a move may be recorded while bundle `running` trades, held to the gates file `held_to`.

    Raises `NotAsked` MOVE_RUN_FIRST: another bundle, or this one anew, would get capital; GATES_DIFFER: its evidence is of
    another gates file than the run is held to.
    """
    begins = move.action is Action.ROLLBACK or (move.action is Action.PROMOTE and move.to_state is State.CANARY)
    other = move.to_state in WITH_CAPITAL and move.bundle_sha256 != running
    if begins or other:
        raise NotAsked(
            "MOVE_RUN_FIRST",
            expected=f"a move of {running[:16]}, which trades, or of a bundle that gets no capital by it",
            found=f"{move.action.value.replace('_', ' ')} of {move.bundle_sha256[:16]} to {move.to_state}",
            action="Nothing has moved. End the run (Ctrl-C, or SIGTERM to its pid), then sign or record it again"
            + ("; `sluice rollback --no-more` ends it itself." if move.action is Action.ROLLBACK else "."),
        )
    differ = gates_sha256 is not None and gates_sha256 != held_to
    if differ and move.bundle_sha256 == running and move.action is not Action.PAUSE:
        raise NotAsked(
            "GATES_DIFFER",
            expected=f"evidence of the gates file that the run is held to, {str(held_to)[:16]}",
            found=str(gates_sha256)[:16],
            action="Nothing has moved. Promote by that file, or end the run, promote, and start it with this one.",
        )


def _words(line: records.PromotionLine, change: Change, *, of_run: bool) -> str:
    after = change.after
    capital = f", {decimal_text(after.fraction)} of equity" if after.state in WITH_CAPITAL else ""
    what = f"{line.action.replace('_', ' ')} of {line.bundle_sha256[:16]}: {after.state}{capital}"
    ends = ""
    if of_run and after.paused:
        ends = "; nothing opens until persons resume it"
    elif of_run and after.state not in WITH_CAPITAL:
        ends = "; nothing opens any more, what is held stays: `sluice flatten` sells it, Ctrl-C ends the run"
    return f"{what}{ends}; by {line.by}: {line.reason}"


def _invalid(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action=AGAIN)
