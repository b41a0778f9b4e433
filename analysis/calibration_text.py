"""A calibration as lines for a person, as one JSON object, and as the tables of an assumptions file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from analysis.calibration import Calibration, Parameter, Status
from analysis.calibration_judge import Judged
from analysis.intervals import Interval
from orders.canonical import decimal_text

NOTHING: Final = "–"
SIMULATED: Final = (
    "The fills are the simulated venue's: what is fitted here is what it was told to pretend, and says nothing of a market."
)


def calibration_lines(found: Calibration) -> list[str]:
    """Return the parameters, and what they predict against what was realised afterwards."""
    lines = [
        f"{'parameter':<32}{'prior':>10}{'fitted':>12}{'95 % interval':>26}{'rows':>8}{'weight':>8}{'new':>10}{'rest':>12}"
        "  answer"
    ]
    for each in found.parameters:
        interval = NOTHING if each.low is None or each.high is None else f"{_short(each.low)} to {_short(each.high)}"
        weight = NOTHING if each.weight is None else f"{each.weight:.2f}"
        lines.append(
            f"{_whose(each):<32}{_short(each.prior):>10}{_short(each.estimate):>12}{interval:>26}{each.count:>8}{weight:>8}"
            f"{_short(each.value):>10}{_short(each.rest):>12}  {each.status}: {each.words}"
        )
    lines.append("")
    if found.cut_ns is not None:
        cut = datetime.fromtimestamp(found.cut_ns // 1_000_000_000, tz=UTC)
        lines.append(f"out of sample, from {cut:%Y-%m-%d %H:%M:%S} UTC of market time on")
    lines += [line for each in found.judged for line in _judged_lines(each)]
    if not found.judged:
        lines.append("nothing could be judged: too few orders")
    return [*lines, *(f"note           {note}" for note in notes_of(found))]


def _judged_lines(each: Judged) -> list[str]:
    unit, what = each.unit, f"{each.what} at {each.venue}" if each.venue else each.what
    return [
        f"  {what}: realised {_short(each.realised)} {unit} on average of {each.count} orders",
        f"    before  predicted {_short(each.before)} {unit}, off by {_off(each.error_before)} {unit}, "
        f"{_short(each.absolute_before)} {unit} an order",
        f"    after   predicted {_short(each.after)} {unit}, off by {_off(each.error_after)} {unit}, "
        f"{_short(each.absolute_after)} {unit} an order",
    ]


def notes_of(found: Calibration) -> tuple[str, ...]:
    """Return what limits the result; that of fills which a simulated venue made stands first."""
    simulated = (SIMULATED,) if set(found.kinds) & {"shadow", "backtest"} else ()
    return (*simulated, *found.notes)


def calibration_document(found: Calibration) -> dict[str, Any]:
    """Return all of it as one JSON object."""
    return {
        "cut_ns": found.cut_ns,
        "parameters": list(found.parameters),
        "out_of_sample": list(found.judged),
        "changed": dict(found.changed),
        "changed_by_venue": {venue: dict(own) for venue, own in found.changed_by_venue.items()},
        "kinds": list(found.kinds),
        "notes": list(notes_of(found)),
    }


def parameter_tables(found: Calibration) -> dict[str, Mapping[str, Any]]:
    """Return parameter -> its row for the file, in it `by_venue` the rows of venues; numbers as text, so that they are exact."""
    tables: dict[str, dict[str, Any]] = {each.name: _row(each) for each in found.parameters if not each.venue}
    for each in found.parameters:
        if each.venue:
            tables[each.name].setdefault("by_venue", {})[each.venue] = _row(each)
    return dict(tables)


def with_changes(table: Mapping[str, Any], found: Calibration, *, name: str) -> dict[str, Any]:
    """Return the table `[assumptions]` of a config with the fitted values and its own name; nothing else of it changes."""
    made = {**table, "name": name, **{key: decimal_text(value) for key, value in found.changed.items()}}
    if found.changed_by_venue:
        own = {venue: dict(said) for venue, said in table.get("by_venue", {}).items()}
        for venue, said in found.changed_by_venue.items():
            own.setdefault(venue, {}).update({key: decimal_text(value) for key, value in said.items()})
        made["by_venue"] = own
    return made


def _row(each: Parameter) -> dict[str, Any]:
    texts = {key: getattr(each, key) for key in ("prior", "estimate", "low", "high", "weight", "value", "rest")}
    return {
        "status": str(each.status),
        "rows": each.count,
        "rows_rest": each.rest_count,
        **{key: None if value is None else decimal_text(value) for key, value in texts.items()},
        "words": each.words,
    }


def _off(interval: Interval | None) -> str:
    return NOTHING if interval is None else f"{_short(interval.low, sign='+')} to {_short(interval.high, sign='+')}"


def _short(value: Decimal | None, *, sign: str = "") -> str:
    return NOTHING if value is None else f"{value:{sign}.4f}"


def anything_fitted(found: Calibration) -> bool:
    """Say whether a new file would differ from the prior."""
    return any(each.status is Status.FITTED for each in found.parameters)


def _whose(each: Parameter) -> str:
    return f"{each.name} at {each.venue}" if each.venue else each.name
