"""The report's pictures of time and of the book: latency, prices with fills, weights, tracking error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analysis.latency import BOUNDS_NS, WHOLE
from analysis.report_document import Report
from analysis.report_text import bps, counted, day, instant, percent, span
from analysis.svg import Svg, linear, logarithmic, nice_ticks, text_px, tick_text
from orders.canonical import decimal_text

STAGE_PX: Final = 236.0  # room of the longest stage's name
NARROW: Final = 500
NS_PER_MS: Final = 1_000_000
SIDE_CSS: Final[Mapping[str, str]] = {"BUY": "buy", "SELL": "sell"}


def latency_waterfall(report: Report, width: float) -> str:
    """Draw the stages from plan to last fill one after the other, each as long as it took on average."""
    rows = [row for row in report.table("latency_stages") if row["by"] == "all"]
    rows = [
        row for row in rows if row["mean_ns"] is not None and row["stage"] != WHOLE and not row["stage"].startswith("manifest")
    ]
    if not rows:
        return ""
    narrow = width < NARROW
    ends: list[tuple[Mapping[str, Any], float, float]] = []
    at = 0.0
    for row in rows:
        ends.append((row, at, at + row["mean_ns"] / NS_PER_MS))
        at += row["mean_ns"] / NS_PER_MS
    high = max(max(b for _, _, b in ends), 1e-6)
    row_px = 40 if narrow else 28
    left, right = (4.0, width - 8) if narrow else (STAGE_PX, width - 96)
    top, bottom = 6.0, 6.0 + row_px * len(ends)
    unit, factor = ("ms", 1.0) if high < 10_000 else ("s", 1e-3)
    svg = Svg(width, bottom + 26, words="Mean time of each stage from plan to last fill")
    scale = linear(0, high * 1.03, start=left, end=right)
    ticks = nice_ticks(0, high * 1.03 * factor, count=4 if narrow else 6)
    svg.x_axis(lambda value: scale(value / factor), ticks, top=top, bottom=bottom, unit=unit)
    for number, (row, begin, end) in enumerate(ends):
        y = top + row_px * number
        bar = y + (18 if narrow else 6)
        tip = (
            f"{row['stage']}\nmean {span(row['mean_ns'])}\np50 {span(row['p50_ns'])}, max {span(row['max_ns'])}\n"
            f"{counted(row['orders'], 'order')}"
        )
        svg.rect(scale(begin), bar, scale(end) - scale(begin), 16, "cost" if end >= begin else "gain", tip=tip)
        if number + 1 < len(ends):
            svg.line(scale(end), bar + 16, scale(end), bar + row_px, "join")
        if narrow:
            svg.text(left, y + 13, row["stage"], "t")
            svg.text(width - 4, y + 13, span(row["mean_ns"]), "num", anchor="end")
        else:
            svg.text(left - 12, bar + 12, row["stage"], "t", anchor="end")
            svg.text(width - 2, bar + 12, span(row["mean_ns"]), "num", anchor="end")
    return svg.markup()


def latency_ranges(report: Report, width: float) -> str:
    """Draw p50, p95, p99 and maximum of every stage on a logarithmic axis."""
    rows = [row for row in report.table("latency_stages") if row["by"] == "all" and row["max_ns"] is not None]
    if not rows:
        return ""
    narrow = width < NARROW
    values = [v for row in rows for v in (row["p50_ns"], row["max_ns"]) if v and v > 0] or [1_000, 10_000]
    low, high = max(min(values) * 0.7, 1_000), max(values) * 1.4
    row_px = 40 if narrow else 28
    left, right = (8.0, width - 12) if narrow else (STAGE_PX, width - 96)
    top, bottom = 22.0, 22.0 + row_px * len(rows)
    svg = Svg(width, bottom + 26, words="Latency of each stage: median, 95th and 99th percentile, maximum")
    scale = logarithmic(low, high, start=left, end=right)
    power = 10**3
    last_x = -100.0
    while power <= high * 1.001:
        if power >= low:
            svg.line(scale(power), top, scale(power), bottom, "grid")
            if scale(power) - last_x > 52:
                svg.text(scale(power), bottom + 16, span(power).replace(".00", "").replace(".0", ""), "axis", anchor="middle")
                last_x = scale(power)
        power *= 10
    svg.text(left, 13, "● p50   │ p95   ┃ p99   ○ max, logarithmic", "faint")
    for number, row in enumerate(rows):
        y = top + row_px * number
        middle = y + (28 if narrow else row_px / 2)
        tip = "\n".join(
            [row["stage"], *(f"{name} {span(row[f'{name}_ns'])}" for name in ("p50", "p95", "p99", "max")),
             counted(row["orders"], "order")]
        )  # fmt: skip
        if row["p50_ns"] is not None and row["max_ns"] > 0:
            svg.line(scale(row["p50_ns"]), middle, scale(row["max_ns"]), middle, "interval")
        if row["p95_ns"]:
            svg.line(scale(row["p95_ns"]), middle - 6, scale(row["p95_ns"]), middle + 6, "mark")
        if row["p99_ns"]:
            svg.line(scale(row["p99_ns"]), middle - 7, scale(row["p99_ns"]), middle + 7, "mark2")
        svg.circle(scale(row["max_ns"]), middle, 4, "hollow-cost", tip=tip)
        if row["p50_ns"] is not None:
            svg.circle(scale(row["p50_ns"]), middle, 4.5, "cost", tip=tip)
        label = span(row["p50_ns"])
        if narrow:
            svg.text(left, y + 14, row["stage"], "t")
            svg.text(width - 4, y + 14, label, "num", anchor="end")
        else:
            svg.text(left - 12, middle + 4, row["stage"], "t", anchor="end")
            svg.text(width - 2, middle + 4, label, "num", anchor="end")
    return svg.markup()


def latency_histogram_of(report: Report, width: float, *, by: str, group: str) -> str:
    """Draw how many orders of a group took how long from plan to first fill; buckets are 1, 2, 5, 10 apart."""
    rows = [r for r in report.table("latency_histogram") if r["by"] == by and r["group"] == group and r["stage"] == WHOLE]
    if not rows:
        return ""
    bounds = sorted({row["from_ns"] for row in rows})
    every = [0, *BOUNDS_NS]
    first, last = every.index(bounds[0]), every.index(bounds[-1])
    shown = every[max(first - 1, 0) : last + 3]
    counts = {row["from_ns"]: row["orders"] for row in rows}
    most = max(counts.values())
    top, bottom = 26.0, 116.0
    svg = Svg(width, bottom + 22, words=f"Orders by time from plan to first fill, {by} {group}")
    step = (width - 8) / max(len(shown) - 1, 1)
    svg.text(2, 12, f"{by} {group}" if by != "all" else "all orders", "strong")
    svg.text(width - 2, 12, counted(sum(counts.values()), "order"), "faint", anchor="end")
    svg.line(2, bottom, width - 4, bottom, "zero")
    for number, bound in enumerate(shown[:-1]):
        count = counts.get(bound, 0)
        x = 4 + step * number
        if count:
            tall = count / most * (bottom - top - 8)
            tip = f"{span(bound)} to {span(shown[number + 1])}\n{counted(count, 'order')}"
            svg.rect(x + 1, bottom - tall, step - 2, tall, "cost", tip=tip)
            svg.text(x + step / 2, bottom - tall - 4, f"{count:,}", "axis", anchor="middle")
        if step > 34 or number % 2 == 0:
            svg.text(
                x,
                bottom + 15,
                span(bound).replace(".00", "").replace(".0 ", " "),
                "axis",
                anchor="start" if number == 0 else "middle",
            )
    return svg.markup()


def price_chart(report: Report, width: float, *, symbol: str) -> str:
    """Draw a symbol's price as the log saw it with our fills on it: buys point up from below, sells down from above."""
    prices = [row for row in report.table("prices") if row["symbol"] == symbol]
    fills = [row for row in report.table("fills") if row["symbol"] == symbol]
    if not fills:
        return ""
    times = [row["market_ns"] for row in [*prices, *fills]]
    seen = [float(row["mid"]) for row in prices] + [float(row["price"]) for row in fills]
    low, high = min(seen), max(seen)
    room = (high - low) * 0.15 or abs(high) * 0.001
    top, bottom, left, right = 40.0, 160.0, 2.0, width - 4
    svg = Svg(width, bottom + 22, words=f"Price of {symbol} with our fills")
    y = linear(low - room, high + room, start=bottom, end=top)
    x = linear(min(times), max(times), start=left + 44, end=right - 8)
    svg.text(2, 13, symbol, "strong")
    total = fills[0]["fills"]
    shown = counted(total, "fill") if total == len(fills) else f"{len(fills)} of {total:,} fills"
    svg.text(width - 2, 13, shown, "faint", anchor="end")
    ticks = nice_ticks(low - room, high + room, count=3)
    for value in ticks:
        svg.line(left, y(value), right, y(value), "grid")
        svg.text(left, y(value) - 3, tick_text(value, ticks), "axis")
    svg.path([(x(row["market_ns"]), y(float(row["mid"]))) for row in prices], "line")
    for row in fills:
        tip = (
            f"{row['side']} {decimal_text(row['quantity'])} at {decimal_text(row['price'])}, {row['liquidity']}\n{row['venue']}, "
            f"{instant(row['market_ns'])}\norder {row['order_id'][:12]}…\nlog line {row['log_line']}"
        )
        svg.triangle(x(row["market_ns"]), y(float(row["price"])), 5, SIDE_CSS[row["side"]], up=row["side"] == "BUY", tip=tip)
    first, last = min(times), max(times)
    svg.text(left, bottom + 17, day(first), "axis")
    if day(last) != day(first):
        svg.text(right, bottom + 17, day(last), "axis", anchor="end")
    return svg.markup()


