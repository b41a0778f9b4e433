"""A TWAP, killed again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.schedules.kills import targets_are_reached_once

SCHEDULE = 'kind = "twap"\nduration_s = 4\nslices = 40\n'


def test_a_twap_killed_again_and_again_reaches_its_targets_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figures = targets_are_reached_once(tmp_path, schedule=SCHEDULE, works_max=12)
    for name, count in figures.items():
        record_property(name, count)
