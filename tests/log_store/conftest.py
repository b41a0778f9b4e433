"""The three ways a log is read; what holds of one must hold of all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.log_store import LogStore, open_log
from tests.log_store.made import quiet

Reader = Callable[..., LogStore]


@pytest.fixture(params=["its copy", "the log", "the quiet log"])
def read(request: pytest.FixtureRequest) -> Reader:
    """Return `open_log` over the Parquet copy, over a log that may grow, or over one that nobody writes to."""

    def opened(log: Path, **given: Any) -> LogStore:
        if request.param == "the quiet log" and log.exists():
            quiet(log)
        return open_log(log, copy=request.param == "its copy", **given)

    return opened
