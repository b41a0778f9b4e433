"""A backtest kernel: Nautilus' BacktestEngine with the same assembly as the shadow, driven in streaming steps."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nautilus_trader.accounting.error import AccountError
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import messages as common_messages
from nautilus_trader.common.component import is_backtest_force_stop
from nautilus_trader.config import LoggingConfig, MessageBusConfig, RiskEngineConfig
from nautilus_trader.execution import messages as execution_messages
from nautilus_trader.execution import reports
from nautilus_trader.model import data, events, instruments
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.portfolio.config import PortfolioConfig

from engine.assemble import Assembly, Parts, assemble
from engine.instruments import instrument_of
from engine.node import RISK_RATE, TRADER_ID
from engine.restore import Restored, Restorer, balances_of
from orders.errors import RecordCorrupt
from sim.backtest_venue import add_simulated_venue
from sim.quiet_markets import QuietMarkets, by_instant
from strategies.target_portfolio import as_instant, client_id
from venues.simulated.client import GuardedSimulatedClient

COLLECT_EVERY: Final = 200_000  # objects made since the last collection; at most so many of them are garbage
TAIL_NS: Final = 3_600_000_000_000  # an hour: longer than any latency


def unpublished() -> list[type]:
    """Return every type the bus would hold each message against before it sends it to a database; we have none."""
    modules = (data, events, instruments, execution_messages, reports, common_messages)
    return [str, int, float, bytes, *{kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}]


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python's cycle collector leave alone what is loaded, and come seldom: a run keeps nearly all that it makes."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, *thresholds[1:])
    try:
        yield
    finally:
        gc.freeze()  # so that thawing makes all of it old: the first thing made afterwards would have it searched
        gc.set_threshold(*thresholds)
        gc.unfreeze()


class Backtest:
    """One engine, assembled. `feed` and `finish` drive it; between steps the clients are still and may be asked.

    `clients`: the guarded client of each venue.
    """

    def __init__(self, parts: Parts) -> None:
        config = parts.config
        self.engine = BacktestEngine(
            BacktestEngineConfig(
                trader_id=TraderId(TRADER_ID),
                logging=LoggingConfig(log_level="ERROR", bypass_logging=True),
                risk_engine=RiskEngineConfig(max_order_submit_rate=RISK_RATE, max_order_modify_rate=RISK_RATE),
                message_bus=MessageBusConfig(types_filter=unpublished()),
                portfolio=PortfolioConfig(bar_updates=False),  # Nautilus' own valuation of every bar; the book here is ours
                run_analysis=False,
            )
        )
        self._fed_ns = 0  # a step begins where the last one ended, or orders on their way would skip the gap
        self.assembly: Assembly = assemble(self.engine.kernel, parts)
        self.assembly.gate.own_thread()
        kernel = self.engine.kernel
        self._quiet = QuietMarkets(msgbus=kernel.msgbus, cache=kernel.cache, clock=kernel.clock)
        assumptions = config.assumptions()
        self.restored = restored = self._restore(parts)
        self.clients: dict[str, GuardedSimulatedClient] = {
            venue: add_simulated_venue(
                self.engine,
                self.assembly,
                venue=venue,
                account=section.account,
                balances=balances_of(
                    self.assembly.recorder.keeper,
                    venue,
                    account=section.account,
                    listings=parts.listings,
                    limits=parts.market_limits,
                    carried={} if restored is None else restored.carried,
                ),
                assumptions=assumptions,
                listings=parts.listings,
                market_limits=parts.market_limits,
                quiet=self._quiet,
                queued=() if restored is None else [o for o, _ in restored.requeue if o.instrument_id.venue.value == venue],
            )
            for venue, section in config.venues.items()
        }

    def _restore(self, parts: Parts) -> Restored | None:
        """Put what an earlier run left into the cache: a replay of a later run; of a backtest there is nothing."""
        if parts.fold.run is None:
            return None
        cache = self.engine.kernel.cache
        for symbol in sorted(parts.market_limits):
            cache.add_instrument(instrument_of(parts.listings[symbol], parts.market_limits[symbol]))
        restorer = Restorer(
            cache=cache,
            trader_id=TRADER_ID,
            strategy_id=self.assembly.strategy.id.value,
            listings=parts.listings,
            limits=parts.market_limits,
            contexts=self.assembly.recorder.contexts,
        )
        found = restorer.restore(parts.fold)
        self.assembly.gate.restore_passed(order for order, _ in found.requeue)
        return found

    def feed(self, prices: Iterable[Any], portfolios: Sequence[Any] = ()) -> None:
        """Run one step over prices (all ticks, or all bars) and portfolios (custom data), merged by time.

        Raises `RecordCorrupt` ACCOUNT_BROKEN when Nautilus stopped on an account error: it would do so silently.
        """
        prices = list(prices)
        if prices and isinstance(prices[0], data.Bar):
            prices = by_instant(prices)
        if prices:
            self.engine.add_data(prices, client_id=client_id(), sort=not portfolios)
        if portfolios:
            self.engine.add_data(list(portfolios), client_id=client_id())
        if prices or portfolios:
            with rare_collections():
                self._run(start=self._fed_ns or None, streaming=True)
                self._quiet.catch_up()
            self._fed_ns = self.engine.kernel.clock.timestamp_ns()
            self.engine.clear_data()
        self._check()

    def advance(self, ns: int) -> None:
        """Run on by `ns` > 0 without new prices: what is due until then arrives.

        A streaming step without data would fire no timer, so an instant that nobody listens to is the step's data.
        """
        assert ns > 0
        now = self.engine.kernel.clock.timestamp_ns()
        self.feed((), [as_instant(now + ns)])

    def finish(self) -> None:
        """End the run: orders still on their way when the prices ended get `TAIL_NS` to arrive; nothing moves the market."""
        last_ns = self.engine.kernel.clock.timestamp_ns()
        self._run(start=last_ns, end=last_ns + TAIL_NS)
        self._check()

    def stop(self) -> None:
        """End the run where it is: what is on its way stays there."""
        self.engine.end()

    def dispose(self) -> None:
        """Give the engine's memory back."""
        self.engine.dispose()

    def _run(self, **span: Any) -> None:
        try:
            self.engine.run(**span)
        except AccountError as error:
            raise _account_broken(str(error)) from error

    @staticmethod
    def _check() -> None:
        if is_backtest_force_stop():
            raise _account_broken("an account error inside the simulation, which stopped it")


def _account_broken(found: str) -> RecordCorrupt:
    return RecordCorrupt(
        "ACCOUNT_BROKEN",
        expected="a simulated account that covers its orders",
        found=found,
        action="Raise policy.cash_buffer_fraction; the log up to here stands.",
    )
