"""A strategy and an execution algorithm that try every way to the venue that Nautilus knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.algorithm import ExecAlgorithm
from nautilus_trader.execution.config import ExecAlgorithmConfig
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList
from nautilus_trader.model.enums import ContingencyType, OrderSide, TriggerType
from nautilus_trader.model.events import OrderFilled, OrderSubmitted
from nautilus_trader.model.identifiers import ClientOrderId, ExecAlgorithmId, InstrumentId, OrderListId, StrategyId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder, OrderList
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from orders.plan import Approval
from orders.values import Side

OWNER = StrategyId("SLUICE-001")
ALGORITHM = ExecAlgorithmId("ROGUE-ALGO")
ENDPOINT = "ExecEngine.execute"


def order_like(
    approval: Approval | None,
    *,
    instrument: Any,
    order_id: str,
    side: Any = OrderSide.BUY,
    quantity: Any = None,
    limit: Any = None,
    strategy: Any = OWNER,
    trader: Any,
    **more: Any,
) -> Any:
    """Return a raw order that no factory made; by default what `approval` says, as its owner would send it."""
    if approval is not None:
        side = OrderSide.BUY if approval.side is Side.BUY else OrderSide.SELL
        side = more.pop("wrong_side", side)
        quantity = quantity if quantity is not None else instrument.make_qty(approval.quantity)
    common = {
        "trader_id": trader, "strategy_id": strategy, "instrument_id": instrument.id,
        "client_order_id": ClientOrderId(order_id), "order_side": side, "quantity": quantity, "init_id": UUID4(), "ts_init": 0,
        **more,
    }  # fmt: skip
    return MarketOrder(**common) if limit is None else LimitOrder(**common, price=limit)


class RogueAlgorithm(ExecAlgorithm):  # type: ignore[misc]
    """Answers a primary with children of every kind."""

    def __init__(self) -> None:
        super().__init__(ExecAlgorithmConfig(exec_algorithm_id=ALGORITHM))
        self.children: list[str] = []

    def on_order(self, order: Any) -> None:
        part = Quantity(order.quantity.as_decimal() / 4, order.quantity.precision)
        market = self.spawn_market(primary=order, quantity=part, reduce_primary=False)
        limit = self.spawn_limit(
            primary=order, quantity=part, price=Price.from_str("4100.00"), reduce_primary=False
        )  # far above the ask: it would take
        own = order_like(
            None, instrument=self.cache.instrument(order.instrument_id), order_id="e" * 32, quantity=part,
            strategy=order.strategy_id, trader=order.trader_id, exec_algorithm_id=self.id,
            exec_spawn_id=order.client_order_id,
        )  # fmt: skip
        for child in (market, limit, own):
            self.children.append(child.client_order_id.value)
            self.submit_order(child)


class Rogue(Strategy):  # type: ignore[misc]
    """Runs one attack at a time, at a price each; `tried[attack]` are the ids it used, `raised` what it got thrown at it.

    `approvals` is what the Sentinel approved so far, newest plan last: a rogue in the same process sees everything.
    """

    def __init__(self, kernel: Any, assembly: Any, *, symbol: str, attacks: Sequence[str], pending: Sequence[str] = ()) -> None:
        super().__init__(StrategyConfig(strategy_id="ROGUE", order_id_tag="666"))
        self._kernel = kernel
        self._id = InstrumentId.from_str(symbol)
        self._attacks = list(attacks)
        self._pending = list(pending)
        self._filled = 0
        self.plans: list[Sequence[Approval]] = []
        self.tried: dict[str, list[str]] = {}
        self.raised: dict[str, str] = {}
        self.attack = ""
        self.open_orders: list[Any] = []
        self.balances: dict[str, Any] = {}
        told = assembly.desk.on_plan

        def on_plan(made: Any, judgement: Any) -> None:
            told(made, judgement)
            self.plans.append(getattr(judgement, "approvals", ()))

        assembly.desk.on_plan = on_plan

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self._id)
        self.msgbus.subscribe(topic=f"events.order.{OWNER}", handler=self._watch)

    def on_quote_tick(self, tick: Any) -> None:
        if self._filled and self._attacks:
            self.run(self._attacks.pop(0))

    def _watch(self, event: Any) -> None:
        self._filled += isinstance(event, OrderFilled)
        if isinstance(event, OrderSubmitted) and len(self.plans) == 2 and self._pending:
            pending, self._pending = self._pending, []
            for attack in pending:  # the sells of the second plan leave: its buys are approved and wait
                self.run(attack)

    def run(self, attack: str) -> None:
        self.attack = attack
        self.tried.setdefault(attack, [])
        try:
            getattr(self, f"try_{attack}")()
        except Exception as error:  # whatever the engine throws at a rogue is evidence
            self.raised[attack] = f"{type(error).__name__}: {error}"

    # tools

    @property
    def instrument(self) -> Any:
        return self.cache.instrument(self._id)

    @property
    def client(self) -> Any:
        """The execution client, by the engine's own question."""
        honest = self.cache.orders(strategy_id=OWNER)
        (client,) = self._kernel.exec_engine.get_clients_for_orders(honest[:1])
        return client

    def on_stop(self) -> None:
        """The exchange's own truth, while there is one."""
        exchange = getattr(self.client, "_exchange", None) or self.client._wired
        self.open_orders = exchange.get_open_orders()
        self.balances = {str(code): amount.as_decimal() for code, amount in exchange.get_account().balances_total().items()}

    def note(self, order: Any) -> Any:
        self.tried[self.attack].append(order.client_order_id.value)
        return order

    def command(self, order: Any) -> Any:
        return SubmitOrder(
            trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(),
            ts_init=self.clock.timestamp_ns(),
        )  # fmt: skip

    def made(self, **more: Any) -> Any:
        """A raw order nobody approved."""
        order_id = more.pop("order_id", f"{self.attack}-{len(self.tried[self.attack])}"[:36])
        quantity = more.pop("quantity", self.instrument.make_qty(1))
        return self.note(
            order_like(None, instrument=self.instrument, order_id=order_id, quantity=quantity, trader=self.trader_id, **more)
        )

    def used(self) -> tuple[Any, Approval]:
        """An order of the first plan that has filled, and its approval."""
        approval = self.plans[0][0]
        return self.cache.order(ClientOrderId(approval.client_order_id)), approval

    def waiting(self) -> Approval:
        """A buy of the second plan that waits for its proceeds."""
        return next(approval for approval in self.plans[1] if approval.side is Side.BUY)

    def instrument_of(self, approval: Approval) -> Any:
        return self.cache.instrument(InstrumentId.from_str(approval.instrument_id))

    def like(self, approval: Approval, **more: Any) -> Any:
        """A raw order under an approved id, by default exactly what was approved and in the owner's name."""
        instrument = more.pop("instrument", None) or self.instrument_of(approval)
        return self.note(
            order_like(approval, instrument=instrument, order_id=approval.client_order_id, trader=self.trader_id, **more)
        )

    def send(self, order: Any) -> None:
        self.msgbus.send(endpoint=ENDPOINT, msg=self.command(order))

    # attacks: nothing approved

    def try_market(self) -> None:
        self.submit_order(self.note(self.order_factory.market(self._id, OrderSide.BUY, self.instrument.make_qty(1))))

    def try_market_within_every_limit(self) -> None:
        self.submit_order(self.note(self.order_factory.market(self._id, OrderSide.BUY, self.instrument.make_qty("0.01"))))

    def try_limit(self) -> None:
        price = self.instrument.make_price(3900)
        self.submit_order(self.note(self.order_factory.limit(self._id, OrderSide.BUY, self.instrument.make_qty(1), price)))

    def try_made_up_id(self) -> None:
        order = self.order_factory.market(
            self._id, OrderSide.SELL, self.instrument.make_qty("0.5"), client_order_id=ClientOrderId("f" * 32)
        )
        self.submit_order(self.note(order))

    def try_order_list(self) -> None:
        orders = [self.order_factory.market(self._id, OrderSide.BUY, self.instrument.make_qty(1)) for _ in range(2)]
        for order in orders:
            self.note(order)
        self.submit_order_list(self.order_factory.create_list(orders))

    def try_bracket(self) -> None:
        orders = self.order_factory.bracket(
            instrument_id=self._id, order_side=OrderSide.BUY, quantity=self.instrument.make_qty(1),
            sl_trigger_price=self.instrument.make_price(3000), tp_price=self.instrument.make_price(5000),
        )  # fmt: skip
        for order in orders.orders:
            self.note(order)
        self.submit_order_list(orders)

    def try_close_position(self) -> None:
        """The honest strategy's own position, closed by another."""
        position = self.cache.positions_open(instrument_id=self._id)[0]
        before = {order.client_order_id.value for order in self.cache.orders(strategy_id=self.id)}
        self.close_position(position)
        self.close_all_positions(self._id)
        after = {order.client_order_id.value for order in self.cache.orders(strategy_id=self.id)}
        self.tried[self.attack] += sorted(after - before)

    def try_algorithm(self) -> None:
        self.submit_order(
            self.order_factory.market(self._id, OrderSide.BUY, self.instrument.make_qty(1), exec_algorithm_id=ALGORITHM)
        )

    def try_emulated(self) -> None:
        """Released at the next price, as a market order that never sees the RiskEngine."""
        order = self.order_factory.limit(
            self._id, OrderSide.BUY, self.instrument.make_qty(1), self.instrument.make_price(4500),
            emulation_trigger=TriggerType.BID_ASK,
        )  # fmt: skip
        self.submit_order(self.note(order))

    def try_direct_send(self) -> None:
        self.send(self.made(strategy=self.id))

    def try_direct_send_in_the_owners_name(self) -> None:
        self.send(self.made())

    def try_direct_send_of_a_list(self) -> None:
        orders = [self.made(strategy=self.id), self.made(strategy=self.id)]
        self.msgbus.send(endpoint=ENDPOINT, msg=self._list_command(orders))

    def _list_command(self, orders: list[Any]) -> Any:
        return SubmitOrderList(
            trader_id=self.trader_id, strategy_id=orders[0].strategy_id,
            order_list=OrderList(order_list_id=OrderListId(f"OL-{self.attack[:20]}"), orders=orders), command_id=UUID4(),
            ts_init=self.clock.timestamp_ns(),
        )  # fmt: skip

    def try_engine_object(self) -> None:
        self._kernel.exec_engine.execute(self.command(self.made(strategy=self.id)))

    def try_client_object(self) -> None:
        self.client.submit_order(self.command(self.made(strategy=self.id)))

    def try_client_object_list(self) -> None:
        self.client.submit_order_list(self._list_command([self.made(strategy=self.id), self.made(strategy=self.id)]))

    # attacks: with an id that has been used

    def try_used_id_again(self) -> None:
        _, approval = self.used()
        self.send(self.like(approval))

    def try_used_id_on_the_engine_object(self) -> None:
        _, approval = self.used()
        self._kernel.exec_engine.execute(self.command(self.like(approval)))

    def try_used_id_on_the_client_object(self) -> None:
        _, approval = self.used()
        self.client.submit_order(self.command(self.like(approval)))

    def try_used_order_on_the_client_object(self) -> None:
        order, _ = self.used()
        self.client.submit_order(self.command(self.note(order)))

    def try_used_id_other_side_on_the_client_object(self) -> None:
        _, approval = self.used()
        self.client.submit_order(self.command(self.like(approval, wrong_side=OrderSide.SELL)))

    def try_used_id_other_instrument_on_the_client_object(self) -> None:
        _, approval = self.used()
        other = next(
            i
            for i in self.cache.instruments()
            if i.id != self.instrument_of(approval).id and i.id.symbol.value != "EXPIRY-SENTINEL"
        )
        quantity = Quantity(approval.quantity, self.instrument_of(approval).size_precision)
        self.client.submit_order(self.command(self.like(approval, instrument=other, quantity=quantity)))

    def try_modify_a_filled_order(self) -> None:
        order, _ = self.used()
        command = ModifyOrder(
            trader_id=order.trader_id, strategy_id=order.strategy_id, instrument_id=order.instrument_id,
            client_order_id=order.client_order_id, venue_order_id=order.venue_order_id, quantity=self.instrument.make_qty(9),
            price=None, trigger_price=None, command_id=UUID4(), ts_init=self.clock.timestamp_ns(),
        )  # fmt: skip
        self.msgbus.send(endpoint=ENDPOINT, msg=command)
        self.client.modify_order(command)

    # attacks: with the id of an approved line that has not been sent yet

    def try_waiting_id_as_another_strategy(self) -> None:
        self.send(self.like(self.waiting(), strategy=self.id))

    def try_waiting_id_more(self) -> None:
        approval = self.waiting()
        self.send(self.like(approval, quantity=self.instrument_of(approval).make_qty(approval.quantity + 1)))

    def try_waiting_id_other_side(self) -> None:
        self.send(self.like(self.waiting(), wrong_side=OrderSide.SELL))

    def try_waiting_id_other_instrument(self) -> None:
        approval = self.waiting()
        self.send(self.like(approval, instrument=self.instrument, quantity=self.instrument.make_qty(1)))

    def try_waiting_id_as_limit(self) -> None:
        approval = self.waiting()
        self.send(self.like(approval, limit=self.instrument_of(approval).make_price(1)))

    def try_waiting_id_counted_in_quote_currency(self) -> None:
        self.send(self.like(self.waiting(), quote_quantity=True))

    def try_waiting_id_with_a_contingent_child(self) -> None:
        child = self.made(contingency_type=ContingencyType.NO_CONTINGENCY)
        self.cache.add_order(child)
        self.tried[self.attack].remove(child.client_order_id.value)  # only its parent is ever sent
        self.send(
            self.like(self.waiting(), contingency_type=ContingencyType.OTO, linked_order_ids=[child.client_order_id])
        )  # fmt: skip

    def try_waiting_id_twice_in_one_list(self) -> None:
        approval = self.waiting()
        orders = [self.like(approval), self.like(approval, quantity=self.instrument_of(approval).make_qty("0.001"))]
        self.msgbus.send(endpoint=ENDPOINT, msg=self._list_command(orders))

    def try_waiting_id_on_the_engine_object(self) -> None:
        self._kernel.exec_engine.execute(self.command(self.like(self.waiting(), quantity=Quantity.from_str("0.002"))))

    def try_waiting_id_by_submit_order(self) -> None:
        approval = self.waiting()
        instrument = self.instrument_of(approval)
        order = self.order_factory.market(
            instrument.id, OrderSide.BUY, instrument.make_qty(approval.quantity),
            client_order_id=ClientOrderId(approval.client_order_id),
        )  # fmt: skip
        self.submit_order(self.note(order))

    def try_waiting_id_on_the_client_object(self) -> None:
        self.client.submit_order(self.command(self.like(self.waiting())))
