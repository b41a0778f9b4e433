"""Read a research portfolio (`lakehouse.shapes`) into a value that means: audited, and this is what to hold.

The answer is one of three: `AuditedManifest`; `ManifestHeld` (it may become right by itself: hold what is held, alarm, look
again); `ManifestRefused` (a person must act). None of them ever means "sell everything". The bytes are read once; what is
hashed is what is parsed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.capital import common_origin, net_targets, split_capital
from lakehouse.meta_portfolio import Evidence
from lakehouse.provenance import RUN_ID, Check, Provenance, ProvenancePolicy, grade_run
from lakehouse.regimes import worst_regime
from lakehouse.returns_check import ReturnsCheck
from lakehouse.shape import DEFAULT_SHAPES, Shape
from lakehouse.shapes import Manifest, parse_manifest
from lakehouse.strict_json import FileBytes, read_contained
from lakehouse.upstream_time import zone_of
from lakehouse.winners import NO_RUN, RefusedWinner, Winner
from orders.canonical import sha256_hex
from orders.collector import no_collections
from orders.errors import ConfigError, InputError, NotYet
from orders.values import Grade, Record

SIZE_MAX: Final = 16 << 20  # 10,000 assets take about 4 MB

_CAPITAL_KEY: Final = re.compile(r"rank:[1-9][0-9]{0,8}|[A-Za-z0-9_.\-]{1,64}/[A-Za-z0-9_.\-]{1,64}")


class ManifestPolicy(Record, frozen=True, kw_only=True):
    """What config asks of a manifest.

    `root`: the directory it must really lie in. `shapes`: those that may be traded. `zone`: IANA zone of its naive time
    stamps. `capital`: winner ("rank:1" or "engine/profile") -> fraction of equity, each > 0, at most 1 together; a winner not
    named gets nothing. Durations in ns of market time. Raises `ConfigError` when made with anything else.
    """

    root: str
    zone: str
    age_max_ns: int
    future_skew_max_ns: int
    size_max: int = SIZE_MAX
    weight_abs_max: Decimal = Decimal(1)
    capital: Mapping[str, Decimal] = msgspec.field(default_factory=lambda: {"rank:1": Decimal(1)})
    shapes: frozenset[Shape] = DEFAULT_SHAPES

    def __post_init__(self) -> None:
        zone_of(self.zone)
        rules: tuple[tuple[str, bool, object], ...] = (
            ("root as a path", bool(self.root) and "\0" not in self.root, self.root),
            ("age_max_ns above 0", self.age_max_ns > 0, self.age_max_ns),
            ("future_skew_max_ns of 0 or more", self.future_skew_max_ns >= 0, self.future_skew_max_ns),
            ("size_max above 0", self.size_max > 0, self.size_max),
            ("weight_abs_max above 0", self.weight_abs_max.is_finite() and self.weight_abs_max > 0, self.weight_abs_max),
            ("at least one shape", bool(self.shapes), "none"),
            ("capital keys rank:N or engine/profile", all(map(_CAPITAL_KEY.fullmatch, self.capital)), list(self.capital)),
            ("finite capital fractions", all(value.is_finite() for value in self.capital.values()), dict(self.capital)),
        )
        for expected, holds, found in rules:
            if not holds:
                raise ConfigError("MANIFEST_POLICY", expected=expected, found=str(found), action="Mend the [manifest] section.")
        fractions = self.capital.values()
        if not fractions or min(fractions) <= 0 or sum(fractions) > 1:
            expected = "capital fractions above 0, at most 1 together"
            found = ", ".join(f"{key} = {value}" for key, value in self.capital.items()) or "none"
            raise ConfigError("MANIFEST_CAPITAL", expected=expected, found=found, action="Mend the capital split in the config.")


class AuditedManifest(Record, frozen=True, kw_only=True):
    """A manifest that may be planned from. `targets`: symbol -> signed fraction of equity, netted over the winners with
    capital; a zero means "hold none". `regime_name` is the worst of the winners used, CRISIS where one is missing or unknown;
    `regime_text` says what each of them wrote. `generated_ns` is the oldest of them, `written_ns` the file's mtime (ns UTC).
    `failed_checks`: names of what holds the grade down, `ledger_faults` codes of what is wrong with the run's ledger; of a meta
    portfolio, those of its sleeves too. `grade_text` says both in words; empty where nothing holds the grade down.
    """

    manifest_sha256: str
    source_run: str
    grade: Grade
    run_ledger_head: str | None
    run_ledger_sha256: str | None
    checks: tuple[Check, ...]
    generated_ns: int
    written_ns: int
    regime_name: str
    regime_text: str
    targets: Mapping[str, Decimal]
    fractions: Mapping[str, Decimal]  # engine/profile -> fraction of equity
    winners: tuple[Winner, ...]  # those with capital, in file order
    notes: tuple[str, ...]
    shape: Shape = Shape.V3
    failed_checks: tuple[str, ...] = ()
    ledger_faults: tuple[str, ...] = ()
    grade_text: str = ""
    approved_by: str = ""  # whose signed approval was found; empty where none was asked for
    approval_sha256: str = ""  # of the approval's bytes


class ManifestHeld(Record, frozen=True, kw_only=True):
    """No orders, an alarm, look again. None: not known at the point where reading stopped."""

    code: str
    message: str
    manifest_sha256: str | None
    written_ns: int | None
    source_run: str | None = None
    generated_ns: int | None = None


class ManifestRefused(Record, frozen=True, kw_only=True):
    """No orders until a person acted. None: not known at the point where reading stopped."""

    code: str
    message: str
    manifest_sha256: str | None
    written_ns: int | None
    source_run: str | None = None
    generated_ns: int | None = None
    grade: Grade | None = None
    run_ledger_head: str | None = None
    checks: tuple[Check, ...] = ()
    failed_checks: tuple[str, ...] = ()
    ledger_faults: tuple[str, ...] = ()


ManifestOutcome = AuditedManifest | ManifestHeld | ManifestRefused


def refused(manifest: AuditedManifest, *, code: str, message: str) -> ManifestRefused:
    """Return an audited manifest turned away for a reason that lies outside it."""
    return ManifestRefused(
        code=code,
        message=message,
        manifest_sha256=manifest.manifest_sha256,
        written_ns=manifest.written_ns,
        source_run=manifest.source_run,
        generated_ns=manifest.generated_ns,
        grade=manifest.grade,
        run_ledger_head=manifest.run_ledger_head,
        checks=manifest.checks,
        failed_checks=manifest.failed_checks,
        ledger_faults=manifest.ledger_faults,
    )


def read_manifest(
    path: Path,
    *,
    policy: ManifestPolicy,
    market_now_ns: int,
    provenance: ProvenancePolicy,
    keep: Callable[[bytes], object] = lambda data: None,
) -> ManifestOutcome:
    """Read, parse and judge the manifest at `path`; `market_now_ns` is what its age is counted to.

    (1) the file: regular, inside `policy.root`, bounded; (2) strict JSON; (3) the shape, by content; (4) every winner's rows;
    (5) the capital split; (6) one source run: the one its metadata name, or for shapes that name none the `<run>` of
    `<runs_directory>/<run>/…` it really lies in; (7) age; (8) provenance, of a meta portfolio also that of every sleeve's run.
    The first step that fails decides. HOLD: MANIFEST_VANISHED, MANIFEST_EMPTY, MANIFEST_HALF_WRITTEN, NO_WINNERS,
    MANIFEST_STALE, MANIFEST_FROM_FUTURE, ALL_TARGETS_ZERO; all else is refused. Never raises on content. `written_ns` of a
    held or refused file is None where it could not be read. `keep` gets the bytes before anything is made of them.
    """
    try:
        file = read_contained(path, root=Path(policy.root), size_max=policy.size_max)
    except InputError as error:
        return stopped(error, sha256=None, written_ns=None)
    keep(file.data)
    with no_collections(then_old=True):
        try:
            manifest = parse_file(file, policy=policy, provenance=provenance, what=str(path))
        except InputError as error:
            return stopped(error, sha256=sha256_hex(file.data), written_ns=file.written_ns)
        return judge_parsed(
            manifest,
            policy=policy,
            market_now_ns=market_now_ns,
            provenance=provenance,
            written_ns=file.written_ns,
            what=str(path),
        )


def parse_file(file: FileBytes, *, policy: ManifestPolicy, provenance: ProvenancePolicy, what: str) -> Manifest:
    """Parse a file's bytes, knowing where it really lies. Raises what `parse_manifest` raises."""
    assert file.real_path is not None
    return parse_manifest(
        file.data,
        what=what,
        size_max=policy.size_max,
        zone=zone_of(policy.zone),
        weight_abs_max=policy.weight_abs_max,
        shapes=policy.shapes,
        source_run=run_of(file.real_path, runs_directory=provenance.runs_directory),
        evidence=Evidence(
            directory=os.path.dirname(file.real_path), runs_directory=provenance.runs_directory, size_max=policy.size_max
        ),
    )


