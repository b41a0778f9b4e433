"""The screen of `sluice promote status`: at most 80 columns, a line a gate, then what is missing, each reason once."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from analysis.gate_source import SourceFacts
from commands.promote_view import percent, standing_words
from orders.gates import DAY_NS, GateResult, Verdict, bound_text, short
from orders.metrics import METRICS, Metric
from orders.promotion import Standing

if TYPE_CHECKING:
    from commands.promote_status import Status

WIDTH: Final = 80
DIGITS: Final = 16
NS: Final = 10**9
HUNDRED: Final = Decimal(100)
UNITS: Final = {"fraction": " %", "bps": " bp", "ms": " ms", "days": " d", "a day": "/d"}
COLUMNS: Final = (("gate", -17), ("verdict", -12), ("value", 7), ("95 % interval", 15), ("bound", -10), ("n", 7), ("by", 6))
YEAR_NS: Final = 300 * DAY_NS  # a date beyond it is told with its year


def screen(status: Status) -> list[str]:
    """Return the lines."""
    evidence, now_ns = status.evidence, status.evidence.evaluated_ns
    lines = [*_head(status), _row([name for name, _ in COLUMNS])]
    lines += [_gate_row(result, now_ns) for result in evidence.results]
    lines += _reasons(evidence.results)
    return lines


def _head(status: Status) -> Iterator[str]:
    standing, now_ns = status.standing, status.evidence.evaluated_ns
    where = f"   environment {status.environment}" if status.environment is not None else ""
    yield f"bundle   {status.bundle_sha256[:DIGITS]}{where}"
    if standing is None:
        yield "state    none: never promoted here"
    else:
        yield f"state    {standing_words(standing)} since {_instant(standing.since_ns)}, {_age(now_ns - standing.since_ns)}"
        if standing.paused:
            yield from _wrapped("paused", standing.paused)
    yield f"capital  {_capital(status)}"
    yield f"next     {_next(status)}"
    records = [_record(facts) for facts in status.evidence.sources if facts.log_lines or facts.problem]
    yield from _wrapped("record", "; ".join(records) or "no source of evidence has one")


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


# --- the table ---


def _row(cells: list[str]) -> str:
    parts = []
    for cell, (_, width) in zip(cells, COLUMNS, strict=True):
        parts.append(f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}")
    return " ".join(parts).rstrip()


def _gate_row(result: GateResult, now_ns: int) -> str:
    gate, measured, metric = result.gate, result.measured, METRICS[result.gate.metric]
    name = gate.name if len(gate.name) <= -COLUMNS[0][1] else f"{gate.name[: -COLUMNS[0][1] - 1]}…"
    ends = (measured.low, measured.high)
    shown = [_number(end, metric, most=3) for end in ends if end is not None]
    return _row(
        [
            name,
            result.verdict.value,
            _value(measured.value, metric),
            " … ".join(shown) if len(shown) == len(ends) else "",
            _bound(result, metric),
            _seen(result, metric),
            _by(result, now_ns),
        ]
    )


def _value(value: Decimal | None, metric: Metric) -> str:
    if value is None:
        return "–"
    if metric.unit == "passed":
        return "passed" if value == 1 else "failed"
    return _number(value, metric)


def _number(value: Decimal, metric: Metric, *, most: int = 4) -> str:
    """Three digits that count, with at most so many places."""
    shown = value * HUNDRED if metric.unit == "fraction" else value
    if shown == 0:
        return "0"
    places = max(0, min(most, 2 - shown.adjusted()))
    text = f"{shown:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if text.strip("-0.") else "0"


def _bound(result: GateResult, metric: Metric) -> str:
    gate = result.gate
    if metric.unit == "passed":
        return "passed"
    times = HUNDRED if metric.unit == "fraction" else Decimal(1)
    pairs = ((">=", gate.at_least), ("<=", gate.at_most))
    bounds = [f"{sign} {bound_text(bound * times)}" for sign, bound in pairs if bound is not None]
    return " ".join(bounds) + UNITS.get(metric.unit, "")


def _seen(result: GateResult, metric: Metric) -> str:
    """Orders of a sample, days of what is no sample; of a drill nothing."""
    measured = result.measured
    if measured.value is None or metric.unit == "passed":
        return ""
    return f"{measured.orders:,}" if metric.interval else f"{short(round(measured.days, 1))} d"


def _by(result: GateResult, now_ns: int) -> str:
    if result.gate.dry_run:
        return "dry"
    if result.never:
        return "never"
    if result.ready_ns is None:
        return ""
    at, ahead = datetime.fromtimestamp(result.ready_ns // NS, UTC), result.ready_ns - now_ns
    return f"{at:%H:%M}" if ahead < DAY_NS else f"{at:%-d %b}" if ahead < YEAR_NS else f"{at:%b %y}"


# --- what is missing ---


def _reasons(results: tuple[GateResult, ...]) -> Iterator[str]:
    """Each reason once, with the gates it is of; first what never comes, then what failed, then what is missing."""
    kinds = (
        ("never", {result.gate.name: (result.never,) for result in results if result.never}),
        ("failed", {r.gate.name: r.missing for r in results if r.verdict is Verdict.FAIL and not r.never}),
        ("missing", {r.gate.name: r.missing for r in results if r.verdict is Verdict.INCONCLUSIVE and not r.never}),
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


EVERY: Final = 3


def _wrapped(word: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=f"{word:<9}", subsequent_indent=" " * 9, break_long_words=False, break_on_hyphens=False
    )


def _instant(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _age(ns: int) -> str:
    if ns < 3_600 * NS:
        return f"{max(ns, 0) // (60 * NS)} min ago"
    return f"{ns / (3_600 * NS):.1f} h ago" if ns < 2 * DAY_NS else f"{ns / DAY_NS:.1f} days ago"
