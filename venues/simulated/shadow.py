"""The shadow's execution client: a simulated exchange on the live clock inside a `TradingNode`.

The exchange has a clock of its own that is pushed from the live clock and never runs backwards; every command and every
quote makes it settle, and each command wakes it once more at its due time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.execution.reports import ExecutionMassStatus, FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.data import Bar, QuoteTick
from nautilus_trader.model.enums import AccountType, BookType, OmsType, OrderStatus, OrderType
from nautilus_trader.model.events import OrderAccepted, OrderSubmitted
from nautilus_trader.model.identifiers import AccountId, ClientId, Venue
from nautilus_trader.model.objects import Currency, Money
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from orders.assumptions import Assumptions, FillRule
from orders.values import AccountKind
from venues.base import SecondLock, WireTap
from venues.simulated.client import GuardedSimulatedClient
from venues.simulated.models import NO_SYMBOLS, AssumedFeeModel, AssumedFillModel, DueTimes

WAKE_SLACK_S: Final = 0.0001  # after the due instant, never before it
EXHAUSTED_S: Final = 0.002  # after a settlement the events of its fills have been applied
CASH_LEVERAGE: Final = Decimal(1)
MARGIN_LEVERAGE: Final = Decimal(10)  # the venue's own ceiling; the Sentinel's max_leverage is what binds


def money(amounts: Mapping[str, Decimal]) -> list[Any]:
    """Return starting balances as Nautilus Money, one per currency; the amount is floored to the currency's precision."""
    result = []
    for code, amount in sorted(amounts.items()):
        currency = Currency.from_str(code)
        unit = Decimal(1).scaleb(-currency.precision)
        result.append(Money.from_decimal(amount.quantize(unit, rounding=ROUND_FLOOR), currency))
    return result


