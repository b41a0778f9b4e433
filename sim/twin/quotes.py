"""The twin's own quotes: a subscription beside the live run's, by a client that can do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.inputs import Inputs
from engine.run_config import RunConfig
from orders.errors import ConfigError

if TYPE_CHECKING:
    from engine.ccxt_source import CcxtSource
    from engine.ibkr_source import IbkrSource

type TwinQuotes = CcxtSource | IbkrSource  # evaluated by nobody
LIVE_PRICES: Final = ("ccxt", "ibkr")


def refuse_other_data(config: RunConfig) -> None:
    """Return where the prices are a market's own. Raises `ConfigError` TWIN_DATA."""
    if config.data.kind not in LIVE_PRICES:
        raise ConfigError(
            "TWIN_DATA",
            expected=f"prices of a market as it is now: [data] of kind {' or '.join(LIVE_PRICES)}",
            found=f"kind {config.data.kind}",
            action="Only live runs on such prices have a twin; `sluice report` compares others with their forecast.",
        )


async def open_quotes(config: RunConfig, inputs: Inputs, *, for_s: int | None) -> TwinQuotes:
    """Connect, and check that everything that may be traded is quoted there.

    Raises `VenueUnavailable`; `ConfigError` of symbols the venue does not have.
    """
    if config.data.kind == "ibkr":
        from engine.ibkr_source import open_ibkr_quotes  # here: IB's library is loaded by whoever needs it

        return await open_ibkr_quotes(config=config, inputs=inputs, for_s=for_s)
    from engine.ccxt_source import open_ccxt_source

    return await open_ccxt_source(
        config=config,
        listings=inputs.listings,
        symbols=inputs.market_limits,
        for_s=for_s,
        say=lambda text: None,  # its alarms are written, and said as they are
    )
