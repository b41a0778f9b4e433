"""Which process a pid means: a number is used again, so it counts with the instant its process began and the boot it began in."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
BOOT_ID: Final = PROC / "sys/kernel/random/boot_id"
START_FIELD: Final = (
    19  # of /proc/PID/stat counted after the name's closing bracket: `starttime`, clock ticks since boot (proc(5))
)


def process_identity(pid: int) -> str | None:
    """Return what tells this process from any other, of this boot or another; None where there is none, or no Linux."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        if fields[0] == "Z":
            return None  # dead already: what is left is its exit code
        return f"{BOOT_ID.read_text().strip()}:{fields[START_FIELD]}"
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def kill_process(pid: int, *, identity: str | None) -> str:
    """Send SIGKILL to exactly this process; return "" when that was done or it is gone, else why it was not killed.

    `identity`: as `process_identity` gave it; None: not known, nothing is killed.
    """
    return _signal(pid, identity=identity, number=signal.SIGKILL, done="killed")


def end_process(pid: int, *, identity: str | None) -> str:
    """Ask exactly this process to end in order, by SIGTERM; return as `kill_process`, without waiting for it."""
    return _signal(pid, identity=identity, number=signal.SIGTERM, done="ended")


def _signal(pid: int, *, identity: str | None, number: signal.Signals, done: str) -> str:
    if identity is None:
        return f"pid {pid} is not {done}: nothing says which process it was"
    try:
        handle = os.pidfd_open(pid)  # from here on the number cannot come to mean another process
    except ProcessLookupError:
        return ""
    except OSError as error:
        return f"pid {pid} cannot be reached: {error.strerror}"
    try:
        found = process_identity(pid)
        if found is None:
            return ""
        if found != identity:
            return f"pid {pid} is not {done}: it is another process by now"
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return ""
    except OSError as error:
        return f"pid {pid} cannot be {done}: {error.strerror}"
    finally:
        os.close(handle)
    return ""
