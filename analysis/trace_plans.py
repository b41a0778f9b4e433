"""A plan in a chain: its lines, what the controls said of each, and the orders that came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from analysis.order_account import PlanAnswers, no_intent
from analysis.order_search import TRADING, FoundOrder, order_of_line, plan_lines
from analysis.trace_links import Link, differs, holds, plan_links
from analysis.trace_orders import Orders, Origin
from analysis.trace_step import Step, said_facts, said_words
from lakehouse.records import AnyLine, OverrideUsed, PlanLineRecord, Skip
from orders.plan import Outcome


def plan_step(
    record: PlanLineRecord,
    beside: Sequence[AnyLine],
    *,
    orders: Orders,
    origin: Origin,
    asked: str | None,
    bundle: tuple[Link, ...] = (),
) -> Step | None:
    """Return a plan with its trading lines; None where an order is asked for and none of the plan's lines leads to it.

    `beside`: lines of its cycle. `asked`: the order that is asked for, None: all. `bundle`: the link to that of its run.

    Raises `RecordCorrupt` LOG_LINE of a plan or verdicts that are none.
    """
    rows = plan_lines(record)
    answers = PlanAnswers(record)
    skips = {line.line: line for line in beside if isinstance(line, Skip)}
    steps = []
    for row in rows:
        if row.get("reason") in TRADING:
            step = _line_step(record, row, answers, skip=skips.get(row["line"]), orders=orders, origin=origin, asked=asked)
            if step is not None:
                steps.append(step)
    if asked is not None and not steps:
        return None
    left = Counter(str(row.get("reason")) for row in rows if row.get("reason") not in TRADING)
    trading = len(rows) - left.total()
    said = " ".join(part for part in (record.decision, record.code) if part)
    not_traded = "".join(f", {number} {reason}" for reason, number in sorted(left.items()))
    return Step(
        kind="plan",
        id=record.plan_sha256 or "",
        log_lines=(record.seq,),
        words=f"{said}: {trading} of {len(rows)} lines trade{not_traded}" if rows else f"{said}: {record.message}",
        facts={
            "run_id": record.run_id,
            "decision": record.decision,
            "code": record.code,
            "message": record.message,
            "not_traded": dict(left),
        },
        links=(*plan_links(record), *bundle),
        below=tuple(steps),
    )


def override_step(used: OverrideUsed, plans: Sequence[PlanLineRecord]) -> Step:
    """Return an override that was used in a cycle, held against the plan it let pass; `plans`: of the cycle.

    Its signed file is gone once it is used: its sha256, and who signed, are what the line says.
    """
    passed = next((plan for plan in plans if plan.plan_sha256 == used.plan_sha256), None)
    names = ", ".join(str(number) for number in used.lines)
    if passed is None:
        link = differs("plan", used.plan_sha256, "no plan of this cycle has this sha256")
    elif passed.seq >= used.seq:
        link = differs("plan", used.plan_sha256, f"its line is {passed.seq}, after that of the override")
    else:
        link = holds("plan", used.plan_sha256, f"of log line {passed.seq}, lines {names}")
    return Step(
        kind="override",
        id=used.token_id,
        log_lines=(used.seq,),
        words=f"by {', '.join(used.signers)} for {used.requester}: {', '.join(used.controls)}, {used.reason}",
        facts={
            "signers": list(used.signers),
            "requester": used.requester,
            "reason": used.reason,
            "controls": list(used.controls),
            "notional_max": used.notional_max,
            "envelope_sha256": used.envelope_sha256,
        },
        links=(link,),
        below=(),
    )


def _line_step(
    record: PlanLineRecord,
    row: Mapping[str, Any],
    answers: PlanAnswers,
    *,
    skip: Skip | None,
    orders: Orders,
    origin: Origin,
    asked: str | None,
) -> Step | None:
    number = row["line"]
    order_id = order_of_line(record, number)
    mine = orders.known(order_id)
    if asked is not None and not (mine or order_id == asked):
        return None
    stage = answers.stage(number)
    resized = any(one.outcome == Outcome.RESIZE for one in stage.answers)
    found = replace(origin, plan=record, row=row, resized=resized)
    below = (orders.step(order_id, origin=found),) if mine else ()
    wanted = f"{row.get('side')} {row.get('quantity')} {row.get('symbol')} @ {row.get('limit_price') or 'market'}"
    events = said_words("plan", stage)
    facts: dict[str, Any] = {
        name: row.get(name) for name in ("line", "symbol", "side", "quantity", "limit_price", "reason", "target_weight")
    }
    if not mine:
        denied = FoundOrder(client_order_id=order_id, intent=None, planned=record, line=number)
        facts |= {"client_order_id": order_id, "end": no_intent(denied, row)}
        events += (f"end      {facts['end']}", *(() if skip is None else (f"         log line {skip.seq}: {skip.text}",)))
    return Step(
        kind="line",
        id=str(number),
        log_lines=() if skip is None else (skip.seq,),
        words=f"{wanted}   {row.get('reason')}",
        facts=facts | {"verdicts": said_facts(stage)},
        links=(),
        below=below,
        events=events,
    )
