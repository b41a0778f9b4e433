"""The regime log beside the manifest's regime: the worse counts, as of market time, looked at when a plan is judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.assemble import Assembly
from tests.gate.world import BTC, DAY_NS, ETH, MS, SECOND, Ran, World, manifest_text, quote, run_backtest, run_shadow

WEIGHTS = {BTC.symbol: "0.2"}
LATER = {BTC.symbol: "0.3"}


def line(at_ms: int, regime: str, quadrant: str | None = "EXPANSION") -> str:
    stamp = datetime.fromtimestamp((DAY_NS + at_ms * MS) / SECOND, UTC).isoformat()
    return json.dumps({"timestamp": stamp, "regime": regime, "score": 1.0, "quadrant": quadrant, "metrics": {}}) + "\n"


def made(tmp_path: Path, log: str | None, *, configured: bool = True) -> World:
    """A made day; `log` None: no file is there."""
    world = World(tmp_path, quotes=[quote(name, at_ms) for at_ms in range(0, 2500, 100) for name in (BTC, ETH)]).write()
    path = tmp_path / "regime_audit.jsonl"
    if log is not None:
        path.write_text(log)
    if configured:
        text = world.config_path.read_text()
        keys = f'regime_audit = "{path}"\nregime_audit_age_max_h = 1\n'
        world.config_path.write_text(text.replace("[capital]\n", keys + "[capital]\n", 1))
    return world


def plans(ran: Ran) -> list[dict[str, Any]]:
    return [line for line in ran.lines if line["type"] == "plan"]


def fills(ran: Ran) -> int:
    return sum(line["type"] == "fill" for line in ran.lines)


def alarms(ran: Ran) -> list[str]:
    return [line["code"] for line in ran.lines if line["type"] == "alarm"]


@pytest.mark.parametrize(
    ("log", "manifest", "decision", "regime", "name"),
    [
        (line(-60_000, "NORMAL"), "QUIET", "PLAN", "NORMAL", "NORMAL"),
        (line(-60_000, "QUIET"), "NORMAL", "PLAN", "NORMAL", "QUIET"),
        (line(-60_000, "CRISIS"), "QUIET", "REFUSED", "CRISIS", "CRISIS"),
        (line(-60_000, "QUIET", "CRISIS"), "QUIET", "REFUSED", "CRISIS", "QUIET"),
        (line(-60_000, "QUIET"), "CRISIS", "REFUSED", "CRISIS", "QUIET"),
        (line(-60_000, "QUIET") + line(3_600_000, "CRISIS"), "QUIET", "PLAN", "QUIET", "QUIET"),
    ],
    ids=[
        "the log is worse",
        "the manifest is worse",
        "a crisis in the log",
        "its quadrant",
        "a crisis in the manifest",
        "the future",
    ],
)
def test_a_backtest_is_judged_by_the_worse_of_both_as_of_market_time(
    tmp_path: Path, log: str, manifest: str, decision: str, regime: str, name: str
) -> None:
    world = made(tmp_path, log)
    ran = run_backtest(world, [(0, world.save("m.json", manifest_text(WEIGHTS, regime=manifest)))])
    (plan,) = plans(ran)
    assert (plan["decision"], plan["regime"], plan["regime_audit"]["name"]) == (decision, regime, name)
    assert plan["code"] == ("REGIME_PARITY" if decision == "REFUSED" else "")
    verdict = next(verdict for verdict in plan["verdicts"] if verdict["control"] == "REGIME_PARITY")
    assert verdict["observed"].startswith(f"{regime} by the regime log") is (regime != manifest)
    assert (fills(ran) > 0) is (decision == "PLAN")


def test_a_line_between_two_manifests_of_a_backtest_counts_for_the_second_alone(tmp_path: Path) -> None:
    world = made(tmp_path, line(-60_000, "QUIET") + line(1_000, "CRISIS"))
    first = world.save("1.json", manifest_text(WEIGHTS))
    second = world.save("2.json", manifest_text(LATER, generated="2025-01-06T13:59:40"))
    ran = run_backtest(world, [(0, first), (1_500, second)])
    assert [(plan["decision"], plan["regime"]) for plan in plans(ran)] == [("PLAN", "QUIET"), ("REFUSED", "CRISIS")]


@pytest.mark.parametrize(
    ("log", "code"),
    [
        (None, "REGIME_AUDIT_MISSING"),
        (line(-3_600_000, "QUIET"), "REGIME_AUDIT_STALE"),
        ("rubbish\n", "REGIME_AUDIT_UNREADABLE"),
        (line(3_600_000, "QUIET"), "REGIME_AUDIT_MISSING"),
    ],
    ids=["missing", "stale", "unreadable", "only later lines"],
)
def test_a_configured_log_that_cannot_be_believed_is_a_crisis_and_an_alarm(tmp_path: Path, log: str | None, code: str) -> None:
    world = made(tmp_path, log)
    ran = run_backtest(world, [(0, world.save("m.json", manifest_text(WEIGHTS)))])
    (plan,) = plans(ran)
    assert (plan["decision"], plan["code"], plan["regime"]) == ("REFUSED", "REGIME_PARITY", "CRISIS")
    assert (plan["regime_audit"]["code"], alarms(ran).count(code)) == (code, 1)
    assert code in plan["message"]
    assert fills(ran) == 0


def test_a_log_that_is_not_configured_says_nothing(tmp_path: Path) -> None:
    world = made(tmp_path, line(-60_000, "CRISIS"), configured=False)
    ran = run_backtest(world, [(0, world.save("m.json", manifest_text(WEIGHTS)))])
    (plan,) = plans(ran)
    assert (plan["decision"], plan["regime"], plan["regime_audit"]) == ("PLAN", "QUIET", None)
    assert fills(ran) > 0


@pytest.mark.parametrize("crisis", [True, False], ids=["a crisis began", "nothing new"])
def test_a_shadow_sees_a_line_written_after_the_manifest_was_read(tmp_path: Path, crisis: bool) -> None:
    world = made(tmp_path, line(-60_000, "QUIET"))
    world.install(manifest_text(WEIGHTS))

    def prepare(kernel: Any, assembly: Assembly) -> None:
        told = assembly.desk.on_manifest

        def on_manifest(outcome: Any) -> None:
            told(outcome)
            if crisis:
                at_ms = (assembly.recorder.market_now_ns() - DAY_NS) // MS
                with (tmp_path / "regime_audit.jsonl").open("a") as file:
                    file.write(line(at_ms, "CRISIS"))

        assembly.desk.on_manifest = on_manifest

    ran = run_shadow(world, prepare=prepare)
    plan = plans(ran)[0]
    assert (plan["decision"], plan["regime"]) == (("REFUSED", "CRISIS") if crisis else ("PLAN", "QUIET"))
    assert (fills(ran) > 0) is not crisis
