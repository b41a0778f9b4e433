"""One wrong print of a held symbol neither buys others with equity that is not there nor makes a peak that never was."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.engine.test_drift import BOTH, A, B, causes, drifting, installed
from tests.gate.world import World, manifest_text, run_backtest

NEWER = manifest_text({A.symbol: "0.4", B.symbol: "0.4"}, generated="2025-01-06T13:59:31")
MARGIN = [('account = "cash"', 'account = "margin"'), ('max_order_value_base = "60000"', 'max_order_value_base = "600000"')]


def printed(root: Path) -> World:
    """One quote of A at ten times its price, at 1,520 ms."""
    return drifting(root, (1_500, 90_000, 0), (1_600, 0, 0), until_ms=4_500, policy="top_ups_max = 3", changes=MARGIN)


def test_a_manifest_planned_on_one_wrong_print_is_held_and_planned_on_the_next_price(tmp_path: Path) -> None:
    world = printed(tmp_path)
    ran = run_backtest(world, [installed(world), installed(world, NEWER, 1_440)])
    assert causes(ran) == ["new_manifest", "new_manifest", "top_up"]
    assert [(line["decision"], line["code"]) for line in ran.of("plan")][1:] == [("HOLD", "MARK_JUMPED"), ("PLAN", "")]
    assert len(ran.of("fill")) == 2
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "held", "done"]


@pytest.mark.parametrize(("ticks", "mode"), [(90_000, "OPEN"), (-9_900, "CLOSE_ONLY")], ids=["ten times", "a hundredth"])
def test_a_valuation_that_a_jump_raises_waits_for_the_next_and_one_that_it_lowers_counts_at_once(
    ticks: int, mode: str, tmp_path: Path
) -> None:
    changes = [
        *MARGIN,
        ("equity_interval_s = 3600", "equity_interval_s = 1"),
        ('day_loss_max_fraction = "0.5"', 'day_loss_max_fraction = "0.3"'),
    ]
    world = drifting(tmp_path, (1_500, ticks, 0), (2_400, 0, 0), until_ms=6_500, policy="", changes=changes)
    seen = run_backtest(world, [installed(world, BOTH)]).of("equity")
    assert max(Decimal(line["peak_base"]) for line in seen) == 100_000
    assert mode in {line["mode"] for line in seen}
    assert seen[-1]["mode"] == "OPEN"
