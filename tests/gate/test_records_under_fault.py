"""What the recorder does when a fill comes twice, and what still goes out when the disk has said no."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from nautilus_trader.model.events import OrderAccepted, OrderCanceled, OrderFilled

from orders.errors import StorageError
from tests.gate.script import Script, approval_of, arm, order_from
from tests.gate.world import ETH, Ran, World, listen, quote, run_backtest, run_shadow

KERNELS = {"backtest": run_backtest, "node": run_shadow}
FIRST = approval_of(ETH, order_id="c" * 32, quantity="1", limit=None)
SECOND = approval_of(ETH, order_id="d" * 32, quantity="1", limit=None)
RESTING = approval_of(ETH, order_id="e" * 32, quantity="1", limit="1")


def world_of(root: Any) -> World:
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * i) for i in range(8)]
    world.write()
    return world


def run_with(kernel: str, world: World, make_steps: Any) -> tuple[Ran, list[Any]]:
    """Run the steps that `make_steps(assembly, answers)` returns, one at a price."""
    kept: list[Any] = []

    def ready(made: Any, assembly: Any) -> None:
        answers = listen(made)
        kept.append(answers)
        made.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, *make_steps(assembly, answers)]))

    ran = KERNELS[kernel](world, [], prepare=ready)
    return ran, kept[0]


def fills(answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if isinstance(answer, OrderFilled)]


def halts(ran: Ran) -> list[str]:
    return [line["reason"].split(":")[0] for line in ran.of("halt")]


def tell(script: Any, event: Any) -> None:
    script.msgbus.publish(topic=f"events.order.{event.strategy_id.value}", msg=event)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_fill_that_is_told_twice_halts_and_moves_the_book_once(kernel, tmp_path):
    def steps(assembly: Any, answers: list[Any]) -> list[Any]:
        def send(script: Any) -> None:
            arm(assembly, FIRST)
            assembly.strategy.submit_order(order_from(assembly, FIRST))

        return [send, lambda script: None, lambda script: tell(script, fills(answers)[0])]

    ran, _ = run_with(kernel, world_of(tmp_path), steps)
    assert halts(ran) == ["DUPLICATE_FILL"]
    assert len(ran.of("fill")) == 1
    assert ran.assembly.recorder.keeper.positions[ETH.symbol] <= FIRST.quantity


def test_a_fill_with_a_trade_id_of_an_earlier_process_halts(tmp_path):
    world = world_of(tmp_path)
    first: list[Any] = []

    def send(assembly: Any, answers: list[Any]) -> list[Any]:
        def step(script: Any) -> None:
            arm(assembly, FIRST)
            assembly.strategy.submit_order(order_from(assembly, FIRST))

        return [step]

    before, answers = run_with("node", world, send)
    first.extend(fills(answers))
    assert len(before.of("fill")) == 1
    world.quotes = [quote(ETH, 1_000 + 50 * i) for i in range(8)]
    world.write()

    def again(assembly: Any, answers: list[Any]) -> list[Any]:
        def step(script: Any) -> None:
            arm(assembly, SECOND)
            facts = OrderFilled.to_dict(first[0]) | {"client_order_id": SECOND.client_order_id}
            tell(script, OrderFilled.from_dict(facts))

        return [step]

    after, _ = run_with("node", world, again)
    assert halts(after) == ["DUPLICATE_FILL"]
    assert len(after.of("fill")) == 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_cancel_goes_out_when_the_log_was_removed_and_nothing_else_does(kernel, tmp_path):
    world = world_of(tmp_path)

    def steps(assembly: Any, answers: list[Any]) -> list[Any]:
        orders: list[Any] = []

        def rest(script: Any) -> None:
            arm(assembly, RESTING)
            orders.append(order_from(assembly, RESTING))
            assembly.strategy.submit_order(orders[0])

        def fail(script: Any) -> None:
            arm(assembly, FIRST)
            journal = assembly.recorder.journal
            journal.flush()
            assert [type(answer) for answer in answers if isinstance(answer, OrderAccepted)] == [OrderAccepted]
            log = world.layout.log if kernel == "node" else world.root / "backtest" / "execution_logs.jsonl"
            log.rename(log.with_suffix(".kept"))
            log.with_suffix(".kept").unlink()
            arm_line = assembly.recorder.stamp()
            assert arm_line
            with contextlib.suppress(StorageError):
                assembly.recorder.open_cycle(cause="operator", manifest_sha256="")
                journal.flush()
            assembly.strategy.submit_order(order_from(assembly, FIRST))
            assembly.strategy.cancel_order(orders[0])

        return [rest, lambda script: None, fail]

    heard: list[Any] = []

    def ready(made: Any, assembly: Any) -> None:
        answers = listen(made)
        heard.append(answers)
        made.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, *steps(assembly, answers)]))

    with contextlib.suppress(StorageError, FileNotFoundError):  # the log is gone: the harness cannot read it back
        KERNELS[kernel](world, [], prepare=ready)
    answers = heard[0]
    assert [answer.client_order_id.value for answer in answers if isinstance(answer, OrderCanceled)] == [RESTING.client_order_id]
    assert [a.client_order_id.value for a in answers if isinstance(a, OrderAccepted)] == [RESTING.client_order_id]
    assert fills(answers) == []
