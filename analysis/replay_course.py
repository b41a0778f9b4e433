"""What the lines of one run say of its cycles and orders, put together for comparing two runs of the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from lakehouse import records
from orders.schedule import AT_ONCE

ZERO = Decimal(0)
TOGETHER_NS: Final = 100_000_000  # plans closer than this had one trigger: a node is late by milliseconds, a busy one by tens


@dataclass(slots=True)
class OrderCourse:
    """One order from its intent to its end."""

    intent: records.Intent
    cycle_cause: str = ""
    verdict: tuple[str, str] | None = None  # outcome and code of the gate
    reject: tuple[str, str] | None = None  # by whom, and the code
    cancel: str | None = None
    sent_ns: int | None = None
    due_ns: int | None = None
    fills: list[records.Fill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        """Units so far."""
        return sum((Decimal(fill.quantity) for fill in self.fills), ZERO)

    @property
    def average(self) -> Decimal | None:
        """Average price of what filled, in quote currency, to the context's 28 digits; None: nothing did."""
        quantity = self.filled
        paid = sum((Decimal(fill.quantity) * Decimal(fill.price) for fill in self.fills), ZERO)
        return paid / quantity if quantity else None

    @property
    def fees(self) -> list[tuple[str, str]]:
        """Amount and currency of each fill's fee."""
        return [(fill.fee, fill.fee_currency) for fill in self.fills]


@dataclass(slots=True)
class RunCourse:
    """One run: its first line, judged manifests, plans by cycle, lines not traded, and orders by client order id."""

    start: records.RunStart
    manifests: list[tuple[str | None, str, str]] = field(default_factory=list)
    causes: dict[int, str] = field(default_factory=dict)
    plans: dict[int, records.PlanLineRecord] = field(default_factory=dict)
    skips: dict[tuple[int, int], records.Skip] = field(default_factory=dict)
    orders: dict[str, OrderCourse] = field(default_factory=dict)
    manual: list[records.AnyLine] = field(default_factory=list)  # halts, resumes, switches and flattens of persons
    last_ns: int = 0

    def plan_line(self, cycle: int, line: int) -> Mapping[str, Any] | None:
        """Return a line of a cycle's plan; None where there is no such plan or line."""
        plan = self.plans.get(cycle)
        lines: Sequence[Mapping[str, Any]] = () if plan is None or plan.plan is None else plan.plan["lines"]
        return next((one for one in lines if one["line"] == line), None)


def course_of(lines: Sequence[records.AnyLine], *, carried: Sequence[records.Intent] = ()) -> RunCourse:
    """Return what the lines of one run say; the first of them is its `run_start`. `carried`: orders of an earlier run that were
    still working when it began.
    """
    start = next(line for line in lines if isinstance(line, records.RunStart))
    course = RunCourse(start=start, orders={intent.client_order_id: OrderCourse(intent) for intent in carried})
    for line in lines:
        course.last_ns = max(course.last_ns, line.ts_ns)
        match line:
            case records.ManifestLine():
                course.manifests.append((line.manifest_sha256, line.decision, line.code))
            case records.CycleOpened():
                course.causes[line.cycle] = line.cause
            case records.PlanLineRecord():
                course.plans[line.cycle] = line
            case records.Skip():
                course.skips[line.cycle, line.line] = line
            case records.Intent():
                course.orders[line.client_order_id] = OrderCourse(line, cycle_cause=course.causes.get(line.cycle, ""))
            case records.HaltLine() | records.SwitchLine() if line.by not in ("engine", "sentinel"):
                course.manual.append(line)
            case records.FlattenLine() | records.OverrideUsed():
                course.manual.append(line)
            case (
                records.VerdictLine()
                | records.Send()
                | records.Received()
                | records.Reject()
                | records.CancelLine()
                | records.Fill()
            ):
                order = course.orders.get(line.client_order_id)
                if order is not None:
                    _step(order, line)
            case _:
                pass
    return course


def leave_out_unfinished(one: RunCourse, other: RunCourse, *, cut_ns: int) -> int:
    """Take out of both what was under way when the run was cut off at `cut_ns`, and return how much that was.

    A stage may have come before the cut in one course and behind it in the other: that says nothing of either.
    """
    sides = (one, other)
    late = {key for side in sides for key, order in side.orders.items() if not _over(order, cut_ns - TOGETHER_NS)}
    cycles = {cycle for side in sides for cycle, plan in side.plans.items() if plan.planned_ns > cut_ns - TOGETHER_NS}
    for side in sides:
        for key in late:
            side.orders.pop(key, None)
        for cycle in cycles:
            side.plans.pop(cycle, None)
    return len(late) + len(cycles)


def _over(order: OrderCourse, before_ns: int) -> bool:
    """Whether an order had ended well before an instant; a schedule's parent ends with its children."""
    if order.intent.planned_ns > before_ns:
        return False
    if order.reject is not None or order.cancel is not None:
        return True
    parent = order.intent.schedule != AT_ONCE and order.intent.child == 0
    return parent or (order.filled >= Decimal(order.intent.quantity) and order.fills[-1].event_ns <= before_ns)


def _step(order: OrderCourse, line: records.AnyLine) -> None:
    match line:
        case records.VerdictLine():
            order.verdict = (line.outcome, line.code)
        case records.Send():
            order.sent_ns = line.ts_ns
        case records.Received():
            order.due_ns = line.due_ns
        case records.Reject():
            order.reject = (line.by, line.code)
        case records.CancelLine():
            order.cancel = line.cause
        case records.Fill():
            order.fills.append(line)
        case _:
            pass