def run_of(real_path: str, *, runs_directory: str) -> str:
    """Return the `<run>` of `<runs_directory>/<run>/…` that a resolved path lies in; `NO_RUN` where it lies in none."""
    try:
        runs = Path(os.path.realpath(runs_directory, strict=True))
    except OSError:
        return NO_RUN
    path = Path(real_path)
    parts = path.relative_to(runs).parts if path.is_relative_to(runs) else ()
    return parts[0] if len(parts) > 1 and RUN_ID.fullmatch(parts[0]) else NO_RUN


def judge_manifest(
    data: bytes,
    *,
    policy: ManifestPolicy,
    market_now_ns: int,
    provenance: ProvenancePolicy,
    written_ns: int,
    what: str = "the manifest",
    source_run: str = NO_RUN,
    evidence: Evidence | None = None,
) -> ManifestOutcome:
    """Judge a manifest's bytes: steps (2) to (8) of `read_manifest`. `source_run`, `evidence`: see `parse_manifest`."""
    try:
        manifest = parse_manifest(
            data,
            what=what,
            size_max=policy.size_max,
            zone=zone_of(policy.zone),
            weight_abs_max=policy.weight_abs_max,
            shapes=policy.shapes,
            source_run=source_run,
            evidence=evidence,
        )
    except InputError as error:
        return stopped(error, sha256=sha256_hex(data), written_ns=written_ns)
    return judge_parsed(
        manifest, policy=policy, market_now_ns=market_now_ns, provenance=provenance, written_ns=written_ns, what=what
    )


