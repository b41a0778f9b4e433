"""Strict reading of files and JSON that others wrote: bounded, contained, exact, no key twice, no number without end.

Everything refused raises `orders.errors.InputError`; what may become right by itself (vanished, empty, half written)
raises its subclass `NotYet`. Codes: VANISHED, EMPTY, HALF_WRITTEN (NotYet); NOT_A_FILE, ESCAPES, UNREADABLE, TOO_LARGE,
TOO_DEEP, NOT_UTF8, NOT_JSON, DUPLICATE_KEY, NUMBER_OUT_OF_BOUNDS.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from decimal import Clamped, Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, Rounded, Subnormal
from pathlib import Path
from typing import Any, Final

import msgspec

from orders.collector import no_collections
from orders.errors import InputError, NotYet
from orders.values import Record

DEPTH_MAX: Final = 32  # the platform's deepest file has 6 levels
NUMBER_CHARACTERS_MAX: Final = 64  # a float's shortest notation has at most 24
EXPONENT_ABS_MAX: Final = 400  # a float's decimal exponent lies within -324..308
READ_CHUNK: Final = 1 << 20
LARGE: Final = 1 << 20  # bytes; searching the objects of a smaller text for garbage takes no time that matters

_NUMBER_RUN: Final = bytes(0x30 if byte in b"0123456789+-.eE" else 0x20 for byte in range(256))
_LONG_RUN: Final = b"0" * (NUMBER_CHARACTERS_MAX + 1)
_STRIDE: Final = 4
_FAST_EXPONENT_MAX: Final = EXPONENT_ABS_MAX - NUMBER_CHARACTERS_MAX  # of the first digit; then the written one is within bounds
_FAST: Final = Context(  # exact or an exception; what it raises on is decided by `_bounded_decimal`
    prec=NUMBER_CHARACTERS_MAX,
    Emax=_FAST_EXPONENT_MAX,
    Emin=-_FAST_EXPONENT_MAX,
    traps=[Clamped, Inexact, InvalidOperation, Overflow, Rounded, Subnormal],
)

_ASK: Final = "Have the writer of the file looked at."

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_STRUCTURE: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_BRACES_TO_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_CUT_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{0,4})?\Z")  # the scanner wants one character more after the fourth digit
_CUT_NUMBERS: Final = frozenset({"", "-", ".", "e", "E", "e+", "e-", "E+", "E-"})
_LITERALS: Final = ("true", "false", "null", "NaN", "Infinity", "-Infinity")


class FileBytes(Record, frozen=True, kw_only=True):
    """The whole content of one regular file and when it was last written (mtime, ns UTC).

    `real_path`: where it lies once all links are resolved; None where they were not.
    """

    data: bytes
    written_ns: int
    real_path: str | None = None


def read_bounded(path: Path, size_max: int) -> bytes:
    """Return the bytes of a regular file of at most `size_max` bytes.

    Never follows a symbolic link in the last part of `path`, never waits on a pipe, and never holds more than
    `size_max` + 1 bytes. Raises `NotYet` (VANISHED; HALF_WRITTEN when the file changes under the read) and `InputError`
    (NOT_A_FILE, UNREADABLE, TOO_LARGE).
    """
    fd = _open(str(path), what=str(path))
    try:
        return _read_open_file(fd, size_max=size_max, what=str(path)).data
    finally:
        os.close(fd)


def open_regular(path: Path) -> int:
    """Return a descriptor of a regular file, to be read in parts and closed by the caller; else as `read_bounded`.

    Raises `NotYet` VANISHED and `InputError` (NOT_A_FILE, UNREADABLE).
    """
    fd = _open(str(path), what=str(path))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InputError("NOT_A_FILE", expected="a regular file", found=f"none at {path}", action="Put the file in its place.")
    return fd


def read_contained(path: Path, *, root: Path, size_max: int) -> FileBytes:
    """Return the bytes of a regular file that lies under `root` once all links are resolved.

    (1) both paths are resolved, (2) the file must be inside the root, (3) every part of the resolved path is opened from
    its parent without following links, so that a link put there after (2) is refused too. Links that stay inside the root
    are followed. Raises what `read_bounded` raises, and `InputError` ESCAPES.
    """
    what = str(path)
    try:
        real_root = Path(os.path.realpath(root, strict=True))
        real = Path(os.path.realpath(path, strict=True))
    except OSError as error:
        raise _os_error(error, what=what) from error
    if not real.is_relative_to(real_root):
        raise InputError(
            "ESCAPES",
            expected=f"a file inside {real_root}",
            found=f"{what} -> {real}",
            action="Remove the link or mend the path.",
        )
    fd = _open(str(real_root), what=str(root))
    try:
        for part in real.relative_to(real_root).parts:
            parent, fd = fd, _open(part, what=what, parent=fd)
            os.close(parent)
        return msgspec.structs.replace(_read_open_file(fd, size_max=size_max, what=what), real_path=str(real))
    finally:
        os.close(fd)


def parse(data: bytes, *, what: str, size_max: int, depth_max: int = DEPTH_MAX, nonfinite: bool = False) -> Any:
    """Return the value of a JSON text: objects as dict, fractions and exponents as `Decimal`, integers as int.

    `what` names the document in messages. `nonfinite`: bare NaN, Infinity and -Infinity become such Decimals (the
    platform writes them); otherwise they are refused. The nesting is counted on the bytes before any parsing, so deep
    texts cost neither stack nor memory. Numbers are bounded by their text; where no long run of number characters occurs at
    all, they are made without a Python call each. Raises `NotYet` (EMPTY, HALF_WRITTEN: a valid beginning that ends early) and
    `InputError` (TOO_LARGE, TOO_DEEP, NOT_UTF8, NOT_JSON, DUPLICATE_KEY, NUMBER_OUT_OF_BOUNDS).
    """
    if len(data) > size_max:
        raise _too_large(what, size_max=size_max, found=f"{len(data)} bytes")
    if not data:
        raise NotYet("EMPTY", expected="a JSON document", found=f"no bytes in {what}", action="Wait for its writer.")
    if nests_deeper(data, depth_max=depth_max):
        raise InputError(
            "TOO_DEEP", expected=f"at most {depth_max} levels", found=f"more in {what}", action="Have its writer looked at."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.end == len(data):
            raise _half_written(what, at=error.start) from error
        raise InputError(
            "NOT_UTF8", expected="UTF-8", found=f"{error.reason} at byte {error.start} of {what}", action=_ASK
        ) from error
    try:
        with no_collections(then_old=len(data) >= LARGE):
            value = _loads(text, fast=not _has_long_run(data), nonfinite=nonfinite)
    except json.JSONDecodeError as error:
        if _ends_early(text, error):
            raise _half_written(what, at=len(text)) from error
        found = f"{error.msg} at line {error.lineno} column {error.colno} of {what}"
        raise InputError("NOT_JSON", expected="JSON", found=found, action=_ASK) from error
    except InputError as error:
        raise InputError(error.code, expected=error.expected, found=f"{error.found} in {what}", action=error.action) from error
    if b"\\" in data and _SURROGATE_ESCAPE.search(data):
        _refuse_lone_surrogates(value, what=what)
    return value


def _has_long_run(data: bytes) -> bool:
    """Say whether more than `NUMBER_CHARACTERS_MAX` characters of numbers stand side by side, in a number or a string.

    Such a run covers so many of every fourth byte; only where that much is found are all bytes looked at.
    """
    sampled = data[::_STRIDE].translate(_NUMBER_RUN)
    return _LONG_RUN[::_STRIDE][1:] in sampled and _LONG_RUN in data.translate(_NUMBER_RUN)


def _loads(text: str, *, fast: bool, nonfinite: bool) -> Any:
    """`fast`: no number is longer than allowed. An exponent out of the common range is judged in a second, slow reading."""
    constant = Decimal if nonfinite else _refuse_constant
    if fast:
        try:
            return json.loads(
                text, object_pairs_hook=_object_without_repeats, parse_float=_FAST.create_decimal, parse_constant=constant
            )
        except DecimalException:
            return _loads(text, fast=False, nonfinite=nonfinite)
    return json.loads(
        text,
        object_pairs_hook=_object_without_repeats,
        parse_float=_bounded_decimal,
        parse_int=_bounded_integer,
        parse_constant=constant,
    )


def nests_deeper(data: bytes, *, depth_max: int) -> bool:
    """Say whether JSON bytes open more than `depth_max` brackets at once, outside strings; stops at the first excess.

    Bytes that are no JSON get some answer: a parser stops at their first fault, up to which the count is right.
    """
    if b"\\" in data:  # an escape begins inside strings only, and a run of backslashes pairs off from its left end
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = data.translate(_BRACES_TO_BRACKETS, _NOT_STRUCTURE)
    structure = structure.replace(b'""', b"")  # strings without brackets; which quotes open and which close stays the same
    depth = 0
    for byte in b"".join(structure.split(b'"')[::2]):
        if byte == 0x5B:
            depth += 1
            if depth > depth_max:
                return True
        else:
            depth -= 1
    return False


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InputError(
                    "DUPLICATE_KEY", expected="every key once in an object", found=f"{key[:80]!r} twice", action=_ASK
                )
            seen.add(key)
    return value


def _bounded_decimal(text: str) -> Decimal:
    if len(text) <= NUMBER_CHARACTERS_MAX:
        if "e" not in text and "E" not in text:
            return Decimal(text)
        if abs(int(text.lower().partition("e")[2])) <= EXPONENT_ABS_MAX:
            return Decimal(text)
    raise _number_out_of_bounds(text)


def _bounded_integer(text: str) -> int:
    if len(text) > NUMBER_CHARACTERS_MAX:
        raise _number_out_of_bounds(text)
    return int(text)


def _number_out_of_bounds(text: str) -> InputError:
    shown = text if len(text) <= 40 else f"{text[:40]}... ({len(text)} characters)"
    expected = f"a number of at most {NUMBER_CHARACTERS_MAX} characters, exponent within {EXPONENT_ABS_MAX}"
    return InputError("NUMBER_OUT_OF_BOUNDS", expected=expected, found=shown, action=_ASK)


def _refuse_constant(text: str) -> Decimal:
    raise InputError("NUMBER_OUT_OF_BOUNDS", expected="a finite number", found=text, action=_ASK)


def _refuse_lone_surrogates(value: Any, *, what: str) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and any("\ud800" <= character <= "\udfff" for character in item):
            raise InputError("NOT_UTF8", expected="text", found=f"half a surrogate pair in {what}", action=_ASK)


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    if error.msg.startswith("Unterminated string"):
        return True
    rest = text[error.pos :]
    if error.msg.startswith("Invalid \\"):
        return len(rest) <= 8 and _CUT_ESCAPE.search(text) is not None
    rest = rest.rstrip(" \t\r\n")
    return rest in _CUT_NUMBERS or any(literal.startswith(rest) and literal != rest for literal in _LITERALS)


def _half_written(what: str, *, at: int) -> NotYet:
    return NotYet(
        "HALF_WRITTEN", expected="a whole JSON document", found=f"{what} ends early, at {at}", action="Wait for its writer."
    )


def _too_large(what: str, *, size_max: int, found: str) -> InputError:
    return InputError("TOO_LARGE", expected=f"at most {size_max} bytes", found=f"{found} in {what}", action=_ASK)


def _open(name: str, *, what: str, parent: int | None = None) -> int:
    try:
        return os.open(name, _OPEN_FLAGS, dir_fd=parent)
    except OSError as error:
        raise _os_error(error, what=what) from error


def _os_error(error: OSError, *, what: str) -> InputError:
    if isinstance(error, FileNotFoundError):
        return NotYet("VANISHED", expected="a file", found=f"nothing at {what}", action="Wait for its writer, or mend the path.")
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO}:
        return InputError(
            "NOT_A_FILE", expected="a regular file", found=f"{what}: {error.strerror}", action="Put the file in its place."
        )
    return InputError(
        "UNREADABLE", expected="a readable file", found=f"{what}: {error.strerror}", action="Mend its permissions or disk."
    )


def _read_open_file(fd: int, *, size_max: int, what: str) -> FileBytes:
    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode):
        kind = "a directory" if stat.S_ISDIR(before.st_mode) else "a pipe, socket or device"
        raise InputError("NOT_A_FILE", expected="a regular file", found=f"{kind} at {what}", action="Put the file in its place.")
    if before.st_size > size_max:
        raise _too_large(what, size_max=size_max, found=f"{before.st_size} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        while size <= size_max and (chunk := os.read(fd, min(max(READ_CHUNK, before.st_size + 1), size_max + 1 - size))):
            chunks.append(chunk)
            size += len(chunk)
        after = os.fstat(fd)
    except OSError as error:
        raise _os_error(error, what=what) from error
    if size > size_max:
        raise _too_large(what, size_max=size_max, found=f"more than {size_max} bytes")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        raise NotYet("HALF_WRITTEN", expected="a file at rest", found=f"{what} changed while read", action="Wait for its writer.")
    return FileBytes(data=b"".join(chunks), written_ns=after.st_mtime_ns)
