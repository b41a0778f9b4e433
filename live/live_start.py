"""`sluice live CONFIG`: the data directory held, its record verified, and one `LiveRun` on it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from engine.gates_file import DEFAULT_GATES
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.private_file import KEYS
from lakehouse.segments import has_file
from lakehouse.verifier import verify
from live.live_run import LiveRun
from orders.errors import ConfigError

NO_SOURCES: Final[Mapping[str, Path]] = MappingProxyType({})


def run_live(
    config_path: Path,
    *,
    as_json: bool,
    for_s: int | None = None,
    keys: Path = KEYS,
    bundle: str | None = None,
    gates: Path = DEFAULT_GATES,
    sources: Mapping[str, Path] = NO_SOURCES,
) -> int:
    """Run live until Ctrl-C, SIGTERM or a halt that ends it; `for_s`: end after so many seconds; `bundle`: what it is held to;
    None: the bundle that may trade by the record's promotions, without any its own. `gates`: the gates file a promoted run is
    held to while it runs, `sources`: directories of evidence over those it names.

    Return 0; 1 when the run had to halt itself; 3 when every manifest it read was refused. Raises `NotArmed`, `ConfigError`,
    `VenueUnavailable`, `LockHeld`, `RecordCorrupt`.
    """
    config = load_config(config_path)
    if config.live is None:
        raise ConfigError(
            "CONFIG_NOT_LIVE",
            expected=f"the table [live] in {config_path}",
            found="none",
            action="data/README.md says what it needs; `sluice shadow` runs this config with simulated fills.",
        )
    inputs = read_inputs(config)
    run_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{os.getpid()}"
    layout = Layout(directory=config.lakehouse.directory)
    with DataDirectoryLock(layout, run_id=run_id):
        report = verify(layout.directory) if has_file(layout.log) else None
        problem = "" if report is None or report.ok else str(report.first_bad)
        run = LiveRun(
            config=config,
            inputs=inputs,
            layout=layout,
            run_id=run_id,
            as_json=as_json,
            for_s=for_s,
            keys=keys.expanduser(),
            environ=os.environ,
            ledger_problem=problem,
            bundle=bundle or (None if report is None else report.current_bundle),
            current=None if report is None else report.current_bundle,
            gates=gates,
            sources=sources,
        )
        return asyncio.run(run.run())