def judge_parsed(
    manifest: Manifest,
    *,
    policy: ManifestPolicy,
    market_now_ns: int,
    provenance: ProvenancePolicy,
    written_ns: int,
    what: str,
) -> ManifestOutcome:
    """Judge a parsed manifest: steps (5) to (8) of `read_manifest`."""
    sha256 = manifest.sha256
    try:
        if not manifest.winners:
            action = "Look at the research run; positions stay as they are."
            raise NotYet("NO_WINNERS", expected="a winner", found=f"none in {what}", action=action)
        fractions = split_capital(manifest, policy.capital)
        used = tuple(winner for winner in manifest.winners if isinstance(winner, Winner) and winner.key in fractions)
        source_run, generated_ns = common_origin(used)
    except InputError as error:
        return stopped(error, sha256=sha256, written_ns=written_ns)
    age_ns = market_now_ns - generated_ns
    if age_ns > policy.age_max_ns or -age_ns > policy.future_skew_max_ns:
        stale = age_ns > policy.age_max_ns
        limit_ns = policy.age_max_ns if stale else policy.future_skew_max_ns
        return ManifestHeld(
            code="MANIFEST_STALE" if stale else "MANIFEST_FROM_FUTURE",
            message=f"{'age' if stale else 'lead'} of at most {limit_ns} ns was expected, found {abs(age_ns)} ns. "
            "Wait for research, or mend clock, zone or limit.",
            manifest_sha256=sha256,
            written_ns=written_ns,
            source_run=source_run,
            generated_ns=generated_ns,
        )
    proven = _prove(manifest, used, source_run=source_run, policy=provenance)
    if proven.grade.rank < provenance.grade_min.rank:
        found = f"{proven.grade} ({proven.reasons})"
        return ManifestRefused(
            code="PROVENANCE_BELOW_MINIMUM",
            message=f"run {source_run} graded {provenance.grade_min} was expected, found {found}. Mend it.",
            manifest_sha256=sha256,
            written_ns=written_ns,
            source_run=source_run,
            generated_ns=generated_ns,
            grade=proven.grade,
            run_ledger_head=proven.run_ledger_head,
            checks=proven.checks,
            failed_checks=tuple(dict.fromkeys(name for name, _, _ in proven.failures)),
            ledger_faults=proven.ledger_faults,
        )
    targets, notes = net_targets(used, fractions)
    if not any(targets.values()):
        return ManifestHeld(
            code="ALL_TARGETS_ZERO",
            message="a target other than zero was expected, found none. A book is flattened by a named person's command only.",
            manifest_sha256=sha256,
            written_ns=written_ns,
            source_run=source_run,
            generated_ns=generated_ns,
        )
    refused = [winner for winner in manifest.winners if isinstance(winner, RefusedWinner)]
    return AuditedManifest(
        manifest_sha256=sha256,
        source_run=source_run,
        grade=proven.grade,
        run_ledger_head=proven.run_ledger_head,
        run_ledger_sha256=proven.ledger_sha256,
        checks=proven.checks,
        failed_checks=tuple(dict.fromkeys(name for name, _, _ in proven.failures)),
        ledger_faults=proven.ledger_faults,
        grade_text=f"run {source_run} graded {proven.grade}: {proven.reasons}" if proven.failures else "",
        generated_ns=generated_ns,
        written_ns=written_ns,
        regime_name=worst_regime((winner.regime_name, winner.quadrant) for winner in used),
        regime_text="; ".join(f"{w.key}: regime {w.regime_name!r}, quadrant {w.quadrant!r}" for w in used),
        targets=targets,
        fractions=fractions,
        winners=used,
        notes=(
            *(f"{w.key} has no capital and is refused: {w.code}: {w.message}" for w in refused),
            *notes,
            *manifest.notes,
        ),
        shape=manifest.shape,
    )


