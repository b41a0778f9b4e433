"""Gates in rows and lines: what stands in the way with its numbers and what is still to be seen, what passes source by source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final

from orders.gates import DAY_NS, GateResult, Lacks, Verdict, bound_text, lacks, short
from orders.metrics import METRICS, Metric

NS: Final = 10**9
HUNDRED: Final = Decimal(100)
MILLION: Final = 1_000_000
TENTH: Final = Decimal("0.1")
TOGETHER: Final = "\u00a0"  # a space at which no line is broken
UNITS: Final = {"fraction": " %", "bps": " bp", "ms": " ms", "a day": "/d"}
SPANS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))  # seconds
COLUMNS: Final = (
    ("gate", -17), ("verdict", -12), ("value", 6), ("95 % interval", 14), ("bound", -10), ("n", 6),
    ("+days", 6), ("+orders", 7), ("+traded", 7), ("by", 6),
)  # fmt: skip
"""Columns with their width, below 0 to the left; `+`: still to be seen."""
ENOUGH: Final = Lacks(days=Decimal(0), orders=0, notional_base=Decimal(0))  # of what never comes: waiting for more is no use
YEAR_NS: Final = 300 * DAY_NS  # a date beyond it is told with its year


def passing(results: Sequence[GateResult]) -> Iterator[tuple[str, str]]:
    """Yield a word and the gates that pass of one source, with value and bound, source by source."""
    by_source: dict[str, list[str]] = {}
    for result in results:
        if result.verdict is Verdict.PASS:
            by_source.setdefault(result.gate.source, []).append(_passed(result).replace(" ", TOGETHER))
    for number, (source, told) in enumerate(by_source.items()):
        yield "" if number else "pass", f"{source}: {', '.join(told)}"


def rows_of(results: Sequence[GateResult], now_ns: int) -> Iterator[str]:
    """Yield a head and a row for each gate that was measured and does not pass, those that failed first; nothing without any."""
    shown = [one for one in results if one.verdict is not Verdict.PASS and one.measured.value is not None]
    if shown:
        yield _row([name for name, _ in COLUMNS])
    for result in sorted(shown, key=lambda one: one.verdict is not Verdict.FAIL):
        yield _gate_row(result, now_ns)


def span_text(days: Decimal, *, rounding: str = ROUND_HALF_UP) -> str:
    """Return days for a person, in the largest unit of which there is one; tenths of few, of days up to 100."""
    seconds = days * SPANS[0][1]
    unit, size = next((one for one in SPANS if seconds >= one[1]), SPANS[-1])
    count = (seconds / size).quantize(TENTH * TENTH)
    places = TENTH if count < (HUNDRED if unit == "d" else 10) else Decimal(1)
    return f"{short(count.quantize(places, rounding=rounding))} {unit}"


def _passed(result: GateResult) -> str:
    metric = METRICS[result.gate.metric]
    name = result.gate.name + (" (dry)" if result.gate.dry_run else "")
    return name if metric.unit == "passed" else f"{name} {_value(result.measured.value, metric)} {_bound(result, metric)}"


def _row(cells: Sequence[str]) -> str:
    parts = []
    for cell, (_, width) in zip(cells, COLUMNS, strict=True):
        parts.append(f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}")
    return " ".join(parts).rstrip()


def _gate_row(result: GateResult, now_ns: int) -> str:
    gate, measured, metric = result.gate, result.measured, METRICS[result.gate.metric]
    name = gate.name if len(gate.name) <= -COLUMNS[0][1] else f"{gate.name[: -COLUMNS[0][1] - 1]}…"
    ends = (measured.low, measured.high)
    shown = [_number(end, metric, most=3) for end in ends if end is not None]
    still = ENOUGH if result.never else lacks(gate, measured)
    return _row(
        [
            name,
            result.verdict.value,
            _value(measured.value, metric),
            " … ".join(shown) if len(shown) == len(ends) else "",
            _bound(result, metric),
            _seen(result, metric),
            span_text(still.days, rounding=ROUND_UP) if still.days else "",
            f"{still.orders:,}" if still.orders else "",
            _money(still.notional_base) if still.notional_base else "",
            _by(result, now_ns),
        ]
    )


def _money(amount: Decimal) -> str:
    return f"{amount:,.0f}" if amount < MILLION else f"{amount / MILLION:,.1f} M"


def _value(value: Decimal | None, metric: Metric) -> str:
    if value is None:
        return "–"
    if metric.unit == "passed":
        return "passed" if value == 1 else "failed"
    return span_text(value) if metric.unit == "days" else _number(value, metric)


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
    told = span_text if metric.unit == "days" else lambda bound: bound_text(bound * times)
    bounds = [f"{sign} {told(bound)}" for sign, bound in pairs if bound is not None]
    return " ".join(bounds) + UNITS.get(metric.unit, "")


def _seen(result: GateResult, metric: Metric) -> str:
    """Orders of a sample, days of what is no sample; of a drill nothing."""
    measured = result.measured
    if metric.unit == "passed":
        return ""
    return f"{measured.orders:,}" if metric.interval else span_text(measured.days)


def _by(result: GateResult, now_ns: int) -> str:
    if result.gate.dry_run:
        return "dry"
    if result.never:
        return "never"
    if result.ready_ns is None:
        return ""
    at, ahead = datetime.fromtimestamp(result.ready_ns // NS, UTC), result.ready_ns - now_ns
    return f"{at:%H:%M}" if ahead < DAY_NS else f"{at:%-d %b}" if ahead < YEAR_NS else f"{at:%b %y}"
