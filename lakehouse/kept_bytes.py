"""The bytes that a log's hashes are of, where they still lie: kept manifests, approvals, ledgers of source runs.

Each answers with bytes, or with the error that says why not: `NotYet` VANISHED where there are none. Nothing is judged here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lakehouse.bundles import Bundle, read_bundle
from lakehouse.layout import Layout
from lakehouse.provenance import LEDGER_NAME, LEDGER_SIZE_MAX, RUN_ID
from lakehouse.run_inputs import SHA256
from lakehouse.strict_json import read_bounded, read_contained
from orders.errors import InputError, NotYet

type Kept = bytes | InputError

MANIFEST_SIZE_MAX: Final = 64 << 20  # bytes; above what any config allows
APPROVAL_SIZE_MAX: Final = 100_000  # bytes, as `sentinel.dsse` reads them


def kept_manifest(layout: Layout, sha256: str) -> Kept:
    """Return the bytes a run kept of a manifest (`lakehouse.run_inputs`)."""
    return _bounded(layout.inputs / sha256, MANIFEST_SIZE_MAX) if SHA256.fullmatch(sha256) else _no_sha256(sha256)


def kept_approval(layout: Layout, manifest_sha256: str) -> Kept:
    """Return the approval of a manifest that lies beside the record now."""
    if not SHA256.fullmatch(manifest_sha256):
        return _no_sha256(manifest_sha256)
    return _bounded(layout.approval(manifest_sha256), APPROVAL_SIZE_MAX)


def kept_bundle(layout: Layout, sha256: str) -> Bundle | InputError:
    """Return a bundle that lies beside the record, every part proven."""
    if not SHA256.fullmatch(sha256):
        return _no_sha256(sha256)
    directory = layout.bundles / sha256
    if not directory.exists() and not directory.is_symlink():
        return _absent("its directory in bundles/", "none", "`sluice bundle create` of the run's config and code writes it.")
    try:
        return read_bundle(directory, sha256=sha256)
    except InputError as error:
        return error


def run_ledger(runs_directory: Path | None, source_run: str) -> Kept:
    """Return a source run's ledger as it is now; `runs_directory` None: it is not known where runs lie."""
    if runs_directory is None:
        return _absent("where source runs lie", "no config", "Name the run's config with --config.")
    if not RUN_ID.fullmatch(source_run):
        return _absent("the id of a run", repr(source_run[:80]), "No run has such an id.")
    run = runs_directory / source_run
    try:
        if run.resolve() != runs_directory.resolve() / source_run:
            return InputError("ESCAPES", expected=f"a directory {run}", found=f"a link to {run.resolve()}", action="Remove it.")
        return read_contained(run / LEDGER_NAME, root=run, size_max=LEDGER_SIZE_MAX).data
    except (InputError, OSError) as error:
        return error if isinstance(error, InputError) else _absent(f"{run}", str(error.strerror), "Look at the disk.")


def _bounded(path: Path, size_max: int) -> Kept:
    try:
        return read_bounded(path, size_max)
    except InputError as error:
        return error


def _no_sha256(text: str) -> NotYet:
    return _absent("a sha256 of 64 hex digits", repr(text[:80]), "No file can have this name.")


def _absent(expected: str, found: str, action: str) -> NotYet:
    return NotYet("VANISHED", expected=expected, found=found, action=action)
