"""What a record holds must be known to the config it is gone on with: refused before anything starts, never met half-way."""

from __future__ import annotations

from collections.abc import Collection

from engine.run_config import RunConfig
from lakehouse.rebuild import LogFold
from lakehouse.twins import TWIN
from orders.errors import ConfigError


def refuse_foreign_record(fold: LogFold, *, config: RunConfig, tradable: Collection[str], kind: str) -> None:
    """Return when everything in the record can be valued and closed under `config`; `tradable`: symbols that may be traded.
    `kind`: of the run that would go on with it.

    Raises `ConfigError`: KIND_MIXED of a twin's record and any other run, BASE_CURRENCY_CHANGED (what was lost and the highest
    equity are amounts of the old one), HELD_NOT_TRADABLE of positions and open orders, CASH_NOT_CONFIGURED of cash, of zero too:
    a currency that has no rate.
    """
    if fold.run is not None and (fold.run.kind == TWIN) is not (kind == TWIN):
        raise ConfigError(
            "KIND_MIXED",
            expected="a twin's record for a twin, and another one for any other run",
            found=f"the record of a run of kind {fold.run.kind} for one of kind {kind}",
            action="Name another data directory: a twin's record is never mixed with another's.",
        )
    base_currency = config.capital.base_currency
    if fold.base_currency not in (None, base_currency):
        raise ConfigError(
            "BASE_CURRENCY_CHANGED",
            expected=f"capital.base_currency {fold.base_currency}, the log's",
            found=base_currency,
            action=f"Put it back into {config.path}, or begin a new record in another lakehouse.directory.",
        )
    wanted = {symbol for symbol, quantity in fold.keeper.positions.items() if quantity}
    wanted |= {trace.intent.symbol for trace in fold.open_orders.values()}
    missing = sorted(wanted - set(tradable))
    if missing:
        raise ConfigError(
            "HELD_NOT_TRADABLE",
            expected="every symbol that is held or has an open order in sentinel.allow, the symbol map and market_limits",
            found=f"none of {', '.join(missing)} there",
            action=f"Put it back into {config.path}, or its files, until it is sold.",
        )
    known = {base_currency, *config.rates()} & config.financing().interest.keys()
    lost = [
        f"{code} at {venue}"
        for venue, amounts in sorted(fold.keeper.cash.items())
        for code in sorted(amounts)
        if venue not in config.venues or code not in known
    ]
    if lost:
        raise ConfigError(
            "CASH_NOT_CONFIGURED",
            expected="the venue of all cash in the log, and a rate and the interest of its currency",
            found=f"not all of it for {', '.join(lost)}",
            action=f"Put it back into {config.path}; money that was taken out needs a new record.",
        )
