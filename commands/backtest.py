"""`sluice backtest [CONFIG]`: the same strategy and guard over history."""

from __future__ import annotations

import argparse


def run(given: argparse.Namespace) -> int:
    """Run the backtest; without `--output` into a directory of its own below data/backtests. Return the exit code."""
    from engine.recorded_data import RecordedPrices
    from sim.backtest_report import Wanted, run_backtest

    wanted = Wanted(
        as_json=given.json,
        output=given.output,
        multiples=None if given.no_stress else given.stress,
        tearsheet=given.tearsheet,
        no_tearsheet=given.no_tearsheet,
        csv=given.csv,
        capacity=given.capacity,
        impact=given.impact,
        bundle=given.bundle,
        prices=RecordedPrices(source=given.data, first=given.first, last=given.last, manifests=given.manifests),
    )
    return run_backtest(given.config, wanted)
