"""Bodies of the page's parts: each chart drawn wide and narrow, the stories of orders, what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from html import escape
from typing import Any, Final

from analysis.report_charts import GROUPS_DRAWN, costs_of_groups, latency_costs, markout_curves, refusal_bars
from analysis.report_charts_time import (
    latency_histogram_of,
    latency_ranges,
    latency_waterfall,
    price_chart,
    tracking_error,
    weight_dumbbells,
)
from analysis.report_document import Report
from analysis.report_html import html_table
from analysis.report_replay import replay_words
from analysis.report_text import UNKNOWN, bps, instant, money, percent, span, words_of
from analysis.report_twin_page import twin_course, twin_figures, twin_means

WIDE_PX: Final = 920
NARROW_PX: Final = 350
SMALL_PX: Final = 430
HISTOGRAMS_MAX: Final = 13
DIFFERENCES_SHOWN: Final = 8  # of a replay; the table beneath has all
ONE: Final = Decimal(1)

type Draw = Callable[[Report, float], str]


def figure(report: Report, draw: Draw, *, small: bool = False) -> str:
    """Return a chart twice, wide and narrow, or once where it is `small` anyway; nothing where nothing was drawn."""
    wide = draw(report, SMALL_PX if small else WIDE_PX)
    if not wide:
        return ""
    if small:
        return f"<figure>{wide}</figure>"
    return f"<figure><div class='wide'>{wide}</div><div class='narrow'>{draw(report, NARROW_PX)}</div></figure>"


def groupings(report: Report) -> list[str]:
    """Return the names of the tables of costs by keys."""
    return [name for name in report.tables if name.startswith("costs_by_")]


def markouts(report: Report) -> list[str]:
    """Return the markouts, or why there are none."""
    currencies = list(dict.fromkeys(row["quote_currency"] for row in report.table("markouts") if row["group"] == "all"))
    made = [(each, figure(report, partial(markout_curves, currency=each))) for each in currencies]
    several = sum(bool(picture) for _, picture in made) > 1
    drawn = "".join(f"<h3>In {escape(each)}</h3>{picture}" if several and picture else picture for each, picture in made)
    none = "<p>No mid is known at any of these times after a fill: the recorded quotes lie too far apart.</p>"
    return [drawn if drawn or not report.table("markouts") else none, _benchmarks(report)]


def _benchmarks(report: Report) -> str:
    found = report.table("benchmarks")
    several = len({row["group"] for row in found}) > 2  # one venue alone is all orders once more
    rows = [
        (
            row["group"],
            row["quote_currency"],
            f"{row['orders']:,}",
            *(_known(row, name) for name in ("twap", "vwap", "vwap_others")),
            percent(row["participation_median_fraction"]),
            percent(row["participation_max_fraction"]),
            "too small to judge" if row["too_small"] else "",
        )
        for row in found
        if several or row["group"] == "all"
    ]
    if not rows:
        return ""
    if all(row[f"{name}_bps"] is None for row in found for name in ("twap", "vwap", "vwap_others")):
        none = "No order has a quote or a trade near enough to both its ends: there is nothing to hold its price against."
        return f"<h3>Against the market meanwhile</h3><p>{none}</p>"
    head = ("group", "quote", "orders", "TWAP", "VWAP", "VWAP of others", "median share of volume", "largest", "")
    lead = (
        "Our average price against the market from arrival to last fill, in basis points, above zero is a cost. TWAP is of mids, "
        "VWAP of trades. In brackets: orders without it, quotes or trades not recorded or too far apart; they are in no figure."
    )
    return f"<h3>Against the market meanwhile</h3><p class='lead'>{lead}</p>{html_table(head, rows, left=2)}"


def _known(row: Mapping[str, Any], name: str) -> str:
    """Return a measure, and how many orders are not in it."""
    missing = row[f"without_{name}"]
    return bps(row[f"{name}_bps"], unit="") + (f" ({missing:,} without)" if missing else "")


def where(report: Report) -> list[str]:
    """Return the costs by venue, instrument and what was asked besides."""
    made = []
    for name in groupings(report):
        columns = report.tables[name].columns
        keys = columns[: columns.index("orders")]
        drawn = figure(report, partial(costs_of_groups, name=name, keys=keys))
        title = f"By {' and '.join(words_of(key) for key in keys)}".replace("symbol", "instrument")
        more = len(report.tables[name].rows) - GROUPS_DRAWN
        beside = f", the largest {GROUPS_DRAWN} of {more + GROUPS_DRAWN:,}" if more > 0 else ""
        made.append(f"<h3>{escape(title)}{beside}</h3>{drawn}" if drawn else "")
    return made


def prices(report: Report) -> str:
    """Return a small price chart of each of the instruments traded most."""
    symbols = dict.fromkeys(row["symbol"] for row in report.table("fills"))
    drawn = "".join(figure(report, partial(price_chart, symbol=symbol), small=True) for symbol in symbols)
    return f"<div class='pair'>{drawn}</div>" if drawn else ""


def latency(report: Report) -> list[str]:
    """Return the stages, their spread, the histograms of groups with something to tell apart, and the drift."""
    groups = list(dict.fromkeys((row["by"], row["group"]) for row in report.table("latency_histogram")))
    kinds = Counter(by for by, _ in groups)
    told = [(by, group) for by, group in groups if by == "all" or kinds[by] > 1]  # one venue alone is all orders once more
    drawn = "".join(
        figure(report, partial(latency_histogram_of, by=by, group=group), small=True) for by, group in told[:HISTOGRAMS_MAX]
    )
    waterfall, drift = figure(report, latency_waterfall), figure(report, latency_costs)
    if not waterfall:
        return []
    return [
        "<h3>On average, one stage after the other</h3>" + waterfall,
        "<h3>From the median to the slowest</h3>" + figure(report, latency_ranges),
        f"<h3>Plan to first fill, by group</h3><div class='pair'>{drawn}</div>" if drawn else "",
        "<h3>What the waiting cost: the drift of the mid against us</h3>" + drift if drift else "",
    ]


def tracking(report: Report) -> list[str]:
    """Return the tracking error over time and the weights of the last plan."""
    first = figure(report, tracking_error)
    second = figure(report, weight_dumbbells)
    return [f"<h3>Distance to the targets</h3>{first}" if first else "", f"<h3>The last plan</h3>{second}" if second else ""]


def worst(report: Report) -> str:
    """Return the orders that cost most, the first one opened."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for row in report.table("stories"):
        told.setdefault(row["order_id"], []).append(row)
    return "".join(
        _order(report, row, number, told.get(row["order_id"], [])) for number, row in enumerate(report.table("worst_orders"), 1)
    )