def weight_dumbbells(report: Report, width: float) -> str:
    """Draw target, planned-from and achieved weights of the last plan."""
    rows = report.table("weights")
    if not rows:
        return ""
    last = rows[-1]["log_line"]
    rows = [row for row in rows if row["log_line"] == last and row["achieved_weight"] is not None]
    rows = sorted(rows, key=lambda row: (-row["target_weight"], row["symbol"]))[:40]
    if not rows:
        return ""
    narrow = width < NARROW
    edges = [
        float(row[name]) * 100
        for row in rows
        for name in ("target_weight", "achieved_weight", "held_weight")
        if row[name] is not None
    ]
    low, high = min(0.0, *edges), max(0.0, *edges) * 1.05 or 1.0
    gutter = min(max(text_px(row["symbol"]) for row in rows) + 16, 180.0)
    row_px = 36 if narrow else 22
    left, right = (6.0, width - 10) if narrow else (gutter, width - 130)
    top, bottom = 26.0, 26.0 + row_px * len(rows)
    svg = Svg(width, bottom + 26, words="Target and achieved weights of the last plan")
    scale = linear(low, high, start=left, end=right)
    svg.text(left, 13, "│ target   ● achieved   ○ held before", "faint")
    svg.x_axis(scale, nice_ticks(low, high, count=4 if narrow else 6), top=top, bottom=bottom, unit="%")
    for number, row in enumerate(rows):
        y = top + row_px * number
        middle = y + (25 if narrow else row_px / 2)
        target, achieved = scale(float(row["target_weight"]) * 100), scale(float(row["achieved_weight"]) * 100)
        held = None if row["held_weight"] is None else scale(float(row["held_weight"]) * 100)
        tip = (
            f"{row['symbol']}\ntarget {percent(row['target_weight'], places=2)}"
            f"\nachieved {percent(row['achieved_weight'], places=2)}"
            f"\nheld before {percent(row['held_weight'], places=2)}\nplan in log line {row['log_line']}"
        )
        if held is not None:
            svg.line(held, middle, achieved, middle, "interval")
            svg.circle(held, middle, 3.2, "hollow-cost", tip=tip)
        svg.line(target, middle - 7, target, middle + 7, "mark2")
        svg.circle(achieved, middle, 4.2, "cost", tip=tip)
        gap = f"{percent(row['achieved_weight'], places=2)} of {percent(row['target_weight'], places=2)}"
        if narrow:
            svg.text(left, y + 13, row["symbol"], "t")
            svg.text(width - 4, y + 13, gap, "num", anchor="end")
        else:
            svg.text(gutter - 12, middle + 4, row["symbol"], "t", anchor="end")
            svg.text(width - 2, middle + 4, gap, "num", anchor="end")
    return svg.markup()


