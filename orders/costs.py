"""What a trade costs: `market_price` and `fee_for` forecast in the plan and charge in the simulated venue.

So a forecast is what is charged, where the market does not move: to the digit, but for a fee's last currency unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Final

from orders.errors import InputError
from orders.exact import EXACT
from orders.values import FeeSchedule, Record, Side

POWERS: Final = Context(prec=34, rounding=ROUND_HALF_EVEN)
EXACT_ROUNDED: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)  # room for 12 places behind any market number
IMPACT_PLACES: Final = Decimal("1e-12")
BPS: Final = Decimal(10_000)
PER_BPS: Final = Decimal("0.0001")
HALF: Final = Decimal("0.5")
ONE: Final = Decimal(1)
SQUARE_ROOT: Final = Decimal("0.5")
ALMGREN_GAMMA: Final = Decimal("0.314")
ALMGREN_ETA: Final = Decimal("0.142")
ALMGREN_POWER: Final = Decimal("0.6")
ALMGREN_SHARES_POWER: Final = Decimal("0.25")


class Liquidity(StrEnum):
    """Liquidity side of a fill."""

    MAKER = "maker"
    TAKER = "taker"


class ImpactFacts(Record, frozen=True, kw_only=True):
    """Of one symbol: volatility of one day as a fraction >= 0, and units > 0 that the market trades in a day."""

    volatility_fraction: Decimal
    daily_volume: Decimal


class ImpactTerms(Record, frozen=True, kw_only=True):
    """`coefficient`: Y >= 0 of the square-root law. A symbol that is not in `by_symbol` cannot be traded under these."""

    coefficient: Decimal
    by_symbol: Mapping[str, ImpactFacts]

    def bps_of(self, symbol: str, *, quantity: Decimal) -> Decimal:
        """Return the impact of a whole parent order of `quantity` > 0 units: see `square_root_impact_bps`."""
        facts = self.by_symbol[symbol]
        return square_root_impact_bps(
            coefficient=self.coefficient,
            volatility_fraction=facts.volatility_fraction,
            quantity=quantity,
            daily_volume=facts.daily_volume,
        )


class TakerTerms(Record, frozen=True, kw_only=True):
    """What a market order pays at one venue beside fees. `perfect`: nothing, it fills at the mid.

    `slippage_bps` >= 0 of the touch; `half_spread_bps` >= 0 of the price where bid and ask are one (a bar); `impact` None: none.
    """

    perfect: bool
    slippage_bps: Decimal
    half_spread_bps: Decimal
    impact: ImpactTerms | None

    @property
    def at_the_touch(self) -> bool:
        """Whether a market order fills at the book's own far touch."""
        return not (self.perfect or self.slippage_bps or self.half_spread_bps or self.impact)


def market_price(
    side: Side, *, symbol: str, quantity: Decimal, bid: Decimal, ask: Decimal, tick_size: Decimal, terms: TakerTerms
) -> Decimal:
    """Return the price of a market order that meets this book, in quote currency: a multiple of the tick, rounded against it.

    `quantity` > 0 units of the whole parent order. The touch is opened by the half spread where bid and ask are one; slippage
    and impact are paid on top of it. Exact but for impact (12 places of a bp); a price stays above zero.
    """
    buy = side is Side.BUY
    if terms.perfect:
        wanted = EXACT.multiply(EXACT.add(bid, ask), HALF)
    else:
        wanted = ask if buy else bid
        if bid == ask and terms.half_spread_bps:
            wanted = _moved(wanted, terms.half_spread_bps, buy=buy)
        further = terms.slippage_bps
        if terms.impact is not None:
            further = EXACT.add(further, terms.impact.bps_of(symbol, quantity=quantity))
        if further:
            wanted = _moved(wanted, further, buy=buy)
    steps = EXACT_ROUNDED.divide(wanted, tick_size).to_integral_value(ROUND_CEILING if buy else ROUND_FLOOR)
    return EXACT.multiply(max(steps, ONE), tick_size)


def _moved(price: Decimal, bps: Decimal, *, buy: bool) -> Decimal:
    part = EXACT.multiply(bps, PER_BPS)
    return EXACT.multiply(price, EXACT.add(ONE, part) if buy else EXACT.subtract(ONE, part))


