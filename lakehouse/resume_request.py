"""A person's wish to resume, put beside a run that is halted: the run takes it once, writes it down and arms itself.

Only the process that holds the data directory writes the log, and a resume must be in the log before the first order after it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error, sync_directory
from lakehouse.person_file import (
    BY_LENGTH_MAX,
    NANOSECONDS,
    REASON_LENGTH_MAX,
    move_directory_aside,
    read_person_file,
    text_is_sound,
)
from orders.errors import InputError
from orders.values import Record

VERSION: Final = 1
SIZE_MAX: Final = 4_096
LIFE_NS: Final = 60 * 1_000_000_000  # a run that is alive looks several times a second


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
    """Return the request that waits, None where there is none. Raises `InputError` RESUME_INVALID: it is none of ours.

    `StorageError` where the disk does not say.
    """
    data = read_person_file(layout.resume_request, size_max=SIZE_MAX, invalid=lambda expected, found: _invalid(found))
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(str(error)[:160]) from error
    sound = (
        found.version == VERSION
        and NANOSECONDS.fullmatch(found.created_ns) is not None
        and text_is_sound(found.by, length_max=BY_LENGTH_MAX)
        and text_is_sound(found.reason, length_max=REASON_LENGTH_MAX)
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
        if not move_directory_aside(path, name=layout.resume_refused.name):
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
