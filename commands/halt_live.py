"""`sluice halt` where a live run trades: the engine answers, or is killed; then the venue itself confirms that nothing works."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout
from lakehouse.live_note import LiveNote, read_halt_seen, read_live_note
from lakehouse.lock import Holder, current_holder
from lakehouse.private_file import KEYS
from lakehouse.process_identity import kill_process
from orders.errors import ConfigError, SluiceError
from orders.values import Record

ANSWER_S: Final = 5.0  # for the engine to say that it has seen the halt
FREE_S: Final = 10.0  # for a killed engine to let go of the data directory
GIVE_UP_S: Final = 60.0  # for every venue to confirm
LOOK_S: Final = 0.05


class LiveHalt(Record, frozen=True, kw_only=True):
    """What was reached. `engine`: absent, answered, killed or not killed; `confirmed`: it can send no more and every venue says
    that no order of ours works; `detail`: what was seen.
    """

    engine: str
    confirmed: bool
    detail: tuple[str, ...]


def halt_live(layout: Layout, *, since_ns: int, blocked: bool, config: Path | None, keys: Path | None) -> LiveHalt | None:
    """After the permission is gone (`blocked`), or could not be removed: end what may still send, and cancel at the venues.

    None where no live run has ever traded here. `since_ns`: when the halt was given. `config`, `keys`: in place of what the
    run's own note says.
    """
    try:
        note = _note(layout, config=config, keys=keys)
    except SluiceError as error:
        note = None
        detail: tuple[str, ...] = (f"NOT confirmed: {error}",)
    else:
        if note is None:
            return None
        detail = ()
    holder = current_holder(layout)
    engine, problem = "absent", ""
    if holder is not None:
        engine = "answered" if blocked and _answers(layout, holder, since_ns=since_ns) else ""
        if not engine:
            engine, problem = _kill(layout, holder)
    if note is None:
        return LiveHalt(engine=engine, confirmed=False, detail=(*detail, *([problem] if problem else [])))
    from live.last_cancel import cancel_all

    cancelled = cancel_all(note, give_up_s=GIVE_UP_S)
    return LiveHalt(
        engine=engine,
        confirmed=cancelled.confirmed and not problem,
        detail=(*cancelled.detail, *([problem] if problem else [])),
    )


def engine_words(engine: str) -> str:
    """Return in words what became of the engine."""
    return {
        "absent": "no engine runs",
        "answered": "the engine has seen the halt and sends nothing",
        "killed": f"the engine did not answer within {ANSWER_S:g} s and was killed",
    }.get(engine, "the engine could NOT be killed")


def _note(layout: Layout, *, config: Path | None, keys: Path | None) -> LiveNote | None:
    if config is None:
        note = read_live_note(layout)
        return note if note is None or keys is None else msgspec.structs.replace(note, keys=str(keys.expanduser().absolute()))
    from engine.run_config import load_config
    from live.dead_man import note_of

    loaded = load_config(config)
    if loaded.live is None:
        raise ConfigError(
            "CONFIG_NOT_LIVE", expected=f"the table [live] in {config}", found="none", action="Name the config of the live run."
        )
    return note_of(loaded, run_id="halt", keys=keys or KEYS)


def _answers(layout: Layout, holder: Holder, *, since_ns: int) -> bool:
    """Whether the run says in time that its loop has seen the halt, or ends by itself."""

    def answered() -> bool:
        seen = read_halt_seen(layout)
        return (seen is not None and seen.run_id == holder.run_id and seen.ts_ns >= since_ns) or not _holds(layout, holder)

    return _until(answered, ANSWER_S)


def _kill(layout: Layout, holder: Holder) -> tuple[str, str]:
    """Return what became of the process that holds the data directory, and what went wrong, "" for nothing."""
    if holder.pid is None:
        return "not killed", "who holds the data directory is not known: nothing was killed; stop it by hand"
    problem = kill_process(holder.pid, identity=holder.process)
    if problem:
        return "not killed", f"{problem}; stop it by hand"
    if not _until(lambda: not _holds(layout, holder), FREE_S):
        return "not killed", f"pid {holder.pid} was sent SIGKILL and still holds the data directory"
    return "killed", ""


def _holds(layout: Layout, holder: Holder) -> bool:
    now = current_holder(layout)
    return now is not None and now.run_id == holder.run_id


def _until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_S)
    return True


def print_live(found: LiveHalt) -> None:
    """Say what was reached; what is not confirmed goes to the error stream."""
    print(f"engine   {engine_words(found.engine)}")
    for words in found.detail:
        print(f"venue    {words}", file=sys.stdout if found.confirmed else sys.stderr)
