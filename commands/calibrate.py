"""`sluice calibrate [CONFIG]`: assumptions fitted from own fills, into a new numbered file; none is ever changed."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.output import Exit, print_json
from orders.errors import ConfigError

if TYPE_CHECKING:
    from analysis.calibration import Calibration
    from analysis.log_store import LogStore
    from engine.run_config import RunConfig
    from lakehouse.layout import Layout
    from orders.values import AverageVolume


def run(given: Namespace) -> int:
    """Fit, judge, write. Exit code 0: a new file was written; 3: the prior stands in everything, and nothing was written."""
    from analysis.calibration import calibrate
    from analysis.calibration_data import observe
    from analysis.calibration_text import anything_fitted, calibration_document, calibration_lines
    from engine.run_config import load_config
    from engine.volumes_in import load_volumes
    from lakehouse.layout import Layout, safe_name
    from orders.assumptions import FillRule

    config = load_config(given.config)
    prior = config.assumptions()
    if prior.fill_rule is FillRule.PERFECT:
        raise ConfigError(
            "CALIBRATE_PERFECT",
            expected="fill_rule touch: perfect fills have no costs to calibrate",
            found="perfect",
            action="Name the config of a run at the touch.",
        )
    if given.quotes is not None and given.fills is None:
        raise ConfigError("USAGE", expected="--quotes beside --fills", found="--quotes alone", action="Name both.")
    if given.run is not None and given.fills is not None:
        raise ConfigError("USAGE", expected="--run or --fills", found="both", action="Fills of another system have no run.")
    if given.name is not None:
        safe_name(given.name)  # the same characters as a name in a config
    layout = Layout(directory=config.lakehouse.directory if given.lakehouse is None else given.lakehouse)
    with _store(given, layout) as store:
        if given.run is not None and not store.rows("SELECT 1 FROM runs LIMIT 1"):
            raise ConfigError(
                "RUN_UNKNOWN", expected=f"a run of {layout.log}", found=given.run, action="Name another with --run, or none."
            )
        volumes = load_volumes(config)
        volatilities = _volatilities(config, store, layout, volumes=volumes, foreign=given.fills is not None)
        seen = observe(store, volumes=volumes, volatilities=volatilities, foreign=given.fills is not None)
    found = calibrate(seen, prior=prior, seed=given.seed)
    document = calibration_document(found)
    written = _write(given, config, layout, found, document) if anything_fitted(found) else None
    if given.json:
        print_json({**document, **({"file": None} if written is None else written)})
    else:
        print("\n".join(calibration_lines(found)))
        print("\n".join(_written_lines(written)))
    return Exit.REFUSED if written is None else Exit.DONE


def _store(given: Namespace, layout: Layout) -> LogStore:
    from analysis.foreign_store import open_foreign
    from analysis.log_store import open_log

    if given.fills is not None:
        return open_foreign(given.fills, given.quotes)
    return open_log(layout.log, run=given.run, copy=not given.no_copy)


def _volatilities(
    config: RunConfig, store: LogStore, layout: Layout, *, volumes: Mapping[str, AverageVolume], foreign: bool
) -> Mapping[str, Decimal]:
    """Return daily volatilities: of the quotes beside foreign fills, of live prices as recorded, else of the config's prices."""
    from analysis.quotes import daily_mids
    from analysis.volatility import daily_volatilities

    if not volumes:
        return {}  # nobody asks for them: impact needs both
    if foreign:
        return daily_volatilities(daily_mids(store))
    if config.data.live:
        recorded = any(layout.top_of_book.glob("*.parquet"))
        return daily_volatilities(daily_mids(store, layout.top_of_book)) if recorded else {}
    from engine.inputs import read_inputs
    from sim.backtest_run import read_feed

    feed = read_feed(config, read_inputs(config))
    return daily_volatilities((quote.market_ns, quote.symbol, (quote.bid + quote.ask) / 2) for quote in feed)


def _write(given: Namespace, config: RunConfig, layout: Layout, found: Calibration, document: dict[str, Any]) -> dict[str, Any]:
    from analysis.calibration_text import parameter_tables, with_changes
    from engine.config_include import with_assumptions
    from engine.config_sections import AssumptionsSection
    from lakehouse.assumptions_file import write_assumptions
    from orders.canonical import canonical_sha256

    prior = config.assumptions()
    base = given.name or prior.name
    named, _ = with_assumptions(tomllib.loads(config.path.read_text()))
    table = with_changes(named["assumptions"], found, name=base)
    section = AssumptionsSection.model_validate(table)  # what is written is what a config may say
    made = {
        "from": str(layout.log if given.fills is None else given.fills),
        "run": given.run,
        "config_sha256": config.sha256,
        "prior_sha256": canonical_sha256(prior),
        "assumptions_sha256": canonical_sha256(config.model_copy(update={"assumptions_section": section}).assumptions()),
        "seed": given.seed,
        "cut_ns": str(found.cut_ns),
        "notes": document["notes"],
    }
    directory = layout.calibrations if given.output is None else given.output
    path, sha256 = write_assumptions(
        directory, assumptions=table, made=made, parameters=parameter_tables(found), report={"made": made, **document}
    )
    return {"file": str(path), "sha256": sha256, "report": str(path.with_suffix(".json")), "made": made}


def _written_lines(written: Mapping[str, Any] | None) -> list[str]:
    if written is None:
        return ["", "nothing written: the prior stands in every assumption"]
    return [
        "",
        f"written        {written['file']}, report {written['report']}; no config uses it yet. In a run config:",
        "",
        "    [assumptions]",
        f'    file = "{written["file"]}"',
        f'    sha256 = "{written["sha256"]}"',
    ]


def add(command: Any, *, default: Path) -> None:
    """Add the options of `sluice calibrate`."""
    command.add_argument(
        "config", nargs="?", type=Path, default=default, metavar="CONFIG", help="whose assumptions are the prior (%(default)s)"
    )
    command.add_argument("--lakehouse", type=Path, metavar="DIR", help="the data directory with the log (the config's)")
    command.add_argument("--run", metavar="RUN", help="only the fills of this run id")
    command.add_argument("--fills", type=Path, metavar="FILE", help="fills of another system instead of a log (CSV)")
    command.add_argument("--quotes", type=Path, metavar="FILE", help="quotes beside --fills (CSV)")
    command.add_argument(
        "--output", type=Path, metavar="DIR", help="where the new file goes (calibrations/ of the data directory)"
    )
    command.add_argument("--name", metavar="NAME", help="name of the new assumptions (the prior's)")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="of the intervals (%(default)s)")
    command.add_argument("--no-copy", action="store_true", help="keep no Parquet copy beside the log")
