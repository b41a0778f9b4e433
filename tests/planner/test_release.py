"""The releaser: what reduces goes first, what opens follows the fills, and the rest comes back with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from orders.errors import InputError
from orders.plan import Approval, Flips, Plan
from orders.values import AccountKind, OrderKind, Side
from strategies.release import Leftover, ReleaseLine, Releaser
from strategies.release_lines import release_lines
from tests.planner.world import SHA, D, fees, inputs, listing, planned, policy

USD = ("US", "USD")
A, B = "NYSE:AAA", "NYSE:BBB"
DEADLINE = 1_000


def line(line_id: str, side: Side, quantity: str, **changes: Any) -> ReleaseLine:
    values: dict[str, Any] = {
        "pot": USD,
        "multiplier": D("1"),
        "base_currency": None,
        "on_cash": True,
        "reduces": side is Side.SELL,
        "unit_base": D("10"),
        "unit_cost_worst": D("10"),
        "after": None,
    }
    return ReleaseLine(line_id=line_id, side=side, quantity=D(quantity), **(values | changes))


def started(*lines: ReleaseLine, cash: str = "0") -> Releaser:
    return Releaser(lines, cash={USD: D(cash)}, deadline_ns=DEADLINE)


def send(releaser: Releaser) -> list[str]:
    """Send what may go; return it."""
    ids = releaser.releasable()
    for line_id in ids:
        releaser.on_released(line_id)
    return ids


def fill(releaser: Releaser, line_id: str, quantity: str, price: str = "10", fee: str = "0", currency: str = "USD") -> None:
    releaser.on_fill(line_id, quantity=D(quantity), price=D(price), fee=D(fee), fee_currency=currency)


SELL, BUY = Side.SELL, Side.BUY


def test_a_buy_goes_with_the_fill_that_pays_for_it_not_with_the_end_of_the_sells() -> None:
    releaser = started(line("s", SELL, "100"), line("b1", BUY, "40"), line("b2", BUY, "60"))
    assert send(releaser) == ["s"]
    fill(releaser, "s", "39")
    assert send(releaser) == []
    fill(releaser, "s", "1")
    assert send(releaser) == ["b1"]
    fill(releaser, "s", "59")
    assert send(releaser) == []
    fill(releaser, "s", "1")
    assert send(releaser) == ["b2"]


def test_the_fee_of_a_sell_is_missing_from_what_it_pays_for() -> None:
    releaser = started(line("s", SELL, "10"), line("b", BUY, "10"))
    send(releaser)
    fill(releaser, "s", "10", fee="0.01")
    assert send(releaser) == []


def test_a_fee_in_another_currency_is_taken_from_that_currency() -> None:
    releaser = started(line("s", SELL, "10"), line("b", BUY, "10"))
    send(releaser)
    fill(releaser, "s", "10", fee="0.01", currency="BNB")
    assert releaser.cash == {USD: D("100"), ("US", "BNB"): D("-0.01")}
    assert send(releaser) == ["b"]


def test_a_fee_in_the_base_asset_takes_no_cash() -> None:
    releaser = started(line("b", BUY, "10", base_currency="AAA"), cash="100")
    send(releaser)
    fill(releaser, "b", "10", fee="0.01", currency="AAA")
    assert releaser.cash == {USD: D("0")}


def test_what_is_out_counts_at_its_worst_until_it_fills() -> None:
    releaser = started(line("b1", BUY, "10", unit_cost_worst=D("11")), line("b2", BUY, "10", unit_cost_worst=D("11")), cash="215")
    assert send(releaser) == ["b1"]  # 110 of 215 reserved, 105 is less than 110
    fill(releaser, "b1", "4")
    assert send(releaser) == []  # 175 less 66
    fill(releaser, "b1", "1")
    assert send(releaser) == ["b2"]  # 165 less 55


def test_what_ends_unfilled_frees_its_cash() -> None:
    releaser = started(line("b1", BUY, "10"), line("b2", BUY, "10"), cash="100")
    assert send(releaser) == ["b1"]
    fill(releaser, "b1", "3")
    releaser.on_terminal("b1")
    releaser.on_terminal("b1")
    assert send(releaser) == []
    releaser.on_cash(USD, D("30"))
    assert send(releaser) == ["b2"]


def test_a_smaller_buy_goes_past_a_larger_one_that_is_not_covered() -> None:
    releaser = started(line("b1", BUY, "20"), line("b2", BUY, "10"), cash="150")
    assert releaser.releasable() == ["b2"]


def test_cash_of_one_pot_pays_for_nothing_in_another() -> None:
    releaser = Releaser(
        [line("s", SELL, "10"), line("b", BUY, "10", pot=("EU", "EUR"))], cash={("EU", "EUR"): D("99")}, deadline_ns=DEADLINE
    )
    send(releaser)
    fill(releaser, "s", "10")
    assert send(releaser) == []
    releaser.on_cash(("EU", "EUR"), D("1"))
    assert send(releaser) == ["b"]


def test_openings_do_not_run_ahead_of_reductions_where_cash_would_allow_it() -> None:
    """The Sentinel judged the book after both; on margin no new short goes out before the old one is covered."""
    releaser = started(line("s", SELL, "100"), line("b", BUY, "60", on_cash=False), cash="100000")
    assert send(releaser) == ["s"]
    fill(releaser, "s", "99.9")
    assert send(releaser) == []
    fill(releaser, "s", "0.1")
    assert send(releaser) == ["b"]


def test_more_opening_than_reducing_goes_at_once_as_far_as_the_judged_book_allows() -> None:
    releaser = started(line("s", SELL, "10"), line("b1", BUY, "50"), line("b2", BUY, "10"), cash="100000")
    assert send(releaser) == ["s", "b1"]
    fill(releaser, "s", "10")
    assert send(releaser) == ["b2"]


def test_a_reduction_that_ends_unfilled_goes_on_holding_back() -> None:
    releaser = started(line("s", SELL, "10"), line("b", BUY, "10"), cash="100000")
    send(releaser)
    fill(releaser, "s", "4")
    releaser.on_terminal("s")
    assert releaser.releasable() == []
    (left,) = releaser.expire(0)
    assert (left.line_id, left.reason) == ("b", "REDUCTION_UNFILLED")
    assert left.detail == "reducing orders of 60 base currency did not fill"


def test_an_opening_that_ends_unfilled_gives_its_room_to_the_next() -> None:
    releaser = started(
        line("s", SELL, "10"), line("b1", BUY, "10", on_cash=False), line("b2", BUY, "10", on_cash=False), cash="0"
    )
    assert send(releaser) == ["s", "b1"]
    releaser.on_terminal("b1")
    assert send(releaser) == ["b2"]


@pytest.mark.parametrize(
    ("filled", "ends", "released"),
    [("20", False, ["open"]), ("19", False, []), ("19", True, [])],
    ids=["closed in full", "closed in part", "ended in part"],
)
def test_the_opening_leg_of_a_flip_waits_for_the_whole_closing_leg(filled: str, ends: bool, released: list[str]) -> None:
    releaser = started(
        line("close", SELL, "20", on_cash=False),
        line("other", BUY, "90", on_cash=False),
        line("open", SELL, "50", on_cash=False, reduces=False, after="close"),
    )
    assert "close" in send(releaser)
    fill(releaser, "close", filled)
    if ends:
        releaser.on_terminal("close")
    assert [name for name in releaser.releasable() if name == "open"] == released
    if not released:
        assert [left.reason for left in releaser.expire(DEADLINE) if left.line_id == "open"] == ["FLIP_NOT_CLOSED"]


def test_before_the_deadline_nothing_is_given_up_while_something_works() -> None:
    releaser = started(line("s", SELL, "10"), line("b", BUY, "10"))
    send(releaser)
    assert releaser.expire(DEADLINE - 1) == ()
    assert releaser.expire(DEADLINE) == (Leftover(line_id="b", reason="NO_CASH", detail=releaser_words("100", "0")),)
    fill(releaser, "s", "10")
    assert releaser.releasable() == []  # it is the top-up's now
    assert not releaser.done
    releaser.on_terminal("s")
    assert releaser.done


def releaser_words(cost: str, free: str) -> str:
    return f"needs up to {cost} USD at US, {free} is free: {D(cost) - D(free)} missing"


def test_what_can_never_go_is_handed_back_before_the_deadline() -> None:
    releaser = started(line("b", BUY, "10"), cash="99")
    assert [(left.line_id, left.reason) for left in releaser.expire(0)] == [("b", "NO_CASH")]
    assert releaser.done


def test_what_was_not_sent_by_the_deadline_says_so() -> None:
    releaser = started(line("s", SELL, "10"))
    assert releaser.expire(0) == ()
    assert [left.reason for left in releaser.expire(DEADLINE)] == ["NOT_SENT"]
    with pytest.raises(InputError, match="LINE_NOT_WAITING"):
        releaser.on_released("s")


def test_a_late_fill_of_an_ended_order_still_moves_cash_and_room() -> None:
    releaser = started(line("s", SELL, "10"), line("b1", BUY, "10"), line("b2", BUY, "10"), cash="200")
    assert send(releaser) == ["s", "b1"]
    releaser.on_terminal("b1")
    fill(releaser, "b1", "10")
    assert releaser.cash == {USD: D("100")}
    assert send(releaser) == []  # the room is used after all
    fill(releaser, "s", "10")
    assert send(releaser) == ["b2"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("a", SELL, "1"), line("a", BUY, "1")], "RELEASE_INVALID"),
        ([line("a", SELL, "0")], "RELEASE_INVALID"),
        ([line("a", BUY, "1", unit_cost_worst=D("NaN"))], "RELEASE_INVALID"),
        ([line("a", BUY, "1", unit_base=D("-1"))], "RELEASE_INVALID"),
        ([line("b", BUY, "1", after="a"), line("a", SELL, "1")], "RELEASE_INVALID"),
        ([line("a", BUY, "1"), line("b", BUY, "1", after="a")], "RELEASE_INVALID"),
    ],
    ids=["an id twice", "no quantity", "cost not a number", "worth below 0", "waits for a later line", "waits for an opening"],
)
def test_unsound_lines_are_refused(lines: list[ReleaseLine], code: str) -> None:
    with pytest.raises(InputError, match=code):
        started(*lines)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda r: r.on_released("x"), "LINE_UNKNOWN"),
        (lambda r: r.on_terminal("x"), "LINE_UNKNOWN"),
        (lambda r: fill(r, "x", "1"), "LINE_UNKNOWN"),
        (lambda r: fill(r, "b", "0"), "FILL_INVALID"),
        (lambda r: fill(r, "b", "1", "-1"), "FILL_INVALID"),
        (lambda r: fill(r, "b", "NaN"), "FILL_INVALID"),
        (lambda r: (r.on_released("b"), r.on_released("b")), "LINE_NOT_WAITING"),
    ],
)
def test_reports_that_cannot_be_are_refused(call: Any, code: str) -> None:
    with pytest.raises(InputError, match=code):
        call(started(line("b", BUY, "1"), cash="10"))


def approvals_of(made: Plan, *, leave_out: tuple[int, ...] = ()) -> list[Approval]:
    """Stand-ins for what the guard makes, for lines of a plan."""
    result = []
    for row in made.lines:
        if not row.trades or row.line in leave_out:
            continue
        assert row.side is not None
        assert row.venue is not None
        touch = row.ask if row.side is Side.BUY else row.bid
        assert touch is not None
        assert row.unit_value_base is not None
        values: dict[str, Any] = {name: getattr(row, name) for name in ("line", "symbol", "venue", "side", "quantity")}
        result.append(
            made_approval(
                **values,
                client_order_id=f"{row.line:032x}",
                reference_price=touch,
                unit_value_base=row.unit_value_base,
                reduces=row.held_quantity * row.side.sign < 0,
            )
        )
    return result


def made_approval(**values: Any) -> Approval:
    same: dict[str, Any] = {
        "environment": "test",
        "manifest_sha256": SHA,
        "plan_sha256": SHA,
        "cycle": 1,
        "instrument_id": "X.US",
        "order_kind": OrderKind.MARKET,
        "limit_price": None,
        "reduce_only": False,
    }
    return Approval(**(same | values))


def test_lines_to_release_are_made_of_approvals() -> None:
    world = inputs(
        {A: "0", B: "0.5"}, prices={A: ("9", "11"), B: ("9", "11")}, held={A: "5"}, fees={"US": fees("0.1")},
        symbol_limits={B: {"multiplier": D("2")}},
    )  # fmt: skip
    made = planned(world)
    sell, buy = release_lines(
        approvals_of(made),
        plan=made,
        listings=world.listings,
        limits=world.limits,
        accounts=world.accounts,
        fees=world.fees,
        drift_fraction=D("0.5"),
    )
    assert (sell.reduces, buy.reduces, sell.pot, sell.on_cash) == (True, False, USD, True)
    assert buy.unit_cost_worst == D("36.3")  # 11 x 1.5 x 2 x 1.1
    assert (sell.unit_base, buy.unit_base) == (D("9"), D("22"))


def test_a_fee_in_the_base_asset_is_not_in_the_worst_cost() -> None:
    world = inputs(
        {B: "0.5"},
        prices={B: ("9", "11")},
        fees={"US": fees("0.1", base_on_buys=True)},
        listings={B: listing(B, base="BBB")},
    )
    made = planned(world)
    (buy,) = release_lines(
        approvals_of(made),
        plan=made,
        listings=world.listings,
        limits=world.limits,
        accounts=world.accounts,
        fees=world.fees,
        drift_fraction=D("0"),
    )
    assert buy.unit_cost_worst == D("11")


@pytest.mark.parametrize(("leave_out", "afters"), [((), [None, "close"]), ((1,), [])], ids=["both", "the close was denied"])
def test_a_flip_is_released_in_two_or_not_at_all(leave_out: tuple[int, ...], afters: list[str | None]) -> None:
    world = inputs(
        {A: "-0.5"},
        prices={A: ("10", "10")},
        held={A: "20"},
        account=AccountKind.MARGIN,
        policy=policy(flips=Flips.SAME_PLAN),
    )
    made = planned(world)
    lines = release_lines(
        approvals_of(made, leave_out=leave_out),
        plan=made,
        listings=world.listings,
        limits=world.limits,
        accounts=world.accounts,
        fees=world.fees,
        drift_fraction=D("0"),
    )
    named = {f"{1:032x}": "close"}
    assert [named.get(row.after) if row.after else None for row in lines] == afters


def test_a_negative_drift_is_refused() -> None:
    world = inputs({A: "0.5"}, prices={A: ("10", "10")})
    with pytest.raises(InputError, match="RELEASE_INVALID"):
        release_lines(
            [],
            plan=planned(world),
            listings=world.listings,
            limits=world.limits,
            accounts=world.accounts,
            fees=world.fees,
            drift_fraction=D("-0.1"),
        )