def _order(report: Report, row: Mapping[str, Any], number: int, story: Sequence[Mapping[str, Any]]) -> str:
    parts = [name for name in row if name.endswith("_base") and name not in ("total_base", "decision_notional_base")]
    told = [f"{words_of(name.removesuffix('_base'))} {money(row[name])}" for name in parts if row[name]]
    worth = money(row["decision_notional_base"], report.base_currency)
    what = f"{row['side']} {row['symbol']} · {worth} · {row['venue']} · {row['state']}"
    start = story[0]["ts_ns"] if story else 0
    lines = "".join(
        f"<li><span class='no'>line {event['log_line']}</span><span class='at'>{_after(event['ts_ns'] - start)}</span>"
        f"<span class='words'>{escape(event['words'])}</span></li>"
        for event in story
    )
    tip = escape(
        f"order {row['order_id']}\nintent in log line {row['log_line']}\nplan #{row['cycle']}, {instant(row['market_ns'])}"
    )
    cost = f"{money(row['total_base'], report.base_currency)} · {bps(row['total_bps'])}"
    opened = " open" if number == 1 else ""
    return (
        f"<details class='order'{opened}><summary data-tip=\"{tip}\"><span class='rank'>{number}</span>"
        f"<span>{escape(what)}</span>"
        f"<span class='num'>{escape(cost)}</span></summary><p class='note'>{escape(', '.join(told) or 'no cost')} "
        f"{escape(report.base_currency)} · order {escape(row['order_id'])}</p><ol class='story'>{lines}</ol></details>"
    )


def _after(ns: int) -> str:
    return "start" if ns == 0 else f"+{span(ns)}"


def refused(report: Report) -> list[str]:
    """Return refusals, ratios and plan lines that were not traded."""
    drawn = figure(report, refusal_bars)
    if not drawn and not report.table("order_ratios") and not report.table("not_traded"):
        return []
    rows = [
        (
            str(row["venue"]),
            f"{row['planned']:,}",
            f"{row['orders']:,}",
            f"{row['filled']:,}",
            percent(row["filled_fraction"]),
            *(_share(row[name], row[f"{name}_fraction"]) for name in ("denied", "rejected", "unknown")),
            percent(row["maker_fraction"]),
            "too small to judge" if row["too_small"] else "",
        )
        for row in report.table("order_ratios")
    ]
    head = ("venue", "planned", "orders", "filled in full", "filled value", "denied", "rejected", "unknown", "maker share", "")
    ratio = html_table(head, rows, left=1) if rows else ""
    none = "" if drawn else "<p>Nothing was refused.</p>"
    left = [
        (
            words_of(row["reason"].lower()),
            f"{row['lines']:,}",
            money(row["notional_base"]),
            f"{row['first_line']}",
            row["first_text"],
        )
        for row in report.table("not_traded")
    ]
    alone = ""
    if left:
        names = ("reason", "plan lines", f"notional {report.base_currency}", "first line", "first of them")
        alone = "<h3>Plan lines not traded</h3>" + html_table(names, left, left=1, words=4)
    return [none, drawn, _denials(report), f"<h3>What became of the orders</h3>{ratio}" if ratio else "", alone]


