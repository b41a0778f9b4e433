"""`sluice backtest [CONFIG]`: the same strategy and guard over history."""

from __future__ import annotations

from pathlib import Path


def run(
    config: Path,
    *,
    as_json: bool,
    output: Path | None,
    multiples: str | None,
    tearsheet: Path | None,
    no_tearsheet: bool,
    csv: Path | None,
    capacity: str | None,
    impact: str | None,
    bundle: str | None,
) -> int:
    """Run the backtest; `output` None: a directory of its own below data/backtests. Return the exit code."""
    from sim.backtest_report import Wanted, run_backtest

    wanted = Wanted(
        as_json=as_json,
        output=output,
        multiples=multiples,
        tearsheet=tearsheet,
        no_tearsheet=no_tearsheet,
        csv=csv,
        capacity=capacity,
        impact=impact,
        bundle=bundle,
    )
    return run_backtest(config, wanted)
