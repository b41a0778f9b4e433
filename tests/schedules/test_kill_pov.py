"""A share of volume, killed again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.schedules.kills import targets_are_reached_once

SCHEDULE = 'kind = "pov"\nduration_s = 5\nparticipation_max = "0.1"\n'


def test_a_share_of_volume_killed_again_and_again_reaches_its_targets_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figures = targets_are_reached_once(tmp_path, schedule=SCHEDULE, works_max=12)
    for name, count in figures.items():
        record_property(name, count)
