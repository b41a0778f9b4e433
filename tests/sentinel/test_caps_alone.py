"""The caps asked directly: every line is kept so that other controls see it, each is judged, and what passes is counted."""

from __future__ import annotations

from typing import Any

import pytest

from orders.exact import exact_operators
from orders.plan import Outcome, PlanLine
from orders.values import AverageVolume, OrderKind, Side
from sentinel.line_caps import max_order_volume, reduce_only, second_legs, volume_fault
from sentinel.loss import Baseline
from tests.planner.world import NOW, D
from tests.planner.world import limits as market_limits
from tests.sentinel.cases import changed, limits, made_plan, standing

_, BUYING = made_plan().lines
A, B, C = "NYSE:A", "NYSE:B", "NYSE:C"
FLOORS = {name: market_limits(name) for name in (A, B, C)}
LOST = Baseline(day=0, day_start_base=D("2000"), peak_base=D("2000"), equity_base=D("1000"))
ALLOW, DENY, RESIZE = Outcome.ALLOW, Outcome.DENY, Outcome.RESIZE


def line(number: int, symbol: str, units: str, held: str = "0", **changes: Any) -> PlanLine:
    known = {"line": number, "symbol": symbol, "quantity": D(units), "held_quantity": D(held)}
    return changed(BUYING, **(known | changes))


def selling(number: int, symbol: str, units: str, held: str, **changes: Any) -> PlanLine:
    return line(number, symbol, units, held, **({"side": Side.SELL, "reduce_only": True} | changes))


def reduced(*lines: PlanLine, **counted: Any) -> tuple[list[str], list[tuple[Outcome, int, str]]]:
    with exact_operators():
        kept, verdicts = reduce_only(lines, standing=standing(**({"market_limits": FLOORS} | counted)), limits=limits())
    assert {one.control for one in verdicts} == {"REDUCE_ONLY"}
    return [str(one.quantity) for one in kept], [(one.outcome, one.line, one.observed) for one in verdicts]


def test_reducing_lines_that_fit_are_counted() -> None:
    assert reduced(line(1, A, "9")) == (["9"], [(ALLOW, 0, "0 reducing lines within")])
    assert reduced(selling(1, A, "9", "9"), line(2, B, "5"), selling(3, C, "1", "2")) == (
        ["9", "5", "1"], [(ALLOW, 0, "2 reducing lines within")]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("units", "held", "pending"),
    [("NaN", "5", "0"), ("Infinity", "5", "0"), ("1", "NaN", "0"), ("1", "5", "NaN"), ("1", "5", "Infinity"), ("1", "5", "-1")],
)
def test_a_line_that_cannot_be_judged_is_denied_kept_and_the_next_is_judged(units: str, held: str, pending: str) -> None:
    kept, verdicts = reduced(selling(1, A, units, held), selling(2, B, "3", "2"), reducing_units={A: D(pending)})
    assert kept == [units, "2"]
    assert verdicts == [
        (DENY, 1, f"{A}: position {held}, pending {pending}, quantity {units}"), (RESIZE, 2, f"3 -> 2 ({B})")
    ]  # fmt: skip


def test_a_line_that_does_not_reduce_ends_nothing() -> None:
    assert reduced(line(1, A, "9"), selling(2, B, "3", "2"))[1] == [(RESIZE, 2, f"3 -> 2 ({B})")]


@pytest.mark.parametrize(
    ("units", "held", "pending", "kept"),
    [
        ("4", "-10", "0", "4"),
        ("10", "-10", "0", "10"),
        ("11", "-10", "0", "10"),
        ("11", "-10", "4", "6"),
        ("1", "-10", "0.5", "1"),
    ],
)
def test_a_short_is_bought_back_as_far_as_it_goes(units: str, held: str, pending: str, kept: str) -> None:
    assert reduced(line(1, A, units, held, reduce_only=True), reducing_units={A: D(pending)})[0] == [kept]


@pytest.mark.parametrize(("held", "side"), [("0", Side.SELL), ("5", Side.BUY), ("-5", Side.SELL)])
def test_what_goes_the_wrong_way_has_no_room(held: str, side: Side) -> None:
    assert reduced(selling(1, A, "1", held, side=side))[1] == [(DENY, 1, f"1 ({A}); what fits is below a floor")]


def test_while_close_only_every_line_toward_zero_is_capped_and_no_other_is_asked() -> None:
    lines = (selling(1, A, "7", "5", reduce_only=False), line(2, B, "7", "-5"), line(3, C, "7", "5"))
    assert reduced(*lines)[1] == [(ALLOW, 0, "0 reducing lines within")]
    assert reduced(*lines, baseline=LOST) == (["5", "5", "7"], [(RESIZE, 1, f"7 -> 5 ({A})"), (RESIZE, 2, f"7 -> 5 ({B})")])
    assert reduced(*lines, baseline=None)[0] == ["5", "5", "7"]


def volume(units: str, **changes: Any) -> AverageVolume:
    return AverageVolume(**({"units_per_day": D(units), "days": 20, "as_of_ns": NOW - 9, "valid_until_ns": NOW + 9} | changes))


def capped(*lines: PlanLine, share: str | None = None, most: str = "1000", **counted: Any) -> tuple[list[str], list[Any]]:
    lim = limits(max_order_units=D(most), adv_fraction_max=None if share is None else D(share))
    with exact_operators():
        kept, verdicts = max_order_volume(lines, standing=standing(**({"market_limits": FLOORS} | counted)), limits=lim)
    assert {one.control for one in verdicts} == {"MAX_ORDER_VOLUME"}
    return [str(one.quantity) for one in kept], [(one.outcome, one.line, one.observed) for one in verdicts]


