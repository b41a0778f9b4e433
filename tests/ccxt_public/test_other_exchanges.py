"""Live streams and the public past are of Binance's spot market alone: other exchanges are refused by name, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.main import run
from tests.config.test_config_check import problems_of, text_of

OTHERS = ["kraken", "okx", "bybit", "coinbase", "binanceus", "binanceusdm", "binancecoinm", "krakenfutures", "nosuch"]


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


@pytest.mark.parametrize("exchange", OTHERS)
def test_another_exchange_is_refused_by_name_wherever_it_is_given(
    exchange: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch = [
        "data", "fetch", exchange, "BINANCE:BTCUSDT", "--kind", "trades", "--since", "2025-01-01", "--until", "2025-01-02",
        "--limits", "data/samples/bars/limits.json", "--catalog", str(tmp_path / "catalog"),
    ]  # fmt: skip
    shadow = ["shadow", "data/configs/crypto_live.toml", "--data", f"ccxt:{exchange}", "--for", "1"]
    for command in (fetch, shadow):
        assert run(command) == 2
        said = capsys.readouterr().err
        assert f"one of binance, whose streams are proven against a loopback venue was expected, found '{exchange}'" in said
    text = text_of("crypto_live").replace('exchange = "binance"', f'exchange = "{exchange}"')
    ((_, key, message),) = problems_of(text, tmp_path)
    assert key == "data.exchange"
    assert "NO_PROFILE: one of binance" in message
    assert not (tmp_path / "catalog").exists()
    assert not Path("data/lakehouse/crypto-live").exists()
