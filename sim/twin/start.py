"""`sluice twin`: what must hold before a twin begins, and of every run that it follows: live, of its config, of one bundle."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from orders.errors import ConfigError
from sim.twin.quotes import refuse_other_data
from sim.twin.run import TwinRun


def run_twin(
    config_path: Path,
    *,
    live: Path,
    directory: Path | None,
    as_json: bool,
    for_s: int | None = None,
    bundle: str | None = None,
) -> int:
    """Follow the live run in `live` until Ctrl-C, SIGTERM or `for_s` seconds; write into `directory` (None: `<live>-twin`).

    `bundle`: the one it is held to, the live run's where none is named. Return 0; 1 when it had to halt itself. Raises
    `ConfigError` TWIN_DATA, TWIN_DIRECTORY; `NotAsked` BUNDLE_DIFFERS, TWIN_NOT_LIVE; `NotYet`; `RecordCorrupt` of the live log.
    """
    config = load_config(config_path)
    refuse_other_data(config)
    own = live.with_name(f"{live.name}-twin") if directory is None else directory
    if own.resolve() == live.resolve():
        raise ConfigError(
            "TWIN_DIRECTORY",
            expected="a data directory of the twin's own",
            found=f"{own}, the live run's",
            action="Name another one with --directory, or leave it out.",
        )
    inputs = read_inputs(config)
    run_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{os.getpid()}"
    layout = Layout(own)
    with DataDirectoryLock(layout, run_id=run_id):
        run = TwinRun(
            config=config,
            inputs=inputs,
            layout=layout,
            live=Layout(live),
            run_id=run_id,
            as_json=as_json,
            for_s=for_s,
            bundle=bundle,
        )
        return asyncio.run(run.run())
