"""Drift cycles through a backtest and through a live node: the same plan lines, orders and fills."""

from __future__ import annotations

from pathlib import Path

from tests.gate.world import BTC, ETH, SOL, Ran, World, manifest_text, quote, run_backtest, run_shadow
from tests.parity.comparison import differing, fills_of, orders_of, plans_of, sends_of
from tests.parity.stalls import Stalls, memory, undisturbed

WEIGHTS = {BTC.symbol: "0.3", ETH.symbol: "0.3", SOL.symbol: "0.2"}


def day(root: Path) -> World:
    """Prices every 200 ms, 30 ms off the edge of every second; they drift apart all the time."""
    quotes = [
        quote(name, 30 + 200 * i + 5 * place, ticks=i * 20_000 * (place == 0) - i * 800 * (place == 1))
        for i in range(20)
        for place, name in enumerate((BTC, ETH, SOL))
    ]
    return World(root, latency_ms="40", jitter_ms="20", policy="drift_check_s = 1", quotes=quotes).write()


def test_a_day_of_drifts_is_the_same_in_a_backtest_and_in_a_node(tmp_path: Path) -> None:
    world = day(tmp_path / "test")
    manifest = world.save("m.json", manifest_text(WEIGHTS))
    test = run_backtest(world, [(150, manifest)])
    assert [line["cause"] for line in test.of("cycle")] == ["new_manifest", "drift", "drift", "drift"]
    with memory() as root:

        def run(number: int, stalls: Stalls) -> Ran:
            return run_shadow(day(root / str(number)), [(150, manifest)], beside=stalls.watch)

        shadow = undisturbed(run, differs=lambda shadow: differing(test, shadow)[1])
    assert plans_of(shadow) == plans_of(test)
    assert orders_of(shadow) == orders_of(test)
    assert sends_of(shadow) == sends_of(test)
    assert fills_of(shadow) == fills_of(test)
