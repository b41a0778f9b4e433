"""Last mids of each UTC day from recorded quotes, for volatilities: of a lakehouse's `top_of_book`, or beside foreign fills."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import duckdb

from analysis.log_store import MEMORY_MB, THREADS, LogStore, connect
from orders.errors import InputError

LAST: Final = """
SELECT max(market_ns), symbol,
  arg_max((CAST(bid AS DECIMAL(38,15)) + CAST(ask AS DECIMAL(38,15))) * CAST(0.5 AS DECIMAL(2,1)), market_ns)
FROM {source} WHERE CAST(bid AS DOUBLE) > 0 AND CAST(ask AS DOUBLE) >= CAST(bid AS DOUBLE)
GROUP BY symbol, market_ns // 86400000000000 ORDER BY symbol, 1
"""

type Mids = list[tuple[int, str, Decimal]]


def store_mids(store: LogStore) -> Mids:
    """Return (market instant, symbol, mid) of the last quote a day of a store's view `quotes`."""
    return [(int(at), str(symbol), Decimal(mid)) for at, symbol, mid in store.rows(LAST.format(source="quotes"))]


def recorded_mids(directory: Path) -> Mids:
    """Return the same of the Parquet files in `directory`; none where there are none. Raises `InputError` QUOTES_UNREADABLE."""
    files = sorted(str(file) for file in directory.glob("*.parquet")) if directory.is_dir() else []
    if not files:
        return []
    with connect(memory_mb=MEMORY_MB, threads=THREADS) as connection:
        try:
            rows = connection.execute(LAST.format(source="read_parquet($1)"), [files]).fetchall()
        except duckdb.Error as error:
            raise InputError(
                "QUOTES_UNREADABLE",
                expected=f"recorded quotes in {directory}",
                found=str(error).splitlines()[0],
                action="Remove the file it names, or record again.",
            ) from error
    return [(int(at), str(symbol), Decimal(mid)) for at, symbol, mid in rows]
