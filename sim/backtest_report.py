"""`sluice backtest`: the run, the same run at multiples of its costs, and the result as words, JSON, CSV and Nautilus' tearsheet.

The limits of the data stand wherever the result does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from analysis.capacity import Capacity, capacity_lines
from analysis.cost_stress import ESTIMATE, StressRun, break_even_multiple
from analysis.result_tables import tables
from analysis.result_text import caveat_lines, month_lines, stress_lines, summary_lines, winner_lines
from analysis.run_summary import RunSummary, document
from engine.bundle_carried import carried_bundle
from engine.inputs import Inputs, read_inputs
from engine.recorded_data import RecordedPrices, with_recorded_data
from engine.run_config import RunConfig, load_config
from lakehouse.bundles import write_bundle
from lakehouse.layout import Layout, replace_file, storage_error
from lakehouse.lock import DataDirectoryLock
from lakehouse.segments import has_file
from orders.canonical import plain
from orders.errors import ConfigError
from orders.values import Record
from sim.backtest_run import backtest, read_feed
from sim.capacity import capacity_of, parse_capital, parse_impact
from sim.cost_stress import parse_multiples, stress
from sim.feed import FeedQuote

BACKTESTS: Final = Path("data/backtests")
NOT_SYNCED: Final = "a backtest skips fdatasync: its log survives a kill up to the last batch"


class Wanted(Record, frozen=True, kw_only=True):
    """What the command line asks for. `output` None: `data/backtests/<run id>`. `multiples`: of costs, as text; None: no stress.

    `tearsheet` None: `tearsheet.html` beside the record, unless `no_tearsheet`. `csv` None: no tables.
    `capacity`: multiples of the starting capital, as text; None: no curve. `impact`: its coefficient, a number or a file.
    `bundle`: the one the run is held to. `prices`: recorded ones, for a config whose own are live.
    """

    as_json: bool
    output: Path | None = None
    multiples: str | None = None
    tearsheet: Path | None = None
    no_tearsheet: bool = False
    csv: Path | None = None
    capacity: str | None = None
    impact: str | None = None
    bundle: str | None = None
    prices: RecordedPrices = RecordedPrices()


class Result(Record, frozen=True, kw_only=True):
    """What a backtest leaves to say. `halted`: why the engine halted itself, empty if it did not."""

    config: RunConfig
    directory: Path
    bundle_sha256: str
    summary: RunSummary
    halted: list[str]
    stress: tuple[StressRun, ...]
    synthetic: tuple[str, ...]
    tearsheet: Path | None
    capacity: Capacity | None = None


def run_backtest(config_path: Path, wanted: Wanted) -> int:
    """Run the whole history into a directory of its own and report. Return 0, or 1 when the engine halted itself.

    A directory that holds a record already is refused. Runs at other costs leave nothing.
    """
    config = with_recorded_data(load_config(config_path), wanted.prices, bundle=wanted.bundle)
    multiples = None if wanted.multiples is None else parse_multiples(wanted.multiples)
    capitals = None if wanted.capacity is None else parse_capital(wanted.capacity)
    impact = None if wanted.impact is None else parse_impact(wanted.impact)
    if impact is not None and capitals is None:
        raise ConfigError("USAGE", expected="--impact beside --capacity", found="--impact alone", action="Name both.")
    inputs = read_inputs(config)
    bundle = carried_bundle(config, inputs, layout=Layout(config.lakehouse.directory), named=wanted.bundle)
    quotes = read_feed(config, inputs)
    run_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{os.getpid()}"
    layout = Layout(directory=wanted.output if wanted.output is not None else BACKTESTS / run_id)
    if has_file(layout.log):
        raise ConfigError(
            "OUTPUT_IN_USE",
            expected="a directory without a record of a run",
            found=str(layout.directory),
            action="Name another with --output, or none.",
        )
    progress = Progress(silent=wanted.as_json)
    tearsheet = None if wanted.no_tearsheet else wanted.tearsheet or layout.tearsheet
    figures: list[Any] = []
    with DataDirectoryLock(layout, run_id=run_id):
        if wanted.bundle is not None:
            write_bundle(layout, bundle)
        base = backtest(
            config,
            inputs,
            layout=layout,
            run_id=run_id,
            say=progress.say,
            quotes=quotes,
            look=lambda engine: None if tearsheet is None else figures.append(_figures(engine)),
            bundle_sha256=bundle.sha256,
        )
        rows = () if multiples is None else _stressed(config, inputs, quotes, run_id, multiples, base, progress=progress)
        curve = None
        if capitals is not None:
            progress.note("asking how much capital these trades bear")
            curve = capacity_of(config, layout=layout, summary=base[0], quotes=quotes, multiples=capitals, impact=impact)
        result = Result(
            config=config,
            directory=layout.directory,
            bundle_sha256=bundle.sha256,
            summary=base[0],
            halted=base[1],
            stress=rows,
            synthetic=inputs.synthetic,
            tearsheet=tearsheet,
            capacity=curve,
        )
        if tearsheet is not None:
            from sim.tearsheet import write_tearsheet  # here: it imports pandas and plotly

            progress.note("drawing the tearsheet")
            write_tearsheet(tearsheet, result, figures=figures[0])
        if wanted.csv is not None:
            write_tables(wanted.csv, result)
    progress.end()
    if wanted.as_json:
        sys.stdout.write(json.dumps(plain(result_document(result)), sort_keys=True) + "\n")
    else:
        sys.stdout.write("\n".join(result_lines(result)) + "\n")
    return 1 if result.halted else 0


def _figures(engine: Any) -> Any:
    from sim.tearsheet import figures_of

    return figures_of(engine)


def _stressed(
    config: RunConfig,
    inputs: Inputs,
    quotes: Sequence[FeedQuote],
    run_id: str,
    multiples: Sequence[Any],
    base: tuple[RunSummary, list[str]],
    *,
    progress: Progress,
) -> tuple[StressRun, ...]:
    def run(dearer: RunConfig, feed: Sequence[FeedQuote], layout: Layout) -> tuple[RunSummary, list[str]]:
        return backtest(dearer, inputs, layout=layout, run_id=run_id, say=progress.say, quotes=feed)

    return stress(config, inputs, quotes=quotes, multiples=multiples, base=base, run=run)


def result_document(result: Result) -> dict[str, Any]:
    """Return everything as one JSON object: the summary's keys, and beside them what belongs to the run."""
    caveats = result.config.caveats()
    return {
        **document(result.summary),
        "environment": result.config.environment,
        "directory": str(result.directory),
        "bundle_sha256": result.bundle_sha256,
        "halted": result.halted,
        "synthetic": list(result.synthetic),
        "caveats": None if caveats is None else list(caveats),
        "cost_stress": list(result.stress),
        "break_even_multiple": break_even_multiple(result.stress),
        "break_even_note": ESTIMATE,
        "capacity": result.capacity,
        "tearsheet": None if result.tearsheet is None else str(result.tearsheet),
    }


