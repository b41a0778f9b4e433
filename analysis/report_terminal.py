"""The report for a terminal: the same sentences, wrapped, and the cost tree in a few lines."""

from __future__ import annotations

import textwrap
from typing import Final

from analysis.report_document import Report
from analysis.report_replay import replay_words
from analysis.report_text import bps, money, words_of

WIDTH: Final = 110


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
    replayed = replay_words(report.table("replays"))
    if replayed is not None:
        lines += textwrap.wrap(replayed, WIDTH, initial_indent="replay  ", subsequent_indent="        ")
    for caveat in report.caveats:
        if caveat.part == "all":
            lines += textwrap.wrap(caveat.words, WIDTH, initial_indent="  note: ", subsequent_indent="        ")
    return lines
