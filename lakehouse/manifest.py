"""Read a research manifest (`portfolio_optimized_v3.json`) into a value that means: audited, and this is what to hold.

The answer is one of three: `AuditedManifest`; `ManifestHeld` (it may become right by itself: hold what is held, alarm, look
again); `ManifestRefused` (a person must act). None of them ever means "sell everything". The bytes are read once; what is
hashed is what is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.provenance import Check, ProvenancePolicy, grade_run
from lakehouse.strict_json import read_contained
from lakehouse.upstream_time import zone_of
from lakehouse.winners import ASK, Manifest, RefusedWinner, Winner, parse_manifest
from orders.canonical import decimal_text, sha256_hex
from orders.errors import ConfigError, InputError, NotYet
from orders.values import Grade, Record

SIZE_MAX: Final = 16 << 20  # 10,000 assets take about 4 MB
REGIMES: Final = ("QUIET", "NORMAL", "TURBULENT", "CRISIS")  # ascending
QUADRANTS: Final = frozenset({"EXPANSION", "INFLATIONARY_TREND", "STAGNATION", "NORMAL"})

_EXACT: Final = Context(prec=1000)  # a weight has at most 64 digits, the last within 464 places: sums and products are exact
_CAPITAL_KEY: Final = re.compile(r"rank:[1-9][0-9]{0,8}|[A-Za-z0-9_.\-]{1,64}/[A-Za-z0-9_.\-]{1,64}")


class ManifestPolicy(Record, frozen=True, kw_only=True):
    """What config asks of a manifest.

    `root`: the directory it must really lie in. `zone`: IANA zone of its naive time stamps. `capital`: winner ("rank:1" or
    "engine/profile") -> fraction of equity, each > 0, at most 1 together; a winner not named gets nothing. Durations in ns
    of market time. Raises `ConfigError` when made with anything else.
    """

    root: str
    zone: str
    age_max_ns: int
    future_skew_max_ns: int
    size_max: int = SIZE_MAX
    weight_abs_max: Decimal = Decimal(1)
    capital: Mapping[str, Decimal] = msgspec.field(default_factory=lambda: {"rank:1": Decimal(1)})

    def __post_init__(self) -> None:
        zone_of(self.zone)
        rules: tuple[tuple[str, bool, object], ...] = (
            ("root as a path", bool(self.root) and "\0" not in self.root, self.root),
            ("age_max_ns above 0", self.age_max_ns > 0, self.age_max_ns),
            ("future_skew_max_ns of 0 or more", self.future_skew_max_ns >= 0, self.future_skew_max_ns),
            ("size_max above 0", self.size_max > 0, self.size_max),
            ("weight_abs_max above 0", self.weight_abs_max.is_finite() and self.weight_abs_max > 0, self.weight_abs_max),
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


ManifestOutcome = AuditedManifest | ManifestHeld | ManifestRefused


def read_manifest(path: Path, *, policy: ManifestPolicy, market_now_ns: int, provenance: ProvenancePolicy) -> ManifestOutcome:
    """Read, parse and judge the manifest at `path`; `market_now_ns` is what its age is counted to.

    (1) the file: regular, inside `policy.root`, bounded; (2) strict JSON; (3) the v3 shape; (4) every winner's rows; (5) the
    capital split; (6) one source run; (7) age; (8) provenance. The first step that fails decides. HOLD: MANIFEST_VANISHED,
    MANIFEST_EMPTY, MANIFEST_HALF_WRITTEN, NO_WINNERS, MANIFEST_STALE, MANIFEST_FROM_FUTURE; all else is refused. Never raises
    on content. `written_ns` of a held or refused file is None where it could not be read.
    """
    try:
        file = read_contained(path, root=Path(policy.root), size_max=policy.size_max)
    except InputError as error:
        return _stopped(error, sha256=None, written_ns=None)
    return judge_manifest(
        file.data, policy=policy, market_now_ns=market_now_ns, provenance=provenance, written_ns=file.written_ns, what=str(path)
    )


def judge_manifest(
    data: bytes,
    *,
    policy: ManifestPolicy,
    market_now_ns: int,
    provenance: ProvenancePolicy,
    written_ns: int,
    what: str = "the manifest",
) -> ManifestOutcome:
    """Judge a manifest's bytes: steps (2) to (8) of `read_manifest`."""
    sha256 = sha256_hex(data)
    try:
        manifest = parse_manifest(
            data, what=what, size_max=policy.size_max, zone=zone_of(policy.zone), weight_abs_max=policy.weight_abs_max
        )
        if not manifest.winners:
            action = "Look at the research run; positions stay as they are."
            raise NotYet("NO_WINNERS", expected="a winner", found=f"none in {what}", action=action)
        fractions = _split_capital(manifest, policy)
        used = tuple(winner for winner in manifest.winners if isinstance(winner, Winner) and winner.key in fractions)
        source_run, generated_ns = _common_origin(used)
    except InputError as error:
        return _stopped(error, sha256=sha256, written_ns=written_ns)
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
    pairs = [(winner.engine, winner.profile) for winner in used]
    hashes = [winner.returns_hash for winner in used if winner.returns_hash is not None]
    proven = grade_run(source_run, winners=pairs, policy=provenance, returns_hashes=hashes)
    if proven.grade.rank < provenance.grade_min.rank:
        failures = "; ".join(f"{name}: {detail}" for name, _, detail in proven.failures)
        return ManifestRefused(
            code="PROVENANCE_BELOW_MINIMUM",
            message=f"run {source_run} graded {provenance.grade_min} was expected, found {proven.grade} ({failures}). Mend it.",
            manifest_sha256=sha256,
            written_ns=written_ns,
            source_run=source_run,
            generated_ns=generated_ns,
            grade=proven.grade,
            run_ledger_head=proven.run_ledger_head,
            checks=proven.checks,
        )
    targets, notes = _net(used, fractions)
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
        generated_ns=generated_ns,
        written_ns=written_ns,
        regime_name=max((_regime_of(winner) for winner in used), key=REGIMES.index),
        regime_text="; ".join(f"{w.key}: regime {w.regime_name!r}, quadrant {w.quadrant!r}" for w in used),
        targets=targets,
        fractions=fractions,
        winners=used,
        notes=(*(f"{w.key} has no capital and is refused: {w.code}: {w.message}" for w in refused), *notes),
    )


