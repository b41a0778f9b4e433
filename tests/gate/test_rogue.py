"""Nothing that belongs to no approved plan line reaches the simulated venue; honest orders trade on in the same run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderAccepted, OrderFilled, OrderRejected

from tests.gate.rogue import Rogue, RogueAlgorithm
from tests.gate.world import BTC, CRYPTO, ETH, SOL, Ran, World, listen, manifest_text, quote, run_backtest, run_shadow

FREE = [
    "market", "market_within_every_limit", "limit", "made_up_id", "order_list", "bracket", "close_position", "algorithm",
    "emulated", "direct_send", "direct_send_in_the_owners_name", "direct_send_of_a_list", "engine_object", "client_object",
    "client_object_list", "used_id_again", "used_id_on_the_engine_object", "used_id_on_the_client_object",
    "used_order_on_the_client_object", "used_id_other_side_on_the_client_object",
    "used_id_other_instrument_on_the_client_object", "modify_a_filled_order",
]  # fmt: skip
WAITING = [
    "waiting_id_as_another_strategy", "waiting_id_more", "waiting_id_other_side", "waiting_id_other_instrument",
    "waiting_id_as_limit", "waiting_id_counted_in_quote_currency", "waiting_id_with_a_contingent_child",
    "waiting_id_twice_in_one_list", "waiting_id_on_the_client_object",
]  # fmt: skip
SQUATS = ["waiting_id_on_the_engine_object", "waiting_id_by_submit_order"]  # Nautilus caches these before anyone judges
SENDS_NOTHING = {"modify_a_filled_order"}
KERNELS = {"backtest": run_backtest, "node": run_shadow}


@dataclass
class Raid:
    """One run with both rogues in it, and the venue's own truth at its end."""

    ran: Ran
    rogue: Rogue
    algorithm: RogueAlgorithm
    answers: list[Any]


@pytest.fixture(scope="module", params=KERNELS)
def raid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Raid:
    return _raid(KERNELS[request.param], tmp_path_factory.mktemp("raid"), free=FREE, waiting=WAITING, ms=25)


def _raid(run: Any, root: Any, *, free: list[str], waiting: list[str], ms: int) -> Raid:
    """Two manifests, the second one sells and then buys; a price every `ms`, an attack at every third."""
    count = 3 * len(free) + 60
    world = World(root)
    world.quotes = [quote(CRYPTO[i % 3], ms * i, ticks=i % 7) for i in range(count)]
    world.write()
    first = world.save("first.json", manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.3"}))
    second = world.save("second.json", manifest_text({ETH.symbol: "0.1", SOL.symbol: "0.4"}))
    made: list[Any] = []
    answers: list[list[Any]] = []

    def prepare(kernel: Any, assembly: Any) -> None:
        made.extend([Rogue(kernel, assembly, symbol=ETH.instrument_id, attacks=free, pending=waiting), RogueAlgorithm()])
        kernel.trader.add_strategy(made[0])
        kernel.trader.add_exec_algorithm(made[1])
        answers.append(listen(kernel))

    ran = run(world, [(60, first), ((3 * len(free) + 30) * ms, second)], prepare=prepare)
    return Raid(ran=ran, rogue=made[0], algorithm=made[1], answers=answers[0])


def test_every_attack_was_made_and_none_got_an_exception_back(raid):
    assert list(raid.rogue.tried) == [*FREE, *WAITING]
    assert raid.rogue.raised == {}
    assert len(raid.algorithm.children) == 3
    assert all(ids for attack, ids in raid.rogue.tried.items() if attack not in {"algorithm", "modify_a_filled_order"})


def test_what_the_venue_answered_is_exactly_what_was_approved(raid):
    """The venue's answers, taken before any engine could turn one away: a second fill of one id would be among them."""
    approved = approved_by(raid)
    assert filled_by(raid) == approved
    assert {answer.client_order_id.value for answer in raid.answers if isinstance(answer, OrderAccepted)} <= set(approved)
    assert [answer for answer in raid.answers if isinstance(answer, OrderRejected)] == []


def approved_by(raid: Raid) -> dict[str, tuple[str, str, Decimal]]:
    """Return instrument, side and quantity of everything the Sentinel approved."""
    return {a.client_order_id: (a.instrument_id, a.side.value, a.quantity) for plan in raid.rogue.plans for a in plan}


def filled_by(raid: Raid) -> dict[str, tuple[str, str, Decimal]]:
    """Return instrument, side and quantity of everything the venue filled."""
    filled: dict[str, tuple[str, str, Decimal]] = {}
    for fill in (answer for answer in raid.answers if isinstance(answer, OrderFilled)):
        order_id = fill.client_order_id.value
        before = filled.get(order_id, ("", "", Decimal(0)))[2]
        side = "BUY" if fill.order_side == OrderSide.BUY else "SELL"
        filled[order_id] = (fill.instrument_id.value, side, before + fill.last_qty.as_decimal())
    return filled


def test_the_venue_holds_no_order_and_its_balances_are_those_of_the_log(raid):
    keeper = raid.ran.assembly.recorder.keeper
    expected = dict(keeper.cash["BINANCE"])
    for name in CRYPTO:
        if keeper.positions.get(name.symbol):
            expected[name.base] = keeper.positions[name.symbol]
    assert raid.rogue.open_orders == []
    assert {code: amount for code, amount in raid.rogue.balances.items() if amount} == {c: a for c, a in expected.items() if a}


@pytest.mark.parametrize("attack", [attack for attack in [*FREE, *WAITING] if attack not in SENDS_NOTHING])
def test_every_denied_order_has_its_line(raid, attack):
    """An id that was tried several times has as many lines."""
    ids = raid.algorithm.children if attack == "algorithm" else raid.rogue.tried[attack]
    tries = Counter(raid.algorithm.children)
    for tried in raid.rogue.tried.values():
        tries.update(tried)
    denied = Counter(line["client_order_id"] for line in raid.ran.of("verdict") if line["outcome"] == "DENY")
    denied += Counter(line["client_order_id"] for line in raid.ran.of("reject") if line["code"] != "DENIED")
    assert {order_id: denied[order_id] for order_id in ids} == {order_id: tries[order_id] for order_id in ids}


def test_the_honest_strategy_traded_both_manifests_and_nothing_halted(raid):
    assert raid.ran.code == 0
    assert [line["outcome"] for line in raid.ran.of("cycle_end")] == ["done", "done"]
    assert raid.ran.of("halt") == []
    assert {fill["symbol"] for fill in raid.ran.of("fill") if fill["cycle"] == 2} == {BTC.symbol, ETH.symbol, SOL.symbol}


@pytest.mark.parametrize("squat", SQUATS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_an_id_that_a_rogue_took_first_costs_that_line_and_nothing_else(kernel, squat, tmp_path):
    """Nautilus denies the honest order as a duplicate: the cycle ends, the venue saw only what was approved."""
    raid = _raid(KERNELS[kernel], tmp_path, free=[], waiting=[squat], ms=10)
    approved = approved_by(raid)
    (taken,) = set(raid.rogue.tried[squat])
    assert raid.rogue.raised == {}
    assert filled_by(raid) == {order_id: line for order_id, line in approved.items() if order_id != taken}
    assert [line["outcome"] for line in raid.ran.of("cycle_end")] == ["done", "done"]
    assert raid.ran.of("halt") == []