THREE = (line(1, A, "10"), line(2, B, "30"), line(3, C, "20"))


@pytest.mark.parametrize("share", [None, "0.1"])
@pytest.mark.parametrize("lines", [THREE, tuple(reversed(THREE)), (THREE[1], line(1, A, "30"))])
def test_the_largest_order_that_fits_is_told(share: str | None, lines: tuple[PlanLine, ...]) -> None:
    known = {"volumes": {name: volume("300") for name in (A, B, C)}}
    assert capped(*lines, share=share, **known) == ([str(one.quantity) for one in lines], [(ALLOW, 0, f"30 units ({B})")])


def test_no_order_is_told_as_none() -> None:
    assert capped() == ([], [(ALLOW, 0, "no orders")])


@pytest.mark.parametrize("units", ["0", "-1", "NaN", "Infinity", "30.001"])
def test_a_quantity_that_is_none_or_too_much_is_denied_kept_and_the_next_is_judged(units: str) -> None:
    kept, verdicts = capped(line(1, A, units), line(2, B, "31"), THREE[2], most="30")
    assert kept == [units, "31", "20"]
    assert verdicts == [(DENY, 1, f"{units} units ({A})"), (DENY, 2, f"31 units ({B})")]


def test_a_fraction_of_a_unit_may_be_ordered_and_the_cap_itself() -> None:
    assert capped(line(1, A, "0.5"), line(2, B, "30"), most="30")[1] == [(ALLOW, 0, f"30 units ({B})")]


def test_a_volume_that_is_not_known_denies_its_line_and_no_other() -> None:
    kept, verdicts = capped(*THREE, share="0.1", volumes={B: volume("100"), C: volume("0")})
    assert kept == ["10", "10", "20"]
    assert verdicts == [(DENY, 1, f"{A}: volume not known"), (RESIZE, 2, f"30 -> 10 ({B})"), (DENY, 3, f"{C}: volume 0")]


@pytest.mark.parametrize(
    ("known", "fault"),
    [
        (None, "volume not known"), (volume("0"), "volume 0"), (volume("-1"), "volume -1"), (volume("NaN"), "volume NaN"),
        (volume("Infinity"), "volume Infinity"), (volume("0.5"), ""), (volume("1", as_of_ns=NOW, valid_until_ns=NOW), ""),
        (volume("1", as_of_ns=NOW + 1), f"volume of {NOW + 1} to {NOW + 9} ns, now {NOW}"),
        (volume("1", valid_until_ns=NOW - 1), f"volume of {NOW - 9} to {NOW - 1} ns, now {NOW}"),
    ],
)  # fmt: skip
def test_a_volume_holds_at_both_ends_of_its_dates(known: AverageVolume | None, fault: str) -> None:
    assert volume_fault(known, market_ns=NOW) == fault


NO_LIMIT_PRICE = {"order_kind": OrderKind.LIMIT, "limit_price": None}


@pytest.mark.parametrize(
    ("floors", "changes"),
    [
        ({}, {}), (FLOORS, {"ask": None}), (FLOORS, NO_LIMIT_PRICE), ({A: market_limits(A, min_quantity=D("11"))}, {}),
        ({A: market_limits(A, min_notional=D("101"))}, {}), ({A: market_limits(A, step_size=D("0"))}, {}),
    ],
    ids=["no floors known", "no price", "no limit price", "least quantity", "least notional", "floors that are none"],
)  # fmt: skip
def test_what_cannot_be_made_smaller_is_denied_and_kept(floors: Any, changes: dict[str, Any]) -> None:
    kept, verdicts = capped(line(1, A, "30", **changes), share="0.1", volumes={A: volume("100")}, market_limits=floors)
    assert (kept, verdicts) == (["30"], [(DENY, 1, f"30 ({A}); what fits is below a floor")])


def test_without_what_was_counted_each_line_is_denied_and_none_is_no_fault() -> None:
    for cap in (reduce_only, max_order_volume):
        kept, verdicts = cap(THREE[:2], standing=None, limits=limits())
        assert (kept, [(one.outcome, one.line) for one in verdicts]) == (THREE[:2], [(DENY, 1), (DENY, 2)])
        (none,) = cap((), standing=None, limits=limits())[1]
        assert (none.outcome, none.line, none.observed) == (ALLOW, 0, "no orders")


@pytest.mark.parametrize(
    ("left", "denied"),
    [
        ((selling(1, A, "5", "5"), line(2, A, "3", after_line=1)), []),
        ((selling(1, A, "4", "5"), line(2, A, "3", after_line=1)), [2]),
        ((line(2, A, "3", after_line=1),), [2]),
        ((line(3, B, "3"), line(2, A, "3", after_line=1)), [2]),
        ((selling(1, A, "4", "5"), line(3, B, "3")), []),
        ((line(2, A, "3", after_line=9),), [2]),
    ],
    ids=["whole", "made smaller", "denied", "denied, beside another", "no second leg", "after a line nobody planned"],
)
def test_a_second_leg_waits_for_a_whole_first_one(left: tuple[PlanLine, ...], denied: list[int]) -> None:
    trading = (selling(1, A, "5", "5"), line(2, A, "3", after_line=1), line(3, B, "3"))
    verdicts = second_legs(left, trading=trading)
    assert [(one.control, one.outcome, one.line) for one in verdicts] == [("REDUCE_ONLY", DENY, number) for number in denied]
