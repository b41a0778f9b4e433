"""A lock that comes after an order has passed the gate keeps it from the wire too, and from nothing else."""

from __future__ import annotations

from typing import Any

from tests.gate.script import Script, approval_of, arm, order_from
from tests.gate.world import BTC, ETH, World, quote, run_backtest


def test_the_second_lock_keeps_back_what_passed_before_its_instrument_was_locked(tmp_path: Any) -> None:
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * number) for number in range(6)]
    world.write()
    leave = approval_of(ETH, order_id="1" * 32, quantity="1", limit="3900")
    seen: list[str] = []

    def prepare(made: Any, assembly: Any) -> None:
        gate = assembly.gate

        def send(script: Any) -> None:
            arm(assembly, leave)
            order = order_from(assembly, leave)
            assembly.strategy.submit_order(order)
            seen.append(gate.refusal(order))
            gate.locks.lock("BINANCE", {ETH.instrument_id: "parted"})
            seen.append(gate.refusal(order))
            gate.locks.lock("BINANCE", {BTC.instrument_id: "parted"})
            gate.unknown(leave.client_order_id, ETH.instrument_id)
            seen.append(gate.refusal(order))
            gate.unknown("2" * 32, ETH.instrument_id)
            seen.append(gate.refusal(order))

        made.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, send]))

    run_backtest(world, [], prepare=prepare)
    assert seen == ["", "RECONCILIATION_BREAK", "", "UNKNOWN_OUTCOME"]
