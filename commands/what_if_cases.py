"""What `sluice sentinel what-if` asks the controls about: a manifest, a plan of a file, an order of the log, or a given one.

Each becomes a plan and the facts that judge it, as of the snapshots and the counts of the log. What is not known of a manifest
(its grade, when the config names another one) is missing, and what is missing denies.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from analysis.order_search import find_order
from commands.plan_preview import Named, Snapshots, facts_of, inputs_of, manifest_of, preview_of
from engine.regime_watch import look
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from lakehouse.rebuild import OPERATOR
from lakehouse.records import CycleOpened, Intent, ManifestLine
from lakehouse.strict_json import parse, read_bounded
from orders.errors import ConfigError, InputError
from orders.exact import exact_arithmetic
from orders.flatten import is_withdrawn
from orders.plan import Held, Plan, PlanInputs, Reason, plan_sha256
from orders.values import AccountKind, Grade, OrderKind, Record, Side
from sentinel.facts import SentinelFacts
from strategies.order_plan import SingleOrder, check_order, plan_order

FILE_BYTES_MAX: Final = 64_000_000  # of a plan as JSON; thousands of lines
NO_MANIFEST: Final = "0" * 64
LACKS: Final = frozenset({Reason.NO_CASH, Reason.REFUSED_SHORT})


class Case(Record, frozen=True, kw_only=True):
    """A plan to be judged. `facts` None: it is held. `asked`: the one symbol of an order; None: every line that trades.

    `stopped`: why the planner would not send the order; the controls are asked all the same, as if what it lacks were there.
    """

    title: str
    inputs: PlanInputs
    made: Plan | Held
    facts: SentinelFacts | None
    asked: str | None = None
    stopped: str = ""
    notes: tuple[str, ...] = ()


class _Source(Record, frozen=True, kw_only=True):
    """A manifest an order or a plan names, and its regime."""

    manifest_sha256: str
    source_run: str
    named: Named
    regime_name: str | None
    note: str = ""


def of_manifest(config: RunConfig, snapshots: Snapshots, path: Path | None, *, now_ns: int) -> Case:
    """Return the plan of a manifest, as `sluice plan` makes it."""
    manifest = manifest_of(config, path, now_ns=now_ns)
    title = f"the manifest {'of the config' if path is None else path}"
    nothing = inputs_of(config, snapshots, manifest_sha256=NO_MANIFEST, source_run="", targets={}, now_ns=now_ns)
    if not isinstance(manifest, AuditedManifest):
        return Case(title=title, inputs=nothing, made=_turned_away(manifest), facts=None)
    if is_withdrawn(snapshots.book.withdrawn, manifest.manifest_sha256):
        return Case(title=title, inputs=nothing, made=Held(code="WITHDRAWN", message="a person has flattened it"), facts=None)
    seen = preview_of(config, manifest, snapshots, now_ns=now_ns)
    return Case(title=title, inputs=seen.inputs, made=seen.made, facts=seen.facts)


def of_file(config: RunConfig, snapshots: Snapshots, path: Path, *, now_ns: int) -> Case:
    """Return the plan that `sluice plan --json` printed, or that of a manifest. Raises `InputError` of a file that is neither."""
    document = parse(read_bounded(path, FILE_BYTES_MAX), what=str(path), size_max=FILE_BYTES_MAX, nonfinite=True)
    if not (isinstance(document, dict) and {"plan", "lines", "plan_sha256"} <= document.keys()):
        return of_manifest(config, snapshots, path, now_ns=now_ns)
    made = _plan_in(document, path)
    source = _source_of(config, made.manifest_sha256, now_ns=now_ns)
    if source is None:
        weights = {line.symbol: line.target_weight for line in made.lines}
        source = _unknown_source(made.manifest_sha256, made.source_run, weights)
    inputs = inputs_of(
        config, snapshots, manifest_sha256=made.manifest_sha256, source_run=made.source_run, targets={}, now_ns=now_ns
    )
    return _case(config, f"plan {made.cycle} of {path}", source, inputs, made, automatic=True)


def of_log(config: RunConfig, snapshots: Snapshots, asked: str, *, now_ns: int) -> Case:
    """Return the plan of an order of the log, asked again as of now. Raises `ConfigError` ORDER_UNKNOWN, ORDER_AMBIGUOUS."""
    layout = Layout(config.lakehouse.directory)
    found = find_order(lambda: log_lines(layout), asked)
    row = _asked_again(found.intent, found.planned, found.line)
    if row is None:
        raise ConfigError(
            "ORDER_UNKNOWN",
            expected="an order with an intent or a plan line in the log",
            found=f"{found.client_order_id}, which only the gate has seen",
            action="Ask with --symbol, --side and --quantity.",
        )
    order, sha256, source_run, cycle = row
    source, operator = _source_of(config, sha256, now_ns=now_ns), False
    for line in log_lines(layout):
        if isinstance(line, ManifestLine) and line.manifest_sha256 == sha256 and source is None:
            source = _logged(line)
        elif isinstance(line, CycleOpened) and line.cycle == cycle:
            operator = line.cause == OPERATOR
    source = source or _unknown_source(sha256, source_run, {})
    return _single(
        config, snapshots, order, source, now_ns=now_ns, automatic=not operator, title=f"order {found.client_order_id}"
    )


def of_order(config: RunConfig, snapshots: Snapshots, order: SingleOrder, *, now_ns: int) -> Case:
    """Return the plan of one order, as an operator's order naming the config's manifest. Raises `InputError` of a bad order."""
    check_order(order)
    manifest = manifest_of(config, None, now_ns=now_ns)
    title = f"{order.side} {order.quantity} {order.symbol}"
    if isinstance(manifest, AuditedManifest):
        return _single(config, snapshots, order, _audited(manifest), now_ns=now_ns, automatic=False, title=title)
    source = _unknown_source(NO_MANIFEST, "", {})
    case = _single(config, snapshots, order, source, now_ns=now_ns, automatic=False, title=title)
    return msgspec.structs.replace(case, notes=(*case.notes, f"{manifest.code}: {manifest.message}"))


def _single(
    config: RunConfig, snapshots: Snapshots, order: SingleOrder, source: _Source, *, now_ns: int, automatic: bool, title: str
) -> Case:
    inputs = inputs_of(
        config,
        snapshots,
        manifest_sha256=source.manifest_sha256,
        source_run=source.source_run,
        targets={},
        now_ns=now_ns,
    )
    try:
        made = plan_order(inputs, order)
        stopped = _stopped(made, order.symbol, LACKS)
        if stopped:
            made = plan_order(_with_credit(inputs), order)
    except InputError as error:
        made, stopped = Held(code=error.code, message=str(error)), ""
    stopped = stopped or _stopped(made, order.symbol, None)
    case = _case(config, title, source, inputs, made, automatic=automatic, asked=order.symbol)
    return msgspec.structs.replace(case, stopped=stopped)


def _stopped(made: Plan | Held, symbol: str, reasons: frozenset[Reason] | None) -> str:
    """Return why the line of an order does not trade, where for one of `reasons` (None: any); "" where it does."""
    line = None if isinstance(made, Held) else next((line for line in made.lines if line.symbol == symbol), None)
    if line is None or line.trades or (reasons is not None and line.reason not in reasons):
        return ""
    return f"{line.reason.value}  {line.detail}"


def _with_credit(inputs: PlanInputs) -> PlanInputs:
    """Accounts that lend cash and shares, so that an order can be judged which the planner stops for the lack of them."""
    return msgspec.structs.replace(inputs, accounts=dict.fromkeys(inputs.accounts, AccountKind.MARGIN))


def _case(
    config: RunConfig,
    title: str,
    source: _Source,
    inputs: PlanInputs,
    made: Plan | Held,
    *,
    automatic: bool,
    asked: str | None = None,
) -> Case:
    notes = (source.note,) if source.note else ()
    if isinstance(made, Held):
        return Case(title=title, inputs=inputs, made=made, facts=None, asked=asked, notes=notes)
    regime = look(config.regime_audit_policy(), manifest=(source.regime_name, None), as_of_ns=inputs.now_ns)
    with exact_arithmetic():
        facts = facts_of(config, source.named, inputs, made, regime=regime)
    if isinstance(facts, Held):
        return Case(title=title, inputs=inputs, made=facts, facts=None, asked=asked, notes=notes)
    assert facts.standing is not None
    facts = msgspec.structs.replace(facts, standing=msgspec.structs.replace(facts.standing, automatic=automatic))
    return Case(title=title, inputs=inputs, made=made, facts=facts, asked=asked, notes=notes)


def _audited(manifest: AuditedManifest) -> _Source:
    return _Source(
        manifest_sha256=manifest.manifest_sha256,
        source_run=manifest.source_run,
        named=Named.of(manifest),
        regime_name=manifest.regime_name,
    )


def _source_of(config: RunConfig, sha256: str, *, now_ns: int) -> _Source | None:
    """Return the config's manifest where it is this one."""
    manifest = manifest_of(config, None, now_ns=now_ns)
    return _audited(manifest) if isinstance(manifest, AuditedManifest) and manifest.manifest_sha256 == sha256 else None


