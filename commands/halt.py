"""`sluice halt` and `sluice resume`: block first, explain later; arm again only on a named person's word."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final, Literal, Never

from commands.append_line import append_line
from commands.halt_live import halt_live, print_live
from commands.halt_state import is_halted
from commands.output import Exit, one_line, print_json
from commands.resume_wait import ask_the_run
from lakehouse.layout import Layout
from lakehouse.permission import FilePermission
from lakehouse.records import HaltLine
from orders.canonical import plain
from orders.errors import ConfigError, InputError, LockHeld, RecordCorrupt, StorageError

TEXT_LENGTH_MAX: Final = 500


def run_halt(
    directory: Path, *, by: str, reason: str, as_json: bool, config: Path | None = None, keys: Path | None = None
) -> int:
    """Remove the permission to send, end and cancel what a live run has (`halt_live`), then write the halt into log and ledger.

    With a run active its own journal takes the line: it finds the permission gone before its next order. A log that cannot be
    written, or a ledger that cannot be signed, does not undo a halt: it is said, and the exit code stays 0. Exit 1 when the
    permission could not be removed, or where live orders are not confirmed to be gone.
    """
    layout = named_layout(directory, by=by, reason=reason)
    now_ns = time.time_ns()
    outcome = FilePermission(layout).halt(by=by, reason=reason, now_ns=now_ns)
    live = halt_live(layout, since_ns=now_ns, blocked=outcome.durable, config=config, keys=keys)
    recorded, problem = False, outcome.problem
    if outcome.durable:
        try:
            _record(layout, action="halt", by=by, reason=reason, now_ns=now_ns)
            recorded = True
        except LockHeld:
            problem = problem or "a run is active: it sends nothing more, and writes the halt to its own log"
        except (ConfigError, StorageError, RecordCorrupt) as error:  # a config error: the key that signs the ledger
            problem = f"the halt is in force, but it is not in the log: {one_line(error)}"
    if as_json:
        facts = {"action": "halt", "halted": outcome.durable, "recorded": recorded, "by": by, "reason": reason, "note": problem}
        print_json(facts | ({} if live is None else {"live": plain(live)}))
    elif outcome.durable:
        print(f"halted   {directory}: no order leaves until `sluice resume`")
    if problem is not None and (not as_json or not outcome.durable):
        print(f"{'note' if outcome.durable else 'error':<9}{problem}", file=sys.stderr)
    if live is not None and not as_json:
        print_live(live)
    return Exit.DONE if outcome.durable and (live is None or live.confirmed) else Exit.FAILED


def run_resume(directory: Path, *, by: str, reason: str, as_json: bool) -> int:
    """Write the resume into log and ledger, then give the permission to send back; nothing happens when nothing is halted.

    Beside a run that is alive the run writes it and arms itself, if it may: exit 3 where it refuses, 1 where it does not answer
    in time. `RecordCorrupt` and `StorageError` leave it halted.
    """
    layout = named_layout(directory, by=by, reason=reason)
    changed = is_halted(layout)
    if changed:
        now_ns = time.time_ns()
        permission = FilePermission(layout)
        try:
            _record(layout, action="resume", by=by, reason=reason, now_ns=now_ns, permission=permission)
        except LockHeld as held:
            refusal, code = ask_the_run(layout, held, by=by, reason=reason)
            if refusal:
                if as_json:
                    note = {"action": "resume", "halted": True, "recorded": False, "by": by, "reason": reason, "note": refusal}
                    print_json(note)
                else:
                    print(f"refused  RESUME_REFUSED  {refusal}", file=sys.stderr)
                return code
    if as_json:
        print_json({"action": "resume", "halted": False, "recorded": changed, "by": by, "reason": reason, "note": None})
    elif changed:
        print(f"resumed  {directory}: orders may leave again")
    else:
        print(f"nothing  {directory} is not halted")
    return Exit.DONE


def _record(
    layout: Layout,
    *,
    action: Literal["halt", "resume"],
    by: str,
    reason: str,
    now_ns: int,
    permission: FilePermission | None = None,
) -> None:
    """Append a halt or resume line, durable, under the data directory's lock; then, still under it, arm `permission`."""
    line = HaltLine(ts_ns=now_ns, market_ns=now_ns, run_id=f"{action}-{now_ns}", action=action, by=by, reason=reason)

    def arm() -> None:
        if permission is not None:
            permission.resume(by=by, reason=reason, now_ns=now_ns)

    append_line(layout, line, then=arm)


def named_layout(directory: Path, *, by: str, reason: str) -> Layout:
    """Return the layout of a data directory, for who says something there. Raises `ConfigError` USAGE, `InputError`."""
    require_words(by=by, reason=reason)
    if not directory.is_dir():
        raise InputError(
            "LAKEHOUSE_MISSING",
            expected=f"a data directory {directory}",
            found="none",
            action="Name the data directory of the run with --lakehouse.",
        )
    return Layout(directory)


def require_words(*, by: str, reason: str) -> None:
    """Raise `ConfigError` USAGE unless both can stand in the log."""
    for name, text, length_max in (("--by", by, 64), ("--reason", reason, TEXT_LENGTH_MAX)):
        if not text.strip() or len(text) > length_max or not text.isprintable():
            _usage(f"{name} as 1 to {length_max} printable characters", repr(text[:80]))


def _usage(expected: str, found: str) -> Never:
    raise ConfigError("USAGE", expected=expected, found=found, action="Say who and why; it goes into the log.")
