"""Simulated venues of a backtest: Nautilus' exchange with our models, its stock client replaced by the guarded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue

from engine.assemble import Assembly
from engine.instruments import expiry_sentinel, instrument_of
from orders.assumptions import Assumptions, FillRule
from orders.values import AccountKind, Listing, MarketLimits
from sim.quiet_markets import QuietMarkets
from venues.simulated.client import GuardedSimulatedClient
from venues.simulated.models import AssumedFeeModel, AssumedFillModel, DueTimes
from venues.simulated.shadow import CASH_LEVERAGE, MARGIN_LEVERAGE, money


class _Handle(SimulationModule):
    """Gets hold of the exchange that `add_venue` makes; taken off again so that it costs nothing per event."""

    def pre_process(self, data: Any) -> None:
        """Nothing: never called, see the class."""

    def process(self, ts_now: int) -> None:
        """Nothing: never called, see the class."""

    def log_diagnostics(self, logger: Any) -> None:
        """Nothing to say."""

    def reset(self) -> None:
        """Nothing to forget."""


class Alerts:
    """Makes a backtest process its venues at an instant, as the live client's wake-up does.

    Two no-op alerts an instant: what is due is settled when the second one comes up, a nanosecond later, while the engine
    still looks for new alerts. Orders sent from the fills of the last alert before the next price would else wait for it.
    """

    def __init__(self, clock: Any, *, venue: str) -> None:
        self._clock = clock
        self._venue = venue  # the kernel's clock is everybody's: names must be the venue's own
        self._last_ns = 0
        self._count = 0

    def wake(self, due_ns: int) -> None:
        """Set the alerts for `due_ns` unless it is now, past, or set already."""
        if due_ns <= self._last_ns or due_ns <= self._clock.timestamp_ns():
            return
        self._last_ns = due_ns
        self._count += 1
        self._clock.set_time_alert_ns(f"due-{self._venue}-{self._count}", due_ns, _nothing)
        self._clock.set_time_alert_ns(f"settle-{self._venue}-{self._count}", due_ns + 1, _nothing)


def _nothing(event: Any) -> None:
    """The alert's only purpose is that the engine processes its venues at that instant."""


def add_simulated_venue(
    engine: Any,
    assembly: Assembly,
    *,
    venue: str,
    account: AccountKind,
    balances: Mapping[str, Decimal],
    assumptions: Assumptions,
    listings: Mapping[str, Listing],
    market_limits: Mapping[str, MarketLimits],
    quiet: QuietMarkets,
    queued: Sequence[Any] = (),
) -> Any:
    """Add one venue with its instruments to a backtest and return its guarded client.

    `queued`: orders that it had received before a restart, due at the first price. Of those it had acknowledged the market is
    made with that price: Nautilus puts every open order into its market when a run begins, and rejects one without price.
    """
    kernel = engine.kernel
    assumptions = assumptions.at(venue)
    symbols = {listing.instrument_id: symbol for symbol, listing in listings.items()}
    fill_model = AssumedFillModel(assumptions, cache=kernel.cache, symbols=symbols)
    handle = _Handle(SimulationModuleConfig())
    cash = account is AccountKind.CASH
    engine.add_venue(
        venue=Venue(venue),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH if cash else AccountType.MARGIN,
        starting_balances=money(balances),
        base_currency=None,
        default_leverage=CASH_LEVERAGE if cash else MARGIN_LEVERAGE,
        modules=[handle],
        fill_model=fill_model,
        fee_model=AssumedFeeModel(assumptions.fees[venue]),
        latency_model=None,
        liquidity_consumption=assumptions.own_consumption and assumptions.fill_rule is not FillRule.PERFECT,
        use_position_ids=False,
        trade_execution=False,
    )
    exchange = handle.exchange
    exchange.modules.remove(handle)
    client = GuardedSimulatedClient(
        exchange=exchange,
        msgbus=kernel.msgbus,
        cache=kernel.cache,
        clock=kernel.clock,
        lock=assembly.gate,
        tap=assembly.recorder,
        due_times=DueTimes(assumptions),
        own_consumption=assumptions.own_consumption and assumptions.fill_rule is not FillRule.PERFECT,
        wake=Alerts(kernel.clock, venue=venue).wake,
        now_ns=kernel.clock.timestamp_ns,
        halt=assembly.halt,
        sending=quiet.sending,
        restored=[order.client_order_id.value for order in queued],
    )
    quiet.add(exchange)
    fill_model.meets_no_size = client.meets_no_size
    assembly.accruals.attach(venue, client.adjust)
    kernel.exec_engine.deregister_client(exchange.exec_client)
    exchange.register_client(client)
    kernel.exec_engine.register_client(client)
    late = {order.instrument_id for order in queued if order.is_open}
    for symbol in sorted(market_limits):
        if market_limits[symbol].venue == venue and symbol in listings:
            instrument = instrument_of(listings[symbol], market_limits[symbol])
            if instrument.id in late:
                kernel.data_engine.process(instrument)
            else:
                engine.add_instrument(instrument)
    engine.add_instrument(expiry_sentinel(venue))
    return client
