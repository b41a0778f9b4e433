"""One made day through a backtest and through a live node: the same plan lines, orders and fills.

No quote lies near a due time, and each manifest is decided by quotes that come well after it in both: the node sees it up to a
poll later. The node runs in real time, so the day keeps distances that a busy machine seldom exceeds.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sim.feed import FeedQuote
from tests.gate.world import BTC, DAY_NS, ETH, MS, SOL, Ran, World, manifest_text, quote, run_backtest, run_shadow
from tests.parity.comparison import described, differences_ms, differing, fills_of, orders_of, plans_of, sends_of
from tests.parity.stalls import Stalls, memory, undisturbed

TOLERANCE_MS = 5.0
STALL_MS = 2.0  # several of these add up to more than the tolerance
DISTANCE_MS = 30.0
STEP_MS = 400
FIRST = {BTC.symbol: "0.3", ETH.symbol: "0.3"}
SECOND = {ETH.symbol: "0.1", SOL.symbol: "0.4"}
MANIFESTS_AT_MS = (STEP_MS - 150, 7 * STEP_MS - 150)  # so long before the prices they are decided on


def made_quotes() -> list[FeedQuote]:
    """Every `STEP_MS` the three prices move, 5 ms after each other; orders decided on them are filled before the next."""
    return [
        quote(name, STEP_MS * i + 5 * place, ticks=(7 * i + 3 * place) % 23 - 11)
        for i in range(13)
        for place, name in enumerate((BTC, ETH, SOL))
    ]


def made_day(root: Path, *, seed: int = 1, latency_ms: str = "40") -> World:
    """Return the day on disk."""
    return World(root, seed=seed, latency_ms=latency_ms, jitter_ms="20", quotes=made_quotes()).write()


def manifests(world: World) -> list[tuple[int, Path]]:
    return [
        (at_ms, world.save(f"at-{at_ms}.json", manifest_text(weights)))
        for at_ms, weights in zip(MANIFESTS_AT_MS, (FIRST, SECOND), strict=True)
    ]


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """No collection of garbage in the middle of a millisecond."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with memory() as path:
        yield path


@pytest.fixture(scope="module")
def shadow(root: Path, quiet: None) -> Callable[[int, Stalls], Ran]:
    """The day in a node, once more."""
    numbers = count()

    def run(_: int, stalls: Stalls) -> Ran:
        world = made_day(root / f"shadow-{next(numbers)}")
        return run_shadow(world, manifests(world), beside=stalls.watch)

    return run


@pytest.fixture(scope="module")
def day(root: Path, shadow: Callable[[int, Stalls], Ran]) -> tuple[Ran, Ran]:
    """The backtest and a node's day."""
    world = made_day(root / "test")
    test = run_backtest(world, manifests(world))
    return test, undisturbed(shadow, differs=lambda ran: differing(test, ran)[1])


def latest(test: Ran, shadows: list[Ran]) -> dict[tuple[str, str], float]:
    """Return how late each time was in the try in which it was least so; another program's stall is not this engine's."""
    tries = [differences_ms(test, shadow) for shadow in shadows if differing(test, shadow)[1] == []]
    return {key: min(abs(found[key]) for found in tries) for key in tries[0]}


def test_the_day_sells_and_then_buys_and_keeps_its_distance_from_due_times(day):
    """Of the day itself: else parity would be luck."""
    test, _ = day
    due_ms = [(line["event_ns"] - DAY_NS) / MS for line in test.of("fill")]
    quotes_ms = [(made.market_ns - DAY_NS) / MS for made in made_quotes()]
    assert [line["side"] for line in test.of("fill")] == ["BUY", "BUY", "SELL", "SELL", "BUY"]
    assert min(abs(at - due) for at in quotes_ms for due in due_ms) >= DISTANCE_MS


def test_both_plan_the_same_lines(day):
    test, ran = day
    assert plans_of(ran) == plans_of(test)
    assert len(plans_of(test)) == 2


def test_both_send_the_same_orders_under_the_same_ids_in_the_same_order(day):
    test, ran = day
    assert orders_of(ran) == orders_of(test), differing(test, ran)[1]
    assert sends_of(ran) == sends_of(test)


def test_both_fill_the_same_quantities_at_the_same_prices_in_the_same_order(day):
    test, ran = day
    assert fills_of(ran) == fills_of(test), differing(test, ran)[1]


def test_plans_and_fills_are_within_five_milliseconds(day, shadow):
    """What is late by more than a try's longest stall explains is the engine's, where it is so in every try."""
    test, ran = day
    shadows = [ran]

    def run(number: int, stalls: Stalls) -> Stalls:
        shadows.append(shadow(number, stalls))
        return stalls

    def late() -> dict[tuple[str, str], float]:
        return {key: ms for key, ms in latest(test, shadows).items() if ms > TOLERANCE_MS}

    def differs(stalls: Stalls) -> list[tuple[Any, ...]]:
        return [key if ms > TOLERANCE_MS + stalls.worst_ms else (*key, len(shadows)) for key, ms in late().items()]

    if late():
        undisturbed(run, differs=differs, distance_ms=STALL_MS)
    assert not late(), described(late())


@pytest.mark.parametrize(
    "changed", [{"seed": 2}, {"latency_ms": "140"}], ids=["another seed moves the draws", "another latency moves the fills"]
)
def test_a_venue_with_other_assumptions_does_not_pass(changed, day, tmp_path):
    """The bad twin: the comparison sees what it must see."""
    test, _ = day
    world = made_day(tmp_path, **changed)
    twin = run_backtest(world, manifests(world))
    assert orders_of(twin)[:2] == orders_of(test)[:2]
    assert max(abs(ms) for ms in differences_ms(test, twin).values()) > TOLERANCE_MS


def test_an_environment_of_another_name_shares_no_order_id(day, tmp_path):
    test, _ = day
    world = made_day(tmp_path)
    world.environment = "another-day"
    world.write()
    twin = run_backtest(world, manifests(world))
    assert not set(sends_of(twin)) & set(sends_of(test))
