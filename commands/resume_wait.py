"""Ask a run that is alive to resume, and wait for its answer."""

from __future__ import annotations

import contextlib
import time
from typing import Final

from commands.output import Exit
from lakehouse.layout import Layout
from lakehouse.lock import current_holder
from lakehouse.resume_request import ResumeRequest, answer_resume, write_resume
from orders.errors import LockHeld

TAKE_S: Final = 15.0  # a run that is alive looks several times a second
LOOK_S: Final = 0.05


def ask_the_run(layout: Layout, held: LockHeld, *, by: str, reason: str) -> tuple[str, int]:
    """Return why it was not resumed and the exit code, "" and 0 where it was.

    Raises `held` where who holds the data directory says nothing of a run, or does not take the request in time; it is taken back
    then, and nothing is resumed later by it. Raises `StorageError`.
    """
    holder = current_holder(layout)
    if holder is None or holder.run_id is None:
        raise held
    layout.resume_refused.unlink(missing_ok=True)
    write_resume(layout, ResumeRequest(run_id=holder.run_id, by=by, reason=reason, created_ns=time.time_ns()))
    end = time.monotonic() + TAKE_S
    while time.monotonic() < end:
        if not layout.resume_request.exists():
            if layout.permission.exists():
                return "", Exit.DONE
            with contextlib.suppress(FileNotFoundError):
                return layout.resume_refused.read_text().strip(), Exit.REFUSED
        if current_holder(layout) is None:
            break
        time.sleep(LOOK_S)
    answer_resume(layout, "")
    raise held
