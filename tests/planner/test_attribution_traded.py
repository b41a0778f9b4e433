"""A manifest of two winners, traded: every fill says whose it is, and the parts sum to the fill to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orders.exact import exact_arithmetic
from tests.gate.world import BTC, ETH, SOL, Ran, World, manifest_text, quote, run_backtest, run_shadow

ONE, TWO = "custom/equal_weight", "riskfolio/hrp"


def two_winners(one: dict[str, str], two: dict[str, str], *, generated: str = "2025-01-06T13:59:30") -> str:
    """Both with half of the capital."""
    winners: list[dict[str, Any]] = []
    for rank, (engine, profile, weights) in enumerate((("custom", "equal_weight", one), ("riskfolio", "hrp", two)), start=1):
        winner = json.loads(manifest_text(weights, generated=generated))["winners"][0]
        winner |= {"rank": rank, "engine": engine, "profile": profile}
        for row in winner["assets"]:
            row |= {"Engine": engine, "Profile": profile}
        winners.append(winner)
    return json.dumps({"winners": winners})


def world_of(root: Path) -> World:
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, ms) for ms in range(50, 1_200, 50) for name in world.names]
    text = world.write().config_path.read_text()
    text = text.replace('"rank:1" = "1"', '"rank:1" = "0.5"\n"rank:2" = "0.5"')
    text = text.replace('provenance_min = "VERIFIED"', 'provenance_min = "LEDGER_ONLY"')  # the ledger knows one of the two
    world.config_path.write_text(text)
    return world


FIRST = two_winners({BTC.symbol: "0.3", ETH.symbol: "0.3"}, {BTC.symbol: "0.5", ETH.symbol: "-0.1"})
SECOND = two_winners({BTC.symbol: "0.1", ETH.symbol: "0.3"}, {SOL.symbol: "0.2"}, generated="2025-01-06T13:59:31")


@pytest.fixture(scope="module", params=["backtest", "node"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    world = world_of(tmp_path_factory.mktemp(request.param))
    manifests = [(60, world.save("1.json", FIRST)), (600, world.save("2.json", SECOND))]
    return run_backtest(world, manifests) if request.param == "backtest" else run_shadow(world, manifests)


def test_the_parts_of_every_fill_sum_to_it_exactly(ran: Ran) -> None:
    fills = ran.of("fill")
    assert len(fills) >= 5
    with exact_arithmetic():
        for fill in fills:
            assert sum(map(Decimal, fill["attribution"].values()), Decimal(0)) == Decimal(fill["quantity"])


def test_a_winner_whose_trade_was_crossed_has_a_part_of_the_other_sign(ran: Ran) -> None:
    (fill,) = [fill for fill in ran.of("fill") if fill["symbol"] == ETH.symbol and fill["cycle"] == 1]
    parts = {winner: Decimal(part) for winner, part in fill["attribution"].items()}
    assert parts[ONE] > Decimal(fill["quantity"]) > 0 > parts[TWO]


def test_intents_carry_the_weights_of_their_plan_line_and_the_plan_says_what_was_crossed(ran: Ran) -> None:
    plan = ran.of("plan")[0]["plan"]
    lines = {line["line"]: line["attribution"] for line in plan["lines"]}
    assert [intent["attribution"] for intent in ran.of("intent") if intent["cycle"] == 1] == [lines[1], lines[2]]
    assert lines[1] == {ONE: "0.15", TWO: "0.25"}
    assert plan["crossed_weight"] == "0.05"


def test_a_sale_is_for_those_who_still_want_the_symbol(ran: Ran) -> None:
    (sold,) = [fill for fill in ran.of("fill") if fill["symbol"] == BTC.symbol and fill["side"] == "SELL"]
    assert sold["attribution"] == {ONE: sold["quantity"]}