def result_lines(result: Result) -> list[str]:
    """Return the result for a person."""
    summary = result.summary
    parts = [
        summary_lines(summary, title=f"backtest · {result.config.environment}"),
        [*caveat_lines(result.config.caveats()), *(f"synthetic      {text}" for text in result.synthetic)],
        stress_lines(result.stress, base_currency=summary.base_currency),
        [] if result.capacity is None else capacity_lines(result.capacity, base_currency=summary.base_currency),
        winner_lines(summary),
        month_lines(summary),
    ]
    lines = [line for part in parts if part for line in (*part, "")]
    if result.tearsheet is not None:
        lines.append(f"tearsheet      {result.tearsheet}")
    lines += [
        f"not synced     {NOT_SYNCED}",
        f"bundle         {result.bundle_sha256}",
        f"what is left   {result.directory}",
        f"next           .venv/bin/sluice verify --lakehouse {result.directory}",
    ]
    return lines + [f"HALTED         {failure}" for failure in result.halted]


def write_tables(directory: Path, result: Result) -> None:
    """Write the result's tables as CSV files into `directory`, each whole or not at all. Raises `StorageError`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in tables(
            result.summary, stress=result.stress, caveats=result.config.caveats(), capacity=result.capacity
        ).items():
            replace_file(directory / f"{name}.csv", text.encode())
    except OSError as error:
        raise storage_error(error, directory) from error


class Progress:
    """One line that is written over on a terminal; nothing in a log, nothing for a script."""

    def __init__(self, *, silent: bool) -> None:
        self._shown = not silent and sys.stdout.isatty()

    def say(self, day: str, done: int, total: int) -> None:
        """Show how far a run is."""
        width = 40
        bar = "█" * (width * done // total)
        self.note(f"{day}  ▕{bar:<{width}}▏ {done} of {total} instants")

    def note(self, words: str) -> None:
        """Show what is going on."""
        if self._shown:
            sys.stdout.write(f"\r{words}\x1b[K")
            sys.stdout.flush()

    def end(self) -> None:
        """Clear the line."""
        self.note("")
        if self._shown:
            sys.stdout.write("\r")
