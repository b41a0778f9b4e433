"""The page around Nautilus' charts: what limits the result, our own figures, and where Nautilus' differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from analysis.cost_stress import ESTIMATE, break_even_multiple
from analysis.result_text import bps_text, percent_text
from analysis.winner_pnl import NOBODY
from orders.caveats import NOT_STATED

if TYPE_CHECKING:
    from sim.backtest_report import Result

POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
STYLE: Final = """
body{margin:0 auto;max-width:60rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
.limits{border:2px solid #8a5a00;background:#fff8e6;padding:.6rem 1rem}.limits dt{font-weight:600}.limits dd{margin:0 0 .5rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
.facts td{white-space:normal;overflow-wrap:anywhere}
@media(max-width:40rem){table{font-size:.85rem}th,td{padding:.2rem .4rem}}
.small{color:#555;font-size:.87rem}
"""
NOTES: Final = (
    "Everything above this line is Sluice's own, from the log in exact arithmetic. The charts below are NautilusTrader's, drawn "
    "on the same daily equity. Where a figure differs, the ones above stand.",
    "Nautilus' own returns are not used: it takes them from account balances, and the balance of a cash account is its cash "
    "without what was bought for it. Its total P&L, from the same balances, is left out for the same reason.",
    "P&L statistics below are of Nautilus' positions: realised, commissions included, in the currency of each account; what is "
    "still open is not in them.",
    "Nautilus annualises with 252 days whatever the market.",
)


def page(result: Result, *, charts: str) -> str:
    """Return the whole page. `charts`: Nautilus' HTML document, or empty where a run is too short for any."""
    title = f"backtest · {result.config.environment}"
    parts = [_limits(result), _figures(result), _stress(result), _winners(result)]
    notes = "".join(f"<p class='small'>{escape(note)}</p>" for note in NOTES)
    head = (
        f"<meta charset='utf-8'><meta http-equiv='Content-Security-Policy' content=\"{POLICY}\">"
        f"<meta name='viewport' content='width=device-width,initial-scale=1'><title>{escape(title)}</title><style>{STYLE}</style>"
    )
    inner = "<p>No charts: the run is within one day.</p>"
    if charts:
        inner = charts.partition("<body>")[2].rpartition("</body>")[0]
        assert inner, "Nautilus' page was expected to have a body"
    ours = f"<h1>{escape(title)}</h1>" + "".join(parts) + notes
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{ours}{inner}</body></html>"


def _limits(result: Result) -> str:
    caveats = result.config.caveats()
    if caveats is None:
        body = f"<p>{escape(NOT_STATED)}</p>"
    elif not caveats:
        body = "<p>None, says the config.</p>"
    else:
        body = "".join(
            f"<dt>{escape(c.name.replace('_', ' '))}</dt><dd>{escape(c.words)} — {escape(c.meaning)}.</dd>" for c in caveats
        )
        body = f"<dl>{body}</dl>"
    halted = "".join(f"<p><strong>HALTED</strong> {escape(reason)}</p>" for reason in result.halted)
    made = "".join(f"<p>Synthetic: {escape(text)}.</p>" for text in result.synthetic)
    return f"<section class='limits' id='limits'><h2>What limits this result</h2>{halted}{body}{made}</section>"


def _figures(result: Result) -> str:
    summary, shown = result.summary, result.summary.performance
    money = summary.base_currency
    rows = [
        ("equity", f"{summary.equity_start:,.2f} → {summary.equity_end:,.2f} {money}"),
        ("return", percent_text(summary.return_fraction)),
        ("a year, compound", percent_text(shown.annual_return_fraction)),
        ("volatility a year", percent_text(shown.volatility_fraction, signed=False)),
        ("Sharpe", "–" if shown.sharpe is None else f"{shown.sharpe:.2f}"),
        ("deepest drawdown", percent_text(summary.drawdown_max_fraction, signed=False)),
        ("turnover", f"{summary.turnover:.2f} x mean equity, {summary.traded_notional:,.0f} {money}"),
        ("costs", f"{bps_text(summary.costs_bps)} of what was traded, {summary.costs:,.2f} {money}"),
        (
            "of that fees, spread, slippage",
            ", ".join(map(bps_text, (summary.fees_bps, summary.spread_bps, summary.slippage_bps))),
        ),
        ("financing, credited above 0", f"{summary.financing_base:+,.2f} {money}"),
        ("tracking error after planning", bps_text(summary.tracking_error_bps)),
        ("orders, fills", f"{summary.orders}, {summary.fills}"),
        ("manifests read, refused, held", f"{summary.manifests}, {summary.manifests_refused}, {summary.manifests_held}"),
        ("refusals", ", ".join(f"{code} {count}" for code, count in sorted(summary.refusals.items())) or "none"),
    ]
    note = f"<p class='small'>{escape(shown.definition)}</p>"
    return f"<h2>Figures</h2><div class='facts'>{_table((), rows)}</div>" + note


def _stress(result: Result) -> str:
    if len(result.stress) < 2:
        return ""
    header = ("costs", "equity", "return", "Sharpe", "drawdown", "turnover", "paid", "cost", "financing")
    rows: list[Sequence[str]] = []
    for run in result.stress:
        name = f"{run.multiple.normalize():f}x"
        if run.equity_end is None:
            rows.append((name, f"broke off: {run.failure}"))
            continue
        rows.append(
            (
                name + (" HALTED" if run.failure else ""),
                f"{run.equity_end:,.2f}",
                percent_text(run.return_fraction),
                "–" if run.sharpe is None else f"{run.sharpe:.2f}",
                percent_text(run.drawdown_max_fraction, signed=False),
                f"{run.turnover:.2f}",
                f"{run.costs:,.2f}",
                bps_text(run.costs_bps),
                f"{run.financing_base:+,.2f}",
            )
        )
    multiple = break_even_multiple(result.stress)
    end = (
        ""
        if multiple is None
        else f"<p class='small'>Profit would end at about {multiple:.4g}x these costs; {escape(ESTIMATE)}.</p>"
    )
    return "<h2>The same run at other costs</h2>" + _table(header, rows) + end


def _winners(result: Result) -> str:
    winners = result.summary.winners
    if all(winner.winner == NOBODY for winner in winners):
        return ""
    header = ("winner", "P&L", "traded", "crossed inside", "fees", "spread", "slippage", "financing", "fills")
    rows: list[Sequence[str]] = [
        (
            w.winner or "unattributed",
            f"{w.pnl:,.2f}",
            f"{w.traded:,.0f}",
            f"{w.crossed:,.0f}",
            f"{w.fees:,.2f}",
            f"{w.spread:,.2f}",
            f"{w.slippage:,.2f}",
            f"{w.financing_base:+,.2f}",
            str(w.fills),
        )
        for w in winners
    ]
    return "<h2>By winner</h2>" + _table(header, [*rows, ("all", f"{result.summary.pnl:,.2f}")])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>" if header else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table>{head}{body}</table></div>"
