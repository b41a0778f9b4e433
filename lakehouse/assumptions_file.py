"""Calibrated assumptions: numbered files that are made once and never changed, and read by their sha256.

`[assumptions]` is what a run config would say itself; `[made]` and `[parameters.*]` say where it comes from.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lakehouse.layout import replace_file, storage_error, sync_directory, write_all
from lakehouse.strict_json import read_bounded
from lakehouse.strict_toml import parse_toml
from orders.canonical import plain, sha256_hex
from orders.errors import InputError, StorageError

FILE_VERSION: Final = 1
SIZE_MAX: Final = 1_000_000
VERSIONS_MAX: Final = 9_999
NUMBERED: Final = re.compile(r"assumptions-([0-9]{4})\.toml")
BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
TABLES: Final = ("schema_version", "made", "parameters", "assumptions")


def read_assumptions(path: Path, *, sha256: str) -> dict[str, Any]:
    """Return the table `[assumptions]` of a file whose bytes have this sha256.

    Raises `InputError` ASSUMPTIONS_CHANGED (another sha256) and ASSUMPTIONS_INVALID, and as `read_bounded`.
    """
    data = read_bounded(path, SIZE_MAX)
    found = sha256_hex(data)
    if found != sha256:
        raise InputError(
            "ASSUMPTIONS_CHANGED",
            expected=f"{path} with sha256 {sha256}",
            found=found,
            action="A calibrated file is never changed: restore it, or name another one and its sha256.",
        )
    try:
        document = parse_toml(data.decode())
    except ValueError as error:
        raise _invalid(path, "TOML", str(error)) from error
    if document.get("schema_version") != FILE_VERSION:
        raise _invalid(path, f"schema_version = {FILE_VERSION}", repr(document.get("schema_version")))
    if set(document) - set(TABLES):
        raise _invalid(path, ", ".join(TABLES), ", ".join(sorted(set(document) - set(TABLES))))
    table = document.get("assumptions")
    if not isinstance(table, dict) or "file" in table:
        raise _invalid(path, "a table [assumptions] that says all itself", repr(table)[:60])
    return table


def write_assumptions(
    directory: Path, *, assumptions: Mapping[str, Any], made: Mapping[str, Any], parameters: Mapping[str, Any], report: Any
) -> tuple[Path, str]:
    """Write the next number's file and its report beside it (`.json`); return the file and its sha256. None is ever replaced.

    `made["version"]` is set here. Raises `StorageError`.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for version in range(_last(directory) + 1, VERSIONS_MAX + 1):
            path = directory / f"assumptions-{version:04d}.toml"
            data = _toml(version, assumptions=assumptions, made=made, parameters=parameters)
            assert tomllib.loads(data.decode())["assumptions"] == assumptions, "what is read back is what was meant"
            try:
                _create(path, data)
            except FileExistsError:
                continue
            replace_file(path.with_suffix(".json"), (json.dumps(plain(report), sort_keys=True, indent=1) + "\n").encode())
            return path, sha256_hex(data)
    except OSError as error:
        raise storage_error(error, directory) from error
    raise StorageError(
        "VERSIONS_FULL",
        expected=f"at most {VERSIONS_MAX} files in {directory}",
        found="so many",
        action="Name another directory with --output.",
    )


def _last(directory: Path) -> int:
    return max((int(match[1]) for name in os.listdir(directory) if (match := NUMBERED.fullmatch(name))), default=0)


def _create(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o444)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)


def _toml(version: int, *, assumptions: Mapping[str, Any], made: Mapping[str, Any], parameters: Mapping[str, Any]) -> bytes:
    lines = [
        "# Made by `sluice calibrate` and never changed. A run config uses it by",
        "#   [assumptions]",
        '#   file = "this file"',
        '#   sha256 = "of its bytes, as `sluice calibrate` printed it"',
        "",
        f"schema_version = {FILE_VERSION}",
        *_table(("made",), {"version": version, **made}),
    ]
    for name, row in parameters.items():
        lines += _table(("parameters", name), row)
    return ("\n".join([*lines, *_table(("assumptions",), assumptions)]) + "\n").encode()


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> list[str]:
    """Return a table and, below it, the tables in it; None is left out."""
    lines = ["", f"[{'.'.join(_key(part) for part in path)}]"]
    for key, value in table.items():
        if value is not None and not isinstance(value, Mapping):
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _table((*path, key), value)
    return lines


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a seed may be larger than JSON's integers, which `plain` makes text of
    shown = plain(value)
    return json.dumps(shown, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are TOML's but for pairs and this


def _invalid(path: Path, expected: str, found: str) -> InputError:
    return InputError(
        "ASSUMPTIONS_INVALID",
        expected=f"{expected} in {path}",
        found=found,
        action="Name a file that `sluice calibrate` made.",
    )
