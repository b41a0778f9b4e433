"""A market is ours only if it is of the kind and currencies the symbol map says; contracts we cannot count are refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lakehouse.snapshots import RefusedLimit
from orders.values import Listing, MarketLimits
from venues.ccxt.market_limits import limits_of, venue_name

SPOT = Listing(
    symbol="OKX:ETHUSDT", venue="OKX", instrument_id="ETHUSDT.OKX", quote_currency="USDT", base_currency="ETH",
    ccxt_symbol="ETH/USDT", asset_class="spot",
)  # fmt: skip
PERP = Listing(
    symbol="OKX:ETHUSDT.P", venue="OKX", instrument_id="ETHUSDT-PERP.OKX", quote_currency="USDT", base_currency="ETH",
    ccxt_symbol="ETH/USDT:USDT", asset_class="perpetual",
)  # fmt: skip


def market(listing: Listing, **changes: Any) -> dict[str, Any]:
    """A market in ccxt's unified form, numbers as text; OKX counts a perpetual in contracts of 0.1 ETH."""
    swap = listing.asset_class == "perpetual"
    return {
        "id": "ETH-USDT-SWAP" if swap else "ETH-USDT",
        "symbol": listing.ccxt_symbol,
        "type": "swap" if swap else "spot",
        "active": True,
        "contract": swap,
        "inverse": False if swap else None,
        "linear": True if swap else None,
        "base": "ETH",
        "quote": "USDT",
        "settle": "USDT" if swap else None,
        "contractSize": "0.1" if swap else None,
        "precision": {"amount": "1", "price": "0.01"},
        "limits": {"amount": {"min": "1", "max": None}, "cost": {"min": "5", "max": None}, "price": {}},
        "info": {},
    } | changes


def test_a_contract_is_counted_by_its_own_size() -> None:
    made = limits_of(PERP, market(PERP))
    assert isinstance(made, MarketLimits)
    assert (made.step_size, made.multiplier, made.max_quantity) == (Decimal(1), Decimal("0.1"), None)


def test_a_unit_of_a_spot_pair_is_a_unit() -> None:
    made = limits_of(SPOT, market(SPOT))
    assert isinstance(made, MarketLimits)
    assert made.multiplier == 1


CASES: list[tuple[str, Listing, dict[str, Any], str]] = [
    ("a perpetual under a spot symbol", SPOT, {"type": "swap"}, "KIND_MISMATCH"),
    ("a spot pair under a perpetual's symbol", PERP, {"type": "spot", "contract": False}, "KIND_MISMATCH"),
    ("a dated future", PERP, {"type": "future"}, "KIND_MISMATCH"),
    ("a market under another name", SPOT, {"symbol": "ETH/USDC"}, "KIND_MISMATCH"),
    ("an inverse contract", PERP, {"inverse": True, "settle": "ETH"}, "INVERSE_UNSUPPORTED"),
    ("a quanto contract", PERP, {"settle": "BTC"}, "QUANTO_UNSUPPORTED"),
    ("another base", SPOT, {"base": "ETC"}, "CURRENCY_MISMATCH"),
    ("another quote", SPOT, {"quote": "USDC"}, "CURRENCY_MISMATCH"),
    ("not active", SPOT, {"active": False}, "NOT_TRADING"),
    ("activity unknown", SPOT, {"active": None}, "NOT_TRADING"),
    ("no contract size", PERP, {"contractSize": None}, "LIMITS_MISSING"),
    ("a contract size of zero", PERP, {"contractSize": "0"}, "LIMITS_MISSING"),
    ("no least notional", SPOT, {"limits": {"amount": {"min": "1"}, "cost": {"min": None}}}, "LIMITS_MISSING"),
    ("no limits at all", SPOT, {"limits": None}, "LIMITS_MISSING"),
    ("no precision", SPOT, {"precision": {"amount": None, "price": "0.01"}}, "LIMITS_MISSING"),
    ("a float", SPOT, {"precision": {"amount": 0.1, "price": "0.01"}}, "LIMITS_INEXACT"),
    ("infinity", SPOT, {"precision": {"amount": "Infinity", "price": "0.01"}}, "LIMITS_INVALID"),
    ("more places than a snapshot has", SPOT, {"precision": {"amount": "1E-19", "price": "0.01"}}, "LIMITS_INVALID"),
]


@pytest.mark.parametrize(("listing", "changes", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_not_what_the_symbol_map_means_is_refused(listing: Listing, changes: dict[str, Any], code: str) -> None:
    answer = limits_of(listing, market(listing, **changes))
    assert isinstance(answer, RefusedLimit)
    assert (answer.symbol, answer.code) == (listing.symbol, code)


def test_shares_are_not_fetched_from_a_crypto_venue() -> None:
    share = Listing(symbol="NYSE:XOM", venue="US", instrument_id="XOM.US", quote_currency="USD", asset_class="equity")
    answer = limits_of(share, {"type": "spot", "symbol": None})
    assert isinstance(answer, RefusedLimit)
    assert answer.code == "KIND_UNSUPPORTED"


def test_an_exchange_is_a_venue_by_its_profile_or_its_capitals() -> None:
    assert [venue_name(name) for name in ("binance", "okx")] == ["BINANCE", "OKX"]
