"""The judgement of one order by what was counted: at the limit, above, missing, stale by 1 ns, NaN or zero."""

from __future__ import annotations

from decimal import localcontext
from typing import Any

import pytest

from orders.exact import EXACT
from orders.plan import Approval, Outcome, Verdict
from orders.values import Quote, Side
from sentinel.running_state import RunningState
from tests.planner.world import AGE_MAX, NOW, D, quote
from tests.sentinel.cases import BUY, SELL, changed, judged, limits

SELL_APPROVAL, BUY_APPROVAL = judged().approvals  # sells 20 of 40 at 10, buys 40 at 10; equity 1000
CONTROLS = [
    "RESERVATION", "MAX_ASSET_EXPOSURE", "MAX_LEVERAGE", "MESSAGE_LIMIT", "LOSS_LIMIT", "MARKET_SANITY", "REDUCE_ONLY",
    "FILL_DRIFT",
]  # fmt: skip
Change = dict[str, Any]


class Made:
    """A state in which both orders of the made plan pass; `ask` changes one thing."""

    def __init__(self, *, lim: Change | None = None, held: str = "40", equity: str = "1000", valued: bool = True) -> None:
        self.positions = {SELL: D(held)}
        self.state = RunningState(limits(**(lim or {})), positions=self.positions)
        self.approved: set[str] = set()
        if valued:
            self.state.observe(
                equity_base=D(equity), positions=self.positions, values={BUY: D("10"), SELL: D("10")}, now_ns=NOW, market_ns=NOW
            )

    def ask(
        self, approval: Approval = BUY_APPROVAL, *, units: str | None = None, seen: Quote | None = None, now_ns: int = NOW
    ) -> tuple[Verdict, ...]:
        with localcontext(EXACT):
            self.state.approve([approval], automatic=True, market_ns=NOW)
            return self.state.ask(
                approval,
                quantity=approval.quantity if units is None else D(units),
                limit_price=None,
                quote=quote(approval.symbol, "10") if seen is None else seen,
                now_ns=now_ns,
                market_ns=now_ns,
            )

    def passes(self, approval: Approval, order_id: str, units: str) -> None:
        assert denied(self.ask(approval, units=units)) == []
        with localcontext(EXACT):
            self.state.passed(approval, order_id, D(units), now_ns=NOW)


def denied(verdicts: tuple[Verdict, ...]) -> list[str]:
    return [verdict.control for verdict in verdicts if verdict.outcome is not Outcome.ALLOW]


@pytest.mark.parametrize("approval", [BUY_APPROVAL, SELL_APPROVAL], ids=["a buy", "a sell"])
def test_an_order_as_approved_passes_every_control(approval: Approval) -> None:
    verdicts = Made().ask(approval)
    assert [verdict.control for verdict in verdicts] == CONTROLS
    assert denied(verdicts) == []


CASES: list[tuple[str, Change, Change, list[str]]] = [
    # what, how the state is made, what is asked, denials
    ("more than its line has", {}, {"units": "40.001"}, ["RESERVATION"]),
    ("asset exposure at the limit", {"lim": {"max_asset_exposure": D("0.4")}}, {}, []),
    ("asset exposure above", {"lim": {"max_asset_exposure": D("0.399")}}, {}, ["MAX_ASSET_EXPOSURE"]),
    ("gross at the limit", {"lim": {"max_leverage": D("0.8")}}, {}, []),
    ("gross above", {"lim": {"max_leverage": D("0.799")}}, {}, ["MAX_LEVERAGE"]),
    ("gross above, but what reduces", {"lim": {"max_leverage": D("0.1")}}, {"approval": SELL_APPROVAL}, []),
    ("equity missing", {"valued": False}, {}, ["MAX_LEVERAGE", "LOSS_LIMIT"]),
    ("equity at its age limit", {}, {"now_ns": NOW + AGE_MAX}, []),
    ("equity stale by 1 ns", {}, {"now_ns": NOW + AGE_MAX + 1}, ["MAX_LEVERAGE"]),
    ("equity from the future", {}, {"now_ns": NOW - 1}, ["MAX_LEVERAGE"]),
    ("equity of zero", {"equity": "0"}, {}, ["MAX_ASSET_EXPOSURE", "LOSS_LIMIT"]),
    ("spread at the limit", {"lim": {"spread_max_fraction": D("0.1")}}, {"seen": quote(BUY, "9.5", "10.5")}, []),
    ("spread above", {"lim": {"spread_max_fraction": D("0.1")}}, {"seen": quote(BUY, "9.5", "10.51")}, ["MARKET_SANITY"]),
    ("ask zero", {}, {"seen": quote(BUY, "9.5", "0")}, ["MARKET_SANITY"]),
    ("ask NaN", {}, {"seen": quote(BUY, "9.5", "NaN")}, ["MARKET_SANITY"]),
]


@pytest.mark.parametrize(("case", "made", "asked", "expected"), CASES, ids=[case[0] for case in CASES])
def test_one_order_is_held_against_what_was_counted(case: str, made: Change, asked: Change, expected: list[str]) -> None:
    assert denied(Made(**made).ask(**{"approval": BUY_APPROVAL} | asked)) == expected


def test_a_second_order_of_one_line_gets_what_the_first_left() -> None:
    made = Made()
    made.passes(BUY_APPROVAL, "child-1", "30")
    assert denied(made.ask(units="11")) == ["RESERVATION"]
    made.passes(BUY_APPROVAL, "child-2", "10")
    with localcontext(EXACT):
        made.state.reservations.end("child-1")
    made.passes(BUY_APPROVAL, "child-3", "30")


