"""The cap at the gate: it is lowered under approved, resting and passed orders, never raised, and nothing gets above it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orders.capital import Capital
from orders.exact import exact_operators
from orders.plan import Approval, Outcome
from orders.values import Side
from sentinel.running_state import RunningState
from tests.planner.world import NOW, D, quote
from tests.sentinel.cases import BUY, SELL, changed, judged, limits, standing
from tests.sentinel.gate_stand import Stand, order_of

WIDE = {"max_leverage": D(1), "max_asset_exposure": D(1), "max_order_value_base": D(1000)}
SELL_APPROVAL, BUY_APPROVAL = judged(f={"standing": standing(capital=Capital(fraction=D(1)))}).approvals


def stand(fraction: str | None, *, paused: str = "", approved: str | None = "1") -> Stand:
    """A gate of a governed run, with what was approved at a fraction: sells 20 of 40 SELL, buys 40 BUY, at 10 of equity 1000."""
    at = None if approved is None else D(approved)
    made = Stand(lim=WIDE, approvals=(SELL_APPROVAL, changed(BUY_APPROVAL, capital_fraction=at)))
    made.running.hold_to(Capital(fraction=None if fraction is None else D(fraction), paused=paused))
    return made


@pytest.mark.parametrize(
    ("fraction", "approved", "paused", "code"),
    [
        ("1", "1", "", ""),
        ("0.9", "0.9", "", ""),
        ("0.9", "0.5", "", ""),
        ("0.5", "0.5", "", "MAX_LEVERAGE"),
        ("0.8", "0.8", "", ""),
        ("0.799999", "0.799999", "", "MAX_LEVERAGE"),
        ("0.39", "0.39", "", "MAX_ORDER_VALUE"),
        ("0.9", "0.9000000001", "", "CAPITAL_FRACTION"),
        ("0.9", None, "", "CAPITAL_FRACTION"),
        ("0.9", "NaN", "", "CONTROL_FAILED"),
        ("1", "1", "paused", "CAPITAL_FRACTION"),
        (None, "1", "", "MAX_ORDER_VALUE"),
        ("NaN", "1", "", "MAX_ORDER_VALUE"),
        ("0", "0", "", "MAX_ORDER_VALUE"),
        ("1.1", "1", "", "MAX_ORDER_VALUE"),
    ],
    ids=[
        "whole", "as approved", "approved at less", "gross 800 of 500", "gross at the cap", "gross a shade above", "value above",
        "approved at a shade more", "approved at none", "approved at no number", "paused", "missing", "no number", "zero",
        "above one",
    ],
)  # fmt: skip
def test_an_opening_order_is_held_to_the_fraction_of_now(fraction, approved, paused, code) -> None:
    made = stand(fraction, paused=paused, approved=approved)
    assert made.send(changed(BUY_APPROVAL, capital_fraction=None))[0] == code
    assert made.send(SELL_APPROVAL) == ("HALT" if code == "CONTROL_FAILED" else "", False)


def test_the_verdict_names_what_was_approved_and_what_holds_now() -> None:
    made = stand("1")
    made.running.hold_to(Capital(fraction=D("0.9"), standing="canary, step 2"))
    made.send(BUY_APPROVAL)
    assert made.last is not None
    (told,) = [one for one in made.last.verdicts if one.control == "CAPITAL_FRACTION"]
    assert (told.outcome, told.observed, told.limit) == (
        Outcome.DENY, "approved at 1 of equity", "0.9 of equity (canary, step 2)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fraction", "seen"),
    [(None, "capital fraction missing"), ("2", "capital fraction 2, not above 0 and at most 1")],
)
def test_a_fraction_that_is_none_is_told_beside_the_limits_that_nothing_fits(fraction: str | None, seen: str) -> None:
    made = stand(fraction)
    made.send(BUY_APPROVAL)
    assert made.last is not None
    (told,) = [one for one in made.last.verdicts if one.control == "CAPITAL_FRACTION"]
    assert (told.outcome, told.observed, told.limit) == (Outcome.DENY, seen, "only reducing orders")


def test_a_fraction_is_lowered_and_never_raised() -> None:
    made = stand("0.25")
    made.running.hold_to(Capital(fraction=D("1")))
    assert made.running.capital == Capital(fraction=D("0.25"))
    made.running.hold_to(Capital(fraction=D("1"), paused="halted"))
    made.running.hold_to(Capital(fraction=D("0.25")))
    assert made.running.capital == Capital(fraction=D("0.25"), paused="halted")


@pytest.mark.parametrize("paused", ["", "by a person"], ids=["lower", "paused"])
def test_what_persons_give_is_used_as_it_is_and_what_was_void_before_stays_void(paused: str) -> None:
    made = stand("1")
    assert made.send(BUY_APPROVAL) == ("", False)
    opening = order_of(BUY_APPROVAL, BUY_APPROVAL.client_order_id)
    made.running.hold_to(Capital(fraction=D("1") if paused else D("0.25"), paused=paused))
    given = Capital(fraction=D("1"), standing="live")
    made.running.raise_to(given)
    assert (made.running.capital, made.running.limits) == (given, stand("1").running.limits)
    assert made.gate.refusal(opening) == "CAPITAL_FRACTION"
    with exact_operators():
        made.running.ended(BUY_APPROVAL.client_order_id)
    assert not made.running.voids(BUY_APPROVAL.client_order_id)


def test_an_order_that_held_before_a_raise_holds_after_it_and_its_limits_are_the_higher_ones() -> None:
    made = stand("0.9", approved="0.9")
    assert made.send(changed(BUY_APPROVAL, capital_fraction=D("0.9"))) == ("", False)
    made.running.raise_to(Capital(fraction=D("1")))
    assert not made.running.voids(BUY_APPROVAL.client_order_id)
    assert made.running.limits == stand("1").running.limits
    assert made.running.reservations.passed == stand("1").running.reservations.passed


@pytest.mark.parametrize("goes", ["undo", "ended"])
def test_an_order_of_an_id_that_was_void_once_and_went_is_not_void_by_that(goes: str) -> None:
    made = stand("1")
    made.send(BUY_APPROVAL)
    made.running.hold_to(Capital(fraction=D("0.25")))
    made.running.raise_to(Capital(fraction=D("1")))
    with exact_operators():
        getattr(made.running, goes)(BUY_APPROVAL.client_order_id)
        made.running.reservations.reserve([BUY_APPROVAL])
    made.running.passed(BUY_APPROVAL, BUY_APPROVAL.client_order_id, BUY_APPROVAL.quantity, now_ns=0)
    assert not made.running.voids(BUY_APPROVAL.client_order_id)


@pytest.mark.parametrize(("lower", "refused"), [("0.9", "CAPITAL_FRACTION"), ("1", "")])
def test_an_opening_order_that_passed_and_was_not_sent_is_void_at_a_lower_fraction(lower: str, refused: str) -> None:
    made = stand("1")
    assert made.send(BUY_APPROVAL) == ("", False)
    assert made.send(SELL_APPROVAL) == ("", False)
    made.running.hold_to(Capital(fraction=D(lower)))
    opening, reducing = (order_of(one, one.client_order_id) for one in (BUY_APPROVAL, SELL_APPROVAL))
    assert (made.gate.refusal(opening), made.gate.refusal(reducing)) == (refused, "")
    made.running.hold_to(Capital(fraction=D(lower), paused="by a person"))
    assert (made.gate.refusal(opening), made.gate.refusal(reducing)) == ("CAPITAL_FRACTION", "")
    with exact_operators():
        made.running.ended(BUY_APPROVAL.client_order_id)
    assert not made.running.voids(BUY_APPROVAL.client_order_id)


def test_what_ends_or_is_not_sent_after_all_gives_its_reservation_back_and_is_void_no_more() -> None:
    """The line has its units back, and the order counts neither as open nor as one that must not be sent."""
    for over in (RunningState.ended, RunningState.undo):
        made = stand("1")
        assert made.send(BUY_APPROVAL) == ("", False)
        assert made.running.reservations.exposure(BUY) == (40, 40)
        with exact_operators():
            over(made.running, BUY_APPROVAL.client_order_id)
        made.running.hold_to(Capital(fraction=D("0.5")))
        assert made.running.reservations.exposure(BUY)[0] == 0
        assert not made.running.voids(BUY_APPROVAL.client_order_id)


def test_a_run_that_nothing_governs_voids_nothing() -> None:
    made = Stand(lim=WIDE, approvals=(BUY_APPROVAL,))
    assert made.send(BUY_APPROVAL) == ("", False)
    assert not made.running.voids(BUY_APPROVAL.client_order_id)


def test_a_gate_that_nothing_governs_says_nothing_of_a_fraction() -> None:
    made = Stand(lim=WIDE)
    made.send(BUY_APPROVAL)
    assert made.last is not None
    assert "CAPITAL_FRACTION" not in {one.control for one in made.last.verdicts}


EQUITY, STEPS = D(1000), ("1", "0.25", "0.05", "0.01")
UNITS = st.integers(1, 60).map(Decimal)


class Ramping(RuleBasedStateMachine):
    """Whatever is approved, sent, filled, ended and stepped down: gross at its worst does not get above the cap but by prices."""

    @initialize()
    def begin(self) -> None:
        self.positions: dict[str, Decimal] = {BUY: D(0), SELL: D(0)}
        self.running = RunningState(limits(**WIDE, max_leverage_net=D(1)), positions=self.positions)
        self.running.hold_to(Capital(fraction=D(1)))
        self.step = 0
        self.price = D(10)
        self.known: dict[str, Approval] = {}
        self.open: dict[str, tuple[Approval, Decimal]] = {}
        self.number = 0
        self.ceiling = D(0)
        self.observe()

    @property
    def cap(self) -> Decimal:
        return EQUITY * D(STEPS[self.step])

    def observe(self) -> None:
        values = dict.fromkeys((BUY, SELL), self.price)
        with exact_operators():
            self.running.observe(
                equity_base=EQUITY, positions=self.positions, values=values, now_ns=NOW, market_ns=NOW
            )  # fmt: skip

    @rule(symbol=st.sampled_from((BUY, SELL)), side=st.sampled_from(Side), units=UNITS, back=st.integers(0, 3))
    def approve(self, symbol: str, side: Side, units: Decimal, back: int) -> None:
        """At the fraction of now, or of a step before: a plan that was judged just before the step down."""
        self.number += 1
        held = self.positions[symbol]
        at = D(STEPS[max(0, self.step - back)])
        approval = changed(
            BUY_APPROVAL, client_order_id=f"line-{self.number}", symbol=symbol, side=side, quantity=units, capital_fraction=at,
            reduces=held * side.sign < 0 and units <= abs(held),
        )  # fmt: skip
        self.known[approval.client_order_id] = approval
        with exact_operators():
            self.running.approve([approval], automatic=False, market_ns=NOW)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.known)))
        approval = self.known.pop(name)
        before = self.running.reservations.gross_base
        with exact_operators():
            said = self.running.ask(
                approval, quantity=approval.quantity, limit_price=None, quote=quote(approval.symbol, str(self.price)),
                now_ns=NOW, market_ns=NOW,
            )  # fmt: skip
            if any(one.outcome is not Outcome.ALLOW for one in said):
                return
            self.running.passed(approval, name, approval.quantity, now_ns=NOW)
        self.open[name] = (approval, approval.quantity)
        after = self.running.reservations.gross_base
        assert after <= before or after <= self.cap
        held = self.positions[approval.symbol]
        assert held * approval.side.sign < 0 or approval.capital_fraction <= D(STEPS[self.step])

    @precondition(lambda self: self.open)
    @rule(data=st.data(), whole=st.booleans())
    def fill(self, data: st.DataObject, whole: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        approval, left = self.open.pop(name)
        units = left if whole else D(1)
        with exact_operators():
            self.running.reservations.fill(name, symbol=approval.symbol, side=approval.side, quantity=units)
        self.positions[approval.symbol] += approval.side.sign * units
        if left > units:
            self.open[name] = (approval, left - units)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        del self.open[name]
        with exact_operators():
            self.running.ended(name)

    @rule(by=st.integers(1, 3))
    def step_down(self, by: int) -> None:
        self.step = min(self.step + by, len(STEPS) - 1)
        self.running.hold_to(Capital(fraction=D(STEPS[self.step])))
        self.ceiling = self.running.reservations.gross_base  # what is above the lower cap is there by no order's doing

    @rule(step=st.integers(0, 3))
    def ask_for_more(self, step: int) -> None:
        self.running.hold_to(Capital(fraction=max(D(STEPS[step]), D(STEPS[self.step]))))

    @rule(price=st.sampled_from(["8", "10", "13"]))
    def move(self, price: str) -> None:
        self.price = D(price)
        self.observe()
        self.ceiling = max(self.ceiling, self.running.reservations.gross_base)

    @invariant()
    def gross_at_its_worst_is_within_the_cap_or_what_a_step_or_a_price_left_it_at(self) -> None:
        gross = self.running.reservations.gross_base
        self.ceiling = min(self.ceiling, max(gross, self.cap))
        assert gross <= max(self.cap, self.ceiling)
        assert self.running.capital is not None
        assert self.running.capital.fraction == D(STEPS[self.step])


TestRamping = Ramping.TestCase
TestRamping.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
