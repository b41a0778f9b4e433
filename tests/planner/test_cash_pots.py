"""Cash of a venue and currency is its own: what is short there is scaled there, said so, and its residue is spent there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.plan import Plan, PlanInputs, Reason
from orders.values import Rate, Side
from strategies.planner import plan
from tests.planner.world import NOW, D, fees, inputs, line_of, on_venues, open_order, planned, policy, with_changes

A, B, C = "NYSE:AAA", "NYSE:BBB", "NYSE:CCC"
TENS = {A: ("10", "10"), B: ("10", "10")}
EUR = {"EUR": Rate(value=D("1.25"), as_of_ns=NOW, valid_until_ns=NOW)}


def two_venues(targets: dict[str, str], *, us: str, eu: str, **changes: Any) -> PlanInputs:
    """A trades in the US in USD, B in the EU in EUR at 1.25 USD."""
    made = inputs(targets, prices=TENS, **changes)
    return on_venues(made, {B: ("EU", "EUR")}, cash={"US": {"USD": us}, "EU": {"EUR": eu}}, rates=EUR)


def test_two_venues_and_currencies_are_one_plan_over_one_equity() -> None:
    made = planned(two_venues({A: "0.4", B: "0.5"}, us="1000", eu="800"))
    assert made.equity_base == D("2000")
    assert (line_of(made, A).reason, line_of(made, A).quantity) == (Reason.TRADE, D("80"))
    assert (line_of(made, B).reason, line_of(made, B).quantity) == (Reason.TRADE, D("80"))  # 1000 USD at 12.50 a piece
    assert (made.scale_factor, made.gross_after, made.tracking_error_bps) == (D("1"), D("0.9"), D("0"))


def test_a_venue_without_enough_cash_caps_its_own_buys_only() -> None:
    made = planned(two_venues({A: "0.1", B: "0.5"}, us="1500", eu="400"))
    assert (line_of(made, A).reason, line_of(made, A).quantity) == (Reason.TRADE, D("20"))
    short = line_of(made, B)
    assert (short.reason, short.quantity) == (Reason.CAPPED_CASH, D("40"))
    assert short.detail == "buys at EU need 800 EUR, 400 may be spent: 400 EUR missing"
    assert made.scale_factor == D("0.5")


def test_a_venue_without_any_cash_buys_nothing_and_says_how_much_is_missing() -> None:
    made = planned(two_venues({A: "0.1", B: "0.1"}, us="1000", eu="0"))
    assert line_of(made, A).quantity == D("10")
    assert line_of(made, B).reason is Reason.NO_CASH
    assert line_of(made, B).detail.endswith("buys at EU need 80 EUR, 0 may be spent: 80 EUR missing")
    assert made.scale_factor == 0


def test_where_money_is_as_scarce_everywhere_the_lines_say_scaled() -> None:
    made = planned(two_venues({A: "1", B: "1"}, us="1000", eu="800"))
    assert {line.reason for line in made.lines} == {Reason.SCALED_TO_CASH}
    assert [line.quantity for line in made.lines] == [D("100"), D("80")]


def test_sells_of_one_venue_do_not_fund_buys_of_another() -> None:
    """Bad twin of sells fund buys: the same sale, but the money lies in the US."""
    made = planned(two_venues({A: "0", B: "0.5"}, us="0", eu="0", held={A: "100"}))
    assert line_of(made, A).side is Side.SELL
    assert line_of(made, B).reason is Reason.NO_CASH


def test_currencies_of_one_venue_are_pots_of_their_own() -> None:
    world = inputs({A: "0.5", B: "0.5"}, prices=TENS)
    made = planned(on_venues(world, {B: ("US", "EUR")}, cash={"US": {"USD": "1000", "EUR": "0"}}, rates=EUR))
    assert (line_of(made, A).quantity, line_of(made, B).reason) == (D("50"), Reason.NO_CASH)


@pytest.mark.parametrize(
    ("drift", "quantity", "reason"),
    [("0", "100", Reason.TRADE), ("0.25", "80", Reason.SCALED_TO_CASH)],
    ids=["payable at the ask", "payable a quarter above the ask"],
)
def test_buys_are_payable_at_their_worst_price(drift: str, quantity: str, reason: Reason) -> None:
    made = planned(inputs({A: "1"}, prices=TENS, policy=policy(cash_drift_fraction=D(drift))))
    assert (line_of(made, A).quantity, line_of(made, A).reason) == (D(quantity), reason)


def test_the_drift_counts_fees_and_open_buys_too() -> None:
    world = inputs(
        {A: "1"},
        prices=TENS,
        fees={"US": fees("0.25")},
        open_orders=(open_order(B, Side.BUY, "16"),),
        policy=policy(cash_drift_fraction=D("0.25")),
    )
    assert line_of(planned(world), A).quantity == D("48")  # 1000 - 16 x 15.625 = 750, at 15.625 a piece


RESIDUE = policy(spend_residue=True)


@pytest.mark.parametrize(
    ("changes", "quantities"),
    [
        ({"symbol_limits": {B: {"min_notional": D("501")}}}, {A: "100", B: "0"}),
        ({"symbol_limits": {B: {"min_notional": D("501")}}, "policy": policy()}, {A: "50", B: "0"}),
        ({"symbol_limits": {B: {"min_notional": D("501")}, A: {"max_quantity": D("100")}}}, {A: "100", B: "0"}),
        (
            {
                "symbol_limits": {B: {"min_notional": D("501")}},
                "policy": policy(spend_residue=True, asset_weight_max=D("0.755")),
            },
            {A: "75", B: "0"},
        ),
        ({"prices": {A: ("30", "30"), B: ("7", "7")}}, {A: "16", B: "74"}),
        ({"prices": {A: ("30", "30"), B: ("7", "7")}, "policy": policy()}, {A: "16", B: "71"}),
        ({"symbol_limits": {A: {"step_size": D("40")}, B: {"step_size": D("30")}}}, {A: "40", B: "60"}),
    ],
    ids=[
        "what a floor frees goes to the other line, to its target",
        "without the policy it stays cash",
        "at the venue's maximum",
        "not past the weight cap",
        "the larger step does not fit, the smaller ones do",
        "the same without the policy",
        "the step that brings the book nearest goes first",
    ],
)
def test_residue_goes_step_by_step_to_what_lowers_tracking_error(changes: dict[str, Any], quantities: dict[str, str]) -> None:
    values: dict[str, Any] = {"prices": TENS, "policy": RESIDUE} | changes
    made = planned(inputs({A: "1", B: "1"}, **values))
    assert {symbol: line_of(made, symbol).quantity for symbol in quantities} == {s: D(q) for s, q in quantities.items()}


def test_a_line_that_fell_below_its_floor_comes_back_when_the_residue_pays_its_least_order() -> None:
    changes: dict[str, Any] = {
        "prices": {A: ("10", "10"), B: ("10", "10"), C: ("400", "400")},
        "symbol_limits": {B: {"min_quantity": D("40")}},
    }
    without = planned(inputs({A: "0.5", B: "0.5", C: "0.6"}, **changes))
    made = planned(inputs({A: "0.5", B: "0.5", C: "0.6"}, policy=RESIDUE, **changes))
    assert (line_of(without, B).reason, line_of(without, C).reason) == (Reason.NO_CASH, Reason.NO_CASH)
    assert (line_of(made, C).reason, line_of(made, C).quantity) == (Reason.NO_CASH, D("0"))
    assert (line_of(made, B).reason, line_of(made, B).quantity) == (Reason.SCALED_TO_CASH, D("50"))


@st.composite
def short_worlds(draw: st.DrawFn) -> PlanInputs:
    """Three symbols on two venues in two currencies, more wanted than there is cash."""
    symbols = (A, B, C)
    prices = {}
    for symbol in symbols:
        bid = draw(st.decimals("0.5", "90", places=2))
        prices[symbol] = (str(bid), str(bid + draw(st.decimals("0", "1", places=2))))
    world = inputs(
        {symbol: str(draw(st.decimals("0.3", "1", places=4))) for symbol in symbols},
        prices=prices,
        fees={"US": fees(str(draw(st.decimals("0", "0.02", places=3))))},
        symbol_limits={
            symbol: {
                "step_size": draw(st.sampled_from([D("1"), D("0.01"), D("3")])),
                "min_notional": draw(st.sampled_from([D("0"), D("150")])),
                "max_quantity": draw(st.sampled_from([None, D("30")])),
                "multiplier": draw(st.sampled_from([D("1"), D("5")])),
            }
            for symbol in symbols
        },
        policy=policy(spend_residue=True, cash_drift_fraction=draw(st.sampled_from([D("0"), D("0.03")]))),
    )
    cash = {"US": {"USD": str(draw(st.integers(0, 1500)))}, "EU": {"EUR": str(draw(st.integers(1, 1500)))}}
    return on_venues(world, {B: ("EU", "EUR"), C: ("EU", "EUR")}, cash=cash, rates=EUR)


def spent(world: PlanInputs, made: Plan, venue: str) -> Any:
    """What a venue's buys cost at their worst."""
    up, total = 1 + world.policy.cash_drift_fraction, D("0")
    for line in made.lines:
        if line.venue == venue and line.quantity and line.ask is not None:
            unit = line.ask * world.limits[line.symbol].multiplier
            total += line.quantity * unit * (1 + world.fees[venue].taker_fraction) * up
    return total


