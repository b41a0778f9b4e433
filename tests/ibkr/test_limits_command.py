"""`sluice limits fetch ibkr` at the fake TWS: a limits file that a run can read, or a plain no."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.snapshots import read_market_limits

D = Decimal
ROW = """
[[listing]]
symbol = "{symbol}"
venue = "IBKR"
instrument_id = "{name}.IBKR"
quote_currency = "USD"
asset_class = "equity"
"""


def fetch(tmp_path: Path, tws: Any, *more: str) -> int:
    symbols = tmp_path / "symbols.toml"
    symbols.write_text("".join(ROW.format(symbol=f"{place}:{name}", name=name) for place, name in LISTED))
    port = ["--tws-port", str(tws.port), "--account", tws.account]
    command = ["limits", "fetch", "ibkr", "--map", str(symbols), "--output", str(tmp_path / "limits.json")]
    return run([*command, *port, *more])


LISTED = (("NASDAQ", "AAPL"), ("NYSE", "XOM"), ("NYSE", "NOIS"))


def test_what_tws_says_becomes_a_limits_file(tmp_path, tws, capsys):
    assert fetch(tmp_path, tws, "--min-notional", "1") == 0
    made = read_market_limits(tmp_path / "limits.json")
    assert {name: (each.step_size, each.tick_size) for name, each in made.limits.items()} == {
        "NASDAQ:AAPL": (D(1), D("0.01")), "NYSE:XOM": (D(1), D("0.01")),
    }  # fmt: skip
    assert [(each.symbol, each.code) for each in made.refused] == [("NYSE:NOIS", "ISIN_MISSING")]
    assert "TWS (API 223) with account REHEARSAL1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--account", "DU7654321"], "ACCOUNT_MISMATCH"),
        (["--endpoint", "http://127.0.0.1:1"], "--tws-port"),
        (["NASDAQ:MSFT"], "NASDAQ:MSFT"),
        ([], "NO_LIMITS"),
    ],
    ids=["another account", "an endpoint", "a symbol that is not listed", "no floor"],
)
def test_what_cannot_be_fetched_is_said_plainly(tmp_path, tws, capsys, more, said):
    assert fetch(tmp_path, tws, *more) != 0
    told = capsys.readouterr()
    assert said in told.out + told.err
    assert not (tmp_path / "limits.json").exists()


def test_a_port_belongs_to_ibkr_alone(tmp_path, capsys):
    assert run(["limits", "fetch", "binance", "--tws-port", "1", "--output", str(tmp_path / "limits.json")]) == 2
    assert "--tws-port and --account with ibkr alone" in capsys.readouterr().err
