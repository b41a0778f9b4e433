"""Cash of no pot ever goes below zero: any world, any order of fills, any part, any drift a buy is covered for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from orders.book import BookKeeper
from orders.exact import exact_arithmetic
from orders.plan import Flips, Plan, PlanInputs
from orders.values import AccountKind, Rate, Side
from strategies.planner import plan
from strategies.release import ReleaseLine, Releaser
from strategies.release_lines import release_lines
from tests.planner.test_release import approvals_of
from tests.planner.world import NOW, D, fees, inputs, on_venues, planned, policy

SYMBOLS = ("X:A", "X:B", "X:C", "X:D", "X:E")
EUR = {"EUR": Rate(value=D("1.25"), as_of_ns=NOW, valid_until_ns=NOW)}
DRIFTS = (Decimal(0), Decimal("0.02"), Decimal("0.3"))


def numbers(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=low, max_value=high, places=places)


@st.composite
def worlds(draw: st.DrawFn) -> PlanInputs:
    """Cash and margin venues in two currencies; what is held and wanted does not fit the cash as often as not."""
    eu = draw(st.sampled_from(AccountKind))
    places = dict.fromkeys(SYMBOLS[3:], ("EU", "EUR"))
    on_margin = set(places) if eu is AccountKind.MARGIN else set()
    prices = {}
    for symbol in SYMBOLS:
        bid = draw(numbers("1", "200", 2))
        prices[symbol] = (str(bid), str(bid + draw(numbers("0", "2", 2))))
    world = inputs(
        {s: str(draw(numbers("-0.5" if s in on_margin else "0", "0.6", 3))) for s in SYMBOLS if draw(st.booleans())},
        prices=prices,
        held={s: str(draw(st.integers(-40 if s in on_margin else 0, 40))) for s in SYMBOLS if draw(st.booleans())},
        fees={"US": fees(str(draw(numbers("0", "0.02", 3))))},
        symbol_limits={
            symbol: {
                "step_size": draw(st.sampled_from([Decimal(1), Decimal("0.01")])),
                "min_quantity": Decimal(0),
                "multiplier": draw(st.sampled_from([Decimal(1), Decimal(5)])),
            }
            for symbol in SYMBOLS
        },
        policy=policy(
            cash_buffer_fraction=draw(st.sampled_from([Decimal(0), Decimal("0.05")])),
            cash_drift_fraction=draw(st.sampled_from(DRIFTS)),
            spend_residue=draw(st.booleans()),
            flips=Flips.SAME_PLAN,
        ),
    )
    cash = {"US": {"USD": str(draw(st.integers(0, 3000)))}, "EU": {"EUR": str(draw(st.integers(0, 3000)))}}
    return on_venues(world, places, cash=cash, rates=EUR, accounts={"US": AccountKind.CASH, "EU": eu})


def released(made: Plan, world: PlanInputs, *, drift: Decimal) -> list[ReleaseLine]:
    return release_lines(
        approvals_of(made),
        plan=made,
        listings=world.listings,
        limits=world.limits,
        accounts=world.accounts,
        fees=world.fees,
        drift_fraction=drift,
    )


class Venue:
    """Fills what is out, one random part at a time, at a price within what buys are covered for; sells at any price."""

    def __init__(self, world: PlanInputs, made: Plan, lines: list[ReleaseLine], *, drift: Decimal) -> None:
        self.world = world
        self.drift = drift
        self.rows = {f"{row.line:032x}": row for row in made.lines}
        self.releaser = Releaser(lines, cash=pots(world), deadline_ns=1)
        self.keeper = BookKeeper(cash=world.book.cash)
        self.keeper.positions = dict(world.book.positions)
        self.leaves: dict[str, Decimal] = {}
        self.sizes = {line.line_id: line.quantity for line in lines}

    def send(self) -> None:
        for line_id in self.releaser.releasable():
            self.releaser.on_released(line_id)
            self.leaves[line_id] = self.sizes[line_id]

    def fill(self, line_id: str, *, part: Decimal, away: Decimal) -> None:
        """`away` from -1 to 1: how far from the touch, of the drift for a buy; a sell may fall to a fiftieth."""
        row = self.rows[line_id]
        assert row.side is not None
        assert row.venue is not None
        limits, listing = self.world.limits[row.symbol], self.world.listings[row.symbol]
        steps = max((self.leaves[line_id] / limits.step_size * part).to_integral_value(), Decimal(1))
        quantity = min(steps * limits.step_size, self.leaves[line_id])
        if row.side is Side.BUY:
            assert row.ask is not None
            price = row.ask * (1 + self.drift * away)
        else:
            assert row.bid is not None
            price = row.bid * (Decimal("1.02") + away) / 2
        fee = quantity * price * limits.multiplier * self.world.fees[row.venue].taker_fraction
        fill: dict[str, Any] = {"quantity": quantity, "price": price, "fee": fee, "fee_currency": listing.quote_currency}
        self.releaser.on_fill(line_id, **fill)
        self.keeper.apply_fill(
            venue=row.venue,
            symbol=row.symbol,
            side=row.side,
            multiplier=limits.multiplier,
            quote_currency=listing.quote_currency,
            base_currency=None,
            **fill,
        )
        self.leaves[line_id] -= quantity
        if not self.leaves[line_id]:
            self.end(line_id)

    def end(self, line_id: str) -> None:
        del self.leaves[line_id]
        self.releaser.on_terminal(line_id)


def pots(world: PlanInputs) -> dict[tuple[str, str], Decimal]:
    return {(venue, code): amount for venue, amounts in world.book.cash.items() for code, amount in amounts.items()}


def plan_of(world: PlanInputs) -> Plan:
    made = plan(world)
    assume(isinstance(made, Plan))
    assert isinstance(made, Plan)
    return made


@settings(max_examples=200, deadline=None)
@given(world=worlds(), data=st.data())
def test_no_pot_of_a_cash_account_is_ever_overdrawn(world: PlanInputs, data: st.DataObject) -> None:
    made = plan_of(world)
    drift = world.policy.cash_drift_fraction
    venue = Venue(world, made, released(made, world, drift=drift), drift=drift)
    bought = 0
    with exact_arithmetic():
        for _ in range(60):
            venue.send()
            for name, kind in world.accounts.items():
                assert kind is AccountKind.MARGIN or all(amount >= 0 for amount in venue.keeper.cash[name].values())
            assert {pot: venue.keeper.cash[pot[0]][pot[1]] for pot in pots(world)} == venue.releaser.cash
            if not venue.leaves:
                break
            line_id = data.draw(st.sampled_from(sorted(venue.leaves)))
            if data.draw(st.integers(0, 9)) == 0:
                venue.end(line_id)  # cancelled or expired with a rest
                continue
            bought += venue.rows[line_id].side is Side.BUY
            away = data.draw(numbers("-1", "1", 2))
            venue.fill(line_id, part=data.draw(st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal(1)])), away=away)
        assert all(units >= 0 for symbol, units in venue.keeper.positions.items() if _is_cash(world, symbol))
    event(f"buys filled: {min(bought, 3)}")


def _is_cash(world: PlanInputs, symbol: str) -> bool:
    return world.accounts[world.listings[symbol].venue] is AccountKind.CASH


@settings(max_examples=120, deadline=None)
@given(world=worlds(), order=st.randoms(use_true_random=False))
def test_where_fills_come_at_the_touch_every_line_of_the_plan_goes(world: PlanInputs, order: Any) -> None:
    made = plan_of(world)
    drift = world.policy.cash_drift_fraction
    venue = Venue(world, made, released(made, world, drift=drift), drift=Decimal(0))
    with exact_arithmetic():
        venue.send()
        while venue.leaves:
            line_id = order.choice(sorted(venue.leaves))
            venue.fill(line_id, part=Decimal(1), away=Decimal("0.98"))
            venue.send()
    assert venue.releaser.expire(0) == ()
    assert venue.releaser.done


@settings(max_examples=120, deadline=None)
@given(world=worlds(), data=st.data())
def test_gross_never_passes_the_larger_of_before_and_what_was_judged(world: PlanInputs, data: st.DataObject) -> None:
    """Counting what is out as filled, at the prices the plan was judged on."""
    made = plan_of(world)
    lines = released(made, world, drift=Decimal(0))
    by_id = {line.line_id: line for line in lines}
    reducing = sum((line.quantity * line.unit_base for line in lines if line.reduces), Decimal(0))
    opening = sum((line.quantity * line.unit_base for line in lines if not line.reduces), Decimal(0))
    venue = Venue(world, made, lines, drift=Decimal(0))
    opened = reduced = Decimal(0)
    with exact_arithmetic():
        for _ in range(40):
            before = set(venue.leaves)
            venue.send()
            opened += sum(
                (by_id[i].quantity * by_id[i].unit_base for i in venue.leaves.keys() - before if not by_id[i].reduces),
                Decimal(0),
            )
            assert opened - reduced <= max(opening - reducing, Decimal(0))
            if not venue.leaves:
                break
            line_id = data.draw(st.sampled_from(sorted(venue.leaves)))
            left = venue.leaves[line_id]
            venue.fill(line_id, part=Decimal("0.5"), away=Decimal("0.98"))
            if by_id[line_id].reduces:
                reduced += (left - venue.leaves.get(line_id, Decimal(0))) * by_id[line_id].unit_base


def test_bad_twin_a_buy_that_pays_more_than_it_was_covered_for_overdraws() -> None:
    """The bound is the worst cost, and nothing but it: what the property leaves out would break it."""
    world = inputs({"X:A": "1"}, prices={"X:A": ("10", "10")})
    made = planned(world)
    venue = Venue(world, made, released(made, world, drift=Decimal(0)), drift=Decimal("0.01"))
    venue.send()
    (line_id,) = venue.leaves
    venue.fill(line_id, part=Decimal(1), away=Decimal(1))
    assert venue.keeper.cash["US"]["USD"] == Decimal("-10.00")
