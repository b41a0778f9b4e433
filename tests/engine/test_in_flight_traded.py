"""A newer manifest meets orders at work: it waits for them, counts them as filled, or has those in its way cancelled."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gate.world import Ran, World, manifest_text, quote, run_backtest, run_shadow, shares

A, B = shares(2)
SLICED = '[schedules.slices]\nkind = "twap"\nduration_s = 2\nslices = 4\n'
FIRST = manifest_text({A.symbol: "0.4", B.symbol: "0.4"}, generated="2025-01-06T13:59:30")
LESS_OF_A = manifest_text({A.symbol: "0.15", B.symbol: "0.4"}, generated="2025-01-06T13:59:31")
MORE_OF_A = manifest_text({A.symbol: "0.5", B.symbol: "0.2"}, generated="2025-01-06T13:59:31")
type Run = Callable[..., Ran]


@pytest.fixture(params=[run_backtest, run_shadow], ids=["backtest", "node"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def met(run: Run, root: Path, policy: str, second: str) -> Ran:
    """The second manifest comes while both parents of the first have filled two of four slices."""
    policy = f'schedule = "slices"\ntop_ups_max = 3\nin_flight = "{policy}"'
    world = World(root, names=(A, B), latency_ms="5", jitter_ms="0", policy=policy, schedules=SLICED)
    world.quotes = [quote(name, ms) for ms in range(20, 9_000, 100) for name in world.names]
    world.write()
    return run(world, [(60, world.save("1.json", FIRST)), (850, world.save("2.json", second))])


def weight(ran: Ran, name: object) -> Decimal:
    return ran.assembly.recorder.keeper.positions[name.symbol] / 1_000  # type: ignore[attr-defined,no-any-return]


def near(value: Decimal, wanted: str) -> bool:
    return abs(value - Decimal(wanted)) < Decimal("0.005")


def cycles(ran: Ran) -> list[tuple[str, str]]:
    return [(line["cause"], end["outcome"]) for line, end in zip(ran.of("cycle"), ran.of("cycle_end"), strict=True)]


def sound(ran: Ran) -> bool:
    """Every order ended, no parent filled beyond its quantity, nothing was refused."""
    ordered = {line["client_order_id"]: Decimal(line["quantity"]) for line in ran.of("intent")}
    filled: dict[str, Decimal] = {}
    for line in ran.of("fill"):
        filled[line["client_order_id"]] = filled.get(line["client_order_id"], Decimal(0)) + Decimal(line["quantity"])
    return (
        not ran.kernel.cache.orders_open()
        and not ran.of("reject", "halt")
        and all(amount <= ordered[order_id] for order_id, amount in filled.items())
    )


def test_wait_plans_when_the_orders_have_ended(run: Run, tmp_path: Path) -> None:
    ran = met(run, tmp_path, "wait", LESS_OF_A)
    assert cycles(ran) == [("new_manifest", "done"), ("new_manifest", "done")]
    assert sound(ran)
    assert near(weight(ran, A), "0.15")
    assert near(weight(ran, B), "0.4")


def test_replace_cancels_what_leads_past_the_target_and_lets_the_rest_go_on(run: Run, tmp_path: Path) -> None:
    ran = met(run, tmp_path, "replace", LESS_OF_A)
    assert cycles(ran)[:2] == [("new_manifest", "superseded"), ("new_manifest", "partial")]
    assert {cause for cause, _ in cycles(ran)[2:]} == {"top_up"}
    assert cycles(ran)[-1][1] == "done"
    plan = ran.of("plan")[1]["plan"]
    first = {line["symbol"]: line["client_order_id"] for line in ran.of("intent")[:2]}
    assert plan["cancels"] == [first[A.symbol]]
    assert {line["symbol"]: line["reason"] for line in plan["lines"]} == {A.symbol: "REPLACE", B.symbol: "IN_FLIGHT"}
    ended = {line["client_order_id"]: line["cause"] for line in ran.of("cancel")}
    assert ended[first[B.symbol]] == "schedule_done"
    assert ended[first[A.symbol]] != "schedule_done"
    assert sound(ran)
    assert near(weight(ran, A), "0.15")
    assert near(weight(ran, B), "0.4")


def test_net_adds_beside_what_works_and_waits_where_it_works_the_other_way(run: Run, tmp_path: Path) -> None:
    ran = met(run, tmp_path, "net", MORE_OF_A)
    assert cycles(ran)[0] == ("new_manifest", "superseded")
    assert cycles(ran)[-1] == ("top_up", "done")
    plan = ran.of("plan")[1]["plan"]
    assert {line["symbol"]: line["reason"] for line in plan["lines"]} == {A.symbol: "TRADE", B.symbol: "IN_FLIGHT"}
    assert plan["cancels"] == []
    assert near(Decimal(next(line["quantity"] for line in plan["lines"] if line["symbol"] == A.symbol)) / 1_000, "0.1")
    assert sound(ran)
    assert near(weight(ran, A), "0.5")
    assert near(weight(ran, B), "0.2")
