"""The drift monitor's order list, as advice beside a plan and never as an order.

The platform writes it from unsigned weights: a short it wants to open reads BUY there. It names no run, no time and no price,
and sizes are fractions of each profile's own capital. So nothing is traded by it; where it says otherwise than the plan, the
plan says so with DRIFT_CSV_DISAGREES.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from lakehouse.manifest_rows import check_symbol
from lakehouse.strict_json import read_contained
from orders.canonical import decimal_text
from orders.errors import InputError
from orders.exact import SHORT, exact_arithmetic
from orders.plan import Plan, PlanLine
from orders.values import Record, Side

HEADER: Final = ("Profile", "Symbol", "Action", "Size", "Target_Weight", "Market", "Description")
SIZE_MAX: Final = 4 << 20
ROWS_MAX: Final = 20_000
TEXT_MAX: Final = 1_000  # characters of a cell
FRACTION_MAX: Final = Decimal(1_000)  # of a profile's capital; more is no drift
MIN_TRADE_FRACTION: Final = Decimal("0.01")  # the monitor's own --min-trade: it lists no smaller drift
DISAGREES: Final = "DRIFT_CSV_DISAGREES"

_NUMBER: Final = re.compile(r"[0-9]{1,32}(?:\.[0-9]{1,32})?(?:[eE][+-]?[0-9]{1,3})?")


class DriftRow(Record, frozen=True, kw_only=True):
    """One line of the monitor: `size` and `target_weight` are unsigned fractions of the profile's capital."""

    profile: str
    symbol: str
    side: Side
    size: Decimal
    target_weight: Decimal


class DriftLevels(Record, frozen=True, kw_only=True):
    """From which drift on a book wants attention, all fractions of equity; the defaults are the platform's documented ones.

    A level is reached only when it is exceeded.
    """

    rebalance_turnover: Decimal = Decimal("0.10")
    urgent_turnover: Decimal = Decimal("0.20")
    urgent_drift: Decimal = Decimal("0.075")


class DriftAlert(Record, frozen=True, kw_only=True):
    """A level that is exceeded: REBALANCE or URGENT, and what was seen against it, fractions of equity."""

    level: str
    message: str


def read_drift(path: Path, *, root: Path) -> tuple[DriftRow, ...]:
    """Return the rows of the file at `path` inside `root`. Raises what `read_contained` and `parse_drift` raise."""
    return parse_drift(read_contained(path, root=root, size_max=SIZE_MAX).data, what=str(path))


