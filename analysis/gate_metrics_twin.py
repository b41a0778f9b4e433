"""Metrics of a twin: what a simulated venue did meanwhile with the same orders on its own quotes, order by order (line `twin`).

Of orders the twin could compare; how many it could not is told. Signs are the line's: above 0 live paid more, was later.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from analysis.gate_source import Source
from analysis.intervals import BPS, Interval, median_interval, ratio_interval, rounded
from orders.gates import Measured

SEED: Final = 1
PRICES: Final = """
SELECT coalesce(parent_client_order_id, client_order_id), CAST(price_bps AS DOUBLE), CAST(notional_base AS DOUBLE) FROM twins
WHERE compared AND price_bps IS NOT NULL AND notional_base > 0 ORDER BY seq
"""
"""Of each compared order that both filled: whose it is, how much more live paid, what it filled."""
BESIDE: Final = """
SELECT coalesce(parent_client_order_id, client_order_id), sum(CAST(price_bps AS DOUBLE) * CAST(notional_base AS DOUBLE)),
  sum(CAST(notional_base AS DOUBLE)) FROM twins
WHERE compared AND price_bps IS NOT NULL AND notional_base > 0 GROUP BY 1 ORDER BY min(seq)
"""
"""Of each order, its children together, that was compared and both filled: bps x notional, and notional."""
TIMES: Final = """
SELECT client_order_id, CAST(first_fill_ms AS DOUBLE) FROM twins
WHERE compared AND first_fill_ms IS NOT NULL ORDER BY seq
"""
RATIOS: Final = """
SELECT CAST(live_fill_ratio AS DOUBLE), CAST(twin_fill_ratio AS DOUBLE) FROM twins
WHERE compared AND twin_fill_ratio > 0 ORDER BY seq
"""
COMPARED: Final = """
SELECT count(*) FILTER (compared), count(*), coalesce(sum(notional_base) FILTER (compared), 0) FROM twins
"""
"""How many orders were compared of how many, and what live filled of them, base currency."""


def twin_price(source: Source) -> Measured:
    """How much worse fills were priced than the twin's, bps of what live filled."""
    rows = source.rows(PRICES)
    costs, bases = [bps * notional / BPS for _, bps, notional in rows], [notional for *_, notional in rows]
    value = rounded(BPS * sum(costs) / sum(bases)) if rows else None
    return _sample(source, value, ratio_interval(costs, bases, seed=SEED, name="twin price"), len(rows))


def twin_fill_ratio(source: Source) -> Measured:
    """What live filled of its orders over what the twin filled of them, each order weighing the same."""
    rows = source.rows(RATIOS)
    live, twin = [row[0] / BPS for row in rows], [row[1] for row in rows]
    value = rounded(BPS * sum(live) / sum(twin)) if rows else None
    return _sample(source, value, ratio_interval(live, twin, seed=SEED, name="twin fill ratio"), len(rows))


def twin_time(source: Source) -> Measured:
    """How much later live was filled first than the twin, median, ms."""
    late = [late_ms for _, late_ms in source.rows(TIMES)]
    value = rounded(sorted(late)[(len(late) - 1) // 2]) if late else None
    return _sample(source, value, median_interval(late, seed=SEED, name="twin time"), len(late))


def _sample(source: Source, value: Decimal | None, interval: Interval | None, count: int) -> Measured:
    compared, told, notional = source.rows(COMPARED)[0]
    words = f"{compared:,} of {told:,} orders compared" if told else "the twin has compared no order yet"
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    made = source.measured(value, words=words, orders=count, low=low, high=high)
    return msgspec.structs.replace(made, notional_base=notional)  # its log has no plan, whose rates would value its own fills


MEASURES: Final = {"twin_price_bps": twin_price, "twin_fill_ratio": twin_fill_ratio, "twin_time_ms": twin_time}
