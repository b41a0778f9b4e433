"""Prices of a catalog as the feed of a backtest or a shadow: bars or quotes of what may be traded, merged by time, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from engine.config_catalog import UNLIMITED
from engine.inputs import SYNTHETIC_SIZE
from engine.run_config import RunConfig
from lakehouse.catalog_view import sha256_of, span_of
from lakehouse.import_manifest import ImportManifest, read_manifests
from lakehouse.price_files import BATCH_ROWS
from lakehouse.price_kinds import ABSENT, Kind, bar_length
from orders.errors import ConfigError, InputError, RecordCorrupt
from orders.values import MarketLimits, Record
from sim.catalog.objects import Dataset, dataset_of, objects_in
from sim.feed import BPS, FeedQuote
from venues.symbols import load_symbols

NS: Final = 1_000_000_000


class _Series(Record, frozen=True, kw_only=True):
    """One symbol's files and how they are read; instants from `first_ns` to `last_ns`, both included."""

    symbol: str
    dataset: Dataset
    files: tuple[Path, ...]
    first_ns: int
    last_ns: int
    tick_size: Decimal
    half_spread: Decimal
    unlimited: bool


def read_catalog(config: RunConfig, *, limits: Mapping[str, MarketLimits], spread_bps: Decimal) -> Iterator[FeedQuote]:
    """Yield bars or quotes from the first to the last day of `[data]`, as they stand in the catalog, on the tick of `limits`.

    Around a bar's close half of `spread_bps` on each side, bid rounded down and ask up to the tick. Every file is held against
    its import manifest first. Raises `ConfigError` CATALOG_LACKS, `RecordCorrupt` CATALOG_CHANGED, `InputError` NO_VOLUME or
    CATALOG_OFF_TICK.
    """
    data = config.data
    manifests = read_manifests(data.path)
    series = [_series(config, symbol, limits[symbol], spread_bps) for symbol in sorted(limits)]
    found = [each for each in series if each.files]
    if not found:
        names = ", ".join(each.dataset.name for each in series)
        raise ConfigError(
            "CATALOG_LACKS",
            expected=f"{data.prices} of {names} from {data.start} to {data.end} in {data.path}",
            found="none",
            action=f"`sluice data show {data.path}` says what it holds.",
        )
    for each in found:
        _vouched(data.path, each, manifests)
    return merge(*(_quotes(each) for each in found), key=lambda quote: (quote.market_ns, quote.symbol))


def _series(config: RunConfig, symbol: str, limit: MarketLimits, spread_bps: Decimal) -> _Series:
    data = config.data
    kind = Kind(data.prices or "")
    listing = load_symbols(config.symbols.map).by_symbol[symbol]
    dataset = dataset_of(
        kind,
        listing.instrument_id,
        tick_size=limit.tick_size,
        step_size=limit.step_size,
        bar=None if data.bar is None else bar_length(data.bar),
    )
    start_ns, end_ns = _midnight_ns(data.start), _midnight_ns(data.end + timedelta(days=1))
    bars = kind is Kind.BARS  # a bar that ends at midnight belongs to the day before
    first_ns, last_ns = (start_ns + 1, end_ns) if bars else (start_ns, end_ns - 1)
    files = sorted((data.path / dataset.directory).glob("*.parquet"))
    return _Series(
        symbol=symbol,
        dataset=dataset,
        files=tuple(file for file in files if span_of(file)[0] <= last_ns and first_ns <= span_of(file)[1]),
        first_ns=first_ns,
        last_ns=last_ns,
        tick_size=limit.tick_size,
        half_spread=spread_bps / BPS / 2,
        unlimited=data.liquidity == UNLIMITED,
    )


def _midnight_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NS


def _vouched(catalog: Path, series: _Series, manifests: list[ImportManifest]) -> None:
    """Hold every file against the manifest that lists it. A catalog without any manifest has nothing to be held against."""
    sums = {written.path: (written.sha256, manifest) for manifest in manifests for written in manifest.written}
    for file in series.files:
        path = file.relative_to(catalog).as_posix()
        known = sums.get(path)
        if known is None and not manifests:
            continue
        sha256 = sha256_of(file)
        if known is None or known[0] != sha256:
            raise RecordCorrupt(
                "CATALOG_CHANGED",
                expected=f"{file} as its import wrote it" if known else f"an import that wrote {file}",
                found=f"sha256 {sha256}" if known else "none",
                action=f"`sluice data check {catalog}` lists every such file; import it again into a new catalog.",
            )
        columns = known[1].settings.get("columns", "").split(",")
        if f"volume={ABSENT}" in columns and not series.unlimited:
            raise InputError(
                "NO_VOLUME",
                expected=f"bars of {series.dataset.name} with a volume, for liquidity = recorded",
                found="bars of a file that has none",
                action="Say liquidity = unlimited in [data]; the run is then labelled so.",
            )


def _quotes(series: _Series) -> Iterator[FeedQuote]:
    spans = [span_of(file) for file in series.files]
    if all(earlier[1] < later[0] for earlier, later in pairwise(spans)):
        for file in series.files:
            yield from _file(series, file)
    else:  # a recorder's batches may overlap
        yield from merge(*(_file(series, file) for file in series.files), key=lambda quote: quote.market_ns)


def _file(series: _Series, file: Path) -> Iterator[FeedQuote]:
    with pq.ParquetFile(file) as opened:
        metadata = opened.schema_arrow.metadata
        for batch in opened.iter_batches(batch_size=BATCH_ROWS):
            table = pa.Table.from_batches([batch], schema=batch.schema.with_metadata(metadata))
            for item in objects_in(table, series.dataset.data_cls):
                if series.first_ns <= item.ts_init <= series.last_ns:
                    yield _bar(series, item) if series.dataset.kind is Kind.BARS else _quote(series, item)


def _bar(series: _Series, item: Any) -> FeedQuote:
    prices = tuple(_on_tick(series, price, item) for price in (item.open, item.high, item.low, item.close))
    close, half, tick = prices[3], series.half_spread, series.tick_size
    size = SYNTHETIC_SIZE if series.unlimited else item.volume.as_decimal()
    return FeedQuote(
        market_ns=item.ts_init,
        symbol=series.symbol,
        bid=(close * (1 - half) / tick).to_integral_value(ROUND_FLOOR) * tick if half else close,
        ask=(close * (1 + half) / tick).to_integral_value(ROUND_CEILING) * tick if half else close,
        bid_size=size,
        ask_size=size,
        bar=(prices[0], prices[1], prices[2], close),
    )


def _quote(series: _Series, item: Any) -> FeedQuote:
    return FeedQuote(
        market_ns=item.ts_init,
        symbol=series.symbol,
        bid=_on_tick(series, item.bid_price, item),
        ask=_on_tick(series, item.ask_price, item),
        bid_size=SYNTHETIC_SIZE if series.unlimited else item.bid_size.as_decimal(),
        ask_size=SYNTHETIC_SIZE if series.unlimited else item.ask_size.as_decimal(),
    )


def _on_tick(series: _Series, price: Any, item: Any) -> Decimal:
    value: Decimal = price.as_decimal()
    if value % series.tick_size:
        raise InputError(
            "CATALOG_OFF_TICK",
            expected=f"prices of {series.symbol} on the tick {series.tick_size} of the run's market limits",
            found=f"{value} at {item.ts_init} ns",
            action="Import the prices with these limits, or name the limits they were imported with.",
        )
    return value
