"""What our sizing sends, ccxt leaves as it is and the venue's filters accept: made markets, and Binance's own of 2021."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ccxt.async_support import binance
from hypothesis import event, given
from hypothesis import strategies as st

from orders.exact import exact_arithmetic
from orders.sizing import Sized, fit_exact
from orders.values import Listing, MarketLimits, OrderKind, Side
from sim.rehearsal.listing import LISTINGS
from tests.limits.venue import SPOT, info, spot
from venues.ccxt.market_limits import limits_of
from venues.ccxt.terms import Terms, terms_of
from venues.ccxt.trading_profiles import BINANCE
from venues.ccxt.wire import Kept, tame

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "binance_exchange_info_2021-10.json.gz"
ODD = (
    spot("AUSDT", "A", tick="0.05000000", step="0.25000000", least="0.25000000"),
    spot("BUSDT", "B", tick="0.00000001", step="5.00000000", least="5.00000000"),
    spot(
        "CUSDT",
        "C",
        tick="0.00002500",
        step="1000.00000000",
        least="1000.00000000",
        most="9000000.00000000",
        market_most="9000000.00000000",
    ),
)
MADE = info((*SPOT, *ODD))


def markets(document: dict[str, Any], *, number: type[str] | None) -> Any:
    """ccxt with these markets; `number` as the fetch sets it, None: as ccxt comes."""
    exchange = binance()
    if number is not None:
        exchange.number = number
    exchange.options["crossMarginPairsData"] = exchange.options["isolatedMarginPairsData"] = []
    exchange.set_markets([exchange.parse_market(symbol) for symbol in document["symbols"]])
    tame(exchange)
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
SHIPPED = {
    "made markets": MADE_SOURCE,
    "the rehearsal exchange's": Source(info(tuple(each.exchange_info() for each in LISTINGS))),
}
_REAL: list[Source] = []


def real() -> Source:
    if not REAL.exists():
        pytest.skip("Binance's exchangeInfo of October 2021 is not on this machine; the made markets cover the claim")
    if not _REAL:
        _REAL.append(Source(json.loads(gzip.decompress(REAL.read_bytes()))))
    return _REAL[0]


wide = st.decimals(min_value="0.00000001", max_value="100000000", places=8)


@st.composite
def wishes(draw: st.DrawFn, source: Source) -> tuple[str, Decimal, Decimal]:
    """A market, a quantity and a price: thousands to millions of its steps and ticks and something over, or anything at all."""
    symbol = draw(st.sampled_from(source.symbols))
    if draw(st.integers(0, 3)) == 0:
        return symbol, draw(wide), draw(wide)
    known, many = source.limits[symbol], st.decimals(min_value="10000", max_value="10000000", places=3)
    return symbol, draw(many) * known.step_size, draw(many) * known.tick_size


def approved(source: Source, symbol: str, wanted: Decimal, price: Decimal) -> tuple[Decimal, Decimal] | None:
    """What our sizing makes of it: quantity and a price on the tick; None is dust."""
    known = source.limits[symbol]
    on_tick = price // known.tick_size * known.tick_size or known.tick_size
    with exact_arithmetic():
        fit = fit_exact(wanted, price=on_tick, limits=known)
    assert fit.quantity <= wanted
    assert wanted - fit.quantity < known.step_size
    return (fit.quantity, on_tick) if isinstance(fit, Sized) else None


def requests(source: Source, symbol: str, quantity: Decimal, price: Decimal) -> Iterator[dict[str, Any]]:
    """What unmodified ccxt would put on the wire, of each kind and side, as the execution client asks it to."""
    for kind, side in product(OrderKind, Side):
        limit = price if kind is OrderKind.LIMIT else None
        terms = terms_of(
            symbol=symbol, client_id="0" * 32, kind=kind, side=side, quantity=quantity, price=limit, time_in_force="GTC",
            post_only=False, limits=source.limits[symbol], profile=BINANCE,
        )  # fmt: skip
        assert isinstance(terms, Terms), terms
        made = (terms.symbol, terms.kind, terms.side, terms.quantity, terms.price, dict(terms.params))
        yield source.sender.create_order_request(*made)


def check(source: Source, symbol: str, wanted: Decimal, price: Decimal) -> bool:
    """Raise where what ccxt would send is not what was approved; return whether anything was."""
    fit = approved(source, symbol, wanted, price)
    if fit is None:
        return False
    quantity, on_tick = fit
    for request in requests(source, symbol, quantity, on_tick):
        assert isinstance(request["quantity"], str)
        assert Decimal(request["quantity"]) == quantity
        assert ("price" in request) is (request["type"] == "LIMIT")
        assert Decimal(request.get("price", on_tick)) == on_tick
    filters = source.filters[source.sender.markets[symbol]["id"]]
    lot, price_filter = filters["LOT_SIZE"], filters["PRICE_FILTER"]
    assert Decimal(lot["minQty"]) <= quantity <= Decimal(lot["maxQty"])
    assert quantity % Decimal(lot["stepSize"]) == 0
    assert on_tick % Decimal(price_filter["tickSize"]) == 0
    floor = filters.get("MIN_NOTIONAL") or filters["NOTIONAL"]
    assert quantity * on_tick >= Decimal(floor["minNotional"])
    return True


@pytest.mark.parametrize("source", SHIPPED.values(), ids=list(SHIPPED))
@given(data=st.data())
def test_ccxt_never_changes_what_we_send(source: Source, data: st.DataObject) -> None:
    event("sent" if check(source, *data.draw(wishes(source))) else "dust")


@given(data=st.data())
def test_ccxt_never_changes_what_we_send_to_binance_as_it_was(data: st.DataObject) -> None:
    event("sent" if check(real(), *data.draw(wishes(real()))) else "dust")


@pytest.mark.parametrize(
    ("tick", "step", "code"),
    [("0.10000000", "0.00001000", "price"), ("0.01000000", "0.00100000", "quantity"), ("0.03000000", "0.00001000", "price")],
    ids=["a tick ten times as large", "a step a hundred times as large", "a tick that is no power of ten"],
)
def test_a_venue_that_rounds_otherwise_than_was_approved_is_told_nothing(tick: str, step: str, code: str) -> None:
    """The bad twins: ccxt's markets are of another day than our limits, so it would change what was approved."""
    twin = Source(MADE)
    twin.sender = markets(info((spot("BTCUSDT", "BTC", tick=tick, step=step, least=step),)), number=None)
    with pytest.raises(Kept, match=f"ROUNDED_BY_CCXT {code}"):
        check(twin, "BTC/USDT", Decimal("0.12345"), Decimal("100000.13"))


@pytest.mark.parametrize("source", SHIPPED.values(), ids=list(SHIPPED))
def test_every_market_sends_something_so_that_the_property_is_not_empty(source: Source) -> None:
    for symbol, known in source.limits.items():
        price = known.tick_size * 12_345_678
        wanted = max(known.min_notional / price, known.min_quantity) + 3 * known.step_size
        fit = approved(source, symbol, wanted, price)
        assert fit is not None, symbol
        assert len(list(requests(source, symbol, *fit))) == len(OrderKind) * len(Side)


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
