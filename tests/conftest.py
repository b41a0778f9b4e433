"""Settings for the whole suite."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ("tests.no_egress", "tests.canary")

# How long one example takes depends on what else the machine does; what must be fast is measured in benchmarks/.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")

# Rooms whose tests wait for a real clock or kill processes. They begin first: a process that had one of their files last would
# end alone.
FIRST = (
    "twin",
    "promotion",
    "lakehouse_out",
    "crash",
    "ramp",
    "schedules",
    "flatten",
    "parity",
    "replay",
    "restart",
    "bundle",
    "calibration",
    "ccxt_public",
    "gate",
    "conformance",
    "live",
)


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the processes they start, make and use no key of whoever runs them."""
    keys = tempfile.mkdtemp(prefix="sluice-keys-")
    os.environ["SLUICE_KEYS"] = keys
    config.add_cleanup(lambda: shutil.rmtree(keys, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by room, those of `FIRST` first; the order within a file stays."""
    rooms = {room: place for place, room in enumerate(FIRST)}
    items.sort(key=lambda item: rooms.get(item.path.relative_to(Path(__file__).parent).parts[0], len(rooms)))
