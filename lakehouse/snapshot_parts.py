"""What all snapshot files have in common: a bounded read, strict JSON with numbers as text, typed fields, a whole write."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Never

from lakehouse.layout import replace_file, storage_error
from lakehouse.plain_file import read_plain
from orders.errors import InputError, NotYet

SNAPSHOT_VERSION: Final = 1
SNAPSHOT_SIZE_MAX: Final = 20_000_000  # bytes; limits of 20,000 symbols are 5 MB
NUMBER: Final = re.compile(r"-?[0-9]{1,24}(?:\.[0-9]{1,18})?")
NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")


def snapshot_bytes(path: Path) -> bytes:
    """Return the file's bytes. Raises `NotYet` SNAPSHOT_MISSING or _EMPTY, `InputError` SNAPSHOT_UNREADABLE or _TOO_LARGE."""
    try:
        data = read_plain(path, size_max=SNAPSHOT_SIZE_MAX)
    except FileNotFoundError as error:
        raise NotYet(
            "SNAPSHOT_MISSING",
            expected=f"a snapshot at {path}",
            found="no file",
            action="Run `make paper` first, which writes it, or write it as data/README.md says.",
        ) from error
    except OSError as error:
        refuse("SNAPSHOT_UNREADABLE", "a readable snapshot", error.strerror or "an I/O error", path, cause=error)
    if not data:
        raise NotYet("SNAPSHOT_EMPTY", expected=f"a snapshot at {path}", found="an empty file", action="Write it again.")
    if len(data) > SNAPSHOT_SIZE_MAX:
        refuse("SNAPSHOT_TOO_LARGE", f"at most {SNAPSHOT_SIZE_MAX} bytes", "more", path)
    return data


def snapshot_text(path: Path, data: bytes) -> str:
    """Return the bytes as UTF-8 text. Raises `InputError` SNAPSHOT_UNREADABLE."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse("SNAPSHOT_UNREADABLE", "UTF-8", f"byte {error.start} that is not", path, cause=error)


def snapshot_document(
    path: Path, data: bytes, code: str, fields: frozenset[str], *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the document of exactly these fields and this version. Raises `InputError` `code`."""
    try:
        document = json.loads(
            snapshot_text(path, data), object_pairs_hook=_unique_keys, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        refuse(code, "JSON with numbers as text", str(error) or type(error).__name__, path, cause=error)
    table = table_of(document, "the document", path, code)
    if table.keys() - optional != fields - optional or not _is_version(table.get("version")):
        refuse(code, f"version {SNAPSHOT_VERSION} with {', '.join(sorted(fields - optional))}", str(sorted(table)), path)
    return table


def _is_version(value: Any) -> bool:
    return type(value) is int and value == SNAPSHOT_VERSION  # True is 1 too


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return table


def _no_number(text: str) -> Never:
    raise ValueError(f"the number {text[:40]} must be text")


def table_of(value: Any, what: str, path: Path, code: str) -> dict[str, Any]:
    """Return an object, as it stands. This and the next five raise `InputError` `code` naming `what`."""
    if not isinstance(value, dict):
        refuse(code, f"{what} as an object", type(value).__name__, path)
    return value


def name_of(value: Any, what: str, path: Path, code: str) -> str:
    """Return printable text of 1 to 128 characters."""
    if not isinstance(value, str) or not 0 < len(value) <= 128 or not value.isprintable():
        refuse(code, f"{what} as printable text", repr(value)[:80], path)
    return value


def number_of(value: Any, what: str, path: Path, code: str) -> Decimal:
    """Return plain decimal text as a number: no exponent, 24 digits and 18 places at most."""
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        refuse(code, f"{what} as plain decimal text", repr(value)[:80], path)
    return Decimal(value)


def above_zero(value: Any, what: str, path: Path, code: str) -> Decimal:
    """Return a `number` above 0."""
    number = number_of(value, what, path, code)
    if number <= 0:
        refuse(code, f"{what} above 0", str(value), path)
    return number


def at_least_zero(value: Any, what: str, path: Path, code: str) -> Decimal:
    """Return a `number` of 0 or more."""
    number = number_of(value, what, path, code)
    if number < 0:
        refuse(code, f"{what} of 0 or more", str(value), path)
    return number


def nanoseconds(value: Any, what: str, path: Path, code: str) -> int:
    """Return nanoseconds since 1970, of text or of a whole number."""
    if type(value) is int and 0 <= value < 10**19:
        return value
    if isinstance(value, str) and NANOSECONDS.fullmatch(value):
        return int(value)
    refuse(code, f"{what} as nanoseconds since 1970", repr(value)[:80], path)


def refuse(code: str, expected: str, found: str, path: Path, *, cause: Exception | None = None) -> Never:
    """Raise the `InputError` of a snapshot that is not as it should be."""
    raise InputError(code, expected=expected, found=found, action=f"Mend {path}.") from cause


def replace_snapshot(path: Path, data: bytes) -> None:
    """Write the file whole or not at all, making its directory. Raises `StorageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise storage_error(error, path) from error
