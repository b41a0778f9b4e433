"""What a shadow consumed is written whole; the catalog's files grow with the instruments and not with their square."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity

from engine.market_time import IDENTITY
from engine.quote_recorder import BATCH_QUOTES_MAX, CATALOG_ROWS_MIN, QuoteRecorder

S = 10**9


def recorder(root: Path) -> QuoteRecorder:
    return QuoteRecorder(
        catalog=root / "catalog",
        plain=root / "plain",
        trades=root / "trades",
        run_id="made",
        market_time=IDENTITY,
        symbol_of=lambda tick: tick.instrument_id.value,
    )


def tick(name: int, at_ns: int) -> QuoteTick:
    price, size = Price.from_str("1.00"), Quantity.from_int(1)
    return QuoteTick(InstrumentId.from_str(f"N{name}.US"), price, price, size, size, at_ns, at_ns)


def files(root: Path) -> list[Path]:
    return sorted((root / "catalog").rglob("*.parquet"))


def rows(paths: list[Path]) -> int:
    return sum(pq.read_metadata(path).num_rows for path in paths)


@pytest.mark.parametrize(("names", "each"), [(20, 600), (300, 40), (300, 120)], ids=["few", "many", "many and more"])
def test_no_instrument_gets_files_of_a_few_rows_and_nothing_is_lost(names: int, each: int, tmp_path: Path) -> None:
    made = recorder(tmp_path)
    for number in range(each):
        for name in range(names):
            made.record(tick(name, number * 1_000_000 + name))
    made.flush()
    plain = sorted((tmp_path / "plain").glob("*.parquet"))
    assert made.recorded == rows(plain) == rows(files(tmp_path)) == names * each
    assert len(plain) == -(-names * each // BATCH_QUOTES_MAX)
    assert len(files(tmp_path)) <= names * (1 + each // CATALOG_ROWS_MIN)


def test_a_quiet_market_is_in_the_catalog_after_ten_minutes_and_in_the_plain_file_after_one(tmp_path: Path) -> None:
    made = recorder(tmp_path)
    for second in range(0, 760, 30):
        made.record(tick(0, second * S))
        made.record(tick(1, second * S + 1))
    assert len(list((tmp_path / "plain").glob("*.parquet"))) >= 10
    assert rows(files(tmp_path)) >= 2 * 19
