"""How a report draws a twin: by instrument with intervals, order by order over time, and what was not compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from analysis.report_charts import Dot, interval_rows, spread_of
from analysis.report_document import Report
from analysis.report_html import html_table
from analysis.report_text import UNKNOWN, bps, counted, instant
from analysis.svg import Svg, linear, nice_ticks
from analysis.twin_divergence import FILLED, PRICE, TIME

DRAWN_MAX: Final = 2_000  # of orders in the chart; the table's file has all
GROUPS_MAX: Final = 24
NARROW: Final = 560


def twin_means(report: Report, width: float) -> str:
    """Draw the price divergence of all orders and of each instrument, with its interval."""
    dots = []
    for row in [row for row in report.table("twin_divergence") if row["metric"] == PRICE][:GROUPS_MAX]:
        if row["value"] is None:
            continue
        ends = "too small to judge" if row["low"] is None else f"95 % {bps(row['low'], unit='')} to {bps(row['high'])}"
        label = "all orders" if row["by"] == "all" else row["group"]
        dots.append(
            Dot(
                label=label,
                value=row["value"],
                low=row["low"],
                high=row["high"],
                sure=not row["too_small"],
                texts=(bps(row["value"], signed=True), counted(row["orders"], "order")),
                tip=f"{label}\nlive less twin {bps(row['value'], signed=True)}\n{ends}\n{counted(row['orders'], 'order')}",
            )
        )
    words = "Price of live less twin in basis points, by instrument, with 95 % intervals"
    return interval_rows(dots, width, words=words, text_px_each=(84, 90))


def twin_course(report: Report, width: float) -> str:
    """Draw each compared order's price divergence over time; a hollow mark is a sale."""
    rows = [row for row in report.table("twin_orders") if row["price_bps"] is not None][-DRAWN_MAX:]
    if not rows:
        return ""
    narrow = width < NARROW
    low, high = spread_of([float(row["price_bps"]) for row in rows])
    top, bottom, left, right = 22.0, 190.0, 6.0, width - 12
    svg = Svg(width, bottom + 26, words="Price of live less twin in basis points, order by order")
    scale = linear(low, high, start=bottom, end=top)
    svg.y_axis(scale, nice_ticks(low, high, count=5), left=left, right=right, unit="bp")
    first, last = min(row["market_ns"] for row in rows), max(row["market_ns"] for row in rows)
    along = linear(float(first), float(last), start=left + (52 if narrow else 64), end=right - 8)
    for row in rows:
        css = "cost" if row["side"] == "BUY" else "hollow-cost"
        tip = (
            f"{row['side']} {_plain(row['quantity'])} {row['symbol']}\nlive {_plain(row['live_average_price'])},"
            f" twin {_plain(row['twin_average_price'])}\n{bps(row['price_bps'], signed=True)},"
            f" first fill {_ms(row['first_fill_ms'])}\nlog line {row['log_line']}"
        )
        svg.circle(along(float(row["market_ns"])), scale(float(row["price_bps"])), 4.5, css, tip=tip)
    svg.text(along(float(first)), bottom + 18, instant(first), "axis", anchor="start" if first != last else "middle")
    if first != last and not narrow:
        svg.text(right, bottom + 18, instant(last), "axis", anchor="end")
    return svg.markup()


def twin_figures(report: Report) -> str:
    """Return the three metrics of all orders and of each instrument as a table, and what was not compared."""
    rows = []
    compared = Counter(row["symbol"] for row in report.table("twin_orders") if row["compared"])
    compared["all"] = compared.total()
    for (by, group), each in groupby(report.table("twin_divergence"), key=lambda row: (row["by"], row["group"])):
        told = {row["metric"]: row for row in each}
        rows.append(
            (
                "all orders" if by == "all" else group,
                f"{compared[group]:,}",
                f"{told[FILLED]['uncompared']:,}",
                *(_figure(told[PRICE], lambda value: bps(value, signed=True, unit=""))),
                *(_figure(told[TIME], lambda value: _minus(f"{value:+,.1f}"))),
                *(_figure(told[FILLED], lambda value: f"{value * 100:.1f}")),
            )
        )
    head = ("", "orders", "left out", "price, bp", "95 %", "first fill, ms", "95 %", "filled, %", "95 %")
    made = html_table(head, rows, left=1)
    codes = [(row["code"], f"{row['orders']:,}", WHY.get(row["code"], "")) for row in report.table("twin_uncompared")]
    return made + ("<h3>Not compared</h3>" + html_table(("code", "orders", "why"), codes, left=1, words=2) if codes else "")


WHY: Final[Mapping[str, str]] = {
    "TWIN_AWAY": "the twin did not run when it was sent, or was started anew before it had ended on both sides",
    "TWIN_LATE": "the twin read of it more than two seconds after it was sent",
    "QUOTES_STALE": "the twin's own prices were missing or too old when it was sent, or while it worked",
    "TWIN_DENIED": "the twin's gate did not let it pass",
    "TWIN_REJECTED": "the simulated venue did not take it",
    "NOT_TRADABLE": "the twin's config does not know the symbol",
    "LIVE_NOT_SENT": "the live run held it back after its send line",
    "LIVE_REJECTED": "the venue did not take it",
    "LIVE_LOST": "it never came to be at the venue",
}


def _figure(row: Mapping[str, Any], shown: Callable[[Decimal], str]) -> tuple[str, str]:
    if row["value"] is None:
        return UNKNOWN, ""
    return shown(row["value"]), "too small" if row["low"] is None else f"{shown(row['low'])} to {shown(row['high'])}"


def _plain(value: Decimal | None) -> str:
    return UNKNOWN if value is None else f"{value.normalize():f}"


def _ms(value: Decimal | None) -> str:
    return UNKNOWN if value is None else _minus(f"{value:+,.1f} ms")


def _minus(text: str) -> str:
    return text.replace("-", "−")
