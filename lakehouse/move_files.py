"""The way of a move that is asked of the run: its file is whole or absent, taken once, and answered in another.

Only the process that holds the data directory writes the log. The command writes the request to a new file and renames that; the
run takes it by a rename, so that either the run has it or the command has taken it back.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error, sync_directory
from lakehouse.move_request import SIZE_MAX, VERSION, MoveRequest, malformed, request_bytes
from lakehouse.person_file import move_directory_aside, read_person_file
from orders.canonical import sha256_hex
from orders.errors import InputError, NotAsked
from orders.values import Record


class Recorded(Record, frozen=True, kw_only=True):
    """It is in the log, durable, as this line. `request_sha256`: of the bytes of the request's file."""

    request_sha256: str
    log_line: int


class Refused(Record, frozen=True, kw_only=True):
    """Nothing moved. `ruled`: a rule kept a sound request from it (`NotAsked`); else the request is not what it should be.
    `request_sha256`: of its bytes; None where there was no plain file to read.
    """

    code: str
    expected: str
    found: str
    action: str
    ruled: bool
    request_sha256: str | None = None

    def error(self) -> InputError:
        """Return it as the error that the command raises."""
        kind = NotAsked if self.ruled else InputError
        return kind(self.code, expected=self.expected, found=self.found, action=self.action)


type MoveAnswer = Recorded | Refused


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    request_sha256: str | None
    log_line: int | None
    code: str
    expected: str
    found: str
    action: str
    ruled: bool


ANSWER_FIELDS: Final = frozenset(_Answer.__struct_fields__)


def write_move(layout: Layout, request: MoveRequest) -> str:
    """Put a request where the run looks, whole or not at all, and an older answer away; return the sha256 of its bytes.

    Raises `StorageError`; `InputError` where it is none.
    """
    data = request_bytes(request)
    _cleared(layout, layout.move_answer)
    _replace(layout, layout.move_request, data)
    return sha256_hex(data)


def withdraw_move(layout: Layout) -> bool:
    """Take a request back, so that it does nothing later; return whether it was still there. Raises `StorageError`."""
    try:
        layout.move_request.unlink()
        sync_directory(layout.directory)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(error, layout.move_request) from error
    return True


def take_move(layout: Layout) -> bytes | None:
    """Take the request that waits from where it lies, and return its bytes; None where there is none.

    Raises `InputError` MOVE_MALFORMED: no plain file of ours, or too large, which `answer_move` puts aside; `StorageError`.
    """
    if not os.path.lexists(layout.move_request):
        return None
    if _moved(layout, layout.move_request, layout.move_taken):
        raise malformed("a plain file", "a directory")
    return read_person_file(layout.move_taken, size_max=SIZE_MAX, invalid=malformed)


def answer_move(layout: Layout, answer: MoveAnswer) -> None:
    """Say what became of the request that was taken, and take it away; one that was refused is kept aside. Raises `StorageError`.

    An answer that a directory stands in the way of moves that aside.
    """
    match answer:
        case Recorded(request_sha256=sha256, log_line=line):
            document = _Answer(
                version=VERSION, request_sha256=sha256, log_line=line, code="", expected="", found="", action="", ruled=False
            )
            _cleared(layout, layout.move_taken)
        case Refused() as no:
            document = _Answer(
                version=VERSION,
                request_sha256=no.request_sha256,
                log_line=None,
                code=no.code,
                expected=no.expected,
                found=no.found,
                action=no.action,
                ruled=no.ruled,
            )
            if os.path.lexists(layout.move_taken):
                _moved(layout, layout.move_taken, layout.move_refused)
    _replace(layout, layout.move_answer, msgspec.json.encode(document) + b"\n")


def forget_taken(layout: Layout) -> None:
    """Take away what a run had taken that died before it answered: it is in the log, or was not done. Raises `StorageError`."""
    _cleared(layout, layout.move_taken)


def read_answer(layout: Layout, *, request_sha256: str) -> MoveAnswer | None:
    """Return what the run said of this request, None before it did. Raises `InputError` MOVE_ANSWER: no answer of ours.

    What it says late of another one, which its command has given up, is none of this one's.
    """
    data = read_person_file(layout.move_answer, size_max=SIZE_MAX, invalid=_no_answer)
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_answer("an answer of a run", str(error)[:160]) from error
    if found.request_sha256 not in (request_sha256, None):
        return None
    if found.log_line is None:
        return Refused(
            code=found.code,
            expected=found.expected,
            found=found.found,
            action=found.action,
            ruled=found.ruled,
            request_sha256=found.request_sha256,
        )
    if found.request_sha256 is None:
        raise _no_answer("an answer that names its request", "one that names none")
    return Recorded(request_sha256=request_sha256, log_line=found.log_line)


def drop_answer(layout: Layout) -> None:
    """Take an answer away that was read. Raises `StorageError`."""
    _cleared(layout, layout.move_answer)


def _moved(layout: Layout, path: Path, to: Path) -> bool:
    """Rename a file; a directory in its place goes aside, which is True."""
    try:
        aside = move_directory_aside(path, name=layout.move_refused.name)
        if not aside:
            move_directory_aside(to, name=layout.move_refused.name)
            path.replace(to)
        sync_directory(layout.directory)
    except FileNotFoundError:
        return False  # whoever asked took it back
    except OSError as error:
        raise storage_error(error, path) from error
    return aside


def _cleared(layout: Layout, path: Path) -> None:
    try:
        if not move_directory_aside(path, name=layout.move_refused.name):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def _replace(layout: Layout, path: Path, data: bytes) -> None:
    try:
        move_directory_aside(path, name=layout.move_refused.name)
        replace_file(path, data)
    except OSError as error:
        raise storage_error(error, path) from error


def _no_answer(expected: str, found: str) -> InputError:
    return InputError("MOVE_ANSWER", expected=expected, found=found, action="`sluice promote log` says whether it was recorded.")
