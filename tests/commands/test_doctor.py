"""`sluice doctor`: each finding has its bad twin, and a bad one is exit 1."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from commands.doctor import FAIL, WARN, WELL, Finding, examine_machine, run
from lakehouse.layout import Layout
from lakehouse.permission import FilePermission
from tests.gate.world import DAY_NS, ETH, World, quote, run_shadow

FUTURE_NS = 4_000_000_000 * 10**9


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def world(tmp_path: Path, home: Path) -> World:
    return World(tmp_path / "world", latency_ms="5", jitter_ms="0", quotes=[quote(ETH, 50 * i) for i in range(4)]).write()


def findings(world: World, *, now_ns: int = FUTURE_NS) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_machine(world.config_path, now_ns=now_ns)}


def states(world: World, **given: Any) -> dict[str, str]:
    return {name: finding.state for name, finding in findings(world, **given).items()}


def test_a_sound_machine_with_a_finished_record_has_nothing_failed(world, capsys):
    run_shadow(world)
    assert FAIL not in states(world).values()
    assert run(world.config_path, as_json=False) == 0
    assert "0 failed" in capsys.readouterr().out


def test_every_finding_that_is_not_well_says_what_to_do(world):
    run_shadow(world)
    FilePermission(world.layout).halt(by="ann", reason="prices look wrong", now_ns=DAY_NS)
    found = findings(world)
    assert found["halt"].state == WARN
    assert "ann: prices look wrong" in found["halt"].found
    assert all(finding.action for finding in found.values() if finding.state != WELL)


def test_a_config_with_a_mistake_is_a_finding_and_exit_1(world, capsys):
    world.config_path.write_text(world.config_path.read_text().replace("[policy]", "[polciy]"))
    assert run(world.config_path, as_json=True) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["failed"] == 1
    assert {finding["name"]: finding["state"] for finding in printed["findings"]}["config"] == FAIL


def test_an_altered_record_fails(world):
    run_shadow(world)
    data = world.layout.log.read_bytes()
    world.layout.log.write_bytes(data.replace(b'"type":"run_start"', b'"type":"run_stort"'))
    assert states(world)["record"] == FAIL


def test_a_record_from_after_now_fails_the_clock(world):
    run_shadow(world)
    assert states(world, now_ns=1)["clock"] == FAIL


def test_limits_that_are_no_limits_fail(world):
    path = next(Path(world.root).glob("limits*.json"))
    path.write_text("{}")
    assert [finding.found[:14] for finding in findings(world).values() if finding.state == FAIL] == ["CONFIG_INVALID"]


@pytest.mark.parametrize(("mode", "state"), [(0o400, WELL), (0o440, FAIL), (0o404, FAIL)], ids=["owner", "group", "others"])
def test_a_key_that_others_can_read_fails(mode, state, world, home):
    keys = home / ".config/sluice/keys"
    keys.mkdir(parents=True)
    (keys / "engine.key").write_text("x")
    (keys / "engine.key").chmod(mode)
    assert states(world)["keys"] == state


def test_a_key_behind_a_symbolic_link_fails(world, home, tmp_path):
    keys = home / ".config/sluice/keys"
    keys.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("x")
    (tmp_path / "elsewhere").chmod(0o400)
    (keys / "engine.key").symlink_to(tmp_path / "elsewhere")
    assert states(world)["keys"] == FAIL


def test_nothing_is_left_behind(world):
    layout = Layout(world.layout.directory)
    layout.create()
    before = sorted(os.listdir(layout.directory))
    findings(world)
    assert sorted(os.listdir(layout.directory)) == before


LINE = '{"timestamp": "2025-01-06T13:59:00+00:00", "regime": "NORMAL", "score": 1.0, "quadrant": "EXPANSION", "metrics": {}}\n'


@pytest.mark.parametrize(
    ("log", "state", "words"),
    [
        (LINE, WELL, "NORMAL, quadrant EXPANSION, written "),
        (None, WARN, "REGIME_AUDIT_MISSING"),
        ("x\n", WARN, "REGIME_AUDIT_UNREADABLE"),
    ],
    ids=["readable, and as old as the replay", "missing", "unreadable"],
)
def test_a_regime_log_that_cannot_be_believed_is_to_be_looked_at(world, log, state, words):
    assert "regime log" not in states(world)
    path = world.root / "regime_audit.jsonl"
    if log is not None:
        path.write_text(log)
    keys = f'regime_audit = "{path}"\nregime_audit_age_max_h = 1\n[capital]\n'
    world.config_path.write_text(world.config_path.read_text().replace("[capital]\n", keys, 1))
    found = findings(world)["regime log"]
    assert (found.state, bool(found.action)) == (state, state == WARN)
    assert words in found.found
