"""The orders of a chain: what each comes from, what was said of it at the gate, what happened to it, and its fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.order_account import Stage, gate_stage
from analysis.order_course import Course
from analysis.trace_links import Link, differs, fill_links, id_link, names_link, not_here
from analysis.trace_step import Step, said_facts, said_words
from lakehouse.log_index import LogIndex
from lakehouse.records import AnyLine, Fill, Intent, PlanLineRecord, VerdictLine
from orders.errors import RecordCorrupt
from orders.values import Record

ORIGIN = ("source_run", "manifest_sha256", "plan_sha256", "cycle", "line")


class Origin(Record, frozen=True, kw_only=True):
    """Where an order comes from, as the steps above it have it. `heads`: of the run's ledger, as the manifest's lines have them.

    `row`: the line of the plan; `plan` and it None: none leads to the order. `resized`: a control made the line smaller.
    """

    run: str
    heads: tuple[str | None, ...]
    plan: PlanLineRecord | None = None
    row: Mapping[str, Any] | None = None
    resized: bool = False


class Orders:
    """Makes the step of each order once. `family` None: of all. `fill`: the line of the log whose fill alone is asked for.
    `bundles`: by run.
    """

    def __init__(
        self, index: LogIndex, *, family: frozenset[str] | None, fill: int | None, bundles: Mapping[str, str | None]
    ) -> None:
        self._index = index
        self._bundles = bundles
        self._family = family
        self._fill = fill
        self._shown: set[str] = set()
        self._by_cycle: dict[str, dict[int, list[str]]] = {}  # by manifest
        self._ledger_only: dict[str, list[int]] = {}  # order -> lines of the log that only the ledger says are fills of it
        for number, record in index.records.items():
            order = record.fill.client_order_id
            place = index.fills.get(number)
            if place is None or place.client_order_id != order:
                self._ledger_only.setdefault(order, []).append(number)

    def known(self, order_id: str) -> bool:
        """Whether log or ledger has a line of it, and it is asked for."""
        asked = self._family is None or order_id in self._family
        return asked and (order_id in self._index.orders or order_id in self._ledger_only)

    def of_cycle(self, cycle: int, manifest: str, *, origin: Origin) -> tuple[Step, ...]:
        """Return the orders of a cycle that no plan of it led to."""
        if manifest not in self._by_cycle:
            orders = self._by_cycle[manifest] = {}
            for order, number in self._index.ordered.get(manifest, {}).items():
                orders.setdefault(number, []).append(order)
        return tuple(self.step(order, origin=origin) for order in self._by_cycle[manifest].get(cycle, []) if self._loose(order))

    def rest(self, manifest: str, *, origin: Origin) -> tuple[Step, ...]:
        """Return the orders of a manifest that no cycle led to."""
        orders = self._index.ordered.get(manifest, {})
        return tuple(self.step(order, origin=origin) for order in orders if self._loose(order))

    def _loose(self, order: str) -> bool:
        parent = self._index.parents.get(order)
        nested = parent is not None and self.known(parent) and parent not in self._index.parents
        return self.known(order) and order not in self._shown and not nested

    def _lines(self, order: str) -> Iterator[AnyLine]:
        return self._index.lines(self._index.orders.get(order, []))

    def step(self, order_id: str, *, origin: Origin) -> Step:
        """Return one order with its children and fills."""
        self._shown.add(order_id)
        course = Course(order_id, None)
        verdict: VerdictLine | None = None
        for line in self._lines(order_id):
            try:
                course.take(line)
            except RecordCorrupt as error:
                self._index.note_log(line.seq, f"{error.expected} was expected, found {error.found}")
            if isinstance(line, VerdictLine) and (verdict is None or line.outcome == "ALLOW"):
                verdict = line
        intent = course.intent
        mine = [] if order_id in self._index.parents else self._index.children.get(order_id, [])  # children have none
        children = [one for one in mine if self.known(one) and one not in self._shown]
        below = [self.step(one, origin=origin) for one in children]
        below += self._fills(order_id, intent, origin)
        stage = self._gated(verdict)
        sent_as_children = intent is not None and intent.schedule != "at_once" and not intent.child
        events = [
            f"{event.log_line:>7}  {event.what:<13} {event.detail}".rstrip() for event in course.events if event.what != "fill"
        ]
        said = ("gate     it is sent as its children",) if sent_as_children and not stage.log_line else said_words("gate", stage)
        facts: dict[str, Any] = {
            "child": 0 if intent is None else intent.child,
            "intent": intent,
            "bundle_sha256": None if intent is None else self._bundles.get(intent.run_id),
            "gate": said_facts(stage),
            "events": course.events,
            "end": course.end(no_intent="no intent in the log"),
        }
        return Step(
            kind="order",
            id=order_id,
            log_lines=tuple(self._index.orders.get(order_id, [])),
            words=f"{f'child {intent.child}   ' if intent is not None and intent.child else ''}{facts['end']}",
            facts=facts,
            links=_order_links(order_id, intent, origin),
            below=tuple(below),
            events=(*said, *events),
        )

    def _gated(self, verdict: VerdictLine | None) -> Stage:
        try:
            return gate_stage(verdict)
        except RecordCorrupt as error:
            assert verdict is not None
            self._index.note_log(verdict.seq, f"{error.expected} was expected, found {error.found}")
            return gate_stage(None)

    def _fills(self, order_id: str, intent: Intent | None, origin: Origin) -> list[Step]:
        numbers = [number for number in self._index.orders.get(order_id, []) if number in self._index.fills]
        numbers = sorted({*numbers, *self._ledger_only.get(order_id, [])})
        return [self._fill_step(number, intent, origin) for number in numbers if self._fill is None or number == self._fill]

    def _fill_step(self, number: int, intent: Intent | None, origin: Origin) -> Step:
        record = self._index.records.get(number)
        place = self._index.fills.get(number)
        told = place if place is not None else None if record is None else record.fill
        assert told is not None, number
        line = next((line for line in self._index.lines([number]) if isinstance(line, Fill)), None) if place is not None else None
        links = list(fill_links(told, record, in_log=place is not None, recorded_line=self._index.recorded_line))
        facts: dict[str, Any] = {"trade_id": told.trade_id, "ledger_line": None if record is None else record.line}
        words = f"trade {told.trade_id}"
        if line is not None:
            facts["bundle_sha256"] = self._bundles.get(line.run_id)
            links.append(_fill_names(line, intent, origin))
            words += (
                f"   {line.side} {line.quantity} at {line.price}, fee {line.fee} {line.fee_currency}, {line.venue} {line.account}"
            )
            names = (
                "venue",
                "account",
                "symbol",
                "side",
                "quantity",
                "price",
                "fee",
                "fee_currency",
                "run_ledger_head",
                "event_ns",
            )
            facts |= {name: getattr(line, name) for name in names}
        return Step(kind="fill", id=told.fill_hash, log_lines=(number,), words=words, facts=facts, links=tuple(links), below=())


def _order_links(order_id: str, intent: Intent | None, origin: Origin) -> tuple[Link, ...]:
    if intent is None:
        return (not_here("intent", order_id, "no line of the log intends it"),)
    plan, row = origin.plan, origin.row
    document = plan.plan if plan is not None else None
    made = id_link(
        order_id,
        environment=document.get("environment") if isinstance(document, dict) else None,
        manifest_sha256=intent.manifest_sha256,
        cycle=intent.cycle,
        line=intent.line,
        child=intent.child,
    )
    if plan is None or row is None:
        return made, differs("names", intent.plan_sha256, f"log line {intent.seq}: no plan of cycle {intent.cycle} leads to it")
    expected = {"source_run": origin.run, "manifest_sha256": plan.manifest_sha256, "plan_sha256": plan.plan_sha256}
    expected |= {name: row.get(name) for name in ("line", "symbol", "side")}
    if not intent.child and not origin.resized:
        expected["quantity"] = row.get("quantity")
    return made, names_link(intent, expected=expected, where="manifest and plan")


def _fill_names(line: Fill, intent: Intent | None, origin: Origin) -> Link:
    where = "the order's intent"
    expected: dict[str, object] = (
        {"source_run": origin.run} if intent is None else {name: getattr(intent, name) for name in ORIGIN}
    )
    if origin.heads:
        expected["run_ledger_head"] = line.run_ledger_head if line.run_ledger_head in origin.heads else origin.heads[-1]
        where = f"{where} and the manifest's line" if intent is not None else "the manifest's line"
    return names_link(line, expected=expected, where=where)
