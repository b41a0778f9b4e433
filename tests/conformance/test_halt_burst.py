"""A halt in the middle of a burst of 500 orders, at random instants: none reaches the venue after it, over all four harnesses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.permission import FilePermission
from tests.children import seeds
from tests.conformance.burst import BURST, CASH, KINDS, Cut, Moment, cut_off
from tests.conformance.invariants import check_record, left_by
from tests.conformance.made import Made
from tests.conformance.node_harness import NodeHarness
from venues.ccxt.private_api import POSTS_MAX

ROUNDS = seeds("SLUICE_ROUNDS", full=25, short=1)
OF_A_NODE = ("a control", "a second terminal", "a second terminal at any time")
CASES = [("backtest", "a control"), *((kind, trigger) for kind in ("node", "ccxt", "ibkr") for trigger in OF_A_NODE)]
SLOW_MS = 1_500


def trip_of(trigger: str, harness: Any) -> Callable[[], Any]:
    """What halts: the engine itself, on its thread; or the file's removal by somebody else, who tells it nothing."""
    if trigger == "a control":
        return lambda: harness.assembly.halt("a test")
    layout = harness.made.layout
    return lambda: FilePermission(layout).halt(by="ann", reason="a test", now_ns=time.time_ns())


def draw(questions: int, dice: random.Random) -> int:
    """Return one of all questions, or, as likely, one on the wire, where some of the burst is at the venue already."""
    return dice.randint(dice.choice((1, 2 * BURST + 1)), questions)


def burst(
    root: Path,
    kind: str,
    trigger: str,
    dice: random.Random,
    *,
    deaf: bool = False,
    arrivals: int = 0,
    before: Callable[[Any], None] = lambda harness: None,
) -> Cut:
    """Run one burst to its end and return what became of it; the record of a sound one is examined. `arrivals`: see `Moment`."""
    made: Any = KINDS[kind]
    moment = Moment(at=None if trigger == OF_A_NODE[-1] else draw(made.questions, dice), arrivals=arrivals)
    harness = made.of(Made(root, made.first, made.other, cash=CASH).write(), moment, deaf=deaf)
    moment.trip = trip_of(trigger, harness)
    try:
        before(harness)
        cut = cut_off(harness, dice)
        left = left_by(harness)
        harness.close_record()
    finally:
        harness.stop()
    if not deaf:
        check_record(harness, left)
    if isinstance(harness, NodeHarness):
        assert {reason.partition(":")[0] for reason in harness.halts} <= {"a test"}
    return cut


@pytest.mark.parametrize("seed", ROUNDS)
@pytest.mark.parametrize(("kind", "trigger"), CASES, ids=lambda word: word)
def test_no_order_of_a_burst_reaches_the_venue_after_a_halt(kind: str, trigger: str, seed: int, tmp_path: Path) -> None:
    cut = burst(tmp_path, kind, trigger, random.Random(f"{kind}, {trigger}, {seed}"))
    assert cut.problems() == []
    assert len(cut.ended) + len(cut.refused) == BURST


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_check_orders_reach_the_venue_and_are_seen(kind: str, tmp_path: Path) -> None:
    cut = burst(tmp_path, kind, "a control", random.Random(kind), deaf=True)
    assert any("reached the venue after the halt" in words for words in cut.problems()), cut.problems()


def test_orders_that_wait_for_a_line_to_a_slow_venue_do_not_leave_after_a_halt(tmp_path: Path) -> None:
    """Every answer takes its time, so most of the burst waits for a connection long after the lock let it pass."""

    def slow(harness: Any) -> None:
        harness.venue.fault("POST order", "delay", when="after", times=0, ms=SLOW_MS)

    cut = burst(tmp_path, "ccxt", OF_A_NODE[-1], random.Random("slow"), arrivals=POSTS_MAX // 2, before=slow)
    assert cut.problems() == []
    assert 0 < len(cut.ended) <= POSTS_MAX
