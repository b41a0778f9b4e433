"""A twin in a report: how far the live run lies apart from it, by instrument and order by order, and what was not compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Final

from analysis.intervals import too_small
from analysis.log_store import LogStore
from analysis.report_table import Table, table
from analysis.report_text import bps, counted
from analysis.twin_divergence import METRICS, PRICE, TIME, TwinOrder, stored_twin_orders, twin_metric
from lakehouse.twins import TWIN

if TYPE_CHECKING:
    from analysis.report_document import Report

GROUP_COLUMNS: Final = (
    "by", "group", "metric", "orders", "value", "low", "high", "too_small", "days", "notional_base", "uncompared",
)  # fmt: skip
ORDER_COLUMNS: Final = (
    "log_line", "market_ns", "client_order_id", "symbol", "side", "quantity", "live_average_price", "twin_average_price",
    "price_bps", "first_fill_ms", "last_fill_ms", "late_ms", "live_fill_ratio", "twin_fill_ratio", "live_outcome",
    "twin_outcome", "compared", "code", "message",
)  # fmt: skip
SAME_BPS: Final = Decimal("0.005")  # below it both prices are the same as far as the page shows
ORDERS: Final = """
SELECT seq, sent_ns, client_order_id, symbol, side, quantity, live_average_price, twin_average_price, price_bps, first_fill_ms,
  last_fill_ms, late_ms, live_fill_ratio, twin_fill_ratio, live_outcome, twin_outcome, compared, code, message
FROM twins ORDER BY seq
"""


def twin_tables(store: LogStore) -> list[Table]:
    """Return `twin_divergence` (each metric of all orders and by symbol), `twin_orders` and `twin_uncompared`; none of no twin.

    Raises what the store raises.
    """
    if not store.rows("SELECT 1 FROM runs WHERE kind = ? LIMIT 1", [TWIN]):
        return []
    orders = stored_twin_orders(store)
    groups: list[tuple[str, str, Sequence[TwinOrder]]] = [("all", "all", orders)]
    ordered = sorted(orders, key=lambda one: one.symbol)
    groups += [("symbol", symbol, list(each)) for symbol, each in groupby(ordered, key=lambda one: one.symbol)]
    rows = []
    for by, group, each in groups:
        for name in METRICS:
            one = twin_metric(each, name, group="" if by == "all" else f"\n{group}")
            rows.append(
                (
                    by, group, name, one.orders, one.value, one.low, one.high, too_small(one.orders), one.days, one.notional_base,
                    sum(one.uncompared.values()),
                )
            )  # fmt: skip
    codes = Counter(one.code for one in orders if not one.compared)
    return [
        table("twin_divergence", GROUP_COLUMNS, rows),
        table("twin_orders", ORDER_COLUMNS, store.rows(ORDERS)),
        table("twin_uncompared", ("code", "orders"), codes.most_common()),
    ]


def twin_sentence(report: Report) -> str | None:
    """Say in one sentence how far live and twin lie apart; None where there is no twin."""
    if "twin_divergence" not in report.tables:
        return None
    told = {row["metric"]: row for row in report.table("twin_divergence") if row["by"] == "all"}
    left = sum(row["orders"] for row in report.table("twin_uncompared"))
    without = f"; {counted(left, 'order')} could not be compared" if left else ""
    compared = sum(row["compared"] for row in report.table("twin_orders"))
    if not compared:
        return f"No order of the live run was compared with its twin yet{without}."
    price, time = told[PRICE]["value"], told[TIME]["value"]
    if price is None:
        paid = "no price was compared"
    elif abs(price) < SAME_BPS:
        paid = "live paid the same"
    else:
        paid = f"live paid {bps(abs(price))} {'more' if price > 0 else 'less'}"
    late = "" if time is None else f" and began to fill {abs(time):,.0f} ms {'later' if time >= 0 else 'earlier'} (median)"
    return f"Against its twin, over {counted(compared, 'order')}, {paid}{late}{without}."
