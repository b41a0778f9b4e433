"""The report's pictures of money: cost waterfall, costs by group, differences, markouts, refusals; each for a given width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.report_document import Report
from analysis.report_text import bps, counted, money, words_of
from analysis.svg import Svg, linear, nice_ticks, text_px
from orders.values import Record

GROUPS_DRAWN: Final = 24
NARROW: Final = 500  # below it labels stand above their marks
GUTTER_MAX: Final = 240.0  # pixels a label may take from the picture
LABEL_CHARS: Final = 30
ZERO: Final = Decimal(0)


class Dot(Record, frozen=True, kw_only=True):
    """A row of an interval picture; `sure`: drawn filled. `texts`: at the right, the last one faint."""

    label: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None
    sure: bool
    texts: tuple[str, ...]
    tip: str


def cost_waterfall(report: Report, width: float) -> str:
    """Draw the leaves of the cost tree one after the other, from zero to the total."""
    rows = {row["node"]: row for row in report.table("cost_tree")}
    total = rows.get("total")
    if total is None or total["cost_bps"] is None:
        return ""
    notional = rows["decision notional"]["amount_base"]
    parents = {row["below"] for row in rows.values()}
    leaves = [row for name, row in rows.items() if row["below"] not in ("", "beside") and name not in parents]
    always = ("delay", "spread", "impact", "timing", "fees")
    steps: list[tuple[Mapping[str, Any], float, float]] = []
    at = 0.0
    for row in leaves:
        if row["amount_base"] or row["node"] in always:
            size = float(row["cost_bps"])
            steps.append((row, at, at + size))
            at += size
    steps.append((total, 0.0, float(total["cost_bps"])))
    steps += [(row, 0.0, float(row["cost_bps"])) for row in rows.values() if row["below"] == "beside" and row["amount_base"]]
    narrow = width < NARROW
    left, right = (4.0, width - 8) if narrow else (128.0, width - 196)
    row_px = 42 if narrow else 30
    low, high = spread_of([edge for _, a, b in steps for edge in (a, b)])
    top, bottom = 8.0, 8.0 + row_px * len(steps)
    svg = Svg(width, bottom + 26, words="Cost waterfall in basis points of the decision value")
    scale = linear(low, high, start=left, end=right)
    svg.x_axis(scale, nice_ticks(low, high, count=4 if narrow else 6), top=top, bottom=bottom, unit="bp")
    for number, (row, begin, end) in enumerate(steps):
        y = top + row_px * number
        whole = row is total
        name = f"beside: {row['node']}" if row["below"] == "beside" else words_of(row["node"])
        share, amount = bps(row["cost_bps"], signed=True), money(row["amount_base"], report.base_currency)
        css = "total" if whole else "cost" if row["amount_base"] >= 0 else "gain"
        bar = y + (18 if narrow else 6)
        tip = f"{name}\n{share}, {amount}\nof {money(notional, report.base_currency)} decision value"
        svg.rect(scale(begin), bar, scale(end) - scale(begin), 18, css, tip=tip)
        if number + 1 < len(steps) and row is not total and steps[number + 1][0] is not total and row["below"] != "beside":
            svg.line(scale(end), bar + 18, scale(end), bar + row_px, "join")
        label = "strong" if whole else "t"
        if narrow:
            svg.text(left, y + 13, name, label)
            svg.text(width - 4, y + 13, f"{share} · {amount}", "num", anchor="end")
        else:
            svg.text(left - 12, bar + 13, name, label, anchor="end")
            svg.text(width - 106, bar + 13, share, "num", anchor="end")
            svg.text(width - 2, bar + 13, amount, "num", anchor="end")
    return svg.markup()


def costs_of_groups(report: Report, width: float, *, name: str, keys: Sequence[str]) -> str:
    """Draw each group's total cost with its interval, the largest groups first; a hollow mark is too small to judge."""
    rows = [row for row in report.table(name) if row["total_bps"] is not None][:GROUPS_DRAWN]
    dots = [
        Dot(
            label=group_name(row, keys),
            value=row["total_bps"],
            low=row["low_bps"],
            high=row["high_bps"],
            sure=not row["too_small"],
            texts=(bps(row["total_bps"], signed=True), money(row["total_base"]), counted(row["orders"], "order")),
            tip="\n".join(_group_tip(row, keys=keys, currency=report.base_currency)),
        )
        for row in rows
    ]
    return interval_rows(dots, width, words=f"Total cost in basis points by {' and '.join(keys)}")


