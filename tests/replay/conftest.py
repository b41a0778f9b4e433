from collections.abc import Iterator

import pytest

from sim.recorded_run import RecordedRun
from tests.gate.world import Ran, World
from tests.parity.stalls import memory
from tests.replay.made import recorded_day

Day = tuple[World, Ran, RecordedRun]


@pytest.fixture(scope="session")
def day() -> Iterator[Day]:
    """One recorded day; tests read it and leave it as it is."""
    with memory() as root:
        yield recorded_day(root)
