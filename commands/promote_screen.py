"""The screen of `sluice promote status`: 100 columns, 24 lines where the gates are the shipped ones and something was measured.

What passes is told together, source by source; what stands in the way has a row with its numbers and what is still to be seen;
where nothing could be measured, or waiting mends nothing, there is the reason instead, each once.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from analysis.gate_source import SourceFacts
from commands.promote_table import TOGETHER, passing, rows_of
from commands.promote_view import percent, place_words
from orders.gates import DAY_NS, GateResult, Verdict, lacks
from orders.metrics import METRICS
from orders.promotion import Standing

if TYPE_CHECKING:
    from commands.promote_status import Status

WIDTH: Final = 100
DIGITS: Final = 16
NS: Final = 10**9
EVERY: Final = 3  # gates that lack the same are named, up to here


def screen(status: Status) -> list[str]:
    """Return the lines."""
    results, now_ns = status.evidence.results, status.evidence.evaluated_ns
    lines = list(_head(status))
    for word, text in passing(results):
        lines += _wrapped(word, text)
    return [*lines, *rows_of(results, now_ns), *_reasons(results)]


def _head(status: Status) -> Iterator[str]:
    standing, now_ns = status.standing, status.evidence.evaluated_ns
    where = f"   environment {status.environment}" if status.environment is not None else ""
    yield f"bundle   {status.bundle_sha256[:DIGITS]}{where}"
    if standing is None:
        yield "state    none: never promoted here"
    else:
        paused = "; paused" if standing.paused else ""
        yield f"state    {place_words(standing)} since {_instant(standing.since_ns)}, {_age(now_ns - standing.since_ns)}{paused}"
        if standing.paused:
            yield from _wrapped("paused", standing.paused)
    yield f"capital  {_capital(status)}"
    yield f"next     {_next(status)}"
    records = [_record(facts) for facts in status.evidence.sources if facts.log_lines or facts.problem]
    own = status.proof
    if own is not None and (own.problem or not records):
        records.insert(0, own.problem or f"promotions verified to line {own.log_lines:,}")
    yield from _wrapped("record", "; ".join(records) or "none here, nor any that is evidence")


def _capital(status: Status) -> str:
    own, current = status.standing, status.current
    fraction = Decimal(0) if own is None else own.fraction
    said = f"{percent(fraction)} of equity"
    if current is not None and (own is None or current.bundle_sha256 != own.bundle_sha256):
        said += f"; current is {current.bundle_sha256[:DIGITS]} at {percent(current.fraction)}"
    return f"{said}; previous {_previous(status.previous)}"


def _previous(previous: Standing | None) -> str:
    return "none" if previous is None else f"{previous.bundle_sha256[:DIGITS]} ({previous.state})"


def _next(status: Status) -> str:
    evidence = status.evidence
    counted = [result for result in evidence.results if not result.gate.dry_run]
    if not counted:
        return f"no gate of {status.gates_path} stands before {_move_words(status)}"
    passed = sum(result.verdict is Verdict.PASS for result in counted)
    failed = sum(result.verdict is Verdict.FAIL for result in counted)
    never = sum(bool(result.never) for result in counted)
    said = f"{_move_words(status)}: {passed} of {len(counted)} gates pass, {failed} fail"
    if status.proof is not None and status.proof.problem:
        return f"{said}, of a record that does not verify: a person must look"
    if status.standing is not None and status.standing.paused:
        return f"resume, which two persons sign; then {said}"
    if never:
        return f"{said}, {never} can never be met"
    if evidence.allows:
        return f"{said}: ready"
    if failed:
        return f"{said}: a person must look"
    if status.ready_ns is not None:
        return f"{said}, by {_instant(status.ready_ns)} at this rate"
    return f"{said}, {len(counted) - passed} lack evidence"


def _move_words(status: Status) -> str:
    standing, steps = status.standing, status.gates.steps
    match status.move:
        case "shadow":
            return "to shadow"
        case "canary":
            return f"to canary at {percent(steps[0])}"
        case "step_up" if standing is not None and standing.step + 1 < len(standing.steps):
            return f"step up to {percent(standing.steps[standing.step + 1])}"
        case "step_up":
            return "step up"
        case "live":
            return f"to live at {percent(steps[-1])}"
        case _:
            return "held to while it runs"


def _record(facts: SourceFacts) -> str:
    if facts.problem:
        return facts.problem
    if not facts.proven_line:
        return f"{facts.name} {facts.log_lines:,} lines"
    since = facts.log_lines - facts.proven_line
    return f"{facts.name} verified to line {facts.proven_line:,}" + (f", {since:,} since" if since > 0 else "")


# --- what is missing ---


def _reasons(results: tuple[GateResult, ...]) -> Iterator[str]:
    """What no row says, each reason once, with the gates it is of: what never comes, then what failed, then what is missing."""
    kinds = (
        ("never", {result.gate.name: (result.never,) for result in results if result.never}),
        ("failed", {r.gate.name: _told(r) for r in results if r.verdict is Verdict.FAIL and not r.never}),
        ("missing", {r.gate.name: _told(r) for r in results if r.verdict is Verdict.INCONCLUSIVE and not r.never}),
    )
    for word, by_gate in kinds:
        by_reason: dict[str, list[str]] = {}
        for name, reasons in by_gate.items():
            for reason in reasons:
                by_reason.setdefault(reason, []).append(name)
        if len(by_reason) > 1 and all(len(by_gate) == len(names) for names in by_reason.values()):
            by_reason = {"; ".join(by_reason): list(by_gate)}
        first = word
        for reason, names in by_reason.items():
            of = (
                "every other gate"
                if word == "missing" and len(names) > EVERY and len(names) == len(by_gate)
                else ", ".join(names)
            )
            yield from _wrapped(first, f"{reason} ({of})")
            first = ""


def _told(result: GateResult) -> tuple[str, ...]:
    """What stands between a gate and a PASS but for what its row says: what is still to be seen, a value beyond its bound."""
    measured, metric = result.measured, METRICS[result.gate.metric]
    if measured.value is None:
        return result.missing
    if metric.unit == "passed":
        return (measured.words,)
    still = lacks(result.gate, measured)
    counted = sum(bool(one) for one in (still.days, still.orders, still.notional_base))
    shown = not counted and not measured.mend and not (metric.interval and measured.low is None)
    return () if shown else result.missing[counted:]


def _wrapped(word: str, text: str) -> Iterator[str]:
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=f"{word:<9}", subsequent_indent=" " * 9, break_long_words=False, break_on_hyphens=False
    )
    yield from (line.replace(TOGETHER, " ") for line in lines)


def _instant(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _age(ns: int) -> str:
    if ns < 3_600 * NS:
        return f"{max(ns, 0) // (60 * NS)} min ago"
    return f"{ns / (3_600 * NS):.1f} h ago" if ns < 2 * DAY_NS else f"{ns / DAY_NS:.1f} days ago"
