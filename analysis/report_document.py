"""The report as one plain, versioned document: what HTML, JSON, CSV, Parquet and the terminal all show, and nothing else.

It is a function of the log, the quotes and the arguments: no clock, no random but a seeded one, so that the same log gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from analysis.contradictions import contradictions
from analysis.cost_tree import order_costs
from analysis.denial_costs import denial_costs
from analysis.latency import latency_histogram, latency_stages, make_instants
from analysis.latency_cost import latency_cost
from analysis.log_store import LogStore
from analysis.report_base import make_base
from analysis.report_costs import cost_tree, costs_by, worst_orders
from analysis.report_market import benchmark_rows, forecast_rows, markout_rows, paper_words, ratio_rows, state_rows
from analysis.report_replay import Replays, replay_tables
from analysis.report_story import stories
from analysis.report_table import Table, table
from analysis.report_trading import fills_drawn, not_traded, price_points, refusals, weights
from analysis.report_twin import twin_tables
from lakehouse.twins import TWIN
from orders.errors import ConfigError
from orders.values import Record

REPORT_VERSION: Final = 1
QUOTE_TABLE: Final = "quote_mids"  # what `quotes.load_quotes` makes
SEED: Final = 20_260_101  # of the bootstrap; the same log gives the same intervals


class Caveat(Record, frozen=True, kw_only=True):
    """Something that limits a result. `part`: which one, "all" or the name of a part of the page."""

    part: str
    words: str


class RunFacts(Record, frozen=True, kw_only=True):
    """One process that wrote the log; `market_speed` how many market seconds a second of its clock had.
    `bundle_sha256`: of all it depends on; None: a run of before there were bundles.
    """

    run_id: str
    kind: str
    environment: str
    sluice_version: str
    started_ns: int
    market_ns: int
    market_speed: int
    data_source: str
    assumptions_name: str
    fill_rule: str
    bundle_sha256: str | None = None


class Report(Record, frozen=True, kw_only=True):
    """All of a report. `first_ns`, `last_ns`: market time of the first and last line that is in it; None of an empty one."""

    version: int = REPORT_VERSION
    title: str
    source: str
    base_currency: str
    first_ns: int | None
    last_ns: int | None
    lines: int
    filters: Mapping[str, str]
    runs: tuple[RunFacts, ...]
    sentences: tuple[str, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    tables: Mapping[str, Table]

    def table(self, name: str) -> list[Mapping[str, Any]]:
        """Return a table's rows as column -> value; of one that is not there, none."""
        return list(self.tables[name].records()) if name in self.tables else []


