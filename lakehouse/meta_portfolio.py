"""A meta portfolio: several sleeves netted into one list of physical rows. Trusted only as far as its sleeves prove it.

The platform's own netting loses the side of a short where a sleeve has no flattened file, and cuts exchange names at their
underscore. So a meta file counts as proven only when its netting is done again here, from the sleeves' flattened files, and
gives the same weights. It names neither run nor regime: the run is the directory it lies in, the regime the worst of its
sleeves' files.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, Final

from lakehouse.flattened import flattened_winners
from lakehouse.manifest_rows import (
    EXACT,
    Asset,
    bounded,
    check_once,
    check_symbol,
    differ,
    is_name,
    net_weight,
    refusal,
    rows_of,
    weight_of,
)
from lakehouse.provenance import RUN_ID
from lakehouse.regimes import worst_regime
from lakehouse.strict_json import parse, read_contained
from lakehouse.winners import Reading, Regime, Winner, generated_of
from orders.canonical import sha256_hex
from orders.errors import InputError
from orders.values import Record

SLEEVES_MAX: Final = 100
NET_KEPT_MIN: Final = Decimal("1e-6")  # the platform leaves out rows that net to less
NET_TOLERANCE: Final = Decimal("1e-9")  # absolute: its sums are floats
FLATTENED_PATH: Final = "data/portfolio_flattened.json"

_EXPECTED: Final = "the sleeves' flattened files to net to the same weights"


class Evidence(Record, frozen=True, kw_only=True):
    """Where a meta file's sleeves are looked for: the directory it lies in (its `meta_manifest_*` beside it) and the runs."""

    directory: str
    runs_directory: str
    size_max: int


class Proven(Record, frozen=True, kw_only=True):
    """What the sleeves say: the run of each, the sha256 of the file used of it, and the worst regime of all."""

    runs: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    regime: str


def meta_winner(document: dict[str, Any], *, reading: Reading, regime: Regime) -> Winner:
    """Return the one winner of a meta document: `<meta_profile>/<risk_profile>`, as its metadata (not its name) says.

    Raises `InputError`: MANIFEST_MALFORMED, STAMP_MALFORMED, STAMP_IMPOSSIBLE, WINNER_EMPTY, and every code of
    `manifest_rows`: a sleeve's name as a Symbol refuses the document.
    """
    metadata = _metadata(document)
    rows = rows_of(document.get("weights"), what="weights")
    symbols = [check_symbol(row.get("Symbol") if isinstance(row, dict) else None) for row in rows]
    check_once(symbols)
    name, score, quadrant = regime
    return Winner(
        rank=None,
        profile=metadata["risk_profile"],
        engine=metadata["meta_profile"],
        regime_name=name,
        regime_score=score,
        quadrant=quadrant,
        source_run=reading.source_run,
        generated_ns=generated_of(metadata, zone=reading.zone),
        returns_hash=None,
        assets=tuple(
            Asset(
                symbol=symbol,
                net_weight=bounded(net_weight(row, symbol=symbol), symbol=symbol, weight_abs_max=reading.weight_abs_max),
                source_run=reading.source_run,
            )
            for symbol, row in zip(symbols, rows, strict=True)
        ),
    )


def prove_meta(document: dict[str, Any], *, assets: tuple[Asset, ...], reading: Reading, evidence: Evidence | None) -> Proven:
    """Net the sleeves again and compare.

    (1) `metadata.sleeve_weights` names the sleeves; (2) `meta_manifest_<meta_profile>_<risk_profile>.json`, or
    `meta_manifest_<risk_profile>.json`, beside the file gives each one's run; (3) each run's `data/portfolio_flattened.json`
    is read like any flattened file and must hold the risk profile; (4) Σ sleeve weight * Net_Weight is compared for every
    symbol, within `NET_TOLERANCE` or 1e-6 of its size; below `NET_KEPT_MIN` a row may be missing. Nested meta portfolios are
    not followed. Raises `InputError` META_UNPROVEN with the first of the steps (1) to (3) that fails, META_CONTRADICTED when
    (4) does.
    """
    if evidence is None:
        raise _unproven("bytes without a place")
    metadata = _metadata(document)
    weights = _sleeve_weights(metadata)
    runs = _sleeve_runs(metadata, sleeves=tuple(weights), evidence=evidence)
    nets: dict[str, Decimal] = {}
    files: list[tuple[str, str]] = []
    regimes: list[tuple[str | None, str | None]] = []
    with localcontext(EXACT):
        for sleeve, run in runs.items():
            winner, sha256 = _sleeve_winner(run, profile=metadata["risk_profile"], reading=reading, evidence=evidence)
            files.append((run, sha256))
            regimes.append((winner.regime_name, winner.quadrant))
            for asset in winner.assets:
                nets[asset.symbol] = nets.get(asset.symbol, Decimal(0)) + weights[sleeve] * asset.net_weight
        claimed = {asset.symbol: asset.net_weight for asset in assets}
        for symbol in sorted(nets.keys() | claimed.keys()):
            wanted, found = nets.get(symbol, Decimal(0)), claimed.get(symbol)
            if found is None and wanted.copy_abs() < NET_KEPT_MIN:
                continue
            value = found if found is not None else Decimal(0)
            if abs(wanted - value) > NET_TOLERANCE and (wanted * value <= 0 or differ(abs(wanted), abs(value))):
                found_text = f"{symbol}: {value} here, {wanted} from the sleeves"[:200]
                raise refusal("META_CONTRADICTED", _EXPECTED, found_text)
    return Proven(runs=tuple(dict.fromkeys(runs.values())), files=tuple(files), regime=worst_regime(regimes))


