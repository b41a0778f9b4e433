"""Reservations rule by rule: what a line may draw, what counts where nothing is valued, a restart, an order that ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orders.errors import InputError
from orders.exact import exact_operators
from orders.plan import Approval, Outcome
from orders.values import Side
from sentinel.reservation import Reservations
from tests.planner.world import AGE_MAX, NOW, D
from tests.sentinel.cases import changed, judged, limits

APPROVAL = judged().approvals[1]
A, B, C = "X:A", "X:B", "X:C"
TEN = {A: D("10"), B: D("10"), C: D("10")}


def line(name: str, symbol: str = A, *, side: Side = Side.BUY, units: str = "30") -> Approval:
    return changed(APPROVAL, client_order_id=name, symbol=symbol, side=side, quantity=D(units))


class Made:
    """Equity 1000; 0.4 of it at most in one symbol (40 units at 10), 0.6 over all (60 units)."""

    def __init__(
        self, *, held: dict[str, str] | None = None, values: dict[str, Decimal] | None = None, equity: str = "1000"
    ) -> None:
        self.counter = Reservations(limits(max_asset_exposure=D("0.4"), max_leverage=D("0.6")))
        self.mark(held=held, values=TEN if values is None else values, equity=equity)

    def mark(
        self, *, held: dict[str, str] | None = None, values: dict[str, Decimal], equity: str = "1000", now_ns: int = NOW
    ) -> None:
        self.counter.mark(
            positions={name: D(units) for name, units in (held or {}).items()},
            values=values,
            equity_base=D(equity),
            equity_ns=now_ns,
        )

    def reserve(self, *lines: Approval) -> None:
        with exact_operators():
            self.counter.reserve(lines)

    def ask(self, name: str, units: str, *, now_ns: int = NOW) -> tuple[str, str]:
        """The control that denies and what it saw; "" where all three pass."""
        with exact_operators():
            verdicts = self.counter.ask(name, D(units), now_ns)
        assert [one.control for one in verdicts] == ["RESERVATION", "MAX_ASSET_EXPOSURE", "MAX_LEVERAGE"]
        no = [(one.control, one.observed) for one in verdicts if one.outcome is Outcome.DENY]
        assert len(no) <= 1
        return no[0] if no else ("", "")

    def draw(self, name: str, units: str, *, order: str = "") -> None:
        assert self.ask(name, units) == ("", "")
        with exact_operators():
            self.counter.draw(name, order or name, D(units))

    def do(self, what: str, *given: Any, **named: Any) -> None:
        with exact_operators():
            getattr(self.counter, what)(*given, **named)


@pytest.mark.parametrize(
    ("held", "side", "units", "control"),
    [
        ("10", Side.BUY, "30", ""), ("10", Side.BUY, "30.001", "MAX_ASSET_EXPOSURE"),
        ("-10", Side.SELL, "30", ""), ("-10", Side.SELL, "30.001", "MAX_ASSET_EXPOSURE"),
        ("50", Side.SELL, "50", ""), ("50", Side.SELL, "90", ""), ("50", Side.SELL, "100", ""),
        ("50", Side.SELL, "100.001", "MAX_ASSET_EXPOSURE"), ("-50", Side.BUY, "100", ""),
        ("-50", Side.BUY, "100.001", "MAX_ASSET_EXPOSURE"), ("50", Side.BUY, "0.001", "MAX_ASSET_EXPOSURE"),
        ("-50", Side.SELL, "0.001", "MAX_ASSET_EXPOSURE"),
    ],
)  # fmt: skip
def test_an_order_that_does_not_raise_the_worst_case_passes_and_another_is_held_to_the_limit(
    held: str, side: Side, units: str, control: str
) -> None:
    made = Made(held={A: held})
    made.reserve(line("one", side=side, units="200"))
    assert made.ask("one", units)[0] == control


@pytest.mark.parametrize("sold", [False, True], ids=["open buys", "open sells"])
def test_what_is_open_on_either_side_counts_as_filled_where_that_is_worse(sold: bool) -> None:
    made = Made(held={A: "-20" if sold else "20"})
    away, back = (Side.SELL, Side.BUY) if sold else (Side.BUY, Side.SELL)
    made.reserve(line("away", side=away), line("back", side=back, units="70"), line("more", side=away))
    made.draw("away", "15")
    made.draw("back", "30")  # from 20 to 10 past zero: less than the 35 on the other side
    assert made.ask("more", "5") == ("", "")
    assert made.ask("more", "5.1")[0] == "MAX_ASSET_EXPOSURE"
    assert made.counter.exposure(A)[0] == D("35")


def test_the_words_of_each_denial() -> None:
    made = Made()
    made.reserve(line("one"), line("two", B), line("three", units="45"))
    assert made.ask("nobody", "1") == ("RESERVATION", "nothing reserved")
    assert made.ask("one", "30.1") == ("RESERVATION", "30.1 units")
    assert made.ask("three", "41") == ("MAX_ASSET_EXPOSURE", "410 base currency at worst")
    made.draw("one", "30")
    assert made.ask("two", "30") == ("", "")
    made.mark(held={C: "10"}, values=TEN)
    assert made.ask("two", "20") == ("", "")
    assert made.ask("two", "20.1") == ("MAX_LEVERAGE", "gross 601 base currency at worst")


@pytest.mark.parametrize(
    ("now_ns", "seen"),
    [
        (NOW, ""),
        (NOW + AGE_MAX, ""),
        (NOW + AGE_MAX + 1, f"stale equity, {AGE_MAX + 1} ns old"),
        (NOW - 1, "stale equity, -1 ns old"),
    ],
)
def test_equity_is_fresh_from_its_instant_to_its_greatest_age(now_ns: int, seen: str) -> None:
    made = Made()
    made.reserve(line("one"))
    assert made.ask("one", "1", now_ns=now_ns) == (("MAX_LEVERAGE", seen) if seen else ("", ""))


def test_without_equity_nothing_grows() -> None:
    made = Made()
    made.counter = Reservations(limits())
    made.do("restore_held", {A: D("5"), B: D("7")})
    made.reserve(line("one"), line("two", side=Side.SELL), line("three", B, side=Side.SELL))
    assert made.ask("one", "1") == ("MAX_LEVERAGE", "value of the symbol missing")
    assert made.ask("two", "10") == ("", "")
    assert made.ask("two", "10.1")[0] == "MAX_LEVERAGE"
    assert made.ask("three", "14") == ("", "")


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_a_symbol_whose_value_is_none_lets_nothing_grow_while_it_is_held(value: str) -> None:
    made = Made(held={A: "1"}, values=TEN | {A: D(value)})
    made.reserve(line("one"), line("two", B), line("back", side=Side.SELL))
    assert made.ask("one", "1") == ("MAX_LEVERAGE", "value of the symbol missing")
    assert made.ask("two", "1") == ("MAX_LEVERAGE", "value of another symbol missing")
    assert made.ask("back", "2") == ("", "")
    assert made.counter.gross_base == 0
    made.mark(held={}, values=TEN | {A: D(value)})
    assert made.ask("two", "1") == ("", "")  # nothing of it is held any more
    made.do("fill", "a stranger", symbol=A, side=Side.SELL, quantity=D("1"))
    assert made.ask("two", "1") == ("MAX_LEVERAGE", "value of another symbol missing")
    made.mark(held={A: "-1"}, values=TEN)
    assert made.ask("two", "1") == ("", "")
    assert made.counter.gross_base == D("10")


def test_a_symbol_nobody_has_valued_counts_as_soon_as_something_of_it_is_open() -> None:
    made = Made(values={A: D("10")})
    made.do("restore_open", "old", symbol=B, side=Side.SELL, left=D("2"))
    made.reserve(line("one"))
    assert made.ask("one", "1") == ("MAX_LEVERAGE", "value of another symbol missing")
    made.do("end", "old")
    assert made.ask("one", "1") == ("", "")


def test_a_value_holds_until_a_newer_one() -> None:
    made = Made(held={A: "5", B: "5"})
    made.mark(held={A: "5", B: "5"}, values={B: D("20")})
    assert made.counter.gross_base == D("150")
    made.mark(held={A: "6"}, values={})
    assert made.counter.gross_base == D("60")


@pytest.mark.parametrize("side", list(Side))
def test_an_order_of_before_a_restart_counts_until_it_fills_or_ends(side: Side) -> None:
    made = Made()
    made.do("restore_open", "old", symbol=A, side=side, left=D("25"))
    made.reserve(line("same", side=side), line("other", side=Side.SELL if side is Side.BUY else Side.BUY, units="99"))
    assert made.counter.open_reducing(A, side) == D("25")
    assert made.ask("same", "15") == ("", "")
    assert made.ask("same", "15.1")[0] == "MAX_ASSET_EXPOSURE"
    assert made.ask("other", "25") == ("", "")
    made.do("fill", "old", symbol=A, side=side, quantity=D("10"))
    assert (made.counter.open_reducing(A, side), made.counter.exposure(A)[0]) == (D("15"), D("25"))
    made.do("end", "old")
    assert (made.counter.open_reducing(A, side), made.counter.exposure(A)[0]) == (D("0"), D("10"))
    made.do("end", "old")
    assert made.counter.reducing_units() == {A: D("99")}


def test_positions_of_before_a_restart_count() -> None:
    made = Made()
    made.do("restore_held", {A: D("30"), B: D("-30")})
    assert (made.counter.exposure(A), made.counter.exposure(B)) == ((D("30"), D("30")), (D("30"), D("30")))


def test_a_line_is_reserved_once_and_the_next_one_of_the_same_call_too() -> None:
    made = Made()
    made.reserve(line("one", units="10"))
    made.reserve(line("one", units="25"), line("two", units="5"))
    assert made.counter.exposure(A) == (D("0"), D("15"))
    assert made.ask("one", "10.1")[0] == "RESERVATION"


def test_what_one_order_leaves_of_its_line_is_drawn_by_the_next() -> None:
    made = Made()
    made.reserve(line("one"))
    made.draw("one", "20", order="child-1")
    assert made.counter.exposure(A) == (D("20"), D("30"))
    assert made.ask("one", "10.1")[0] == "RESERVATION"
    made.do("undo", "child-1")
    assert made.counter.exposure(A) == (D("0"), D("30"))
    made.draw("one", "30", order="child-2")
    made.do("fill", "child-2", symbol=A, side=Side.BUY, quantity=D("10"))
    made.do("end", "child-2")
    assert made.counter.exposure(A) == (D("10"), D("30"))
    assert (made.ask("one", "20"), made.ask("one", "20.1")[0]) == (("", ""), "RESERVATION")


@pytest.mark.parametrize("ends", ["fill", "end"])
def test_a_line_that_serves_one_order_lapses_with_it(ends: str) -> None:
    made = Made()
    made.reserve(line("one"))
    made.draw("one", "20")
    if ends == "fill":
        made.do("fill", "one", symbol=A, side=Side.BUY, quantity=D("20"))
    else:
        made.do("end", "one")
    held = D("20") if ends == "fill" else D("0")
    assert made.counter.exposure(A) == (held, held)
    assert not made.counter.at_work
    assert made.ask("one", "1") == ("RESERVATION", "nothing reserved")
    made.reserve(line("one"))  # the same id again is another line, with nothing of the old order in it
    made.do("fill", "one", symbol=A, side=Side.BUY, quantity=D("1"))
    assert made.counter.exposure(A) == (held + 1, held + 31)


def test_a_fill_beyond_what_was_open_is_position_and_leaves_no_open_order() -> None:
    made = Made()
    made.reserve(line("one"))
    made.draw("one", "10", order="child")
    made.do("fill", "child", symbol=A, side=Side.BUY, quantity=D("12"))
    assert made.counter.exposure(A) == (D("12"), D("32"))
    assert made.counter.open_reducing(A, Side.BUY) == 0
    made.do("fill", "child", symbol=A, side=Side.SELL, quantity=D("2"))
    assert made.counter.exposure(A)[0] == D("10")


def test_an_order_that_ends_and_never_went_gives_its_line_back() -> None:
    made = Made()
    made.reserve(line("one"), line("two", B))
    made.do("end", "one")
    made.do("release", "two")
    made.do("release", "nobody")
    assert (made.counter.exposure(A), made.counter.exposure(B), made.counter.at_work) == ((0, 0), (0, 0), False)


def test_what_is_at_work_is_a_line_or_an_order() -> None:
    made = Made()
    assert not made.counter.at_work
    made.do("restore_open", "old", symbol=A, side=Side.BUY, left=D("1"))
    assert made.counter.at_work
    made.do("end", "old")
    made.reserve(line("one"))
    assert made.counter.at_work
    made.do("release", "one")
    assert not made.counter.at_work


def test_lines_that_have_something_left_are_orders_that_may_still_fill() -> None:
    made = Made()
    made.reserve(line("one", side=Side.SELL, units="0.5"), line("two", B))
    made.draw("two", "30", order="child")
    (left,) = made.counter.unsent()
    assert (left.client_order_id, left.symbol, left.side, left.leaves_quantity) == ("one", A, Side.SELL, D("0.5"))


@pytest.mark.parametrize(
    ("held", "side", "taken"),
    [("0.5", Side.SELL, {A: D("9")}), ("0.5", Side.BUY, {}), ("-0.5", Side.BUY, {A: D("9")}),
     ("-0.5", Side.SELL, {}), ("0", Side.BUY, {}), ("0", Side.SELL, {})],
)  # fmt: skip
def test_what_takes_off_a_position_is_open_and_reserved_on_its_other_side(
    held: str, side: Side, taken: dict[str, Decimal]
) -> None:
    made = Made(held={A: held, B: "7"})
    made.reserve(line("one", side=side, units="5"), line("two", side=side, units="6"))
    made.draw("one", "3", order="child")
    made.do("release", "two")
    made.reserve(line("three", side=side, units="4"))
    assert made.counter.reducing_units() == taken


def test_an_exposure_of_long_and_short_is_its_further_end() -> None:
    made = Made(held={A: "5"})
    made.reserve(line("buy", units="10"), line("sell", side=Side.SELL, units="30"))
    assert made.counter.exposure(A) == (D("5"), D("25"))
    made.do("release", "sell")
    assert made.counter.exposure(A) == (D("5"), D("15"))
    assert made.counter.open_reducing("X:NOBODY", Side.BUY) == 0


def test_amounts_are_exact_outside_of_any_context_or_refused_as_a_range() -> None:
    made = Made(held={A: "100000000000000000000.000000000001"}, values={A: D("1.00000000000000000001")})
    assert made.counter.gross_base == D("100000000000000000001.00000000000100000000000000000001")
    made.do("restore_open", "old", symbol=A, side=Side.BUY, left=D("0.000000000000000000000000000001"))
    with exact_operators():
        assert made.counter.exposure(A)[0] == D("100000000000000000000.000000000001000000000000000001")
    with pytest.raises(InputError, match="NUMBER_RANGE"):
        made.mark(held={A: "1e300"}, values={A: D("1." + "0" * 200 + "1")})


def test_nothing_is_gross_before_anything_was_valued() -> None:
    assert Reservations(limits()).gross_base == 0


def test_one_of_two_symbols_without_a_value_is_enough() -> None:
    made = Made(values={A: D("10")})
    made.reserve(line("one"), line("nothing of it works", B))
    made.do("restore_held", {C: D("1")})
    assert made.ask("one", "1") == ("MAX_LEVERAGE", "value of another symbol missing")


def test_amounts_of_a_restart_and_of_fills_since_the_valuation_are_exact_outside_of_any_context() -> None:
    made = Made(values={A: D("1.00000000000000000001")})
    tiny, large = D("0.000000000000000000000000000001"), D("100000000000000000000")
    for name, left in (("large", large), ("tiny", tiny)):
        made.counter.restore_open(name, symbol=A, side=Side.BUY, left=left)
    with exact_operators():
        assert made.counter.exposure(A)[0] == large + tiny
    made.do("end", "tiny")
    assert made.counter.gross_base == D("100000000000000000001")
    made.do("fill", "large", symbol=A, side=Side.BUY, quantity=D("0.3"))
    made.do("fill", "more", symbol=A, side=Side.BUY, quantity=D("0.0000000000001"))
    assert made.counter.gross_base == D("100000000000000000001.000000000000100000000000000000001")


def test_units_that_come_or_go_by_no_order_of_ours_are_position_and_gross() -> None:
    made = Made(held={A: "5"})
    made.do("moved", A, D("-7"))
    assert (made.counter.exposure(A)[0], made.counter.gross_base) == (D("2"), D("20"))
    made.do("moved", B, D("3"))
    assert (made.counter.exposure(B)[0], made.counter.gross_base) == (D("3"), D("50"))
    made.reserve(line("one", side=Side.SELL, units="9"))
    made.do("moved", A, D("7"))
    assert made.ask("one", "9") == ("", "")  # of 5 held four go short, which raises nothing
