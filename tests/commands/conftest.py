"""A world for `sluice plan`: the shipped sample on the evening of 29 April 2022, with snapshots as a run would leave them."""

from __future__ import annotations

import csv
import gzip
import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.snapshots import write_book, write_quotes
from orders.book import Book
from orders.values import Quote

EVENING_NS = 1_651_263_000 * 10**9  # 2022-04-29T20:10:00Z; the manifest of that day was made at 20:05


@dataclass(frozen=True)
class World:
    """Paths of one lakehouse, its snapshots and the config that names them."""

    root: Path
    config: Path
    manifest: Path
    quotes: Path
    book: Path
    market_limits: Path

    def configure(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new, 1))


@pytest.fixture
def world(tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> World:
    root = pytestconfig.rootpath
    monkeypatch.chdir(root)
    lake = tmp_path / "lake"
    lake.mkdir()
    snapshots = lake / "snapshots"
    made = World(
        root=lake,
        config=tmp_path / "run.toml",
        manifest=lake / "portfolio_optimized_v3.json",
        quotes=snapshots / "quotes.csv",
        book=snapshots / "book.json",
        market_limits=snapshots / "market_limits.json",
    )
    made.config.write_text((root / "data/configs/shadow.toml").read_text().replace('"data/lakehouse', f'"{lake}'))
    shutil.copy(root / "data/samples/sp500/manifests/2022-04-29.json", made.manifest)
    with gzip.open(root / "data/samples/sp500/closes.csv.gz", "rt") as file:
        head, *rows = csv.reader(file)
    closes = next(row for row in rows if row[0] == "2022-04-29")
    write_quotes(
        made.quotes,
        [
            Quote(symbol=symbol, bid=Decimal(close) * Decimal("0.9999"), ask=Decimal(close) * Decimal("1.0001"), ts_ns=EVENING_NS)
            for symbol, close in zip(head[1:], closes[1:], strict=True)
        ],
    )
    write_book(
        made.book,
        Book(cash={"US": {"USD": Decimal(1_000_000)}}, positions={"NYSE:BBY": Decimal(412)}),
        as_of_ns=EVENING_NS,
        cycle=3,
    )
    shutil.copy(root / "data/samples/sp500/limits.json", made.market_limits)
    return made
