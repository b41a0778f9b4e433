"""Tables of a report as HTML: escaped, numbers right, each scrolling by itself where the screen is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from analysis.report_document import Report
from analysis.report_text import UNKNOWN, bps, instant, money, span, words_of
from orders.canonical import decimal_text

TABLE_ROWS_MAX: Final = 200  # on the page; `--csv` has all


def table_details(report: Report, name: str) -> str:
    rows = report.table(name)
    columns = report.tables[name].columns
    shown = [[_cell(column, row[column]) for column in columns] for row in rows[:TABLE_ROWS_MAX]]
    more = f"<p class='lead'>{len(rows) - TABLE_ROWS_MAX:,} more rows in --csv</p>" if len(rows) > TABLE_ROWS_MAX else ""
    heads = [words_of(_unit(column)) for column in columns]
    texts = [number for number, column in enumerate(columns) if all(isinstance(row[column], str | None) for row in rows)]
    return (
        f"<details><summary>{escape(words_of(name))} as a table</summary>{html_table(heads, shown, texts=texts)}{more}</details>"
    )


def _unit(column: str) -> str:
    for ending, unit in (("_bps", " (bp)"), ("_base", " (base)"), ("_ns", " ")):
        if column.endswith(ending):
            return column.removesuffix(ending) + unit
    return column


def _cell(column: str, value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else ""
    if column == "market_ns":
        return instant(value)
    if column.endswith("_ns"):
        return span(value)
    if column.endswith("_bps"):
        return bps(value, unit="")
    if column.endswith("_base"):
        return money(value)
    if isinstance(value, Decimal):
        return decimal_text(round(value, 6))
    return f"{value:,}" if isinstance(value, int) else str(value)


def html_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 0, words: int = -1, texts: Sequence[int] = ()
) -> str:
    """A table that scrolls by itself; the first `left` columns and `texts` stand left, the column `words` breaks its lines."""

    def css(number: int) -> str:
        names = ("l " if number < left or number in texts or number == words else "") + ("w" if number == words else "")
        return f" class='{names.strip()}'" if names else ""

    head = "".join(f"<th{css(number)}>{escape(cell)}</th>" for number, cell in enumerate(header))
    body = "".join("<tr>" + "".join(f"<td{css(n)}>{escape(cell)}</td>" for n, cell in enumerate(row)) + "</tr>" for row in rows)
    return f"<div class='wide-table'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
