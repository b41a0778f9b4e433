"""What the gate's state says of one order where the book has moved since the plan, and what plan lines are told of the counts."""

from __future__ import annotations

from typing import Any

import pytest

from orders.exact import exact_operators
from orders.plan import Approval, Outcome, Verdict
from orders.values import OrderKind, Quote, Side
from sentinel.fill_drift import FillDrift
from sentinel.loss import Baseline
from sentinel.order_check import OrderFacts
from sentinel.repeats import Repeats
from sentinel.running_controls import fill_drift, loss_limit, message_limit
from sentinel.running_state import RunningState
from sentinel.self_match import OwnOrders
from sentinel.standing import Reference
from tests.planner.world import NOW, D, quote
from tests.sentinel.cases import BUY, SELL, changed, judged, limits, made_plan, standing

SELLS, BUYS = judged().approvals
SELLING, BUYING = made_plan().lines  # sells 20 of 40 at 10, buys 40 at 10
COVERS = changed(SELLS, client_order_id="c" * 32, side=Side.BUY, quantity=D("20"))
DENY, ALLOW = Outcome.DENY, Outcome.ALLOW
LOST = Baseline(day=0, day_start_base=D("2000"), peak_base=D("2000"), equity_base=D("1000"))


class Made:
    """Nothing is valued, and everything was lost: only what reduces passes."""

    def __init__(self, held: str, *, open_units: str = "0", approval: Approval = SELLS, lost: bool = True) -> None:
        self.state = RunningState(limits(), positions={SELL: D(held)})
        self.state.hold_against(LOST if lost else changed(LOST, equity_base=D("2000")))
        self.approval = approval
        with exact_operators():
            self.state.reservations.restore_held({SELL: D("1000") * -approval.side.sign})  # its own limits are another matter
            self.state.approve([approval], automatic=False, market_ns=NOW)
            if D(open_units):
                self.state.reservations.restore_open("old", symbol=SELL, side=approval.side, left=D(open_units))

    def ask(self, units: str, *, seen: Quote | None = None, limit: str | None = None) -> dict[str, Verdict]:
        with exact_operators():
            verdicts = self.state.ask(
                self.approval, quantity=D(units), limit_price=None if limit is None else D(limit),
                quote=quote(SELL, "10") if seen is None else seen, now_ns=NOW, market_ns=NOW,
            )  # fmt: skip
        return {one.control: one for one in verdicts}

    def denied(self, units: str, **asked: Any) -> list[str]:
        return [name for name, one in self.ask(units, **asked).items() if one.outcome is DENY]


@pytest.mark.parametrize(
    ("approval", "held", "open_units", "units", "passes"),
    [
        (SELLS, "20", "0", "20", True), (SELLS, "19.9", "0", "20", False), (SELLS, "20", "5", "15", True),
        (SELLS, "20", "5", "15.1", False), (SELLS, "0.5", "0", "0.5", True), (SELLS, "0", "0", "1", False),
        (SELLS, "-20", "0", "1", False), (SELLS, "NaN", "0", "1", False), (SELLS, "Infinity", "0", "1", False),
        (COVERS, "-20", "0", "20", True), (COVERS, "-19.9", "0", "20", False), (COVERS, "-20", "5", "15", True),
        (COVERS, "-20", "5", "15.1", False), (COVERS, "0", "0", "1", False), (COVERS, "20", "0", "1", False),
    ],
)  # fmt: skip
def test_while_close_only_an_order_passes_that_still_reduces_and_no_other(
    approval: Approval, held: str, open_units: str, units: str, passes: bool
) -> None:
    made = Made(held, open_units=open_units, approval=approval)
    assert ("LOSS_LIMIT" in made.denied(units)) is not passes
    not_of_a_reducing_line = Made(held, open_units=open_units, approval=changed(approval, reduces=False))
    assert "LOSS_LIMIT" in not_of_a_reducing_line.denied(units)


