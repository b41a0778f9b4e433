"""Our listings and market limits as Nautilus instruments, and Nautilus' numbers back as ours."""

from __future__ import annotations

from typing import Any, Final

from nautilus_trader.model.enums import AssetClass, CurrencyType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair, Equity, FuturesContract
from nautilus_trader.model.objects import Currency, Price, Quantity

from orders.exact import at_places
from orders.tradable import check_tradable, decimals
from orders.values import Listing, MarketLimits

FAR_FUTURE_NS: Final = 4_000_000_000_000_000_000  # 2096-10-02: later than any data, earlier than Nautilus' own maximum


def currency(code: str) -> Any:
    """Return the Nautilus currency; one it does not know is registered as crypto with 8 decimals."""
    known = Currency.from_internal_map(code)
    if known is not None:
        return known
    made = Currency(code, precision=8, iso4217=0, name=code, currency_type=CurrencyType.CRYPTO)
    Currency.register(made)
    return made


def instrument_of(listing: Listing, limits: MarketLimits) -> Any:
    """Return the Nautilus instrument of a share, a spot or fx pair, or a linear perpetual, which settles in its quote currency.

    Raises `InputError`: see `check_tradable`.
    """
    check_tradable(listing, limits)
    instrument_id = InstrumentId.from_str(listing.instrument_id)
    price_precision = decimals(limits.tick_size)
    tick = Price.from_decimal(at_places(limits.tick_size, price_precision))
    if listing.asset_class == "equity":
        return Equity(
            instrument_id=instrument_id,
            raw_symbol=instrument_id.symbol,
            currency=currency(listing.quote_currency),
            price_precision=price_precision,
            price_increment=tick,
            lot_size=Quantity.from_int(1),
            ts_event=0,
            ts_init=0,
        )
    assert listing.base_currency is not None
    size_precision = decimals(limits.step_size)
    pair = {
        "instrument_id": instrument_id,
        "raw_symbol": instrument_id.symbol,
        "base_currency": currency(listing.base_currency),
        "quote_currency": currency(listing.quote_currency),
        "price_precision": price_precision,
        "size_precision": size_precision,
        "price_increment": tick,
        "size_increment": Quantity.from_decimal(at_places(limits.step_size, size_precision)),
        "ts_event": 0,
        "ts_init": 0,
    }
    if listing.asset_class == "perpetual":
        return CryptoPerpetual(
            settlement_currency=currency(listing.quote_currency),
            is_inverse=False,
            multiplier=Quantity.from_decimal(at_places(limits.multiplier, decimals(limits.multiplier))),
            **pair,
        )
    return CurrencyPair(**pair)


def expiry_sentinel(venue: str) -> Any:
    """Return a far-dated dummy future that never trades.

    With no expiring instrument at a venue, Nautilus scans all of its matching engines at every event; one far expiry
    gives it a date to wait for.
    """
    return FuturesContract(
        instrument_id=InstrumentId(Symbol("EXPIRY-SENTINEL"), Venue(venue)),
        raw_symbol=Symbol("EXPIRY-SENTINEL"),
        asset_class=AssetClass.INDEX,
        currency=currency("USD"),
        price_precision=0,
        price_increment=Price.from_int(1),
        multiplier=Quantity.from_int(1),
        lot_size=Quantity.from_int(1),
        underlying="NONE",
        activation_ns=0,
        expiration_ns=FAR_FUTURE_NS,
        ts_event=0,
        ts_init=0,
    )