class ShadowExecutionClient(LiveExecutionClient):
    """One simulated venue in a live node. `held` are the balances the account opens with (cash, and spot inventory)."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        msgbus: Any,
        cache: Any,
        clock: Any,
        portfolio: Any,
        venue: str,
        account: AccountKind,
        balances: Mapping[str, Decimal],
        assumptions: Assumptions,
        lock: SecondLock,
        tap: WireTap,
        halt: Callable[[str], None],
        requeue: Sequence[tuple[Any, int]] = (),
        symbols: Mapping[str, str] = NO_SYMBOLS,
    ) -> None:
        assumptions = assumptions.at(venue)
        account_type = AccountType.CASH if account is AccountKind.CASH else AccountType.MARGIN
        super().__init__(
            loop=loop,
            client_id=ClientId(venue),
            venue=Venue(venue),
            oms_type=OmsType.NETTING,
            account_type=account_type,
            base_currency=None,
            instrument_provider=InstrumentProvider(),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            config=None,
        )
        self._halt = halt
        self._requeue = list(requeue)
        self._rests: dict[Any, Any] = {}  # of orders that came back from a restart: what the venue has of them
        self._due_ns = 0  # of the newest command; no later one is on the wire
        self._settled = True  # nothing is on the wire, and every matching engine has seen what came from it
        self._set_account_id(AccountId(f"{venue}-001"))
        self._venue_clock = TestClock()
        self._venue_clock.set_time(clock.timestamp_ns())
        fill_model = AssumedFillModel(assumptions, cache=cache, symbols=symbols)
        self._exchange = SimulatedExchange(
            venue=Venue(venue),
            oms_type=OmsType.NETTING,
            account_type=account_type,
            starting_balances=money(balances),
            base_currency=None,
            default_leverage=CASH_LEVERAGE if account is AccountKind.CASH else MARGIN_LEVERAGE,
            leverages={},
            modules=[],
            portfolio=portfolio,
            msgbus=msgbus,
            cache=cache,
            clock=self._venue_clock,
            fill_model=fill_model,
            fee_model=AssumedFeeModel(assumptions.fees[venue]),
            latency_model=LatencyModel(0),
            book_type=BookType.L1_MBP,
            liquidity_consumption=assumptions.own_consumption and assumptions.fill_rule is not FillRule.PERFECT,
            use_message_queue=True,
            use_position_ids=False,
            use_market_order_acks=True,
        )
        self._inner = GuardedSimulatedClient(
            exchange=self._exchange,
            msgbus=msgbus,
            cache=cache,
            clock=self._venue_clock,
            lock=lock,
            tap=tap,
            due_times=DueTimes(assumptions),
            own_consumption=assumptions.own_consumption and assumptions.fill_rule is not FillRule.PERFECT,
            wake=self._wake,
            now_ns=self._now,
            halt=halt,
            restored=[order.client_order_id.value for order, _ in requeue],
        )
        fill_model.meets_no_size = self._inner.meets_no_size
        self._exchange.register_client(self._inner)
        self._exchange.initialize_account()

    def connect(self) -> None:
        """Take the cache's instruments, put restored resting orders into the matching core, and listen to prices."""
        for instrument in self._cache.instruments(venue=self.venue):
            self._exchange.add_instrument(instrument)
        queued = {order.client_order_id for order, _ in self._requeue}
        for order in self._cache.orders_open(venue=self.venue):
            if order.client_order_id not in queued:
                self._exchange.get_matching_engine(order.instrument_id).process_order(rest_of(order), self.account_id)
        self._msgbus.subscribe(f"data.*.{self.venue}.*", handler=self._on_data)
        self._inner._set_connected(True)
        self._set_connected(True)

    def disconnect(self) -> None:
        self._set_connected(False)

    def submit_order(self, command: Any) -> None:
        self._guarded(self._inner.submit_order, command)

    def submit_order_list(self, command: Any) -> None:
        self._guarded(self._inner.submit_order_list, command)

    def modify_order(self, command: Any) -> None:
        self._guarded(self._inner.modify_order, command)

    def cancel_order(self, command: Any) -> None:
        self._guarded(self._inner.cancel_order, command)

    def cancel_all_orders(self, command: Any) -> None:
        self._guarded(self._inner.cancel_all_orders, command)

    def batch_cancel_orders(self, command: Any) -> None:
        self._guarded(self._inner.batch_cancel_orders, command)

    async def generate_order_status_report(self, command: Any) -> OrderStatusReport | None:
        """None: the cache was restored from our own journal, which is the simulated venue's own record."""
        return None

    async def generate_order_status_reports(self, command: Any) -> list[OrderStatusReport]:
        return []

    async def generate_fill_reports(self, command: Any) -> list[FillReport]:
        return []

    async def generate_position_status_reports(self, command: Any) -> list[PositionStatusReport]:
        return []

    async def generate_mass_status(self, lookback_mins: int | None = None) -> ExecutionMassStatus | None:
        """An empty status: restored events changed nothing, so there is nothing to reconcile with ourselves."""
        return ExecutionMassStatus(
            client_id=self.id,
            account_id=self.account_id,
            venue=self.venue,
            report_id=_uuid(),
            ts_init=self._clock.timestamp_ns(),
        )

    def _requeue_for(self, instrument_id: Any) -> None:
        """What the venue had received before a restart is due at the first price with a size: without one it would be rejected.

        The clock may have been set back meanwhile; nothing is due later than if it were sent now.
        """
        waiting, self._requeue = self._requeue, []
        for order, sent_ns in waiting:
            if order.instrument_id == instrument_id and self._inner.touch_size(order):
                rest = self._rests[order.client_order_id] = rest_of(order)
                self._inner.requeue(self._as_command(rest, min(sent_ns, self._clock.timestamp_ns())))
            else:
                self._requeue.append((order, sent_ns))

    def _as_command(self, order: Any, sent_ns: int) -> Any:
        return SubmitOrder(
            trader_id=order.trader_id,
            strategy_id=order.strategy_id,
            order=order,
            command_id=_uuid(),
            ts_init=sent_ns,
            client_id=self.id,
        )

    def adjust(self, code: str, amount: Decimal) -> None:
        """Move the account by borrow, funding or interest; see `GuardedSimulatedClient.adjust`."""
        self._now()
        self._inner.adjust(code, amount)

    def _guarded(self, handler: Callable[[Any], None], command: Any) -> None:
        """An exception here would end the process: halt durably and go on living."""
        self._now()
        try:
            handler(command)
        except Exception as error:
            self._log.error(f"{type(error).__name__} in the execution client: {error}")
            self._halt(f"CLIENT_FAILED: {type(error).__name__}: {error}")

    def _now(self) -> int:
        now = max(self._clock.timestamp_ns(), self._venue_clock.timestamp_ns())
        self._venue_clock.set_time(now)
        return int(now)

    def _wake(self, due_ns: int) -> None:
        self._due_ns, self._settled = max(self._due_ns, due_ns), False
        delay_s = max(0, due_ns - self._clock.timestamp_ns()) / 1_000_000_000
        self._loop.call_later(delay_s + WAKE_SLACK_S, self._woken, due_ns)

    def _woken(self, due_ns: int) -> None:
        """The loop's monotonic clock and the wall clock drift apart: a wake that came too early is repeated."""
        if self._now() < due_ns:
            self._wake(due_ns)
        else:
            self._settle()
            self._loop.call_later(EXHAUSTED_S, self._settle)

    def _settle(self) -> None:
        """What a backtest does after each event: drain what is due, then let every matching engine act."""
        now = self._now()
        try:
            if not self._settled:
                self._exchange.process(now)
                for matching_engine in self._exchange.get_matching_engines().values():
                    matching_engine.iterate(now)
                self._settled = now >= self._due_ns
            self._fill_exhausted()
        except Exception as error:
            self._log.error(f"{type(error).__name__} in the simulated venue: {error}")
            self._halt(f"CLIENT_FAILED: {type(error).__name__}: {error}")

    def _fill_exhausted(self) -> None:
        """Finish market orders that were larger than the touch, one tick further as Nautilus does in a backtest.

        Nautilus slips the rest in the same breath, but only of an order that knows it is open: in a live node its own
        acknowledgement still waits in a queue then, and the rest would never be filled.
        """
        for order in self._cache.orders_open(venue=self.venue):
            if order.order_type == OrderType.MARKET and order.status == OrderStatus.PARTIALLY_FILLED:
                rest = self._rests.get(order.client_order_id, order)
                self._exchange.get_matching_engine(order.instrument_id).fill_market_order(rest)

    def _on_data(self, data: Any) -> None:
        """Quotes and bars are the market. A trade is not: it would set both sides of the book to its price, late ones too.

        With nothing on the wire a price concerns its own matching engine alone, which has acted on it by then: as in a
        backtest the others are left out, or each quote would cost as much as there are instruments.
        """
        self._now()
        if isinstance(data, QuoteTick):
            self._exchange.process_quote_tick(data)
            if self._requeue:
                self._requeue_for(data.instrument_id)
        elif isinstance(data, Bar):
            self._exchange.process_bar(data)
        else:
            return
        self._settle()


def rest_of(order: Any) -> Any:
    """Return what a venue that begins anew has of an order that had filled in part: an order of what is left of it.

    A matching engine counts the fills of an order itself, from none; given the whole order it would fill more than is left.
    """
    if not order.filled_qty.as_decimal():
        return order
    common = {
        "trader_id": order.trader_id,
        "strategy_id": order.strategy_id,
        "instrument_id": order.instrument_id,
        "client_order_id": order.client_order_id,
        "order_side": order.side,
        "quantity": order.leaves_qty,
        "init_id": _uuid(),
        "ts_init": order.ts_init,
        "time_in_force": order.time_in_force,
        "reduce_only": order.is_reduce_only,
    }
    if order.order_type == OrderType.MARKET:
        rest = MarketOrder(**common)
    else:
        assert order.order_type == OrderType.LIMIT
        rest = LimitOrder(**common, price=order.price)
    for event in order.events:
        if isinstance(event, OrderSubmitted | OrderAccepted):
            rest.apply(event)
    return rest


def _uuid() -> Any:
    from nautilus_trader.core.uuid import UUID4

    return UUID4()
