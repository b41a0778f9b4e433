"""The twin's wiring: gate, recorder and prices as in every run, before simulated venues alone.

There is no strategy, no planner and no schedule: orders come from the live run's log (`sim.twin.desk`). There is no client of a
venue either: the one way out of the gate leads into a simulated exchange inside this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine.assemble import RECORDER_PRIORITY, STRATEGY_NAME, Parts
from engine.gate import Gate
from engine.hours import Hours, load_calendars
from engine.node import MakeClient
from engine.prices import Prices
from engine.recorder import Recorder
from engine.run_recorder import made_recorder
from orders.book import BookKeeper
from orders.values import AccountKind, Rate
from sim.twin.counts import TwinCounts
from venues.simulated.shadow import ShadowExecutionClient

LENT: Final = Decimal(1_000_000_000_000)  # of each currency, to every simulated account: see `simulated_venue`


class TwinTap:
    """Writes what the simulated venue says, as the recorder does, and remembers when each order is due there."""

    def __init__(self, recorder: Recorder) -> None:
        self.due_ns: dict[str, int] = {}
        self._recorder = recorder

    def sending(self, order: Any, *, action: str) -> None:
        self._recorder.sending(order, action=action)

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None:
        self.due_ns[client_order_id] = due_ns
        self._recorder.received(client_order_id, venue=venue, due_ns=due_ns)

    def refused(self, order: Any, *, code: str) -> None:
        self._recorder.refused(order, code=code)

    def unknown(self, order: Any, *, message: str) -> None:
        self._recorder.unknown(order, message=message)

    def when_durable(self, callback: Callable[[], None], *, meanwhile: Callable[[], None] | None = None) -> None:
        self._recorder.when_durable(callback, meanwhile=meanwhile)


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinAssembly:
    """The wired parts of a twin's kernel. `strategy_id`: of the live run's orders, which are these."""

    gate: Gate
    recorder: Recorder
    tap: TwinTap
    prices: Prices
    strategy_id: str
    rates: Mapping[str, Rate]
    halt: Callable[[str], None]
    hours_sha256: str | None


def assemble_twin(kernel: Any, parts: Parts) -> TwinAssembly:
    """Wire it and take the execution endpoint."""
    config, limits = parts.config, parts.config.sentinel_limits()
    instrument_ids = {symbol: parts.listings[symbol].instrument_id for symbol in parts.market_limits}
    prices = Prices(cache=kernel.cache, msgbus=kernel.msgbus, instrument_ids=instrument_ids, bar_spec=None, half_spread_bps={})
    keeper = parts.fold.keeper if parts.fold.run is not None else BookKeeper(cash=config.starting_cash())
    strategy_id = f"{STRATEGY_NAME}-{config.strategy_tag}"
    calendars = load_calendars(config)
    recorder, halt = made_recorder(kernel, parts, prices=prices, keeper=keeper, strategy_id=strategy_id)
    gate = Gate(
        msgbus=kernel.msgbus,
        cache=kernel.cache,
        clock=kernel.clock,
        exec_engine=kernel.exec_engine,
        limits=limits,
        permission=parts.permission,
        quote_of=prices.quote_of,
        record=recorder.verdict,
        halt=halt,
        owner=strategy_id,
        state=TwinCounts(limits, positions=keeper.positions),
        hours_at=Hours(calendars.by_venue, listings=parts.listings, market_time=parts.market_time).at,
    )
    recorder.follower = gate
    kernel.msgbus.subscribe(topic="events.order.*", handler=recorder.on_event, priority=RECORDER_PRIORITY)
    gate.install()
    return TwinAssembly(
        gate=gate,
        recorder=recorder,
        tap=TwinTap(recorder),
        prices=prices,
        strategy_id=strategy_id,
        rates=config.rates(),
        halt=halt,
        hours_sha256=calendars.sha256,
    )


def lent_balances(parts: Parts, venue: str) -> dict[str, Decimal]:
    """Return what a simulated account opens with: `LENT` of every currency that is traded at the venue."""
    listings = [parts.listings[symbol] for symbol, limits in parts.market_limits.items() if limits.venue == venue]
    return {code: LENT for one in listings for code in (one.quote_currency, one.base_currency) if code is not None}


def lent_account(parts: Parts, venue: str) -> AccountKind:
    """Return the kind of a simulated account: margin where shares are traded, which a cash account cannot be lent: what the live
    run held before this twin began may be sold.
    """
    listings = [parts.listings[symbol] for symbol, limits in parts.market_limits.items() if limits.venue == venue]
    kind = parts.config.venues[venue].account
    return kind if all(one.base_currency is not None for one in listings) else AccountKind.MARGIN


def simulated_venue(parts: Parts, venue: str, made: TwinAssembly, *, portfolio: Any) -> MakeClient:
    """Return the factory of a simulated client, as a shadow's, but for its account.

    The account is lent more than any order needs: the live run's account had it, and a fill that cost a cent more here must not
    make the next order fail for want of that cent. The book in the log is of the fills alone.
    """
    config = parts.config

    def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
        return ShadowExecutionClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            portfolio=portfolio,
            venue=venue,
            account=lent_account(parts, venue),
            balances=lent_balances(parts, venue),
            assumptions=config.assumptions(),
            lock=made.gate,
            tap=made.tap,
            halt=made.halt,
            symbols={listing.instrument_id: symbol for symbol, listing in parts.listings.items()},
        )

    return make
