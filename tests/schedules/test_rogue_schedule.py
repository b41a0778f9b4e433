"""A schedule that loops, and strangers that pose as children: the venue never sees one unit more than the parent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.algorithm import ExecAlgorithm
from nautilus_trader.execution.config import ExecAlgorithmConfig
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderAccepted, OrderFilled, OrderInitialized
from nautilus_trader.model.identifiers import ClientOrderId, ExecAlgorithmId, InstrumentId
from nautilus_trader.model.objects import Quantity

from engine.child_desk import SchedulesDesk
from orders.plan import Approval
from strategies.schedules.algorithm import ScheduleAlgorithm
from tests.gate.rogue import order_like
from tests.gate.script import Script
from tests.gate.world import ETH, Ran, World, listen, manifest_text, quote, run_backtest, run_shadow

KERNELS = {"backtest": run_backtest, "node": run_shadow}
ATTEMPTS_MAX = 200


class Looping(ExecAlgorithm):  # type: ignore[misc]
    """Takes the place of an honest schedule and sends a part of the parent again at every answer it gets."""

    def __init__(self, desk: SchedulesDesk, *, parts: int) -> None:
        super().__init__(ExecAlgorithmConfig(exec_algorithm_id=ExecAlgorithmId("LOOPING")))
        self._desk = desk
        self._parts = parts
        self._asked = 0
        self.refused = 0
        self.parent: Approval | None = None
        self._primary: Any = None

    def take_over(self, command: Any) -> None:
        self._primary = command.order
        self.parent = self._desk.parent(command.order.client_order_id.value)
        self.msgbus.subscribe(topic=f"events.order.{command.strategy_id}", handler=self.on_answer)
        self.again()

    def on_answer(self, event: Any) -> None:
        if not isinstance(event, OrderInitialized):
            self.again()

    def again(self) -> None:
        assert self.parent is not None
        if self._asked >= ATTEMPTS_MAX:
            return
        self._asked += 1
        step = Decimal("0.0001")
        quantity = Quantity(self.parent.quantity / self._parts // step * step, 4)
        child_id = self._desk.write_child(self.parent, quantity=quantity.as_decimal(), limit_price=None)
        if child_id is None:
            self.refused += 1
            return
        self._desk.when_durable(self.parent, child_id, lambda: self._submit(child_id, quantity))

    def _submit(self, child_id: str, quantity: Any) -> None:
        order = order_like(
            self.parent, instrument=self.cache.instrument(self._primary.instrument_id), order_id=child_id, quantity=quantity,
            trader=self._primary.trader_id, exec_algorithm_id=self.id, exec_spawn_id=self._primary.client_order_id,
        )  # fmt: skip
        self.submit_order(order)


def desk_of(kernel: Any, assembly: Any) -> SchedulesDesk:
    """The desk as the engine wires it: a schedule gone wrong has the real one."""
    return SchedulesDesk(
        recorder=assembly.recorder, gate=assembly.gate, prices=assembly.prices, msgbus=kernel.msgbus, limits={},
        instrument_ids=assembly.instrument_ids, profiles={}, clock_ns=kernel.clock.timestamp_ns,
        wake=lambda instant, work: None, halt=assembly.halt, messages_left=lambda venue: 1_000,
    )  # fmt: skip


def world_of(root: Any, *, count: int = 100, table: str = 'kind = "twap"\nduration_s = 2\nslices = 50\n') -> World:
    world = World(root, latency_ms="5", jitter_ms="0", policy='schedule = "slow"', schedules=f"[schedules.slow]\n{table}")
    world.quotes = [quote(ETH, 25 * i) for i in range(count)]
    return world.write()


def reached(answers: list[Any]) -> Decimal:
    """What the venue filled, by its own answers, whatever the engine made of them."""
    return sum((a.last_qty.as_decimal() for a in answers if isinstance(a, OrderFilled)), Decimal(0))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("parts", [1, 3], ids=["the whole parent again and again", "thirds without end"])
def test_a_looping_schedule_is_stopped_before_one_excess_order_is_sent(kernel, parts, tmp_path):
    world = world_of(tmp_path)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    made: list[Looping] = []
    answers: list[list[Any]] = []

    def prepare(engine: Any, assembly: Any) -> None:
        (honest,) = (known for known in engine.trader.exec_algorithms() if isinstance(known, ScheduleAlgorithm))
        made.append(Looping(desk_of(engine, assembly), parts=parts))
        engine.trader.add_exec_algorithm(made[0])
        engine.msgbus.deregister(endpoint=f"{honest.id}.execute", handler=honest.execute)
        engine.msgbus.register(endpoint=f"{honest.id}.execute", handler=made[0].take_over)
        answers.append(listen(engine))

    ran = KERNELS[kernel](world, [(60, first)], prepare=prepare)
    (looping,) = made
    assert looping.parent is not None
    verdicts = ran.of("verdict")
    assert [line["outcome"] for line in verdicts[: parts + 1]] == ["ALLOW"] * parts + ["DENY"]
    assert verdicts[parts]["code"] == "CONSERVATION"
    assert {line["outcome"] for line in verdicts[parts:]} == {"DENY"}
    assert ran.of("halt")[0]["reason"].startswith("CONSERVATION: ")
    allowed = {line["client_order_id"] for line in verdicts if line["outcome"] == "ALLOW"}
    assert {line["client_order_id"] for line in ran.of("send", "ack", "fill")} <= allowed
    assert reached(answers[0]) <= looping.parent.quantity
    halted = ran.of("halt")[0]["seq"]
    assert not [line for line in ran.of("intent") if line["seq"] > halted]
    assert looping.refused > 0


ATTACKS = [
    "parent",
    "unannounced",
    "announced_by_nobody_as_limit",
    "used_on_the_bus",
    "used_on_the_client",
    "other_strategy",
    "list",
]


@pytest.mark.parametrize("kernel", KERNELS)
def test_nothing_passes_as_a_child_that_is_none(kernel, tmp_path):
    """While a schedule runs: its parent sent itself, children nobody announced, children that went before; room there is."""
    world = world_of(tmp_path, count=140)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    approvals: list[Approval] = []
    answers: list[list[Any]] = []
    tried: list[tuple[str, str]] = []

    def prepare(engine: Any, assembly: Any) -> None:
        assembly.desk.on_plan = lambda made, judgement: approvals.extend(judgement.approvals)
        answers.append(listen(engine))

        def send(order: Any) -> None:
            command = SubmitOrder(
                trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=0
            )
            engine.msgbus.send(endpoint="ExecEngine.execute", msg=command)

        def attack(name: str, script: Any) -> None:
            (approval,) = approvals
            instrument = script.cache.instrument(InstrumentId.from_str(approval.instrument_id))
            child = {
                "exec_algorithm_id": ExecAlgorithmId("SCHEDULE-slow"),
                "exec_spawn_id": ClientOrderId(approval.client_order_id),
            }
            used = approval.child_id(1)
            far = approval.child_id(400)
            small = instrument.make_qty("0.01")
            common: dict[str, Any] = {
                "instrument": instrument,
                "trader": script.trader_id,
                "quantity": small,
                "side": OrderSide.BUY,
            }
            (client,) = engine.exec_engine.get_clients_for_orders(script.cache.orders())
            orders = {
                "parent": lambda: order_like(None, order_id=approval.client_order_id, **common),
                "unannounced": lambda: order_like(None, order_id=far, **common, **child),
                "announced_by_nobody_as_limit": lambda: order_like(
                    None, order_id=far, limit=instrument.make_price(4000), **common, **child
                ),
                "used_on_the_bus": lambda: order_like(None, order_id=used, **common, **child),
                "used_on_the_client": lambda: order_like(None, order_id=used, **common, **child),
                "other_strategy": lambda: order_like(None, order_id="d" * 32, strategy=script.id, **common, **child),
                "list": lambda: order_like(None, order_id="c" * 32, **common, **child),
            }
            order = orders[name]()
            tried.append((name, order.client_order_id.value))
            if name == "used_on_the_client":
                client.submit_order(SubmitOrder(
                    trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=0
                ))  # fmt: skip
            else:
                send(order)

        steps = [lambda script: None] * 12 + [lambda script, name=name: attack(name, script) for name in ATTACKS]
        engine.trader.add_strategy(Script(ETH.instrument_id, steps))

    ran: Ran = KERNELS[kernel](world, [(60, first)], prepare=prepare)
    (approval,) = approvals
    assert [name for name, _ in tried] == ATTACKS
    assert ran.of("halt") == []
    honest = {line["client_order_id"] for line in ran.of("intent") if line["child"]}
    heard = {a.client_order_id.value for a in answers[0] if isinstance(a, OrderAccepted | OrderFilled)}
    assert heard <= honest
    assert reached(answers[0]) == approval.quantity
    denied = [line["client_order_id"] for line in ran.of("verdict") if line["outcome"] == "DENY"]
    denied += [line["client_order_id"] for line in ran.of("reject") if line["by"] == "sentinel"]
    assert {order_id for _, order_id in tried} <= set(denied)
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done"]
