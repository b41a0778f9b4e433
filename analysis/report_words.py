"""What a report says before its pictures: five sentences for a portfolio manager, and what limits the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from analysis.contradictions import contradiction_words
from analysis.intervals import GROUP_MIN
from analysis.latency import WHOLE
from analysis.log_store import LogStore
from analysis.report_costs import left_out
from analysis.report_text import bps, counted, day, money, span, words_of
from analysis.report_twin import twin_sentence

if TYPE_CHECKING:
    from analysis.report_document import Caveat, Report

ZERO: Final = Decimal(0)
LEAVES_SAID: Final = 3
MEANT: Final = {  # of the largest leaf, which is not left to be looked up
    "delay": "prices moved before we planned",
    "spread": "half the book's width",
    "impact": "beyond the touch",
    "timing": "prices moved while we traded",
    "unsplit": "of fills whose book is not known",
    "unfilled": "sent and not filled",
    "denied": "by a control",
    "dust": "too small to send",
    "held_back": "left for later or kept",
    "market_closed": "waiting for the open",
}


def sentences(report: Report) -> tuple[str, ...]:
    """Return five sentences: what was paid, where that came from, how late we were, what was not done, how near the targets.

    Of a twin, which has no plan and pays nothing: how far the live run lies apart from it, and what became of its orders.
    """
    twin = twin_sentence(report)
    if twin is not None:
        return twin, _undone(report)
    return (_paid(report), _where(report), _late(report), _undone(report), _near(report))


def _paid(report: Report) -> str:
    if report.first_ns is None or report.last_ns is None:
        if "from" in report.filters or "to" in report.filters:
            return "Nothing lies within the time asked for: no manifest, plan, order or fill."
        if report.runs:
            return "A run has started, but read no manifest: nothing was planned, so nothing was traded."
        return "The log is empty: nothing has run yet."
    when = f"On {day(report.first_ns)}"
    if day(report.last_ns) != day(report.first_ns):
        when = f"From {day(report.first_ns)} to {day(report.last_ns)}"
    venues = report.table("costs_by_venue")
    symbols = report.table("costs_by_symbol")
    orders = sum(row["orders"] for row in venues)
    traded = sum((row["traded_base"] for row in venues), ZERO)
    if not orders:
        return f"{when} no order was meant to be sent, so nothing was traded and nothing was paid."
    tree = {row["node"]: row for row in report.table("cost_tree")}
    total = tree["total"]
    where = f"{counted(orders, 'order')} of {counted(len(symbols), 'instrument')} at {counted(len(venues), 'venue')}"
    if total["cost_bps"] is None:
        sums = f"{money(traded, report.base_currency)} traded, fees {money(tree['fees']['amount_base'])}; " if traded else ""
        return f"{when} we had {where}, none with a price to judge it by that could be valued: {sums}the cost is not known."
    paid = "paid" if total["amount_base"] >= 0 else "gained"
    sure = ""
    if len(venues) == 1 and venues[0]["low_bps"] is not None:
        ends = f"{bps(venues[0]['low_bps'], unit='')} to {bps(venues[0]['high_bps'])}"
        sure = f"; orders like these cost {ends} (95 % interval)"
    return (
        f"{when} we traded {money(traded, report.base_currency)} in {where} and {paid} "
        f"{money(abs(total['amount_base']), report.base_currency)} against the decision prices, "
        f"{bps(abs(total['cost_bps']))} of what was decided{sure}."
    )


def _where(report: Report) -> str:
    tree = {row["node"]: row for row in report.table("cost_tree")}
    if tree and tree["total"]["cost_bps"] is None and report.table("costs_by_venue"):
        return "What is missing stands in the notes."
    if not tree or not any(row["amount_base"] for row in tree.values() if row["node"] != "decision notional"):
        return "There is no cost to explain."
    parents = {row["below"] for row in tree.values()}
    leaves = [
        row for row in tree.values() if row["below"] not in ("", "beside") and row["node"] not in parents and row["amount_base"]
    ]
    leaves.sort(key=lambda row: -abs(row["amount_base"]))
    told = [f"{words_of(row['node'])} {bps(row['cost_bps'], signed=True)}" for row in leaves[:LEAVES_SAID]]
    first = str(leaves[0]["node"]).removeprefix("opportunity_")
    told[0] += f" ({MEANT[first]})" if first in MEANT else ""
    told[0] += "; then" if len(told) > 1 else ""
    share = (
        "Most of it is" if 2 * abs(leaves[0]["amount_base"]) > sum(abs(row["amount_base"]) for row in leaves) else "By size it is"
    )
    rest = sum((row["cost_bps"] or ZERO for row in leaves[LEAVES_SAID:]), ZERO)
    more = f", everything else {bps(rest, signed=True)}" if len(leaves) > LEAVES_SAID else ""
    trading = (tree["trading"]["cost_bps"] or ZERO) + (tree["fees"]["cost_bps"] or ZERO)
    forecast = next((row for row in report.table("forecast") if row["group"] == "all"), None)
    against = ""
    if forecast is not None and forecast["forecast_bps"] is not None and forecast["realised_bps"] is not None:
        gap = forecast["realised_bps"] - forecast["forecast_bps"]
        against = f", which is {bps(forecast['realised_bps'])} of what was traded, {_gap_words(gap)} forecast"
    return (
        f"{share} {', '.join(told).replace('; then,', '; then')}{more}; what was in our own hands, trading and fees, came to "
        f"{bps(trading, signed=True)}{against}."
    )


def _gap_words(gap: Decimal) -> str:
    if abs(gap) < Decimal("0.005"):
        return "just the"
    return f"{bps(abs(gap))} {'more' if gap > 0 else 'less'} than the"


def _late(report: Report) -> str:
    rows = {row["stage"]: row for row in report.table("latency_stages") if row["by"] == "all"}
    whole = rows.get(WHOLE)
    inner = [
        row
        for name, row in rows.items()
        if name != WHOLE and row["mean_ns"] is not None and not name.startswith("manifest") and "last fill" not in name
    ]
    if whole is None or not inner:
        return "No order was filled, so there is no latency to tell." if not whole else "The times of its stages are not known."
    longest = max(inner, key=lambda row: row["mean_ns"])
    slowest = f"the longest stage was {longest['stage']}, {span(longest['mean_ns'])} on average"
    if not whole["orders"]:
        return f"When orders were planned is not known; {slowest}."
    if whole["p50_ns"] is None:  # one order has no middle
        return f"From plan to first fill the one order took {span(whole['max_ns'])}; {slowest}."
    tail = (
        f"19 of 20 within {span(whole['p95_ns'])}"
        if whole["p95_ns"] is not None
        else f"the slowest after {span(whole['max_ns'])}"
    )
    return f"Half of the orders began to fill within {span(whole['p50_ns'])} of their plan, {tail}; {slowest}."


def _undone(report: Report) -> str:
    ended: dict[str, int] = {}
    for row in report.table("order_states"):
        ended[row["state"]] = ended.get(row["state"], 0) + row["orders"]
    orders, filled = sum(ended.values()), ended.get("filled", 0)
    parts = [f"{count:,} {state}" for state, count in sorted(ended.items()) if state != "filled"]
    unknown = sum(row["unknown"] for row in report.table("order_ratios"))
    parts += [f"{unknown:,} without an answer for some time"] if unknown else []
    said = f"{filled:,} of {counted(orders, 'order')} filled in full" if orders else "There were no orders"
    said += f"; {', '.join(parts)}" if parts else ""
    lines = report.table("not_traded")
    if lines:
        counts = [f"{row['lines']:,} {words_of(row['reason'].lower())}" for row in lines[:3]]
        why = ", ".join(counts) if len(lines) > 1 else words_of(lines[0]["reason"].lower())
        said += f"; {counted(sum(row['lines'] for row in lines), 'plan line')} {_were(lines)} not traded ({why})"
    refused = [
        row for row in report.table("refusals") if row["what"] in ("manifest", "plan") and row["code"] != "MANIFEST_VANISHED"
    ]
    if refused:
        what = ", ".join(f"{row['code']} {row['count']}" for row in refused[:3]) if len(refused) > 1 else refused[0]["code"]
        count = sum(row["count"] for row in refused)
        kinds = sorted({row["what"] for row in refused})
        names = (" or ".join(kinds), " or ".join(f"{kind}s" for kind in kinds))
        said += f"; {counted(count, *names)} {'was' if count == 1 else 'were'} refused or held ({what})"
    return said + "."


def _were(rows: Sequence[Mapping[str, Any]]) -> str:
    return "was" if sum(row["lines"] for row in rows) == 1 else "were"


def _near(report: Report) -> str:
    tracking = [row for row in report.table("tracking_error") if row["achieved_bps"] is not None]
    if not tracking:
        return "There is no plan that could be valued, so there is no distance to a target."
    last = tracking[-1]
    mean = sum((row["achieved_bps"] for row in tracking), ZERO) / len(tracking)
    missed = last["achieved_bps"] - (last["planned_bps"] or ZERO)
    end = f", {bps(missed)} more than planned" if missed > Decimal("0.05") else ", as planned"
    after, also = "After the one plan", ""
    if len(tracking) > 1:
        after, also = f"After the last of {len(tracking):,} plans", f"; on average over all plans {bps(mean)}"
    return f"{after} the book stood {bps(last['achieved_bps'])} of equity from its targets{end}{also}."


def caveats_of(store: LogStore, report: Report) -> tuple[Caveat, ...]:
    """Return what the log itself says against its results: simulated fills, synthetic data, clocks, lines left out."""
    from analysis.report_document import Caveat

    made = [Caveat(part="all", words=note) for note in store.notes]
    made += [Caveat(part="all", words=words) for words in contradiction_words(report.tables["contradictions"])]
    for kind in sorted({run.kind for run in report.runs} & {"shadow", "backtest"}):
        rules = " and ".join(sorted({run.fill_rule for run in report.runs if run.kind == kind}))
        made.append(
            Caveat(part="all", words=f"Fills of a {kind} are simulated (fill rule {rules}): no real market took the other side.")
        )
    seen: set[str] = set()
    for (synthetic,) in store.rows("SELECT synthetic FROM runs ORDER BY seq"):
        for words in msgspec.json.decode(synthetic) if synthetic else ():
            if words not in seen:
                seen.add(words)
                made.append(Caveat(part="all", words=f"Synthetic: {words}."))
    made += [Caveat(part="latency", words=words) for words in _clocks(report)]
    made += [Caveat(part="all" if "not in the sums" in words else "costs", words=words) for words in left_out(store)]
    made.append(
        Caveat(
            part="costs",
            words=f"Groups of fewer than {GROUP_MIN} orders are shown hollow: they are too small to judge, and have no interval.",
        )
    )
    if "markouts" in report.tables:
        missing = sum(row["missing"] for row in report.table("markouts") if row["group"] == "all")
        if missing:
            words = (
                f"{missing:,} mids after fills are not recorded, or older than a minute: they are in no figure, not filled in."
            )
            made.append(Caveat(part="markouts", words=words))
    if report.filters.keys() & {"from", "to"} and report.table("replays"):
        made.append(Caveat(part="replays", words="A replay is of the whole run: --from and --to do not cut it."))
    shown = "the recorded quotes, thinned" if "markouts" in report.tables else "those the log saw at plans, arrivals and fills"
    made.append(Caveat(part="prices", words=f"Prices are {shown}; between two points nothing is known."))
    made.append(
        Caveat(
            part="tracking",
            words="Weights are at each plan's own prices; how the book drifted between plans is in the next plan's start.",
        )
    )
    return tuple(made)


def _clocks(report: Report) -> list[str]:
    said = ["Intervals are differences of one process's clock; a venue's own time is not mixed in."]
    if any(run.kind == "backtest" for run in report.runs):
        said.append("A backtest's clock is simulated: its latencies are what the assumptions say, computing takes no time in it.")
    speeds = sorted({run.market_speed for run in report.runs if run.kind == "shadow" and run.market_speed != 1})
    if speeds:
        factor = ", ".join(f"{speed:,}" for speed in speeds)
        said.append(
            f"The market was replayed {factor} times as fast as real: latencies are in real time, so that prices moved "
            f"{factor} times as far in each as they would have. What a delay cost is overstated by that, and manifest read to "
            "planned is the wait for a price."
        )
    if any(row["negative"] for row in report.table("latency_stages")):
        said.append("Some stages end before they begin: a clock was set back, or an answer was told after the fill it led to.")
    return said
