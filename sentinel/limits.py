"""The Sentinel's limits: every one explicit, in one value whose sha256 is on every verdict."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from orders.canonical import canonical_sha256
from orders.values import Grade, Record

WEIGHT_ABS_MAX: Final = Decimal(1)  # one asset, one equity; beyond it is upstream's failed renormalisation
MESSAGES_PER_S_MAX: Final = 10_000  # of a venue; so many instants are remembered
REPEATS_MAX: Final = 1_000  # of one symbol in one window; so many instants are remembered
REGIME_BAND: Final = Decimal("0.01")  # of equity; a change of gross or net up to this counts as none


class SentinelLimits(Record, frozen=True, kw_only=True):
    """Inclusive: a value equal to its limit passes. Fractions are of equity, values in base currency, ages in nanoseconds.

    `gross_weight_min`, `gross_weight_max`: sum of |target weight|; below the least a manifest is cut short, not a wish to sell.
    `hhi_max`: sum of squared weights of the projected book. `turnover_max`:
    traded notional of one cycle / equity. `crisis_net_long_max`: net long above it must not grow at all in CRISIS.
    `turbulent_gross_fraction`: of `max_leverage`, while TURBULENT. `price_collar_fraction`: far touch against reference.
    `reference_age_max_ns`: how old a plan's reference price may be. `duplicate_window_ns`: the same order again within it,
    in the same cycle, is a duplicate. `allow`: platform symbols by venue, compared exactly; what is not named is denied.

    `max_leverage_net`: |net exposure| over all venues. `equity_age_max_ns`: how old the equity behind a judgement may be.
    `max_order_units`: units of one order; `adv_fraction_max`: of the average daily volume, None is switched off by config.
    `messages_per_s_max`, `messages_per_day_max`: submits and modifies a venue gets; real time, days are UTC. `repeats_max`:
    automatic parents of one symbol within `repeats_window_ns` of market time. `day_loss_max_fraction` of the equity a market day
    (UTC) began with, `drawdown_max_fraction` of the highest equity seen. `spread_max_fraction` of the mid;
    `jump_max_fraction`: a mid against the one before it, which is at most `jump_age_max_ns` old; one that has jumped is believed
    when newer ones have said the same for `jump_confirm_ns` of market time, 0: at the next one. `fill_drift_max_fraction`:
    a price against the oldest own fill of the symbol within `fill_drift_window_ns` of market time. `day_turnover_max`: traded
    notional of one market day / equity. `manifest_age_max_ns`: market time since a manifest was generated.
    """

    max_leverage: Decimal
    max_asset_exposure: Decimal
    max_order_value_base: Decimal
    price_collar_fraction: Decimal
    price_age_max_ns: int
    reference_age_max_ns: int
    gross_weight_min: Decimal
    gross_weight_max: Decimal
    hhi_max: Decimal
    turnover_max: Decimal
    crisis_net_long_max: Decimal
    turbulent_gross_fraction: Decimal
    duplicate_window_ns: int
    provenance_min: Grade
    max_leverage_net: Decimal
    equity_age_max_ns: int
    max_order_units: Decimal
    adv_fraction_max: Decimal | None
    messages_per_s_max: int
    messages_per_day_max: int
    repeats_max: int
    repeats_window_ns: int
    day_loss_max_fraction: Decimal
    drawdown_max_fraction: Decimal
    spread_max_fraction: Decimal
    jump_max_fraction: Decimal
    jump_age_max_ns: int
    jump_confirm_ns: int
    fill_drift_max_fraction: Decimal
    fill_drift_window_ns: int
    day_turnover_max: Decimal
    manifest_age_max_ns: int
    allow: Mapping[str, tuple[str, ...]]


def limits_sha256(limits: SentinelLimits) -> str:
    """Return the sha256 hex of the limits' canonical bytes."""
    return canonical_sha256(limits)
