"""What our sizing sends, ccxt leaves as it is and the venue's filters accept: over made markets, and Binance's own of 2021."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ccxt.async_support import binance
from hypothesis import given
from hypothesis import strategies as st

from orders.canonical import decimal_text
from orders.exact import exact_arithmetic
from orders.sizing import Sized, fit_exact
from orders.values import Listing, MarketLimits
from tests.limits.venue import SPOT, info, spot
from venues.ccxt.market_limits import limits_of

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "binance_exchange_info_2021-10.json.gz"
ODD = (
    spot("AUSDT", "A", tick="0.05000000", step="0.25000000", least="0.25000000"),
    spot("BUSDT", "B", tick="0.00000001", step="5.00000000", least="5.00000000"),
    spot("CUSDT", "C", tick="0.00002500", step="1000.00000000", least="1000.00000000", most="9000000.00000000"),
)
MADE = info((*SPOT, *ODD))


def markets(document: dict[str, Any], *, number: type[str] | None) -> Any:
    """ccxt with these markets; `number` as the fetch sets it, None: as ccxt comes."""
    exchange = binance()
    if number is not None:
        exchange.number = number
    exchange.options["crossMarginPairsData"] = exchange.options["isolatedMarginPairsData"] = []
    exchange.set_markets([exchange.parse_market(symbol) for symbol in document["symbols"]])
    return exchange


def limits(exchange: Any) -> dict[str, MarketLimits]:
    found = {}
    for symbol, market in exchange.markets.items():
        listing = Listing(
            symbol=f"BINANCE:{market['id']}",
            venue="BINANCE",
            instrument_id=f"{market['id']}.BINANCE",
            quote_currency=market["quote"],
            base_currency=market["base"],
            ccxt_symbol=symbol,
            asset_class="spot",
        )
        made = limits_of(listing, market)
        if isinstance(made, MarketLimits):
            found[symbol] = made
    return found


class Source:
    """One document: its limits as fetched, and ccxt as it comes, which is what would send orders."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.limits = limits(markets(document, number=str))
        self.sender = markets(document, number=None)
        self.symbols = sorted(self.limits)
        self.filters = {
            symbol["symbol"]: {entry["filterType"]: entry for entry in symbol["filters"]} for symbol in document["symbols"]
        }


MADE_SOURCE = Source(MADE)
_REAL: list[Source] = []


def real() -> Source:
    if not REAL.exists():
        pytest.skip("Binance's exchangeInfo of October 2021 is not on this machine; the made markets cover the claim")
    if not _REAL:
        _REAL.append(Source(json.loads(gzip.decompress(REAL.read_bytes()))))
    return _REAL[0]


numbers = st.decimals(min_value="0.00000001", max_value="100000000", places=8)


def check(source: Source, symbol: str, wanted: Decimal, price: Decimal) -> None:
    known = source.limits[symbol]
    on_tick = price // known.tick_size * known.tick_size or known.tick_size
    with exact_arithmetic():
        fit = fit_exact(wanted, price=on_tick, limits=known)
    quantity = fit.quantity
    assert quantity <= wanted
    assert wanted - quantity < known.step_size
    if not isinstance(fit, Sized):
        return
    assert Decimal(source.sender.amount_to_precision(symbol, decimal_text(quantity))) == quantity
    assert Decimal(source.sender.price_to_precision(symbol, decimal_text(on_tick))) == on_tick
    filters = source.filters[source.sender.markets[symbol]["id"]]
    lot, price_filter = filters["LOT_SIZE"], filters["PRICE_FILTER"]
    assert Decimal(lot["minQty"]) <= quantity <= Decimal(lot["maxQty"])
    assert quantity % Decimal(lot["stepSize"]) == 0
    assert on_tick % Decimal(price_filter["tickSize"]) == 0
    floor = filters.get("MIN_NOTIONAL") or filters["NOTIONAL"]
    assert quantity * on_tick >= Decimal(floor["minNotional"])


@given(data=st.data(), wanted=numbers, price=numbers)
def test_ccxt_never_changes_what_we_round(data: st.DataObject, wanted: Decimal, price: Decimal) -> None:
    check(MADE_SOURCE, data.draw(st.sampled_from(MADE_SOURCE.symbols)), wanted, price)


@given(data=st.data(), wanted=numbers, price=numbers)
def test_ccxt_never_changes_what_we_round_for_binance_as_it_was(data: st.DataObject, wanted: Decimal, price: Decimal) -> None:
    source = real()
    check(source, data.draw(st.sampled_from(source.symbols)), wanted, price)


def test_every_market_of_binance_as_it_was_is_exact_or_refused_by_name() -> None:
    source = real()
    assert len(source.limits) > 500
    for symbol, known in source.limits.items():
        filters = source.filters[source.sender.markets[symbol]["id"]]
        assert known.tick_size == Decimal(filters["PRICE_FILTER"]["tickSize"])
        assert known.step_size == Decimal(filters["LOT_SIZE"]["stepSize"])
        assert known.min_quantity == Decimal(filters["LOT_SIZE"]["minQty"])
        assert known.min_notional == Decimal(filters["MIN_NOTIONAL"]["minNotional"])


def test_odd_steps_are_covered_by_the_made_markets() -> None:
    steps = {limits.step_size for limits in MADE_SOURCE.limits.values()}
    assert {Decimal("0.25"), Decimal("5"), Decimal("1000"), Decimal("0.00001")} <= steps


def test_a_market_made_of_floats_is_refused() -> None:
    assert limits(markets(MADE, number=None)) == {}
