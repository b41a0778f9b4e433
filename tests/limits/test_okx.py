"""OKX' public list in its own shape, through unmodified ccxt: a second protocol, contracts of a tenth, no minimum notional."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.snapshots import read_market_limits
from tests.limits.venue import serving

D = Decimal
SPOT, PERP = "OKX:ETHUSDT", "OKX:ETHUSDT.P"
PAIR: dict[str, Any] = {
    "alias": "", "baseCcy": "ETH", "category": "1", "ctMult": "", "ctType": "", "ctVal": "", "ctValCcy": "", "expTime": "",
    "instFamily": "", "instId": "ETH-USDT", "instType": "SPOT", "lever": "10", "listTime": "1548133413000",
    "lotSz": "0.000001", "maxLmtSz": "999999999999", "maxMktSz": "1000000", "minSz": "0.001", "optType": "",
    "quoteCcy": "USDT", "settleCcy": "", "state": "live", "stk": "", "tickSz": "0.01", "uly": "",
}  # fmt: skip
SWAP = PAIR | {
    "baseCcy": "", "quoteCcy": "", "instId": "ETH-USDT-SWAP", "instType": "SWAP", "ctMult": "1", "ctType": "linear",
    "ctVal": "0.1", "ctValCcy": "ETH", "instFamily": "ETH-USDT", "uly": "ETH-USDT", "settleCcy": "USDT", "lotSz": "0.01",
    "minSz": "0.01", "maxLmtSz": "100000", "maxMktSz": "5000",
}  # fmt: skip
MAP = """[[listing]]
symbol = "{symbol}"
venue = "OKX"
instrument_id = "{name}.OKX"
quote_currency = "USDT"
base_currency = "ETH"
ccxt_symbol = "{ccxt}"
asset_class = "{kind}"
"""


def answer(path: str, query: dict[str, str]) -> dict[str, Any]:
    data = {"SPOT": [PAIR], "SWAP": [SWAP]}.get(query.get("instType", ""), [])
    return {"code": "0", "msg": "", "data": data}


def fetched(tmp_path: Path, *options: str) -> int:
    symbols = tmp_path / "symbols.toml"
    rows = ((SPOT, "ETHUSDT", "ETH/USDT", "spot"), (PERP, "ETHUSDT-PERP", "ETH/USDT:USDT", "perpetual"))
    symbols.write_text("".join(MAP.format(symbol=s, name=n, ccxt=c, kind=k) for s, n, c, k in rows))
    with serving(answer) as endpoint:
        arguments = ["--endpoint", endpoint, "--map", str(symbols), "--output", str(tmp_path / "limits.json"), *options]
        return run(["limits", "fetch", "okx", *arguments])


def test_a_venue_that_states_no_floor_is_refused_without_one_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetched(tmp_path) == 1
    said = capsys.readouterr()
    assert said.out.count("LIMITS_MISSING") == 2
    assert "minimum notional" in said.out


def test_with_a_floor_of_ours_spot_and_contracts_have_their_own_numbers(tmp_path: Path) -> None:
    assert fetched(tmp_path, "--min-notional", "5") == 0
    snapshot = read_market_limits(tmp_path / "limits.json")
    pair, swap = snapshot.limits[SPOT], snapshot.limits[PERP]
    assert (pair.step_size, pair.tick_size, pair.min_quantity, pair.min_notional) == (D("0.000001"), D("0.01"), D("0.001"), D(5))
    assert (swap.step_size, swap.min_quantity, swap.multiplier) == (D("0.01"), D("0.01"), D("0.1"))
    assert "no minimum notional, 5 by hand" in snapshot.source


@pytest.mark.parametrize("floor", ["0", "-1", "NaN", "1e3"])
def test_a_floor_that_is_none_is_a_usage_error(tmp_path: Path, floor: str) -> None:
    assert fetched(tmp_path, f"--min-notional={floor}") == 2
