"""Prices to measure an order against, from the market while it traded: interval VWAP, TWAP of mids, participation; and
what models of market impact expect.

Berkowitz, Logue and Noser (1988) for VWAP; Johnson (2010), "Algorithmic trading and DMA", chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NoReturn

from analysis.exact_inputs import BPS, ROUND_PLACES, ZERO, finite, not_negative, positive
from orders.errors import InputError
from orders.exact import EXACT, ROUNDED, exact_arithmetic
from orders.values import Record

ALMGREN_GAMMA: Final = Decimal("0.314")
ALMGREN_ETA: Final = Decimal("0.142")
ALMGREN_ETA_POWER: Final = Decimal("0.6")
ALMGREN_TURNOVER_POWER: Final = Decimal("0.25")


class ModelledImpact(Record, frozen=True, kw_only=True):
    """In bps, positive is a cost. `permanent`: how far the price stays moved; `temporary`: paid while trading; `cost` of the
    order: permanent / 2 + temporary, with the half spread not in it.
    """

    permanent_bps: Decimal
    temporary_bps: Decimal
    cost_bps: Decimal


def interval_vwap(
    trades: Sequence[tuple[Decimal, Decimal]], *, own_fills: Sequence[tuple[Decimal, Decimal]], without_own: bool
) -> Decimal | None:
    """Return the volume weighted mean price of an interval's public trades (quantity, price), which own fills are among.

    `without_own`: own fills are taken out of it, so that the order is not measured against itself; a benchmark says which of
    the two it is. Rounded half-even to 12 places; None when nothing (else) traded.

    Raises `InputError`: NUMBER_INVALID, NOT_POSITIVE, OWN_VOLUME (own fills are more than all that traded).
    """
    volume, value = _sums(trades)
    if without_own:
        own_volume, own_value = _sums(own_fills)
        with exact_arithmetic():
            volume, value = volume - own_volume, value - own_value
        if volume < 0 or (volume and value <= 0) or (not volume and value):
            _refuse_own(own_volume)
    return _quotient(value, volume) if volume else None


def twap_of_mids(mids: Sequence[tuple[int, Decimal]], *, from_ns: int, to_ns: int) -> Decimal | None:
    """Return the time weighted mean of mids over `from_ns` <= t < `to_ns`; each (ns, mid) holds until the next.

    `mids` ascend in time, and the first one is at or before `from_ns`: what came before the first is not known, and None is
    returned, as for an empty interval. Rounded half-even to 12 places. Raises `InputError`: NUMBER_INVALID, NOT_POSITIVE,
    NOT_ASCENDING.
    """
    if to_ns <= from_ns or not mids or mids[0][0] > from_ns:
        return None
    weighted = ZERO
    with exact_arithmetic():
        for number, (at_ns, mid) in enumerate(mids):
            until_ns = mids[number + 1][0] if number + 1 < len(mids) else to_ns
            if until_ns < at_ns and number + 1 < len(mids):
                raise InputError(
                    "NOT_ASCENDING", expected=f"a time of at least {at_ns}", found=str(until_ns), action="Sort the mids by time."
                )
            held_ns = min(until_ns, to_ns) - max(at_ns, from_ns)
            if held_ns > 0:
                weighted += held_ns * positive(mid, name="mid")
        return _quotient(weighted, Decimal(to_ns - from_ns))


def participation_fraction(*, own_volume: Decimal, market_volume: Decimal) -> Decimal | None:
    """Return own / market volume of an interval, which own is in; rounded half-even to 12 places, None when nothing traded.

    Raises `InputError`: NUMBER_INVALID, NEGATIVE, OWN_VOLUME (more than the market's).
    """
    own, market = not_negative(own_volume, name="own_volume"), not_negative(market_volume, name="market_volume")
    if own > market:
        _refuse_own(own)
    return _quotient(own, market) if market else None


def square_root_impact_bps(*, coefficient: Decimal, sigma_daily: Decimal, quantity: Decimal, daily_volume: Decimal) -> Decimal:
    """Return Y sigma sqrt(Q / V) in bps: `sigma_daily` a fraction, Q and V > 0 in the same unit; rounded half-even to 12 places.

    Y is fitted from own fills, never borrowed (Tóth et al. 2011 find about 1; Grinold and Kahn (2000): a day's volume costs a
    day's volatility). Raises `InputError`: NUMBER_INVALID, NEGATIVE, NOT_POSITIVE.
    """
    share = _share(quantity, daily_volume)
    scale = _scale(coefficient, sigma_daily)
    return ROUNDED.multiply(scale, ROUNDED.sqrt(share)).quantize(ROUND_PLACES, context=ROUNDED)


def almgren_impact(
    *, sigma_daily: Decimal, quantity: Decimal, daily_volume: Decimal, shares_outstanding: Decimal, duration_days: Decimal
) -> ModelledImpact:
    """Return the model of Almgren, Thum, Hauptmann and Li (2005), "Direct estimation of equity market impact", by name.

    permanent = gamma sigma (X/V) (Theta/V)^(1/4), temporary = eta sigma (X / V T)^(3/5), with their gamma 0.314 and eta 0.142 of
    US shares 2001-2003; `duration_days` T > 0 of volume time. Rounded half-even to 12 places.
    Raises `InputError`: NUMBER_INVALID, NOT_POSITIVE, NEGATIVE.
    """
    share = _share(quantity, daily_volume)
    turnover = _share(shares_outstanding, daily_volume)
    rate = _share(share, duration_days)
    power, times = ROUNDED.power, ROUNDED.multiply
    permanent = times(times(_scale(ALMGREN_GAMMA, sigma_daily), share), power(turnover, ALMGREN_TURNOVER_POWER))
    temporary = times(_scale(ALMGREN_ETA, sigma_daily), power(rate, ALMGREN_ETA_POWER))
    cost = ROUNDED.add(ROUNDED.divide(permanent, Decimal(2)), temporary)
    rounded = [value.quantize(ROUND_PLACES, context=ROUNDED) for value in (permanent, temporary, cost)]
    return ModelledImpact(permanent_bps=rounded[0], temporary_bps=rounded[1], cost_bps=rounded[2])


def _sums(trades: Sequence[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    volume = value = ZERO
    with exact_arithmetic():
        for units, price in trades:
            traded = positive(units, name="quantity")
            volume += traded
            value += traded * positive(price, name="price")
    return volume, value


def _quotient(part: Decimal, whole: Decimal) -> Decimal:
    return ROUNDED.divide(part, whole).quantize(ROUND_PLACES, context=ROUNDED)


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return ROUNDED.divide(positive(part, name="quantity"), positive(whole, name="volume"))


def _scale(coefficient: Decimal, sigma: Decimal) -> Decimal:
    factor = EXACT.multiply(finite(coefficient, name="coefficient"), not_negative(sigma, name="sigma_daily"))
    return EXACT.multiply(factor, BPS)


def _refuse_own(found: Decimal) -> NoReturn:
    raise InputError(
        "OWN_VOLUME",
        expected="own fills within what the market traded",
        found=str(found),
        action="The recording misses trades, or its interval is not that of the fills.",
    )
