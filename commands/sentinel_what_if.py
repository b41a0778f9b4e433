"""`sluice sentinel what-if`: what the controls would say now of a plan or an order. Sends nothing and writes nothing.

(1) The plan stage, `sentinel.guard`, with the present config's limits; (2) where it approves, the gate's judgement of every
approved order, each after those before it. Snapshots carry the data's time; "now" is the newest price's stamp unless --now says
otherwise, as in `sluice plan`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analysis.order_account import Answer
from commands import what_if_cases as cases
from commands.gate_preview import GatePreview
from commands.output import Exit, print_json
from commands.plan import instant_ns
from commands.plan_preview import read_snapshots, stretched
from commands.preview_standing import fold_of
from commands.sentinel_view import answer_lines
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from lakehouse.segments import has_file
from orders.canonical import plain
from orders.errors import ConfigError
from orders.plan import Approval, Decision, Held, Judgement, Outcome, Plan, PlanLine, Verdict
from orders.values import OrderKind, Side
from sentinel.guard import judge_plan
from sentinel.limits import limits_sha256
from sentinel.order_check import OrderVerdict
from sentinel.register import control_of
from strategies.order_plan import SingleOrder

SHOWN_MAX: Final = 20  # orders whose gate verdicts are printed in full where they pass

type Given = tuple[str | None, str | None, Decimal | None, Decimal | None]
type Gated = list[tuple[Approval, OrderVerdict]]


def run(what: str | None, *, config: Path, now: str | None, order: Given, as_json: bool) -> int:
    """Print every verdict; exit 0 when all that trades is allowed, 3 when the plan or any of its orders is refused or held.

    Raises `ConfigError`, `InputError` PLAN_MALFORMED.
    """
    loaded = load_config(config)
    single = _order(what, order)
    snapshots = read_snapshots(loaded)
    now_ns = snapshots.newest_ns if now is None else instant_ns(now)
    if single is not None:
        case = cases.of_order(loaded, snapshots, single, now_ns=now_ns)
    elif what is None:
        case = cases.of_manifest(loaded, snapshots, None, now_ns=now_ns)
    elif Path(what).is_file():
        case = cases.of_file(loaded, snapshots, Path(what), now_ns=now_ns)
    else:
        case = cases.of_log(loaded, snapshots, what, now_ns=now_ns)
    judgement, gated, notes = _judged(loaded, case)
    why = _refusal(case, judgement, gated)
    if as_json:
        print_json(_document(loaded, case, judgement, gated, notes=notes, why=why))
    else:
        print("\n".join(_words(case, judgement, gated, notes=notes, why=why)))
    return Exit.REFUSED if why else Exit.DONE


def _order(what: str | None, given: Given) -> SingleOrder | None:
    symbol, side, quantity, limit_price = given
    if symbol is None and side is None and quantity is None and limit_price is None:
        return None
    if what is not None or symbol is None or side is None or quantity is None:
        raise ConfigError(
            "USAGE",
            expected="PLAN or ORDER, or else --symbol, --side and --quantity together",
            found="part of both",
            action="`sluice sentinel what-if --help` shows how.",
        )
    kind = OrderKind.MARKET if limit_price is None else OrderKind.LIMIT
    return SingleOrder(symbol=symbol, side=Side(side), quantity=quantity, order_kind=kind, limit_price=limit_price)


def _judged(config: RunConfig, case: cases.Case) -> tuple[Judgement | None, Gated, list[str]]:
    notes = list(case.notes)
    if isinstance(case.made, Held) or case.facts is None:
        return None, [], notes
    limits = stretched(config.sentinel_limits(), speed=config.data.market_speed)
    fold = fold_of(config.lakehouse.directory)
    if not fold.log_line and has_file(Layout(config.lakehouse.directory).log):
        notes.append("the log was not counted: it is very long, or `sluice verify` finds a fault in it")
    judgement = judge_plan(case.made, facts=case.facts, limits=limits)
    gate = GatePreview(case.made, inputs=case.inputs, facts=case.facts, limits=limits, fold=fold, real_now_ns=time.time_ns())
    return judgement, gate.judge(judgement.approvals), notes


def _refusal(case: cases.Case, judgement: Judgement | None, gated: Gated) -> str:
    """Why not all of it would go, in words; "" where all would."""
    made = case.made
    if judgement is None or isinstance(made, Held):
        assert isinstance(made, Held)
        return f"{made.code}  {made.message.removeprefix(f'{made.code}: ')}"
    if case.stopped:
        return case.stopped
    if judgement.decision is not Decision.PLAN:
        return f"{judgement.code}  {judgement.message.removeprefix(f'{judgement.code}: ')}"
    approved = {approval.line for approval in judgement.approvals}
    denied = [line for line in made.lines if line.trades and line.line not in approved]
    if denied:
        said = [verdict.control for verdict in judgement.verdicts if verdict.line == denied[0].line and _no(verdict.outcome)]
        return f"{said[0]}  {len(denied)} of {_trading(made)} orders would be denied, first {denied[0].symbol}"
    at_gate = [(approval, verdict) for approval, verdict in gated if verdict.outcome is not Outcome.ALLOW]
    if at_gate:
        approval, verdict = at_gate[0]
        return f"{verdict.code}  {len(at_gate)} of {len(gated)} orders would be denied at the gate, first {approval.symbol}"
    return ""


def _no(outcome: Outcome) -> bool:
    return outcome is Outcome.DENY or outcome is Outcome.NEEDS_OVERRIDE


def _trading(made: Plan) -> int:
    return sum(line.trades for line in made.lines)


def _plan_answers(judgement: Judgement) -> list[Answer]:
    return _by_number(_answer(one, _scope(one)) for one in judgement.verdicts)


def _gate_answers(verdict: OrderVerdict) -> list[Answer]:
    return _by_number(_answer(one, "order") for one in verdict.verdicts)


def _scope(said: Verdict) -> str:
    return "order" if said.line else "plan"


def _by_number(answers: Iterable[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda answer: (answer.number is None, answer.number or 0))


def _answer(said: Verdict, scope: str) -> Answer:
    known = control_of(said.control)
    return Answer(
        number=None if known is None else known.number,
        control=said.control,
        outcome=said.outcome.value,
        observed=said.observed,
        limit=said.limit,
        scope=scope,
    )


def _document(
    config: RunConfig, case: cases.Case, judgement: Judgement | None, gated: Gated, *, notes: list[str], why: str
) -> dict[str, Any]:
    made, verdicts = case.made, () if judgement is None else judgement.verdicts
    lines = [] if isinstance(made, Held) else [line for line in made.lines if line.trades or line.symbol == case.asked]
    return {
        "what": case.title,
        "allowed": not why,
        "why": why,
        "now_ns": str(case.inputs.now_ns),
        "config_sha256": config.sha256,
        "limits_sha256": limits_sha256(config.sentinel_limits()),
        "decision": "HOLD" if judgement is None else judgement.decision.value,
        "lines": [_row(line) for line in lines],
        "plan": [plain(_answer(one, _scope(one))) | {"line": one.line} for one in verdicts],
        "gate": [
            {"client_order_id": one.client_order_id, "line": one.line, "symbol": one.symbol, "outcome": verdict.outcome.value,
             "code": verdict.code, "verdicts": [plain(answer) for answer in _gate_answers(verdict)]}
            for one, verdict in gated
        ],
        "notes": notes,
    }  # fmt: skip


def _row(line: PlanLine) -> dict[str, Any]:
    return {
        "line": line.line,
        "symbol": line.symbol,
        "side": None if line.side is None else line.side.value,
        "quantity": plain(line.quantity),
        "reason": line.reason.value,
    }


def _words(case: cases.Case, judgement: Judgement | None, gated: Gated, *, notes: list[str], why: str) -> list[str]:
    lines = [f"what if  {case.title}"]
    lines += [f"note     {note}" for note in notes]
    if judgement is not None:
        lines += ["", f"plan     {judgement.decision} {judgement.message}", *answer_lines(_plan_answers(judgement))]
    shown = 0
    for approval, verdict in gated:
        denied = verdict.outcome is not Outcome.ALLOW
        shown += not denied
        if denied or (shown <= SHOWN_MAX and len(gated) == 1):
            said = " ".join(part for part in (verdict.outcome.value, verdict.code) if part)
            lines += ["", f"gate     {said}  {approval.side} {plain(approval.quantity)} {approval.symbol}"]
            lines += answer_lines(_gate_answers(verdict))
    if len(gated) > 1:
        passed = sum(verdict.outcome is Outcome.ALLOW for _, verdict in gated)
        lines += ["", f"gate     {passed} of {len(gated)} orders pass, each after those before it; --json has every verdict"]
    answer = f"refused  {why}" if why else "allowed  every control lets it pass"
    return [*lines, "", answer, "         Nothing was sent and nothing was written."]
