"""The change since the start is of the base currency: cash of another counts at its rate."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.farewell import starting_equity
from engine.run_config import load_config
from tests.gate.world import BTC, World, manifest_text, quote, run_shadow


@pytest.mark.parametrize(
    ("config", "rate", "start"),
    [("two_venues", None, None), ("shadow", None, "1000000"), ("crypto", None, "100000"), ("crypto", "0.5", "50000")],
    ids=["dollars and USDT", "dollars", "USDT at one", "USDT at a half"],
)
def test_the_starting_equity_counts_every_currency_at_its_rate(
    config: str, rate: str | None, start: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: Any
) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)
    text = Path(f"data/configs/{config}.toml").read_text()
    path = tmp_path / "run.toml"
    path.write_text(
        text if rate is None else text.replace("[rates.USDT] ", "[rates.USDT]").replace('value = "1"', f'value = "{rate}"')
    )
    made = load_config(path)
    if start is None:
        cash, usdt = made.starting_cash(), made.rates()["USDT"].value
        expected = cash["US"]["USD"] + cash["BINANCE"]["USDT"] * usdt
        assert usdt != 1
    else:
        expected = Decimal(start)
    assert starting_equity(made) == expected


def test_a_run_whose_cash_is_half_a_dollar_each_ends_where_it_began(tmp_path: Path) -> None:
    world = World(tmp_path, names=(BTC,), quotes=[quote(BTC, ms) for ms in range(0, 900, 50)]).write()
    text = world.config_path.read_text().replace('[rates.USDT]\nvalue = "1"', '[rates.USDT]\nvalue = "0.5"')
    world.config_path.write_text(text)
    world.install(manifest_text({BTC.symbol: "0"}))
    ran = run_shadow(world)
    assert any("equity 50,000.00 USD (+0.00 %)" in said for said in ran.said), ran.said
