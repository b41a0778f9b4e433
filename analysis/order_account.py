"""What every control said of one order, in its plan and at the gate, and what then happened to it: from the log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.order_course import Course, Event
from analysis.order_search import FoundOrder, Reading, corrupt_line, plan_lines
from lakehouse.records import Intent, PlanLineRecord, Reconcile, RunStart, VerdictLine
from orders.plan import Outcome
from orders.values import Record
from sentinel.register import GATE, PLAN, REGISTER, control_of

NOT_ASKED: Final = "not asked"
FLATTEN: Final = "REDUCTIONS_ONLY"
ORDER: Final = "order"  # the verdict is on this order
WHOLE: Final = "plan"  # on the whole plan, or on its line that is nearest to the limit
OTHERS: Final = "others"  # only other lines of the plan were refused or made smaller


class Answer(Record, frozen=True, kw_only=True):
    """One control's answer. `number` None: a code of no control. `outcome`: as logged, or "not asked" with why in `observed`.

    `scope`: what it is an answer on, "" where it was not asked.
    """

    number: int | None
    control: str
    outcome: str
    observed: str
    limit: str
    scope: str


class Stage(Record, frozen=True, kw_only=True):
    """The answers of one stage in the register's order. `log_line` 0: there is no such line in the log."""

    log_line: int
    ts_ns: int | None
    outcome: str
    code: str
    message: str
    limits_sha256: str | None
    answers: tuple[Answer, ...]


class Member(Record, frozen=True, kw_only=True):
    """A parent or a child of the order, in short."""

    client_order_id: str
    child: int
    quantity: Decimal
    filled: Decimal
    end: str


class OrderAccount(Record, frozen=True, kw_only=True):
    """The whole account. `intent` None: none was written; `plan_line`: the plan's own, None where no plan of the log has it.

    `bundle_sha256`: of its run; None: a run of before there were bundles.
    `end`: where it stands by the last line of the log. `compared`: the last comparison with the venues before it, in words.
    """

    client_order_id: str
    intent: Intent | None
    plan_line: Mapping[str, Any] | None
    cycle: int | None
    run_kind: str
    bundle_sha256: str | None
    plan: Stage
    gate: Stage
    compared: str
    events: tuple[Event, ...]
    filled: Decimal
    end: str
    parent: Member | None
    children: tuple[Member, ...]


def account_of(read: Reading, found: FoundOrder) -> OrderAccount:
    """Return the account of an order that was found; `read()` begins the log anew. Raises `RecordCorrupt`."""
    intent, order_id = found.intent, found.client_order_id
    parent_id = None if intent is None else intent.parent_client_order_id
    own = Course(order_id, intent)
    family = {} if parent_id is None else {parent_id: Course(parent_id, None)}
    verdict: VerdictLine | None = None
    compared, kind = "none in the log before it", ""
    bundles: dict[str, str | None] = {}
    for line in read():
        if isinstance(line, RunStart):
            bundles[line.run_id] = line.bundle_sha256
            kind = line.kind if not own.events else kind
        elif isinstance(line, Reconcile) and not own.events:
            compared = f"{line.outcome}: {line.detail} (log line {line.seq})"
        elif isinstance(line, Intent) and line.parent_client_order_id == order_id:
            family[line.client_order_id] = Course(line.client_order_id, line)
        elif isinstance(line, VerdictLine) and line.client_order_id == order_id and (verdict is None or line.outcome == "ALLOW"):
            verdict = line
        own.take(line)
        where = getattr(line, "client_order_id", None)
        if where in family:
            family[where].take(line)
    row = None
    if found.planned is not None:
        row = next((row for row in plan_lines(found.planned) if row["line"] == found.line), None)
    members = [
        Member(
            client_order_id=course.order_id,
            child=0 if course.intent is None else course.intent.child,
            quantity=course.quantity,
            filled=course.filled,
            end=course.end(),
        )
        for course in family.values()
    ]
    return OrderAccount(
        client_order_id=order_id,
        intent=intent,
        plan_line=row,
        cycle=intent.cycle if intent is not None else None if found.planned is None else found.planned.cycle,
        run_kind=kind,
        bundle_sha256=bundles.get(of.run_id) if (of := intent or found.planned) is not None else None,
        plan=_planned(found.planned, found.line),
        gate=gate_stage(verdict),
        compared=compared,
        events=tuple(own.events),
        filled=own.filled if not family or parent_id is not None else sum((one.filled for one in members), Decimal(0)),
        end=own.end(no_intent=no_intent(found, row)),
        parent=members[0] if parent_id is not None else None,
        children=() if parent_id is not None else tuple(members),
    )


