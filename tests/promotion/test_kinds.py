"""Simulated fills and live ones never share a log: a shadow is refused on a record that live runs trade, or are to trade, on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from commands.append_line import command_journal
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold
from tests.gate.world import World
from tests.lakehouse_out.conftest import Lines, folded
from tests.promotion.made import CANDIDATE, line_of
from tests.promotion.world import sluice

LINES = Lines()


def bought(kind: str, environment: str = "paper") -> list[Any]:
    """A run of one fill."""
    start = LINES.start(kind=kind, environment=environment)
    return [start, LINES.intent(), LINES.send(), LINES.fill(), LINES.stop()]


@pytest.mark.parametrize("kind", ["shadow", "live", "backtest", "twin"])
def test_the_log_says_which_kinds_of_runs_had_fills(kind: str) -> None:
    assert folded(*bought(kind)).fill_kinds == {kind}
    assert folded(LINES.start(kind=kind), LINES.stop()).fill_kinds == set()


@pytest.mark.parametrize("before", ["live fills", "a promotion"])
def test_a_shadow_is_refused_on_a_live_record_before_it_writes_anything(tmp_path: Path, before: str) -> None:
    world = World(tmp_path).write()
    environment = "crypto-shadow"
    for line in world.config_path.read_text().splitlines():
        if line.startswith("environment"):
            environment = line.split('"')[1]
    promotion = line_of(LogFold().promotions, CANDIDATE, environment=environment)
    with command_journal(world.layout, now_ns=1, run_id="run-1") as journal:
        for line in bought("live", environment) if before == "live fills" else [promotion]:
            journal.append(line)
    log = Layout(world.lakehouse).log
    known = log.read_bytes()
    code, said = sluice("shadow", world.config_path)
    assert (code, "KIND_MIXED" in said, "--lakehouse" in said) == (2, True, True), said
    assert log.read_bytes() == known
