"""Records the quotes a shadow consumed: a Nautilus Parquet catalog, and beside it the top of book as plain Parquet.

Plain files have columns ts_ns and market_ns (int64), symbol, bid, ask, bid_size, ask_size (decimals as strings). Quotes are
written in batches, so a crash loses at most the batch in memory; the journal, not this, is the record of trading.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from engine.market_time import MarketTime
from lakehouse.layout import storage_error

BATCH_QUOTES_MAX: Final = 5_000


class QuoteRecorder:
    """`record` is a bus handler for quote ticks; `flush` writes what is in memory."""

    def __init__(
        self, *, catalog: Path, plain: Path, run_id: str, market_time: MarketTime, symbol_of: Callable[[Any], str | None]
    ) -> None:
        """Raise `StorageError` when the directories cannot be made."""
        try:
            catalog.mkdir(parents=True, exist_ok=True)
            plain.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, catalog) from error
        self._catalog = ParquetDataCatalog(str(catalog))
        self._plain = plain
        self._run_id = run_id
        self._market_time = market_time
        self._symbol_of = symbol_of
        self._ticks: list[Any] = []
        self._batch = 0
        self.recorded = 0

    def record(self, tick: Any) -> None:
        """Keep one tick; a full batch is written at once. Raises `StorageError`."""
        self._ticks.append(tick)
        if len(self._ticks) >= BATCH_QUOTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write the ticks in memory to both places. Raises `StorageError`; those ticks are not written again."""
        if not self._ticks:
            return
        ticks, self._ticks = self._ticks, []
        table = pa.table(
            {
                "ts_ns": pa.array([tick.ts_event for tick in ticks], pa.int64()),
                "market_ns": pa.array([self._market_time.at(tick.ts_event) for tick in ticks], pa.int64()),
                "symbol": [self._symbol_of(tick) for tick in ticks],
                "bid": [str(tick.bid_price) for tick in ticks],
                "ask": [str(tick.ask_price) for tick in ticks],
                "bid_size": [str(tick.bid_size) for tick in ticks],
                "ask_size": [str(tick.ask_size) for tick in ticks],
            }
        )
        self._batch += 1
        try:
            pq.write_table(table, self._plain / f"{self._run_id}-{self._batch:05d}.parquet")
            self._catalog.write_data(sorted(ticks, key=lambda tick: tick.ts_init), skip_disjoint_check=True)
        except OSError as error:
            raise storage_error(error, self._plain) from error
        self.recorded += len(ticks)
