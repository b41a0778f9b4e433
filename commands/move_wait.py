"""Ask the live run that holds a data directory to record a move, and wait for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from filelock import FileLock, Timeout

from lakehouse.layout import Layout, storage_error
from lakehouse.live_note import read_live_note
from lakehouse.lock import current_holder
from lakehouse.move_files import Recorded, Refused, drop_answer, read_answer, withdraw_move, write_move
from lakehouse.move_request import AskedMove, MoveRequest, PlainMove
from lakehouse.rebuild import decode_line
from lakehouse.records import PromotionLine
from lakehouse.segments import Segments
from orders.canonical import sha256_hex
from orders.errors import InputError, LockHeld
from orders.promotion import ENGINE

TAKE_S: Final = 15.0  # a run that is alive looks several times a second
ANSWER_S: Final = 15.0  # after it was taken: one line on its way to disk
LOOK_S: Final = 0.05


def ask_the_run(layout: Layout, held: LockHeld, asked: AskedMove) -> tuple[int, str]:
    """Return the number of the line the run recorded, and the run.

    Raises the run's refusal as `InputError` or `NotAsked`; `held` where no live run holds the data directory; `LockHeld`
    MOVE_PENDING (another command asks), MOVE_NOT_TAKEN, MOVE_RUN_ENDED (of both the request is taken back, and does nothing
    later), MOVE_NOT_ANSWERED; `StorageError`.
    """
    holder = current_holder(layout)
    run_id = None if holder is None else holder.run_id
    if run_id is None or not _may_be_live(layout, run_id):
        raise held
    with _one_at_a_time(layout):
        with Segments(layout.log) as log:
            offset = log.size
        request = MoveRequest(run_id=run_id, created_ns=time.time_ns(), asked=asked)
        sha256 = write_move(layout, request)
        try:
            number = _answered(layout, run_id, sha256=sha256, asked=asked, offset=offset)
        finally:
            withdraw_move(layout)
    return number, run_id


def _may_be_live(layout: Layout, run_id: str) -> bool:
    """Whether it is the live run of the note beside the log; of a note that cannot be read it may be, and is asked."""
    try:
        note = read_live_note(layout)
    except InputError:
        return True
    return note is not None and note.run_id == run_id


def _answered(layout: Layout, run_id: str, *, sha256: str, asked: AskedMove, offset: int) -> int:
    taken, alive = False, True
    end = time.monotonic() + TAKE_S
    while alive and time.monotonic() < end:
        holder = current_holder(layout)  # asked before the answer is read: what a run said last is not missed
        alive = holder is not None and holder.run_id == run_id
        answer = read_answer(layout, request_sha256=sha256)
        if answer is not None:
            drop_answer(layout)
            match answer:
                case Recorded(log_line=number):
                    return number
                case Refused() as refused:
                    raise refused.error()
        if not taken and not layout.move_request.exists():
            taken, end = True, time.monotonic() + ANSWER_S
        time.sleep(LOOK_S)
    withdrawn = withdraw_move(layout)
    told = None if withdrawn else _line_in_log(layout, run_id, asked=asked, offset=offset)
    if told is not None:
        return told
    raise _unanswered(run_id, alive=alive, withdrawn=withdrawn)


def _unanswered(run_id: str, *, alive: bool, withdrawn: bool) -> LockHeld:
    if not alive:
        return LockHeld(
            "MOVE_RUN_ENDED",
            expected=f"run {run_id} to record it",
            found="it ended " + ("before it took it" if withdrawn else "after it took it, and its log has no line of it"),
            action="Nothing has moved, nor will by this. Ask again: with nothing running it is recorded at once.",
        )
    if withdrawn:
        return LockHeld(
            "MOVE_NOT_TAKEN",
            expected=f"run {run_id} to take it within {TAKE_S:.0f} s",
            found="it is alive and did not: it starts, ends or hangs",
            action="It was taken back: nothing has moved, nor will by this. `sluice halt` stops a run that hangs.",
        )
    return LockHeld(
        "MOVE_NOT_ANSWERED",
        expected=f"an answer of run {run_id} within {ANSWER_S:.0f} s",
        found="none, though it took the request, and no line of it in the log by now",
        action="`sluice promote log` says whether it was recorded; `sluice halt` stops a run that hangs.",
    )


def _line_in_log(layout: Layout, run_id: str, *, asked: AskedMove, offset: int) -> int | None:
    """Return the number of the line that a run wrote of it after `offset` and told nobody of; None: there is none.

    One command asks at a time, so a person's line of that run is this one's.
    """
    try:
        with Segments(layout.log) as log:
            data = log.pread(log.size - offset, offset)
    except OSError as error:
        raise storage_error(error, layout.log) from error
    for raw in data.split(b"\n")[:-1]:
        if b'"type":"promotion"' in raw:
            line = decode_line(raw)
            if isinstance(line, PromotionLine) and line.run_id == run_id and _is_of(line, asked):
                return line.seq
    return None


def _is_of(line: PromotionLine, asked: AskedMove) -> bool:
    if isinstance(asked, PlainMove):
        said = (asked.move.bundle_sha256, asked.move.action.value, asked.by, asked.reason, asked.code, asked.evidence_sha256)
        return said == (line.bundle_sha256, line.action, line.by, line.reason, line.code, line.evidence_sha256)
    return line.by != ENGINE and line.statement_sha256 in (None, sha256_hex(asked.statement))


@contextmanager
def _one_at_a_time(layout: Layout) -> Iterator[None]:
    """No two commands ask at once, so that each reads its own answer. Raises `LockHeld` MOVE_PENDING, `StorageError`."""
    lock = FileLock(layout.move_lock, timeout=TAKE_S)
    try:
        lock.acquire(poll_interval=LOOK_S)
    except Timeout as error:
        raise LockHeld(
            "MOVE_PENDING",
            expected="no other command that asks the run",
            found=f"one that has waited for {TAKE_S:.0f} s",
            action="Nothing has moved. Ask again; `sluice halt` stops a run that hangs.",
        ) from error
    except OSError as error:
        raise storage_error(error, layout.move_lock) from error
    try:
        yield
    finally:
        lock.release()
