"""What was traded today binds what is traded next: from the fills of the log, by UTC day, over a restart and in `sluice plan`."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from tests.gate.world import Ran, World, manifest_text, quote, run_backtest, run_shadow, shares

A, B = shares(2)
FIRST = manifest_text({A.symbol: "0.4"})
SECOND = manifest_text({A.symbol: "0.4", B.symbol: "0.3"}, generated="2025-01-06T13:59:31")
CAPPED = 'turnover_day_max = "0.5"'
EVENING_MS = 9 * 3_600_000
MORNING_MS = 11 * 3_600_000  # 01:00 of the next day


def capped(root: Path, *instants: int, policy: str = CAPPED) -> World:
    world = World(root, names=(A, B), latency_ms="5", jitter_ms="0", policy=policy)
    world.quotes = [quote(name, instant + ms) for instant in instants for ms in range(20, 1_000, 100) for name in world.names]
    return world.write()


def line_of(ran: Ran, plan: int, name: Any) -> dict[str, Any]:
    lines: list[dict[str, Any]] = ran.of("plan")[plan]["plan"]["lines"]
    return next(line for line in lines if line["symbol"] == name.symbol)


@pytest.mark.parametrize(
    ("at_ms", "reason", "weight"),
    [(EVENING_MS, "SCALED_TO_TURNOVER", "0.1"), (MORNING_MS, "TRADE", "0.3")],
    ids=["the same day: what the cap leaves", "the next day: all of it"],
)
def test_the_days_turnover_binds_until_midnight_utc(at_ms: int, reason: str, weight: str, tmp_path: Path) -> None:
    world = capped(tmp_path, 0, at_ms)
    ran = run_backtest(world, [(60, world.save("1.json", FIRST)), (at_ms + 60, world.save("2.json", SECOND))])
    line = line_of(ran, 1, B)
    assert line["reason"] == reason
    assert abs(Decimal(line["quantity"]) * 100 - Decimal(weight) * 100_000) < 150
    assert Decimal(ran.of("plan")[1]["plan"]["turnover_factor"]) == 1 or reason != "TRADE"


def test_without_a_cap_nothing_is_scaled(tmp_path: Path) -> None:
    world = capped(tmp_path, 0, EVENING_MS, policy="")
    ran = run_backtest(world, [(60, world.save("1.json", FIRST)), (EVENING_MS + 60, world.save("2.json", SECOND))])
    assert line_of(ran, 1, B)["reason"] == "TRADE"


def test_the_days_turnover_survives_a_restart_and_is_what_the_plan_command_sees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = capped(tmp_path, 0)
    run_shadow(world, [(60, world.save("1.json", FIRST))])
    world.install(SECOND)
    capsys.readouterr()
    assert run(["plan", "--config", str(world.config_path), "--json"]) == 0
    foreseen = {line["symbol"]: line for line in json.loads(capsys.readouterr().out)["lines"]}[B.symbol]
    world.quotes += [quote(name, 60_000 + ms) for ms in range(20, 1_000, 100) for name in world.names]
    world.write()
    ran = run_shadow(world)
    line = line_of(ran, -1, B)
    assert (line["reason"], line["quantity"]) == ("SCALED_TO_TURNOVER", foreseen["quantity"])
    assert Decimal(line["quantity"]) in (98, 99, 100)
