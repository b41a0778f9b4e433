"""What a promotion changes, what its gates say and what was promoted before, as lines to read and as one document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from msgspec import to_builtins

from commands.output import Exit, print_json
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.rebuild import LogFold
from lakehouse.records import AnyLine, PromotionLine, Reconcile
from lakehouse.segments import has_file
from orders.canonical import decimal_text
from orders.gates import GateResult, bound_text
from orders.promotion import WITH_CAPITAL, Action, Change, Standing, State, persons_needed

if TYPE_CHECKING:
    from analysis.evidence import Evidence  # imports DuckDB, which `status` must not wait for

DIGITS: Final = 16
HANDOFF: Final = "handoff"  # outcome of the comparison that took an account over on a person's word
PERCENT: Final = Decimal(100)
NS: Final = 1_000_000_000
PLACES: Final = 6  # of a measured value; the evidence has all of them


def move_words(action: Action, to: State | None) -> str:
    """Return what is asked for, in words."""
    return f"promote it to {to}" if action is Action.PROMOTE else action.value.replace("_", " ")


def recorded_words(line: int, *, layout: Layout, by_run: str | None) -> str:
    """Return where a move was recorded, and by which run that holds the record; None: by this command."""
    return f"recorded log line {line} of {layout.log}" + ("" if by_run is None else f", by run {by_run}")


def place_words(standing: Standing) -> str:
    """Return the state and step of a bundle, in words."""
    step = f" step {standing.step + 1} of {len(standing.steps)}" if standing.state in WITH_CAPITAL else ""
    return f"{standing.state}{step}"


def standing_words(standing: Standing | None) -> str:
    """Return where a bundle stands, and whether it is paused there, in words."""
    return "none" if standing is None else f"{place_words(standing)}{', paused' if standing.paused else ''}"


def percent(fraction: Decimal) -> str:
    """Return a fraction as percent, exactly."""
    return f"{decimal_text(fraction * PERCENT)} %"


def change_lines(change: Change, *, fold: LogFold, environment: str) -> list[str]:
    """Return what a change is, line by line: state, capital, alias."""
    promotions, after = fold.promotions, change.after
    moved = f"{standing_words(change.before)} -> {standing_words(after)}"
    lines = [f"move     {change.action.replace('_', '-')} {after.bundle_sha256[:DIGITS]}   {moved}   environment {environment}"]
    capital = f"capital  {percent(change.live_before)} -> {percent(change.live_after)} of equity may trade live"
    equity = fold.counted.equity
    if equity is not None and fold.base_currency is not None:
        most = decimal_text((Decimal(equity.equity_base) * change.live_after).quantize(Decimal("0.01")))
        capital += f"; {most} {fold.base_currency} of the last valuation"
    lines.append(capital)
    previous = None if change.previous is None else change.previous.bundle_sha256
    if change.retired is not None:
        lines.append(f"retires  {change.retired[:DIGITS]}")
    if previous != promotions.previous:
        lines.append(f"alias    previous: {_short(promotions.previous)} -> {_short(previous)}")
    return lines


def evidence_lines(evidence: Evidence) -> list[str]:
    """Return what the gates say, a line each, those that stand in the way with what is missing."""
    counted = [result for result in evidence.results if not result.gate.dry_run]
    passed = sum(result.allows for result in counted)
    lines = [
        f"gates    {passed} of {len(counted)} pass   evidence {evidence.sha256[:DIGITS]}  gates {evidence.gates_sha256[:DIGITS]}"
    ]
    width = max((len(result.gate.name) for result in evidence.results), default=0)
    for result in evidence.results:
        lines.append(f"         {result.verdict:<12}  {result.gate.name:<{width}}  {_seen(result)}")
    lines += [f"source   {facts.name}: {facts.problem}" for facts in evidence.sources if facts.problem]
    return lines


def _seen(result: GateResult) -> str:
    gate, measured = result.gate, result.measured
    value = "nothing measured" if measured.value is None else decimal_text(round(measured.value, PLACES))
    bounds = [f"at most {bound_text(gate.at_most)}"] if gate.at_most is not None else []
    bounds += [f"at least {bound_text(gate.at_least)}"] if gate.at_least is not None else []
    more = [*result.missing, *([f"never: {result.never}"] if result.never else []), *(["dry run"] if gate.dry_run else [])]
    return f"{value}, {' and '.join(bounds)}{': ' if more else ''}{'; '.join(more)}"


def change_document(change: Change, *, evidence: Evidence | None) -> dict[str, Any]:
    """Return the same for `--json`."""
    return {
        "action": change.action,
        "bundle_sha256": change.after.bundle_sha256,
        "before": None if change.before is None else _standing(change.before),
        "after": _standing(change.after),
        "live_fraction_before": change.live_before,
        "live_fraction_after": change.live_after,
        "retires": change.retired,
        "previous": None if change.previous is None else change.previous.bundle_sha256,
        "persons_needed": persons_needed(change),
        "evidence_sha256": None if evidence is None else evidence.sha256,
        "gates_sha256": None if evidence is None else evidence.gates_sha256,
        "gates": [] if evidence is None else [_gate(result) for result in evidence.results],
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {"state": standing.state, "step": standing.step, "fraction": standing.fraction, "paused": standing.paused}


def _gate(result: GateResult) -> dict[str, Any]:
    return {
        "name": result.gate.name,
        "verdict": result.verdict,
        "dry_run": result.gate.dry_run,
        "value": result.measured.value,
        "missing": list(result.missing),
        "never": result.never,
    }


def run_log(lakehouse: Path, *, as_json: bool) -> int:
    """Print every promotion and handoff of a record, oldest first. Raises `RecordCorrupt`, `StorageError`."""
    layout = Layout(lakehouse)
    lines = [line for line in log_lines(layout) if _of_persons(line)] if has_file(layout.log) else []
    if as_json:
        kinds = (("promotions", PromotionLine), ("handoffs", Reconcile))
        found = {name: [to_builtins(line) for line in lines if isinstance(line, kind)] for name, kind in kinds}
        print_json({"lakehouse": str(lakehouse), **found})
    else:
        print("\n".join(_log_rows(lines)) or f"none     nothing was ever promoted in {lakehouse}")
    return Exit.DONE


def _of_persons(line: AnyLine) -> TypeGuard[PromotionLine | Reconcile]:
    return isinstance(line, PromotionLine) or (isinstance(line, Reconcile) and line.outcome == HANDOFF)


def _log_rows(lines: Iterable[PromotionLine | Reconcile]) -> Iterable[str]:
    for line in lines:
        when = datetime.fromtimestamp(line.ts_ns // NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        if isinstance(line, Reconcile):
            yield f"{when}  {HANDOFF:<9} {line.detail}   log line {line.seq}"
            continue
        state = State(line.to_state)
        step = f" step {line.to_step + 1} of {len(line.steps)}" if state in WITH_CAPITAL else ""
        who = f"{line.by} ({line.code})" if line.code is not None else line.by
        signers = f", signed by {', '.join(line.signers)}" if line.signers else ""
        moved = f"{line.from_state or 'none'} -> {state}{step}"
        yield f"{when}  {line.action.replace('_', '-'):<9} {line.bundle_sha256[:DIGITS]}  {moved}"
        yield f"         {percent(Decimal(line.fraction))} of equity   by {who}{signers}: {line.reason}   log line {line.seq}"


def _short(sha256: str | None) -> str:
    return "none" if sha256 is None else sha256[:DIGITS]
