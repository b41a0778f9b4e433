"""Which IB contract a listing of the symbol map is, and whether what TWS says of it is the one that was meant. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from lakehouse.snapshots import RefusedLimit
from orders.errors import ConfigError
from orders.values import Listing, MarketLimits, Record

PRIMARY: Final[Mapping[str, str]] = {"NASDAQ": "NASDAQ", "NYSE": "NYSE", "AMEX": "ARCA", "ARCA": "ARCA", "BATS": "BATS"}
ONE: Final = Decimal(1)


class Wanted(Record, frozen=True, kw_only=True):
    """How a contract is asked for, in IB's words. `primary` "" for what is listed nowhere."""

    sec_type: str
    symbol: str
    currency: str
    exchange: str
    primary: str


class Details(Record, frozen=True, kw_only=True):
    """What TWS says of one contract, exactly. `rule`: (lowest price, tick from there on) of the market rule of the exchange that
    orders go to, in rising order; () where TWS names no rule. `isin` "": not in the data.
    """

    con_id: int
    sec_type: str
    symbol: str
    currency: str
    primary: str
    isin: str
    min_tick: Decimal
    rule: tuple[tuple[Decimal, Decimal], ...]
    min_size: Decimal | None
    size_increment: Decimal | None
    multiplier: Decimal | None
    price_magnifier: int


class _Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def wanted_contract(listing: Listing) -> Wanted:
    """Return the contract of a listing. Raises `ConfigError` CONTRACT_UNMAPPED for what is not mapped.

    Shares go by SMART, named by the exchange of the platform's symbol (its AMEX is NYSE Arca, where the ETFs are); a class is
    "BRK B" at IB. Currency pairs go to IDEALPRO.
    """
    exchange, _, ticker = listing.symbol.partition(":")
    if listing.asset_class == "equity" and exchange in PRIMARY:
        return Wanted(
            sec_type="STK",
            symbol=ticker.replace(".", " "),
            currency=listing.quote_currency,
            exchange="SMART",
            primary=PRIMARY[exchange],
        )
    if listing.asset_class == "fx" and listing.base_currency is not None:
        return Wanted(
            sec_type="CASH", symbol=listing.base_currency, currency=listing.quote_currency, exchange="IDEALPRO", primary=""
        )
    raise ConfigError(
        "CONTRACT_UNMAPPED",
        expected=f"a share of {', '.join(PRIMARY)} or a currency pair",
        found=f"{listing.symbol}, {listing.asset_class}",
        action="Take it off sentinel.allow, or trade it elsewhere.",
    )


def limits_of(
    listing: Listing, found: tuple[Details, ...], *, min_notional: Decimal | None = None
) -> MarketLimits | RefusedLimit:
    """Return the limits of one listing from the contracts TWS found for it.

    The tick is the coarsest of the market rule, which must be a multiple of all finer ones: it is legal at every price. Shares
    are whole, whatever TWS says of fractions, because its API takes no others. `min_notional` > 0, in quote currency: a person's
    own floor, IB states none; None: refused. Refused by code: no or several contracts, another than was meant, a share without
    ISIN (ISIN_MISSING: nothing proves which share it is, and Nautilus does not load it), magnified prices, ticks that do not fit.
    """
    try:
        return _limits(listing, _the_one(listing, found), min_notional)
    except _Refusal as refusal:
        return RefusedLimit(symbol=listing.symbol, code=refusal.code, message=f"{listing.symbol}: {refusal}")


def _the_one(listing: Listing, found: tuple[Details, ...]) -> Details:
    wanted = wanted_contract(listing)
    if len(found) != 1:
        code = "CONTRACT_AMBIGUOUS" if found else "NOT_AT_VENUE"
        raise _Refusal(
            code,
            f"TWS has {len(found)} contracts for {wanted.symbol} in {wanted.currency} at {wanted.primary or wanted.exchange}",
        )
    details = found[0]
    same = (details.sec_type, details.symbol, details.currency) == (wanted.sec_type, wanted.symbol, wanted.currency)
    if not same or (wanted.primary and details.primary != wanted.primary):
        raise _Refusal(
            "KIND_MISMATCH",
            f"TWS answered {details.sec_type} {details.symbol} {details.currency} at {details.primary},"
            f" asked was {wanted.sec_type} {wanted.symbol} {wanted.currency} at {wanted.primary}",
        )
    if details.sec_type == "STK" and not details.isin:
        raise _Refusal(
            "ISIN_MISSING", f"contract {details.con_id} has no ISIN; ask IB for market data that names it, or leave it out"
        )
    if details.price_magnifier != 1:
        raise _Refusal("MAGNIFIED", f"prices are {details.price_magnifier} times the currency's unit, which Sluice does not do")
    return details


def _limits(listing: Listing, details: Details, min_notional: Decimal | None) -> MarketLimits:
    if min_notional is None:
        raise _Refusal("LIMITS_MISSING", "IB states no minimum notional; give your own floor")
    if details.min_size is None or details.size_increment is None:
        raise _Refusal("LIMITS_MISSING", f"minimum size {details.min_size}, size increment {details.size_increment}")
    step = details.size_increment
    if details.sec_type == "STK":
        if step <= 0 or max(step, ONE) % min(step, ONE):
            raise _Refusal("STEPS_DISAGREE", f"whole shares do not fit a size increment of {step}")
        step = max(step, ONE)
    if step <= 0 or details.min_size < 0:
        raise _Refusal("LIMITS_INVALID", f"size increment {step}, minimum size {details.min_size}")
    multiplier = ONE if details.multiplier is None else details.multiplier
    if multiplier != ONE:
        raise _Refusal("MULTIPLIER", f"a {listing.asset_class} of {multiplier} units was not expected")
    return MarketLimits(
        symbol=listing.symbol,
        venue=listing.venue,
        step_size=step,
        tick_size=_tick(details),
        min_quantity=-(-max(details.min_size, step) // step) * step,
        min_notional=min_notional,
        max_quantity=None,
        multiplier=multiplier,
    )


def _tick(details: Details) -> Decimal:
    ticks = [details.min_tick, *(tick for _, tick in details.rule)]
    coarsest = max(ticks)
    if min(ticks) <= 0:
        raise _Refusal("LIMITS_INVALID", f"a tick of {min(ticks)}")
    if any(coarsest % tick for tick in ticks):
        raise _Refusal("TICKS_DISAGREE", f"{coarsest} is no multiple of every tick of the market rule: {sorted(set(ticks))}")
    return coarsest