def _prove(manifest: Manifest, used: tuple[Winner, ...], *, source_run: str, policy: ProvenancePolicy) -> Provenance:
    """Grade the source run; a meta portfolio is no better than the worst of its sleeves' runs."""
    pairs = [(winner.engine, winner.profile) for winner in used]
    hashes = [winner.returns_hash for winner in used]
    proven = grade_run(source_run, winners=pairs, policy=policy, returns_hashes=hashes)
    of_sleeves = msgspec.structs.replace(policy, returns=ReturnsCheck.NOTED)  # a sleeve's file names no returns
    for run in dict.fromkeys(run for run, _ in manifest.sleeve_files):
        sleeve = grade_run(run, winners=(), policy=of_sleeves)
        proven = msgspec.structs.replace(
            proven,
            grade=min(proven.grade, sleeve.grade, key=lambda grade: grade.rank),
            checks=(*proven.checks, *((f"{name} of {run}", ok, found) for name, ok, found in sleeve.checks)),
            ledger_faults=tuple(dict.fromkeys((*proven.ledger_faults, *sleeve.ledger_faults))),
        )
    return proven


def stopped(error: InputError, *, sha256: str | None, written_ns: int | None) -> ManifestHeld | ManifestRefused:
    """Return the outcome of an error of reading: held where it may become right by itself."""
    code = f"MANIFEST_{error.code}" if error.code in _READING_CODES else error.code
    message = f"{error.expected} was expected, found {error.found}. {error.action}"
    kind = ManifestHeld if isinstance(error, NotYet) else ManifestRefused
    return kind(code=code, message=message, manifest_sha256=sha256, written_ns=written_ns)


_READING_CODES: Final = frozenset({
    "VANISHED", "EMPTY", "HALF_WRITTEN", "NOT_A_FILE", "ESCAPES", "UNREADABLE", "TOO_LARGE", "TOO_DEEP", "NOT_UTF8", "NOT_JSON",
    "DUPLICATE_KEY", "NUMBER_OUT_OF_BOUNDS",
})  # fmt: skip
