"""One made day with a schedule on, through a backtest and through a live node: the same children, sends and fills.

The course of a schedule goes by the engine's clock, so a child falls due up to some milliseconds later in a node: no quote that
changes a price lies near a due time. The node runs in real time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.feed import FeedQuote
from tests.gate.script import Script
from tests.gate.world import BTC, CRYPTO, ETH, SOL, Ran, World, manifest_text, quote, run_backtest, run_shadow
from tests.parity.comparison import differing, fills_of, orders_of, plans_of, sends_of
from tests.parity.stalls import Stalls, memory, undisturbed
from tests.schedules.test_runs import trades_of

SCHEDULES = {
    "twap": 'kind = "twap"\nduration_s = 4\nslices = 4\n',
    "passive then cross": 'kind = "passive_then_cross"\ntimeout_s = 2\n',
    "pov": 'kind = "pov"\nduration_s = 4\nparticipation_max = "0.1"\n',
}
MOVE_MS = 500  # prices stand still for so long, and children fall due in the middle of it


def made_quotes() -> list[FeedQuote]:
    """A quote every 25 ms for each name; all prices move together every `MOVE_MS`, about 250 ms after a child falls due."""
    return [
        quote(name, 25 * i + 5 * place, ticks=(7 * ((25 * i + 150) // MOVE_MS)) % 23 - 11)
        for i in range(240)
        for place, name in enumerate(CRYPTO)
    ]


def run_day(root: Path, kernel: Any, name: str, **more: Any) -> Ran:
    world = World(
        root, latency_ms="8", jitter_ms="0", policy='schedule = "slow"', schedules=f"[schedules.slow]\n{SCHEDULES[name]}"
    )
    world.quotes = made_quotes()
    world.write()
    first = world.save("first.json", manifest_text({BTC.symbol: "0.2", ETH.symbol: "0.2", SOL.symbol: "0.1"}))

    def prepare(engine: Any, assembly: Any) -> None:
        if name == "pov":
            trade = trades_of(ETH, "9.0000")
            steps = [trade if tick % 20 == 1 else (lambda script: None) for tick in range(180)]  # half way between two moves
            engine.trader.add_strategy(Script(ETH.instrument_id, steps))

    return kernel(world, [(50, first)], prepare=prepare, **more)


def children_of(ran: Ran) -> list[tuple[Any, ...]]:
    """Id, number, side, quantity and kind of every child, by parent: which of two parents goes first is the clock's."""
    names = ("parent_client_order_id", "child", "client_order_id", "side", "quantity", "order_kind", "limit_price")
    return sorted(tuple(line[name] for name in names) for line in ran.of("intent") if line["child"])


@pytest.fixture(scope="module", params=SCHEDULES)
def days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Ran, Ran]:
    """The backtest and a node's day."""
    name = request.param
    test = run_day(tmp_path_factory.mktemp("test"), run_backtest, name)
    with memory() as root:

        def run(number: int, stalls: Stalls) -> Ran:
            place = root / str(number)
            place.mkdir()
            return run_day(place, run_shadow, name, beside=stalls.watch)

        return name, test, undisturbed(run, differs=lambda node: differing(test, node)[1])


def test_the_day_has_children_that_fill(days):
    """Of the day itself: else parity would be luck."""
    name, test, _ = days
    parents = [line for line in test.of("intent") if not line["child"]]
    assert len(parents) == 3
    assert len(children_of(test)) >= {"twap": 12, "passive then cross": 3, "pov": 2}[name]
    assert len(test.of("fill")) >= 2


def test_plans_and_parents_are_the_same(days):
    _, test, node = days
    assert plans_of(node) == plans_of(test)
    assert [o for o in orders_of(node) if o[0] in {p["client_order_id"] for p in node.of("intent") if not p["child"]}] == [
        o for o in orders_of(test) if o[0] in {p["client_order_id"] for p in test.of("intent") if not p["child"]}
    ]


def test_children_have_the_same_ids_sides_quantities_kinds_and_limit_prices(days):
    _, test, node = days
    assert children_of(node) == children_of(test), differing(test, node)[1]


def test_fills_are_the_same_at_the_same_prices_in_the_same_order(days):
    _, test, node = days
    assert fills_of(node) == fills_of(test), differing(test, node)[1]
    assert sends_of(node) == sends_of(test)


def test_every_parent_ends_for_the_same_cause_with_the_same_quantity(days):
    _, test, node = days

    def ends(ran: Ran) -> list[tuple[str, str, str]]:
        return sorted((line["client_order_id"], line["cause"], line["filled_quantity"]) for line in ran.of("cancel"))

    assert ends(node) == ends(test)
    assert node.of("halt") == test.of("halt") == []


def test_a_schedule_of_another_number_of_slices_does_not_pass(tmp_path):
    """The bad twin: the comparison sees what it must see."""
    made = []
    for slices in (4, 5):
        root = tmp_path / str(slices)
        root.mkdir()
        world = World(
            root, latency_ms="8", jitter_ms="0", policy='schedule = "slow"',
            schedules=f'[schedules.slow]\nkind = "twap"\nduration_s = 2\nslices = {slices}\n',
        )  # fmt: skip
        world.quotes = made_quotes()
        world.write()
        first = world.save("first.json", manifest_text({ETH.symbol: "0.2"}))
        made.append(run_backtest(world, [(50, first)]))
    assert children_of(made[0]) != children_of(made[1])
    assert fills_of(made[0]) != fills_of(made[1])