def parse_drift(data: bytes, *, what: str) -> tuple[DriftRow, ...]:
    """Return the rows in file order.

    Raises `InputError`: TOO_LARGE, NOT_UTF8, DRIFT_CSV_MALFORMED (header, columns, action, a number that is signed, not finite
    or not a number, a symbol twice in one profile) and the codes of `check_symbol`.
    """
    if len(data) > SIZE_MAX:
        raise _bad("TOO_LARGE", f"at most {SIZE_MAX} bytes", f"{len(data)} in {what}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("NOT_UTF8", "UTF-8", f"{error.reason} at byte {error.start} of {what}") from error
    rows: list[DriftRow] = []
    seen: set[tuple[str, str]] = set()
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(lines, [])
        if tuple(head) != HEADER:
            raise _bad("DRIFT_CSV_MALFORMED", ",".join(HEADER), f"{','.join(head)[:120]!r} in {what}")
        for cells in lines:
            where = f"line {lines.line_num} of {what}"
            if len(rows) == ROWS_MAX:
                raise _bad("DRIFT_CSV_MALFORMED", f"at most {ROWS_MAX} rows", f"more in {what}")
            row = _row(cells, where=where)
            if (row.profile, row.symbol) in seen:
                raise _bad("DRIFT_CSV_MALFORMED", "a symbol once in a profile", f"{row.symbol} again in {where}")
            seen.add((row.profile, row.symbol))
            rows.append(row)
    except csv.Error as error:
        raise _bad("DRIFT_CSV_MALFORMED", "CSV", f"{error} in line {lines.line_num} of {what}") from error
    return tuple(rows)


def drift_advice(rows: Sequence[DriftRow], plan: Plan, *, min_trade_fraction: Decimal = MIN_TRADE_FRACTION) -> Mapping[str, str]:
    """Return what the monitor says, by symbol: of every symbol it lists, and of every line of `plan` whose drift it should.

    A text begins with DRIFT_CSV_DISAGREES where the side differs from what the plan wants (whether or not it may trade), where
    the size does by `min_trade_fraction` of equity or more, or where one of the two has no such trade. Sizes are compared only
    where one profile lists the symbol and the whole capital follows it is not known: with several profiles sides alone are.
    Raises `InputError` NUMBER_RANGE.
    """
    listed: dict[str, list[DriftRow]] = {}
    for row in rows:
        listed.setdefault(row.symbol, []).append(row)
    legs = _legs(plan)
    advice: dict[str, str] = {}
    with exact_arithmetic():
        for symbol in sorted(listed.keys() | legs.keys()):
            text = _advice(listed.get(symbol, []), legs.get(symbol, []), least=min_trade_fraction)
            if text is not None:
                advice[symbol] = text
    return advice


def drift_alert(plan: Plan, levels: DriftLevels) -> DriftAlert | None:
    """Return the alert that the drift of the plan's signed targets from what is held calls for; half the sum over all lines
    is the turnover. A line that could not be valued counts with its whole target. Raises `InputError`.
    """
    with exact_arithmetic():
        drifts = {symbol: abs(_drift(lines)) for symbol, lines in _legs(plan).items()}
        turnover = sum(drifts.values(), Decimal(0)) / 2
        symbol = max(drifts, key=lambda name: (drifts[name], name), default="")
        largest = drifts.get(symbol, Decimal(0))
        reached = [
            f"{what} {decimal_text(SHORT.plus(seen))} > {decimal_text(limit)}"
            for what, seen, limit in (
                ("turnover", turnover, levels.urgent_turnover),
                (f"drift of {symbol}", largest, levels.urgent_drift),
            )
            if seen > limit
        ]
        if reached:
            return DriftAlert(level="URGENT", message=", ".join(reached))
        if turnover > levels.rebalance_turnover:
            found = f"turnover {decimal_text(SHORT.plus(turnover))} > {decimal_text(levels.rebalance_turnover)}"
            return DriftAlert(level="REBALANCE", message=found)
        return None


def _legs(plan: Plan) -> dict[str, list[PlanLine]]:
    """The lines of each symbol: one, or the legs of a flip in the order they trade."""
    legs: dict[str, list[PlanLine]] = {}
    for line in plan.lines:
        legs.setdefault(line.symbol, []).append(line)
    for lines in legs.values():
        lines.sort(key=lambda line: line.after_line or 0)
    return legs


def _advice(rows: list[DriftRow], lines: list[PlanLine], *, least: Decimal) -> str | None:
    says = " and ".join(f"{row.side} {decimal_text(row.size)}" for row in rows[:3])
    if not lines:
        return f"{DISAGREES}: csv {says}, the plan has no such line"
    if lines[0].held_weight is None:
        return f"csv {says}, what is held is not valued" if rows else None
    drift = _drift(lines)
    wants = f"{Side.BUY if drift > 0 else Side.SELL} {decimal_text(SHORT.plus(abs(drift)))}" if drift else "no trade"
    if not rows:
        return f"{DISAGREES}: csv no trade, plan wants {wants}" if abs(drift) >= least else None
    sides = {row.side for row in rows}
    same_side = len(sides) == 1 and drift != 0 and next(iter(sides)) is (Side.BUY if drift > 0 else Side.SELL)
    same_size = len(rows) > 1 or abs(rows[0].size - abs(drift)) < least
    if same_side and same_size:
        return f"csv {says}"
    blind = "; the csv knows no shorts" if lines[-1].target_weight < 0 else ""
    return f"{DISAGREES}: csv {says}, plan wants {wants}{blind}"


def _drift(lines: list[PlanLine]) -> Decimal:
    """From what is held before the first leg to the target of the last; what is not valued counts as nothing."""
    held = lines[0].held_weight
    return lines[-1].target_weight - (Decimal(0) if held is None else held)


def _row(cells: list[str], *, where: str) -> DriftRow:
    if len(cells) != len(HEADER) or max(map(len, cells)) > TEXT_MAX:
        raise _bad("DRIFT_CSV_MALFORMED", f"{len(HEADER)} columns of at most {TEXT_MAX} characters", f"others in {where}")
    profile, symbol, action, size, target = cells[:5]
    if action not in ("BUY", "SELL"):
        raise _bad("DRIFT_CSV_MALFORMED", "Action BUY or SELL", f"{action!r:.40} in {where}")
    try:
        check_symbol(symbol)
    except InputError as error:
        raise _bad(error.code, error.expected, f"{error.found} in {where}") from error
    return DriftRow(
        profile=profile,
        symbol=symbol,
        side=Side(action),
        size=_number(size, name="Size", where=where),
        target_weight=_number(target, name="Target_Weight", where=where),
    )


def _number(text: str, *, name: str, where: str) -> Decimal:
    if not _NUMBER.fullmatch(text) or abs(int(re.split("[eE]", text + "e0")[1])) > 330:
        raise _bad("DRIFT_CSV_MALFORMED", f"{name} as a finite number without a sign", f"{text!r:.60} in {where}")
    value = Decimal(text)
    if value > FRACTION_MAX:
        raise _bad("DRIFT_CSV_MALFORMED", f"{name} of at most {FRACTION_MAX}", f"{text!r:.60} in {where}")
    return value


def _bad(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action="Have the drift monitor's output looked at, or leave it out.")