def _logged(line: ManifestLine) -> _Source:
    """An older manifest, as the log has it."""
    return _Source(
        manifest_sha256=line.manifest_sha256 or NO_MANIFEST,
        source_run=line.source_run or "",
        named=Named(
            grade=None if line.grade is None else Grade(line.grade),
            weights={symbol: Decimal(weight) for symbol, weight in line.targets.items()},
            generated_ns=line.generated_ns,
        ),
        regime_name=line.regime,
        note="its manifest is an older one: grade, weights and regime are those of the log",
    )


def _unknown_source(sha256: str, source_run: str, weights: dict[str, Decimal]) -> _Source:
    return _Source(
        manifest_sha256=sha256,
        source_run=source_run,
        named=Named(grade=None, weights=weights, generated_ns=None),
        regime_name=None,
        note="its manifest is not the one the config names: its grade, its age and its regime are not known, which denies",
    )


def _turned_away(manifest: ManifestHeld | ManifestRefused) -> Held:
    return Held(code=manifest.code, message=manifest.message)


def _plan_in(document: dict[str, Any], path: Path) -> Plan:
    if document["plan"] is None:
        raise _malformed(path, "a plan", f"none: {document.get('decision')} {document.get('code')}")
    try:
        made = msgspec.convert({**document["plan"], "lines": document["lines"]}, Plan, strict=False)
        digest = plan_sha256(made)
    except (msgspec.ValidationError, TypeError, ValueError, ArithmeticError) as error:
        raise _malformed(path, "the plan `sluice plan --json` prints", str(error)[:200]) from error
    if digest != document["plan_sha256"]:
        raise _malformed(path, f"the plan whose sha256 is {document['plan_sha256']}", digest)
    return made


def _malformed(path: Path, expected: str, found: str) -> InputError:
    return InputError(
        "PLAN_MALFORMED", expected=f"{expected} in {path}", found=found, action="Print it again, and change nothing."
    )


def _asked_again(intent: Intent | None, planned: Any, number: int) -> tuple[SingleOrder, str, str, int] | None:
    """The order as it was wanted, its manifest, source run and cycle; of a line without an intent, as it was planned."""
    if intent is not None:
        order = _order(intent.symbol, intent.side, intent.quantity, intent.order_kind, intent.limit_price)
        return order, intent.manifest_sha256, intent.source_run, intent.cycle
    if planned is None:
        return None
    row = next(row for row in planned.plan["lines"] if row["line"] == number)
    order = _order(row["symbol"], row["side"], row["quantity"], row["order_kind"], row["limit_price"])
    return order, planned.manifest_sha256, str(planned.plan.get("source_run", "")), planned.cycle


def _order(symbol: str, side: str, quantity: str, kind: str, limit_price: str | None) -> SingleOrder:
    return SingleOrder(
        symbol=symbol,
        side=Side(side),
        quantity=Decimal(quantity),
        order_kind=OrderKind(kind),
        limit_price=None if limit_price is None else Decimal(limit_price),
    )