@pytest.mark.parametrize(
    ("side", "held", "open_units", "units", "seen"),
    [
        (Side.SELL, "20", "0", "20", ""), (Side.SELL, "19", "0", "20", "19 (position 19, open reductions 0)"),
        (Side.SELL, "20", "5", "15", ""), (Side.SELL, "20", "5", "16", "15 (position 20, open reductions 5)"),
        (Side.SELL, "0", "0", "1", "0 (position 0, open reductions 0)"), (Side.SELL, "0.5", "0", "0.5", ""),
        (Side.SELL, "-9", "0", "1", "0 (position -9, open reductions 0)"),
        (Side.SELL, "4", "5", "1", "0 (position 4, open reductions 5)"),
        (Side.BUY, "-20", "0", "20", ""), (Side.BUY, "-19", "0", "20", "19 (position -19, open reductions 0)"),
        (Side.BUY, "0", "0", "1", "0 (position 0, open reductions 0)"), (Side.BUY, "-0.5", "0", "0.5", ""),
        (Side.BUY, "9", "0", "1", "0 (position 9, open reductions 0)"),
        (Side.BUY, "0.5", "0", "0.5", "0 (position 0.5, open reductions 0)"),
        (Side.SELL, "-0.5", "0", "0.5", "0 (position -0.5, open reductions 0)"),
        (Side.SELL, "NaN", "0", "1", "|position| less open reductions"),
    ],
)  # fmt: skip
def test_reduce_only_is_held_to_the_position_of_now(side: Side, held: str, open_units: str, units: str, seen: str) -> None:
    approval = changed(SELLS if side is Side.SELL else COVERS, reduce_only=True, reduces=False)
    verdict = Made(held, open_units=open_units, approval=approval, lost=False).ask(units)["REDUCE_ONLY"]
    assert (verdict.outcome, verdict.limit if seen else "") == (DENY if seen else ALLOW, seen)


@pytest.mark.parametrize(
    ("fill", "seen", "limit", "observed"),
    [
        ("10", quote(SELL, "9", "11"), None, ""), ("10", quote(SELL, "8.9", "11"), None, "0.11 (8.9 against 10)"),
        ("10", quote(SELL, "1", "2"), "10", ""), ("10", quote(SELL, "10"), "8.9", "0.11 (8.9 against 10)"),
        ("0.5", quote(SELL, "0.5"), None, ""), ("10", quote(SELL, "NaN"), None, "price NaN against own fill 10"),
        ("10", quote(SELL, "10"), "Infinity", "price Infinity against own fill 10"),
        ("0", quote(SELL, "10"), None, "price 10 against own fill 0"),
        ("-1", quote(SELL, "10"), None, "price 10 against own fill -1"),
        ("NaN", quote(SELL, "10"), None, "price 10 against own fill NaN"),
    ],
)  # fmt: skip
def test_a_price_is_held_against_our_oldest_fill(fill: str, seen: Quote, limit: str | None, observed: str) -> None:
    made = Made("0", approval=changed(SELLS, reduces=False), lost=False)
    made.state.drift.fill(SELL, D(fill), NOW)
    verdict = made.ask("1", seen=seen, limit=limit)["FILL_DRIFT"]
    assert (verdict.outcome, verdict.observed) == ((DENY, observed) if observed else (ALLOW, "within"))


def test_a_wide_spread_is_said_and_lets_a_reduction_pass() -> None:
    wide = quote(SELL, "1", "10")
    assert "MARKET_SANITY" not in Made("20").denied("20", seen=wide)
    assert "MARKET_SANITY" in Made("19").denied("20", seen=wide)


def test_automatic_lines_are_parents_and_an_operator_s_are_not() -> None:
    for automatic in (True, False):
        state = RunningState(limits(), positions={})
        state.approve(iter([SELLS, BUYS]), automatic=automatic, market_ns=NOW)
        assert state.repeats.within([SELL, BUY], NOW) == dict.fromkeys([SELL, BUY], int(automatic))
        assert state.reservations.at_work


def test_an_order_that_passed_draws_on_its_line_and_is_a_message() -> None:
    state = RunningState(limits(messages_per_s_max=1), positions={})
    with exact_operators():
        state.approve([BUYS], automatic=False, market_ns=NOW)
        state.passed(BUYS, "child", D("40"), now_ns=NOW)
    assert state.reservations.exposure(BUY) == (D("40"), D("40"))
    assert state.rates.left_now("US", NOW) == 0


def test_the_loss_that_closes_is_the_one_that_is_told() -> None:
    state = RunningState(limits(), positions={})
    assert state.loss_words == ("missing equity", "a baseline")
    state.hold_against(Baseline(day=0, day_start_base=D("1000"), peak_base=D("2000"), equity_base=D("1000")))
    assert state.loss_words == ("drawdown 0.5", "drawdown 0.2 of the peak")
    state.hold_against(Baseline(day=0, day_start_base=D("1000"), peak_base=D("1000"), equity_base=D("1000")))
    assert state.loss_words == ("loss of the day 0", "loss of the day 0.1 of its start")


# plan lines


def test_an_own_fill_is_told_apart_up_and_down_and_lets_a_reduction_pass() -> None:
    def said(price: str, line: Any = BUYING) -> list[str]:
        known = standing(own_fills={line.symbol: Reference(price=D(price), ts_ns=NOW)})
        with exact_operators():
            return [one.observed for one in fill_drift([line], standing=known, limits=limits())]

    assert said("8") == [f"0.25 ({BUY}: 10 against 8)"]
    assert said("16") == [f"0.375 ({BUY}: 10 against 16)"]
    assert said("16", SELLING) == ["within"]
    assert said("0.5", changed(BUYING, ask=D("0.5"))) == ["within"]


