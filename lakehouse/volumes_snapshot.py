"""The volumes snapshot: average daily volumes of a venue's symbols in one dated JSON file; schema in `data/README.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lakehouse.snapshot_parts import (
    SNAPSHOT_VERSION,
    above_zero,
    name_of,
    nanoseconds,
    refuse,
    replace_snapshot,
    snapshot_bytes,
    snapshot_document,
    table_of,
)
from orders.canonical import decimal_text, sha256_hex
from orders.values import AverageVolume, Record

VOLUMES_FIELDS: Final = frozenset({"version", "made_at_ns", "source", "volumes"})
VOLUME_FIELDS: Final = frozenset({"symbol", *AverageVolume.__struct_fields__})
DAYS_MAX: Final = 10_000
CODE: Final = "VOLUMES_INVALID"


class VolumesSnapshot(Record, frozen=True, kw_only=True):
    """`volumes` by platform symbol; `made_at_ns` real time; `sha256` is over the file's bytes."""

    made_at_ns: int
    source: str
    volumes: Mapping[str, AverageVolume]
    sha256: str


def read_volumes(path: Path) -> VolumesSnapshot:
    """Read volumes. A symbol that is not in the file has no known volume; zero is refused, it means nobody counted.

    Raises `InputError` VOLUMES_INVALID naming the entry, `NotYet` when the file is absent or empty.
    """
    data = snapshot_bytes(path)
    document = snapshot_document(path, data, CODE, VOLUMES_FIELDS)
    rows = document["volumes"]
    if not isinstance(rows, list):
        refuse(CODE, "volumes as a list", type(rows).__name__, path)
    volumes: dict[str, AverageVolume] = {}
    for number, value in enumerate(rows, start=1):
        row = table_of(value, f"entry {number}", path, CODE)
        if row.keys() != VOLUME_FIELDS:
            refuse(CODE, f"{', '.join(sorted(VOLUME_FIELDS))} in entry {number}", str(sorted(row)), path)
        symbol = name_of(row["symbol"], f"symbol of entry {number}", path, CODE)
        if symbol in volumes:
            refuse(CODE, "each symbol once", f"{symbol} twice", path)
        days = row["days"]
        if type(days) is not int or not 1 <= days <= DAYS_MAX:
            refuse(CODE, f"days of {symbol} from 1 to {DAYS_MAX}", repr(days)[:80], path)
        volume = AverageVolume(
            units_per_day=above_zero(row["units_per_day"], f"units_per_day of {symbol}", path, CODE),
            days=days,
            as_of_ns=nanoseconds(row["as_of_ns"], f"as_of_ns of {symbol}", path, CODE),
            valid_until_ns=nanoseconds(row["valid_until_ns"], f"valid_until_ns of {symbol}", path, CODE),
        )
        if volume.as_of_ns >= volume.valid_until_ns:
            refuse(CODE, f"valid_until_ns of {symbol} after as_of_ns", str(volume.valid_until_ns), path)
        volumes[symbol] = volume
    return VolumesSnapshot(
        made_at_ns=nanoseconds(document["made_at_ns"], "made_at_ns", path, CODE),
        source=name_of(document["source"], "source", path, CODE),
        volumes=volumes,
        sha256=sha256_hex(data),
    )


def volumes_sha256(paths: Iterable[Path]) -> str | None:
    """Return the sha256 of the files' bytes (of several, over their hashes), None without any. Raises as `read_volumes`."""
    hashes = sorted({read_volumes(path).sha256 for path in paths})
    return sha256_hex("\n".join(hashes).encode()) if len(hashes) > 1 else next(iter(hashes), None)


def write_volumes(path: Path, volumes: Mapping[str, AverageVolume], *, made_at_ns: int, source: str) -> None:
    """Write volumes, ordered by symbol, whole or not at all. Raises `StorageError`."""
    rows = [
        {
            "symbol": symbol,
            "units_per_day": decimal_text(volume.units_per_day),
            "days": volume.days,
            "as_of_ns": str(volume.as_of_ns),
            "valid_until_ns": str(volume.valid_until_ns),
        }
        for symbol, volume in sorted(volumes.items())
    ]
    document = {"version": SNAPSHOT_VERSION, "made_at_ns": str(made_at_ns), "source": source, "volumes": rows}
    replace_snapshot(path, (json.dumps(document, indent=1) + "\n").encode())
