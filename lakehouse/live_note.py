"""Three small files beside the log of a live run, for whoever must act when its engine does not.

`live.json` says where it trades and under which names the keys are found, never a key. `halt_seen.json` is the engine's answer
to a halt. `dead_man.json` is what the watchdog did.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error
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
    """The run's loop turned at `ts_ns` and saw the halt: it sends nothing."""

    run_id: str
    ts_ns: int


class DeadManNote(Record, frozen=True, kw_only=True):
    """What the watchdog of a run did, and why. `confirmed` None: it has begun and has not ended."""

    run_id: str
    ts_ns: int
    why: str
    confirmed: bool | None
    detail: str


def write_live_note(layout: Layout, note: LiveNote) -> None:
    """Write it durably, and take what an earlier run's watchdog said away. Raises `StorageError`."""
    try:
        replace_file(layout.live_note, msgspec.json.encode(note) + b"\n")
        layout.halt_seen.unlink(missing_ok=True)
        layout.dead_man.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, layout.live_note) from error


def read_live_note(layout: Layout) -> LiveNote | None:
    """Return the last live run's note, None where there was none. Raises `InputError` LIVE_NOTE: it cannot be read."""
    try:
        return _read(layout.live_note, LiveNote)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "LIVE_NOTE",
            expected=f"{layout.live_note} as a live run wrote it",
            found=str(error)[:200],
            action="Its orders cannot be cancelled from here: cancel them at the venue, or name the config with --config.",
        ) from error


def write_beside(path: Path, note: HaltSeen | DeadManNote) -> bool:
    """Write an answer or a report as well as the disk allows; return whether it could be."""
    try:
        replace_file(path, msgspec.json.encode(note) + b"\n")
    except OSError:
        return False
    return True


def read_halt_seen(layout: Layout) -> HaltSeen | None:
    """Return the newest answer to a halt; None where none can be read."""
    try:
        return _read(layout.halt_seen, HaltSeen)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_dead_man(layout: Layout) -> DeadManNote | None:
    """Return what the watchdog did; None where none can be read."""
    try:
        return _read(layout.dead_man, DeadManNote)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _read[Note](path: Path, kind: type[Note]) -> Note | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(SIZE_MAX), type=kind)
    except FileNotFoundError:
        return None
