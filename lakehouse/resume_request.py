"""A person's wish to resume, put beside a run that is halted: the run takes it once, writes it down and arms itself.

Only the process that holds the data directory writes the log, and a resume must be in the log before the first order after it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error, sync_directory
from orders.errors import InputError
from orders.values import Record

VERSION: Final = 1
SIZE_MAX: Final = 4_096
LIFE_NS: Final = 60 * 1_000_000_000  # a run that is alive looks several times a second
NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")


class ResumeRequest(Record, frozen=True, kw_only=True):
    """`run_id`: the run it is meant for; `created_ns` on the clock of this machine."""

    run_id: str
    by: str
    reason: str
    created_ns: int


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    run_id: str
    by: str
    reason: str
    created_ns: str


def write_resume(layout: Layout, request: ResumeRequest) -> None:
    """Put a request where the run looks, whole or not at all. Raises `StorageError`."""
    document = _Document(
        version=VERSION, run_id=request.run_id, by=request.by, reason=request.reason, created_ns=str(request.created_ns)
    )
    _replace(layout.resume_request, msgspec.json.encode(document) + b"\n")


def read_resume(layout: Layout) -> ResumeRequest | None:
    """Return the request that waits, None where there is none. Raises `InputError` RESUME_INVALID: it is none of ours."""
    path = layout.resume_request
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _invalid(error.strerror or "a file that cannot be opened") from error
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise _invalid("a file of another user")
        data = os.read(descriptor, SIZE_MAX + 1)
        found = msgspec.json.decode(data, type=_Document)
    except (OSError, msgspec.DecodeError) as error:
        raise _invalid(str(error)[:160]) from error
    finally:
        os.close(descriptor)
    sound = (
        found.version == VERSION
        and NANOSECONDS.fullmatch(found.created_ns) is not None
        and all(text.strip() and len(text) <= most and text.isprintable() for text, most in ((found.by, 64), (found.reason, 500)))
    )
    if not sound:
        raise _invalid("a version, a time, a name or a reason that cannot be")
    return ResumeRequest(run_id=found.run_id, by=found.by, reason=found.reason, created_ns=int(found.created_ns))


def answer_resume(layout: Layout, refusal: str) -> None:
    """Take the request away; with a `refusal` that is what lies at `resume_request.refused` then. Raises `StorageError`."""
    path = layout.resume_request
    if refusal:
        _replace(layout.resume_refused, refusal.encode() + b"\n")
    try:
        if path.is_dir() and not path.is_symlink():
            path.rename(path.with_name(f"{layout.resume_refused.name}.d-{path.lstat().st_mtime_ns}"))
        else:
            path.unlink(missing_ok=True)
        sync_directory(layout.directory)
    except OSError as error:
        raise storage_error(error, path) from error


def _replace(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as error:
        raise storage_error(error, path) from error


def _invalid(found: str) -> InputError:
    return InputError(
        "RESUME_INVALID", expected="a plain file of `sluice resume`", found=found, action="Nothing was resumed; ask again."
    )
