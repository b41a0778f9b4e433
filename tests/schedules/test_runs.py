"""Schedules in real runs: manifest, planner, Sentinel, gate, recorder and the simulated venue, in a backtest and in a node."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, TradeId
from nautilus_trader.model.objects import Price, Quantity

from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold, decode_line
from orders.ids import client_order_id
from tests.gate.script import Script
from tests.gate.world import (
    BTC,
    CRYPTO,
    DAY_NS,
    ETH,
    MS,
    SECOND,
    Ran,
    World,
    listen,
    manifest_text,
    quote,
    run_backtest,
    run_shadow,
)

KERNELS = {"backtest": run_backtest, "node": run_shadow}
TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 2\nslices = 50\n'
PASSIVE = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 1\n'
SHARE = '[schedules.slow]\nkind = "pov"\nduration_s = 2\nparticipation_max = "0.1"\n'


def world_of(root: Any, schedules: str, *, count: int = 150, ms: int = 25, ticks: Callable[[int], int] = lambda i: 0) -> World:
    world = World(root, latency_ms="5", jitter_ms="0", policy='schedule = "slow"', schedules=schedules)
    world.quotes = [quote(CRYPTO[i % 3], ms * i, ticks=ticks(ms * i)) for i in range(count)]
    return world.write()


def parents(ran: Ran) -> list[dict[str, Any]]:
    return [line for line in ran.of("intent") if line["parent_client_order_id"] is None]


def children(ran: Ran, parent: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for line in ran.of("intent") if line["parent_client_order_id"] == parent["client_order_id"]]


def fills(ran: Ran, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = {order["client_order_id"] for order in orders}
    return [line for line in ran.of("fill") if line["client_order_id"] in ids]


def total(lines: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(line["quantity"]) for line in lines), Decimal(0))


def end_of(ran: Ran, order: dict[str, Any]) -> dict[str, Any]:
    (line,) = (line for line in ran.of("cancel") if line["client_order_id"] == order["client_order_id"])
    return line


@pytest.fixture(scope="module", params=KERNELS)
def twap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Ran, list[Any]]:
    world = world_of(tmp_path_factory.mktemp("twap"), TWAP)
    first = world.save("first.json", manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.3"}))
    answers: list[list[Any]] = []
    ran = KERNELS[request.param](world, [(60, first)], prepare=lambda kernel, assembly: answers.append(listen(kernel)))
    return world, ran, answers[0]


def test_a_twap_of_50_children_fills_its_parent(twap):
    world, ran, _ = twap
    assert [parent["symbol"] for parent in parents(ran)] == [BTC.symbol, ETH.symbol]
    for parent in parents(ran):
        sent = children(ran, parent)
        assert len(sent) == 50 if world.layout.log.exists() is False else 20 < len(sent) <= 50  # a busy machine wakes late
        assert total(sent) == total(fills(ran, sent)) == Decimal(parent["quantity"])
        assert end_of(ran, parent)["cause"] == "schedule_done"
        assert Decimal(end_of(ran, parent)["filled_quantity"]) == Decimal(parent["quantity"])


def test_a_twap_is_one_execution_however_many_children_it_has(twap):
    """Control 6 counts parents; each child is a message, and the last one finds nothing of its line reserved any more."""
    _, ran, _ = twap
    running = ran.assembly.sentinel.running
    assert running.repeats.within([BTC.symbol, ETH.symbol], 0) == {BTC.symbol: 1, ETH.symbol: 1}
    assert running.reservations.unsent() == ()
    assert [line for line in ran.of("verdict") if line["code"]] == []


def test_the_parent_itself_reaches_no_venue(twap):
    _, ran, answers = twap
    ids = {parent["client_order_id"] for parent in parents(ran)}
    filled = {answer.client_order_id.value for answer in answers if isinstance(answer, OrderFilled)}
    assert filled == {child["client_order_id"] for parent in parents(ran) for child in children(ran, parent)}
    assert not ids & {line["client_order_id"] for line in ran.of("send", "verdict", "fill")}


def test_every_child_has_the_id_of_its_number_and_a_durable_intent_before_its_send(twap):
    _, ran, _ = twap
    for parent in parents(ran):
        for number, child in enumerate(children(ran, parent), start=1):
            expected = client_order_id(
                environment="made-day", manifest_sha256=parent["manifest_sha256"], cycle=1, line=parent["line"], child=number
            )
            assert (child["client_order_id"], child["child"], child["schedule"]) == (expected, number, "slow")
            send = next(line for line in ran.of("send") if line["client_order_id"] == expected)
            assert child["seq"] < send["seq"]
    assert all(fill["intent_durable_ns"] and fill["intent_durable_ns"] <= fill["sent_ns"] for fill in ran.of("fill"))


def test_the_children_go_at_even_distances_over_the_duration(twap):
    _, ran, _ = twap
    for parent in parents(ran):
        moments = [child["ts_ns"] for child in children(ran, parent)]
        assert moments == sorted(moments)
        gaps = [later - sooner for sooner, later in pairwise(moments)]
        assert min(gaps) > 0
        assert max(gaps) < 400 * MS
        assert 1_900 * MS < moments[-1] - moments[0] < 2_400 * MS


def test_the_gate_asked_the_counter_for_every_child(twap):
    _, ran, _ = twap
    asked = [[control for control, *_ in line["verdicts"]] for line in ran.of("verdict")]
    assert len(asked) == len(ran.of("intent")) - 2
    assert all(controls.count("CONSERVATION") == 1 for controls in asked)
    assert {line["outcome"] for line in ran.of("verdict")} == {"ALLOW"}


def test_the_log_of_a_schedule_folds_to_no_open_order_and_the_book_of_the_run(twap):
    world, ran, _ = twap
    layout = world.layout if world.layout.log.exists() else Layout(world.root / "backtest")
    fold = LogFold()
    for raw in layout.log.read_bytes().splitlines():
        fold.apply(decode_line(raw))
    assert fold.open_orders == {}
    assert fold.unexplained_fills == 0
    assert fold.keeper.positions == ran.assembly.recorder.keeper.positions
    assert all(len(ids) == 1 for ids in fold.orders_by_line.values())
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done"]
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_passive_then_cross_crosses_at_the_timeout(kernel, tmp_path):
    world = world_of(tmp_path, PASSIVE, count=100, ticks=lambda at: at // 25)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = KERNELS[kernel](world, [(60, first)])
    (parent,) = parents(ran)
    passive, crossing = children(ran, parent)
    assert (passive["order_kind"], crossing["order_kind"]) == ("LIMIT", "MARKET")
    assert Decimal(passive["limit_price"]) == Decimal(parent["arrival_bid"])
    assert fills(ran, [passive]) == []
    assert total(fills(ran, [crossing])) == Decimal(parent["quantity"])
    assert 1_000 * MS <= crossing["ts_ns"] - passive["ts_ns"] < 1_300 * MS
    assert end_of(ran, parent)["cause"] == "schedule_done"
    assert ran.of("halt") == []


def test_a_passive_order_that_the_market_comes_to_fills_as_maker_and_nothing_crosses(tmp_path):
    world = world_of(tmp_path, PASSIVE, count=100, ticks=lambda at: 0 if at < 500 else -5)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_backtest(world, [(60, first)])
    (parent,) = parents(ran)
    (passive,) = children(ran, parent)
    assert {fill["liquidity"] for fill in fills(ran, [passive])} == {"maker"}
    assert end_of(ran, parent)["cause"] == "schedule_done"


def trades_of(name: Any, size: str) -> Callable[[Any], None]:
    """A step that puts a trade of the market on the bus."""

    def step(script: Any) -> None:
        instrument_id = InstrumentId.from_str(name.instrument_id)
        now = script.clock.timestamp_ns()
        trade = TradeTick(
            instrument_id, Price.from_str("4000.00"), Quantity.from_str(size), AggressorSide.BUYER, TradeId(str(now)), now, now
        )
        script.msgbus.publish(topic=f"data.trades.BINANCE.{instrument_id.symbol}", msg=trade)

    return step


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_share_of_volume_is_kept_at_every_instant_and_the_rest_is_left(kernel, tmp_path):
    world = world_of(tmp_path, SHARE, count=130)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))

    def prepare(engine: Any, assembly: Any) -> None:
        engine.trader.add_strategy(Script(ETH.instrument_id, [trades_of(ETH, "1.0000")] * 25))

    ran = KERNELS[kernel](world, [(60, first)], prepare=prepare)
    (parent,) = parents(ran)
    sent = children(ran, parent)
    assert sent
    assert total(fills(ran, sent)) == total(sent) <= Decimal("2.5")
    assert total(sent) > Decimal("1.5")
    end = end_of(ran, parent)
    assert (end["cause"], Decimal(end["filled_quantity"])) == ("schedule_ended", total(sent))
    assert [line["code"] for line in ran.of("alarm") if line["code"] != "MANIFEST_VANISHED"] == ["SCHEDULE_ENDED"]


def test_a_venue_without_volume_gets_no_order_of_a_share_schedule(tmp_path):
    world = world_of(tmp_path, SHARE)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_backtest(world, [(60, first)])
    (parent,) = parents(ran)
    assert children(ran, parent) == []
    assert end_of(ran, parent)["cause"] == "schedule_ended"
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done"]


def test_sells_of_a_schedule_end_before_the_buys_begin(tmp_path):
    world = world_of(tmp_path, '[schedules.slow]\nkind = "twap"\nduration_s = 1\nslices = 10\n', count=200)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.5"}))
    second = world.save("second.json", manifest_text({BTC.symbol: "0.5"}))
    ran = run_backtest(world, [(60, first), (2_000, second)])
    sells = [line["seq"] for line in ran.of("fill") if line["cycle"] == 2 and line["side"] == "SELL"]
    buys = [line["seq"] for line in ran.of("fill") if line["cycle"] == 2 and line["side"] == "BUY"]
    assert len(sells) == len(buys) == 10
    assert max(sells) < min(buys)
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]


def test_a_schedule_without_its_profile_sends_nothing_and_says_so(tmp_path):
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    table = f'[schedules.slow]\nkind = "vwap"\nduration_s = 60\nslices = 5\nbucket_s = 3600\ncatalog = "{catalog}"\n'
    world = world_of(tmp_path, table, count=40)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_backtest(world, [(60, first)])
    (parent,) = parents(ran)
    assert children(ran, parent) == []
    assert end_of(ran, parent)["cause"] == "schedule_refused"
    (alarm,) = ran.of("alarm")
    assert alarm["code"] == "SCHEDULE_REFUSED"
    assert "NO_PROFILE" in alarm["message"]
    assert ran.of("halt") == []


def test_a_halt_in_the_middle_of_a_schedule_stops_it_with_the_rest_unsent(tmp_path):
    world = world_of(tmp_path, TWAP)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))

    def prepare(engine: Any, assembly: Any) -> None:
        def halt(script: Any) -> None:
            assembly.halt("a person said so")

        engine.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None] * 12 + [halt]))

    ran = run_backtest(world, [(60, first)], prepare=prepare)
    (parent,) = parents(ran)
    halted = ran.of("halt")[0]["seq"]
    assert not [line for line in ran.of("send", "received") if line["seq"] > halted]
    assert end_of(ran, parent)["cause"] == "schedule_stopped"
    assert Decimal(0) < Decimal(end_of(ran, parent)["filled_quantity"]) < Decimal(parent["quantity"])
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["interrupted"]


def test_a_parent_in_the_middle_of_its_schedule_is_one_open_order_with_all_it_has_not_filled(tmp_path):
    """A plan made meanwhile would otherwise buy again what is not sent yet."""
    world = world_of(tmp_path, TWAP)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    seen: list[Any] = []

    def prepare(engine: Any, assembly: Any) -> None:
        def ask(script: Any) -> None:
            inputs = assembly.desk.inputs(cycle=2, manifest_sha256="a" * 64, source_run="x", targets={}, symbols=())
            seen.append((inputs.open_orders, assembly.recorder.keeper.positions.get(ETH.symbol, Decimal(0))))

        engine.trader.add_strategy(Script(ETH.instrument_id, [ask] * 40))

    ran = run_backtest(world, [(60, first)], prepare=prepare)
    (parent,) = parents(ran)
    whole = Decimal(parent["quantity"])
    running = [(orders, held) for orders, held in seen if orders]
    assert len(running) > 20
    for (order,), held in running:
        assert order.client_order_id == parent["client_order_id"]
        assert abs(order.leaves_quantity + held / Decimal("0.999") - whole) < Decimal("0.0001")
    assert seen[-1][0] == ()


def test_at_once_has_no_child_and_no_algorithm(tmp_path):
    world = world_of(tmp_path, TWAP)
    world.policy = ""
    world.write()
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_backtest(world, [(60, first)])
    (order,) = ran.of("intent")
    assert (order["schedule"], order["child"], order["parent_client_order_id"]) == ("at_once", 0, None)
    assert [line["client_order_id"] for line in ran.of("fill")] == [order["client_order_id"]]


def test_gate_recorder_and_algorithm_of_a_node_with_timers_run_on_the_loops_thread(tmp_path):
    """The timers themselves do not: what makes the rule needed is seen to be true."""
    world = world_of(tmp_path, TWAP, count=120)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    seen: dict[str, set[int]] = {}

    def note(name: str) -> Any:
        seen[name] = set()
        return lambda *given: seen[name].add(threading.get_ident())

    timers: set[int] = set()

    def prepare(kernel: Any, assembly: Any) -> None:
        kernel.msgbus.subscribe(topic="events.order.*", handler=note("before the counter"), priority=40)
        kernel.msgbus.subscribe(topic="events.order.*", handler=note("after the recorder"), priority=10)
        kernel.msgbus.subscribe(topic="events.order.*", handler=note("after the algorithm"), priority=0)
        assembly.recorder.on_fill = note("fill line")
        now = kernel.clock.timestamp_ns()
        kernel.clock.set_time_alert_ns("watch", now + SECOND, lambda event: timers.add(threading.get_ident()))

    ran = run_shadow(world, [(60, first)], prepare=prepare)
    loop_thread = threading.get_ident()
    (parent,) = parents(ran)
    assert len(children(ran, parent)) > 20
    assert seen == {name: {loop_thread} for name in seen}
    assert timers
    assert loop_thread not in timers
    assert ran.of("halt") == []


def stopped_and_restarted(world: World) -> tuple[Ran, Ran]:
    """Run a node that gets a SIGTERM while its schedule runs, and another one over what it left."""
    world.install(manifest_text({ETH.symbol: "0.3"}))

    async def stop(assembly: Any) -> None:
        while not assembly.recorder.cycle_orders:
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    first = run_shadow(world, beside=stop)
    ended_ms = (first.lines[-1]["market_ns"] - DAY_NS) // MS
    world.quotes += [quote(CRYPTO[i % 3], max(ended_ms, 5_000) + 25 * i) for i in range(240)]
    world.write()
    return first, run_shadow(world)


def test_a_passive_child_that_rests_at_a_restart_is_cancelled_because_nothing_times_it(tmp_path):
    table = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 3\n'
    first, again = stopped_and_restarted(world_of(tmp_path, table, count=200, ticks=lambda at: at // 25))
    (parent,) = parents(first)
    (resting,) = children(first, parent)
    assert first.of("fill") == []
    assert end_of(again, parent)["cause"] == "schedule_interrupted"
    assert end_of(again, resting)["cause"] == "cancelled"
    assert [line["cause"] for line in again.of("cycle")] == ["new_manifest", "top_up"]
    top_up = parents(again)[1]
    assert total(again.of("fill")) == total(fills(again, children(again, top_up))) == Decimal(top_up["quantity"])
    assert again.of("halt") == []


def test_a_node_that_stops_in_the_middle_of_a_schedule_leaves_a_log_that_a_restart_tops_up(tmp_path):
    """The rest of the parent is not resumed: its manifest is planned again, and nothing is bought twice."""
    table = '[schedules.slow]\nkind = "twap"\nduration_s = 4\nslices = 40\n'
    first, again = stopped_and_restarted(world_of(tmp_path, table, count=200))
    (parent,) = parents(first)
    assert 0 < len(children(first, parent)) < 40
    bought = total(first.of("fill"))
    assert end_of(again, parent)["cause"] == "schedule_interrupted"
    assert Decimal(end_of(again, parent)["filled_quantity"]) == bought
    assert [line["cause"] for line in again.of("cycle")] == ["new_manifest", "top_up"]
    top_up = parents(again)[1]
    assert total(children(again, top_up)) == Decimal(top_up["quantity"])
    whole = Decimal(parent["quantity"])
    assert whole * Decimal("0.995") < total(again.of("fill")) < whole * Decimal("1.005")  # base fees are bought again
    ids = [line["client_order_id"] for line in again.of("send")]
    assert len(ids) == len(set(ids))
    assert again.of("halt") == []