def test_messages_run_out_and_come_back() -> None:
    made = Made(lim={"messages_per_s_max": 1})
    made.passes(BUY_APPROVAL, "child-1", "1")
    assert denied(made.ask(units="1")) == ["MESSAGE_LIMIT"]
    assert denied(made.ask(units="1", now_ns=NOW + 999_999_999)) == ["MESSAGE_LIMIT"]
    assert denied(made.ask(units="1", now_ns=NOW + 1_000_000_000)) == []


@pytest.mark.parametrize(
    ("price", "expected"),
    [("9.0909090909090909090909091", []), ("9.09", ["FILL_DRIFT"]), ("NaN", ["FILL_DRIFT"]), ("0", ["FILL_DRIFT"])],
    ids=["at the limit", "above", "NaN", "zero"],
)
def test_a_price_that_ran_from_our_own_fill_is_not_chased(price: str, expected: list[str]) -> None:
    made = Made()
    made.state.drift.fill(BUY, D(price), NOW)
    assert denied(made.ask()) == expected


def test_an_own_fill_counts_to_the_end_of_its_window_and_no_further() -> None:
    made = Made(lim={"fill_drift_window_ns": 100})
    made.state.drift.fill(BUY, D("5"), NOW)
    made.state.drift.fill(BUY, D("10"), NOW + 60)
    assert denied(made.ask(now_ns=NOW + 100)) == ["FILL_DRIFT"]
    assert denied(made.ask(now_ns=NOW + 101)) == []


@pytest.mark.parametrize(("approval", "expected"), [(BUY_APPROVAL, ["LOSS_LIMIT"]), (SELL_APPROVAL, [])])
def test_close_only_lets_only_pass_what_reduces(approval: Approval, expected: list[str]) -> None:
    made = Made()
    made.state.observe(
        equity_base=D("899"), positions=made.positions, values={BUY: D("10"), SELL: D("10")}, now_ns=NOW, market_ns=NOW
    )
    assert denied(made.ask(approval)) == expected


@pytest.mark.parametrize(
    ("held", "units", "expected"),
    [
        ("20", "20", []),
        ("19", "20", ["REDUCE_ONLY"]),
        ("0", "1", ["MAX_ASSET_EXPOSURE", "REDUCE_ONLY"]),
        ("-5", "1", ["REDUCE_ONLY"]),
    ],
    ids=["all of it", "through zero", "nothing held", "a short"],
)
def test_reduce_only_at_the_gate_never_goes_through_zero(held: str, units: str, expected: list[str]) -> None:
    made = Made(held=held, lim={"max_asset_exposure": D("0.001") if held == "0" else D("0.5")})
    assert denied(made.ask(changed(SELL_APPROVAL, reduce_only=True), units=units)) == expected


def test_reduce_only_counts_what_is_open_already() -> None:
    made = Made(held="25")
    made.passes(changed(SELL_APPROVAL, reduce_only=True), "child-1", "15")
    assert denied(made.ask(changed(SELL_APPROVAL, reduce_only=True, client_order_id="other"), units="11")) == ["REDUCE_ONLY"]
    assert denied(made.ask(changed(SELL_APPROVAL, reduce_only=True, client_order_id="other"), units="10")) == []


def test_many_small_orders_over_two_venues_breach_together() -> None:
    """Each is 0.1 of equity and within every limit by itself; gross 0.65 leaves room for two beside the 0.4 held."""
    made = Made(lim={"max_leverage": D("0.65")})
    results = []
    for number in range(4):
        venue = ("US", "BINANCE")[number % 2]
        approval = changed(BUY_APPROVAL, client_order_id=f"{number}", venue=venue, symbol=f"X:{number}", quantity=D("10"))
        made.state.observe(
            equity_base=D("1000"), positions=made.positions, values={f"X:{number}": D("10")}, now_ns=NOW, market_ns=NOW
        )
        verdicts = made.ask(approval)
        results.append(denied(verdicts))
        if not results[-1]:
            with localcontext(EXACT):
                made.state.passed(approval, approval.client_order_id, D("10"), now_ns=NOW)
    assert results == [[], [], ["MAX_LEVERAGE"], ["MAX_LEVERAGE"]]


def test_automatic_parents_are_counted_and_an_operators_are_not() -> None:
    made = Made()
    with localcontext(EXACT):
        made.state.approve([BUY_APPROVAL], automatic=True, market_ns=NOW)
        made.state.approve([changed(BUY_APPROVAL, client_order_id="o")], automatic=False, market_ns=NOW)
    assert made.state.repeats.within([BUY, SELL], NOW) == {BUY: 1, SELL: 0}
    assert made.state.repeats.within([BUY], NOW + AGE_MAX) == {BUY: 1}
    assert made.state.repeats.within([BUY], NOW + AGE_MAX + 1) == {BUY: 0}


def test_a_short_is_judged_at_the_bid_and_a_reduction_at_no_price() -> None:
    made = Made()
    made.state.drift.fill(SELL, D("10"), NOW)
    short = changed(SELL_APPROVAL, reduces=False, client_order_id="short")
    assert short.side is Side.SELL
    assert denied(made.ask(short, seen=quote(SELL, "9", "12"))) == []
    assert denied(made.ask(short, seen=quote(SELL, "8.99", "10"))) == ["FILL_DRIFT"]
    assert denied(made.ask(SELL_APPROVAL, seen=quote(SELL, "8.99", "10"))) == []


def test_what_reduces_passes_where_the_book_cannot_be_valued() -> None:
    made = Made(valued=False)
    with localcontext(EXACT):
        made.state.reservations.fill("earlier", symbol=SELL, side=Side.BUY, quantity=D("40"))
    assert denied(made.ask(SELL_APPROVAL)) == []
    assert denied(made.ask(BUY_APPROVAL)) == ["MAX_LEVERAGE", "LOSS_LIMIT"]
