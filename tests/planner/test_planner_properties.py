"""What holds for every plan: exact steps, never past the target, never over the cash, the same bytes for the same inputs."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orders.book import BookKeeper
from orders.canonical import canonical_bytes, canonical_sha256
from orders.costs import Liquidity, fee_for
from orders.plan import Plan, PlanInputs, document_sha256, plan_sha256
from orders.values import AccountKind, Side
from strategies.planner import plan
from tests.planner.world import fees, inputs, policy

SYMBOLS = ("X:A", "X:B", "X:C", "X:D", "X:E")


def numbers(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=low, max_value=high, places=places)


@st.composite
def worlds(draw: st.DrawFn, account: AccountKind | None = None) -> PlanInputs:
    kind = account if account is not None else draw(st.sampled_from(AccountKind))
    low = "0" if kind is AccountKind.CASH else "-1"
    held_low = "0" if kind is AccountKind.CASH else "-50"
    prices = {}
    for symbol in SYMBOLS:
        bid = draw(numbers("0.01", "500", 4))
        prices[symbol] = (str(bid), str(bid + draw(numbers("0", "3", 4))))
    chosen = draw(st.sets(st.sampled_from(SYMBOLS)))
    owned = draw(st.sets(st.sampled_from(SYMBOLS)))
    changes: dict[str, Any] = {
        "fees": {"US": fees(str(draw(numbers("0", "0.02", 4))))},
        "policy": policy(
            cash_buffer_fraction=draw(numbers("0", "0.3", 3)),
            drift_band_fraction=draw(st.sampled_from([Decimal(0), Decimal("0.05")])),
        ),
    }
    return inputs(
        {symbol: str(draw(numbers(low, "1", 6))) for symbol in sorted(chosen)},
        prices=prices,
        cash=str(draw(numbers("0", "20000", 2))),
        held={symbol: str(draw(numbers(held_low, "50", 3))) for symbol in sorted(owned)},
        account=kind,
        symbol_limits={
            symbol: {
                "step_size": draw(st.sampled_from([Decimal("1"), Decimal("0.001"), Decimal("0.3"), Decimal("25")])),
                "min_quantity": Decimal(0),
                "min_notional": draw(st.sampled_from([Decimal(0), Decimal(50)])),
                "multiplier": draw(st.sampled_from([Decimal(1), Decimal("0.1"), Decimal(7)])),
            }
            for symbol in SYMBOLS
        },
        **changes,
    )


def plan_of(world: PlanInputs) -> Plan:
    made = plan(world)
    assume(isinstance(made, Plan))
    assert isinstance(made, Plan)
    return made


@settings(max_examples=150, deadline=None)
@given(world=worlds(account=AccountKind.CASH), order=st.randoms(use_true_random=False))
def test_cash_is_never_overdrawn_in_any_sells_first_order(world: PlanInputs, order: Any) -> None:
    made = plan_of(world)
    keeper = BookKeeper(cash=world.book.cash)
    sells = [line for line in made.lines if line.trades and line.side is Side.SELL]
    buys = [line for line in made.lines if line.trades and line.side is Side.BUY]
    order.shuffle(sells)
    order.shuffle(buys)
    keeper.positions = dict(world.book.positions)
    with localcontext(prec=100):
        worth = sum(
            (world.book.held(s) * world.quotes[s].mid * world.limits[s].multiplier for s in world.book.positions), Decimal(0)
        )
        buffer = world.policy.cash_buffer_fraction * (world.book.cash["US"]["USD"] + worth)
        for line in sells + buys:
            assert line.side is not None
            quote = world.quotes[line.symbol]
            price = quote.ask if line.side is Side.BUY else quote.bid
            multiplier = world.limits[line.symbol].multiplier
            fee, _ = fee_for(
                line.side,
                quantity=line.quantity,
                price=price,
                multiplier=multiplier,
                schedule=world.fees["US"],
                liquidity=Liquidity.TAKER,
                has_base_currency=False,
            )
            keeper.apply_fill(
                venue="US",
                symbol=line.symbol,
                side=line.side,
                quantity=line.quantity,
                price=price,
                multiplier=multiplier,
                quote_currency="USD",
                fee=fee,
                fee_currency="USD",
                base_currency=None,
            )
            if line.side is Side.BUY:
                assert keeper.cash["US"]["USD"] >= buffer
        assert all(units >= 0 for units in keeper.positions.values())


@settings(max_examples=150, deadline=None)
@given(world=worlds())
def test_every_quantity_is_whole_steps_and_never_passes_its_target(world: PlanInputs) -> None:
    made = plan_of(world)
    for line in made.lines:
        if not line.trades:
            assert line.quantity == 0
            assert line.side is None
            continue
        assert line.side is not None
        limits, quote = world.limits[line.symbol], world.quotes[line.symbol]
        assert Fraction(line.quantity) % Fraction(limits.step_size) == 0
        mid = (Fraction(quote.bid) + Fraction(quote.ask)) / 2 * Fraction(limits.multiplier)
        target = Fraction(world.targets.get(line.symbol, Decimal(0))) * Fraction(made.equity_base) / mid
        held = Fraction(line.held_quantity)
        after = held + line.side.sign * Fraction(line.quantity)
        assert min(held, target) <= after <= max(held, target)
        assert held == 0 or after * held >= 0  # a flip closes first


@settings(max_examples=60, deadline=None)
@given(world=worlds(), order=st.randoms(use_true_random=False))
def test_same_inputs_in_any_mapping_order_and_context_give_the_same_bytes(world: PlanInputs, order: Any) -> None:
    def shuffled(mapping: dict[str, Any]) -> dict[str, Any]:
        keys = list(mapping)
        order.shuffle(keys)
        return {key: mapping[key] for key in keys}

    values = {name: getattr(world, name) for name in world.__struct_fields__}
    for name in ("targets", "quotes", "limits", "listings"):
        values[name] = shuffled(values[name])
    values["book"] = type(world.book)(cash=world.book.cash, positions=shuffled(dict(world.book.positions)))
    made = plan_of(world)
    with localcontext(prec=5):
        again = plan_of(PlanInputs(**values))
    assert canonical_bytes(again) == canonical_bytes(made)
    assert plan_sha256(again) == plan_sha256(made)


@settings(max_examples=60, deadline=None)
@given(world=worlds())
def test_one_line_for_each_target_and_each_held_instrument(world: PlanInputs) -> None:
    made = plan_of(world)
    held = {symbol for symbol, units in world.book.positions.items() if units}
    assert sorted(line.symbol for line in made.lines) == sorted(held | set(world.targets))
    assert [line.line for line in made.lines] == list(range(1, len(made.lines) + 1))


@given(text=st.text(), number=st.integers(0, 2**53 - 1), flag=st.booleans() | st.none())
def test_fast_document_hash_equals_the_canonical_one(text: str, number: int, flag: bool | None) -> None:
    document = {"b": text, "a": [number, flag, {"z": text, "y": "plain"}], text or "key": None}
    assert document_sha256(document) == canonical_sha256(document)
