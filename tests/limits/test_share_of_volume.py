"""From a catalog to the guard: the share of a day's volume that `sluice limits volumes` counted is what an order may be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from commands.main import run
from lakehouse.volumes_snapshot import volumes_sha256
from orders.average_volume import NS_PER_DAY
from tests.gate.world import BTC, DAY_NS, ETH, Ran, World, manifest_text, quote, run_backtest

FRIDAY = DAY_NS // NS_PER_DAY - 3


@pytest.fixture
def volumes(tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One bitcoin a day on the Friday and the weekend before the made day; of ether nothing is known."""
    monkeypatch.chdir(pytestconfig.rootpath)
    kind, price = BarType.from_str("BTCUSDT.BINANCE-1-DAY-LAST-EXTERNAL"), Price.from_str("100000.00")
    ends = [(FRIDAY + place + 1) * NS_PER_DAY for place in range(3)]
    bars = [Bar(kind, price, price, price, price, Quantity.from_str("1.00000"), end, end) for end in ends]
    ParquetDataCatalog(tmp_path / "catalog").write_data(bars)
    path = tmp_path / "volumes.json"
    span = ["--until", "2025-01-05", "--days", "3", "--valid", "7"]
    assert run(["limits", "volumes", str(tmp_path / "catalog"), *span, "--output", str(path)]) == 0
    return path


def traded(tmp_path: Path, volumes: Path, share: str) -> Ran:
    names = (BTC, ETH)
    world = World(tmp_path / "world", names=names, quotes=[quote(name, at) for at in range(0, 900, 100) for name in names])
    world.root.mkdir()
    text = world.write().config_path.read_text()
    for old, new in (
        ('adv_fraction_max = "off"', f'adv_fraction_max = "{share}"'),
        ('calendar = "none"', f'calendar = "none"\nvolumes = "{volumes}"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    world.config_path.write_text(text)
    return run_backtest(world, [(50, world.save("m.json", manifest_text({BTC.symbol: "0.2", ETH.symbol: "0.2"})))])


@pytest.mark.parametrize(("share", "bought"), [("0.5", "0.19999"), ("0.1", "0.1"), ("0.000004", None)])
def test_an_order_is_at_most_its_share_of_the_day(tmp_path: Path, volumes: Path, share: str, bought: str | None) -> None:
    ran = traded(tmp_path, volumes, share)
    fills = {line["symbol"]: Decimal(line["quantity"]) for line in ran.of("fill")}
    assert fills == ({} if bought is None else {BTC.symbol: Decimal(bought)})


def test_a_symbol_whose_volume_is_not_known_is_denied_by_name(tmp_path: Path, volumes: Path) -> None:
    ran = traded(tmp_path, volumes, "0.5")
    assert {line["symbol"]: line["reason"] for line in ran.of("skip")} == {ETH.symbol: "MAX_ORDER_VOLUME"}
    assert ran.of("run_start")[0]["volumes_sha256"] == volumes_sha256([volumes])