def _metadata(document: dict[str, Any]) -> dict[str, Any]:
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        raise refusal("MANIFEST_MALFORMED", "metadata of a meta portfolio", "something else")
    for name in ("meta_profile", "risk_profile"):
        if not is_name(metadata.get(name)):
            raise refusal("MANIFEST_MALFORMED", f"metadata.{name} as a plain name", f"{metadata.get(name)!r:.60}")
    return metadata


def _sleeve_weights(metadata: dict[str, Any]) -> dict[str, Decimal]:
    sleeves = metadata.get("sleeve_weights")
    if not isinstance(sleeves, dict) or not 0 < len(sleeves) <= SLEEVES_MAX:
        raise _unproven("no metadata.sleeve_weights")
    weights = {}
    for sleeve in sleeves:
        try:
            weight = weight_of(sleeves, sleeve, symbol="sleeve_weights")
        except InputError as error:
            raise _unproven(error.found) from error
        assert weight is not None
        weights[sleeve] = weight
    return weights


def _sleeve_runs(metadata: dict[str, Any], *, sleeves: tuple[str, ...], evidence: Evidence) -> dict[str, str]:
    meta, risk = metadata["meta_profile"], metadata["risk_profile"]
    names = (f"meta_manifest_{meta}_{risk}.json", f"meta_manifest_{risk}.json")
    directory = Path(evidence.directory)
    for name in names:
        try:
            file = read_contained(directory / name, root=directory, size_max=evidence.size_max)
            listed = parse(file.data, what=name, size_max=evidence.size_max, nonfinite=True)
            break
        except InputError as error:
            if error.code != "VANISHED":
                raise _unproven(f"{name}: {error.code}") from error
    else:
        raise _unproven(f"neither {names[0]} nor {names[1]} beside it")
    rows = listed.get("sleeves") if isinstance(listed, dict) else None
    if not isinstance(rows, list) or len(rows) > SLEEVES_MAX:
        raise _unproven(f"no list of sleeves in {name}")
    by_id = {row.get("id"): row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
    if len(by_id) != len(rows):
        raise _unproven(f"sleeves without an id, or with the same, in {name}")
    runs = {}
    for sleeve in sleeves:
        run = by_id.get(sleeve, {}).get("run_id")
        if not isinstance(run, str) or not RUN_ID.fullmatch(run):
            raise _unproven(f"sleeve {sleeve!r:.60} with run {run!r:.60} in {name}")
        runs[sleeve] = run
    return runs


def _sleeve_winner(run: str, *, profile: str, reading: Reading, evidence: Evidence) -> tuple[Winner, str]:
    what = f"{run}/{FLATTENED_PATH}"
    directory = Path(evidence.runs_directory, run)
    try:
        file = read_contained(directory / FLATTENED_PATH, root=Path(evidence.runs_directory), size_max=evidence.size_max)
        document = parse(file.data, what=what, size_max=evidence.size_max, nonfinite=True)
        metadata = document.get("metadata") if isinstance(document, dict) else None
        if not isinstance(metadata, dict) or metadata.get("flattened") is not True:
            raise _unproven(f"{what} that is not flattened")
        winners = flattened_winners(
            document, reading=Reading(zone=reading.zone, weight_abs_max=reading.weight_abs_max, source_run=run)
        )
    except InputError as error:
        if error.code == "META_UNPROVEN":
            raise
        raise _unproven(f"{what}: {error.code}: {error.found}"[:200]) from error
    for winner in winners:
        if winner.profile == profile:
            if isinstance(winner, Winner):
                return winner, sha256_hex(file.data)
            raise _unproven(f"{what}: {winner.code}: {winner.message}"[:200])
    raise _unproven(f"{what} without profile {profile}")


def _unproven(found: str) -> InputError:
    action = "Have research flatten the sleeves, or allow the shape meta_unproven in the config."
    return InputError("META_UNPROVEN", expected=_EXPECTED, found=found, action=action)
