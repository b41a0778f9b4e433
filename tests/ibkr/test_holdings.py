"""What an account at TWS holds, asked before a node is made: shares by symbol, all cash, and what is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from orders.errors import VenueUnavailable
from orders.values import MarketLimits
from tests.ibkr.test_reach import at, listing
from venues.ibkr.holdings import held_at_tws, unquoted_at_tws

D = Decimal
AAPL, XOM = "NASDAQ:AAPL", "NYSE:XOM"


def asked(question: Callable[..., Any], tws: Any, *symbols: str, **more: Any) -> Any:
    names = symbols or (AAPL, XOM)
    limits = {
        name: MarketLimits(
            symbol=name, venue="IBKR", step_size=D(1), tick_size=D("0.01"), min_quantity=D(1), min_notional=D(1),
            max_quantity=None, multiplier=D(1),
        )
        for name in names
    }  # fmt: skip
    return asyncio.run(question(at(tws), listings={name: listing(name) for name in names}, approved=limits, ask_s=2.0, **more))


def held(tws: Any) -> dict[str, Decimal]:
    found: dict[str, Decimal] = asked(held_at_tws, tws)
    return found


def test_shares_come_by_symbol_what_is_none_of_the_run_by_its_contract_and_cash_as_one_sum(tws: Any) -> None:
    tws.reset({"USD": "100000"})
    for symbol in ("AAPL", "MSFT"):
        tws.quote(symbol, "230.00", "230.00")
        tws.place(symbol, "BUY", "10")
    found = held(tws)
    stranger = next(name for name in found if name.startswith("IB:"))
    assert found == {AAPL: D(10), stranger: D(10), "USD": D(100_000) - 20 * 230 - 2}
    assert tws.counts()["place"] == 0


def test_an_account_of_nothing_but_cash_has_no_shares(tws: Any) -> None:
    tws.reset({"USD": "12.5"})
    assert held(tws) == {"USD": D("12.5")}


BROKEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "positions are not told": (lambda tws: tws.fault("positions", "swallow"), "VENUE_UNREACHABLE.*no answer in 2 s"),
    "cash is not told": (lambda tws: tws.fault("account_summary", "swallow"), "VENUE_UNREACHABLE.*no answer in 2 s"),
    "the line is cut meanwhile": (lambda tws: tws.fault("positions", "drop"), "VENUE_UNREACHABLE"),
    "a contract is another one": (lambda tws: tws.change_contract("AAPL", isin=""), "CONTRACT_REFUSED.*ISIN"),
}


@pytest.mark.parametrize(("spoil", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_known_is_not_taken_for_nothing(spoil: Callable[[Any], object], words: str, tws: Any) -> None:
    spoil(tws)
    with pytest.raises(VenueUnavailable, match=words):
        held(tws)


TOUCHES: dict[str, tuple[tuple[str, str] | None, tuple[str, ...]]] = {
    "a sound touch": (("230.00", "230.02"), ()),
    "no quote at all": (None, (AAPL,)),
    "IB's word for no bid": (("-1", "230.02"), (AAPL,)),
    "crossed": (("230.02", "230.00"), (AAPL,)),
}


@pytest.mark.parametrize(("touch", "missing"), TOUCHES.values(), ids=TOUCHES)
def test_what_has_no_price_is_named(touch: tuple[str, str] | None, missing: tuple[str, ...], tws: Any) -> None:
    tws.quote("XOM", "110.00", "110.02")
    if touch is not None:
        tws.quote("AAPL", *touch)
    assert asked(unquoted_at_tws, tws, wait_s=0.5) == missing
