"""How far a live run lies apart from its twin, over many orders: price, time and fill ratio, each with an interval.

Pure functions over the `twin` lines of a twin's log. An order counts where it was compared; what was not is counted by its code
and is in no figure. Definitions of one order's divergence: `orders.twin`.

    twin_price_bps    sum(notional x price divergence) / sum(notional), of orders that both sides filled; above 0: live paid more
    twin_time_ms      mean of last fill, live less twin, of the same orders; above 0: live was later
    twin_fill_ratio   mean of filled / wanted, live less twin, of all compared orders; below 0: live filled less
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from analysis.intervals import BPS, ratio_interval
from analysis.log_store import LogStore
from lakehouse.records import AnyLine, TwinLine
from orders.errors import ConfigError
from orders.exact import FLOOR, ROUNDED, exact_arithmetic
from orders.values import Record

SEED: Final = 20_260_101  # of the bootstrap; the same log gives the same intervals
DAY_NS: Final = 86_400 * 1_000_000_000
STEP: Final = Decimal("0.000001")
ZERO: Final = Decimal(0)
PRICE: Final = "twin_price_bps"
TIME: Final = "twin_time_ms"
FILLED: Final = "twin_fill_ratio"
METRICS: Final = (PRICE, TIME, FILLED)
COLUMNS: Final = (
    "client_order_id, symbol, venue, side, sent_ns, price_bps, last_fill_ms, fill_ratio, notional_base, compared, code"
)


class TwinOrder(Record, frozen=True, kw_only=True):
    """One order's twin line, as numbers. None: that could not be compared; `code` "" and `compared` go together.

    `sent_ns`: when the live run sent it. `notional_base`: of what live filled, base currency; None where no rate held.
    """

    client_order_id: str
    symbol: str
    venue: str
    side: str
    sent_ns: int
    price_bps: Decimal | None
    time_ms: Decimal | None
    fill_ratio: Decimal | None
    notional_base: Decimal | None
    compared: bool
    code: str


class TwinMetric(Record, frozen=True, kw_only=True):
    """One metric over a group of orders. `value` None: no order has it; `low`, `high` None: fewer than 20, too small to judge.

    `orders`: those in the value; `days`: UTC days on which they were sent; `notional_base`: of those; `uncompared`: of the whole
    group, by code. `first_ns`, `last_ns`: when the first and last of them was sent.
    """

    metric: str
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    orders: int
    days: int
    notional_base: Decimal
    first_ns: int | None
    last_ns: int | None
    uncompared: Mapping[str, int]


def twin_orders(lines: Iterable[AnyLine]) -> tuple[TwinOrder, ...]:
    """Return the orders that a twin's log tells of, in its order; other lines are passed over."""
    return tuple(_order(line) for line in lines if isinstance(line, TwinLine))


def stored_twin_orders(store: LogStore) -> tuple[TwinOrder, ...]:
    """Return the same from an open log, of whose lines only these are read. Raises what the store raises."""
    return tuple(
        TwinOrder(
            client_order_id=row[0], symbol=row[1], venue=row[2], side=row[3], sent_ns=row[4], price_bps=row[5], time_ms=row[6],
            fill_ratio=row[7], notional_base=row[8], compared=row[9], code=row[10],
        )
        for row in store.rows(f"SELECT {COLUMNS} FROM twins ORDER BY seq")
    )  # fmt: skip


def twin_metric(orders: Sequence[TwinOrder], metric: str, *, seed: int = SEED, group: str = "all") -> TwinMetric:
    """Return one of `METRICS` over orders. `group` keys the draws of its interval. Raises `ConfigError` METRIC_UNKNOWN."""
    if metric not in METRICS:
        raise ConfigError("METRIC_UNKNOWN", expected=f"one of {', '.join(METRICS)}", found=metric, action="Name one of them.")
    counted = [
        (one, value, weight)
        for one in orders
        if (value := _value(one, metric)) is not None and (weight := _weight(one, metric)) is not None
    ]
    with exact_arithmetic():
        total = sum((weight for _, _, weight in counted), ZERO)
        paid = sum((value * weight for _, value, weight in counted), ZERO)
        notional = sum((one.notional_base or ZERO for one, _, _ in counted), ZERO)
    known = [one for one, _, _ in counted]
    interval = ratio_interval(
        [float(value) * float(weight) / BPS for _, value, weight in counted],
        [float(weight) for _, _, weight in counted],
        seed=seed,
        name=f"{metric}\n{group}",
    )
    sent = [one.sent_ns for one in known]
    return TwinMetric(
        metric=metric,
        value=FLOOR.divide(paid, total).quantize(STEP, context=ROUNDED) if total else None,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        orders=len(known),
        days=len({instant // DAY_NS for instant in sent}),
        notional_base=notional,
        first_ns=min(sent, default=None),
        last_ns=max(sent, default=None),
        uncompared=Counter(one.code for one in orders if not one.compared),
    )


def _value(one: TwinOrder, metric: str) -> Decimal | None:
    if not one.compared:
        return None
    return one.price_bps if metric == PRICE else one.time_ms if metric == TIME else one.fill_ratio


def _weight(one: TwinOrder, metric: str) -> Decimal | None:
    """A price counts by its notional, and not at all where that is not known; times and ratios count once each."""
    if metric != PRICE:
        return Decimal(1)
    return one.notional_base or None


def _order(line: TwinLine) -> TwinOrder:
    return TwinOrder(
        client_order_id=line.client_order_id,
        symbol=line.symbol,
        venue=line.venue,
        side=line.side.value,
        sent_ns=line.sent_ns,
        price_bps=_number(line.price_bps),
        time_ms=_number(line.last_fill_ms),
        fill_ratio=_number(line.fill_ratio),
        notional_base=_number(line.notional_base),
        compared=line.compared,
        code=line.code,
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
