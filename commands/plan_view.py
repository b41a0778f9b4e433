"""How a plan reads: one aligned table, the sums, the guard's answer. Words only; colour is left out on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.plan import Judgement, Outcome, Plan, PlanLine
from orders.values import Side

HEAD: Final = ("symbol", "target", "have", "Δ qty", "order", "reason", "")
RIGHT: Final = frozenset({1, 2, 3})
NS_PER_MINUTE: Final = 60_000_000_000


def age_text(age_ns: int) -> str:
    """Return an age for people, rounded down."""
    minutes = age_ns // NS_PER_MINUTE
    if minutes < 0:
        return "from the future"
    if minutes < 120:
        return f"{minutes} min old"
    if minutes < 2_880:
        return f"{minutes // 60} h old"
    return f"{minutes // 1_440} days old"


def money(value: Decimal) -> str:
    """Return an amount rounded half-even to cents, thousands separated."""
    return f"{value.quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN):,}"


def percent(fraction: Decimal | None) -> str:
    """Return a fraction as percent with two decimals; `?` when it is not known."""
    if fraction is None:
        return "?"
    return f"{(fraction * 100).quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN)} %"


def print_plan(
    plan: Plan,
    judgement: Judgement,
    *,
    grade: str,
    manifest_age_ns: int,
    plan_sha256: str,
    drift: Mapping[str, str],
    notes: Sequence[str],
) -> None:
    """Print a plan and the guard's answer to stdout. `drift`: cells of one more column by symbol; `notes`: lines below."""
    origin = f"run {plan.source_run}, {grade}, {age_text(manifest_age_ns)}"
    worth = f"equity {money(plan.equity_base)} {plan.base_currency}   cash {money(plan.cash_base)}"
    print(f"plan #{plan.cycle} of manifest {plan.manifest_sha256[:4]}… ({origin})   {worth}")
    rows = [(*_cells(line), drift.get(line.symbol, "")) if drift else _cells(line) for line in plan.lines]
    for text in (*_table(rows, head=(*HEAD, "drift list") if drift else HEAD), *_sums(plan), *_guard(judgement), *notes):
        print(text)
    print(f"sha256 {plan_sha256}  nothing was sent")


def print_flatten(plan: Plan, judgement: Judgement, *, what: str, plan_sha256: str) -> None:
    """Print what a flatten would sell and buy back, and the guard's answer, to stdout."""
    worth = f"equity {money(plan.equity_base)} {plan.base_currency}   cash {money(plan.cash_base)}"
    print(f"flatten {what} of {plan.environment}   {worth}")
    for text in (*_table([_cells(line) for line in plan.lines]), *_sums(plan), *_guard(judgement)):
        print(text)
    if plan.cancels:
        print(f"{len(plan.cancels)} open orders are cancelled first")
    print(f"sha256 {plan_sha256}  nothing was sent yet")


def _table(rows: Sequence[Sequence[str]], *, head: Sequence[str] = HEAD) -> list[str]:
    """Return head and rows, numbers to the right; every character used is one cell wide."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if column in RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


def _cells(line: PlanLine) -> Sequence[str]:
    wanted = line.wanted_quantity
    delta = "" if wanted is None or not wanted else f"{wanted:+f}"
    if line.trades:
        assert line.side is not None
        quantity = line.quantity if line.side is Side.BUY else -line.quantity
        delta = f"{quantity:+f}"
        order = f"{line.side} {decimal_text(line.quantity)} @ market"
    else:
        order = "–"
    return line.symbol, percent(line.target_weight), percent(line.held_weight), delta, order, str(line.reason), line.detail


def _sums(plan: Plan) -> list[str]:
    buys = sum(1 for line in plan.lines if line.trades and line.side is Side.BUY)
    sells = sum(1 for line in plan.lines if line.trades and line.side is Side.SELL)
    scaled = "" if plan.scale_factor == 1 else f" · buys scaled to cash by {decimal_text(round(plan.scale_factor, 4))}"
    return [
        f"buys {buys} · sells {sells} · not traded {len(plan.lines) - buys - sells}{scaled}"
        f" · turnover {percent(plan.turnover)} · gross {percent(plan.gross_before)} -> {percent(plan.gross_after)}",
        f"tracking error after rounding {_bps(plan.tracking_error_bps)} bp"
        f" · forecast cost {_bps(plan.forecast_cost_bps)} bp of what is traded",
    ]


def _bps(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN))


def _guard(judgement: Judgement) -> list[str]:
    controls = {verdict.control for verdict in judgement.verdicts}
    against = [verdict for verdict in judgement.verdicts if verdict.outcome is not Outcome.ALLOW]
    if not against:
        return [f"Sentinel: all {len(controls)} controls pass"]
    lines = [f"Sentinel: {len({verdict.control for verdict in against})} of {len(controls)} controls say no"]
    for verdict in against:
        where = f"line {verdict.line}" if verdict.line else "the plan"
        lines.append(f"  {verdict.control:<20} {verdict.outcome}  {where}: {verdict.observed} against {verdict.limit}")
    return lines
