"""One finished run, made once: each case cuts a copy of it where a kill would have."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.crash.harness import World, check_end, copied, make_world, run_to_end


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two manifests: the first buys 20 names, the second sells some and buys others."""
    world = make_world(tmp_path_factory.mktemp("finished"), manifests=(date(2022, 4, 4),))
    run_to_end(world)
    check_end(world)
    return world


@pytest.fixture
def world(finished: World, tmp_path: Path) -> World:
    return copied(finished, tmp_path)
