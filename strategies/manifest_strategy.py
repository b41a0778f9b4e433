"""The manifest strategy: waits for prices, has the desk plan, sends what the desk releases: what reduces, the rest as that fills.

It decides nothing about amounts and writes no file: planner, Sentinel and recorder stand behind the desk. It triggers on
data, never on the clock, and everything in it runs on the engine's loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from orders.plan import Approval
from strategies.approved_order import order_of
from strategies.desk import LOOKS, Desk, Work
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
        self._watch_prices()
        ended = {order_id for order_id in self._working if self._has_ended(order_id)}
        for order_id in self._unwatched:
            if order_id not in ended:
                self._cancel(order_id)
        self._unwatched = ()
        if ended:  # told at a restart, by a venue that outlived us, before any strategy could hear it
            self._working -= ended
            self._finish_if_done()

    def _has_ended(self, order_id: str) -> bool:
        order = self.cache.order(ClientOrderId(order_id))
        return order is None or bool(order.is_closed)

    def on_data(self, data: Any) -> None:
        """Take a manifest's outcome. While a cycle is open the newest work waits for its end.

        Whatever asks for no work (held, refused, done already) takes the place of a manifest that still waits: what the
        lakehouse does not say any more is not traded. An open cycle goes on.
        """
        work = self._desk.read(data.outcome)
        if work is None:
            self.give_up()
            return
        if self._trading and not self._may_supersede:
            self._queue.append(work)
        else:
            self._await_prices(work)

    @property
    def _may_supersede(self) -> bool:
        """Whether a newer manifest may end the open cycle now: its orders go on, but an operator's cycle is nobody else's."""
        return self._desk.supersedes and not self._deciding and self._finish == self._desk.finish

    def give_up(self) -> None:
        """A manifest that waits or is queued is not traded."""
        self._work = None
        self._queue.clear()
        self._watch_prices()

    def take_up(self, work: Work) -> None:
        """Plan this, unless a cycle is open or a manifest waits already."""
        if not self._trading and self._work is None:
            self._await_prices(work)

    def take_instead(self, work: Work) -> bool:
        """Plan this instead of what waits; False, and nothing is done, while a cycle is open or before the start."""
        if self._trading or not self.is_running:
            return False
        self._await_prices(work)
        return True

    def _await_prices(self, work: Work) -> None:
        self._work = work
        self._missing = {symbol for symbol in work.waits_for if not self._fresh(symbol, work)}
        if not self._missing:
            self._decide()
        self._watch_prices()

    def _fresh(self, symbol: str, work: Work) -> bool:
        """A symbol without an instrument has no price to wait for; the planner says so on its line."""
        if symbol not in self._instruments:
            return True
        return work.after_ns == 0 and self._desk.quote_of(symbol) is not None

    def _watch_prices(self) -> None:
        """Listen to prices while something waits for one, or for its turn, or may drift; and only then: prices are many."""
        desk = self._desk
        drifts = not self._trading and desk.drift_check_ns is not None
        wanted = self._work is not None or drifts or desk.waiting_until_ns is not None
        if wanted is not self._watching:
            self._watching = wanted
            (self._watch if wanted else self._unwatch)(self._on_price)

    def _on_price(self, tick: Any) -> None:
        until_ns = self._desk.waiting_until_ns
        if until_ns is not None and (tick.ts_event >= until_ns or self._desk.paced):
            self._go_on(tick.ts_event)
        work = self._work if self._work is not None else self._drift_work(tick.ts_event)
        if work is None:
            return
        if tick.ts_event > work.after_ns:
            symbol = self._symbol_of(tick)
            if symbol is not None:
                self._missing.discard(symbol)
        if self._trading and not self._may_supersede:
            return  # decided when what works has ended
        if not self._missing or tick.ts_event > work.deadline_ns:
            self._decide()

    def _drift_work(self, now_ns: int) -> Work | None:
        """Begin a look at the drift where one is due: it waits for the prices of its interval like a manifest."""
        due_ns = self._desk.drift_check_ns
        if self._trading or due_ns is None or now_ns < due_ns:
            return None
        self._work = work = self._desk.drift_due(now_ns)
        if work is not None:
            self._missing = {symbol for symbol in work.waits_for if not self._fresh(symbol, work)}
        return work

    def _decide(self) -> None:
        """Open a cycle for what has its prices; for a drift only where it would trade."""
        work = self._work
        assert work is not None
        self._work = None
        if work.cause in LOOKS and not self._desk.would_trade(work):
            self._watch_prices()
            return
        later = self._desk.put_off(work)
        if later is not None:
            self._work, self._missing = later, set(later.waits_for)
            self._watch_prices()
            return
        if self._trading:
            self._desk.supersede(tuple(self._working))
        self._trading = self._deciding = True
        self._watch_prices()
        self._desk.decide(work, self._ready)

    def _ready(self, approvals: Sequence[Approval]) -> None:
        """The intents are on disk: what is in the way is cancelled, what may go goes, what opens waits for proceeds and room."""
        self._deciding = False
        for order_id in self._desk.cancels:
            if order_id in self._working:  # ours; its children end with it, and the cycle with the last of them
                children = self.cache.orders_for_exec_spawn(ClientOrderId(order_id))
                self._working.update(child.client_order_id.value for child in children if not child.is_closed)
                self._cancel(order_id)
        self._go_on()
        if self._queue and self._trading and self._may_supersede:
            self._await_prices(self._queue.popleft())

    def _go_on(self, now_ns: int = 0) -> None:
        """Send what may go now; end the cycle when nothing works and nothing waits. `now_ns`: of the data, where it is known."""
        released = self._desk.release(max(now_ns, self.clock.timestamp_ns()))
        if released:
            self._working.update([approval.client_order_id for approval in released])
        for approval in released:
            self._submit(approval)
        self._watch_prices()
        self._finish_if_done()

    def _submit(self, approval: Approval) -> None:
        instrument = self.cache.instrument(self._instruments[approval.symbol])
        now_ns = self.clock.timestamp_ns()
        self.submit_order(order_of(approval, instrument, trader_id=self.trader_id, strategy_id=self.id, ts_init=now_ns))

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
        self._desk.drop()
        for order_id in sorted(self._working - self._cancelling):
            self._cancelling.add(order_id)
            self._cancel(order_id)
        self._watch_prices()
        self._finish_if_done()

    def cut_opening(self) -> None:
        """Less capital may be used: let nothing of the open cycle go out that opens or adds, and cancel what works and does; what
        reduces goes on. What is on its way to disk is the gate's.
        """
        self._desk.drop_opening()
        for order_id in sorted(self._working - self._cancelling):
            if not self._desk.reduces_now(order_id):
                self._cancelling.add(order_id)
                self._cancel(order_id)
        self._watch_prices()
        self._finish_if_done()

    def _cancel(self, order_id: str) -> None:
        order = self.cache.order(ClientOrderId(order_id))
        if order is not None and not order.is_closed:
            self.cancel_order(order)

    def adopt(
        self,
        client_order_ids: Sequence[str],
        *,
        unwatched: Sequence[str] = (),
        finish: Callable[[], Work | None] | None = None,
    ) -> None:
        """After a restart: these orders of an open cycle still work; the cycle ends, by `finish` or the desk's, when they do.

        `unwatched`: limit orders among them whose schedule died with the process. Nothing would ever cross or cancel them, so
        they are cancelled as soon as the strategy runs; what they leave is a top-up's.
        """
        self._working = set(client_order_ids)
        self._trading = bool(self._working)
        self._unwatched = unwatched
        if finish is not None:
            self._finish = finish

    def on_order_filled(self, event: Any) -> None:
        order = self.cache.order(event.client_order_id)
        if order is None:
            return
        waits = self._desk.waiting_until_ns is not None
        if waits:
            spawned_from = order.exec_spawn_id
            self._desk.filled(event, parent_id=None if spawned_from is None else spawned_from.value)
        if order.is_closed and event.client_order_id.value in self._working:
            self._terminal(event)
        elif waits:
            self._go_on()

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
        if self._desk.waiting_until_ns is None:
            self._finish_if_done()
            return
        self._desk.ended(order_id)
        self._go_on()

    def _finish_if_done(self) -> None:
        if not self._trading or self._deciding or self._working or self._desk.waiting_until_ns is not None:
            return
        self._trading = False
        finish, self._finish = self._finish, self._desk.finish
        self._cancelling.clear()
        again = finish()
        if self.on_free():
            self._watch_prices()
            return
        if self._queue:
            self._await_prices(self._queue.popleft())
        elif self._work is not None and not self._missing:
            self._decide()
        elif self._work is None and again is not None:
            self._await_prices(again)
        self._watch_prices()

    def on_stop(self) -> None:
        if self._watching:
            self._watching = False
            self._unwatch(self._on_price)
