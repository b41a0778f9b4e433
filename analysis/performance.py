"""What an equity curve says about return and risk: by day, by month, drawdown, and ratios with their definition.

Everything here is rounded arithmetic on exact equities: figures to judge by, not amounts to book.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from orders.values import Record

ZERO: Final = Decimal(0)
NS: Final = 1_000_000_000
RETURNS_MIN: Final = 20  # daily returns below which a ratio says nothing and is not given
WEEK_DAYS_A_YEAR: Final = 252  # a market with weekends off
DAYS_A_YEAR: Final = 365
SATURDAY: Final = 5
DEFINITION: Final = (
    "Sharpe: mean of daily returns over their sample deviation, times the root of {periods} days a year; "
    "riskless rate zero, UTC days"
)


class CurvePoint(Record, frozen=True, kw_only=True):
    """Equity at a market instant; `traded` notional and `costs` (fees, spread, slippage) since the start, in base currency."""

    market_ns: int
    equity: Decimal
    traded: Decimal
    costs: Decimal


class Day(Record, frozen=True, kw_only=True):
    """One UTC day: its last equity, `drawdown_fraction` 0..1 below the highest day so far, what was traded and paid on it."""

    day: date
    equity: Decimal
    return_fraction: Decimal | None
    drawdown_fraction: Decimal
    traded: Decimal
    costs: Decimal


class Month(Record, frozen=True, kw_only=True):
    """One calendar month: last equity over that of the month before (of the first month: over the first equity)."""

    month: str
    return_fraction: Decimal


class Performance(Record, frozen=True, kw_only=True):
    """`annual_return_fraction`: compound, by calendar time; `volatility_fraction`: annual; ratios None below `RETURNS_MIN` days.

    Drawdown days None where equity never fell; `recovered_day` None while it has not.
    """

    days: tuple[Day, ...]
    months: tuple[Month, ...]
    periods_a_year: int
    definition: str
    annual_return_fraction: Decimal | None
    volatility_fraction: Decimal | None
    sharpe: Decimal | None
    worst_day_fraction: Decimal | None
    drawdown_peak_day: date | None
    drawdown_low_day: date | None
    drawdown_recovered_day: date | None


def performance(curve: Sequence[CurvePoint]) -> Performance:
    """Return the figures of a curve in time order; an empty one has none."""
    days = _days(curve)
    returns = [day.return_fraction for day in days if day.return_fraction is not None]
    weekends = any(day.day.weekday() >= SATURDAY for day in days)
    periods = DAYS_A_YEAR if weekends else WEEK_DAYS_A_YEAR
    enough = len(returns) >= RETURNS_MIN
    deviation = _deviation(returns) if enough else None
    mean = sum(returns, ZERO) / len(returns) if enough else ZERO
    root = Decimal(periods).sqrt()
    peak, low, recovered = _drawdown_days(days)
    return Performance(
        days=tuple(days),
        months=_months(days, start=curve[0].equity) if curve else (),
        periods_a_year=periods,
        definition=DEFINITION.format(periods=periods),
        annual_return_fraction=_annual(curve) if enough else None,
        volatility_fraction=None if deviation is None else deviation * root,
        sharpe=mean / deviation * root if deviation else None,
        worst_day_fraction=min(returns, default=None),
        drawdown_peak_day=peak,
        drawdown_low_day=low,
        drawdown_recovered_day=recovered,
    )


def utc_day(market_ns: int) -> date:
    """Return the UTC day of an instant."""
    return datetime.fromtimestamp(market_ns // NS, UTC).date()


def drawdown_max(values: Sequence[Decimal]) -> Decimal:
    """Return the largest fall from a running peak as a fraction 0..1; zero without one."""
    peak = worst = ZERO
    for value in values:
        peak = max(peak, value)
        if peak:
            worst = max(worst, 1 - value / peak)
    return worst


def _days(curve: Sequence[CurvePoint]) -> list[Day]:
    last: dict[date, CurvePoint] = {}
    for point in curve:
        last[utc_day(point.market_ns)] = point
    days: list[Day] = []
    peak = ZERO
    before: CurvePoint | None = None
    for day, point in last.items():
        peak = max(peak, point.equity)
        days.append(
            Day(
                day=day,
                equity=point.equity,
                return_fraction=point.equity / before.equity - 1 if before is not None and before.equity else None,
                drawdown_fraction=1 - point.equity / peak if peak else ZERO,
                traded=point.traded - (before.traded if before is not None else ZERO),
                costs=point.costs - (before.costs if before is not None else ZERO),
            )
        )
        before = point
    return days


def _months(days: Sequence[Day], *, start: Decimal) -> tuple[Month, ...]:
    last = {f"{day.day:%Y-%m}": day.equity for day in days}
    equities = [start, *last.values()]
    return tuple(
        Month(month=month, return_fraction=after / before - 1 if before else ZERO)
        for month, (before, after) in zip(last, pairwise(equities), strict=True)
    )


def _deviation(returns: Sequence[Decimal]) -> Decimal:
    mean = sum(returns, ZERO) / len(returns)
    return (sum(((value - mean) ** 2 for value in returns), ZERO) / (len(returns) - 1)).sqrt()


def _annual(curve: Sequence[CurvePoint]) -> Decimal | None:
    years = Decimal(curve[-1].market_ns - curve[0].market_ns) / (DAYS_A_YEAR * 86_400 * NS)
    if not years or curve[0].equity <= 0 or curve[-1].equity <= 0:
        return None
    growth: Decimal = (curve[-1].equity / curve[0].equity) ** (1 / years) - 1
    return growth


def _drawdown_days(days: Sequence[Day]) -> tuple[date | None, date | None, date | None]:
    """Of the deepest fall: the day of its peak, its lowest day, and the first day at the peak's equity again."""
    if not days or not any(day.drawdown_fraction for day in days):
        return None, None, None
    low = max(range(len(days)), key=lambda index: (days[index].drawdown_fraction, -index))
    peak = max(range(low + 1), key=lambda index: (days[index].equity, index))
    recovered = next((day.day for day in days[low:] if day.equity >= days[peak].equity), None)
    return days[peak].day, days[low].day, recovered
