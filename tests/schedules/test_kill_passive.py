"""A passive order that crosses at its end, killed again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.schedules.kills import targets_are_reached_once

SCHEDULE = 'kind = "passive_then_cross"\ntimeout_s = 2\n'


def test_a_passive_order_that_crosses_killed_again_and_again_reaches_its_targets_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figures = targets_are_reached_once(tmp_path, schedule=SCHEDULE, works_max=4)
    for name, count in figures.items():
        record_property(name, count)
