"""The configured feed and the dated manifests of backtest and shadow, by market time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from engine.config_catalog import CATALOG
from engine.run_config import RunConfig
from orders.values import MarketLimits
from sim.feed import FeedQuote, read_closes, read_manifest_times, read_quotes

NS: Final = 1_000_000_000


def feed_of(config: RunConfig, limits: Mapping[str, MarketLimits], *, spread_bps: Decimal | None = None) -> Iterator[FeedQuote]:
    """Return the configured feed in market time. `spread_bps`: around a close instead of the config's."""
    data = config.data
    if data.kind == "replay_quotes":
        first_ns, after_ns = day_start_ns(data.start), day_start_ns(data.end + timedelta(days=1))
        return (quote for quote in read_quotes(data.path, limits=limits) if first_ns <= quote.market_ns < after_ns)
    spread = data.synthetic_spread_bps if spread_bps is None else spread_bps
    if data.kind == CATALOG:
        from sim.catalog.feed import read_catalog  # Nautilus' catalog takes a second to import

        return read_catalog(config, limits=limits, spread_bps=spread)
    return read_closes(
        data.path, start=data.start, end=data.end, spread_bps=Decimal(0) if data.kind == "bars" else spread, limits=limits
    )


def day_start_ns(day: date) -> int:
    """Return midnight UTC of a day, in nanoseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NS


def manifests_of(config: RunConfig) -> list[tuple[int, Path]]:
    """Return the dated manifests that appear from the first to the last day of the span: (market instant, file), in order."""
    data = config.data
    if data.manifests is None:
        return []
    start, end = day_start_ns(data.start), day_start_ns(data.end + timedelta(days=1))
    return read_manifest_times(data.manifests, start_ns=start, end_ns=end)