def tracking_error(report: Report, width: float) -> str:
    """Draw the distance to the targets before each plan and after its orders, in bps of equity."""
    rows = [row for row in report.table("tracking_error") if row["achieved_bps"] is not None]
    if not rows:
        return ""
    top, bottom, left, right = 44.0, 204.0, 2.0, width - 4
    high = max(float(max(row["before_bps"], row["achieved_bps"])) for row in rows) * 1.1 or 1.0
    svg = Svg(width, bottom + 24, words="Tracking error before and after each plan in basis points of equity")
    y = linear(0, high, start=bottom, end=top)
    times = [row["market_ns"] for row in rows]
    x = linear(min(times), max(times), start=left + 60, end=right - 14)
    svg.text(left, 13, "○ before the plan   ● after its orders", "faint")
    svg.y_axis(y, nice_ticks(0, high, count=4), left=left, right=right, unit="bp")
    svg.path([(x(row["market_ns"]), y(float(row["achieved_bps"]))) for row in rows], "line")
    for row in rows:
        at = x(row["market_ns"])
        before, after = y(float(row["before_bps"])), y(float(row["achieved_bps"]))
        tip = (
            f"plan #{row['cycle']}, {instant(row['market_ns'])}\nbefore {bps(row['before_bps'])}"
            f"\nplanned {bps(row['planned_bps'])}"
            f"\nachieved {bps(row['achieved_bps'])}\nlog line {row['log_line']}"
        )
        svg.line(at, before, at, after, "interval")
        svg.circle(at, before, 4, "hollow-cost", tip=tip)
        svg.circle(at, after, 4.5, "cost", tip=tip)
    svg.text(x(times[0]), bottom + 17, day(times[0]), "axis", anchor="middle" if width >= NARROW else "start")
    if day(times[-1]) != day(times[0]):
        svg.text(right, bottom + 17, day(times[-1]), "axis", anchor="end")
    return svg.markup()
