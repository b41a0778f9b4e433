"""One scripted market simulated and at the rehearsal exchange: the same order events but ids and times and a reviewed list."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from tests.parity.comparison import plans_of
from tests.parity.differences import REVIEWED, claimed, differences, orders_of
from tests.parity.rehearsed import ENGINES, Log, run
from tests.parity.scripts import SCRIPTS

pytestmark = pytest.mark.slow
NAMES = [script.name for script in SCRIPTS]
DECISIONS = {"manifest": ("decision", "code"), "cycle": ("cause",), "skip": ("symbol", "reason"), "cycle_end": ("outcome",)}


def coarse(value: Any) -> Any:
    """A plan with its amounts to the fourth place: cash remembers the last place of fees. Quantities are exact."""
    if isinstance(value, dict):
        return {name: each if name in ("quantity", "held_quantity") else coarse(each) for name, each in value.items()}
    if isinstance(value, list):
        return [coarse(each) for each in value]
    try:
        return Decimal(value).quantize(Decimal("0.0001"))
    except (ArithmeticError, TypeError, ValueError):
        return value


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Log, Log]]:
    """Both logs of each script, by its name."""
    found = {}
    with ThreadPoolExecutor(max_workers=len(ENGINES)) as pool:
        for script in SCRIPTS:
            texts = script.manifests()
            roots = [tmp_path_factory.mktemp(engine) for engine in ENGINES]
            going = [pool.submit(run, script, *each, manifests=texts) for each in zip(ENGINES, roots, strict=True)]
            simulated, rehearsed = (each.result() for each in going)
            found[script.name] = (simulated, rehearsed)
    return found


def test_the_scripts_try_what_orders_can_go_through(logs):
    """Of the scripts themselves: else equality would be cheap."""
    lines = [line for simulated, _ in logs.values() for line in simulated.lines]
    intents = [line for line in lines if line["type"] == "intent"]
    fills = [line for line in lines if line["type"] == "fill"]
    assert {(line["side"], line["order_kind"]) for line in intents} >= {("BUY", "MARKET"), ("SELL", "MARKET"), ("BUY", "LIMIT")}
    assert {line["schedule"] for line in intents} == {"at_once", "patient", "slow"}
    assert {line["liquidity"] for line in fills} == {"maker", "taker"}
    assert any(line["filled_quantity"] != line["order_quantity"] for line in fills)
    assert {line["cause"] for line in lines if line["type"] == "cancel"} >= {"cancelled", "schedule_done"}
    assert {line["decision"] for line in lines if line["type"] == "plan"} == {"PLAN", "REFUSED"}


@pytest.mark.parametrize("name", NAMES)
def test_both_decide_the_same(logs, name):
    simulated, rehearsed = logs[name]
    assert coarse(plans_of(simulated)) == coarse(plans_of(rehearsed))
    assert simulated.told(DECISIONS) == rehearsed.told(DECISIONS)


def sent(log: Log) -> list[tuple[str, str]]:
    """Symbol and id of every order in the order in which they left."""
    return [(line["symbol"], line["client_order_id"]) for line in log.of("send") if line["action"] == "submit"]


@pytest.mark.parametrize("name", NAMES)
def test_both_have_the_same_orders_under_the_same_ids_sent_in_the_same_order_of_a_symbol(logs, name):
    """Slices of two symbols are due when each symbol's own draws say, which may be the same instant."""
    simulated, rehearsed = logs[name]
    assert sorted(sent(simulated), key=lambda pair: pair[0]) == sorted(sent(rehearsed), key=lambda pair: pair[0])
    assert set(orders_of(simulated.lines)) == set(orders_of(rehearsed.lines))


def test_in_both_what_pays_leaves_before_what_is_paid(logs):
    simulated, rehearsed = (sent(log) for log in logs["sells pay for buys"])
    assert simulated == rehearsed


@pytest.mark.parametrize("name", NAMES)
def test_what_happens_to_an_order_is_the_same_but_for_the_reviewed_list(logs, name):
    simulated, rehearsed = logs[name]
    _, unlisted = claimed(differences(simulated.lines, rehearsed.lines))
    assert unlisted == []


def test_every_difference_of_the_list_occurs(logs):
    found = [each for simulated, rehearsed in logs.values() for each in differences(simulated.lines, rehearsed.lines)]
    by_name, _ = claimed(found)
    assert [entry.name for entry in REVIEWED if not by_name[entry.name]] == []


def changed(kind: str, **change: Any) -> Callable[[list[dict[str, Any]]], None]:
    """A change of the first line of a type; a callable value is given the old one."""

    def act(lines: list[dict[str, Any]]) -> None:
        line = next(each for each in lines if each["type"] == kind)
        line.update({name: value(line[name]) if callable(value) else value for name, value in change.items()})

    return act


def without(kind: str) -> Callable[[list[dict[str, Any]]], None]:
    """The first line of a type is missing."""
    return lambda lines: lines.remove(next(each for each in lines if each["type"] == kind))


def swapped(lines: list[dict[str, Any]]) -> None:
    """The second fill of an order that has two comes first."""
    fills = [place for place, line in enumerate(lines) if line["type"] == "fill"]
    first = fills[0]
    second = next(place for place in fills[1:] if lines[place]["client_order_id"] == lines[first]["client_order_id"])
    lines[first], lines[second] = lines[second], lines[first]


def renamed(lines: list[dict[str, Any]]) -> None:
    """An order under another id, all through."""
    old = next(line["client_order_id"] for line in lines if line["type"] == "intent")
    for line in lines:
        if line.get("client_order_id") == old:
            line["client_order_id"] = "f" * 32


TWINS = {
    "a price a tick off": changed("fill", price="100000.03"),
    "a fee two hundred-millionths off": changed("fill", fee=lambda fee: f"{float(fee) + 2e-8:.8f}"),
    "a fee in the other currency": changed("fill", fee_currency="USDT"),
    "a step less": changed("fill", quantity="0.29999"),
    "the other side": changed("intent", side="SELL"),
    "a maker that was a taker": changed("fill", liquidity="maker"),
    "a fill that is missing": without("fill"),
    "an acknowledgement that is missing": without("ack"),
    "a send that is missing": without("send"),
    "fills in another order": swapped,
    "another id": renamed,
    "a control that was not asked": changed("verdict", verdicts=lambda rows: rows[1:]),
    "another verdict": changed("verdict", code="HALT"),
}


@pytest.mark.parametrize("twin", TWINS.values(), ids=list(TWINS))
def test_a_difference_that_is_on_no_list_is_found(logs, twin):
    """The bad twins: one thing of a log is changed, and the comparison says so."""
    simulated, rehearsed = logs["sells pay for buys"]
    lines = deepcopy(rehearsed.lines)
    twin(lines)
    _, unlisted = claimed(differences(simulated.lines, lines))
    assert unlisted != []


def test_an_entry_that_claims_what_another_claims_settles_nothing(logs):
    simulated, rehearsed = logs["sells pay for buys"]
    _, unlisted = claimed(differences(simulated.lines, rehearsed.lines), reviewed=(*REVIEWED, REVIEWED[0]))
    assert {found.kind for found in unlisted} == {"received"}
