"""How much of what was planned was done, refused or never answered, and forecast against realised cost, by any key.

Both read the tables `analysis.cost_tree.order_costs` has made. A schedule's parent is one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.cost_groups import CELL_KEYS, COUNTS, DONE, KEYS
from analysis.exact_inputs import ratio_bps
from analysis.log_store import LogStore
from orders.errors import ConfigError
from orders.exact import exact_arithmetic, fraction
from orders.values import Record

ZERO: Final = Decimal(0)
RATIO_SUMS: Final = (
    "planned_rows", "orders", "fills", "filled_rows", "denied_rows", "rejected_rows", "unknown_rows", "planned_sum", "filled_sum",
    "traded_sum", "maker_sum",
)  # fmt: skip


class Ratios(Record, frozen=True, kw_only=True):
    """Of one `key`. Fractions 0 to 1, rounded half-even to 12 places; None where there is nothing to take them of.

    `planned`: lines of approved or refused plans that were to trade, of which `orders` became orders. `filled_fraction`: of
    planned notional, at paper prices. `denied_fraction` of `planned`: by Sentinel or RiskEngine. `rejected_fraction` of `orders`:
    by the venue. `unknown_fraction` of `orders`: without an answer at some time. `maker_fraction` of traded notional.
    Notionals in base currency; rows without a rate count, and are no part of notionals.
    """

    key: tuple[Any, ...]
    planned: int
    orders: int
    fills: int
    filled: int
    denied: int
    rejected: int
    unknown: int
    filled_fraction: Decimal | None
    denied_fraction: Decimal | None
    rejected_fraction: Decimal | None
    unknown_fraction: Decimal | None
    maker_fraction: Decimal | None


class ForecastGap(Record, frozen=True, kw_only=True):
    """Forecast against realised cost of orders that were planned, in base currency, exact, above 0 is a cost.

    `forecast` = `forecast_fees` (taker fees) + `forecast_spread` (from mid to the far touch, or to the limit) + `forecast_impact`
    (from there to the price that was forecast: assumed slippage and impact, 0 where an older version planned), all by
    `orders.costs`, of the whole planned quantity at the plan's book. `realised` = fees + spread + impact + timing + unsplit
    of what was filled.
    `gap` = realised - forecast = `fees_gap` + `spread_gap` + `impact_gap` + timing + unsplit; the first three are below 0
    also where less than planned was filled. `_bps` are of planned notional at paper prices and of traded notional.
    """

    key: tuple[Any, ...]
    orders: int
    forecast_fees: Decimal
    forecast_spread: Decimal
    forecast_impact: Decimal
    forecast: Decimal
    realised: Decimal
    fees_gap: Decimal
    spread_gap: Decimal
    impact_gap: Decimal
    timing: Decimal
    unsplit: Decimal
    gap: Decimal
    forecast_bps: Decimal | None
    realised_bps: Decimal | None


def execution_ratios(store: LogStore, *, by: Sequence[str] = ()) -> list[Ratios]:
    """Return the ratios of each value of the keys `by` (of `cost_groups.KEYS`). Raises `ConfigError` BY_UNKNOWN."""
    asked, source = {**COUNTS, **DONE}, "order_costs"
    if set(by) <= set(CELL_KEYS):
        asked, source = {name: f"sum({name})" for name in asked}, "cost_cells"
    rows = _grouped(store, by, ", ".join(asked[name] for name in RATIO_SUMS), source)
    return [_ratios(key, told) for key, told in rows]


def _ratios(key: tuple[Any, ...], told: Sequence[Any]) -> Ratios:
    planned, orders, fills, filled, denied, rejected, unknown = (int(count or 0) for count in told[:7])
    wanted, done, traded, made = told[7:]
    return Ratios(
        key=key,
        planned=planned,
        orders=orders,
        fills=fills,
        filled=filled,
        denied=denied,
        rejected=rejected,
        unknown=unknown,
        filled_fraction=_part(done, wanted),
        denied_fraction=_part(Decimal(denied), Decimal(planned)),
        rejected_fraction=_part(Decimal(rejected), Decimal(orders)),
        unknown_fraction=_part(Decimal(unknown), Decimal(orders)),
        maker_fraction=_part(made, traded),
    )


def forecast_gaps(store: LogStore, *, by: Sequence[str] = ()) -> list[ForecastGap]:
    """Return forecast against realised cost of each value of the keys `by`, of rows with a plan line, an order and a rate.

    Raises `ConfigError` BY_UNKNOWN.
    """
    source = """(SELECT o.*, l.fee_base AS told_fees, o.planned * abs(coalesce(l.limit_price,
          CASE WHEN o.side = 'BUY' THEN l.ask ELSE l.bid END) - l.mid) * o.unit AS told_spread,
          CASE WHEN l.limit_price IS NOT NULL OR l.forecast_price IS NULL THEN 0
            WHEN o.side = 'BUY' THEN o.planned * (l.forecast_price - l.ask) * o.unit
            ELSE o.planned * (l.bid - l.forecast_price) * o.unit END AS told_impact
        FROM order_costs o JOIN cost_planned l ON l.cycle = o.cycle AND l.line = o.line
        WHERE o.order_id IS NOT NULL AND o.fees IS NOT NULL AND o.delay IS NOT NULL)"""
    rows = _grouped(
        store,
        by,
        """count(*), sum(told_fees), sum(told_spread), sum(told_impact), sum(fees), sum(spread), sum(impact), sum(timing),
        sum(unsplit), sum(planned_notional), sum(traded)""",
        source,
    )
    return [_gap(key, told) for key, told in rows if told[0]]


def _gap(key: tuple[Any, ...], told: Sequence[Any]) -> ForecastGap:
    orders, told_fees, told_spread, told_impact, fees, spread, impact, timing, unsplit, planned, traded = told
    with exact_arithmetic():
        forecast = told_fees + told_spread + told_impact
        realised = fees + spread + impact + timing + unsplit
        return ForecastGap(
            key=key,
            orders=orders,
            forecast_fees=told_fees,
            forecast_spread=told_spread,
            forecast_impact=told_impact,
            forecast=forecast,
            realised=realised,
            fees_gap=fees - told_fees,
            spread_gap=spread - told_spread,
            impact_gap=impact - told_impact,
            timing=timing,
            unsplit=unsplit,
            gap=realised - forecast,
            forecast_bps=ratio_bps(forecast, planned) if planned else None,
            realised_bps=ratio_bps(realised, traded) if traded else None,
        )


def _grouped(store: LogStore, by: Sequence[str], told: str, source: str) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    for key in by:
        if key not in KEYS:
            raise ConfigError("BY_UNKNOWN", expected=f"one of {', '.join(KEYS)}", found=key, action="Name others after --by.")
    names = ", ".join(f'"{key}"' for key in by)
    grouped = f"GROUP BY {names} ORDER BY {names}" if by else ""
    rows = store.rows(f"SELECT {names + ', ' if by else ''}{told} FROM {source} {grouped}")
    return [(row[: len(by)], row[len(by) :]) for row in rows]


def _part(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return fraction(part or ZERO, whole) if whole else None
