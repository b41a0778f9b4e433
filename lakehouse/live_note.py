"""Three small files beside the log of a live run, for whoever must act when its engine does not.

`live.json` says where it trades and under which names the keys are found, never a key. `halt_seen.json` is the engine's answer
to a halt: it is made at the start, and its time of change is the answer, because a disk that is full still takes that.
`dead_man.json` is what the watchdog did.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error
from lakehouse.plain_file import open_plain
from orders.errors import InputError
from orders.values import Record

SIZE_MAX: Final = 65_536


class NotedArming(Record, frozen=True, kw_only=True):
    """What may go out there: `day_notional_base` in base currency a UTC day, until before `expires_ns`; `by`: who signed."""

    day_notional_base: str
    expires_ns: int
    by: str


class NotedVenue(Record, frozen=True, kw_only=True):
    """One venue of a live run, as its config has it: `exchange`, `credentials` and `endpoint` (None: the venue itself) of adapter
    ccxt, `tws_port`, `client_id` and `account_id` of adapter ibkr; None where it is the other's. `armed`
    None: not known here.
    """

    venue: str
    exchange: str | None
    endpoint: str | None
    credentials: str | None
    timeout_ms: int
    armed: NotedArming | None = None
    adapter: str = "ccxt"
    tws_port: int | None = None
    client_id: int | None = None
    account_id: str | None = None


class LiveNote(Record, frozen=True, kw_only=True):
    """A live run. `process`: see `lakehouse.process_identity`; `keys`: the directory of its key files; `watchdog`: its pid, None
    before it was started.
    """

    run_id: str
    pid: int
    process: str | None
    keys: str
    dead_man_s: int
    venues: tuple[NotedVenue, ...]
    watchdog: int | None = None


class HaltSeen(Record, frozen=True, kw_only=True):
    """The run's loop turned at `ts_ns` and saw the halt: it sends nothing. 0: it has seen none.

    In the file `ts_ns` is 0 and the time is the file's own, which needs no byte of the disk.
    """

    run_id: str
    ts_ns: int = 0


class DeadManNote(Record, frozen=True, kw_only=True):
    """What the watchdog of a run did, and why. `confirmed` None: it has begun and has not ended."""

    run_id: str
    ts_ns: int
    why: str
    confirmed: bool | None
    detail: str


def write_live_note(layout: Layout, note: LiveNote) -> None:
    """Write it durably with an answer to come, and take what an earlier run's watchdog said away. Raises `StorageError`."""
    try:
        replace_file(layout.live_note, msgspec.json.encode(note) + b"\n")
        _make_halt_seen(layout, note.run_id, ts_ns=0)
        layout.dead_man.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, layout.live_note) from error


def read_live_note(layout: Layout) -> LiveNote | None:
    """Return the last live run's note, None where there was none. Raises `InputError` LIVE_NOTE: it cannot be read."""
    try:
        return _read(layout.live_note, LiveNote)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "LIVE_NOTE",
            expected=f"{layout.live_note} as a live run wrote it",
            found=str(error)[:200],
            action="Its orders cannot be cancelled from here: cancel them at the venue, or name the config with --config.",
        ) from error


def answer_halt(layout: Layout, *, run_id: str, now_ns: int) -> bool:
    """Say that the loop of `run_id` turned at `now_ns` and saw the halt; return whether the disk took it.

    Works on a full disk as long as the file that the start made is there; without it a new one is tried.
    """
    try:
        seen = read_halt_seen(layout)
        if seen is not None and seen.run_id == run_id:
            os.utime(layout.halt_seen, ns=(now_ns, now_ns))
        else:
            _make_halt_seen(layout, run_id, ts_ns=now_ns)
    except OSError:
        return False
    return True


def _make_halt_seen(layout: Layout, run_id: str, *, ts_ns: int) -> None:
    replace_file(layout.halt_seen, msgspec.json.encode(HaltSeen(run_id=run_id)) + b"\n", changed_ns=ts_ns)


def write_dead_man(layout: Layout, note: DeadManNote) -> bool:
    """Write a report as well as the disk allows; return whether it could be."""
    try:
        replace_file(layout.dead_man, msgspec.json.encode(note) + b"\n")
    except OSError:
        return False
    return True


def read_halt_seen(layout: Layout) -> HaltSeen | None:
    """Return the newest answer to a halt; None where none can be read."""
    try:
        with open_plain(layout.halt_seen) as file:
            seen = msgspec.json.decode(file.read(SIZE_MAX), type=HaltSeen)
            return HaltSeen(run_id=seen.run_id, ts_ns=os.fstat(file.fileno()).st_mtime_ns)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_dead_man(layout: Layout) -> DeadManNote | None:
    """Return what the watchdog did; None where none can be read."""
    try:
        return _read(layout.dead_man, DeadManNote)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _read[Note](path: Path, kind: type[Note]) -> Note | None:
    try:
        with open_plain(path) as file:
            return msgspec.json.decode(file.read(SIZE_MAX), type=kind)
    except FileNotFoundError:
        return None
