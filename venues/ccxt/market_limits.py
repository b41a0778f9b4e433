"""A venue's own market limits as ours: exact, kept apart by kind of market, refused where something is missing.

CCXT loads them; its numbers are taken as the venue's texts (`exchange.number = str`), never through a float. Proven against
the shapes of Binance's and OKX' lists; another exchange must count in tick sizes, and its answers are held to the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from lakehouse.snapshots import RefusedLimit
from orders.errors import ConfigError, VenueUnavailable
from orders.values import Listing, MarketLimits, Record
from venues.ccxt.egress import EgressRefused, VenueClient
from venues.ccxt.endpoint import Endpoint
from venues.ccxt.profiles import PROFILES

OPEN_TRIES: Final = 2
NUMBER_MAX: Final = 64  # characters of a number; a venue's have at most 30
PLACES_MAX: Final = 18  # of a number in a snapshot
KINDS: Final = {"spot": "spot", "perpetual": "swap"}  # asset class of the symbol map -> ccxt's kind of market
BINANCE_DERIVATIVES: Final = frozenset({"fapi.binance.com"})
PRIVATE: Final = {"fetchCurrencies": False, "fetchMargins": False}  # each would be a signed call beside the public one


class FetchedLimits(Record, frozen=True, kw_only=True):
    """What a venue said of the symbols asked for: each is in one of the two."""

    limits: tuple[MarketLimits, ...]
    refused: tuple[RefusedLimit, ...]


class _Refusal(Exception):
    """Why one symbol has no limits; never leaves this module."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def limits_of(
    listing: Listing, market: Mapping[str, Any] | None, *, min_notional: Decimal | None = None
) -> MarketLimits | RefusedLimit:
    """Return the limits of one listing from CCXT's unified market of its `ccxt_symbol`, None when the venue has none.

    Refused: another kind of market or other currencies than the symbol map says, not trading, inverse or quanto contracts, and
    zero or missing step, tick, minimum quantity, minimum notional or contract size. The market must be made with
    `exchange.number = str`. Market orders count too: the stricter of LOT_SIZE and MARKET_LOT_SIZE holds. `min_notional` > 0,
    in quote currency: a person's own floor where the venue states none; None: such a symbol is refused.
    """
    try:
        return _limits(listing, market, min_notional)
    except _Refusal as refusal:
        return RefusedLimit(symbol=listing.symbol, code=refusal.code, message=f"{listing.symbol}: {refusal}")


def _limits(listing: Listing, market: Mapping[str, Any] | None, min_notional: Decimal | None) -> MarketLimits:
    if market is None:
        raise _Refusal("NOT_AT_VENUE", f"{listing.ccxt_symbol} is no market of the venue; take it out of the symbol map")
    _same_market(listing, market)
    limits, precision = market.get("limits") or {}, market.get("precision") or {}
    amount, cost, at_market = (limits.get(part) or {} for part in ("amount", "cost", "market"))
    step = _strictest_step(_needed(precision.get("amount"), "step size"), market)
    least = _needed(amount.get("min"), "minimum quantity")
    maxima = [found for found in (_stated(amount.get("max")), _stated(at_market.get("max"))) if found is not None]
    return MarketLimits(
        symbol=listing.symbol,
        venue=listing.venue,
        step_size=step,
        tick_size=_needed(precision.get("price"), "tick size"),
        min_quantity=max(least, _stated(at_market.get("min")) or least),
        min_notional=_floor(cost.get("min"), min_notional),
        max_quantity=min(maxima) if maxima else None,
        multiplier=_needed(market.get("contractSize"), "contract size") if market.get("contract") else Decimal(1),
    )


def _same_market(listing: Listing, market: Mapping[str, Any]) -> None:
    """Refuse what is not the market the symbol map means: a spot pair and its perpetual share a venue's id."""
    wanted = KINDS.get(listing.asset_class)
    if wanted is None:
        raise _Refusal("KIND_UNSUPPORTED", f"{listing.asset_class} is not fetched here; import its limits")
    if market.get("type") != wanted or market.get("symbol") != listing.ccxt_symbol:
        raise _Refusal("KIND_MISMATCH", f"the symbol map says {listing.asset_class}, the venue {market.get('type')}")
    if market.get("active") is not True:
        raise _Refusal("NOT_TRADING", "the venue does not trade it now")
    if market.get("inverse"):
        raise _Refusal("INVERSE_UNSUPPORTED", "an inverse contract is counted in its quote currency, which Sluice does not do")
    if market.get("contract") and market.get("settle") != market.get("quote"):
        raise _Refusal("QUANTO_UNSUPPORTED", f"settles in {market.get('settle')}, is quoted in {market.get('quote')}")
    pair, ours = (market.get("base"), market.get("quote")), (listing.base_currency, listing.quote_currency)
    if pair != ours:
        raise _Refusal("CURRENCY_MISMATCH", f"the symbol map says {ours[0]}/{ours[1]}, the venue {pair[0]}/{pair[1]}")


