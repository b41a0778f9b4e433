"""Made price files, seeded: bars, quotes and trades as text, and orders to import them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from lakehouse.price_kinds import Kind, bar_length
from orders.values import Listing
from sim.catalog.importer import Imported, ImportOrder, import_file
from sim.catalog.objects import objects_in
from sim.catalog.store import CatalogStore

MINUTE_NS = 60_000_000_000
START_NS = 1_736_172_000_000_000_000  # 2025-01-06 14:00 UTC
BTC = Listing(
    symbol="BINANCE:BTCUSDT",
    venue="BINANCE",
    instrument_id="BTCUSDT.BINANCE",
    quote_currency="USDT",
    base_currency="BTC",
    ccxt_symbol="BTC/USDT",
    asset_class="spot",
)
BARS_HEADER = "time,open,high,low,close,volume"
QUOTES_HEADER = "time,bid,ask,bid_size,ask_size"
TRADES_HEADER = "time,price,quantity,side,trade_id"


def order(kind: Kind = Kind.BARS, **changes: Any) -> ImportOrder:
    bars = kind is Kind.BARS
    made = ImportOrder(
        symbol=BTC.symbol,
        kind=kind,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.00001"),
        listing=BTC,
        columns={},
        bar=bar_length("1m") if bars else None,
        stamp_open=False if bars else None,
    )
    return msgspec.structs.replace(made, **changes)


def bar_lines(count: int, *, seed: int = 1, first: int = 0) -> list[str]:
    """Return `count` minute bars as CSV lines, stamps in ms; the same seed and place give the same bar."""
    lines = []
    for place in range(first, first + count):
        draw = random.Random(f"{seed}-{place}")
        opened, closed = draw.randint(9_999_000, 10_001_000), draw.randint(9_999_000, 10_001_000)
        high, low = max(opened, closed) + draw.randint(0, 500), min(opened, closed) - draw.randint(0, 500)
        prices = ",".join(str(Decimal(value).scaleb(-2)) for value in (opened, high, low, closed))
        lines.append(f"{(START_NS + place * MINUTE_NS) // 1_000_000},{prices},{Decimal(draw.randint(1, 10**7)).scaleb(-5)}")
    return lines


def write_csv(path: Path, lines: Sequence[str], *, header: str = BARS_HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def quiet(name: str, done: int, total: int, rows: int) -> None:
    """Progress that nobody looks at."""


def put(catalog: Path, file: Path, how: ImportOrder) -> Imported:
    with CatalogStore(catalog) as store:
        return import_file(store, file, how, say=quiet)


def stored(catalog: Path, how: ImportOrder) -> list[Any]:
    """Return all objects of the order's dataset, in the order of its files."""
    dataset = how.dataset()
    files = sorted((catalog / dataset.directory).glob("*.parquet"))
    return [item for file in files for item in objects_in(pq.read_table(file), dataset.data_cls)]


def files_of(catalog: Path) -> dict[str, bytes]:
    """Return every price file of a catalog with its bytes."""
    return {path.relative_to(catalog).as_posix(): path.read_bytes() for path in sorted((catalog / "data").rglob("*.parquet"))}


def refused(work: Callable[[], object]) -> Any:
    """Return the error of our own that `work` raises."""
    from orders.errors import SluiceError

    try:
        work()
    except SluiceError as error:
        return error
    raise AssertionError("nothing was refused")
