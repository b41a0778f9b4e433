"""Books of winners: every part sums to the whole, crosses are free, and what nobody wants is nobody's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analysis.winner_pnl import NOBODY, Execution, WinnerBooks, WinnerResult
from orders.attribution import split_amount
from orders.exact import exact_arithmetic

D = Decimal
A, B = "custom/hrp", "custom/min"


def done(sign: int, quantity: str, mid: str, *, cost: str = "0", parts: Any = None, **given: Any) -> Execution:
    """A fill of X; `cost` is its spread."""
    terms: dict[str, Any] = {"fee": D(0), "fee_units": D(0), "slippage": D(0), "unit_base": D(1), **given}
    return Execution(symbol="X", sign=sign, quantity=D(quantity), mid=D(mid), spread=D(cost), parts=parts or {}, **terms)


def plan_line(mid: str, **shares: str) -> dict[str, Any]:
    return {"symbol": "X", "bid": mid, "ask": mid, "attribution": {A: shares["a"], B: shares["b"]}}


def results(books: WinnerBooks, price: str) -> dict[str, WinnerResult]:
    return {result.winner: result for result in books.results({"X": D(price)})}


def test_a_fill_is_split_and_its_cost_with_it() -> None:
    books = WinnerBooks()
    books.fill(done(1, "10", "100", cost="5", fee=D(1), parts={A: D(6), B: D(4)}))
    found = results(books, "110")
    assert (found[A].pnl, found[A].spread, found[A].fees, found[A].traded) == (D("56.4"), D(3), D("0.6"), D(600))
    assert (found[B].pnl, found[B].spread, found[B].fees, found[B].traded) == (D("37.6"), D(2), D("0.4"), D(400))
    assert found[NOBODY].pnl == 0


def test_what_is_crossed_inside_pays_nothing() -> None:
    """A wants 15 more, B 5 less: 10 trade. B's are crossed at mid, and the one that traded pays."""
    books = WinnerBooks()
    books.fill(done(1, "10", "100", cost="7", parts={A: D(15), B: D(-5)}))
    found = results(books, "100")
    assert (found[A].pnl, found[A].traded, found[A].crossed) == (D(-7), D(1000), D(500))
    assert (found[B].pnl, found[B].traded, found[B].crossed) == (D(0), D(0), D(500))


def test_a_plan_hands_over_what_changed_owner_at_its_mid() -> None:
    """A holds 10 bought at 100. At 120 half of the target is B's; then it goes to 130."""
    books = WinnerBooks()
    books.fill(done(1, "10", "100", parts={A: D(10)}))
    books.plan([plan_line("120", a="0.1", b="0.1")])
    found = results(books, "130")
    assert (found[A].pnl, found[B].pnl, found[A].crossed, found[B].crossed) == (D(250), D(50), D(600), D(600))


def test_a_close_without_names_goes_to_who_holds() -> None:
    books = WinnerBooks()
    books.fill(done(1, "10", "100", parts={A: D(6), B: D(4)}))
    books.fill(done(-1, "10", "110", cost="10"))
    found = results(books, "500")
    assert (found[A].pnl, found[B].pnl, found[NOBODY].pnl) == (D(54), D(36), D(0))


def test_a_fill_that_nobody_wants_is_unattributed() -> None:
    books = WinnerBooks()
    books.fill(done(1, "10", "100", cost="1"))
    assert results(books, "101")[NOBODY].pnl == D(9)


def test_financing_is_unattributed() -> None:
    books = WinnerBooks()
    books.financing(D("-3"))
    assert (results(books, "1")[NOBODY].pnl, results(books, "1")[NOBODY].financing_base) == (D(-3), D(-3))


def test_a_fee_in_the_symbol_itself_is_taken_from_who_bought() -> None:
    books = WinnerBooks()
    books.fill(done(1, "10", "100", fee=D(1), fee_units=D("0.01"), parts={A: D(10)}))
    assert results(books, "100")[A].pnl == D(-1)


AMOUNTS = st.decimals("0.001", "1000", places=6)
WEIGHTS = st.decimals("-1", "1", places=6)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, -1]),
        AMOUNTS,
        AMOUNTS,
        AMOUNTS,
        st.dictionaries(st.sampled_from([A, B, "c/c"]), WEIGHTS),
        st.booleans(),
    ),
    max_size=12,
)


@given(steps=STEPS, price=AMOUNTS)
def test_profits_of_winners_and_of_nobody_sum_to_the_runs(steps: list[Any], price: Decimal) -> None:
    """The run's profit is kept here by two numbers, cash and units; the books must sum to it exactly."""
    books, cash, units = WinnerBooks(), D(0), D(0)
    with exact_arithmetic():
        for sign, quantity, mid, cost, shares, named in steps:
            books.plan([{"symbol": "X", "bid": str(mid), "ask": str(mid), "attribution": {w: str(s) for w, s in shares.items()}}])
            books.fill(
                done(
                    sign, str(quantity), str(mid), cost=str(cost), fee=cost, parts=split_amount(quantity, shares) if named else {}
                )
            )
            cash -= sign * quantity * mid + 2 * cost
            units += sign * quantity
        found = books.results({"X": price})
        assert sum((result.pnl for result in found), D(0)) == cash + units * price
        assert sum((result.spread for result in found), D(0)) == sum((step[3] for step in steps), D(0))
        assert sum((result.traded for result in found), D(0)) == sum((step[1] * step[2] for step in steps), D(0))
