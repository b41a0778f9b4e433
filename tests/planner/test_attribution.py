"""Who wanted it: weights net before rounding, what winners cancel out is said, and every part sums to the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.manifest import AuditedManifest
from lakehouse.winners import Asset, Winner
from orders.attribution import split_amount
from orders.canonical import canonical_bytes, plain
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.plan import Flips, plan_document
from orders.values import AccountKind, Grade, Side
from strategies.planner import plan
from strategies.winner_shares import shares_of
from tests.planner.world import SHA, D, inputs, line_of, planned, policy

A, B = "NYSE:AAA", "NYSE:BBB"
TENS = {A: ("10", "10"), B: ("10", "10")}
ONE, TWO = "custom/barbell", "riskfolio/hrp"


def test_winners_are_netted_before_rounding() -> None:
    """Each alone would floor to nothing; together they are one piece."""
    shares = {A: {ONE: D("0.006"), TWO: D("0.006")}}
    line = line_of(planned(inputs({A: "0.012"}, prices=TENS, shares=shares)), A)
    assert (line.quantity, line.attribution, line.crossed_weight) == (D("1"), shares[A], D("0"))


@pytest.mark.parametrize(
    ("shares", "crossed"),
    [
        ({ONE: "0.5"}, "0"),
        ({ONE: "0.3", TWO: "0.2"}, "0"),
        ({ONE: "0.7", TWO: "-0.2"}, "0.2"),
        ({ONE: "-0.2", TWO: "0.7"}, "0.2"),
        ({ONE: "0.4", TWO: "-0.4"}, "0.4"),
        ({ONE: "0.6", TWO: "-0.2", "x/y": "0.1"}, "0.2"),
        ({ONE: "0"}, "0"),
    ],
    ids=["alone", "together", "against", "either way round", "nothing left", "three", "zero"],
)
def test_what_winners_cancel_out_is_said(shares: dict[str, str], crossed: str) -> None:
    weights = {winner: D(weight) for winner, weight in shares.items()}
    made = planned(inputs({A: str(sum(weights.values()))}, prices=TENS, shares={A: weights}))
    assert (made.lines[0].crossed_weight, made.crossed_weight) == (D(crossed), D(crossed))


def test_the_cross_of_a_plan_is_the_sum_of_its_lines() -> None:
    shares = {A: {ONE: D("0.5"), TWO: D("-0.1")}, B: {ONE: D("-0.05"), TWO: D("0.3")}}
    made = planned(inputs({A: "0.4", B: "0.25"}, prices=TENS, shares=shares))
    assert made.crossed_weight == D("0.15")


@pytest.mark.parametrize(
    "shares",
    [{A: {ONE: D("0.4")}}, {B: {ONE: D("0.5")}}, {A: {ONE: D("0.5")}, B: {ONE: D("0.1")}}, {A: {ONE: D("NaN")}}],
    ids=["another weight", "a target without shares", "shares without a target", "not a number"],
)
def test_shares_that_do_not_sum_to_the_targets_are_refused(shares: Any) -> None:
    with pytest.raises(InputError, match="SHARES_DISAGREE"):
        plan(inputs({A: "0.5"}, prices=TENS, shares=shares))


@pytest.mark.parametrize("shares", [None, {}])
def test_a_plan_without_shares_is_not_attributed(shares: Any) -> None:
    made = planned(inputs({A: "0.5"}, prices=TENS, shares=shares))
    assert (dict(made.lines[0].attribution), made.crossed_weight) == ({}, D("0"))


def test_the_order_of_winners_does_not_change_the_plan() -> None:
    one = planned(inputs({A: "0.5"}, prices=TENS, shares={A: {ONE: D("0.6"), TWO: D("-0.1")}}))
    two = planned(inputs({A: "0.5"}, prices=TENS, shares={A: {TWO: D("-0.1"), ONE: D("0.6")}}))
    assert canonical_bytes(one) == canonical_bytes(two)
    assert list(one.lines[0].attribution) == list(two.lines[0].attribution)
    assert plan_document(one) | {"capital_fraction": None} == plain(one)


def test_the_opening_leg_of_a_flip_carries_its_winners_and_the_closing_leg_none() -> None:
    made = planned(
        inputs(
            {A: "-0.5"},
            prices=TENS,
            held={A: "20"},
            account=AccountKind.MARGIN,
            policy=policy(flips=Flips.SAME_PLAN),
            shares={A: {ONE: D("-0.6"), TWO: D("0.1")}},
        )
    )
    assert [dict(line.attribution) for line in made.lines] == [{}, {ONE: D("-0.6"), TWO: D("0.1")}]
    assert made.crossed_weight == D("0.1")


def winner(rank: int, engine: str, profile: str, **weights: str) -> Winner:
    return Winner(
        rank=rank,
        profile=profile,
        engine=engine,
        regime_name="NORMAL",
        regime_score=None,
        quadrant=None,
        source_run="run-1",
        generated_ns=1,
        returns_hash=None,
        assets=tuple(Asset(symbol=f"X:{name}", net_weight=D(weight), source_run="run-1") for name, weight in weights.items()),
    )


def audited(*winners: Winner, fractions: dict[str, str], targets: dict[str, str]) -> AuditedManifest:
    return AuditedManifest(
        manifest_sha256=SHA,
        source_run="run-1",
        grade=Grade.VERIFIED,
        run_ledger_head=None,
        run_ledger_sha256=None,
        checks=(),
        generated_ns=1,
        written_ns=1,
        regime_name="NORMAL",
        regime_text="",
        targets={symbol: D(weight) for symbol, weight in targets.items()},
        fractions={name: D(part) for name, part in fractions.items()},
        winners=winners,
        notes=(),
    )


def test_shares_of_a_manifest_are_keyed_by_engine_and_profile_and_sum_to_its_targets() -> None:
    manifest = audited(
        winner(1, "custom", "barbell", SOL="0.1", BTC="0.55", SPY="0.35"),
        winner(3, "riskfolio", "hrp", AAPL="0.6", BTC="-0.4"),
        fractions={ONE: "0.7", TWO: "0.3"},
        targets={"X:AAPL": "0.18", "X:BTC": "0.265", "X:SOL": "0.07", "X:SPY": "0.245"},
    )
    shares = shares_of(manifest)
    assert list(shares) == list(manifest.targets)
    assert shares["X:BTC"] == {ONE: D("0.385"), TWO: D("-0.12")}
    assert {symbol: sum(parts.values()) for symbol, parts in shares.items()} == manifest.targets
    made = planned(
        inputs(
            {symbol: str(weight) for symbol, weight in manifest.targets.items()},
            prices=dict.fromkeys(manifest.targets, ("10", "10")),
            shares=shares,
        )
    )
    assert made.crossed_weight == D("0.12")


def test_rank_does_not_change_whose_share_it_is() -> None:
    made = [
        shares_of(audited(winner(rank, "custom", "barbell", BTC="1"), fractions={ONE: "1"}, targets={"X:BTC": "1"}))
        for rank in (1, 9)
    ]
    assert made[0] == made[1] == {"X:BTC": {ONE: D("1")}}


def test_a_fill_is_split_by_signed_share_of_the_net() -> None:
    assert split_amount(D("10"), {ONE: D("0.5"), TWO: D("-0.2")}) == {ONE: D("16.666666666667"), TWO: D("-6.666666666667")}
    assert split_amount(D("3"), {ONE: D("-0.1"), TWO: D("-0.2")}) == {ONE: D("1"), TWO: D("2")}


@pytest.mark.parametrize("shares", [{}, {ONE: D("0.2"), TWO: D("-0.2")}], ids=["nobody", "cancelled out"])
def test_what_nobody_wants_is_attributed_to_nobody(shares: Any) -> None:
    assert split_amount(D("10"), shares) == {}


WEIGHTS = st.decimals("-1", "1", places=9)


@given(
    amount=st.decimals("-1000000", "1000000", places=8),
    shares=st.dictionaries(st.sampled_from(["a/a", "b/b", "c/c", "d/d"]), WEIGHTS, min_size=1),
)
def test_parts_of_a_fill_sum_to_it_exactly(amount: Any, shares: Any) -> None:
    parts = split_amount(amount, shares)
    with exact_arithmetic():
        assert not parts or sum(parts.values()) == amount
        assert bool(parts) is bool(sum(shares.values()))


@given(shares=st.dictionaries(st.sampled_from(["a/a", "b/b", "c/c"]), WEIGHTS, min_size=1), side=st.sampled_from(Side))
def test_a_cross_is_never_more_than_the_smaller_side(shares: Any, side: Side) -> None:
    made = planned(
        inputs(
            {A: str(sum(shares.values()))},
            prices=TENS,
            cash="1000000",
            account=AccountKind.MARGIN,
            shares={A: shares},
        )
    )
    buying = sum((weight for weight in shares.values() if weight > 0), D(0))
    selling = -sum((weight for weight in shares.values() if weight < 0), D(0))
    assert made.crossed_weight == min(buying, selling)
