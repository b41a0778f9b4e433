"""The report as one HTML page: it fetches nothing, moves nothing, and is the same bytes for the same report.

Every chart is drawn twice, wide and narrow, and the style shows the one that fits: text keeps its size on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import msgspec

from analysis.report_charts import (
    cost_waterfall,
    differences,
)
from analysis.report_document import Report
from analysis.report_html import html_table, table_details
from analysis.report_sections import (
    contradicted,
    figure,
    groupings,
    latency,
    markouts,
    prices,
    refused,
    replayed,
    tracking,
    twin,
    where,
    worst,
)
from analysis.report_style import POLICY, SCRIPT, STYLE
from analysis.report_text import counted, instant

PARTS: Final[Mapping[str, tuple[str, str, Sequence[str]]]] = {
    "twin": (
        "Does the twin say the same?",
        "The live run's own orders at a simulated venue: right of zero live paid more. Hollow is too small to judge.",
        ("twin_orders",),
    ),
    "contradictions": (
        "Does the log contradict itself?",
        "Yes: lines that cannot all be true. Find out how they came there before a figure below is used.",
        (),
    ),
    "costs": (
        "What did it cost?",
        "From the decision price to what was paid, in basis points of the decision value. Right is a cost, left a gain.",
        ("cost_tree", "forecast"),
    ),
    "where": (
        "Where did it come from?",
        "Each group's total with its 95 % interval. Hollow marks are groups too small to judge.",
        (),
    ),
    "markouts": (
        "Were the fills good?",
        "How the mid moved after a fill, seen from our side: above zero the trade was right.",
        ("markouts", "benchmarks"),
    ),
    "prices": (
        "When did we trade?",
        "The price, and our fills on it: filled triangles from below are buys, hollow ones from above are sells.",
        (),
    ),
    "latency": (
        "How late were we?",
        "From the manifest to the last fill, stage by stage, and what the waiting cost.",
        ("latency_stages", "latency_cost"),
    ),
    "tracking": ("How near to the plan?", "What research wanted, and what the book came to.", ("tracking_error",)),
    "worst": (
        "Which orders hurt?",
        "The ten that cost most, each with its story from decision to last fill. Numbers at the left are lines of the log.",
        (),
    ),
    "refused": (
        "What was refused?",
        "By the lakehouse's checks, by controls, by venues; and what the planner left alone.",
        ("refusals", "denials", "not_traded", "order_ratios"),
    ),
    "replays": (
        "Does the backtest say the same?",
        "Each shadow run's own inputs once more, through the backtest: the same orders, or why not.",
        ("replays", "replay_causes", "replay_differences"),
    ),
}
"""Part -> its title, what one sees there, and the tables under it."""


def page(report: Report) -> str:
    """Return the whole page, of one log or of two compared."""
    if "compared" in report.tables:
        return _document(report, _compared_parts(report))
    bodies: Mapping[str, Sequence[str]] = {
        "twin": twin(report),
        "contradictions": contradicted(report),
        "costs": [figure(report, cost_waterfall)],
        "where": where(report),
        "markouts": markouts(report),
        "prices": [prices(report)],
        "latency": latency(report),
        "tracking": tracking(report),
        "worst": [worst(report)],
        "refused": refused(report),
        "replays": replayed(report),
    }
    parts = [
        _part(name, title, lead, bodies[name], report, tables=(*tables, *groupings(report)) if name == "where" else tables)
        for name, (title, lead, tables) in PARTS.items()
    ]
    return _document(report, parts)


def _document(report: Report, parts: Sequence[tuple[str, str, str]]) -> str:
    shown = [(name, title, body) for name, title, body in parts if body]
    menu = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in shown)
    body = "".join(body for _, _, body in shown)
    lede = "".join(f"<li>{escape(sentence)}</li>" for sentence in report.sentences)
    head = (
        f"<meta charset='utf-8'><meta http-equiv='Content-Security-Policy' content=\"{POLICY}\">"
        "<meta name='viewport' content='width=device-width,initial-scale=1'><meta name='color-scheme' content='light dark'>"
        f"<title>{escape(report.title)}</title><style>{STYLE}</style>"
    )
    return (
        f"<!doctype html><html lang='en'><head>{head}</head><body><main>{_head(report)}"
        f"<ol class='lede'>{lede}</ol>{_notes(report, 'all')}<nav>{menu}</nav>{body}{_foot(report)}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _head(report: Report) -> str:
    when = ""
    if report.first_ns is not None and report.last_ns is not None:
        when = f"{instant(report.first_ns)} to {instant(report.last_ns)} UTC, market time"
    filters = ", ".join(f"{name} {value}" for name, value in report.filters.items())
    facts = " · ".join(
        part for part in (when, f"base currency {report.base_currency}" if report.base_currency else "", filters) if part
    )
    return f"<header><h1>{escape(report.title)}</h1><p>{escape(facts)}</p></header>"


def _foot(report: Report) -> str:
    runs = html_table(
        ("run", "kind", "environment", "version", "data", "assumptions", "bundle", "speed"),
        [
            (
                run.run_id,
                run.kind,
                run.environment,
                run.sluice_version,
                run.data_source,
                f"{run.assumptions_name}, {run.fill_rule}",
                run.bundle_sha256 or "not stated",
                f"{run.market_speed:,}x",
            )
            for run in report.runs
        ],
        left=7,
    )
    return (
        f"<h2 id='source'>Where is this from?</h2><p class='lead'>{escape(report.source)}, {counted(report.lines, 'line')}. "
        f"Figures are exact sums over the log's lines; floats are in the drawings and intervals only.</p>{runs}"
    )


def _part(
    name: str, title: str, lead: str, inner: Sequence[str], report: Report, *, tables: Sequence[str] = ()
) -> tuple[str, str, str]:
    """Return (name, title, section); the section is empty where there is nothing to show."""
    made = "".join(inner)
    if not made:
        return name, title, ""
    beside = "".join(table_details(report, table) for table in tables if report.table(table))
    under = f"<div class='tables'>{beside}</div>" if beside else ""
    head = f"<h2 id='{name}'>{escape(title)}</h2><p class='lead'>{escape(lead)}</p>"
    section = f"<section>{head}{made}{_notes(report, name)}{under}</section>"
    return name, title, section


def _notes(report: Report, part: str) -> str:
    said = "".join(f"<p>{escape(caveat.words)}</p>" for caveat in report.caveats if caveat.part == part)
    return f"<div class='note'>{said}</div>" if said else ""


def _compared_parts(report: Report) -> list[tuple[str, str, str]]:
    lead = "Dots are B minus A, lines their 95 % interval. Hollow dots cannot be told from chance; right of zero B costs more."
    figures = [figure(report, differences)]
    sides = []
    for letter in ("a", "b"):
        tables = {name[2:]: one for name, one in report.tables.items() if name.startswith(f"{letter}_")}
        side = msgspec.structs.replace(report, tables=tables)
        sides.append(f"<div><h3>{letter.upper()}</h3>{figure(side, cost_waterfall, small=True)}</div>")
    body = "".join(sides)
    both = f"<div class='pair'>{body}</div>"
    return [
        _part("compared", "How do they differ?", lead, figures, report, tables=("compared",)),
        _part("sides", "What did each cost?", "In basis points of each one's decision value.", [both], report),
    ]