def no_intent(found: FoundOrder, row: Mapping[str, Any] | None) -> str:
    """Where an order without an intent stands."""
    planned = found.planned
    if planned is None or row is None:
        return "never approved: no plan of the log has it"
    for verdict in planned.verdicts:
        if verdict.get("line") == found.line and verdict.get("outcome") in (Outcome.DENY, Outcome.NEEDS_OVERRIDE):
            return f"denied in the plan: {verdict.get('control')}"
    if planned.decision != "PLAN":
        return f"not approved: the plan was refused, {planned.code}"
    return "approved; no intent was written"


class PlanAnswers:
    """The verdicts of one plan, grouped once, so that each of its lines is told in no more steps than there are controls.

    Raises `RecordCorrupt` LOG_LINE of verdicts that are none.
    """

    def __init__(self, record: PlanLineRecord) -> None:
        self.record = record
        self._said: dict[str, dict[int, list[Mapping[str, Any]]]] = {}  # by control, by line of the plan
        for verdict in record.verdicts:
            if not {"control", "outcome", "observed", "limit", "line"} <= verdict.keys():
                raise corrupt_line(record, "verdicts with control, outcome, observed, limit and line")
            self._said.setdefault(verdict["control"], {}).setdefault(verdict["line"], []).append(verdict)
        self._others = {
            control: ", ".join(str(line) for line, verdicts in said.items() for _ in verdicts)
            for control, said in self._said.items()
        }

    def stage(self, number: int) -> Stage:
        """Return what the plan's controls said of its line `number`."""
        rows: list[Answer] = []
        for control, said in self._said.items():
            own, whole = said.get(number, []), said.get(0, [])
            for verdict in own or whole:
                rows.append(_answer(control, verdict["outcome"], verdict["observed"], verdict["limit"], ORDER if own else WHOLE))
            if not own and not whole:
                seen = f"not this line; lines {self._others[control]} of the plan were refused or made smaller"
                rows.append(_answer(control, Outcome.ALLOW, seen, next(iter(said.values()))[0]["limit"], OTHERS))
        why = "a flatten follows no manifest" if FLATTEN in self._said else "no verdict of it in the plan's line"
        record = self.record
        return Stage(
            log_line=record.seq,
            ts_ns=record.ts_ns,
            outcome=record.decision,
            code=record.code,
            message=record.message,
            limits_sha256=None,
            answers=_answers(PLAN, rows, why),
        )


def _planned(record: PlanLineRecord | None, number: int) -> Stage:
    if record is not None:
        return PlanAnswers(record).stage(number)
    why = "no plan of the log has it"
    return Stage(log_line=0, ts_ns=None, outcome="", code="", message=why, limits_sha256=None, answers=_answers(PLAN, [], why))


def gate_stage(line: VerdictLine | None) -> Stage:
    """Return what the gate's controls said; None: it was never asked. Raises `RecordCorrupt` LOG_LINE."""
    if line is None:
        why = "it did not reach the gate"
        return Stage(
            log_line=0, ts_ns=None, outcome="", code="", message=why, limits_sha256=None, answers=_answers(GATE, [], why)
        )
    rows = []
    for verdict in line.verdicts:
        if len(verdict) != 4:
            raise corrupt_line(line, "verdicts of four words")
        control, outcome, observed, limit = verdict
        rows.append(_answer(control, outcome, observed, limit, ORDER))
    unapproved = any(row.control == "NO_APPROVAL" and row.outcome != Outcome.ALLOW for row in rows)
    why = "there is no approval to judge by" if unapproved else "no verdict of it in the gate's line"
    return Stage(
        log_line=line.seq,
        ts_ns=line.ts_ns,
        outcome=line.outcome,
        code=line.code,
        message="",
        limits_sha256=line.limits_sha256,
        answers=_answers(GATE, rows, why),
    )


def _answer(control: str, outcome: str, observed: str, limit: str, scope: str) -> Answer:
    known = control_of(control)
    return Answer(
        number=None if known is None else known.number,
        control=control,
        outcome=outcome,
        observed=observed,
        limit=limit,
        scope=scope,
    )


def _answers(stage: str, rows: Sequence[Answer], why: str) -> tuple[Answer, ...]:
    """Return the answers by number, codes of no control last, with a row for each control of the stage that gave none."""
    there = {row.number for row in rows}
    silent = [
        _answer(control.codes[0], NOT_ASKED, _why(stage, control.number, why), "", "")
        for control in REGISTER
        if stage in control.stages and control.number not in there
    ]
    return tuple(sorted([*rows, *silent], key=lambda row: (row.number is None, row.number or 0)))


def _why(stage: str, number: int, why: str) -> str:
    if stage == GATE and why.startswith("no verdict"):
        return {
            15: "it is no child of a schedule",
            19: "the regime is the one the plan was judged by, or the order only reduces",
        }.get(number, why)
    return why
