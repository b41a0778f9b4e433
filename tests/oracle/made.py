"""The small world of the oracle's sequences: symbols, grids of limits, and the same numbers in the Sentinel's own words."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from orders.plan import PlanLine, Reason
from orders.values import Grade, MarketLimits, OrderKind, Side
from sentinel.limits import SentinelLimits

DAY = 86_400 * 10**9
START = 1_700_000_000 * 10**9
VENUE = {"A": "US", "B": "US", "C": "EU", "D": "EU"}
WORTH = {"A": Fraction(1), "B": Fraction(2), "C": Fraction(5), "D": Fraction(1, 2)}
STEP = {"A": Fraction(1), "B": Fraction(1), "C": Fraction(1, 2), "D": Fraction(5)}
GRADES = (Grade.ABSENT, Grade.BROKEN, Grade.LEDGER_ONLY, Grade.VERIFIED)
ZERO = Decimal(0)

GRID: dict[str, tuple[str, ...]] = {  # the widest last
    "max_leverage": ("0.8", "1", "1.5", "4"), "max_leverage_net": ("0.5", "1", "4"), "max_asset": ("0.3", "0.5", "1", "4"),
    "max_order_value": ("400", "600", "9000"), "collar": ("0.05", "0.1", "0.25"), "gross_weight_max": ("1", "1.5", "4"),
    "gross_weight_min": ("0.5", "0"), "hhi": ("0.5", "1", "16"), "turnover": ("0.5", "1", "4"),
    "day_turnover": ("0.5", "1", "2", "9"), "crisis_net_long": ("0", "0.5"), "turbulent": ("0.5", "1"),
    "max_order_units": ("40", "60", "999"), "day_loss": ("0.05", "0.1", "0.5"), "drawdown": ("0.1", "0.2", "0.5"),
    "spread": ("0.1", "0.2", "0.5"), "jump": ("0.1", "0.25", "0.5"), "drift": ("0.1", "0.25", "0.5"),
}  # fmt: skip
COUNTS: dict[str, tuple[int, ...]] = {
    "messages_per_s": (1, 2, 9), "messages_per_day": (2, 5, 99), "repeats": (2, 3, 9), "repeats_window": (10**10, 86_400 * 10**9),
    "price_age": (10**9, 5 * 10**9), "reference_age": (10**9, 60 * 10**9), "equity_age": (10**9, 60 * 10**9),
    "jump_age": (10**9, 600 * 10**9), "drift_window": (10**9, 3_600 * 10**9), "duplicate_window": (60 * 10**9, 10**9),
    "manifest_age": (3_600 * 10**9, 86_400 * 10**9), "grade": (3, 2, 0),
}  # fmt: skip
PARTS = tuple(Fraction(text) for text in ("1", "0.5", "0.25", "0.1", "0"))  # of equity, the last one not known
STEPS_OF_TIME = (0, 0, 1, 5 * 10**8, 10**9 - 1, 10**9, 5 * 10**9, 60 * 10**9, 3_600 * 10**9, 86_400 * 10**9)


def dec(value: Fraction) -> Decimal:
    """Exact: denominators are products of 2 and 5."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def plan_line(
    number: int,
    symbol: str,
    *,
    quote: tuple[Fraction, Fraction, int],
    held: Decimal,
    side: Side | None,
    quantity: Decimal = ZERO,
    limit: Fraction | None = None,
    reduce_only: bool = False,
) -> PlanLine:
    """A line that trades, or with `side` None one that keeps what is held."""
    return PlanLine(
        line=number,
        symbol=symbol,
        venue=VENUE[symbol],
        instrument_id=f"{symbol}.{VENUE[symbol]}",
        side=side,
        quantity=quantity,
        order_kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
        reason=Reason.KEPT if side is None else Reason.TRADE,
        detail="",
        target_weight=ZERO,
        held_weight=None,
        held_quantity=held,
        wanted_quantity=None,
        bid=dec(quote[0]),
        ask=dec(quote[1]),
        unit_value_base=dec(WORTH[symbol]),
        notional_base=ZERO,
        fee_base=ZERO,
        limit_price=None if limit is None else dec(limit),
        reduce_only=reduce_only,
    )


def market_limits() -> dict[str, MarketLimits]:
    """Steps alone bound a quantity."""
    return {
        name: MarketLimits(
            symbol=name,
            venue=VENUE[name],
            step_size=dec(step),
            tick_size=Decimal("0.5"),
            min_quantity=dec(step),
            min_notional=ZERO,
            max_quantity=None,
            multiplier=Decimal(1),
        )
        for name, step in STEP.items()
    }


def sentinel_limits(known: Any) -> SentinelLimits:
    """The limits in the Sentinel's own words."""
    return SentinelLimits(
        max_leverage=dec(known.max_leverage),
        max_asset_exposure=dec(known.max_asset),
        max_order_value_base=dec(known.max_order_value),
        price_collar_fraction=dec(known.collar),
        price_age_max_ns=known.price_age,
        reference_age_max_ns=known.reference_age,
        gross_weight_min=dec(known.gross_weight_min),
        gross_weight_max=dec(known.gross_weight_max),
        hhi_max=dec(known.hhi),
        turnover_max=dec(known.turnover),
        crisis_net_long_max=dec(known.crisis_net_long),
        turbulent_gross_fraction=dec(known.turbulent),
        duplicate_window_ns=known.duplicate_window,
        provenance_min=GRADES[known.grade],
        max_leverage_net=dec(known.max_leverage_net),
        equity_age_max_ns=known.equity_age,
        max_order_units=dec(known.max_order_units),
        adv_fraction_max=None if known.adv_fraction is None else dec(known.adv_fraction),
        messages_per_s_max=known.messages_per_s,
        messages_per_day_max=known.messages_per_day,
        repeats_max=known.repeats,
        repeats_window_ns=known.repeats_window,
        day_loss_max_fraction=dec(known.day_loss),
        drawdown_max_fraction=dec(known.drawdown),
        spread_max_fraction=dec(known.spread),
        jump_max_fraction=dec(known.jump),
        jump_age_max_ns=known.jump_age,
        jump_confirm_ns=0,
        fill_drift_max_fraction=dec(known.drift),
        fill_drift_window_ns=known.drift_window,
        day_turnover_max=dec(known.day_turnover),
        manifest_age_max_ns=known.manifest_age,
        allow={venue: tuple(names) for venue, names in known.allow.items()},
    )
