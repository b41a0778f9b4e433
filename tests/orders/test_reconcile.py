"""Book against venue: who parts, by how much, and what is nobody's business."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.reconcile import differences, strangers, tolerances
from sentinel.locks import locked_instruments
from tests.gate.world import CRYPTO, World, shares

D = Decimal
TOLERANCE = {"USDT": D("0.01"), "BTC": D("0.00001")}
amounts = st.dictionaries(st.sampled_from(["USDT", "BTC", "BNB", "EUR"]), st.decimals(-1000, 1000, places=8))


@pytest.mark.parametrize(
    ("expected", "found", "parted"),
    [
        ({"USDT": "100"}, {"USDT": "100.01"}, []),
        ({"USDT": "100"}, {"USDT": "99.99"}, []),
        ({"USDT": "100"}, {"USDT": "100.010001"}, ["USDT"]),
        ({"USDT": "100"}, {"USDT": "99.989999"}, ["USDT"]),
        ({"USDT": "100"}, {}, ["USDT"]),
        ({}, {"BTC": "0.00002"}, ["BTC"]),
        ({}, {"BNB": "5"}, []),
        ({"EUR": "5"}, {"EUR": "5.00000001"}, ["EUR"]),
        ({"BTC": "1", "USDT": "5"}, {"BTC": "2", "USDT": "3"}, ["BTC", "USDT"]),
    ],
    ids=[
        "a tick more", "a tick less", "over a tick more", "over a tick less", "none at the venue", "an asset nobody bought",
        "a currency nobody trades", "one without tolerance", "two at once",
    ],
)  # fmt: skip
def test_who_parts(expected: dict[str, str], found: dict[str, str], parted: list[str]) -> None:
    ours, theirs = ({code: D(amount) for code, amount in side.items()} for side in (expected, found))
    assert [one.code for one in differences(expected=ours, found=theirs, tolerance=TOLERANCE)] == parted


@given(ours=amounts, theirs=amounts)
def test_every_amount_at_the_venue_is_compared_or_a_stranger_s(ours: dict[str, Decimal], theirs: dict[str, Decimal]) -> None:
    parted = {one.code: one for one in differences(expected=ours, found=theirs, tolerance=TOLERANCE)}
    foreign = strangers(expected=ours, found=theirs, tolerance=TOLERANCE)
    assert not parted.keys() & foreign.keys()
    for code in ours.keys() | theirs.keys() | TOLERANCE.keys():
        gap = abs(theirs.get(code, D(0)) - ours.get(code, D(0)))
        known = code in ours or code in TOLERANCE
        assert (code in parted) is (known and gap > TOLERANCE.get(code, D(0)))
        assert (code in foreign) is (not known and bool(theirs.get(code)))


def test_tolerances_are_the_steps_of_what_may_be_traded(tmp_path: object) -> None:
    _, inputs = World(tmp_path, names=CRYPTO).write().load()  # type: ignore[arg-type]
    allowed = tolerances("BINANCE", listings=inputs.listings, limits=inputs.market_limits)
    assert allowed == {"USDT": D("0.01"), **{name.base: D(name.step) for name in CRYPTO}}
    assert tolerances("OKX", listings=inputs.listings, limits=inputs.market_limits) == {}


def test_a_share_is_held_by_its_symbol_and_to_the_unit(tmp_path: object) -> None:
    _, inputs = World(tmp_path, names=shares(2)).write().load()  # type: ignore[arg-type]
    allowed = tolerances("US", listings=inputs.listings, limits=inputs.market_limits)
    assert allowed == {"USD": D("0.01"), "NYSE:S000": D(0), "NYSE:S001": D(0)}
    parted = differences(expected={"NYSE:S000": D(10)}, found={"NYSE:S000": D(9), "IB:42": D(3)}, tolerance=allowed)
    assert [one.words for one in parted] == ["NYSE:S000 10 in the book, 9 at the venue: -1 (tolerance 0)"]
    listed = {symbol: inputs.listings[symbol] for symbol in inputs.market_limits}
    assert locked_instruments(parted, venue="US", listings=listed).keys() == {"S000.US"}
    cash = differences(expected={"USD": D(5)}, found={"USD": D(4)}, tolerance=allowed)
    assert locked_instruments(cash, venue="US", listings=listed).keys() == {"S000.US", "S001.US"}
