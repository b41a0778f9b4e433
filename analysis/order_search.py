"""Find one order in a log: by its client order id, by the beginning of one, or as CYCLE:LINE of its plan.

A line of a plan that a control denied has no line of an order in the log; its id follows from the plan (`orders.ids`), so it is
found all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from lakehouse.records import AnyLine, Intent, PlanLineRecord, VerdictLine
from orders.errors import ConfigError, RecordCorrupt
from orders.ids import client_order_id
from orders.reasons import TRADING_REASONS
from orders.values import Record

PLAN_LINE: Final = re.compile(r"#?([0-9]{1,9}):([0-9]{1,6})")
PREFIX_MIN: Final = 4  # digits of an id; fewer are a slip of the hand
NAMED_MAX: Final = 5  # ids that an ambiguous beginning is answered with

type Reading = Callable[[], Iterable[AnyLine]]
"""Begins the log anew."""

TRADING: Final = frozenset(reason.value for reason in TRADING_REASONS)


class FoundOrder(Record, frozen=True, kw_only=True):
    """Where an order is in a log. `intent` None: it has none, nothing was approved. `planned` None: no plan of the log has it;
    `line` 0 then. A child's plan and line are its parent's.
    """

    client_order_id: str
    intent: Intent | None
    planned: PlanLineRecord | None
    line: int


class _Seen:
    """What matched so far; of an id the newest plan that has it, and its newest intent."""

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.plans: dict[str, tuple[PlanLineRecord, int]] = {}
        self.bare: set[str] = set()  # asked for at the gate; nothing else is known of it

    def ids(self) -> list[str]:
        return sorted(self.intents.keys() | self.plans.keys() | self.bare)


def find_order(read: Reading, asked: str) -> FoundOrder:
    """Return the order that `asked` names, read in one pass, of a child in two.

    Raises `ConfigError` ORDER_UNKNOWN, ORDER_AMBIGUOUS; `RecordCorrupt` LOG_LINE.
    """
    by_line = PLAN_LINE.fullmatch(asked)
    wanted = (int(by_line[1]), int(by_line[2])) if by_line else None
    if wanted is None and len(asked) < PREFIX_MIN:
        raise _unknown(asked, f"a client order id, at least {PREFIX_MIN} of its first digits, or CYCLE:LINE")
    seen = _Seen()
    for line in read():
        match line:
            case PlanLineRecord():
                _plan(line, asked, wanted, seen)
            case Intent():
                own = line.client_order_id.startswith(asked) if wanted is None else False
                child = line.parent_client_order_id is not None
                if own or (wanted == (line.cycle, line.line) and not child):
                    seen.intents[line.client_order_id] = line
            case VerdictLine():
                if wanted is None and line.client_order_id.startswith(asked):
                    seen.bare.add(line.client_order_id)
            case _:
                pass
    found = seen.ids()
    exact = [asked] if asked in found else found
    if not exact:
        raise _unknown(asked, "an order of the log")
    if len(exact) > 1:
        more = f" and {len(exact) - NAMED_MAX} more" if len(exact) > NAMED_MAX else ""
        raise ConfigError(
            "ORDER_AMBIGUOUS",
            expected="the beginning of one order's id",
            found=f"{asked!r}, which begins {', '.join(exact[:NAMED_MAX])}{more}",
            action="Give more of its digits.",
        )
    order_id = exact[0]
    intent = seen.intents.get(order_id)
    planned, number = seen.plans.get(order_id, (None, 0))
    if planned is None and intent is not None:  # a child: its plan and line are its parent's
        number = intent.line
        planned = next(
            (line for line in read() if isinstance(line, PlanLineRecord) and line.plan_sha256 == intent.plan_sha256), None
        )
    return FoundOrder(client_order_id=order_id, intent=intent, planned=planned, line=0 if planned is None else number)


def plan_lines(record: PlanLineRecord) -> list[dict[str, Any]]:
    """Return the lines of a plan as it was written; none of a plan that was not made. Raises `RecordCorrupt` LOG_LINE."""
    document = record.plan
    if document is None:
        return []
    rows = document.get("lines") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and type(row.get("line")) is int for row in rows):
        raise corrupt_line(record, "a plan with its lines")
    return rows


def order_of_line(record: PlanLineRecord, number: int) -> str:
    """Return the client order id that a line of a plan leads to, "" where the plan does not say for which environment it is."""
    environment = record.plan.get("environment") if isinstance(record.plan, dict) else None
    if not isinstance(environment, str) or "\n" in environment or record.cycle < 1 or number < 1:
        return ""
    return client_order_id(environment=environment, manifest_sha256=record.manifest_sha256, cycle=record.cycle, line=number)


def corrupt_line(line: AnyLine, expected: str) -> RecordCorrupt:
    """Return the error of a line of the log whose inside is not what its type says."""
    return RecordCorrupt(
        "LOG_LINE",
        expected=f"line {line.seq} to have {expected}",
        found="something else",
        action="Change nothing and keep a copy of the log; `sluice verify` says more.",
    )


def _plan(record: PlanLineRecord, asked: str, wanted: tuple[int, int] | None, seen: _Seen) -> None:
    if wanted is not None and wanted[0] != record.cycle:
        return
    for row in plan_lines(record):
        if row.get("reason") not in TRADING:
            continue
        if wanted is not None and wanted[1] != row["line"]:
            continue
        order_id = order_of_line(record, row["line"])
        if not order_id:
            raise corrupt_line(record, "a plan with an environment, a cycle and numbered lines")
        if wanted is not None or order_id.startswith(asked):
            seen.plans[order_id] = (record, row["line"])


def _unknown(asked: str, expected: str) -> ConfigError:
    return ConfigError(
        "ORDER_UNKNOWN",
        expected=expected,
        found=repr(asked[:64]),
        action="Ids are in the log's intent lines, and in the report; CYCLE:LINE is a line of a plan that trades.",
    )
