"""One exchange process for a file; every test begins with an exchange that knows nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sim.rehearsal.handle import RehearsalVenue
from tests.rehearsal.world import FUNDS, exchange


@pytest.fixture(scope="module")
def process() -> Iterator[RehearsalVenue]:
    with exchange() as made:
        yield made


@pytest.fixture
def venue(process: RehearsalVenue) -> RehearsalVenue:
    process.reset(FUNDS)
    process.quote("BTCUSDT", "97000.00", "97000.01")
    return process
