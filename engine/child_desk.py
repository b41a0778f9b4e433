"""The desk of the schedules: it writes the intent of every child before the gate may see it, and closes parents in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model.identifiers import InstrumentId

from engine.gate import Gate
from engine.prices import Prices
from engine.recorder import Recorder
from lakehouse import records
from orders.errors import InputError, StorageError
from orders.plan import Approval
from orders.schedule import CHILD_ORDERS_MAX
from orders.values import MarketLimits, OrderKind, Quote
from strategies.schedules.profile import VolumeProfile

SECOND_NS: Final = 1_000_000_000


class SchedulesDesk:
    """One per run, the `strategies.schedules.desk.ChildDesk` of its algorithms. Runs on the engine's loop only.

    `wake(instant_ns, work)`: see `engine.hop`. `profiles`: schedule name -> symbol -> usual volumes.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        gate: Gate,
        prices: Prices,
        msgbus: Any,
        limits: Mapping[str, MarketLimits],
        instrument_ids: Mapping[str, str],
        profiles: Mapping[str, Mapping[str, VolumeProfile]],
        clock_ns: Callable[[], int],
        wake: Callable[[int, Callable[[], None]], None],
        halt: Callable[[str], None],
        messages_left: Callable[[str], int],
    ) -> None:
        self._recorder = recorder
        self._gate = gate
        self._prices = prices
        self._msgbus = msgbus
        self._limits = limits
        self._ids = {symbol: InstrumentId.from_str(text) for symbol, text in instrument_ids.items()}
        self._profiles = profiles
        self._clock_ns = clock_ns
        self._wake = wake
        self._halt = halt
        self._messages_left = messages_left
        self._on_the_way: dict[str, tuple[str, int]] = {}  # child id -> venue, when it was written, until the gate has seen it
        self._numbers: dict[str, int] = {}
        self._topics: dict[str, tuple[str, Callable[[Any], None]]] = {}  # parent id -> what it listens to

    def parent(self, client_order_id: str) -> Approval | None:
        """Return the approval of a parent whose children may be sent now."""
        return self._gate.children.parent(client_order_id)

    def limits_of(self, symbol: str) -> MarketLimits:
        """Return the venue's limits."""
        return self._limits[symbol]

    def quote_of(self, symbol: str) -> Quote | None:
        """Return the newest price."""
        return self._prices.quote_of(symbol)

    def now_ns(self) -> int:
        """Return the engine's clock."""
        return self._clock_ns()

    @property
    def market_speed(self) -> int:
        """Nanoseconds of market time in one of the engine's clock."""
        return self._recorder.market_speed

    def market_now_ns(self) -> int:
        """Return market time."""
        return self._recorder.market_now_ns()

    def wake_at(self, instant_ns: int, work: Callable[[], None]) -> None:
        """Call `work` on the loop at an instant of the engine's clock."""
        self._wake(instant_ns, work)

    def profile_of(self, schedule: str, symbol: str) -> VolumeProfile:
        """Return the usual volumes of a symbol. Raises `InputError` NO_PROFILE."""
        profile = self._profiles.get(schedule, {}).get(symbol)
        if profile is None:
            raise InputError(
                "NO_PROFILE",
                expected=f"bars with volume of {symbol} in the catalog of schedule {schedule}",
                found="none",
                action="Import them (sluice data import), or use a twap schedule.",
            )
        return profile

    def watch_volume(self, parent: Approval, handler: Callable[[Decimal], None]) -> None:
        """Call `handler` with the quantity of every trade in the parent's instrument, or of every bar where prices are bars."""
        instrument_id = self._ids[parent.symbol]
        bars = self._prices.bar_topic(parent.symbol)

        def on_trade(trade: Any) -> None:
            handler(trade.size.as_decimal())

        def on_bar(bar: Any) -> None:
            handler(bar.volume.as_decimal())

        topic = f"data.trades.{instrument_id.venue}.{instrument_id.symbol.topic()}" if bars is None else bars
        listener = on_trade if bars is None else on_bar
        self._topics[parent.client_order_id] = (topic, listener)
        self._msgbus.subscribe(topic=topic, handler=listener)

    def may_go(self, parent: Approval) -> bool:
        """Whether the venue takes one more message in this second; a child beyond that would be denied, and end its schedule."""
        now = self._clock_ns()
        self._on_the_way = {
            key: (venue, written)
            for key, (venue, written) in self._on_the_way.items()
            if now - written < SECOND_NS and not self._gate.has_passed(key)
        }
        on_the_way = sum(1 for venue, _ in self._on_the_way.values() if venue == parent.venue)
        return self._messages_left(parent.venue) > on_the_way

    def write_child(self, parent: Approval, *, quantity: Decimal, limit_price: Decimal | None) -> str | None:
        """Write the intent of the parent's next child and return its id; None: no more may be sent, or the journal failed."""
        parent_id = parent.client_order_id
        number = self._numbers.get(parent_id, 0) + 1
        if number > CHILD_ORDERS_MAX or self.parent(parent_id) is None:
            return None
        self._numbers[parent_id] = number
        kind = OrderKind.MARKET if limit_price is None else OrderKind.LIMIT
        try:
            child_id = self._recorder.child_intent(
                parent, number=number, quantity=quantity, order_kind=kind, limit_price=limit_price
            )
        except StorageError as error:
            self._halt(str(error))
            return None
        self._on_the_way[child_id] = (parent.venue, self._clock_ns())
        return child_id

    def when_durable(self, parent: Approval, child_id: str, ready: Callable[[], None]) -> None:
        """Announce the child to the gate and call `ready` once its intent is on disk."""
        number = self._numbers[parent.client_order_id]

        def durable() -> None:
            self._recorder.child_durable(child_id)
            self._gate.children.announce(parent.client_order_id, number)
            ready()

        try:
            self._recorder.when_durable(durable)
        except StorageError as error:
            self._halt(str(error))

    def withdraw(self, child_id: str) -> None:
        """A written child will not be sent after all."""
        self._write(lambda: self._recorder.withdraw(child_id, cause="schedule_stopped"))

    def close(self, parent: Approval, *, cause: str, why: str) -> None:
        """The parent ends next, by its cancellation; the log's line names the cause. An end before its time raises an alarm."""
        watched = self._topics.pop(parent.client_order_id, None)
        if watched is not None:
            self._msgbus.unsubscribe(topic=watched[0], handler=watched[1])
        self._numbers.pop(parent.client_order_id, None)
        self._recorder.close_parent(parent.client_order_id, cause=cause)
        if why:
            text = f"schedule {parent.schedule} of {parent.symbol} ({parent.client_order_id}): {why}"
            self._write(lambda: self._recorder.write(records.Alarm, code=cause.upper(), message=text))

    def _write(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except StorageError as error:
            self._halt(str(error))
