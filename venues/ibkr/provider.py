"""The contracts of this run's symbols, asked of TWS while connecting and held against what was meant and approved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.interactive_brokers.common import IBContract
from nautilus_trader.adapters.interactive_brokers.config import InteractiveBrokersInstrumentProviderConfig
from nautilus_trader.adapters.interactive_brokers.providers import InteractiveBrokersInstrumentProvider
from nautilus_trader.model.identifiers import InstrumentId

from lakehouse.snapshots import RefusedLimit
from orders.errors import VenueUnavailable
from orders.values import Listing, MarketLimits
from venues.ibkr.contracts import limits_of, wanted_contract
from venues.ibkr.details import details_of, rule_id_of, rule_of
from venues.ibkr.session import IbkrSession


class ListedProvider(InteractiveBrokersInstrumentProvider):
    """Nautilus' provider, filled with our own instruments under our own ids, and IB's contracts behind them.

    Nautilus' loader would name them by exchange, with a lot size of 100, and without the tick of the market rule.
    """

    def __init__(
        self,
        session: IbkrSession,
        clock: Any,
        *,
        cache: Any,
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
    ) -> None:
        super().__init__(client=session, clock=clock, config=InteractiveBrokersInstrumentProviderConfig())
        self._session = session
        self._cache = cache
        self._listings = listings
        self._limits = market_limits
        self._whole = asyncio.Lock()
        self._rules: dict[int, tuple[tuple[Decimal, Decimal], ...]] = {}

    async def initialize(self, reload: bool = False) -> None:
        """Load every listing once. Raises `VenueUnavailable` CONTRACT_REFUSED naming each that is not what was meant."""
        async with self._whole:
            if self._loaded and not reload:
                return
            problems = [text for symbol in sorted(self._limits) if (text := await self._load(self._listings[symbol]))]
            if problems:
                raise VenueUnavailable(
                    "CONTRACT_REFUSED",
                    expected="the contract, step and tick of the approved limits for every symbol of the run",
                    found="; ".join(problems),
                    action="Fetch the limits anew and look at the difference, or take these symbols off sentinel.allow.",
                )
            self._loaded = True

    async def _load(self, listing: Listing) -> str:
        """Load one listing; return what is wrong with it, "" for nothing."""
        wanted = wanted_contract(listing)
        asked: Any = IBContract(
            secType=wanted.sec_type,  # type: ignore[arg-type]  # STK or CASH
            symbol=wanted.symbol,
            currency=wanted.currency,
            exchange=wanted.exchange,
            primaryExchange=wanted.primary,
        )
        try:
            found = await self._session.get_contract_details(asked) or []
            details = tuple([details_of(each, rule=await self._rule(each, wanted.exchange)) for each in found])
        except (TimeoutError, ConnectionError):
            return f"{listing.symbol}: TWS did not answer"
        approved = self._limits[listing.symbol]
        answer = limits_of(listing, details, min_notional=approved.min_notional)
        if isinstance(answer, RefusedLimit):
            return answer.message
        if approved.tick_size % answer.tick_size or approved.step_size % answer.step_size:
            return (
                f"{listing.symbol}: tick {answer.tick_size} and step {answer.step_size} at TWS, approved were"
                f" {approved.tick_size} and {approved.step_size}"
            )
        instrument_id = InstrumentId.from_str(listing.instrument_id)
        contract: Any = found[0].contract
        self.contract[instrument_id] = contract if isinstance(contract, IBContract) else IBContract(**contract.__dict__)
        self.contract_details[instrument_id] = found[0]
        self.contract_id_to_instrument_id[contract.conId] = instrument_id
        self.add(self._cache.instrument(instrument_id))
        return ""

    async def _rule(self, found: Any, exchange: str) -> tuple[tuple[Decimal, Decimal], ...]:
        """Return the ticks by price where orders go to. Raises `TimeoutError`."""
        number = rule_id_of(found, exchange)
        if number is None:
            return ()
        if number not in self._rules:
            increments = await self._session.market_rule(number)
            if increments is None:
                raise TimeoutError
            self._rules[number] = rule_of(increments)
        return self._rules[number]

    def symbols(self) -> dict[int, str]:
        """Return platform symbol by contract id, of what was loaded."""
        by_id = {listing.instrument_id: listing.symbol for listing in self._listings.values()}
        return {con_id: by_id[str(instrument_id)] for con_id, instrument_id in self.contract_id_to_instrument_id.items()}
