"""The dead man of a live run (control 13), where the venue has none: a process of its own that outlives the engine.

It reads heartbeats from a pipe. When none came for `dead_man_s` it ends the engine if that still holds the data directory, and
cancels every working order of ours at every venue until each confirms that none is left. It steps down for a newer live run,
which has a watchdog of its own. Started by `live.dead_man`, never by hand.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout
from lakehouse.live_note import DeadManNote, LiveNote, read_live_note, write_dead_man
from lakehouse.lock import current_holder
from lakehouse.permission import FilePermission
from lakehouse.process_identity import kill_process
from live.last_cancel import Cancelled, LastCancel
from orders.errors import InputError, SluiceError
from orders.values import Record

READY: Final = b"ready\n"
BEAT: Final = b"."
QUIT: Final = b"Q"  # a clean stop: what rests stays
CANCEL: Final = b"C"  # the engine ends halted: cancel now, it waits for the answer
LOOK_S: Final = 0.2  # between looks for a newer run once the engine is gone
SLICE_S: Final = 20.0  # of one sweep; between two a newer run is looked for
GIVE_UP_S: Final = 900.0  # a venue that is down for longer is a person's affair; `status` says so
FREE_S: Final = 5.0  # for a killed engine to let go of the data directory


class Orders(Record, frozen=True, kw_only=True):
    """What the engine tells its watchdog first, as one line of JSON."""

    directory: str
    note: LiveNote


class Answer(Record, frozen=True, kw_only=True):
    """What the watchdog tells an engine that asked it to cancel, as one line of JSON."""

    confirmed: bool
    detail: tuple[str, ...]


class Watchdog:
    """`pipe`: the descriptor heartbeats come from; `last` can reach every venue."""

    def __init__(self, layout: Layout, note: LiveNote, *, pipe: int, last: LastCancel) -> None:
        self._layout = layout
        self._note = note
        self._pipe = pipe
        self._last = last

    def watch(self) -> Answer | None:
        """Return after a clean stop, a step-down (both None) or when what could be done was done."""
        dead_man_s, beaten = float(self._note.dead_man_s), time.monotonic()
        gone = False
        heard = select.poll()  # a pipe of any number; select() knows none above 1,023
        heard.register(self._pipe, select.POLLIN)
        while (left_s := beaten + dead_man_s - time.monotonic()) > 0:
            if gone:
                time.sleep(min(LOOK_S, left_s))
                if self._superseded():
                    return None
            elif heard.poll(left_s * 1_000):
                told = os.read(self._pipe, 4_096)
                if QUIT in told:
                    return None
                if CANCEL in told:
                    return self.cancel("the engine ended halted", end_engine=False)
                gone = not told  # every end of the pipe is closed: the engine is dead, not hung
                beaten = beaten if gone else time.monotonic()
        if not self._left_alone():
            return None
        how = "is dead" if gone else "hangs"
        return self.cancel(f"DEAD_MAN: no heartbeat for {self._note.dead_man_s} s, the engine {how}", end_engine=True)

    def cancel(self, why: str, *, end_engine: bool) -> Answer:
        """Block and end the engine where asked, then cancel until it is confirmed, a newer run is there, or it took too long."""
        self._write(why, confirmed=None, detail="cancelling")
        ended = self._end_engine(why) if end_engine else ""
        end, cancelled = time.monotonic() + GIVE_UP_S, Cancelled(confirmed=False, detail=())
        while not cancelled.confirmed and time.monotonic() < end:
            cancelled = self._last.now(give_up_s=SLICE_S)
            detail = "; ".join((*cancelled.detail, *([ended] if ended else [])))
            self._write(why, confirmed=cancelled.confirmed or None, detail=detail)
            if not cancelled.confirmed and self._superseded():
                break
        answer = Answer(confirmed=cancelled.confirmed and not ended, detail=(*cancelled.detail, *([ended] if ended else [])))
        if not self._superseded():
            self._write(why, confirmed=answer.confirmed, detail="; ".join(answer.detail))
        return answer

    def _end_engine(self, why: str) -> str:
        """An engine that hangs may wake in the middle of a send: it is blocked first, then killed. Return what went wrong."""
        if not self._engine_holds():
            return ""
        FilePermission(self._layout).halt(by="watchdog", reason=why, now_ns=time.time_ns())
        problem = kill_process(self._note.pid, identity=self._note.process)
        end = time.monotonic() + FREE_S
        while self._engine_holds():
            if time.monotonic() > end:
                return problem or f"pid {self._note.pid} was killed and still holds the data directory"
            time.sleep(LOOK_S)
        return ""

    def _left_alone(self) -> bool:
        """Wait while another process holds the data directory, for as long again at most: it is a new run, or ends."""
        end = time.monotonic() + self._note.dead_man_s
        while not self._superseded():
            holder = current_holder(self._layout)
            if holder is None or holder.run_id == self._note.run_id or time.monotonic() > end:
                return True
            time.sleep(LOOK_S)
        return False

    def _engine_holds(self) -> bool:
        holder = current_holder(self._layout)
        return holder is not None and holder.run_id == self._note.run_id

    def _superseded(self) -> bool:
        try:
            newest = read_live_note(self._layout)
        except InputError:
            return False
        return newest is not None and newest.run_id != self._note.run_id

    def _write(self, why: str, *, confirmed: bool | None, detail: str) -> None:
        write_dead_man(
            self._layout,
            DeadManNote(run_id=self._note.run_id, ts_ns=time.time_ns(), why=why, confirmed=confirmed, detail=detail),
        )


def main() -> int:
    """Take what to watch from the pipe, say ready, watch. Exit 0 when nothing is left to do, 1 when it is not confirmed."""
    pipe = sys.stdin.fileno()
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(pipe, 1)
        if not more:
            return 1
        line += more
    orders = msgspec.json.decode(line, type=Orders)
    try:
        last = LastCancel(orders.note)
    except SluiceError as error:
        os.write(sys.stdout.fileno(), f"{error}\n".encode())
        return 1
    os.write(sys.stdout.fileno(), READY)
    answer = Watchdog(Layout(Path(orders.directory)), orders.note, pipe=pipe, last=last).watch()
    if answer is None:
        return 0
    try:
        os.write(sys.stdout.fileno(), msgspec.json.encode(answer) + b"\n")
    except OSError:
        return 0 if answer.confirmed else 1  # nobody listens any more; the file says it
    return 0 if answer.confirmed else 1


if __name__ == "__main__":
    sys.exit(main())