def fee_for(
    side: Side,
    *,
    quantity: Decimal,
    price: Decimal,
    multiplier: Decimal,
    schedule: FeeSchedule,
    liquidity: Liquidity,
    has_base_currency: bool,
) -> tuple[Decimal, bool]:
    """Return the exact fee of one fill and whether it is in the base asset (else in quote currency).

    In the base asset it is quantity x fraction: only for buys, where the venue charges so (`base_on_buys`) and the
    instrument has a base currency. Else quantity x price x multiplier x fraction. Not rounded: a venue that rounds up to
    its currency's precision takes at most one such unit more per fill.
    """
    part = schedule.maker_fraction if liquidity is Liquidity.MAKER else schedule.taker_fraction
    fee = EXACT.multiply(quantity, part)
    if schedule.base_on_buys and has_base_currency and side is Side.BUY:
        return fee, True
    return EXACT.multiply(EXACT.multiply(fee, price), multiplier), False


def square_root_impact_bps(
    *, coefficient: Decimal, volatility_fraction: Decimal, quantity: Decimal, daily_volume: Decimal
) -> Decimal:
    """Return Y sigma sqrt(Q/V) in bps of notional, rounded half-even to 12 places.

    `coefficient` is Y >= 0; `volatility_fraction` of one day >= 0; `quantity` of the whole parent order and `daily_volume` in
    units, above 0. The square-root law: Toth et al. (2011), "Anomalous price impact". Raises `InputError` IMPACT_INPUT.
    """
    _usable(coefficient=coefficient, volatility_fraction=volatility_fraction)
    _usable(above=True, quantity=quantity, daily_volume=daily_volume)
    root = POWERS.sqrt(POWERS.divide(quantity, daily_volume))
    return _bps(POWERS.multiply(POWERS.multiply(coefficient, volatility_fraction), root))


class AlmgrenCost(Record, frozen=True, kw_only=True):
    """In bps of notional: `permanent` is how far the price stays moved, `temporary` what is paid on top while trading.

    `cost` = permanent / 2 + temporary: a parent pays half of what it moves.
    """

    permanent: Decimal
    temporary: Decimal
    cost: Decimal


def almgren_2005(
    *,
    volatility_fraction: Decimal,
    quantity: Decimal,
    daily_volume: Decimal,
    shares_outstanding: Decimal,
    duration_days: Decimal,
) -> AlmgrenCost:
    """Return the impact of US shares by Almgren, Thum, Hauptmann and Li (2005), "Direct estimation of equity market impact".

    permanent = gamma sigma (X/V) (Theta/V)^1/4, temporary = eta sigma (X/(V T))^3/5, gamma 0.314, eta 0.142, each rounded to 12
    places. `duration_days`: T, in days of volume. Their coefficients, of their orders: never ours.
    Raises `InputError` IMPACT_INPUT.
    """
    _usable(volatility_fraction=volatility_fraction)
    _usable(
        above=True,
        quantity=quantity,
        daily_volume=daily_volume,
        shares_outstanding=shares_outstanding,
        duration_days=duration_days,
    )
    part = POWERS.divide(quantity, daily_volume)
    turnover = POWERS.power(POWERS.divide(shares_outstanding, daily_volume), ALMGREN_SHARES_POWER)
    pace = POWERS.power(POWERS.divide(part, duration_days), ALMGREN_POWER)
    permanent = _bps(POWERS.multiply(POWERS.multiply(ALMGREN_GAMMA * volatility_fraction, part), turnover))
    temporary = _bps(POWERS.multiply(ALMGREN_ETA * volatility_fraction, pace))
    return AlmgrenCost(permanent=permanent, temporary=temporary, cost=permanent / 2 + temporary)


def _usable(*, above: bool = False, **given: Decimal) -> None:
    for name, value in given.items():
        if not value.is_finite() or value < 0 or (above and value == 0):
            raise InputError(
                "IMPACT_INPUT",
                expected=f"{name} {'above 0' if above else 'of 0 or more'}",
                found=str(value),
                action="Look where it comes from; what is not known has no impact that could be told.",
            )


def _bps(part: Decimal) -> Decimal:
    return POWERS.multiply(part, BPS).quantize(IMPACT_PLACES, context=EXACT_ROUNDED)
