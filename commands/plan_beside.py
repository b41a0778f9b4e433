"""What `sluice plan` says beside its lines: how well the source run is proven, which regime counts, what the drift list advises.

Nothing here trades or forbids anything: the regime does so through the Sentinel, which is handed it apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.regime_watch import RegimeSeen, look
from engine.run_config import RunConfig
from lakehouse.drift_csv import DISAGREES, drift_advice, drift_alert, read_drift
from lakehouse.manifest import AuditedManifest, ManifestRefused
from orders.canonical import plain
from orders.errors import InputError
from orders.plan import Plan
from orders.values import Record
from sentinel.regime import Reading


class Beside(Record, frozen=True, kw_only=True):
    """Fields of the JSON document, lines of text below the table, and cells of the drift column by symbol."""

    fields: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    cells: Mapping[str, str] = {}


def proof(outcome: AuditedManifest | ManifestRefused) -> Beside:
    """Return what holds the grade of the source run down; no text where nothing does, or where a refusal says it already."""
    fields = {"failed_checks": list(outcome.failed_checks), "ledger_faults": list(outcome.ledger_faults)}
    lines: tuple[str, ...] = ()
    if isinstance(outcome, AuditedManifest) and outcome.failed_checks:
        lines = (f"proof    {outcome.grade}: {', '.join((*outcome.failed_checks, *outcome.ledger_faults))}",)
    return Beside(fields=fields, lines=lines)


def regime(config: RunConfig, manifest: AuditedManifest, *, now_ns: int) -> tuple[RegimeSeen, Beside]:
    """Return the regime that counts at `now_ns`, the worse of the manifest's and the regime log's, and both to be shown."""
    of_manifest: Reading = (manifest.regime_name, None)  # its reader has taken the quadrant into the name
    seen = look(config.regime_audit_policy(), manifest=of_manifest, as_of_ns=now_ns)
    audit = seen.audit
    fields = {"regime": {"manifest": manifest.regime_name, "audit": plain(audit)}}
    if audit is None:
        return seen, Beside(fields=fields)
    said = f"{audit.regime}, {audit.code}: {audit.message}" if audit.code else audit.regime
    line = f"regime   manifest {manifest.regime_name} · log {said} · the worse counts"
    return seen, Beside(fields=fields, lines=(line,))


def drift(config: RunConfig, made: Plan) -> Beside:
    """Return the drift monitor's advice by symbol, and the alert level of the plan's own signed drift.

    A list that is not there or not well formed is said so, and changes nothing: it is advice.
    """
    section = config.lakehouse
    alert = drift_alert(made, config.drift_levels())
    lines = () if alert is None else (f"drift    {alert.level}: {alert.message} of equity, from the signed targets; advice only",)
    if section.drift_csv is None:
        return Beside(fields={"drift_alert": plain(alert), "drift_csv": None}, lines=lines)
    try:
        rows = read_drift(section.drift_csv, root=section.manifest_root)
        cells = drift_advice(rows, made, min_trade_fraction=section.drift_min_trade_fraction)
    except InputError as error:
        found = {"code": error.code, "message": str(error), "advice": {}, "disagrees": 0}
        return Beside(
            fields={"drift_alert": plain(alert), "drift_csv": found},
            lines=(*lines, f"drift    list not used: {error}; advice only"),
        )
    disagrees = sum(text.startswith(DISAGREES) for text in cells.values())
    planned = {line.symbol for line in made.lines}
    strangers = tuple(f"drift    {symbol}  {text}" for symbol, text in cells.items() if symbol not in planned)
    return Beside(
        fields={
            "drift_alert": plain(alert),
            "drift_csv": {"code": "", "message": "", "advice": dict(cells), "disagrees": disagrees},
        },
        lines=(*lines, *strangers),
        cells=cells,
    )
