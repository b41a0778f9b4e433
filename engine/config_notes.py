"""What a sound run config does not promise although one could think so: told by `sluice config check`, refused by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.schedule import ScheduleKind
from orders.values import AccountKind

if TYPE_CHECKING:
    from engine.run_config import RunConfig


def config_notes(config: RunConfig) -> list[str]:
    """Return a sentence for each; empty for most configs. The file is fine: these are choices."""
    return [*_overdraft(config), *_no_volume(config)]


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


def _no_volume(config: RunConfig) -> list[str]:
    """That a share of the volume is a share of nothing where the prices come without trades."""
    section = config.policy
    used = {section.schedule, *section.schedule_by_venue.values()}
    shares = sorted(name for name, known in config.schedules().items() if known.kind is ScheduleKind.POV and name in used)
    data = config.data
    quotes = data.kind in ("replay_closes", "replay_quotes", "bars", "ibkr") or (
        data.kind == "catalog" and data.prices == "quotes"
    )
    if not shares or not quotes:
        return []
    return [
        f"schedule {', '.join(shares)} takes a share of the volume that is traded meanwhile, and data of kind {data.kind} have no"
        " trades: it would fill nothing. Live data of CCXT have them, and bars of a catalog in a backtest."
    ]
