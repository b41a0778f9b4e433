"""Records the market a shadow consumed: a Nautilus Parquet catalog, and beside it quotes and trades as plain Parquet.

Plain quotes have columns ts_ns and market_ns (int64), symbol, bid, ask, bid_size, ask_size (decimals as strings), received_ns, in
the order in which they came; plain trades
ts_ns, received_ns, market_ns, symbol, trade_id, price, quantity, aggressor. Books are in the catalog only. Everything is written
in batches, so a crash loses at most the batch in memory; the journal, not this, is the record of trading. The catalog has a file
an instrument and batch: of many instruments it waits until that is worth a file, or the files would grow with their square.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.model.data import QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from engine.market_time import MarketTime
from lakehouse.layout import storage_error
from lakehouse.run_inputs import InputsWriter
from orders.canonical import sha256_hex

BATCH_QUOTES_MAX: Final = 5_000  # of one kind
BATCH_AGE_NS_MAX: Final = 60_000_000_000  # a quiet live market is written once a minute all the same
CATALOG_ROWS_MIN: Final = 50  # of a file of the catalog, on average, unless it has waited too long
CATALOG_AGE_NS_MAX: Final = 600_000_000_000


class QuoteRecorder:
    """`record` is a bus handler for quotes, trades and book depths; `flush` writes what is in memory."""

    def __init__(
        self,
        *,
        catalog: Path,
        plain: Path,
        trades: Path,
        run_id: str,
        market_time: MarketTime,
        symbol_of: Callable[[Any], str | None],
        inputs: InputsWriter | None = None,
    ) -> None:
        """Raise `StorageError` when the directories cannot be made. `trades` is made with the first trade.

        `inputs` lists the batches of quotes."""
        try:
            catalog.mkdir(parents=True, exist_ok=True)
            plain.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, catalog) from error
        self._catalog = ParquetDataCatalog(str(catalog))
        self._plain = plain
        self._trades = trades
        self._run_id = run_id
        self._market_time = market_time
        self._symbol_of = symbol_of
        self._inputs = inputs
        self._ticks: dict[type[Any], list[Any]] = {}
        self._for_catalog: dict[type[Any], list[Any]] = {}
        self._batch = 0
        self.recorded = 0
        self.trades_recorded = 0
        self.books_recorded = 0

    def record(self, tick: Any) -> None:
        """Keep one tick; a full or old batch is written at once. Raises `StorageError`."""
        kept = self._ticks.setdefault(type(tick), [])
        kept.append(tick)
        if len(kept) >= BATCH_QUOTES_MAX or tick.ts_init - kept[0].ts_init >= BATCH_AGE_NS_MAX:
            self._write(type(tick))

    def flush(self) -> None:
        """Write the ticks in memory to both places. Raises `StorageError`; those ticks are not written again."""
        for kind in list(self._ticks):
            self._write(kind)
        for kind in list(self._for_catalog):
            self._write_catalog(kind)

    def _write(self, kind: type[Any]) -> None:
        ticks = self._ticks.pop(kind, [])
        if not ticks:
            return
        self._batch += 1
        name = f"{self._run_id}-{self._batch:05d}.parquet"
        try:
            if kind is QuoteTick:
                pq.write_table(self._quotes_table(ticks), self._plain / name)
                if self._inputs is not None:
                    sha256 = sha256_hex((self._plain / name).read_bytes())
                    self._inputs.market(name=name, sha256=sha256, rows=len(ticks))
            elif kind is TradeTick:
                self._trades.mkdir(parents=True, exist_ok=True)
                pq.write_table(self._trades_table(ticks), self._trades / name)
        except OSError as error:
            raise storage_error(error, self._plain) from error
        if kind is QuoteTick:
            self.recorded += len(ticks)
        elif kind is TradeTick:
            self.trades_recorded += len(ticks)
        else:
            self.books_recorded += len(ticks)
        waiting = self._for_catalog.setdefault(kind, [])
        waiting.extend(ticks)
        names = len({tick.instrument_id for tick in waiting})
        if len(waiting) >= CATALOG_ROWS_MIN * names or waiting[-1].ts_init - waiting[0].ts_init >= CATALOG_AGE_NS_MAX:
            self._write_catalog(kind)

    def _write_catalog(self, kind: type[Any]) -> None:
        ticks = self._for_catalog.pop(kind, [])
        try:
            self._catalog.write_data(sorted(ticks, key=lambda tick: tick.ts_init), skip_disjoint_check=True)
        except OSError as error:
            raise storage_error(error, self._plain) from error

    def _quotes_table(self, ticks: Sequence[Any]) -> Any:
        return pa.table(
            {
                "ts_ns": pa.array([tick.ts_event for tick in ticks], pa.int64()),
                "market_ns": pa.array([self._market_time.at(tick.ts_event) for tick in ticks], pa.int64()),
                "symbol": [self._symbol_of(tick) for tick in ticks],
                "bid": [str(tick.bid_price) for tick in ticks],
                "ask": [str(tick.ask_price) for tick in ticks],
                "bid_size": [str(tick.bid_size) for tick in ticks],
                "ask_size": [str(tick.ask_size) for tick in ticks],
                "received_ns": pa.array([tick.ts_init for tick in ticks], pa.int64()),
            }
        )

    def _trades_table(self, ticks: Sequence[Any]) -> Any:
        return pa.table(
            {
                "ts_ns": pa.array([tick.ts_event for tick in ticks], pa.int64()),
                "received_ns": pa.array([tick.ts_init for tick in ticks], pa.int64()),
                "market_ns": pa.array([self._market_time.at(tick.ts_event) for tick in ticks], pa.int64()),
                "symbol": [self._symbol_of(tick) for tick in ticks],
                "trade_id": [tick.trade_id.value for tick in ticks],
                "price": [str(tick.price) for tick in ticks],
                "quantity": [str(tick.size) for tick in ticks],
                "aggressor": ["SELL" if tick.aggressor_side == AggressorSide.SELLER else "BUY" for tick in ticks],
            }
        )
