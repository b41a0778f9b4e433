"""One manifest out of several places it may appear at: the newest by its own stamp counts, never by the file's time.

The platform moved its output path without moving its readers, so an old copy may lie where the new one is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.manifest import (
    AuditedManifest,
    ManifestOutcome,
    ManifestPolicy,
    ManifestRefused,
    judge_parsed,
    parse_file,
    read_manifest,
    stopped,
)
from lakehouse.provenance import ProvenancePolicy
from lakehouse.shapes import Manifest
from lakehouse.strict_json import read_contained
from orders.canonical import sha256_hex
from orders.errors import InputError, NotYet
from orders.values import Record

PATHS_MAX: Final = 16
NS: Final = 1_000_000_000


class _Found(Record, frozen=True, kw_only=True):
    path: Path
    manifest: Manifest
    written_ns: int
    generated_ns: int


def read_newest(
    paths: Sequence[Path],
    *,
    policy: ManifestPolicy,
    market_now_ns: int,
    provenance: ProvenancePolicy,
    keep: Callable[[bytes], object] = lambda data: None,
) -> ManifestOutcome:
    """Judge the newest of the manifests at `paths` as `read_manifest` does; the older ones are named in a note.

    A file that is not there is left out; when none is, MANIFEST_VANISHED. Everything else that keeps one file from being dated
    (half written, malformed, no winners, no stamp) decides the outcome of all: it may be the newest one. The newest counts
    even where it is refused or held: no older one steps in. The same stamp on different bytes is refused, MANIFESTS_CONFLICT;
    on the same bytes the first in the order of `paths` counts, and with it the directory that a file without a run of its own
    takes its run from. `keep` gets the bytes of every file that was read.
    """
    assert 0 < len(paths) <= PATHS_MAX
    if len(paths) == 1:
        return read_manifest(paths[0], policy=policy, market_now_ns=market_now_ns, provenance=provenance, keep=keep)
    found: list[_Found] = []
    for path in paths:
        try:
            file = read_contained(path, root=Path(policy.root), size_max=policy.size_max)
        except InputError as error:
            if error.code == "VANISHED":
                continue
            return stopped(error, sha256=None, written_ns=None)
        keep(file.data)
        try:
            manifest = parse_file(file, policy=policy, provenance=provenance, what=str(path))
            generated_ns = _stamp_of(manifest, what=str(path))
        except InputError as error:
            return stopped(error, sha256=sha256_hex(file.data), written_ns=file.written_ns)
        found.append(_Found(path=path, manifest=manifest, written_ns=file.written_ns, generated_ns=generated_ns))
    if not found:
        action = "Wait for its writer, or mend the paths."
        nothing = NotYet("VANISHED", expected="a file", found=f"nothing at {', '.join(map(str, paths))}", action=action)
        return stopped(nothing, sha256=None, written_ns=None)
    newest = max(found, key=lambda one: one.generated_ns)  # the first of equals
    rivals = [one for one in found if one.manifest.sha256 != newest.manifest.sha256]
    if equals := [one for one in rivals if one.generated_ns == newest.generated_ns]:
        return ManifestRefused(
            code="MANIFESTS_CONFLICT",
            message=f"one manifest of {_time(newest.generated_ns)} was expected, found different ones at {newest.path} and "
            f"{', '.join(str(one.path) for one in equals)}. Take all but one of them away.",
            manifest_sha256=newest.manifest.sha256,
            written_ns=newest.written_ns,
            generated_ns=newest.generated_ns,
        )
    outcome = judge_parsed(
        newest.manifest,
        policy=policy,
        market_now_ns=market_now_ns,
        provenance=provenance,
        written_ns=newest.written_ns,
        what=str(newest.path),
    )
    if not rivals:
        return outcome
    older = ", ".join(f"{one.path} of {_time(one.generated_ns)}" for one in rivals)
    note = f"{newest.path} of {_time(newest.generated_ns)} counts; older and not used: {older}"
    if isinstance(outcome, AuditedManifest):
        return msgspec.structs.replace(outcome, notes=(*outcome.notes, note))
    return msgspec.structs.replace(outcome, message=f"{outcome.message} ({note})")


def _stamp_of(manifest: Manifest, *, what: str) -> int:
    if not manifest.winners:
        action = "Look at the research run; positions stay as they are."
        raise NotYet("NO_WINNERS", expected="a winner", found=f"none in {what}", action=action)
    if manifest.generated_ns is None:
        action = "Take the file away, or have research mend it."
        raise InputError("MANIFEST_UNDATED", expected="generated_at", found=f"none that can be read in {what}", action=action)
    return manifest.generated_ns


def _time(stamp_ns: int) -> str:
    return datetime.fromtimestamp(stamp_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
