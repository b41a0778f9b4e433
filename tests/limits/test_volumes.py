"""Average daily volume: which days count, rounded down, dated; from a catalog's bars or trades, read back as it was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId, TradeId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from commands.main import run
from lakehouse.volumes_snapshot import read_volumes, write_volumes
from orders.average_volume import NS_PER_DAY, average_volume, by_day
from orders.errors import InputError, NotYet
from orders.values import AverageVolume

D = Decimal
BTC, ETH = "BINANCE:BTCUSDT", "BINANCE:ETHUSDT"
MONDAY = 20094  # 2025-01-06, days from 1970
HOUR_NS = NS_PER_DAY // 24


@pytest.mark.parametrize(
    ("days", "last_day", "count", "units"),
    [
        ({1: "10", 2: "20", 3: "30"}, 3, 3, "20"),
        ({1: "10", 2: "20", 3: "30"}, 3, 2, "25"),
        ({1: "10", 2: "20", 3: "30"}, 2, 2, "15"),
        ({1: "10", 4: "20"}, 5, 2, "15"),
        ({1: "10", 2: "0"}, 2, 2, "5"),
        ({1: "1", 2: "1", 3: "0"}, 3, 3, "0.666666666"),
    ],
    ids=["all days", "the newest", "none after the last day", "days without data are no sessions", "a day of zero counts",
         "rounded down"],
)  # fmt: skip
def test_the_average_is_over_the_newest_days_with_data(days: dict[int, str], last_day: int, count: int, units: str) -> None:
    made = average_volume("X:Y", {day: D(text) for day, text in days.items()}, last_day=last_day, days=count, valid_days=7)
    newest = max(day for day in days if day <= last_day)
    assert (made.units_per_day, made.days) == (D(units), count)
    assert (made.as_of_ns, made.valid_until_ns) == ((newest + 1) * NS_PER_DAY, (newest + 8) * NS_PER_DAY)


@pytest.mark.parametrize(
    ("days", "code"),
    [
        ({1: "10"}, "TOO_FEW_DAYS"),
        ({}, "TOO_FEW_DAYS"),
        ({1: "0", 2: "0"}, "NO_VOLUME"),
        ({1: "0", 2: "0.0000000001"}, "NO_VOLUME"),
    ],
    ids=["one day short", "nothing", "no volume", "less than can be written"],
)  # fmt: skip
def test_what_is_no_average_is_refused(days: dict[int, str], code: str) -> None:
    with pytest.raises(InputError) as caught:
        average_volume("X:Y", {day: D(text) for day, text in days.items()}, last_day=2, days=2, valid_days=7)
    assert caught.value.code == code


def test_a_bar_that_ends_at_midnight_is_of_the_day_before() -> None:
    assert by_day([(NS_PER_DAY, D(3)), (NS_PER_DAY + 1, D(5)), (2 * NS_PER_DAY, D(7))]) == {0: D(3), 1: D(12)}


@given(st.dictionaries(st.integers(0, 60), st.decimals(0, 10**9, places=8), min_size=1), st.integers(1, 20))
def test_the_average_is_never_more_than_the_mean(days: dict[int, Decimal], count: int) -> None:
    try:
        made = average_volume("X:Y", days, last_day=60, days=count, valid_days=1)
    except InputError:
        return
    newest = sorted(days)[-count:]
    assert made.units_per_day * count <= sum(days[day] for day in newest)
    assert sum(days[day] for day in newest) - made.units_per_day * count < D("1e-9") * count


def bars(symbol: str, spec: str, volumes: Sequence[str], *, step_ns: int = 12 * HOUR_NS) -> list[Any]:
    kind = BarType.from_str(f"{symbol}.BINANCE-{spec}-EXTERNAL")
    price = Price.from_str("100.00")
    ends = [MONDAY * NS_PER_DAY + (place + 1) * step_ns for place in range(len(volumes))]
    return [Bar(kind, price, price, price, price, Quantity.from_str(v), end, end) for v, end in zip(volumes, ends, strict=True)]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Two half days a day from Monday on: BTC 3 and 5, then 4 and 8; ETH with two lengths; a quote's bars beside them."""
    store = ParquetDataCatalog(tmp_path / "catalog")
    store.write_data(bars("BTCUSDT", "12-HOUR-LAST", ["3.0", "5.0", "4.0", "8.0"]))
    store.write_data(bars("BTCUSDT", "12-HOUR-BID", ["1000.0"] * 4))
    store.write_data(bars("ETHUSDT", "12-HOUR-LAST", ["1.0"] * 4))
    store.write_data(bars("ETHUSDT", "6-HOUR-LAST", ["2.0"] * 8, step_ns=6 * HOUR_NS))
    store.write_data(
        [
            TradeTick(InstrumentId.from_str("BTCUSDT.BINANCE"), Price.from_str("100.00"), Quantity.from_str(size),
                      AggressorSide.BUYER, TradeId(f"t{place}"), at, at)
            for place, (size, at) in enumerate(
                [("0.5", MONDAY * NS_PER_DAY), ("1.5", MONDAY * NS_PER_DAY + 1), ("4.0", (MONDAY + 1) * NS_PER_DAY)]
            )
        ]
    )  # fmt: skip
    return tmp_path / "catalog"


