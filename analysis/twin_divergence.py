"""How far a live run lies apart from its twin, over many orders: price, time and fill ratio, each with an interval.

Pure functions over the `twin` lines of a twin's log. An order counts where it was compared; what was not is counted by its code
and is in no figure. Definitions of one order's divergence: `orders.twin`.

    twin_price_bps    sum(notional x price divergence) / sum(notional), of orders that both sides filled; above 0: live paid more
    twin_time_ms      median of the first fill, live less twin, of the same orders; above 0: live was later
    twin_fill_ratio   sum(filled / wanted, live) / sum(the same, twin), of orders the twin filled; below 1: live filled less
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from analysis.intervals import BPS, Interval, median_interval, ratio_interval, rounded
from analysis.log_store import LogStore
from lakehouse.records import AnyLine, TwinLine
from orders.errors import ConfigError
from orders.exact import exact_arithmetic
from orders.values import Record

SEED: Final = 1  # of the bootstrap, the gates' own: page and gate say the same of the same log
DAY_NS: Final = 86_400 * 1_000_000_000
ZERO: Final = Decimal(0)
PRICE: Final = "twin_price_bps"
TIME: Final = "twin_time_ms"
FILLED: Final = "twin_fill_ratio"
METRICS: Final = (PRICE, TIME, FILLED)
COLUMNS: Final = (
    "client_order_id, symbol, venue, side, sent_ns, price_bps, first_fill_ms, live_fill_ratio, twin_fill_ratio, notional_base,"
    " compared, code"
)


class TwinOrder(Record, frozen=True, kw_only=True):
    """One order's twin line, as numbers. None: that could not be compared; `code` "" and `compared` go together.

    `time_ms`: of the first fill. `sent_ns`: when the live run sent it. `notional_base`: of what live filled, base currency; None
    where no rate held.
    """

    client_order_id: str
    symbol: str
    venue: str
    side: str
    sent_ns: int
    price_bps: Decimal | None
    time_ms: Decimal | None
    live_fill_ratio: Decimal
    twin_fill_ratio: Decimal
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
            live_fill_ratio=row[7], twin_fill_ratio=row[8], notional_base=row[9], compared=row[10], code=row[11],
        )
        for row in store.rows(f"SELECT {COLUMNS} FROM twins ORDER BY seq")
    )  # fmt: skip


def twin_metric(orders: Sequence[TwinOrder], metric: str, *, seed: int = SEED, group: str = "") -> TwinMetric:
    """Return one of `METRICS` over orders. `group` keys the draws of its interval. Raises `ConfigError` METRIC_UNKNOWN."""
    if metric == PRICE:
        known, value, interval = _price(orders, seed=seed, group=group)
    elif metric == TIME:
        known, value, interval = _time(orders, seed=seed, group=group)
    elif metric == FILLED:
        known, value, interval = _filled(orders, seed=seed, group=group)
    else:
        raise ConfigError("METRIC_UNKNOWN", expected=f"one of {', '.join(METRICS)}", found=metric, action="Name one of them.")
    sent = [one.sent_ns for one in known]
    with exact_arithmetic():
        notional = sum((one.notional_base or ZERO for one in known), ZERO)
    return TwinMetric(
        metric=metric,
        value=value,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        orders=len(known),
        days=len({instant // DAY_NS for instant in sent}),
        notional_base=notional,
        first_ns=min(sent, default=None),
        last_ns=max(sent, default=None),
        uncompared=Counter(one.code for one in orders if not one.compared),
    )


type Sample = tuple[Sequence[TwinOrder], Decimal | None, Interval | None]


def _price(orders: Sequence[TwinOrder], *, seed: int, group: str) -> Sample:
    known = [one for one in orders if one.compared and one.price_bps is not None and one.notional_base]
    bases = [float(one.notional_base or 0) for one in known]
    costs = [float(one.price_bps or 0) * base / BPS for one, base in zip(known, bases, strict=True)]
    value = rounded(BPS * sum(costs) / sum(bases)) if known else None
    return known, value, ratio_interval(costs, bases, seed=seed, name=f"twin price{group}")


def _time(orders: Sequence[TwinOrder], *, seed: int, group: str) -> Sample:
    known = [one for one in orders if one.compared and one.time_ms is not None]
    late = [float(one.time_ms or 0) for one in known]
    value = rounded(sorted(late)[(len(late) - 1) // 2]) if late else None
    return known, value, median_interval(late, seed=seed, name=f"twin time{group}")


def _filled(orders: Sequence[TwinOrder], *, seed: int, group: str) -> Sample:
    known = [one for one in orders if one.compared and one.twin_fill_ratio > 0]
    live, twin = [float(one.live_fill_ratio) / BPS for one in known], [float(one.twin_fill_ratio) for one in known]
    value = rounded(BPS * sum(live) / sum(twin)) if known else None
    return known, value, ratio_interval(live, twin, seed=seed, name=f"twin fill ratio{group}")


def _order(line: TwinLine) -> TwinOrder:
    return TwinOrder(
        client_order_id=line.client_order_id,
        symbol=line.symbol,
        venue=line.venue,
        side=line.side.value,
        sent_ns=line.sent_ns,
        price_bps=_number(line.price_bps),
        time_ms=_number(line.first_fill_ms),
        live_fill_ratio=Decimal(line.live_fill_ratio),
        twin_fill_ratio=Decimal(line.twin_fill_ratio),
        notional_base=_number(line.notional_base),
        compared=line.compared,
        code=line.code,
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
