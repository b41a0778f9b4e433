"""A catalog as the prices of a backtest and a shadow: imported, held against its sums, and traded end to end."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from engine.config_problems import ConfigInvalid
from engine.inputs import read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.price_kinds import Kind
from lakehouse.verifier import verify
from sim.backtest_run import backtest
from sim.feed import FeedQuote
from sim.inputs import feed_of
from sim.shadow_run import ShadowRun
from tests.catalog.made import QUOTES_HEADER, START_NS, bar_lines, order, put, refused, write_csv

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data/configs/backtest_catalog.toml"
SAMPLE = "data/samples/bars/catalog"
HOUR_NS = 3_600 * 10**9


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def configured(tmp_path: Path, *changes: tuple[str, str]) -> RunConfig:
    """Return the shipped config with some of its text replaced and its lakehouse below `tmp_path`."""
    text = SHIPPED.read_text().replace('"data/lakehouse', f'"{tmp_path}')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "run.toml"
    path.write_text(text)
    return load_config(path)


def sample_lines(name: str) -> list[str]:
    return gzip.decompress(Path(f"data/samples/bars/{name}_1h.csv.gz").read_bytes()).decode().splitlines()[1:]


def silent(day: str, done: int, total: int) -> None:
    """No progress in tests."""


def feed(config: RunConfig) -> list[FeedQuote]:
    return list(feed_of(config, read_inputs(config).market_limits))


def test_the_shipped_catalog_is_backtested_and_every_fill_is_at_a_price_of_the_imported_file(tmp_path: Path) -> None:
    config = load_config(SHIPPED)
    inputs = read_inputs(config)
    layout = Layout(directory=tmp_path / "run")
    summary, failures = backtest(config, inputs, layout=layout, run_id="one", say=silent)
    assert failures == []
    assert verify(layout.directory).ok
    assert (summary.fills, summary.manifests_refused) == (10, 0)
    assert any("no venue was asked" in text for text in inputs.synthetic)
    closes: dict[str, dict[int, Decimal]] = {}
    for name in ("btcusdt", "ethusdt"):
        rows = [line.split(",") for line in sample_lines(name)]
        closes[f"BINANCE:{name.upper()}"] = {int(row[0]) * 10**6 + HOUR_NS: Decimal(row[4]) for row in rows}
    for fill in (line for line in map(json.loads, layout.log.read_text().splitlines()) if line["type"] == "fill"):
        close = closes[fill["symbol"]][fill["event_ns"] // HOUR_NS * HOUR_NS]
        sign = 1 if fill["side"] == "BUY" else -1
        assert Decimal("0.99") < sign * (Decimal(fill["price"]) / close - 1) * 10_000 < Decimal("1.2")


def test_bars_come_as_they_were_imported_in_the_order_of_time(tmp_path: Path) -> None:
    quotes = feed(configured(tmp_path))
    assert [quote.market_ns for quote in quotes] == sorted(quote.market_ns for quote in quotes)
    rows = sample_lines("btcusdt")
    mine = [quote for quote in quotes if quote.symbol == "BINANCE:BTCUSDT"]
    first = next(row for row in rows if int(row.split(",")[0]) * 10**6 + HOUR_NS == mine[0].market_ns)
    assert mine[0].bar == tuple(Decimal(text) for text in first.split(",")[1:5])
    assert mine[0].bid_size == Decimal(first.split(",")[5])


def test_a_bar_that_ends_at_midnight_belongs_to_the_day_before(tmp_path: Path) -> None:
    quotes = feed(configured(tmp_path, ("start = 2025-01-07", "start = 2025-01-08"), ("end = 2025-02-06", "end = 2025-01-09")))
    day_ns = 1_736_294_400 * 10**9  # 2025-01-08
    assert (quotes[0].market_ns, quotes[-1].market_ns) == (day_ns + HOUR_NS, day_ns + 48 * HOUR_NS)


def test_unlimited_liquidity_is_said_and_is_not_the_recorded_one(tmp_path: Path) -> None:
    config = configured(tmp_path, ('liquidity = "recorded"', 'liquidity = "unlimited"'))
    assert feed(config)[0].bid_size == 1_000_000
    assert any(text.startswith("unlimited liquidity") for text in read_inputs(config).synthetic)


def test_quotes_of_a_catalog_are_read_with_their_sizes(tmp_path: Path) -> None:
    rows = [f"{START_NS // 10**6 + 100 * place},100.0{place},100.1,1.5,2.5" for place in range(5)]
    put(tmp_path / "c", write_csv(tmp_path / "q.csv", rows, header=QUOTES_HEADER), order(Kind.QUOTES))
    changes = (f'"{SAMPLE}"', f'"{tmp_path / "c"}"'), ('prices = "bars"', 'prices = "quotes"'), ('bar = "1h"', "#")
    found = feed(configured(tmp_path, *changes, ("start = 2025-01-07", "start = 2025-01-06")))
    assert [quote.bid for quote in found] == [Decimal(place).scaleb(-2) + 100 for place in range(5)]
    assert (found[0].bid_size, found[0].ask_size, found[0].bar) == (Decimal("1.5"), Decimal("2.5"), None)


def minutes(tmp_path: Path, name: str = "c") -> tuple[tuple[str, str], ...]:
    """Replacements that make the config read minute bars of the catalog `name`."""
    return (f'"{SAMPLE}"', f'"{tmp_path / name}"'), ('bar = "1h"', 'bar = "1m"'), ("start = 2025-01-07", "start = 2025-01-06")


@pytest.mark.parametrize("spoil", ["changed", "planted", "cut short"])
def test_a_catalog_that_is_not_as_it_was_imported_is_refused(tmp_path: Path, spoil: str) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "b.csv", bar_lines(20)), order())
    (file,) = (tmp_path / "c" / order().dataset().directory).glob("*.parquet")
    if spoil == "changed":
        other = put(tmp_path / "d", write_csv(tmp_path / "d.csv", bar_lines(20, seed=2)), order()).manifest
        shutil.copy(tmp_path / "d" / next(each.path for each in other.written if each.path.startswith("data/bar")), file)
    elif spoil == "planted":
        shutil.copy(file, file.with_name(file.name.replace("_2025", "_2026")))
    else:
        file.write_bytes(file.read_bytes()[:-9])
    config = configured(tmp_path, *minutes(tmp_path))
    assert refused(lambda: feed(config)).code in ("CATALOG_CHANGED", "CATALOG_FILE_BROKEN")


def test_prices_off_the_tick_of_the_runs_limits_are_refused(tmp_path: Path) -> None:
    lines = ["1736172000000,100.001,100.002,100,100.001,1"]
    put(tmp_path / "c", write_csv(tmp_path / "b.csv", lines), order(tick_size=Decimal("0.001")))
    assert refused(lambda: feed(configured(tmp_path, *minutes(tmp_path)))).code == "CATALOG_OFF_TICK"


def test_bars_without_a_volume_have_no_recorded_liquidity(tmp_path: Path) -> None:
    lines = [line.rsplit(",", 1)[0] for line in bar_lines(3)]
    file = write_csv(tmp_path / "b.csv", lines, header="time,open,high,low,close")
    put(tmp_path / "c", file, order(columns={"volume": "-"}))
    assert refused(lambda: feed(configured(tmp_path, *minutes(tmp_path)))).code == "NO_VOLUME"


def test_a_catalog_without_what_is_asked_for_is_refused(tmp_path: Path) -> None:
    assert refused(lambda: feed(configured(tmp_path, ('bar = "1h"', 'bar = "5m"')))).code == "CATALOG_LACKS"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('bar = "1h"', "", "data.bar"),
        ('bar = "1h"', 'bar = "7h"', "data.bar"),
        ('prices = "bars"', "", "data.prices"),
        ('prices = "bars"', 'prices = "quotes"', "data.bar"),
        ('liquidity = "recorded"', "", "data.liquidity"),
        ('liquidity = "recorded"', 'liquidity = "some"', "data.liquidity"),
        (SAMPLE, "data/samples/bars", "data.path"),
        ('kind = "catalog"', 'kind = "bars"', "data.prices"),
    ],
    ids=["no length", "no such length", "no kind of prices", "quotes with a length", "no liquidity", "another liquidity",
         "no catalog there", "keys of another kind"],
)  # fmt: skip
def test_keys_that_do_not_fit_are_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configured(tmp_path, (old, new))
    assert key in {problem.key for problem in caught.value.problems}


@pytest.mark.parametrize("overlap", [False, True], ids=["batch after batch", "batches that overlap"])
def test_what_a_shadow_recorded_is_read_back_in_order_and_said_to_be_of_unknown_origin(tmp_path: Path, overlap: bool) -> None:
    instrument_id = InstrumentId.from_str("BTCUSDT.BINANCE")
    catalog = ParquetDataCatalog(str(tmp_path / "c"))
    for batch in range(2):
        stamps = [START_NS + 10**9 * (2 * place + batch if overlap else place + 5 * batch) for place in range(5)]
        ticks = [
            QuoteTick(instrument_id, *(Price.from_str("100.00"),) * 2, *(Quantity.from_str("1.00000"),) * 2, stamp, stamp)
            for stamp in stamps
        ]
        catalog.write_data(ticks, skip_disjoint_check=True)  # as the recorder does
    changes = (f'"{SAMPLE}"', f'"{tmp_path / "c"}"'), ('prices = "bars"', 'prices = "quotes"'), ('bar = "1h"', "#")
    config = configured(tmp_path, *changes, ("start = 2025-01-07", "start = 2025-01-06"))
    assert [quote.market_ns - START_NS for quote in feed(config)] == [10**9 * place for place in range(10)]
    assert any("not known" in text for text in read_inputs(config).synthetic)


def test_a_shadow_replays_the_bars_of_a_catalog_as_quotes_with_the_synthetic_spread(tmp_path: Path) -> None:
    changes = ("end = 2025-02-06", "end = 2025-01-08"), ("market_speed = 3600", "market_speed = 180000")
    manifest = f'manifest = "{tmp_path}/manifest.json"'
    text = 'manifest = "data/samples/bars/manifests/2025-02-04.json"'
    roots = ('manifest_root = "data/samples/bars"', f'manifest_root = "{tmp_path}"')
    config = configured(tmp_path, *changes, (text, manifest), roots)
    layout = Layout(config.lakehouse.directory)

    async def whole() -> int:
        run = ShadowRun(
            config=config, inputs=read_inputs(config), layout=layout, run_id="one", as_json=False, say=lambda text: None
        )
        return await run.run()

    with DataDirectoryLock(layout, run_id="one"):
        assert asyncio.run(whole()) == 0
    fills = [line for line in map(json.loads, layout.log.read_text().splitlines()) if line["type"] == "fill"]
    assert {fill["symbol"] for fill in fills} == {"BINANCE:BTCUSDT", "BINANCE:ETHUSDT"}
    assert verify(layout.directory).ok
