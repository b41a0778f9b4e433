"""The manifest strategy: waits for prices, has the desk plan, sells first, buys when the sells are done.

It decides nothing about amounts and writes no file: planner, Sentinel and recorder stand behind the desk. It triggers on
data, never on the clock, and everything in it runs on the engine's loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from orders.plan import Approval
from orders.schedule import AT_ONCE
from orders.values import OrderKind, Side
from strategies.desk import Desk, Work
from strategies.schedules.algorithm import algorithm_id
from strategies.target_portfolio import client_id, data_type


class ManifestStrategy(Strategy):
    """One per run. `watch` and `unwatch` subscribe a handler to all price updates, and back, without venue commands."""

    def __init__(
        self,
        *,
        tag: str,
        desk: Desk,
        instrument_ids: Mapping[str, str],
        watch: Callable[[Callable[[Any], None]], None],
        unwatch: Callable[[Callable[[Any], None]], None],
        symbol_of: Callable[[Any], str | None],
    ) -> None:
        # The journal is the record: Nautilus would make a text of every event, even for a log that is switched off.
        super().__init__(StrategyConfig(strategy_id="SLUICE", order_id_tag=tag, log_events=False, log_commands=False))
        self._desk = desk
        self._instruments = {symbol: InstrumentId.from_str(text) for symbol, text in instrument_ids.items()}
        self._watch = watch
        self._unwatch = unwatch
        self._symbol_of = symbol_of
        self._queue: deque[Work] = deque(maxlen=1)  # only the newest manifest matters once the open cycle is done
        self._work: Work | None = None
        self._missing: set[str] = set()
        self._watching = False
        self._openings: Sequence[Approval] = ()
        self._working: set[str] = set()
        self._unwatched: Sequence[str] = ()
        self._cancelling: set[str] = set()  # of the open cycle, asked to cancel by a flatten
        self._trading = False
        self._deciding = False  # a plan is made or its intents are on their way to disk
        self._finish: Callable[[], Work | None] = desk.finish  # what the end of the open cycle calls
        self.on_free: Callable[[], bool] = lambda: False  # asked first when a cycle has ended: True when it takes the strategy

    @property
    def at_rest(self) -> bool:
        """No order works and none is about to: at most a manifest waits for prices."""
        return not self._trading

    def on_start(self) -> None:
        self.subscribe_data(data_type(), client_id=client_id())
        for order_id in self._unwatched:
            order = self.cache.order(ClientOrderId(order_id))
            if order is not None and not order.is_closed:
                self.cancel_order(order)
        self._unwatched = ()

    def on_data(self, data: Any) -> None:
        """Take a manifest's outcome. While a cycle is open the newest work waits for its end.

        Whatever asks for no work (held, refused, done already) takes the place of a manifest that still waits: what the
        lakehouse does not say any more is not traded. An open cycle goes on.
        """
        work = self._desk.read(data.outcome)
        if work is None:
            self.give_up()
            return
        if self._trading:
            self._queue.append(work)
        else:
            self._await_prices(work)

    def give_up(self) -> None:
        """A manifest that waits or is queued is not traded."""
        self._stop_watching()
        self._work = None
        self._queue.clear()

    def _await_prices(self, work: Work) -> None:
        self._stop_watching()
        self._work = work
        self._missing = {symbol for symbol in work.waits_for if not self._fresh(symbol, work)}
        if not self._missing:
            self._decide()
            return
        self._watching = True
        self._watch(self._on_price)

    def _fresh(self, symbol: str, work: Work) -> bool:
        """A symbol without an instrument has no price to wait for; the planner says so on its line."""
        if symbol not in self._instruments:
            return True
        return work.after_ns == 0 and self._desk.quote_of(symbol) is not None

    def _on_price(self, tick: Any) -> None:
        work = self._work
        if work is None:
            return
        if tick.ts_event > work.after_ns:
            symbol = self._symbol_of(tick)
            if symbol is not None:
                self._missing.discard(symbol)
        if self._trading:
            return  # an order of the operator works: the manifest is decided when it has ended
        if not self._missing or tick.ts_event > work.deadline_ns:
            self._decide()

    def _decide(self) -> None:
        work = self._work
        assert work is not None
        self._stop_watching()
        self._work = None
        self._trading = self._deciding = True
        self._desk.decide(work, self._ready)

    def _stop_watching(self) -> None:
        if self._watching:
            self._watching = False
            self._unwatch(self._on_price)

    def _ready(self, approvals: Sequence[Approval]) -> None:
        """Send what brings positions toward zero; what opens or adds waits for its proceeds and its room.

        On a cash account that is sells before buys; on margin no new short goes out before the old one is covered.
        """
        self._openings = [approval for approval in approvals if not approval.reduces]
        reducing = [approval for approval in approvals if approval.reduces]
        self._working = {approval.client_order_id for approval in reducing}
        self._deciding = False
        if not reducing:
            self._release_openings()
        for approval in reducing:
            self._submit(approval)

    def _release_openings(self) -> None:
        """All reducing orders are terminal, so nothing else draws on the cash: what it covers goes out."""
        funded = self._desk.fund(self._openings) if self._openings else ()
        self._openings = ()
        self._working = {approval.client_order_id for approval in funded}
        for approval in funded:
            self._submit(approval)
        if not funded:
            self._finish_if_done()

    def _submit(self, approval: Approval) -> None:
        instrument = self.cache.instrument(self._instruments[approval.symbol])
        quantity = Quantity(approval.quantity, instrument.size_precision)
        assert quantity.as_decimal() == approval.quantity
        common = {
            "instrument_id": instrument.id,
            "order_side": OrderSide.BUY if approval.side is Side.BUY else OrderSide.SELL,
            "quantity": quantity,
            "time_in_force": TimeInForce.GTC,
            "client_order_id": ClientOrderId(approval.client_order_id),
        }
        if approval.schedule != AT_ONCE:
            common["exec_algorithm_id"] = algorithm_id(approval.schedule)
        if approval.order_kind is OrderKind.MARKET:
            self.submit_order(self.order_factory.market(**common))
            return
        assert approval.limit_price is not None
        price = instrument.make_price(approval.limit_price)
        assert price.as_decimal() == approval.limit_price
        self.submit_order(self.order_factory.limit(**common, price=price))

    def reserve(self, finish: Callable[[], Work | None]) -> bool:
        """Take the strategy for one cycle that is planned elsewhere; False when a cycle is open. `send` must follow.

        `finish()` is called once when every order of that cycle is terminal. A manifest that waits for prices goes on
        waiting and is decided afterwards.
        """
        if self._trading or not self.is_running:
            return False
        self._trading = self._deciding = True
        self._finish = finish
        return True

    def send(self, approvals: Sequence[Approval]) -> None:
        """Send what a reserved cycle was approved; nothing ends it at once."""
        assert self._trading
        assert self._deciding
        self._openings = ()
        self._working = {approval.client_order_id for approval in approvals}
        self._deciding = False
        for approval in approvals:
            self._submit(approval)
        self._finish_if_done()

    def cut_off(self, *, again: bool) -> None:
        """Let nothing more of the open cycle go out, and cancel what works; it ends when all of it is terminal.

        May be called as often as one likes; `again`: ask once more for what was asked to cancel. Does nothing while a plan is on
        its way to disk.
        """
        if again:
            self._cancelling.clear()
        if not self._trading or self._deciding:
            return
        openings, self._openings = self._openings, ()
        self._desk.drop(openings)
        for order_id in sorted(self._working - self._cancelling):
            self._cancelling.add(order_id)
            order = self.cache.order(ClientOrderId(order_id))
            if order is not None and not order.is_closed:
                self.cancel_order(order)
        self._finish_if_done()

    def adopt(self, client_order_ids: Sequence[str], *, unwatched: Sequence[str] = ()) -> None:
        """After a restart: these orders of an open cycle still work; the cycle ends when they do.

        `unwatched`: limit orders among them whose schedule died with the process. Nothing would ever cross or cancel them, so
        they are cancelled as soon as the strategy runs; what they leave is a top-up's.
        """
        self._working = set(client_order_ids)
        self._trading = bool(self._working)
        self._unwatched = unwatched

    def on_order_filled(self, event: Any) -> None:
        order = self.cache.order(event.client_order_id)
        if order is not None and order.is_closed:
            self._terminal(event)

    def on_order_canceled(self, event: Any) -> None:
        self._terminal(event)

    def on_order_expired(self, event: Any) -> None:
        self._terminal(event)

    def on_order_denied(self, event: Any) -> None:
        self._terminal(event)

    def on_order_rejected(self, event: Any) -> None:
        self._terminal(event)

    def _terminal(self, event: Any) -> None:
        order_id = event.client_order_id.value
        if order_id not in self._working:
            return
        self._working.discard(order_id)
        if not self._working and self._openings:
            self._release_openings()
        else:
            self._finish_if_done()

    def _finish_if_done(self) -> None:
        if not self._trading or self._deciding or self._working or self._openings:
            return
        self._trading = False
        finish, self._finish = self._finish, self._desk.finish
        self._cancelling.clear()
        again = finish()
        if self.on_free():
            return
        if self._queue:
            self._await_prices(self._queue.popleft())
        elif self._work is not None and not self._missing:
            self._decide()
        elif self._work is None and again is not None:
            self._await_prices(again)

    def on_stop(self) -> None:
        self._stop_watching()
