"""A halt in the middle of a burst: nothing leaves after it, cancels do, and a restart does not undo it."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.model.events import OrderCanceled, OrderFilled, OrderModifyRejected

from lakehouse.layout import Layout
from lakehouse.permission import FilePermission, MemoryPermission
from tests.gate.script import Script, approval_of, arm, order_from
from tests.gate.world import BTC, ETH, Ran, World, listen, manifest_text, quote, run_backtest, run_shadow, shares

BURST = 500
HALT_AT = {  # which question of the burst is answered by a halt: the plan asks once, then gate, client and wire for each order
    "at the gate": {"backtest": 1 + 3 * 250 + 1, "node": 1 + 250},
    "at the client": {"backtest": 1 + 3 * 250 + 2, "node": 1 + BURST + 250},
    "on the wire": {"backtest": 1 + 3 * 250 + 3, "node": 1 + 2 * BURST + 250},
}


class HaltingMemory(MemoryPermission):
    """Halts itself at the n-th question."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def may_send(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.halt(by="test", reason="in the middle of a burst", now_ns=0)
        return super().may_send()


class HaltingFile(FilePermission):
    """Halts at the n-th question of a plan, a gate or a client, as an operator would: by removing the file."""

    def __init__(self, layout: Layout, at: int) -> None:
        super().__init__(layout)
        self._file = layout.permission
        self.left = at

    def may_send(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self._file.unlink()
        return super().may_send()


def burst_world(root: Any) -> World:
    names = shares(BURST)
    world = World(root, names=names, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, at_ms) for at_ms in (0, 250, 700) for name in names]
    return world.write()


def run_burst(kernel: str, world: World, at: int) -> tuple[Ran, list[str], list[Any]]:
    weights = {name.symbol: "0.0018" for name in world.names}
    path = world.save("burst.json", manifest_text(weights))
    approved: list[str] = []
    answers: list[list[Any]] = []

    def prepare(node: Any, assembly: Any) -> None:
        answers.append(listen(node))
        told = assembly.desk.on_plan

        def on_plan(made: Any, judgement: Any) -> None:
            told(made, judgement)
            approved.extend(approval.client_order_id for approval in judgement.approvals)

        assembly.desk.on_plan = on_plan

    if kernel == "backtest":
        ran = run_backtest(world, [(100, path)], prepare=prepare, permission=HaltingMemory(at))
    else:
        ran = run_shadow(world, [(50, path)], prepare=prepare, permission=lambda layout: HaltingFile(layout, at))
    return ran, approved, answers[0]


@pytest.mark.parametrize("kernel", ["backtest", "node"])
@pytest.mark.parametrize("where", HALT_AT)
def test_after_a_halt_in_a_burst_nothing_reaches_the_venue(where, kernel, tmp_path):
    ran, approved, answers = run_burst(kernel, burst_world(tmp_path), HALT_AT[where][kernel])
    filled = [answer.client_order_id.value for answer in answers if isinstance(answer, OrderFilled)]
    expected = 250 if kernel == "backtest" or where == "on the wire" else 0
    refused = {line["client_order_id"] for line in ran.of("reject")} | {
        line["client_order_id"] for line in ran.of("verdict") if line["outcome"] == "DENY"
    }
    assert len(approved) == BURST
    assert sorted(filled) == sorted(approved[: len(filled)])
    assert max(0, expected - 40) <= len(filled) <= expected  # the node's watch of the permission file asks now and then, too
    assert set(approved) - set(filled) <= refused
    assert ran.code == 0


def test_a_halt_survives_the_restart(tmp_path):
    world = burst_world(tmp_path)
    run_burst("node", world, HALT_AT["at the gate"]["node"])
    world.quotes = [quote(name, at_ms) for at_ms in (60_000, 60_200, 60_400) for name in world.names]
    world.write()
    answers: list[list[Any]] = []
    ran = run_shadow(world, prepare=lambda kernel, assembly: answers.append(listen(kernel)))
    last_start = max(place for place, line in enumerate(ran.lines) if line["type"] == "run_start")
    after = [line["type"] for line in ran.lines[last_start:]]
    assert answers[0] == []
    assert not {"send", "received", "fill"} & set(after)
    assert any("halted" in text for text in ran.said)


@pytest.mark.parametrize("run", [run_backtest, run_shadow], ids=["backtest", "node"])
def test_halted_a_resting_order_cannot_grow_and_can_be_cancelled(run, tmp_path):
    """The order rests by its own approval; bigger, dearer and halted it is refused, its cancel goes out."""
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, 50 * i) for i in range(16) for name in (BTC, ETH)]
    world.write()
    approval = approval_of(ETH, order_id="d" * 32, quantity="1", limit="3900.00")
    answers: list[list[Any]] = []
    seen: dict[str, Any] = {}
    parts: dict[str, Any] = {}

    def order(script: Any) -> Any:
        return script.cache.orders(instrument_id=script.cache.instrument(script._id).id)[0]

    def send(script: Any) -> None:
        arm(parts["assembly"], approval)
        parts["assembly"].strategy.submit_order(order_from(parts["assembly"], approval))

    def grow(script: Any) -> None:
        strategy = parts["assembly"].strategy
        instrument = script.cache.instrument(script._id)
        strategy.modify_order(order(script), quantity=instrument.make_qty(5))

    def dearer(script: Any) -> None:
        instrument = script.cache.instrument(script._id)
        parts["assembly"].strategy.modify_order(order(script), price=instrument.make_price(4100))

    def halt(script: Any) -> None:
        seen["resting"] = (str(order(script).quantity), str(order(script).price), order(script).status_string())
        parts["assembly"].halt("by the test")

    def cancel(script: Any) -> None:
        parts["assembly"].strategy.cancel_order(order(script))

    def nothing(script: Any) -> None: ...

    def prepare(kernel: Any, assembly: Any) -> None:
        parts["assembly"] = assembly
        answers.append(listen(kernel))
        parts["script"] = Script(ETH.instrument_id, [nothing, send, nothing, grow, nothing, dearer, nothing, halt, cancel])
        kernel.trader.add_strategy(parts["script"])

    ran = run(world, prepare=prepare, manifests=[])
    kinds = [type(answer) for answer in answers[0]]
    assert parts["script"].done == 9
    assert seen["resting"] == ("1.0000", "3900.00", "ACCEPTED")
    assert kinds.count(OrderModifyRejected) == 2
    assert kinds.count(OrderCanceled) == 1
    assert OrderFilled not in kinds
    assert [line["client_order_id"] for line in ran.of("cancel")] == ["d" * 32]
