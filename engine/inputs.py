"""What a run reads before it assembles: symbol map and market limits; one place, one set of errors."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from engine.config_catalog import CATALOG, UNLIMITED
from engine.run_config import RunConfig
from lakehouse.snapshots import read_market_limits
from orders.canonical import sha256_hex
from orders.errors import ConfigError
from orders.values import Listing, MarketLimits, Record
from venues.symbols import load_symbols

SYNTHETIC_SIZE: Final = Decimal(1_000_000)  # units on each side of a quote made from a close


class Inputs(Record, frozen=True, kw_only=True):
    """Listings and limits of what may be traded: allowed, listed at a configured venue, with limits.

    `synthetic` says in words what of the inputs is not real.
    """

    listings: Mapping[str, Listing]
    market_limits: Mapping[str, MarketLimits]
    market_limits_sha256: str
    synthetic: tuple[str, ...]


def read_inputs(config: RunConfig) -> Inputs:
    """Read the symbol map and every venue's limits. Raises `ConfigError` when nothing is left to trade."""
    listings = load_symbols(config.symbols.map).by_symbol
    limits: dict[str, MarketLimits] = {}
    hashes = []
    for name, venue in sorted(config.venues.items()):
        snapshot = read_market_limits(venue.market_limits)
        hashes.append(snapshot.sha256)
        allowed = set(config.sentinel.allow.get(name, ()))
        limits.update(
            {
                symbol: limit
                for symbol, limit in snapshot.limits.items()
                if symbol in allowed and limit.venue == name and symbol in listings and listings[symbol].venue == name
            }
        )
    if not limits:
        raise ConfigError(
            "NOTHING_TRADABLE",
            expected="a symbol that is allowed, listed and has limits",
            found="none",
            action="Compare sentinel.allow, the symbol map and the venues' market_limits files.",
        )
    synthetic = [] if config.data.synthetic is None else [config.data.synthetic]
    closes = "real closes" if config.data.synthetic is None else "closes"
    if config.data.kind == "replay_closes":
        synthetic.append(
            f"{config.data.synthetic_spread_bps} bp spread and sizes around {closes}; market limits are hand-written"
        )
    if config.data.kind == "bars":
        synthetic.append(f"{half_spread_words(config)} bp on each side of {closes}; market limits are hand-written")
    if config.data.kind == "ccxt" and config.data.endpoint is not None:
        synthetic.append(f"the market is what {config.data.endpoint} says, not a venue")
    if config.data.kind == "ibkr" and config.live is not None and any(each.rehearses for each in config.live.venues.values()):
        synthetic.append("the market is what a fake TWS on this machine says, not a venue")
    if config.data.kind == CATALOG:
        synthetic += catalog_labels(config)
    if config.data.kind == "replay_quotes":
        synthetic.append(f"quotes as {config.data.path} says")
    return Inputs(
        listings=listings,
        market_limits=limits,
        market_limits_sha256=hashes[0] if len(hashes) == 1 else sha256_hex("\n".join(hashes).encode()),
        synthetic=tuple(synthetic),
    )


def half_spread_words(config: RunConfig) -> str:
    """Return the half spread that closes are opened by, with that of each venue that differs."""
    section = config.assumptions_section
    own = [
        f"{one.bar_half_spread_bps} at {venue}" for venue, one in section.by_venue.items() if one.bar_half_spread_bps is not None
    ]
    return f"{section.bar_half_spread_bps}{f' ({", ".join(own)})' if own else ''}"


def catalog_labels(config: RunConfig) -> list[str]:
    """Return what of a catalog's prices is made, in words."""
    from lakehouse.catalog_view import datasets

    data = config.data
    views = [view for view in datasets(data.path) if view.kind == data.prices]
    labels = sorted({label for view in views for label in view.synthetic})
    if not any(view.imports for view in views):
        labels.append("the catalog has no import manifests: where its prices come from is not known")
    if data.liquidity == UNLIMITED:
        labels.append(f"unlimited liquidity: {SYNTHETIC_SIZE} units at every price")
    if data.prices == "bars":
        half = half_spread_words(config)
        labels.append(f"a spread around closes: {half} bp on each side in a backtest, {data.synthetic_spread_bps} bp in a shadow")
    return labels