def made(
    catalog: Path, capsys: pytest.CaptureFixture[str], *extra: str, days: int = 2, until: str = "2025-01-07"
) -> dict[str, Any]:
    path = catalog.parent / "volumes.json"
    span = ["--until", until, "--days", str(days), "--valid", "30"]
    assert run(["limits", "volumes", str(catalog), *extra, *span, "--output", str(path), "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["sha256"] == read_volumes(path).sha256
    return said


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


def test_bars_of_traded_prices_are_summed_by_day(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = made(catalog, capsys)
    assert said["volumes"][BTC]["units_per_day"] == "10"
    assert "SEVERAL_SERIES" in said["refused"][ETH]
    volume = read_volumes(catalog.parent / "volumes.json").volumes[BTC]
    assert volume.as_of_ns == (MONDAY + 2) * NS_PER_DAY
    assert datetime.fromtimestamp(volume.valid_until_ns // 10**9, tz=UTC).date().isoformat() == "2025-02-07"


def test_a_day_after_the_last_one_does_not_count(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(catalog, capsys, days=1, until="2025-01-06")["volumes"][BTC]["units_per_day"] == "8"


def test_the_length_of_bars_is_named_where_there_are_several(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = made(catalog, capsys, ETH, "--bar", "6-HOUR")
    assert said["volumes"][ETH]["units_per_day"] == "8"


def test_trades_are_summed_by_the_day_they_happened_on(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(catalog, capsys, BTC, "--kind", "trades")["volumes"][BTC]["units_per_day"] == "3"


def test_the_shipped_catalogs_volumes_say_that_they_are_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "volumes.json"
    arguments = ["--until", "2025-02-05", "--days", "20", "--valid", "30", "--output", str(path)]
    assert run(["limits", "volumes", "data/samples/bars/catalog", *arguments]) == 0
    assert "seeded random walk" in capsys.readouterr().out
    assert set(read_volumes(path).volumes) == {BTC, ETH}


@pytest.mark.parametrize(
    ("extra", "exit_code", "code"),
    [
        (["--days", "9"], 1, "TOO_FEW_DAYS"),
        (["--days", "0"], 2, "USAGE"),
        (["BINANCE:NOPE"], 2, "NOT_LISTED"),
        (["NYSE:XOM"], 1, "NO_SERIES"),
    ],
    ids=["more days than there are", "no days", "a symbol nobody listed", "a symbol without data"],
)
def test_what_makes_no_volumes_writes_nothing(
    catalog: Path, capsys: pytest.CaptureFixture[str], extra: list[str], exit_code: int, code: str
) -> None:
    path = catalog.parent / "volumes.json"
    days = [] if "--days" in extra else ["--days", "2"]
    span = ["--until", "2025-01-07", "--valid", "30", *days]
    arguments = ["limits", "volumes", str(catalog), *extra, *span, "--output", str(path)]
    assert run(arguments) == exit_code
    assert code in capsys.readouterr().err
    assert not path.exists()


KNOWN = AverageVolume(units_per_day=D("12.5"), days=20, as_of_ns=100, valid_until_ns=200)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    write_volumes(path, {BTC: KNOWN}, made_at_ns=7, source="by hand")
    snapshot = read_volumes(path)
    assert dict(snapshot.volumes) == {BTC: KNOWN}
    assert (snapshot.made_at_ns, snapshot.source) == (7, "by hand")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"units_per_day": "0"}, "above 0"),
        ({"units_per_day": "-1"}, "above 0"),
        ({"units_per_day": "NaN"}, "units_per_day"),
        ({"units_per_day": 12}, "units_per_day"),
        ({"days": 0}, "days"),
        ({"days": True}, "days"),
        ({"valid_until_ns": "100"}, "valid_until_ns"),
        ({"symbol": ""}, "symbol"),
        ({"more": "1"}, "more"),
    ],
    ids=["zero", "negative", "NaN", "a number", "no days", "a boolean", "an empty validity", "no symbol", "a field too many"],
)
def test_a_faulty_entry_is_refused_and_named(tmp_path: Path, changes: dict[str, Any], names: str) -> None:
    path = tmp_path / "v.json"
    row = {"symbol": BTC, "units_per_day": "12.5", "days": 20, "as_of_ns": "100", "valid_until_ns": "200"} | changes
    path.write_text(json.dumps({"version": 1, "made_at_ns": "7", "source": "x", "volumes": [row]}))
    with pytest.raises(InputError) as caught:
        read_volumes(path)
    assert caught.value.code == "VOLUMES_INVALID"
    assert names in str(caught.value)


def test_a_symbol_twice_is_refused_and_no_file_is_not_yet(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    with pytest.raises(NotYet):
        read_volumes(path)
    write_volumes(path, {BTC: KNOWN}, made_at_ns=7, source="x")
    document = json.loads(path.read_text())
    document["volumes"] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_volumes(path)
    assert "twice" in str(caught.value)
