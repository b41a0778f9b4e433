"""One wrong print of a held symbol is not equity: it is believed when a newer price says the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sentinel.believed import BelievedValues

D = Decimal


class Told:
    """A made feed: each look is one price of A, believed where it is not doubted."""

    def __init__(self, *, first: str | None = "100", confirm_ns: int = 0) -> None:
        self.stamp: int | None = 0
        self.values = BelievedValues(jump_max=D("0.5"), stamp_of=lambda symbol: self.stamp, confirm_ns=confirm_ns)
        if first is not None:
            self.values.believe({"A": D(first)})

    def look(self, price: str, *, newer: bool = True) -> bool:
        """Return whether it is believed."""
        if newer and self.stamp is not None:
            self.stamp += 1
        if self.values.doubt({"A": D(1)}, {"A": D(price)}):
            return False
        self.values.believe({"A": D(price)})
        return True


@pytest.mark.parametrize(
    ("prices", "believed"),
    [
        (("150",), (True,)),
        (("150.01",), (False,)),
        (("50",), (True,)),
        (("49.99",), (False,)),
        (("1000", "1000"), (False, True)),
        (("1000", "100"), (False, True)),
        (("1000", "10"), (False, False)),
        (("1000", "100", "1000"), (False, True, False)),
        (("1000", "1400", "900"), (False, True, True)),
    ],
    ids=[
        "at the limit", "one step above", "at the limit below", "one step below", "a newer price says the same",
        "it was one wrong print", "another jump", "a second wrong print is a first one again", "from then on it is the price",
    ],
)  # fmt: skip
def test_a_value_that_has_jumped_is_believed_when_a_newer_price_says_it_again(
    prices: tuple[str, ...], believed: tuple[bool, ...]
) -> None:
    told = Told()
    assert tuple(told.look(price) for price in prices) == believed


def test_the_same_price_looked_at_again_says_nothing_new() -> None:
    told = Told()
    assert not told.look("1000")
    assert not told.look("1000", newer=False)
    assert not told.look("1000", newer=False)
    assert told.look("1000")


def test_what_was_never_valued_and_what_has_no_value_is_not_doubted_here() -> None:
    assert Told(first=None).look("1000")
    assert Told().values.doubt({"A": D(1), "B": D(1)}, {"B": D(5)}) == ""


def test_words_name_symbol_values_and_limit() -> None:
    words = Told().values.doubt({"A": D(-1)}, {"A": D(1000)})
    assert all(part in words for part in ("A", "100", "1000", "0.5"))


@pytest.mark.parametrize(
    ("prices", "believed"),
    [
        (("1000",) * 5, (False, False, False, True, True)),
        (("1000", "1000", "100", "1000", "1000", "1000", "1000"), (False, False, True, False, False, False, True)),
        (("1000", "1000", "10", "10", "10", "10"), (False, False, False, False, False, True)),
        (("1000", "1400", "900", "1100"), (False, False, False, True)),
    ],
    ids=["three units later it is believed", "a good one in between begins anew", "another jump begins anew", "near is the same"],
)
def test_a_value_that_has_jumped_must_stand_as_long_as_it_is_told(prices: tuple[str, ...], believed: tuple[bool, ...]) -> None:
    told = Told(confirm_ns=3)
    assert tuple(told.look(price) for price in prices) == believed


def test_a_price_without_a_time_is_never_believed_where_it_must_stand() -> None:
    told = Told(confirm_ns=3)
    told.stamp = None
    assert [told.look("1000") for _ in range(4)] == [False] * 4


def test_a_price_of_which_one_sight_had_no_time_is_not_believed_where_it_must_stand() -> None:
    told = Told(confirm_ns=3)
    told.stamp = None
    assert not told.look("1000")
    told.stamp = 10
    assert not told.look("1000")
    told = Told(confirm_ns=3)
    assert not told.look("1000")
    told.stamp = None
    assert not told.look("1000")


def test_a_valuation_that_is_believed_in_between_begins_the_doubt_anew() -> None:
    told = Told()
    assert not told.look("1000")
    told.values.believe({"A": D(100)})
    assert not told.look("1000")
    assert told.look("1000")


def test_every_held_symbol_is_looked_at_and_the_first_by_name_is_told() -> None:
    stamps: dict[str, int] = {"A": 0, "B": 0, "C": 0}
    values = BelievedValues(jump_max=D("0.5"), stamp_of=stamps.get)
    values.believe({"A": D(100), "B": D(100), "C": D(100)})
    jumped = {"A": D(100), "C": D(1000), "B": D(10)}
    assert "a unit of B" in values.doubt(["C", "A", "B"], jumped)  # A is as it was, and does not end the look
    stamps |= {"B": 1}
    assert "a unit of C" in values.doubt(["A", "B", "C"], jumped)  # B has been said again, C has not


@pytest.mark.parametrize(("confirm_ns", "ends"), [(0, "say the same"), (3, "say the same for 3 ns")])
def test_words_say_for_how_long_newer_prices_must_say_the_same(confirm_ns: int, ends: str) -> None:
    assert Told(confirm_ns=confirm_ns).values.doubt({"A": D(1)}, {"A": D(1000)}).endswith(ends)
    plain = BelievedValues(jump_max=D("0.5"), stamp_of={}.get)
    plain.believe({"A": D(100)})
    assert plain.doubt({"A": D(1)}, {"A": D(1000)}).endswith("say the same")


def test_a_market_that_falls_as_one_is_believed_though_its_prices_are_said_again_one_at_a_time() -> None:
    stamps = dict.fromkeys("ABC", 0)
    values = BelievedValues(jump_max=D("0.5"), stamp_of=stamps.get)
    values.believe(dict.fromkeys("ABC", D(100)))
    fallen = dict.fromkeys("ABC", D(10))
    told = [values.doubt("ABC", fallen)]
    for symbol in "BAC":
        stamps[symbol] += 1
        told.append(values.doubt("ABC", fallen))
    assert [words[:11] for words in told] == ["a unit of A", "a unit of A", "a unit of C", ""]
