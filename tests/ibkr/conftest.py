"""One fake TWS a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.rehearsal.tws.handle import FakeTws


@pytest.fixture
def tws(tmp_path: Path) -> Iterator[FakeTws]:
    with FakeTws.start(state=tmp_path / "tws.json") as started:
        yield started
