"""What a price catalog holds and whether it is what the import manifests say. Reads Parquet footers and bytes, no prices."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lakehouse.import_manifest import IMPORTS, STAGING, ImportManifest, read_manifests
from orders.errors import InputError
from orders.values import Record

BLOCK_BYTES: Final = 1 << 20
SPAN: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{9})Z")
PRICES: Final = {"bar": "bars", "quote_tick": "quotes", "trade_tick": "trades"}


class DatasetView(Record, frozen=True, kw_only=True):
    """One series of a catalog. `imports` 0: nothing of it was imported by Sluice, so its sums are not known (None)."""

    kind: str
    dataset: str
    symbol: str | None
    rows: int
    files: int
    first_ns: int
    last_ns: int
    imports: int
    gaps: int | None
    duplicates: int | None
    dropped: int | None
    spikes: int | None
    synthetic: tuple[str, ...]


class Problem(Record, frozen=True, kw_only=True):
    """Something that is not as the manifests say: MISSING, CHANGED, UNLISTED (no import wrote it) or UNFINISHED."""

    code: str
    path: str
    message: str


def datasets(catalog: Path) -> list[DatasetView]:
    """Return every series of prices in a catalog. Raises `InputError` CATALOG_MISSING, `RecordCorrupt`."""
    _there(catalog)
    manifests = read_manifests(catalog)
    found = []
    for folder, kind in PRICES.items():
        for directory in sorted((catalog / "data" / folder).glob("*")):
            files = sorted(directory.glob("*.parquet"))
            if files:
                mine = [each for each in manifests if any(Path(w.path).parent.name == directory.name for w in each.written)]
                mine = [each for each in mine if each.kind == kind]
                found.append(_view(kind, directory, files, mine))
    return found


def _view(kind: str, directory: Path, files: list[Path], manifests: list[ImportManifest]) -> DatasetView:
    spans = [span_of(file) for file in files]
    known = bool(manifests)
    return DatasetView(
        kind=kind,
        dataset=manifests[0].dataset if known else directory.name,
        symbol=manifests[0].symbol if known else None,
        rows=sum(_rows(file) for file in files),
        files=len(files),
        first_ns=min(first for first, _ in spans),
        last_ns=max(last for _, last in spans),
        imports=len(manifests),
        gaps=sum(each.gaps for each in manifests) if known else None,
        duplicates=sum(each.duplicates for each in manifests) if known else None,
        dropped=sum(sum(each.dropped.values()) for each in manifests) if known else None,
        spikes=sum(each.spikes for each in manifests) if known else None,
        synthetic=tuple(sorted({each.synthetic for each in manifests if each.synthetic})),
    )


def problems(catalog: Path) -> list[Problem]:
    """Return everything in a catalog that no manifest vouches for. Raises `InputError` CATALOG_MISSING, `RecordCorrupt`."""
    _there(catalog)
    manifests = read_manifests(catalog)
    listed = {written.path: written for manifest in manifests for written in manifest.written}
    found = []
    for path, written in sorted(listed.items()):
        file = catalog / path
        if not file.is_file():
            found.append(Problem(code="MISSING", path=path, message="a manifest lists it, and it is not there"))
            continue
        sha256 = sha256_of(file)
        if sha256 != written.sha256:
            found.append(Problem(code="CHANGED", path=path, message=f"sha256 {written.sha256} was written, found {sha256}"))
    for file in sorted((catalog / "data").rglob("*")):
        path = file.relative_to(catalog).as_posix()
        if file.is_file() and path not in listed:
            found.append(Problem(code="UNLISTED", path=path, message="no import wrote it, and a run would read it"))
    for staged in sorted((catalog / IMPORTS / STAGING).glob("*")):
        path = staged.relative_to(catalog).as_posix()
        found.append(Problem(code="UNFINISHED", path=path, message="an import runs or was killed; the next import settles it"))
    return found


def listed_files(catalog: Path) -> int:
    """Return how many files the manifests list."""
    return sum(len(manifest.written) for manifest in read_manifests(catalog))


def day_text(ns: int) -> str:
    """Return an instant to the minute, UTC."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M}"


def table(views: Iterable[DatasetView]) -> list[str]:
    """Return aligned lines, a series a line; `-` where a number is not known."""
    head = (
        "series",
        "rows",
        "first (UTC)",
        "last (UTC)",
        "files",
        "imports",
        "gaps",
        "doubles",
        "dropped",
        "spikes",
        "synthetic",
    )
    rows: list[tuple[str, ...]] = [head]
    for view in views:
        counts = (view.gaps, view.duplicates, view.dropped, view.spikes)
        rows.append(
            (
                f"{view.kind} {view.dataset}",
                f"{view.rows:,}",
                day_text(view.first_ns),
                day_text(view.last_ns),
                str(view.files),
                str(view.imports),
                *("-" if count is None else str(count) for count in counts),
                "yes" if view.synthetic else "no" if view.imports else "-",
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    left = {0, 2, 3, 10}
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _there(catalog: Path) -> None:
    if not (catalog / "data").is_dir() and not (catalog / IMPORTS).is_dir():
        raise InputError(
            "CATALOG_MISSING",
            expected=f"a catalog at {catalog}",
            found="neither a directory data nor imports in it",
            action="`sluice data import` or `sluice data fetch` makes one.",
        )


def span_of(file: Path) -> tuple[int, int]:
    """Return the instants in a catalog file's name, first and last row. Raises `InputError` CATALOG_FILE_NAME."""
    stamps = SPAN.findall(file.name)
    if len(stamps) != 2:
        raise InputError(
            "CATALOG_FILE_NAME",
            expected="a file named by its first and last instant",
            found=str(file),
            action="Take it out of the catalog.",
        )
    first, last = (
        int(datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}+00:00").timestamp()) * 1_000_000_000 + int(rest)
        for day, hour, minute, second, rest in stamps
    )
    return first, last


def _rows(file: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: Any = pq.ParquetFile(file).metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "CATALOG_FILE_BROKEN",
            expected=f"a whole Parquet file at {file}",
            found=str(error)[:200],
            action="`sluice data check` says which files are not as they were written.",
        ) from error
    return int(rows)


def sha256_of(file: Path) -> str:
    """Return the hex sha256 of a file of any size."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
