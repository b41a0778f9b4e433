"""The conformance suite, a killed engine: SIGKILL between journal and wire, and between wire and answer; then another start."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from tests.children import END_S, child, kill
from tests.conformance.made import ROOT
from tests.conformance.node_harness import NodeHarness
from tests.conformance.outside_harness import OutsideHarness

D = Decimal


def killed(
    harness: NodeHarness, *, dies: str, prepare: Callable[[], None] = lambda: None, when: Callable[[], bool] = lambda: False
) -> str:
    """End this engine, `prepare`, let another process send an order and die, where it `dies` or `when` that holds; start again.

    Return the order's client order id.
    """
    harness.close_record()
    harness.stop()
    prepare()
    life = msgspec.json.encode(harness.next_life(dies)).decode()
    command = [sys.executable, "-m", "tests.conformance.mortal", harness.name, str(harness.made.root), life]
    with child(command, cwd=ROOT) as process:
        deadline = time.monotonic() + END_S
        while process.poll() is None and not when():
            assert time.monotonic() < deadline, kill(process)
            time.sleep(0.01)
        said = kill(process)
    assert process.returncode == -9, said
    harness.restart()
    (intent,) = harness.lines("intent")
    return str(intent["client_order_id"])


@pytest.mark.needs("kill")
def test_c38_an_engine_killed_between_journal_and_wire_ends_the_order_as_never_sent(harness: NodeHarness) -> None:
    order_id = killed(harness, dies="before it is sent")
    ended = harness.until_line(order_id, "cancel", "fill")
    assert (ended["type"], ended["filled_quantity"]) == ("cancel", "0")
    assert harness.venue_ids() == []


@pytest.mark.needs("kill")
@pytest.mark.parametrize(
    ("taken", "kind"),
    [
        pytest.param(True, "fill", id="it was taken"),
        pytest.param(False, "cancel", id="it was not taken", marks=pytest.mark.needs("faults")),
    ],
)
def test_c39_an_engine_killed_between_wire_and_answer_learns_what_became_of_the_order(
    harness: NodeHarness, taken: bool, kind: str
) -> None:
    if isinstance(harness, OutsideHarness):
        harness.expect_faults()
        order_id = killed(
            harness,
            dies="",
            prepare=lambda: harness.break_next("create", "no answer", after=taken),
            when=lambda: harness.struck() == 1,
        )
    else:
        order_id = killed(harness, dies="once it is received")
    assert harness.until_line(order_id, "fill", "cancel")["type"] == kind
    assert harness.venue_ids() == [order_id] * taken
    harness.settle()
    assert len(harness.lines("fill")) == taken