def _denials(report: Report) -> str:
    """What the controls held back, and what that cost or saved."""
    rows = [
        (
            row["code"],
            row["what"],
            f"{row['orders']:,}",
            money(row["notional_base"]),
            UNKNOWN if row["cost_base"] is None else money(row["cost_base"]),
            bps(row["cost_bps"], unit=""),
            f"{row['unpriced']:,}",
            "too few to judge" if row["too_small"] else "",
        )
        for row in report.table("denials")
    ]
    if not rows:
        return ""
    head = ("control", "what", "orders", f"notional {report.base_currency}", "would have made", "bp", "without a later price", "")
    lead = (
        "What was denied or made smaller, priced at what the market did afterwards, without fees and what the order would "
        "itself have moved: above zero it was missed, below zero it was saved."
    )
    return f"<h3>What the controls held back</h3><p class='lead'>{lead}</p>{html_table(head, rows, left=2)}"


def contradicted(report: Report) -> list[str]:
    """Return the kinds of lines that cannot all be true, their count and first numbers; nothing where there are none."""
    rows = [(row["code"], f"{row['count']:,}", row["log_lines"], row["words"]) for row in report.table("contradictions")]
    return [html_table(("code", "lines", "first of them", "each is"), rows, left=1, texts=(2,), words=3)] if rows else []


def replayed(report: Report) -> list[str]:
    """Return what the replays of the runs found: one sentence, runs, causes, the first differences with their log lines."""
    rows = report.table("replays")
    words = replay_words(rows)
    if words is None:
        return []
    runs = [
        (
            row["run_id"],
            row["state"].removesuffix(" the budget"),
            f"{row['orders_differing']:,} of {row['orders']:,}",
            percent(row["same_fraction"], places=2),
            percent(ONE - row["allowed_fraction"], places=2),
            f"{row['lines_differing']:,} of {row['lines']:,}",
            f"{row['plans_same']:,} of {row['plans']:,}",
            bps(row["differ_max_bps"], unit=""),
        )
        for row in rows
        if row["orders"] is not None
    ]
    head = ("run", "budget", "orders differ", "same", "at least", "plan lines differ", "plans same", "price off, bp")
    made = [f"<p>{escape(words)}</p>", html_table(head, runs, left=2) if runs else ""]
    made += [f"<p class='note'>{escape(row['run_id'])}: {escape(row['over'])}.</p>" for row in rows if row["over"]]
    causes: Counter[str] = Counter()
    for row in report.table("replay_causes"):
        causes[row["cause"]] += row["count"]
    if causes:
        told = [(cause, f"{count:,}") for cause, count in causes.most_common()]
        made.append("<h3>Why they differ</h3>" + html_table(("cause", "differences"), told, left=1))
    found = report.table("replay_differences")
    lines = [
        (
            UNKNOWN if row["log_line"] is None else f"{row['log_line']}",
            row["symbol"], row["stage"], row["cause"], f"{row['recorded']} | {row['replayed']}",
        )
        for row in found[:DIFFERENCES_SHOWN]
    ]  # fmt: skip
    if lines:
        title = f"The first {len(lines)} of {sum(causes.values()):,}" if sum(causes.values()) > len(lines) else "Each of them"
        names = ("log line", "instrument", "stage", "cause", "the run | its replay")
        made.append(f"<h3>{title}</h3>" + html_table(names, lines, left=4, words=4))
    return made


def twin(report: Report) -> list[str]:
    """Return how far live and twin lie apart: by instrument, order by order, and what was not compared; nothing of no twin."""
    if "twin_divergence" not in report.tables:
        return []
    course = figure(report, twin_course)
    lead = (
        "<p class='lead'>Filled marks are buys, hollow ones are sales; above zero live paid more, or got less. In the table: the "
        "median of the first fill, live less twin, and what live filled in per cent of what the twin did.</p>"
    )
    return [figure(report, twin_means), f"<h3>Order by order</h3>{lead}{course}" if course else "", twin_figures(report)]


def _share(count: int, fraction: Decimal | None) -> str:
    return f"{count:,} ({percent(fraction)})" if count else "0"
