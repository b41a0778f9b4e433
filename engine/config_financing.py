"""What must hold of `[assumptions.financing]`: a rate that is missing is not zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakehouse.funding_series import read_funding_series
from orders.errors import ConfigError, InputError
from orders.values import AccountKind
from venues.symbols import load_symbols

if TYPE_CHECKING:
    from engine.config_sections import AssumptionsSection, CapitalSection, SentinelSection, SymbolsSection, VenueSection

type Found = Iterator[tuple[tuple[str, ...], str]]


def financing_problems(
    assumptions: AssumptionsSection,
    venues: dict[str, VenueSection],
    capital: CapitalSection,
    symbols: SymbolsSection,
    sentinel: SentinelSection,
) -> Found:
    """Every venue has a borrow rate, every currency of cash its interest, every perpetual its funding, and nobody else has."""
    financing, key = assumptions.financing, ("assumptions", "financing")
    try:
        listings = load_symbols(symbols.map).by_symbol
    except ConfigError:
        return  # told by the check of the symbol map
    allowed = [listings[symbol] for row in sentinel.allow.values() for symbol in row if symbol in listings]
    for venue in venues:
        if venue not in financing.borrow:
            yield (*key, "borrow"), f'has no entry for venue {venue}; a venue without borrow costs says "0"'
    for name in financing.borrow:
        if name not in venues and name not in listings:
            yield (*key, "borrow", name), f"is no venue of this config ({', '.join(venues)}) and no symbol of the map"
    currencies = {code for amounts in capital.starting_cash.values() for code in amounts}
    for code in sorted(currencies | {listing.quote_currency for listing in allowed}):
        if code not in financing.interest:
            yield (*key, "interest"), f'has no entry for {code}, which cash is held in; without interest both fractions are "0"'
    for symbol, terms in financing.funding.items():
        if symbol not in listings or listings[symbol].asset_class != "perpetual":
            yield (*key, "funding", symbol), "is no perpetual of the symbol map"
        if terms.series is not None:
            try:
                read_funding_series(terms.series)
            except InputError as error:
                yield (*key, "funding", symbol, "series"), str(error)
    for listing in allowed:
        section = venues.get(listing.venue)
        if listing.asset_class == "perpetual" and section is not None:
            if section.account is AccountKind.CASH:
                yield ("venues", listing.venue, "account"), f"must be margin: {listing.symbol} is a perpetual"
            if listing.venue in assumptions.fees and assumptions.fees[listing.venue].base_on_buys:
                where = ("assumptions", "fees", listing.venue, "base_on_buys")
                yield where, f"must be false: {listing.symbol} is a perpetual, whose fees are in {listing.quote_currency}"
        if listing.asset_class == "perpetual" and listing.symbol not in financing.funding:
            yield (*key, "funding"), f'has no entry for {listing.symbol}, a perpetual; without funding its rate is "0"'
