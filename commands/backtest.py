"""`sluice backtest [CONFIG]`: the same strategy and guard over history."""

from __future__ import annotations

from pathlib import Path


def run(config: Path, *, as_json: bool, output: Path | None) -> int:
    """Run the backtest; `output` None: where the config says. Return the exit code."""
    from sim.backtest_run import run_backtest

    return run_backtest(config, as_json=as_json, output=output)
