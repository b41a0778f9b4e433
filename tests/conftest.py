"""Settings for the whole suite."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes depends on what else the machine does; what must be fast is measured in benchmarks/.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")

# Rooms whose tests wait for a real clock. They begin first: a process that had one of their files last would end alone.
OF_REAL_TIME = ("crash", "schedules", "flatten", "parity", "replay", "restart", "ccxt_public", "gate", "conformance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by room, those of real time first; the order within a file stays."""
    rooms = {room: place for place, room in enumerate(OF_REAL_TIME)}
    items.sort(key=lambda item: rooms.get(item.path.relative_to(Path(__file__).parent).parts[0], len(rooms)))
