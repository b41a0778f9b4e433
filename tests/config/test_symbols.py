"""The symbol map answers both ways, and a map that contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orders.errors import ConfigError, InputError
from venues.symbols import load_symbols

ROW = """[[listing]]
symbol = "NYSE:BRK.B"
venue = "US"
instrument_id = "BRK.B.US"
quote_currency = "USD"
asset_class = "equity"
"""


def test_shipped_map_is_its_own_inverse(pytestconfig: pytest.Config) -> None:
    symbols = load_symbols(pytestconfig.rootpath / "data/configs/symbols.toml")
    assert len(symbols.by_symbol) == len(symbols.by_instrument_id) >= 20
    for symbol, listing in symbols.by_symbol.items():
        assert symbols.listing(symbol) is symbols.listing_of_instrument(listing.instrument_id) is listing


@pytest.mark.parametrize(
    ("symbol", "instrument_id"),
    [
        ("BINANCE:BTCUSDT.P", "BTCUSDT-PERP.BINANCE"),
        ("FX_IDC:EURUSD", "EUR/USD.IDEALPRO"),
        ("OKX:1000PEPEUSDT.P", "1000PEPEUSDT-PERP.OKX"),
        ("NASDAQ:AAPL", "AAPL.US"),
    ],
)
def test_awkward_symbols_are_mapped_both_ways(symbol: str, instrument_id: str, pytestconfig: pytest.Config) -> None:
    symbols = load_symbols(pytestconfig.rootpath / "data/configs/symbols.toml")
    assert symbols.listing(symbol).instrument_id == instrument_id
    assert symbols.listing_of_instrument(instrument_id).symbol == symbol


@pytest.mark.parametrize("symbol", ["NASDAQ:NOPE", "nasdaq:AAPL", "NASDAQ:ААPL", "", "AAPL"])
def test_what_is_not_in_the_map_is_not_listed(symbol: str, pytestconfig: pytest.Config) -> None:
    with pytest.raises(InputError) as caught:
        load_symbols(pytestconfig.rootpath / "data/configs/symbols.toml").listing(symbol)
    assert caught.value.code == "NOT_LISTED"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ROW + ROW, "SYMBOL_MAP_DOUBLE"),
        (ROW + ROW.replace("NYSE:BRK.B", "NYSE:BRK.A"), "SYMBOL_MAP_DOUBLE"),
        (ROW.replace('venue = "US"\n', ""), "SYMBOL_MAP_INVALID"),
        (ROW + 'venu = "US"\n', "SYMBOL_MAP_INVALID"),
        (ROW.replace("NYSE:BRK.B", "BRK.B"), "SYMBOL_MAP_INVALID"),
        (ROW.replace("BRK.B.US", "BRK.B.EU"), "SYMBOL_MAP_INVALID"),
        (ROW.replace('"equity"', '"stock"'), "SYMBOL_MAP_INVALID"),
        (ROW.replace('"USD"', "1"), "SYMBOL_MAP_INVALID"),
        (ROW + "[other]\n", "SYMBOL_MAP_INVALID"),
        ("listing = [1]\n", "SYMBOL_MAP_INVALID"),
        ("", "SYMBOL_MAP_INVALID"),
        ("= broken", "SYMBOL_MAP_INVALID"),
        ("a = " + "[" * 5_000, "SYMBOL_MAP_INVALID"),
    ],
    ids=[
        "a symbol twice", "an instrument twice", "no venue", "an unknown key", "no exchange", "the instrument of another venue",
        "an unknown class", "a number for text", "another table", "a list of numbers", "empty", "broken", "deep nesting",
    ],
)  # fmt: skip
def test_map_that_contradicts_itself_is_refused(text: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "symbols.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_symbols(path)
    assert caught.value.code == code
