"""How often each control of the register was asked in a log, what it said, and when it said no last.

A control is asked when a verdict of it is in the log: of a plan, of an order at the gate, or of what it judges beside orders (a
manifest, a comparison with a venue, a live run's watchdog). Read from the log alone, one line at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from analysis.order_search import corrupt_line
from lakehouse.records import AnyLine, HaltLine, ManifestLine, PlanLineRecord, Reconcile, Reject, RunStart, VerdictLine
from orders.plan import Outcome
from orders.values import Record
from sentinel.register import BESIDE, REGISTER, control_of

SENTINEL: Final = "sentinel"  # who refused, in a `reject` line
LIVE: Final = "live"  # a run of this kind has a watchdog
HALT: Final = "HALT"
DEAD_MAN: Final = "DEAD_MAN"
COMPARED: Final = "RECONCILIATION_BREAK"
GRADED: Final = "PROVENANCE"

type Saying = tuple[str, str]
"""A reason code, and ALLOW, RESIZE, DENY or NEEDS_OVERRIDE."""


class Count(Record, frozen=True, kw_only=True):
    """Verdicts of one control. `last_ns`, `last_market_ns`: of the last that was no ALLOW, real and market time; None: there is
    none. `last_line`: of the log. `by_code`: verdicts that were no ALLOW, by reason code.
    """

    number: int
    asked: int
    denied: int
    resized: int
    needs_override: int
    last_ns: int | None
    last_market_ns: int | None
    last_line: int | None
    by_code: dict[str, int]

    @property
    def fired(self) -> int:
        """How often it said anything but yes."""
        return self.denied + self.resized + self.needs_override

    @property
    def state(self) -> str:
        """`fired`, `asked` (never fired) or `never asked`."""
        return "fired" if self.fired else "asked" if self.asked else "never asked"


class Coverage(Record, frozen=True, kw_only=True):
    """All controls in the register's order; `beside`: codes of no control that denied orders or plans, with their counts."""

    lines: int
    plans: int
    orders: int
    counts: tuple[Count, ...]
    beside: dict[str, int]


class _Tally:
    def __init__(self) -> None:
        self.said = dict.fromkeys(Outcome, 0)
        self.by_code: dict[str, int] = {}
        self.last: AnyLine | None = None


def coverage(lines: Iterable[AnyLine], *, run_id: str | None = None) -> Coverage:
    """Count the verdicts in `lines`, those of one run where `run_id` names it. Raises `RecordCorrupt` LOG_LINE."""
    tallies = {control.number: _Tally() for control in REGISTER}
    beside: dict[str, int] = {}
    read = plans = orders = 0
    for line in lines:
        if run_id is not None and line.run_id != run_id:
            continue
        read += 1
        plans += isinstance(line, PlanLineRecord)
        orders += isinstance(line, VerdictLine)
        for code, outcome in _read(line):
            control = control_of(code)
            if control is None:
                if outcome is not Outcome.ALLOW:
                    beside[code] = beside.get(code, 0) + 1
                continue
            tally = tallies[control.number]
            tally.said[outcome] += 1
            if outcome is not Outcome.ALLOW:
                tally.by_code[code] = tally.by_code.get(code, 0) + 1
                tally.last = line
    return Coverage(
        lines=read,
        plans=plans,
        orders=orders,
        counts=tuple(_count(number, tally) for number, tally in tallies.items()),
        beside=beside,
    )


def _read(line: AnyLine) -> list[tuple[str, Outcome]]:
    try:
        return [(code, Outcome(said)) for code, said in sayings(line)]
    except (KeyError, ValueError) as error:
        raise corrupt_line(line, "verdicts with a control and an outcome") from error


def sayings(line: AnyLine) -> Iterator[Saying]:
    """Yield what one line of the log says of controls: a code and an outcome each.

    A plan's own refusal repeats verdicts that are in it; only a code of no verdict (a held plan, a control that broke) counts.
    """
    match line:
        case PlanLineRecord():
            codes = set()
            for verdict in line.verdicts:
                codes.add(verdict["control"])
                yield verdict["control"], verdict["outcome"]
            if line.code and line.code not in codes and _sentinel_s(line.code):
                yield line.code, Outcome.DENY
        case VerdictLine():
            codes = set()
            for control, outcome, *_ in line.verdicts:
                codes.add(control)
                yield control, outcome
            if line.code and line.code not in codes:
                yield line.code, Outcome.DENY
        case Reject():
            if line.by == SENTINEL:
                yield line.code, Outcome.DENY
        case ManifestLine():
            graded = line.grade is not None
            ours = control_of(line.code) is not None
            if ours:
                yield line.code, Outcome.DENY
            if graded and not (ours and line.code.startswith(GRADED)):
                yield GRADED, Outcome.ALLOW
        case Reconcile():
            yield COMPARED, Outcome.DENY if line.outcome == "break" else Outcome.ALLOW
        case HaltLine():
            if line.action == "halt":
                yield HALT, Outcome.DENY
                if line.reason.startswith(DEAD_MAN):
                    yield line.reason.partition(":")[0], Outcome.DENY
        case RunStart():
            if line.kind == LIVE:
                yield DEAD_MAN, Outcome.ALLOW
        case _:
            pass


def _sentinel_s(code: str) -> bool:
    return control_of(code) is not None or any(code == known for known, _ in BESIDE)


def _count(number: int, tally: _Tally) -> Count:
    last = tally.last
    return Count(
        number=number,
        asked=sum(tally.said.values()),
        denied=tally.said[Outcome.DENY],
        resized=tally.said[Outcome.RESIZE],
        needs_override=tally.said[Outcome.NEEDS_OVERRIDE],
        last_ns=None if last is None else last.ts_ns,
        last_market_ns=None if last is None else last.market_ns,
        last_line=None if last is None else last.seq,
        by_code=dict(sorted(tally.by_code.items())),
    )
