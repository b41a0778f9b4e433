"""Gate, recorder, strategy and client run on the engine's own thread; another thread is denied and halts the run."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from nautilus_trader.model.events import OrderAccepted, OrderFilled

from lakehouse.permission import FilePermission
from tests.gate.script import Script, approval_of, arm, order_from, submit_of
from tests.gate.world import BTC, CRYPTO, ETH, ROOT, SOL, World, listen, manifest_text, quote, run_backtest, run_shadow

KERNELS = {"backtest": run_backtest, "node": run_shadow}


class Watching(FilePermission):
    """Notes who asks: the desk, the gate before every order, the client before every send."""

    def __init__(self, layout: Any) -> None:
        super().__init__(layout)
        self.threads: list[int] = []

    def may_send(self) -> bool:
        self.threads.append(threading.get_ident())
        return super().may_send()


def test_everything_of_a_node_runs_on_the_loops_thread(tmp_path):
    world = World(tmp_path)
    world.quotes = [quote(CRYPTO[i % 3], 25 * i) for i in range(60)]
    world.write()
    first = world.save("first.json", manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.3"}))
    second = world.save("second.json", manifest_text({ETH.symbol: "0.1", SOL.symbol: "0.4"}))
    made: list[Watching] = []
    seen: dict[str, set[int]] = {}

    def note(name: str) -> Any:
        seen[name] = set()
        return lambda *given: seen[name].add(threading.get_ident())

    def permission(layout: Any) -> Watching:
        made.append(Watching(layout))
        return made[0]

    def prepare(kernel: Any, assembly: Any) -> None:
        kernel.msgbus.subscribe(topic="events.order.*", handler=note("before the recorder"), priority=30)
        kernel.msgbus.subscribe(topic="events.order.*", handler=note("after the recorder"), priority=10)
        assembly.desk.on_plan = note("plan")
        assembly.desk.on_manifest = note("manifest")
        assembly.desk.on_cycle_end = note("cycle end")
        assembly.recorder.on_fill = note("fill line")
        assembly.prices.watch(note("price"))

    ran = run_shadow(world, [(60, first), (700, second)], prepare=prepare, permission=permission)
    loop_thread = threading.get_ident()
    assert len(ran.of("fill")) == 5
    assert seen == {name: {loop_thread} for name in seen}
    assert len(made[0].threads) > 10
    assert set(made[0].threads) == {loop_thread}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("door", ["bus", "gate", "client"])
def test_a_foreign_thread_is_denied_and_halts(door, kernel, tmp_path):
    """The order is approved and right in everything but its thread; afterwards nothing leaves on any thread."""
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * i) for i in range(8)]
    world.write()
    here = approval_of(ETH, order_id="c" * 32, quantity="1", limit="3900.00")
    foreign = approval_of(ETH, order_id="b" * 32, quantity="1", limit=None)
    after = approval_of(ETH, order_id="a" * 32, quantity="1", limit=None)
    answers: list[list[Any]] = []

    def prepare(engine: Any, assembly: Any) -> None:
        answers.append(listen(engine))

        def first(script: Any) -> None:  # shows that the same order passes on the right thread, and names the client
            arm(assembly, here)
            assembly.strategy.submit_order(order_from(assembly, here))

        def intrude(script: Any) -> None:
            arm(assembly, foreign)
            command = submit_of(order_from(assembly, foreign))
            (client,) = engine.exec_engine.get_clients_for_orders(script.cache.orders())
            doors = {
                "bus": lambda: script.msgbus.send(endpoint="ExecEngine.execute", msg=command),
                "gate": lambda: assembly.gate.execute(command),
                "client": lambda: client.submit_order(command),
            }
            thread = threading.Thread(target=doors[door])
            thread.start()
            thread.join()

        def later(script: Any) -> None:
            arm(assembly, after)
            assembly.strategy.submit_order(order_from(assembly, after))

        engine.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, first, intrude, later]))

    ran = KERNELS[kernel](world, [], prepare=prepare)
    reached = {a.client_order_id.value for a in answers[0] if isinstance(a, OrderAccepted | OrderFilled)}
    assert reached == {here.client_order_id}
    assert ran.of("halt")[0]["reason"].startswith("WRONG_THREAD")
    denied = {line["client_order_id"] for line in ran.of("verdict", "reject") if line.get("outcome") != "ALLOW"}
    assert {foreign.client_order_id, after.client_order_id} <= denied


def test_no_timer_of_ours_does_work():
    """Timer callbacks of a live node run on another thread. Ours are the backtest's no-op alerts and the hop to the loop."""
    rooms = ["strategies", "venues", "engine", "sim", "live"]
    setting = re.compile(r"\.set_(timer|time_alert)")
    found = {
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if setting.search(path.read_text())
    }
    assert found == {"sim/backtest_venue.py", "engine/hop.py"}
