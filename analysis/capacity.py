"""How much capital a backtest's trades would bear: the same trades, each larger, with square-root impact on top of its costs.

An estimate, not a run: P&L grows with capital k, impact with k^(3/2), since Y sigma sqrt(kQ/V) is paid on k times the notional.
What the impact would change in turn (prices later orders meet, what a limit denies) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from orders.costs import square_root_impact_bps
from orders.values import AverageVolume, Record

ESTIMATE: Final = "an estimate: the same trades, each larger, with Y sigma sqrt(Q/V) on top of the run's own costs"
BPS: Final = Decimal(10_000)
ROUNDED: Final = Context(prec=34, rounding=ROUND_HALF_EVEN)
PLACES: Final = Decimal("1e-12")
CENTS: Final = Decimal("0.01")
SHOWN_MAX: Final = 5  # symbols without volume that are named


class TradedParent(Record, frozen=True, kw_only=True):
    """A parent order that filled: units above 0, notional in base currency at fill prices, market time of the first fill."""

    symbol: str
    quantity: Decimal
    notional_base: Decimal
    market_ns: int


class Coefficient(Record, frozen=True, kw_only=True):
    """Y >= 0 of the square-root law, the upper end of its interval where it was fitted, and where it is from, in words."""

    value: Decimal
    high: Decimal | None
    source: str


class CapacityRow(Record, frozen=True, kw_only=True):
    """At `multiple` times the capital: money in base currency (impact to a hundredth), `impact_bps` of traded notional.

    `participation_max`: the largest parent over its average daily volume. Above 1 nobody can tell a cost: no figures.
    `pnl_high`: at the upper end of the coefficient's interval; None where there is none.
    """

    multiple: Decimal
    capital: Decimal
    traded: Decimal
    participation_max: Decimal
    impact: Decimal | None
    impact_bps: Decimal | None
    pnl: Decimal | None
    return_fraction: Decimal | None
    pnl_high: Decimal | None


class Capacity(Record, frozen=True, kw_only=True):
    """The curve, or in `unknown` why there is none. `best_capital`: where P&L is largest; `break_even_capital`: where it is gone.

    None where the run has no profit or no impact, and where an order would be more than a day's volume first.
    """

    unknown: str
    coefficient: Coefficient | None
    rows: tuple[CapacityRow, ...]
    break_even_capital: Decimal | None
    best_capital: Decimal | None
    note: str = ESTIMATE


def not_known(words: str) -> Capacity:
    """Return the absence of a curve, with its reason."""
    return Capacity(unknown=words, coefficient=None, rows=(), break_even_capital=None, best_capital=None)


def capacity(
    parents: Sequence[TradedParent],
    *,
    multiples: Sequence[Decimal],
    coefficient: Coefficient,
    capital: Decimal,
    pnl: Decimal,
    volumes: Mapping[str, AverageVolume],
    volatilities: Mapping[str, Decimal],
) -> Capacity:
    """Return the curve of `capital` (base currency, above 0) and `pnl` at multiples of it.

    No curve where a volume, dated to hold at the trade, or a volatility of anything that was traded is not known.
    """
    if not parents:
        return not_known("nothing was traded")
    unknown = [parent for parent in parents if not _known(parent, volumes, volatilities)]
    if unknown:
        names = sorted({parent.symbol for parent in unknown})
        more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
        return not_known(
            f"average daily volume (dated to hold at the trade) or daily volatility is not known for {len(unknown)} of "
            f"{len(parents)} orders: {', '.join(names[:SHOWN_MAX])}{more}"
        )
    traded = sum((parent.notional_base for parent in parents), Decimal(0))
    part = max(ROUNDED.divide(parent.quantity, volumes[parent.symbol].units_per_day) for parent in parents)
    cost = _impact(parents, coefficient.value, volumes, volatilities)
    high = None if coefficient.high is None else _impact(parents, coefficient.high, volumes, volatilities)
    rows = [
        _row(multiple, capital=capital, pnl=pnl, traded=traded, participation=part, cost=cost, high=high)
        for multiple in multiples
    ]
    best = gone = None
    if pnl > 0 and cost > 0:
        ratio = ROUNDED.divide(pnl, cost)  # k pnl - k^(3/2) cost is zero at ratio squared, flat at two thirds of it, squared
        best, gone = (
            _cents(capital * multiple) if multiple * part <= 1 else None
            for multiple in (ROUNDED.power(ratio * 2 / 3, 2), ROUNDED.power(ratio, 2))
        )
    return Capacity(
        unknown="",
        coefficient=coefficient,
        rows=tuple(rows),
        break_even_capital=gone,
        best_capital=best,
    )


def _known(parent: TradedParent, volumes: Mapping[str, AverageVolume], volatilities: Mapping[str, Decimal]) -> bool:
    volume = volumes.get(parent.symbol)
    return volume is not None and parent.symbol in volatilities and volume.as_of_ns <= parent.market_ns <= volume.valid_until_ns


def _impact(
    parents: Sequence[TradedParent],
    coefficient: Decimal,
    volumes: Mapping[str, AverageVolume],
    volatilities: Mapping[str, Decimal],
) -> Decimal:
    """Return what all parents pay at once the capital, in base currency."""
    total = Decimal(0)
    for parent in parents:
        bps = square_root_impact_bps(
            coefficient=coefficient,
            volatility_fraction=volatilities[parent.symbol],
            quantity=parent.quantity,
            daily_volume=volumes[parent.symbol].units_per_day,
        )
        total = ROUNDED.add(total, ROUNDED.multiply(parent.notional_base, bps) / BPS)
    return total


def _row(
    multiple: Decimal,
    *,
    capital: Decimal,
    pnl: Decimal,
    traded: Decimal,
    participation: Decimal,
    cost: Decimal,
    high: Decimal | None,
) -> CapacityRow:
    root = ROUNDED.sqrt(multiple)
    beyond = multiple * participation > 1
    impact = _cents(ROUNDED.multiply(cost, multiple * root))
    left = multiple * pnl - impact
    return CapacityRow(
        multiple=multiple,
        capital=_cents(multiple * capital),
        traded=_cents(multiple * traded),
        participation_max=(multiple * participation).quantize(PLACES),
        impact=None if beyond else impact,
        impact_bps=None if beyond else ROUNDED.divide(impact * BPS, multiple * traded).quantize(PLACES),
        pnl=None if beyond else left,
        return_fraction=None if beyond else ROUNDED.divide(left, multiple * capital).quantize(PLACES),
        pnl_high=None if beyond or high is None else _cents(multiple * pnl - ROUNDED.multiply(high, multiple * root)),
    )


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENTS, context=Context(prec=60, rounding=ROUND_HALF_EVEN))


def capacity_lines(found: Capacity, *, base_currency: str) -> list[str]:
    """Return the table for a person, or the one line that says why there is none."""
    if found.unknown or found.coefficient is None:
        return [f"capacity       not known: {found.unknown}"]
    lines = [
        f"{'capital':>20}{'largest order':>16}{'impact':>16}{'impact':>12}{'P&L':>20}{'return':>12}"
        f"   ({base_currency}; order in days of volume)"
    ]
    for row in found.rows:
        head = f"{row.capital:>20,.0f}{row.participation_max:>16.4f}"
        if row.impact is None or row.pnl is None or row.return_fraction is None:
            lines.append(f"{head}   an order of more than a day's volume: no figure")
            continue
        lines.append(
            f"{head}{row.impact:>16,.2f}{row.impact_bps:>9.2f} bp{row.pnl:>20,.2f}{row.return_fraction * 100:>+10.2f} %"
            + ("" if row.pnl_high is None else f"   {row.pnl_high:,.2f} at the interval's end")
        )
    for words, at in (("largest", found.best_capital), ("gone", found.break_even_capital)):
        if at is not None:
            lines.append(f"P&L is {words} at about {at:,.0f} {base_currency}")
    if found.best_capital is None and found.rows[0].pnl is not None and found.rows[0].pnl > 0:
        lines.append("P&L still grows where an order would be more than a day's volume")
    return [*lines, f"Y = {found.coefficient.value} ({found.coefficient.source}); {found.note}"]