def test_messages_are_taken_venue_by_venue_in_the_order_of_the_plan() -> None:
    lines = [SELLING, BUYING, changed(BUYING, line=3, venue="EU"), changed(BUYING, line=4, venue=None)]
    found = message_limit(lines, standing=standing(messages_left={"US": 1, "EU": 1, "": 9, "None": 9}), limits=limits())
    assert [(one.line, one.observed) for one in found] == [
        (BUYING.line, "1 left of the day at US"), (4, f"{BUY}: messages of None not known")
    ]  # fmt: skip


@pytest.mark.parametrize("known", [None, LOST], ids=["nothing known", "lost"])
def test_a_plan_without_lines_is_told_of_a_loss_and_not_denied(known: Baseline | None) -> None:
    both = loss_limit([], standing=standing(baseline=known), limits=limits())
    assert [(one.control, one.outcome, one.line) for one in both] == [("LOSS_LIMIT", ALLOW, 0)] * 2
    assert {"only" in one.observed for one in both} == {False}
    (one,) = loss_limit([SELLING], standing=standing(baseline=LOST), limits=limits())
    assert (one.outcome, one.observed) == (ALLOW, "loss of the day 0.5; only reducing orders")
    (one,) = loss_limit([SELLING, BUYING], standing=standing(baseline=LOST), limits=limits())
    assert (one.outcome, one.line, one.observed) == (DENY, BUYING.line, f"loss of the day 0.5; {BUY} would open or add")


# what is counted


@pytest.mark.parametrize("kind", ["fills", "parents"])
def test_what_is_older_than_its_window_goes_first_and_alone(kind: str) -> None:
    if kind == "fills":
        drift = FillDrift(window_ns=100)
        for instant, price in ((0, "1"), (50, "2"), (120, "3")):
            drift.fill(BUY, D(price), instant)
        assert [drift.oldest(BUY, now) for now in (120, 150, 151, 220, 221)] == [(50, 2), (50, 2), (120, 3), (120, 3), None]
        assert (drift.oldest(BUY, 0), drift.oldest(SELL, 0)) == (None, None)
        return
    repeats = Repeats(window_ns=100)
    for instant in (0, 50, 120):
        repeats.count(BUY, instant)
    assert [repeats.within([BUY, SELL], now) for now in (120, 151, 221)] == [{BUY: n, SELL: 0} for n in (2, 1, 0)]


def test_a_disabled_symbol_stays_so_until_a_person_enables_it_and_then_counts_anew() -> None:
    repeats = Repeats(window_ns=100)
    repeats.count(BUY, 0)
    repeats.disable(BUY)
    assert repeats.disabled == {BUY}
    repeats.enable(BUY)
    repeats.enable(SELL)
    assert (repeats.disabled, repeats.within([BUY], 0)) == (set(), {BUY: 0})


def resting(name: str, side: Side, price: str | None, units: str = "5") -> OrderFacts:
    return OrderFacts(
        client_order_id=name, instrument_id="X", side=side, quantity=D(units), order_kind=OrderKind.LIMIT,
        limit_price=None if price is None else D(price), reduce_only=False,
    )  # fmt: skip


def test_an_own_order_rests_until_all_of_it_has_filled() -> None:
    own = OwnOrders()
    own.passed(resting("one", Side.SELL, "10"), left=D("5"))
    own.filled("one", D("4.9"))
    own.filled("a stranger", D("9"))
    (verdict,) = own.ask(resting("two", Side.BUY, "10"))
    assert (verdict.outcome, verdict.observed) == (DENY, "BUY at 10 against our one at 10")
    own.filled("one", D("0.1"))
    assert own.ask(resting("two", Side.BUY, "10"))[0].outcome is ALLOW
    own.filled("one", D("0.1"))
    own.ended("one")
    own.passed(resting("one", Side.SELL, "10"), left=D("2"))
    assert own.ask(resting("two", Side.BUY, None))[0].observed == "BUY at any price against our one at 10"


def test_the_nearest_own_order_is_the_one_that_is_met() -> None:
    own = OwnOrders()
    for name, price in (("far", "12"), ("near", "11"), ("off", "13")):
        own.passed(resting(name, Side.SELL, price), left=D("1"))
    assert own.ask(resting("x", Side.BUY, "12"))[0].observed == "BUY at 12 against our near at 11"
    assert own.ask(resting("x", Side.BUY, "10.99"))[0].outcome is ALLOW
    for name, price in (("low", "5"), ("high", "7"), ("mid", "6")):
        own.passed(resting(name, Side.BUY, price), left=D("1"))
    assert own.ask(resting("x", Side.SELL, "6"))[0].observed == "SELL at 6 against our high at 7"
    assert own.ask(resting("x", Side.SELL, "7.01"))[0].outcome is ALLOW