def _split_capital(manifest: Manifest, policy: ManifestPolicy) -> dict[str, Decimal]:
    """Return engine/profile -> fraction. A share whose winner is missing or refused is never given to another."""
    by_name = {f"rank:{winner.rank}": winner for winner in manifest.winners} | {w.key: w for w in manifest.winners}
    fractions: dict[str, Decimal] = {}
    for name, fraction in policy.capital.items():
        winner = by_name.get(name)
        if winner is None:
            found = ", ".join(f"rank:{w.rank} {w.key}" for w in manifest.winners)[:200]
            raise InputError(
                "WINNER_MISSING", expected=f"winner {name}", found=found, action="Mend the manifest or the capital split."
            )
        if isinstance(winner, RefusedWinner):
            raise InputError(winner.code, expected=f"a sound winner {winner.key}", found=winner.message, action=ASK)
        if winner.key in fractions:
            found = f"{name} for {winner.key}, which has a share already"
            raise InputError("CAPITAL_AMBIGUOUS", expected="one share a winner", found=found, action="Mend the capital split.")
        fractions[winner.key] = fraction
    return fractions


def _common_origin(used: tuple[Winner, ...]) -> tuple[str, int]:
    runs = sorted({winner.source_run for winner in used})
    if len(runs) != 1:
        raise InputError("SOURCE_RUNS_DIFFER", expected="one source run", found=", ".join(runs), action=ASK)
    stamps = [winner.generated_ns for winner in used if winner.generated_ns is not None]
    if len(stamps) != len(used):
        undated = ", ".join(winner.key for winner in used if winner.generated_ns is None)
        raise InputError("MANIFEST_UNDATED", expected="generated_at", found=f"none in {undated}", action=ASK)
    return runs[0], min(stamps)


def _net(used: tuple[Winner, ...], fractions: Mapping[str, Decimal]) -> tuple[dict[str, Decimal], list[str]]:
    """Return symbol -> Σ fraction * net_weight in symbol order, and a note for every symbol the winners disagree on."""
    shares: dict[str, list[Decimal]] = {}
    with localcontext(_EXACT):
        for winner in used:
            for asset in winner.assets:
                shares.setdefault(asset.symbol, []).append(fractions[winner.key] * asset.net_weight)
        targets = {symbol: sum(shares[symbol], Decimal(0)) or Decimal(0) for symbol in sorted(shares)}
    notes = [
        f"{symbol}: winners disagree ({' and '.join(map(decimal_text, parts))}), netted"
        for symbol, parts in sorted(shares.items())
        if min(parts) < 0 < max(parts)
    ]
    return targets, notes


def _regime_of(winner: Winner) -> str:
    known = winner.regime_name in REGIMES and (winner.quadrant is None or winner.quadrant in QUADRANTS)
    return winner.regime_name if known and winner.regime_name is not None else "CRISIS"


def _stopped(error: InputError, *, sha256: str | None, written_ns: int | None) -> ManifestHeld | ManifestRefused:
    code = f"MANIFEST_{error.code}" if error.code in _READING_CODES else error.code
    message = f"{error.expected} was expected, found {error.found}. {error.action}"
    kind = ManifestHeld if isinstance(error, NotYet) else ManifestRefused
    return kind(code=code, message=message, manifest_sha256=sha256, written_ns=written_ns)


_READING_CODES: Final = frozenset({
    "VANISHED", "EMPTY", "HALF_WRITTEN", "NOT_A_FILE", "ESCAPES", "UNREADABLE", "TOO_LARGE", "TOO_DEEP", "NOT_UTF8", "NOT_JSON",
    "DUPLICATE_KEY", "NUMBER_OUT_OF_BOUNDS",
})  # fmt: skip