def build_report(
    store: LogStore,
    *,
    title: str,
    source: str,
    by: Sequence[Sequence[str]] = (),
    filters: Mapping[str, str] | None = None,
    caveats: Sequence[Caveat] = (),
    quotes: bool = False,
    trades: Path | None = None,
    replays: Replays | None = None,
    seed: int = SEED,
) -> Report:
    """Return the report of an open log. `by`: groupings beside venue and symbol. `source`: how the log is named on the page.
    `quotes`: the recorded market has been loaded (`quotes.load_quotes`); without it the log's own prices must do.
    `trades`: the directory of its recorded public trades, used beside quotes. `replays`: what replays found, by run; None: not
    asked for.

    Raises `ConfigError` (BY_UNKNOWN, BASE_CURRENCIES: the runs count in different ones), and what the store raises.
    """
    runs, currencies = _runs(store)
    if len(currencies) > 1:
        raise ConfigError(
            "BASE_CURRENCIES",
            expected="runs that count in one base currency",
            found=", ".join(sorted(currencies)),
            action="Name one run after --run.",
        )
    recorded = QUOTE_TABLE if quotes else None
    make_base(store)
    order_costs(store, quotes=recorded)
    make_instants(store)
    groupings = [("venue",), ("symbol",), *(tuple(keys) for keys in by)]
    worst = worst_orders(store)
    made = [
        cost_tree(store),
        *(costs_by(store, keys=keys, seed=seed) for keys in dict.fromkeys(groupings)),
        latency_stages(store),
        latency_histogram(store),
        latency_cost(store, quotes=recorded, seed=seed),
        ratio_rows(store),
        state_rows(store),
        forecast_rows(store),
        *([markout_rows(store, seed=seed)] if quotes else []),
        *([benchmark_rows(store, trades=trades, own_are_public=not _simulated(runs))] if quotes else []),
        contradictions(store),
        refusals(store),
        denial_costs(store),
        not_traded(store),
        *weights(store),
        price_points(store, quotes=recorded),
        fills_drawn(store),
        worst,
        stories(store, [row["order_id"] for row in worst.records()]),
        *(replay_tables(store, replays) if replays is not None else []),
        *twin_tables(store),
        run_rows(runs),
    ]
    first, last, lines = _extent(store)
    report = Report(
        title=title,
        source=source,
        base_currency=next(iter(currencies), ""),
        first_ns=first,
        last_ns=last,
        lines=lines,
        filters=dict(filters or {}),
        runs=runs,
        tables={table.name: table for table in made},
    )
    from analysis.report_words import caveats_of, sentences

    paper = paper_words(store, recorded=quotes) if _simulated(runs) else None
    if paper is not None:
        caveats = (*caveats, Caveat(part="costs", words=paper))
    told = (*caveats, *caveats_of(store, report))
    return msgspec.structs.replace(report, caveats=told, sentences=sentences(report))


def empty_report(*, title: str, source: str, filters: Mapping[str, str]) -> Report:
    """Return the report of a log without a line: one sentence, no table."""
    return Report(
        title=title,
        source=source,
        base_currency="",
        first_ns=None,
        last_ns=None,
        lines=0,
        filters=dict(filters),
        runs=(),
        sentences=("The log is empty: nothing has run yet, so there is nothing to report.",),
        tables={},
    )


def run_rows(runs: Sequence[RunFacts]) -> Table:
    """Return the runs as a table, so that every file of a report says of which bundle its figures are."""
    columns = (
        "run_id",
        "kind",
        "environment",
        "sluice_version",
        "bundle_sha256",
        "assumptions_name",
        "started_ns",
        "data_source",
    )
    return table("runs", columns, [[getattr(run, name) for name in columns] for run in runs])


def _simulated(runs: Sequence[RunFacts]) -> bool:
    return any(run.kind in ("shadow", "backtest", TWIN) for run in runs)


def _runs(store: LogStore) -> tuple[tuple[RunFacts, ...], set[str]]:
    found = store.rows(
        """SELECT run_id, kind, environment, sluice_version, ts_ns, market_ns, market_speed, data_source,
             coalesce(assumptions ->> 'name', ''), coalesce(assumptions ->> 'fill_rule', ''), bundle_sha256, base_currency
           FROM runs ORDER BY seq"""
    )
    facts = tuple(
        RunFacts(
            run_id=row[0], kind=row[1], environment=row[2], sluice_version=row[3], started_ns=row[4], market_ns=row[5],
            market_speed=row[6], data_source=row[7], assumptions_name=row[8], fill_rule=row[9], bundle_sha256=row[10],
        )
        for row in found
    )  # fmt: skip
    return facts, {row[-1] for row in found}


def _extent(store: LogStore) -> tuple[int | None, int | None, int]:
    """Return market time of the first and last intent, fill, plan or manifest, and the highest line number among them."""
    parts = " UNION ALL ".join(
        f"SELECT min(market_ns) AS a, max(market_ns) AS b, max(seq) AS n FROM {name}"
        for name in ("report_intents", "report_fills", "plans", "manifests", "equities")
    )
    first, last, lines = store.rows(f"SELECT min(a), max(b), max(n) FROM ({parts})")[0]
    return first, last, lines or 0
