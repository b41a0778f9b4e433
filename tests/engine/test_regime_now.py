"""The regime log while a plan's orders leave, and after it has refused one: what grows stops, and goes on when it calms."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_regime_watch import alarms, line, plans
from tests.gate.world import BTC, ETH, Ran, World, manifest_text, quote, run_backtest, run_shadow

SLICED = '[schedules.slices]\nkind = "twap"\nduration_s = 4\nslices = 8\n'


def long_day(root: Path, log: str, *, until_s: int = 240, policy: str = "", schedules: str = "", every_ms: int = 100) -> World:
    """Quotes every `every_ms` for five seconds, then every five seconds."""
    instants = [*range(0, 5_000, every_ms), *range(5_000, until_s * 1_000, 5_000)]
    world = World(root, latency_ms="5", jitter_ms="0", policy=policy, schedules=schedules)
    world.quotes = [quote(name, at_ms) for at_ms in instants for name in (BTC, ETH)]
    text = world.write().config_path.read_text()
    (root / "regime_audit.jsonl").write_text(log)
    keys = f'regime_audit = "{root}/regime_audit.jsonl"\nregime_audit_age_max_h = 1\n'
    world.config_path.write_text(text.replace("[capital]\n", keys + "[capital]\n", 1))
    return world


def ends(ran: Ran) -> list[tuple[str, str]]:
    return [(begun["cause"], ended["outcome"]) for begun, ended in zip(ran.of("cycle"), ran.of("cycle_end"), strict=True)]


def bought(ran: Ran, symbol: str) -> Decimal:
    return sum((Decimal(fill["quantity"]) for fill in ran.of("fill") if fill["symbol"] == symbol), Decimal(0))


def test_a_plan_that_a_crisis_in_the_log_refused_is_made_again_when_the_log_calms(tmp_path: Path) -> None:
    world = long_day(tmp_path, line(-60_000, "CRISIS") + line(100_000, "NORMAL"))
    ran = run_backtest(world, [(60, world.save("m.json", manifest_text({BTC.symbol: "0.2"})))])
    assert [(plan["decision"], plan["regime"]) for plan in plans(ran)] == [("REFUSED", "CRISIS"), ("PLAN", "NORMAL")]
    assert ends(ran) == [("new_manifest", "refused"), ("top_up", "done")]
    assert alarms(ran).count("REGIME_PARITY") == 1
    assert bought(ran, BTC.symbol) > 0
    (planned,) = {plan["planned_ns"] for plan in plans(ran)[1:]}
    assert planned - plans(ran)[0]["planned_ns"] > 100 * 10**9


def test_a_plan_that_its_own_manifest_refuses_is_not_made_again(tmp_path: Path) -> None:
    world = long_day(tmp_path, line(-60_000, "QUIET"))
    ran = run_backtest(world, [(60, world.save("m.json", manifest_text({BTC.symbol: "0.2"}, regime="CRISIS")))])
    assert ends(ran) == [("new_manifest", "refused")]


def test_a_newer_manifest_takes_the_place_of_one_that_waits_for_the_log_to_calm(tmp_path: Path) -> None:
    world = long_day(tmp_path, line(-60_000, "CRISIS") + line(100_000, "NORMAL"))
    newer = world.save("n.json", manifest_text({ETH.symbol: "0.2"}, generated="2025-01-06T13:59:40"))
    ran = run_backtest(world, [(60, world.save("m.json", manifest_text({BTC.symbol: "0.2"}))), (90_000, newer)])
    assert ends(ran) == [("new_manifest", "refused"), ("new_manifest", "refused"), ("top_up", "done")]
    assert {fill["symbol"] for fill in ran.of("fill")} == {ETH.symbol}


@pytest.mark.parametrize("crisis", [True, False], ids=["a crisis begins", "nothing new"])
def test_a_crisis_that_begins_while_a_schedule_buys_stops_it_and_its_rest_is_bought_when_it_is_over(
    tmp_path: Path, crisis: bool
) -> None:
    log = line(-60_000, "QUIET") + (line(2_000, "CRISIS") + line(150_000, "QUIET") if crisis else "")
    world = long_day(tmp_path, log, policy='schedule = "slices"\ntop_ups_max = 1', schedules=SLICED)
    ran = run_backtest(world, [(60, world.save("m.json", manifest_text({BTC.symbol: "0.2"})))])
    if not crisis:
        assert ends(ran) == [("new_manifest", "done")]
        assert "REGIME_PARITY" not in alarms(ran)
        return
    assert ends(ran) == [("new_manifest", "partial"), ("top_up", "done")]
    denied = [verdict for verdict in ran.of("verdict") if verdict["outcome"] == "DENY"]
    assert denied
    assert {verdict["code"] for verdict in denied} == {"REGIME_PARITY"}
    before = [fill for fill in ran.of("fill") if fill["cycle"] == 1]
    assert 0 < len(before) < 8
    assert Decimal("0.19") < bought(ran, BTC.symbol) < Decimal("0.201")
    assert alarms(ran).count("REGIME_PARITY") == 1


def test_a_crisis_stops_what_grows_and_lets_go_what_reduces(tmp_path: Path) -> None:
    log = line(-60_000, "QUIET") + line(2_600, "CRISIS")
    world = long_day(tmp_path, log, policy='schedule = "slices"\ntop_ups_max = 0', schedules=SLICED, until_s=30)
    whole = world.save("1.json", manifest_text({BTC.symbol: "0.4"}))
    swap = world.save("2.json", manifest_text({BTC.symbol: "0.2", ETH.symbol: "0.4"}, generated="2025-01-06T13:59:40"))
    world.config_path.write_text(world.config_path.read_text().replace("duration_s = 4", "duration_s = 2"))
    ran = run_backtest(world, [(60, whole), (2_400, swap)])
    second = [fill for fill in ran.of("fill") if fill["cycle"] == 2]
    assert {fill["side"] for fill in second if fill["symbol"] == BTC.symbol} == {"SELL"}
    assert sum(Decimal(fill["quantity"]) for fill in second if fill["side"] == "SELL") > Decimal("0.19")
    assert sum(Decimal(fill["quantity"]) for fill in second if fill["side"] == "BUY") < 10
    assert {verdict["code"] for verdict in ran.of("verdict") if verdict["outcome"] == "DENY"} == {"REGIME_PARITY"}


def test_a_swap_that_does_not_grow_goes_on_in_a_crisis(tmp_path: Path) -> None:
    log = line(-60_000, "QUIET") + line(2_600, "CRISIS")
    world = long_day(tmp_path, log, policy='schedule = "slices"\ntop_ups_max = 0', schedules=SLICED, until_s=30)
    world.config_path.write_text(world.config_path.read_text().replace("duration_s = 4", "duration_s = 2"))
    whole = world.save("1.json", manifest_text({BTC.symbol: "0.4"}))
    swap = world.save("2.json", manifest_text({BTC.symbol: "0.2", ETH.symbol: "0.19"}, generated="2025-01-06T13:59:40"))
    ran = run_backtest(world, [(60, whole), (2_400, swap)])
    assert not [verdict for verdict in ran.of("verdict") if verdict["outcome"] == "DENY"]
    assert ends(ran) == [("new_manifest", "done"), ("new_manifest", "done")]


def test_a_node_stops_what_grows_within_a_second_of_a_line_in_the_log(tmp_path: Path) -> None:
    world = long_day(tmp_path, line(-60_000, "QUIET"), policy='schedule = "slices"\ntop_ups_max = 0', schedules=SLICED, until_s=7)
    world.install(manifest_text({BTC.symbol: "0.2"}))

    async def beside(assembly: Any) -> None:
        while assembly.recorder.counts["fills"] < 3:
            await asyncio.sleep(0.05)
        with (tmp_path / "regime_audit.jsonl").open("a") as file:
            file.write(line(1_000, "CRISIS"))

    ran = run_shadow(world, beside=beside)
    assert 3 <= len(ran.of("fill")) < 8
    assert {verdict["code"] for verdict in ran.of("verdict") if verdict["outcome"] == "DENY"} == {"REGIME_PARITY"}