def _strictest_step(step: Decimal, market: Mapping[str, Any]) -> Decimal:
    """Binance may ask for coarser steps of market orders; CCXT does not carry them, so they are read from its `info`."""
    filters = (market.get("info") or {}).get("filters")
    for entry in filters if isinstance(filters, list) else ():
        if entry.get("filterType") == "MARKET_LOT_SIZE":
            at_market = _stated(entry.get("stepSize"))
            if at_market is not None and at_market > step:
                if at_market % step:
                    raise _Refusal("STEPS_DISAGREE", f"limit orders step by {step}, market orders by {at_market}")
                step = at_market
    return step


def _stated(value: Any) -> Decimal | None:
    """Return a number above 0; None where the venue says nothing, which 0 is too."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Refusal("LIMITS_INEXACT", f"the number {value!r} did not come as text")
    if len(value) > NUMBER_MAX:
        raise _Refusal("LIMITS_INVALID", f"a number of {len(value)} characters")
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise _Refusal("LIMITS_INVALID", f"{value!r} is no number of 0 or more")
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PLACES_MAX:
        raise _Refusal("LIMITS_INVALID", f"{value!r} has more than {PLACES_MAX} places")
    return number.normalize() if number else None


def _needed(value: Any, what: str) -> Decimal:
    number = _stated(value)
    if number is None:
        raise _Refusal("LIMITS_MISSING", f"the venue states no {what} (found {value!r}); import it by hand if you know it")
    return number


def _floor(value: Any, own: Decimal | None) -> Decimal:
    if own is not None and _stated(value) is None:
        return own
    return _needed(value, "minimum notional")


def venue_name(exchange_id: str) -> str:
    """Return the symbol map's name of a ccxt exchange: its profile's, else its id in capitals."""
    profile = PROFILES.get(exchange_id)
    return profile.venue if profile is not None else exchange_id.upper()


async def fetch_limits(
    exchange_id: str, listings: tuple[Listing, ...], *, endpoint: Endpoint | None, min_notional: Decimal | None = None
) -> FetchedLimits:
    """Ask the venue's public market list once for all listings. No key; its own hosts only, or the loopback `endpoint`.

    `min_notional`: see `limits_of`. Raises `ConfigError` EXCHANGE_UNKNOWN or PRECISION_MODE, `VenueUnavailable`
    VENUE_UNREACHABLE or VENUE_DATA.
    """
    kinds = {KINDS[listing.asset_class] for listing in listings if listing.asset_class in KINDS}
    hosts, options = reach(exchange_id, derivatives="swap" in kinds)
    client = VenueClient(exchange_id, options=options, endpoint=endpoint, hosts=hosts, streaming=False)
    try:
        exchange = client.exchange
        _check_precision(exchange)
        exchange.number = str
        markets = await _load(exchange)
    finally:
        await client.close()
    answers = [limits_of(listing, markets.get(listing.ccxt_symbol or ""), min_notional=min_notional) for listing in listings]
    return FetchedLimits(
        limits=tuple(answer for answer in answers if isinstance(answer, MarketLimits)),
        refused=tuple(answer for answer in answers if isinstance(answer, RefusedLimit)),
    )


def reach(exchange_id: str, *, derivatives: bool) -> tuple[frozenset[str] | None, Mapping[str, Any]]:
    """Return the hosts (None: all of the exchange's own) and options; only as much of Binance is asked as is needed."""
    profile = PROFILES.get(exchange_id)
    if profile is None:
        return None, PRIVATE
    if not derivatives:
        return profile.hosts, profile.options
    return profile.hosts | BINANCE_DERIVATIVES, {**profile.options, "fetchMarkets": {"types": ["spot", "linear"]}}


def _check_precision(exchange: Any) -> None:
    from ccxt import TICK_SIZE

    if exchange.precisionMode != TICK_SIZE:
        raise ConfigError(
            "PRECISION_MODE",
            expected="an exchange whose precisions are tick sizes",
            found=f"{exchange.id}, which counts digits: its steps would be guesses",
            action="Write its limits by hand and use `sluice limits import`.",
        )


async def _load(exchange: Any) -> Mapping[str, Any]:
    from ccxt.base.errors import BaseError

    for attempt in range(1, OPEN_TRIES + 1):
        try:
            markets: Mapping[str, Any] = await exchange.load_markets()
            return markets
        except BaseError as error:
            if attempt == OPEN_TRIES:
                raise VenueUnavailable(
                    "VENUE_UNREACHABLE",
                    expected=f"the public market list of {exchange.id}",
                    found=f"{type(error).__name__} after {attempt} tries: {str(error)[:200]}",
                    action="Look at the network, a proxy, or whether the venue serves this country; nothing was written.",
                ) from error
        except EgressRefused:
            raise
        except Exception as error:  # its parser's: whatever an answer of another shape makes of it
            raise VenueUnavailable(
                "VENUE_DATA",
                expected=f"the public market list of {exchange.id} in the shape ccxt knows",
                found=f"what ends in {type(error).__name__}: {str(error)[:200]}",
                action="Keep the venue's words: it, or ccxt, has changed. Nothing was written.",
            ) from error
    raise AssertionError("unreachable")
