"""The report for a terminal: the same sentences, wrapped, the cost tree, and a line each of fills, orders and times."""

from __future__ import annotations

import textwrap
from typing import Final

from analysis.latency import WHOLE
from analysis.report_document import Report
from analysis.report_replay import replay_words
from analysis.report_text import bps, money, percent, span, words_of

WIDTH: Final = 110
VENUES_SHOWN: Final = 5
SMALL: Final = " (too small to judge)"


def summary_lines(report: Report) -> list[str]:
    """Return lines to print; numbers stand below each other, units once."""
    lines = [report.title]
    for sentence in report.sentences:
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="  ")
    rows = [row for row in report.table("cost_tree") if row["cost_bps"] is not None]
    if rows:
        lines.append(f"{'cost':<18}{'bp':>10}{report.base_currency:>16}")
    for row in rows:
        deep = row["below"] not in ("", "total")
        if deep and not row["amount_base"]:
            continue
        name = ("  " if deep else "") + words_of(row["node"])
        lines.append(f"{name:<18}{bps(row['cost_bps'], unit=''):>10}{money(row['amount_base']):>16}")
    lines += [*_markouts(report), *_benchmarks(report), *_ratios(report), *_denials(report), *_latency(report)]
    replayed = replay_words(report.table("replays"))
    if replayed is not None:
        lines += textwrap.wrap(replayed, WIDTH, initial_indent="replay  ", subsequent_indent="        ")
    lines += [f"bundle  {sha256}" for sha256 in dict.fromkeys(run.bundle_sha256 for run in report.runs) if sha256 is not None]
    for caveat in report.caveats:
        if caveat.part == "all":
            lines += textwrap.wrap(caveat.words, WIDTH, initial_indent="  note: ", subsequent_indent="        ")
    return lines


def _markouts(report: Report) -> list[str]:
    """How the mid moved after fills, and the spreads of the longest horizon that is known; a quote currency apart."""
    rows = [row for row in report.table("markouts") if row["group"] == "all" and row["mean_bps"] is not None]
    lines = []
    for currency in dict.fromkeys(row["quote_currency"] for row in rows):
        known = [row for row in rows if row["quote_currency"] == currency]
        told = " · ".join(f"{row['horizon']} {bps(row['mean_bps'], unit='', signed=True)}" for row in known)
        last = known[-1]
        spreads = "".join(
            f", {name} {bps(last[f'{name}_bps'], unit='', signed=True)}"
            for name in ("effective", "realised", "impact", "reversion")
            if last[f"{name}_bps"] is not None
        )
        small = SMALL if last["too_small"] else ""
        lines += _wrapped("fills", f"markout in bp of {currency}: {told}; at {last['horizon']}{spreads}{small}")
    return lines


def _benchmarks(report: Report) -> list[str]:
    lines = []
    for row in report.table("benchmarks"):
        if row["group"] != "all":
            continue
        names = (("TWAP", "twap"), ("VWAP", "vwap"), ("VWAP of others", "vwap_others"))
        told = [f"{word} {bps(row[f'{name}_bps'], signed=True)}" for word, name in names if row[f"{name}_bps"] is not None]
        if row["participation_median_fraction"] is not None:
            told.append(f"share of volume {percent(row['participation_median_fraction'])} in the middle")
        small = SMALL if row["too_small"] else ""
        lines += _wrapped("market", f"against {', '.join(told)}{small}") if told else []
    return lines


def _ratios(report: Report) -> list[str]:
    lines = []
    for row in report.table("order_ratios")[:VENUES_SHOWN]:
        names = (("filled", "filled"), ("denied", "denied"), ("rejected", "rejected"), ("unknown", "unknown"), ("maker", "maker"))
        told = ", ".join(
            f"{word} {percent(row[f'{name}_fraction'])}" for word, name in names if row[f"{name}_fraction"] is not None
        )
        lines += _wrapped(
            "orders",
            f"{row['venue']}: {row['orders']:,} of {row['planned']:,} planned; {told}{SMALL if row['too_small'] else ''}",
        )
    return lines


def _denials(report: Report) -> list[str]:
    """What the controls held back, and what that cost or saved."""
    lines = []
    for row in report.table("denials")[:VENUES_SHOWN]:
        cost = "no later price" if row["cost_base"] is None else f"missed {money(row['cost_base'], report.base_currency)}"
        told = f"{row['code']}: {row['orders']:,} {row['what']}, {money(row['notional_base'], report.base_currency)}; {cost}"
        rate = "" if row["cost_bps"] is None else f", {bps(row['cost_bps'], signed=True)}"
        lines += _wrapped("denied", f"{told}{rate}{' (too few to judge)' if row['too_small'] else ''}")
    return lines


def _latency(report: Report) -> list[str]:
    row = next((row for row in report.table("latency_stages") if (row["by"], row["stage"]) == ("all", WHOLE)), None)
    if row is None or not row["orders"]:
        return []
    told = " · ".join(
        f"{name} {span(row[f'{name}_ns'])}" for name in ("p50", "p95", "p99", "max") if row[f"{name}_ns"] is not None
    )
    return _wrapped("time", f"{WHOLE}: {told}")


def _wrapped(name: str, words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent=f"{name:<8}", subsequent_indent=" " * 8)
