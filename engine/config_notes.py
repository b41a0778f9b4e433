"""What a sound run config does not promise although one could think so: told by `sluice config check`, refused by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.values import AccountKind

if TYPE_CHECKING:
    from engine.run_config import RunConfig


def config_notes(config: RunConfig) -> list[str]:
    """Return a sentence for each; empty for most configs. The file is fine: these are choices."""
    return [*_overdraft(config)]


def _overdraft(config: RunConfig) -> list[str]:
    """That no fill within the collar overdraws a cash account is proven for a drift of at least the collar, and for no less."""
    drift, collar = config.policy.cash_drift_fraction, config.sentinel.price_collar_fraction
    venues = [name for name, venue in config.venues.items() if venue.account is AccountKind.CASH]
    if not venues or drift >= collar:
        return []
    return [
        f"policy.cash_drift_fraction {drift} is below sentinel.price_collar_fraction {collar}: a buy whose price rises by more "
        f"than that on its way takes from the cash buffer ({config.policy.cash_buffer_fraction}), and could overdraw "
        f"{', '.join(venues)} within the collar. With {collar} it cannot; buys that need all cash are then smaller by as much."
    ]
