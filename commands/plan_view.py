"""How a plan reads: one aligned table, the sums, the guard's answer. Words only; colour is left out on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from commands.plan_sums import guard, percent, sums
from orders.canonical import decimal_text
from orders.plan import Judgement, Plan, PlanLine
from orders.values import Side

HEAD: Final = ("symbol", "target", "have", "Δ qty", "order", "reason", "")
RIGHT: Final = frozenset({1, 2, 3})
SHORT: Final = Context(prec=4, rounding=ROUND_HALF_EVEN)
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
    if plan.capital_fraction is not None:
        worth += f"   capital {decimal_text(plan.capital_fraction)} of equity"
    print(f"plan #{plan.cycle} of manifest {plan.manifest_sha256[:4]}… ({origin})   {worth}")
    columns = [("winners", winners_of(plan)), ("drift list", drift)]
    for text in (*table(plan.lines, more=columns), *sums(plan), *guard(judgement), *notes):
        print(text)
    print(f"sha256 {plan_sha256}  nothing was sent")


def print_flatten(plan: Plan, judgement: Judgement, *, what: str, plan_sha256: str) -> None:
    """Print what a flatten would sell and buy back, and the guard's answer, to stdout."""
    worth = f"equity {money(plan.equity_base)} {plan.base_currency}   cash {money(plan.cash_base)}"
    print(f"flatten {what} of {plan.environment}   {worth}")
    for text in (*table(plan.lines), *sums(plan), *guard(judgement)):
        print(text)
    if plan.cancels:
        print(f"{len(plan.cancels)} open orders are cancelled first")
    print(f"sha256 {plan_sha256}  nothing was sent yet")


def table(lines: Sequence[PlanLine], *, more: Sequence[tuple[str, Mapping[str, str]]] = ()) -> list[str]:
    """Return head and rows, numbers to the right; every character used is one cell wide. `more`: further columns, a head and
    its cells by symbol each; one without cells is left out.
    """
    wanted = [(title, cells) for title, cells in more if cells]
    head = (*HEAD, *(title for title, _ in wanted))
    rows = [(*_cells(line), *(cells.get(line.symbol, "") for _, cells in wanted)) for line in lines]
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
    delta = "" if wanted is None or not wanted else f"{_short(wanted):+f}"
    order = "–"
    if line.trades:
        assert line.side is not None
        quantity = line.quantity if line.side is Side.BUY else -line.quantity
        delta = f"{quantity:+f}"
        price = "market" if line.limit_price is None else decimal_text(line.limit_price)
        order = f"{line.side} {decimal_text(line.quantity)} @ {price}"
        if line.reduce_only:
            order += ", reduce-only"
        if line.after_line is not None:
            order += f", after line {line.after_line}"
    return line.symbol, percent(line.target_weight), percent(line.held_weight), delta, order, str(line.reason), line.detail


def _short(wanted: Decimal) -> Decimal:
    """Return a quantity that is not traded at four significant digits, none cut before the point; --json has all of them."""
    return SHORT.plus(wanted) if abs(wanted) < 1_000 else wanted.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)


def winners_of(plan: Plan) -> dict[str, str]:
    """Return by symbol what each winner wants of it; empty where one winner wants all, whose name would say nothing."""
    if len({winner for line in plan.lines for winner in line.attribution}) < 2:
        return {}
    return {
        line.symbol: ", ".join(f"{winner} {percent(weight)}" for winner, weight in line.attribution.items())
        for line in plan.lines
        if line.attribution
    }
