"""Planning keeps the cycle collector out: it makes nothing to collect, and leaves the collector as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from orders.errors import InputError
from strategies.planner import plan
from tests.planner.world import D, inputs, planned, policy

PRICES = {"NYSE:AAA": ("10", "10"), "NYSE:BBB": ("20", "20.1")}


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


def test_a_plan_makes_no_cycles() -> None:
    given = inputs({"NYSE:AAA": "0.5", "NYSE:BBB": "0.6"}, prices=PRICES, held={"NYSE:BBB": "3"})
    planned(given)
    gc.collect()
    gc.disable()
    made = planned(given)
    assert len(made.lines) == 2
    del made
    assert gc.collect() == 0


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
def test_the_collector_is_left_as_it_was(on: bool) -> None:
    (gc.enable if on else gc.disable)()
    planned(inputs({"NYSE:AAA": "0.5"}, prices=PRICES))
    assert gc.isenabled() is on
    with pytest.raises(InputError):
        plan(inputs({"NYSE:AAA": "NaN"}, prices=PRICES))
    assert gc.isenabled() is on
    with pytest.raises(InputError):
        plan(inputs({"NYSE:AAA": "0.5"}, prices=PRICES, policy=policy(cash_buffer_fraction=D(2))))
    assert gc.isenabled() is on