def group_name(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return a group's name; what has no winner or no run behind it says so."""
    return " ".join("unattributed" if row[key] in ("", None) else str(row[key]) for key in keys)


def _group_tip(row: Mapping[str, Any], *, keys: Sequence[str], currency: str) -> list[str]:
    lines = [
        " ".join(str(row[key]) for key in keys),
        f"{bps(row['total_bps'], signed=True)}, {money(row['total_base'], currency)}",
    ]
    parts = [
        name for name in row if name.endswith("_base") and name not in ("total_base", "decision_notional_base", "traded_base")
    ]
    lines += [f"{words_of(name.removesuffix('_base'))} {money(row[name])}" for name in parts if row[name]]
    lines.append(f"{counted(row['orders'], 'order')}, traded {money(row['traded_base'], currency)}")
    if row["low_bps"] is not None:
        lines.append(f"95 % interval {bps(row['low_bps'], unit='')} to {bps(row['high_bps'])}")
    if row["too_small"]:
        lines.append("too small to judge")
    return lines


def differences(report: Report, width: float) -> str:
    """Draw B minus A of every cost with its interval; hollow where chance can do it."""
    dots = []
    for row in report.table("compared"):
        if row["unit"] != "bp" or row["difference"] is None:
            continue
        sides = f"A {bps(row['a'])}, B {bps(row['b'])}"
        ends = "too small to judge" if row["low"] is None else f"95 % {bps(row['low'], unit='')} to {bps(row['high'])}"
        label = row["figure"].removeprefix("cost ")
        texts = (bps(row["difference"], signed=True), sides)
        tip = f"{label}\n{sides}\n{ends}"
        dots.append(
            Dot(
                label=label,
                value=row["difference"],
                low=row["low"],
                high=row["high"],
                sure=bool(row["told_apart"]),
                texts=texts,
                tip=tip,
            )
        )
    return interval_rows(dots, width, words="Difference of costs, B minus A, in basis points", text_px_each=(80, 150))


def latency_costs(report: Report, width: float) -> str:
    """Draw what the market's drift in each stage cost, with its interval."""
    dots = []
    for row in report.table("latency_cost"):
        if row["drift_bps"] is None:
            continue
        missing = f"\n{counted(row['no_quote'], 'order')} without a quote in time" if row["no_quote"] else ""
        amount = money(row["drift_base"], report.base_currency)
        dots.append(
            Dot(
                label=row["stage"],
                value=row["drift_bps"],
                low=row["low_bps"],
                high=row["high_bps"],
                sure=not row["too_small"],
                texts=(bps(row["drift_bps"], signed=True), money(row["drift_base"]), counted(row["orders"], "order")),
                tip=f"{row['stage']}\n{bps(row['drift_bps'], signed=True)}, {amount}\nprices: {row['prices']}{missing}",
            )
        )
    return interval_rows(dots, width, words="What the drift of the market in each stage cost, in basis points")


def interval_rows(
    rows: Sequence[Dot], width: float, *, words: str, text_px_each: Sequence[float] = (74, 74, 84), unit: str = "bp"
) -> str:
    """Draw a dot a row on one axis through zero, with its interval; above zero in the colour of costs."""
    if not rows:
        return ""
    narrow = width < NARROW
    low, high = spread_of([float(v) for row in rows for v in (row.value, row.low, row.high) if v is not None])
    row_px = 38 if narrow else 24
    gutter = min(max(text_px(row.label) for row in rows) + 14, GUTTER_MAX)
    left, right = (6.0, width - 10) if narrow else (gutter, width - sum(text_px_each) - 8)
    top, bottom = 6.0, 6.0 + row_px * len(rows)
    svg = Svg(width, bottom + 26, words=words)
    scale = linear(low, high, start=left, end=right)
    svg.x_axis(scale, nice_ticks(low, high, count=4 if narrow else 6), top=top, bottom=bottom, unit=unit)
    for number, row in enumerate(rows):
        y = top + row_px * number
        middle = y + (26 if narrow else row_px / 2)
        if row.low is not None and row.high is not None:
            svg.line(scale(float(row.low)), middle, scale(float(row.high)), middle, "interval")
        css = ("" if row.sure else "hollow-") + ("cost" if row.value >= 0 else "gain")
        svg.circle(scale(float(row.value)), middle, 5, css, tip=row.tip)
        label = row.label if len(row.label) <= LABEL_CHARS + 6 else f"{row.label[:LABEL_CHARS]}…"
        if narrow:
            svg.text(left - 2, y + 13, label, "t")
            svg.text(width - 4, y + 13, " · ".join(row.texts[:2]), "num", anchor="end")
            continue
        svg.text(gutter - 12, middle + 4, label, "t", anchor="end")
        x = width - 2
        for place, (text, room) in enumerate(reversed(list(zip(row.texts, text_px_each, strict=False)))):
            svg.text(x, middle + 4, text, "faint" if place == 0 and len(row.texts) > 1 else "num", anchor="end")
            x -= room
    return svg.markup()


def markout_curves(report: Report, width: float, *, currency: str) -> str:
    """Draw the mean markout after the fills in a quote currency with its interval; above zero is good for us."""
    told = [row for row in report.table("markouts") if (row["group"], row["quote_currency"]) == ("all", currency)]
    rows = [row for row in told if row["mean_bps"] is not None]
    if not rows:
        return ""
    low, high = spread_of([float(v) for row in rows for v in (row["mean_bps"], row["low_bps"], row["high_bps"]) if v is not None])
    top, bottom, left, right = 22.0, 210.0, 6.0, width - 66
    svg = Svg(width, bottom + 26, words="Mean markout after the fills in basis points")
    scale = linear(low, high, start=bottom, end=top)
    svg.y_axis(scale, nice_ticks(low, high, count=5), left=left, right=right, unit="bp")
    step = (right - left - 70) / max(len(rows) - 1, 1)
    points = [(left + 60 + step * number, row) for number, row in enumerate(rows)]
    banded = [(x, row) for x, row in points if row["low_bps"] is not None]
    svg.area(
        [(x, scale(float(row["high_bps"]))) for x, row in banded],
        [(x, scale(float(row["low_bps"]))) for x, row in banded],
        "band",
    )
    svg.path([(x, scale(float(row["mean_bps"]))) for x, row in points], "line")
    for x, row in points:
        tip = f"{row['horizon']} after the fill\nmean {bps(row['mean_bps'], signed=True)}\n{counted(row['fills'], 'fill')}"
        if row["too_small"]:
            tip += "\ntoo small to judge"
        svg.circle(x, scale(float(row["mean_bps"])), 4.5, "hollow-cost" if row["too_small"] else "cost", tip=tip)
        svg.text(x, bottom + 18, row["horizon"], "axis", anchor="middle")
    last_x, last = points[-1]
    svg.text(last_x + 9, scale(float(last["mean_bps"])) + 4, bps(last["mean_bps"], signed=True), "num")
    return svg.markup()


def refusal_bars(report: Report, width: float) -> str:
    """Draw how often each control, venue or check refused."""
    rows = report.table("refusals")[:GROUPS_DRAWN]
    if not rows:
        return ""
    row_px = 40
    left, right = 4.0, width - 70
    svg = Svg(width, 6 + row_px * len(rows), words="Refusals by control")
    scale = linear(0, max(row["count"] for row in rows), start=left, end=right)
    for number, row in enumerate(rows):
        y = 4 + row_px * number
        label, what = row["code"] or "no code", f"{row['what']}, by {row['by']}"
        wide = text_px(label) * 1.2
        svg.text(left, y + 12, label, "strong")
        if wide + text_px(what) + 24 < width:
            svg.text(left + wide + 10, y + 12, what, "faint")
        tip = f"{row['code']}\n{row['first_message']}\nfirst in log line {row['first_line']}"
        svg.rect(left, y + 19, scale(row["count"]) - left, 10, "cost", tip=tip)
        svg.text(scale(row["count"]) + 8, y + 28, f"{row['count']:,}", "num")
    return svg.markup()


def spread_of(values: Sequence[float]) -> tuple[float, float]:
    """Return a range that holds zero and every value, with a little room where there is something."""
    low, high = min(0.0, *values), max(0.0, *values)
    if low == high:
        return -1.0, 1.0
    room = (high - low) * 0.04
    return (low - room if low < 0 else 0.0), (high + room if high > 0 else 0.0)
