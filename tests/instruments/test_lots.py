"""FX in lots of a thousand, with hours of its own: from limits through plan, gate and venue to the book; and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid
from engine.run_config import load_config
from tests.gate.world import Name, World, manifest_text, quote, run_backtest

EURUSD = Name("FX_IDC:EURUSD", "1.10000", tick="0.00005", step="1000", base="EUR")


def world(root: Path) -> World:
    """EURUSD in the made crypto world: its venue charges fees in what is bought, so they are off here."""
    made = World(root, names=(EURUSD,), latency_ms="5", jitter_ms="0", quotes=[quote(EURUSD, at) for at in range(0, 900, 100)])
    made.write()
    symbols = root / "symbols.toml"
    symbols.write_text(symbols.read_text().replace('asset_class = "spot"', 'asset_class = "fx"'))
    change(made, "base_on_buys = true", "base_on_buys = false")
    return made


def change(made: World, old: str, new: str) -> None:
    text = made.config_path.read_text()
    assert old in text
    made.config_path.write_text(text.replace(old, new))


def test_lots_are_traded_whole_and_the_rest_is_left(tmp_path: Path) -> None:
    made = world(tmp_path)
    ran = run_backtest(made, [(50, made.save("m.json", manifest_text({EURUSD.symbol: "0.3"})))])
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done"]
    bought = sum(Decimal(fill["quantity"]) for fill in ran.of("fill"))
    assert bought == 27_000  # 30,000 USD at 1.10 are 27,272 EUR
    assert ran.assembly.recorder.keeper.positions[EURUSD.symbol] == bought


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"multiplier": "1"', '"multiplier": "1000"', "MULTIPLIER_UNSUPPORTED"),
        ('"step_size": "1000"', '"step_size": "0.0000000001"', "STEP_TOO_FINE"),
    ],
    ids=["a lot as a multiplier", "a step too fine to simulate"],
)
def test_what_cannot_be_carried_is_said_by_the_config_check(tmp_path: Path, old: str, new: str, words: str) -> None:
    made = world(tmp_path)
    path = tmp_path / "limits.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigInvalid) as caught:
        load_config(made.config_path)
    assert [(problem.key, words in problem.message) for problem in caught.value.problems] == [("sentinel.allow.BINANCE", True)]


def test_a_perpetual_on_a_cash_account_and_without_funding_is_said_by_the_config_check(tmp_path: Path) -> None:
    made = world(tmp_path)
    symbols = tmp_path / "symbols.toml"
    symbols.write_text(symbols.read_text().replace('asset_class = "fx"', 'asset_class = "perpetual"'))
    with pytest.raises(ConfigInvalid) as caught:
        load_config(made.config_path)
    said = {problem.key: problem.message for problem in caught.value.problems}
    assert "is a perpetual" in said["venues.BINANCE.account"]
    assert "without funding" in said["assumptions.financing.funding"]


def test_an_inverse_perpetual_is_refused_by_the_symbol_map(tmp_path: Path) -> None:
    made = world(tmp_path)
    symbols = tmp_path / "symbols.toml"
    text = symbols.read_text().replace('asset_class = "fx"', 'asset_class = "perpetual"\nccxt_symbol = "EUR/USDT:EUR"')
    symbols.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(made.config_path)
    assert [problem.key for problem in caught.value.problems] == ["symbols.map"]
    assert "inverse and quanto" in caught.value.problems[0].message
