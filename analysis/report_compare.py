"""Two runs side by side: each figure of both, B minus A, and whether a seeded bootstrap can tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np

from analysis.cost_names import COMPONENTS, TRADING
from analysis.intervals import GROUP_MIN, Difference, median_difference, ratio_difference, rounded, too_small
from analysis.latency import WHOLE
from analysis.log_store import LogStore
from analysis.report_costs import OPPORTUNITIES
from analysis.report_document import SEED, Caveat, Report
from analysis.report_table import Table, table
from analysis.report_text import bps, counted, span, words_of

type Side = tuple[str, LogStore, Report]
type Sample = tuple[Any, Any]  # numpy's, of costs and of their bases

NODES: Final[Mapping[str, Sequence[str]]] = {
    "total": COMPONENTS,
    "delay": ("delay",),
    "trading": TRADING,
    "spread": ("spread",),
    "impact": ("impact",),
    "timing": ("timing",),
    "opportunity": OPPORTUNITIES,
    **{name: (name,) for name in OPPORTUNITIES},
    "fees": ("fees",),
}
"""Node of the cost tree -> the leaves below it."""

PER_MS: Final = 1e6
ONE_BPS: Final = 10_000.0  # as base of every order it makes the ratio in bps their mean


def compare_reports(a: Side, b: Side, *, filters: Mapping[str, str], caveats: Sequence[Caveat] = (), seed: int = SEED) -> Report:
    """Return the report of both: table `compared`, and every table of each with `a_` or `b_` before its name.

    `low`, `high`: 95 % interval of B - A, each run's orders drawn by themselves; None where one of the groups is too small.
    The runs are taken as independent: two runs over the same days share the market, and differ by less than this says.
    """
    (name_a, store_a, first), (name_b, store_b, second) = a, b
    rows = [*_costs(store_a, store_b, first, second, seed=seed), *_latencies(store_a, store_b, seed=seed)]
    made = {"compared": table("compared", ("figure", "unit", "a", "b", "difference", "low", "high", "told_apart"), rows)}
    for letter, report in (("a", first), ("b", second)):
        for name, one in report.tables.items():
            made[f"{letter}_{name}"] = Table(name=f"{letter}_{name}", columns=one.columns, rows=one.rows)
    said = {(caveat.part, caveat.words): caveat for caveat in (*caveats, *first.caveats, *second.caveats)}
    apart = first.base_currency != second.base_currency
    if apart:
        words = (
            f"A counts in {first.base_currency or 'no currency'}, B in {second.base_currency or 'no currency'}: amounts are each "
        )
        one_each = Caveat(part="all", words=f"{words}in its own and bear no sign of it; compare the basis points.")
        said[one_each.part, one_each.words] = one_each
    spans = [ns for ns in (first.first_ns, second.first_ns) if ns is not None]
    ends = [ns for ns in (first.last_ns, second.last_ns) if ns is not None]
    return Report(
        title=f"{name_a} against {name_b}",
        source=f"A: {first.source} {name_a}; B: {second.source} {name_b}",
        base_currency="" if apart else first.base_currency,
        first_ns=min(spans, default=None),
        last_ns=max(ends, default=None),
        lines=first.lines + second.lines,
        filters=dict(filters),
        runs=(*first.runs, *second.runs),
        sentences=_sentences(name_a, name_b, made["compared"], first, second),
        caveats=(
            *said.values(),
            Caveat(
                part="compared",
                words="Intervals take the runs as independent. Over the same days they share the market: a difference told apart "
                f"here is one, one that is not may still be. Below {GROUP_MIN} orders nothing is judged.",
            ),
        ),
        tables=made,
    )


def _costs(a: LogStore, b: LogStore, first: Report, second: Report, *, seed: int) -> list[tuple[Any, ...]]:
    trees = [{row["node"]: row for row in report.table("cost_tree")} for report in (first, second)]
    samples = [_cost_samples(store) for store in (a, b)]
    rows = []
    for node, leaves in NODES.items():
        values = [tree[node]["cost_bps"] for tree in trees]
        if not any(tree[node]["amount_base"] for tree in trees):
            continue
        pairs: list[Sample] = [(sum(sample[leaf] for leaf in leaves), sample["decision_notional"]) for sample in samples]
        rows.append((f"cost {words_of(node)}", "bp", *values, *_judged(values, pairs, seed=seed, name=node)))
    return rows


def _cost_samples(store: LogStore) -> Mapping[str, Any]:
    columns = ", ".join(f'CAST("{name}" AS DOUBLE) AS "{name}"' for name in (*COMPONENTS, "decision_notional"))
    with store.named_faults():
        found = store.connection.execute(
            f"SELECT {columns} FROM order_costs WHERE decision_notional IS NOT NULL ORDER BY seq, line"
        ).fetchnumpy()
    return {name: np.nan_to_num(np.ma.filled(values, 0.0)) for name, values in found.items()}


def _latencies(a: LogStore, b: LogStore, *, seed: int) -> list[tuple[Any, ...]]:
    samples: list[Sample] = []
    medians = []
    for store in (a, b):
        with store.named_faults():
            found = store.connection.execute(
                """SELECT CAST(first_fill_ns - planned_ns AS DOUBLE) / 1e6 AS ms FROM order_instants
                   WHERE first_fill_ns IS NOT NULL AND planned_ns IS NOT NULL ORDER BY seq"""
            ).fetchnumpy()["ms"]
        values = np.asarray(found, dtype=np.float64)
        samples.append((values, np.full(len(values), ONE_BPS)))
        medians.append(rounded(float(np.quantile(values, 0.5, method="inverted_cdf"))) if len(values) else None)
    means = [rounded(float(np.mean(values))) if len(values) else None for values, _ in samples]
    if means == [None, None]:
        return []
    middle = median_difference(samples[0][0], samples[1][0], seed=seed, name="latency median")
    return [
        (f"mean {WHOLE}", "ms", *means, *_judged(means, samples, seed=seed, name="latency")),
        (f"median {WHOLE}", "ms", *medians, *_told(medians, middle)),
    ]


def _judged(values: Sequence[Decimal | None], samples: Sequence[Sample], *, seed: int, name: str) -> tuple[Any, ...]:
    return _told(values, ratio_difference(samples[0], samples[1], seed=seed, name=name))


def _told(values: Sequence[Decimal | None], judged: Difference | None) -> tuple[Any, ...]:
    """Return difference, both ends of its interval, and whether it is told apart from zero; None where it is not known."""
    before, after = values
    gap = None if before is None or after is None else after - before
    if judged is None:
        return gap, None, None, None
    return gap, judged.interval.low, judged.interval.high, judged.told_apart


def _sentences(a: str, b: str, compared: Table, first: Report, second: Report) -> tuple[str, ...]:
    rows = {row["figure"]: row for row in compared.records()}
    orders = [sum(row["orders"] for row in report.table("costs_by_venue")) for report in (first, second)]
    said = [f"A is {a} with {counted(orders[0], 'order')}, B is {b} with {counted(orders[1], 'order')}."]
    total = rows.get("cost total")
    if total is None or total["difference"] is None:
        said.append("At least one of them has no cost to compare.")
    else:
        more = "more" if total["difference"] > 0 else "less"
        said.append(
            f"B cost {bps(abs(total['difference']))} {more} than A ({bps(total['a'])} against {bps(total['b'])}); {_sure(total)}."
        )
    told = [row for figure, row in rows.items() if row["told_apart"] and figure != "cost total" and row["unit"] == "bp"]
    if told:
        names = ", ".join(f"{row['figure'].removeprefix('cost ')} {bps(row['difference'], signed=True)}" for row in told)
        said.append(f"Beyond chance differ {names}.")
    else:
        said.append("No single part of the cost differs beyond chance.")
    late = rows.get(f"mean {WHOLE}")
    if late is not None and late["difference"] is not None:
        before, after = (span(int(late[side] * Decimal(PER_MS))) for side in ("a", "b"))
        said.append(f"From plan to first fill A took {before} and B {after} on average; {_sure(late)}.")
    small = [name for name, count in ((a, orders[0]), (b, orders[1])) if too_small(count)]
    if small:
        said.append(f"Too small to judge: {', '.join(small)}.")
    return tuple(said)


def _sure(row: Mapping[str, Any]) -> str:
    if row["told_apart"] is None:
        return "too few orders to say whether that is chance"
    unit = " bp" if row["unit"] == "bp" else " ms"
    ends = f"95 % of resampled differences lie between {bps(row['low'], unit='')} and {bps(row['high'], unit=unit)}"
    return f"{ends}, which {'is beyond chance' if row['told_apart'] else 'may be chance'}"
