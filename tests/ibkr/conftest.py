"""Nothing leaves loopback here either; one fake TWS a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.rehearsal.tws.handle import FakeTws
from tests.ccxt_public.conftest import nothing_leaves_loopback as nothing_leaves_loopback


@pytest.fixture
def tws(tmp_path: Path) -> Iterator[FakeTws]:
    with FakeTws.start(state=tmp_path / "tws.json") as started:
        yield started
