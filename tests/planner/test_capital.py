"""A promoted run's plan is sized with its capital: the same plan as of weights, band and caps that are the fraction of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.capital import Capital
from orders.plan import Held, Plan, Reason, plan_document, plan_sha256
from orders.values import AccountKind, Side
from strategies.planner import plan
from tests.planner.world import D, inputs, line_of, planned, policy, with_changes

A, B, C = "NYSE:AAA", "NYSE:BBB", "NYSE:CCC"
TENS = dict.fromkeys((A, B, C), ("10", "10"))
SHARES = {A: {"one": D("0.3"), "two": D("0.1")}, B: {"one": D("0.2")}}


def capital(fraction: str, **more: str) -> Capital:
    return Capital(fraction=D(fraction), **more)


def made(fraction: str | None, targets: dict[str, str] | None = None, **changes: Any) -> Plan:
    known = None if fraction is None else capital(fraction)
    return planned(inputs(targets or {A: "0.4", B: "0.2"}, **{"prices": TENS, "capital": known} | changes))


@pytest.mark.parametrize(
    ("fraction", "quantities", "gross"),
    [("1", ("40", "20"), "0.6"), ("0.25", ("10", "5"), "0.15"), ("0.05", ("2", "1"), "0.03"), ("0.01", ("0", "0"), "0")],
)
def test_targets_are_the_fraction_of_what_they_would_be(fraction: str, quantities: tuple[str, str], gross: str) -> None:
    plan_made = made(fraction)
    assert tuple(line_of(plan_made, symbol).quantity for symbol in (A, B)) == tuple(map(D, quantities))
    assert plan_made.gross_after == D(gross)
    assert plan_made.capital_fraction == D(fraction)
    assert line_of(plan_made, A).target_weight == D("0.4") * D(fraction)


def test_shares_of_winners_are_the_fraction_and_still_sum_to_the_target() -> None:
    plan_made = made("0.25", shares=SHARES)
    assert line_of(plan_made, A).attribution == {"one": D("0.075"), "two": D("0.025")}
    assert sum(line_of(plan_made, A).attribution.values()) == line_of(plan_made, A).target_weight


def test_a_position_above_the_fraction_comes_down_to_it() -> None:
    plan_made = made("0.25", cash="400", held={A: "40", B: "20"})
    assert [(line.side, line.quantity) for line in plan_made.lines if line.trades] == [(Side.SELL, 30), (Side.SELL, 15)]


@pytest.mark.parametrize(("held", "reason"), [("9", Reason.WITHIN_BAND), ("8", Reason.TRADE)])
def test_the_drift_band_is_of_the_capital(held: str, reason: Reason) -> None:
    """A band of 5 % of equity 1000 is 12.50 of a quarter of it, and the target 100."""
    plan_made = made(
        "0.25", {A: "0.4"}, cash=str(1000 - 10 * int(held)), held={A: held}, policy=policy(drift_band_fraction=D("0.05"))
    )
    assert line_of(plan_made, A).reason is reason


@pytest.mark.parametrize("name", ["turnover_cycle_max", "turnover_day_max"])
def test_turnover_caps_are_of_the_capital(name: str) -> None:
    caps = {"policy": policy(**{name: D("0.3")}), "turnover_today": D(0)}
    assert made("0.5", **caps).turnover == D("0.15")
    assert made("1", **caps).turnover == D("0.3")


def test_residual_cash_brings_no_asset_above_the_most_of_it_in_the_capital() -> None:
    spend = policy(spend_residue=True, asset_weight_max=D("0.5"), cash_buffer_fraction=D("0.001"))
    plan_made = made("0.5", {A: "0.9", B: "0.9"}, policy=spend, cash="1000")
    assert max(line.quantity for line in plan_made.lines) <= 45


@pytest.mark.parametrize("fraction", [None, "0", "NaN", "-0.05", "1.5"])
def test_without_a_fraction_there_is_no_plan(fraction: str | None) -> None:
    known = Capital(fraction=None if fraction is None else D(fraction))
    held = plan(inputs({A: "0.4"}, prices=TENS, capital=known))
    assert isinstance(held, Held)
    assert held.code == "CAPITAL_FRACTION"
    assert "capital fraction" in held.message


FLIPS = {"account": AccountKind.MARGIN, "held": {A: "10", B: "-10", C: "30"}}


@pytest.mark.parametrize(
    "changes",
    [{"capital": capital("1"), "opens_nothing": True}, {"capital": capital("1", paused="HALTED: enough")}],
    ids=["a look because of the capital", "paused"],
)
def test_what_would_open_or_add_is_left_out_and_what_reduces_stays(changes: dict[str, Any]) -> None:
    plan_made = planned(inputs({A: "0.4", B: "0.1", C: "0.1"}, prices=TENS, **FLIPS, **changes))
    assert {line.symbol: (line.reason, line.side, line.quantity) for line in plan_made.lines} == {
        A: (Reason.NOT_OPENED, None, 0),
        B: (Reason.TRADE, Side.BUY, 10),  # closes a short, and opens no long
        C: (Reason.TRADE, Side.SELL, 17),
    }
    assert line_of(plan_made, A).detail == (changes["capital"].paused or "1 of equity")


def test_a_plan_that_nothing_governs_is_the_one_it_was_under_the_same_hash() -> None:
    free, whole = made(None), made("1")
    assert "capital_fraction" not in plan_document(free)
    assert plan_document(whole) == plan_document(free) | {"capital_fraction": "1"}
    assert plan_sha256(free) != plan_sha256(whole)


WEIGHTS = st.decimals("-1", "1", places=3)
UNITS = st.integers(-60, 60).map(str)


@given(
    weights=st.dictionaries(st.sampled_from([A, B, C]), WEIGHTS, min_size=1),
    held=st.dictionaries(st.sampled_from([A, B, C]), UNITS),
    fraction=st.decimals("0.01", "1", places=2),
    band=st.decimals("0", "0.2", places=2),
)
def test_it_is_the_plan_of_weights_and_a_band_that_are_the_fraction_of_them(
    weights: dict[str, Decimal], held: dict[str, str], fraction: Decimal, band: Decimal
) -> None:
    of_part = inputs(
        {symbol: str(weight) for symbol, weight in weights.items()}, prices=TENS, held=held, cash="2000",
        account=AccountKind.MARGIN, policy=policy(drift_band_fraction=band), capital=Capital(fraction=fraction),
    )  # fmt: skip
    of_whole = with_changes(
        of_part, targets={symbol: weight * fraction for symbol, weight in weights.items()}, capital=None,
        policy=policy(drift_band_fraction=band * fraction),
    )  # fmt: skip
    one, other = plan(of_part), plan(of_whole)
    assert isinstance(one, Held) is isinstance(other, Held)
    if isinstance(one, Plan) and isinstance(other, Plan):
        assert (one.lines, one.gross_after, one.turnover) == (other.lines, other.gross_after, other.turnover)
