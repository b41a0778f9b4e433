"""A person's wish to flatten, on its way from the command line to the run: one small file, whole or absent, used up once.

The command writes it to a new file and renames that; the run reads it on its loop, takes it into the journal, and removes it
only then. What it does not take it moves aside. Whether it may be carried out is not judged here: see `engine.flatten`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import Any, Final

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
from orders.flatten import Scope
from orders.values import Record

REQUEST_VERSION: Final = 1
REQUEST_SIZE_MAX: Final = 262_144  # bytes; a thousand symbols are 30 kB
SYMBOLS_MAX: Final = 1_000
LIFE_MAX_NS: Final = 24 * 3_600 * 1_000_000_000  # what is not carried out within a day must be asked for again
REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
NAME: Final = re.compile(r"[\x21-\x7e]{1,128}")


class FlattenRequest(Record, frozen=True, kw_only=True):
    """Who wants what flat, and why. `plan_sha256`: of the plan the person saw. It may be taken until `expires_ns`."""

    request_id: str
    environment: str
    by: str
    reason: str
    scope: Scope
    plan_sha256: str
    created_ns: int
    expires_ns: int


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's keys; nanoseconds are text."""

    version: int
    request_id: str
    environment: str
    by: str
    reason: str
    symbols: list[str]
    venue: str | None
    plan_sha256: str
    created_ns: str
    expires_ns: str


REQUEST_FIELDS: Final = frozenset(_Document.__struct_fields__)


def write_request(layout: Layout, request: FlattenRequest) -> None:
    """Put a request where the run looks, whole or not at all. Raises `StorageError`; `InputError` where it is none."""
    document = _Document(
        version=REQUEST_VERSION,
        request_id=request.request_id,
        environment=request.environment,
        by=request.by,
        reason=request.reason,
        symbols=list(request.scope.symbols),
        venue=request.scope.venue,
        plan_sha256=request.plan_sha256,
        created_ns=str(request.created_ns),
        expires_ns=str(request.expires_ns),
    )
    _request_of(document)
    try:
        replace_file(layout.flatten_request, msgspec.json.encode(document) + b"\n")
    except OSError as error:
        raise storage_error(error, layout.flatten_request) from error


def read_request(layout: Layout) -> FlattenRequest | None:
    """Return the request that waits, None where there is none.

    Raises `InputError` FLATTEN_INVALID: not a plain file of ours, too large, not of this format, a field that cannot be.
    `StorageError` where the disk does not say.
    """
    data = read_person_file(layout.flatten_request, size_max=REQUEST_SIZE_MAX, invalid=_invalid)
    if data is None:
        return None
    try:
        document = json.loads(data, object_pairs_hook=_unique_keys)
        found = msgspec.convert(document, _Document)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise _invalid(f"one JSON object with {', '.join(_Document.__struct_fields__)}", str(error)[:160]) from error
    return _request_of(found)


def remove_request(layout: Layout) -> None:
    """Remove the request that waits; nothing where there is none. Raises `StorageError`."""
    try:
        layout.flatten_request.unlink(missing_ok=True)
        sync_directory(layout.directory)
    except OSError as error:
        raise storage_error(error, layout.flatten_request) from error


def set_aside(layout: Layout) -> None:
    """Move a refused request away, over the last one that was; whatever lies there is gone from where the run looks.

    Raises `StorageError` where it cannot be moved: it would be refused again and again.
    """
    path = layout.flatten_request
    try:
        if not move_directory_aside(path, name=layout.flatten_refused.name):
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, layout.flatten_refused)
        sync_directory(layout.directory)
    except OSError as error:
        raise storage_error(error, path) from error


def _request_of(found: _Document) -> FlattenRequest:
    symbols = found.symbols
    checks = (
        (found.version == REQUEST_VERSION, f"version {REQUEST_VERSION}", found.version),
        (REQUEST_ID.fullmatch(found.request_id) is not None, "request_id of 32 hex digits", found.request_id),
        (NAME.fullmatch(found.environment) is not None, "the name of an environment", found.environment),
        (text_is_sound(found.by, length_max=BY_LENGTH_MAX), "by as the name of a person", found.by),
        (text_is_sound(found.reason, length_max=REASON_LENGTH_MAX), "reason in words", found.reason),
        (len(symbols) <= SYMBOLS_MAX, f"at most {SYMBOLS_MAX} symbols", len(symbols)),
        (all(NAME.fullmatch(s) for s in symbols) and len(set(symbols)) == len(symbols), "symbols, each once", symbols),
        (found.venue is None or NAME.fullmatch(found.venue) is not None, "venue as a name or null", found.venue),
        (SHA256.fullmatch(found.plan_sha256) is not None, "plan_sha256 of 64 hex digits", found.plan_sha256),
        (NANOSECONDS.fullmatch(found.created_ns) is not None, "created_ns as nanoseconds", found.created_ns),
        (NANOSECONDS.fullmatch(found.expires_ns) is not None, "expires_ns as nanoseconds", found.expires_ns),
    )
    for sound, expected, value in checks:
        if not sound:
            raise _invalid(expected, repr(value)[:100])
    created, expires = int(found.created_ns), int(found.expires_ns)
    if not created < expires <= created + LIFE_MAX_NS:
        raise _invalid(f"expires_ns at most {LIFE_MAX_NS} ns after created_ns", f"{expires} after {created}")
    return FlattenRequest(
        request_id=found.request_id,
        environment=found.environment,
        by=found.by,
        reason=found.reason,
        scope=Scope(symbols=tuple(symbols), venue=found.venue),
        plan_sha256=found.plan_sha256,
        created_ns=created,
        expires_ns=expires,
    )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return table


def _invalid(expected: str, found: str) -> InputError:
    return InputError(
        "FLATTEN_INVALID", expected=expected, found=found, action="Nothing was flattened; ask again with `sluice flatten`."
    )
