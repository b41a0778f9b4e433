"""Writing into a catalog, all of an import or nothing: new files are staged, the staged manifest is the commit, then renames.

    CATALOG/data/...                         Nautilus' own layout; a file is named by the instants of its first and last row
    CATALOG/imports/<import id>.json         the import manifest
    CATALOG/imports/staging/<import id>/     files on their way; with a manifest.json they are committed, without they are not

A process that is killed leaves a staging directory. The next one that opens the catalog finishes it when it holds a manifest,
and removes it when it does not, so no half of an import is ever part of the catalog for good.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from nautilus_trader.persistence.catalog.parquet import _timestamps_to_filename
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from lakehouse.catalog_view import span_of
from lakehouse.import_manifest import IMPORTS, STAGING, ImportManifest, Written, encode, read_manifest
from lakehouse.layout import replace_file, storage_error, sync_directory
from orders.errors import InputError, LockHeld
from sim.catalog.objects import Dataset, objects_in

ROWS_PER_GROUP: Final = 5_000  # Nautilus' own
MANIFEST: Final = "manifest.json"

type Interval = tuple[int, int, Path]  # instants of the first and the last row, both included; the file


class CatalogStore:
    """One catalog, held by one process while it is open. Opening it finishes or removes what a killed process left.

    Raises `LockHeld`, `StorageError`, `RecordCorrupt`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.imports = directory / IMPORTS
        self.recovered: list[str] = []
        self._lock = FileLock(self.imports / ".lock", timeout=0.25)

    def __enter__(self) -> Self:
        try:
            self.imports.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(poll_interval=0.02)
        except Timeout as error:
            raise LockHeld(
                "CATALOG_IN_USE",
                expected=f"{self.directory} to be free",
                found="another process that imports into it",
                action="Wait for it, or name another catalog.",
            ) from error
        except OSError as error:
            raise storage_error(error, self.imports) from error
        try:
            self._recover()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()

    def manifest(self, import_id: str) -> ImportManifest | None:
        """Return an import that was committed before, or None."""
        path = self.imports / f"{import_id}.json"
        return read_manifest(path) if path.exists() else None

    def intervals(self, dataset: Dataset) -> list[Interval]:
        """Return what the dataset's files cover, in order. Raises `InputError` PRECISION_DIFFERS: they have other decimals.

        SERIES_OVERLAPS when two files hold one span.
        """
        found: list[Interval] = []
        for path in sorted((self.directory / dataset.directory).glob("*.parquet")):
            found.append((*span_of(path), path))
        for earlier, later in pairwise(sorted(found)):
            if later[0] <= earlier[1]:
                raise InputError(
                    "SERIES_OVERLAPS",
                    expected=f"files of {dataset.name} in {self.directory} that do not overlap",
                    found=f"{earlier[2].name} and {later[2].name}",
                    action="Import into a new catalog; this one was recorded, or written by somebody else.",
                )
        if found:
            facts = pq.read_schema(found[0][2]).metadata or {}
            have = tuple(int(facts.get(key, b"-1")) for key in (b"price_precision", b"size_precision"))
            if have != (dataset.price_precision, dataset.size_precision):
                raise InputError(
                    "PRECISION_DIFFERS",
                    expected=f"{have[0]} decimals of price and {have[1]} of size, as {dataset.name} has them in {self.directory}",
                    found=f"{dataset.price_precision} and {dataset.size_precision}",
                    action="Import with the tick and the step of before, or into a new catalog.",
                )
        return sorted(found)

    def stage(self, import_id: str) -> Stage:
        """Return an empty staging area for an import."""
        return Stage(self, import_id)

    def commit(self, import_id: str, manifest: ImportManifest) -> None:
        """Make a staged import part of the catalog. Raises `StorageError`."""
        staged = self.imports / STAGING / import_id
        try:
            staged.mkdir(parents=True, exist_ok=True)
            sync_directory(staged)
            replace_file(staged / MANIFEST, encode(manifest))
            sync_directory(staged.parent)
            self._finish(staged, manifest)
        except OSError as error:
            raise storage_error(error, staged) from error

    def _finish(self, staged: Path, manifest: ImportManifest) -> None:
        for number, written in enumerate(manifest.written):
            source, target = staged / f"{number}.parquet", self.directory / written.path
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)
                sync_directory(target.parent)
        os.replace(staged / MANIFEST, self.imports / f"{manifest.import_id}.json")
        sync_directory(self.imports)
        shutil.rmtree(staged)

    def _recover(self) -> None:
        for staged in sorted((self.imports / STAGING).glob("*")):
            try:
                if (staged / MANIFEST).exists():
                    manifest = read_manifest(staged / MANIFEST)
                    self._finish(staged, manifest)
                    self.recovered.append(f"finished the import {manifest.import_id} of a process that was killed")
                else:
                    shutil.rmtree(staged)
                    self.recovered.append(f"removed the half import {staged.name} of a process that was killed")
            except OSError as error:
                raise storage_error(error, staged) from error


class Stage:
    """Files of one import on their way. `put` writes one; nothing of it is part of the catalog before `CatalogStore.commit`."""

    def __init__(self, store: CatalogStore, import_id: str) -> None:
        self._store = store
        self._directory = store.imports / STAGING / import_id
        self.written: list[Written] = []
        try:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(parents=True)
        except OSError as error:
            raise storage_error(error, self._directory) from error

    def put(self, objects: list[Any], *, data_cls: Any, directory: str) -> None:
        """Write objects, ordered by time, as one file. Raises `StorageError`."""
        table = ArrowSerializer.serialize_batch(objects, data_cls=data_cls)
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        first_ns, last_ns = objects[0].ts_init, objects[-1].ts_init
        path = self._directory / f"{len(self.written)}.parquet"
        try:
            pq.write_table(table, path, row_group_size=ROWS_PER_GROUP)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            data = path.read_bytes()
        except OSError as error:
            raise storage_error(error, path) from error
        self.written.append(
            Written(
                path=f"{directory}/{_timestamps_to_filename(first_ns, last_ns)}",
                sha256=hashlib.sha256(data).hexdigest(),
                bytes=len(data),
                rows=len(objects),
                first_ns=first_ns,
                last_ns=last_ns,
            )
        )

    def discard(self) -> None:
        """Remove what was staged."""
        shutil.rmtree(self._directory, ignore_errors=True)


def stored_rows(path: Path, *, data_cls: Any, first_ns: int, last_ns: int) -> Iterator[Any]:
    """Yield the objects of one catalog file from `first_ns` to `last_ns`, both included."""
    table = pq.read_table(path, filters=[("ts_init", ">=", first_ns), ("ts_init", "<=", last_ns)])
    yield from objects_in(table, data_cls)
