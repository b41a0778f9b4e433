"""The import manifest: what was read, what was wrong with it, and what was written into a catalog, by sha256.

One JSON file an import, `CATALOG/imports/<import id>.json`; the schema is in `data/README.md`. The id is made of the sources,
the settings and the dataset, so the same import twice has the same id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from lakehouse.plain_file import read_plain
from orders.canonical import canonical_sha256, plain
from orders.errors import RecordCorrupt
from orders.values import Record

VERSION: Final = 1
SIZE_MAX: Final = 200_000_000  # bytes; one of ten thousand sources has 5 MB
IMPORTS: Final = "imports"  # beside Nautilus' own `data` directory, which Nautilus alone looks at
STAGING: Final = "staging"


class Source(Record, frozen=True, kw_only=True):
    """Where rows came from: a file, or a venue's public endpoint (`path` says it in words, the sha256 is over its rows)."""

    path: str
    sha256: str
    bytes: int


class Gap(Record, frozen=True, kw_only=True):
    """A hole between two rows; `missing_bars` is 0 for quotes and trades."""

    from_ns: int
    to_ns: int
    missing_bars: int


class Written(Record, frozen=True, kw_only=True):
    """One file of the catalog, its path below the catalog, and the instants of its first and last row."""

    path: str
    sha256: str
    bytes: int
    rows: int
    first_ns: int
    last_ns: int


class ImportManifest(Record, frozen=True, kw_only=True):
    """One import into one dataset. Fields are described in `data/README.md`."""

    version: int = VERSION
    import_id: str
    made_ns: int
    kind: str
    symbol: str
    instrument_id: str
    dataset: str
    sources: tuple[Source, ...]
    settings: Mapping[str, str]
    covers: tuple[int, int] | None = None
    rows_read: int
    rows_written: int
    rows_present: int
    duplicates: int
    dropped: Mapping[str, int]
    dropped_lines: Mapping[str, tuple[int, ...]]
    from_floats: int
    first_ns: int | None
    last_ns: int | None
    gaps: int
    missing_bars: int
    gap_list: tuple[Gap, ...]
    spikes: int
    spike_lines: tuple[int, ...]
    spike_rule: str
    synthetic: str | None
    written: tuple[Written, ...]
    tools: Mapping[str, str]


def import_id_of(*, dataset: str, sources: tuple[Source, ...], settings: Mapping[str, str]) -> str:
    """Return the id of an import: 16 hex digits over dataset, bytes of the sources, and settings; paths do not count."""
    facts = {"dataset": dataset, "sources": [source.sha256 for source in sources], "settings": dict(settings)}
    return canonical_sha256(facts)[:16]


def encode(manifest: ImportManifest) -> bytes:
    """Return the bytes of the file: one JSON object, keys sorted, nanoseconds as text."""
    return (json.dumps(plain(manifest), sort_keys=True, indent=1) + "\n").encode()


def read_manifest(path: Path) -> ImportManifest:
    """Read one. Raises `RecordCorrupt` IMPORT_MANIFEST."""
    try:
        value: Any = json.loads(read_plain(path, size_max=SIZE_MAX))
        manifest = msgspec.convert(value, ImportManifest, strict=False)
        if manifest.version != VERSION:
            raise ValueError(f"version {manifest.version}")
        return manifest
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise RecordCorrupt(
            "IMPORT_MANIFEST",
            expected=f"an import manifest of version {VERSION} at {path}",
            found=str(error)[:200],
            action="Restore it from a copy, or import into a new catalog.",
        ) from error


def read_manifests(catalog: Path) -> list[ImportManifest]:
    """Return every import of a catalog, oldest data first. Raises `RecordCorrupt`."""
    found = [read_manifest(path) for path in sorted((catalog / IMPORTS).glob("*.json"))]
    return sorted(found, key=lambda manifest: (manifest.dataset, manifest.first_ns or 0, manifest.import_id))
