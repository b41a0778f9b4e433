"""The chain from a source run to its fills, and back: manifest, approval, cycle, override, plan, line, order, fill and links.

It is built from the places a `LogIndex` has, line by line of the log, and judges only the links it shows: that the record as a
whole is what was written is for `sluice verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from analysis.trace_links import (
    Link,
    Sources,
    State,
    approval_links,
    bundle_links,
    differs,
    manifest_links,
    not_here,
    run_ledger_link,
)
from analysis.trace_orders import Orders, Origin
from analysis.trace_plans import override_step, plan_step
from analysis.trace_search import Start, planned_ids
from analysis.trace_step import Step
from lakehouse.log_index import LogIndex
from lakehouse.records import AnyLine, CycleClosed, CycleOpened, FlattenLine, ManifestLine, OverrideUsed, PlanLineRecord, RunStart
from orders.errors import RecordCorrupt
from orders.values import Record


class Chain(Record, frozen=True, kw_only=True):
    """What was found. `runs`: source runs, each with everything below it that was asked for. `record`: lines of log or ledger
    that cannot be read and were passed over; each is a difference. `unreadable`: how many there are, named or not.
    """

    start: Start
    runs: tuple[Step, ...]
    record: tuple[Link, ...]
    unreadable: int

    def links(self) -> Iterable[tuple[Step | None, Link]]:
        """Yield every link with the step it is of, in the order of the chain; None: of the record."""
        steps = list(reversed(self.runs))
        while steps:
            step = steps.pop()
            yield from ((step, link) for link in step.links)
            steps.extend(reversed(step.below))
        yield from ((None, link) for link in self.record)

    def counts(self) -> Mapping[State, int]:
        """How many links are in each state; lines that cannot be read count as different, named or not."""
        found = Counter(link.state for _, link in self.links())
        found[State.DIFFERS] += self.unreadable - len(self.record)
        return {state: found[state] for state in State}


def chain_of(index: LogIndex, start: Start, *, sources: Sources) -> Chain:
    """Return the chain that `start` is in: of a fill or an order its own, of a manifest or a run everything it caused.

    Of a parent of a schedule all children come along, of a child its parent.
    """
    build = _Build(index, start, sources)
    runs = tuple(build.run(name, manifests) for name, manifests in build.wanted().items())
    record = tuple(
        differs("line", "", f"{record} line {number} cannot be read: {why}") for (record, number), why in index.unreadable.items()
    )
    return Chain(start=start, runs=runs, record=record, unreadable=index.unreadable_count)


class _Build:
    """One walk. What is asked for is narrowed to `orders` (None: all) and `fill` (None: all)."""

    def __init__(self, index: LogIndex, start: Start, sources: Sources) -> None:
        self._index = index
        self._start = start
        self._sources = sources
        self._heads: dict[str, tuple[str | None, ...]] = {}  # manifest -> heads of its run's ledger, as its lines have them
        order = start.fill.client_order_id if start.fill is not None else start.id if start.kind == "order" else None
        self._asked = order
        family = None
        if order is not None:
            parent = index.parents.get(order)
            children = index.children.get(order, []) if start.fill is None else []
            family = frozenset({order, *children, *(() if parent is None else (parent,))})
        self._family = family
        fill = None if start.fill is None else start.fill.line
        starts = (line for line in index.lines(index.starts) if isinstance(line, RunStart))
        self._bundles = {line.run_id: line.bundle_sha256 for line in starts}
        self._orders = Orders(index, family=family, fill=fill, bundles=self._bundles)

    def wanted(self) -> dict[str, list[str]]:
        """Return the source runs to show, each with its manifests."""
        index, start = self._index, self._start
        if start.kind == "run":
            return {start.id: list(index.runs[start.id])}
        if start.kind == "manifest":
            manifests = [start.id]
        else:
            manifests = [one for one, orders in index.ordered.items() if self._asked in orders] or self._planned()
        runs = {
            run: [one for one in manifests if one in named]
            for run, named in index.runs.items()
            if not named.keys().isdisjoint(manifests)
        }
        return runs or {"": manifests}

    def _planned(self) -> list[str]:
        """The manifest of an order that no line of the log but a plan's has."""
        for line in self._index.lines(self._index.plans):
            if isinstance(line, PlanLineRecord) and self._asked in planned_ids(self._index, line):
                return [line.manifest_sha256]
        return []

    def run(self, name: str, manifests: list[str]) -> Step:
        """Return a source run; "": of what no run is named for."""
        below = tuple(self._manifest(one, name) for one in manifests)
        if not manifests and self._asked is not None:  # it was asked for at the gate, and nothing says what it came from
            below = (self._orders.step(self._asked, origin=Origin(run=name, heads=())),)
        data = self._sources.run_ledger(name) if name else None
        links = []
        heads: dict[str, set[str]] = {}
        for one in manifests:
            for line in self._judged(one):
                if line.run_ledger_head is not None and line.source_run == name:
                    heads.setdefault(line.run_ledger_head, set()).update(line.ledger_faults)
        if data is not None:
            links = [run_ledger_link(data, head=head, faults=faults) for head, faults in heads.items()]
            if not heads:
                links = [not_here("ledger head", "", "no line of the log states one")]
        words = "" if any(one.below for one in below) else "nothing came of it in this log"
        words = words if name else "no source run is named"
        return Step(kind="run", id=name, log_lines=(), words=words, facts={}, links=tuple(links), below=below)

    def _judged(self, sha256: str) -> list[ManifestLine]:
        return [line for line in self._index.lines(self._index.manifests.get(sha256, [])) if isinstance(line, ManifestLine)]

    def _manifest(self, sha256: str, run: str) -> Step:
        judged = self._judged(sha256)
        last = next((line for line in reversed(judged) if line.decision == "ACCEPTED"), judged[-1] if judged else None)
        heads = tuple(dict.fromkeys(line.run_ledger_head for line in judged))
        origin = Origin(run=run, heads=heads)
        cycles = tuple(step for number in self._cycles(sha256) if (step := self._cycle(number, sha256, origin)))
        loose = self._orders.rest(sha256, origin=origin)
        facts: dict[str, Any] = {
            "judged": [
                {"log_line": line.seq, "decision": line.decision, "code": line.code, "grade": line.grade, "run_id": line.run_id}
                for line in judged
            ]
        }
        if last is None:
            words = "no line of the log says that it was read"
            links: tuple[Link, ...] = (not_here("manifest line", sha256, words),)
        else:
            said = " ".join(part for part in (last.decision, last.code, last.grade) if part)
            times = f", read {len(judged)} times" if len(judged) > 1 else ""
            unasked = ", no approval was asked for" if last.decision == "ACCEPTED" and not last.approval_sha256 else ""
            words = f"{said}{times}{unasked}"
            links = manifest_links(self._sources.manifest(sha256), sha256=sha256, source_run=last.source_run)
            facts |= {"generated_ns": last.generated_ns, "regime": last.regime, "message": last.message}
        approvals = self._approval(sha256, judged)
        if not cycles and not loose and self._family is None:
            words += "; nothing came of it"
        return Step(
            kind="manifest",
            id=sha256,
            log_lines=tuple(line.seq for line in judged),
            words=words,
            facts=facts,
            links=links,
            below=(*approvals, *cycles, *loose),
        )

    def _approval(self, sha256: str, judged: list[ManifestLine]) -> tuple[Step, ...]:
        """Return the approvals that lines of the log name, each once."""
        steps: dict[str, Step] = {}
        for line in judged:
            if line.approval_sha256 and line.approval_sha256 not in steps:
                steps[line.approval_sha256] = Step(
                    kind="approval",
                    id=line.approval_sha256,
                    log_lines=(line.seq,),
                    words=f"by {line.approved_by}",
                    facts={"by": line.approved_by},
                    links=approval_links(self._sources.approval(sha256), line=line, sources=self._sources),
                    below=(),
                )
        return tuple(steps.values())

    def _cycles(self, sha256: str) -> Iterable[int]:
        """The cycles of a manifest, or those of the order that is asked for."""
        if self._family is None or self._family.isdisjoint(ordered := self._index.ordered.get(sha256, {})):
            return self._index.planned.get(sha256, {})
        return dict.fromkeys(ordered[order] for order in ordered.keys() & self._family)

    def _cycle(self, number: int, sha256: str, origin: Origin) -> Step | None:
        lines = list(self._index.lines(self._index.cycles.get(number, [])))
        opened = next((line for line in lines if isinstance(line, CycleOpened) and line.manifest_sha256 == sha256), None)
        closed = next(
            (line for line in reversed(lines) if isinstance(line, CycleClosed) and line.manifest_sha256 == sha256), None
        )
        plans = [line for line in lines if isinstance(line, PlanLineRecord) and line.manifest_sha256 == sha256]
        made = (self._plan(record, lines, origin) for record in plans)
        below = [step for step in made if step is not None]
        loose = self._orders.of_cycle(number, sha256, origin=origin)
        if self._family is not None and not below and not loose:
            return None
        used = [line for line in lines if isinstance(line, OverrideUsed) and line.manifest_sha256 == sha256]
        overrides = [override_step(line, plans) for line in used]
        facts: dict[str, Any] = {"cycle": number, "cause": None if opened is None else opened.cause}
        words = "no line of the log opens it for this manifest" if opened is None else opened.cause
        if opened is not None and opened.request_id:
            words += f", flatten request {opened.request_id} {self._asker(opened.request_id)}"
            facts["request_id"] = opened.request_id
        words += f", ended {closed.outcome}" if closed is not None else ", has not ended"
        facts["outcome"] = None if closed is None else closed.outcome
        return Step(
            kind="cycle",
            id=f"#{number}",
            log_lines=tuple(line.seq for line in (opened, closed) if line is not None),
            words=words,
            facts=facts,
            links=(),
            below=(*overrides, *below, *loose),
        )

    def _plan(self, record: PlanLineRecord, beside: list[AnyLine], origin: Origin) -> Step | None:
        try:
            return plan_step(
                record, beside, orders=self._orders, origin=origin, asked=self._asked, bundle=self._bundle_of(record.run_id)
            )
        except RecordCorrupt as error:
            self._index.note_log(record.seq, f"{error.expected} was expected, found {error.found}")
            return None

    @cache  # noqa: B019 - one walk's, and it ends with it
    def _bundle_of(self, run_id: str) -> tuple[Link, ...]:
        """Return the link from a run to its bundle, each bundle read once."""
        sha256 = self._bundles.get(run_id)
        return () if sha256 is None else bundle_links(self._sources.bundle(sha256), sha256=sha256, run_id=run_id)

    def _asker(self, request_id: str) -> str:
        for line in self._index.lines(self._index.flattens.get(request_id, [])):
            if isinstance(line, FlattenLine):
                return f"of {line.by} (log line {line.seq})"
        return "(no line of the log has it)"


def document(chain: Chain) -> Mapping[str, Any]:
    """Return the chain, to be printed as JSON (`orders.canonical.plain`)."""
    return {
        "asked": {"kind": chain.start.kind, "id": chain.start.id},
        "chain": [_step(step) for step in chain.runs],
        "record": [_link(link) for link in chain.record],
        "links": {state.value: number for state, number in chain.counts().items()},
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "id": step.id,
        "log_lines": list(step.log_lines),
        "words": step.words,
        **step.facts,
        "links": [_link(link) for link in step.links],
        "below": [_step(one) for one in step.below],
    }


def _link(link: Link) -> dict[str, Any]:
    return {"what": link.what, "stated": link.stated, "state": link.state.value, "detail": link.detail}