@settings(max_examples=150, deadline=None)
@given(world=short_worlds())
def test_residue_never_overdraws_passes_a_target_or_a_maximum_and_leaves_no_step_that_fits(world: PlanInputs) -> None:
    made = plan(world)
    assert isinstance(made, Plan)
    for venue, currency in (("US", "USD"), ("EU", "EUR")):
        left = world.book.cash[venue][currency] - spent(world, made, venue)
        assert left >= 0
        for line in made.lines:
            if line.venue != venue or line.reason not in (Reason.SCALED_TO_CASH, Reason.CAPPED_CASH):
                continue
            limits = world.limits[line.symbol]
            assert line.ask is not None
            assert line.wanted_quantity is not None
            assert line.quantity <= line.wanted_quantity
            assert limits.max_quantity is None or line.quantity <= limits.max_quantity
            more = line.quantity + limits.step_size
            cost = limits.step_size * line.ask * limits.multiplier
            cost *= (1 + world.fees[venue].taker_fraction) * (1 + world.policy.cash_drift_fraction)
            at_most = more > line.wanted_quantity or (limits.max_quantity is not None and more > limits.max_quantity)
            assert at_most or cost > left


@settings(max_examples=80, deadline=None)
@given(world=short_worlds())
def test_residue_never_adds_tracking_error(world: PlanInputs) -> None:
    with_it, without = plan(world), plan(with_changes(world, policy=policy(cash_drift_fraction=world.policy.cash_drift_fraction)))
    assert isinstance(with_it, Plan)
    assert isinstance(without, Plan)
    assert with_it.tracking_error_bps <= without.tracking_error_bps
