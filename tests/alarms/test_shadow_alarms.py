"""A running shadow's alarms and halts leave the process, even when the disk has failed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.config_problems import ConfigInvalid
from engine.run_config import load_config
from tests.gate.script import Script
from tests.gate.world import ETH, World, quote, run_shadow


def world_with_alarms(root: Path, section: str) -> World:
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * i) for i in range(6)]
    world.write()
    world.config_path.write_text(world.config_path.read_text() + section)
    return world


def to_file(path: Path) -> str:
    program = f"import sys; open({str(path)!r}, 'a').write(sys.stdin.read())"
    return f"""
[alarms]
command = {json.dumps([sys.executable, "-c", program])}
per_minute = 10
timeout_s = 10
"""


def halting(step: Any) -> Any:
    def ready(kernel: Any, made: Any) -> None:
        kernel.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, lambda script: step(made)]))

    return ready


def test_a_halt_and_a_missing_manifest_reach_the_command(tmp_path):
    out = tmp_path / "alarms.jsonl"
    world = world_with_alarms(tmp_path / "world", to_file(out))
    run_shadow(world, prepare=halting(lambda assembly: assembly.halt("a reason of the test")))
    got = [json.loads(line) for line in out.read_text().splitlines()]
    assert {"MANIFEST_VANISHED", "HALT"} <= {alarm["code"] for alarm in got}
    assert [alarm["message"] for alarm in got if alarm["code"] == "HALT"] == ["by engine: a reason of the test"]
    assert {alarm["environment"] for alarm in got} == {"made-day"}


def test_a_halt_is_told_although_the_log_was_removed(tmp_path):
    out = tmp_path / "alarms.jsonl"
    world = world_with_alarms(tmp_path / "world", to_file(out))

    def fail(assembly: Any) -> None:
        world.layout.log.unlink()
        assembly.halt("the disk is gone")

    with pytest.raises(FileNotFoundError):  # the harness cannot read the log back
        run_shadow(world, prepare=halting(fail))
    assert "by engine: the disk is gone" in {json.loads(line)["message"] for line in out.read_text().splitlines()}


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ("[alarms]\nper_minute = 1\ntimeout_s = 1\n", "a command or a webhook"),
        ('[alarms]\nwebhook = "ftp://x"\nper_minute = 1\ntimeout_s = 1\n', "https://alarms.example"),
        ('[alarms]\nwebhook = "http://x"\nper_minute = 0\ntimeout_s = 1\n', "1"),
    ],
    ids=["goes nowhere", "neither http nor https", "a rate of none"],
)
def test_a_section_that_could_not_alarm_is_refused(section, word, tmp_path):
    world = world_with_alarms(tmp_path, section)
    with pytest.raises(ConfigInvalid, match="alarms") as found:
        load_config(world.config_path)
    assert word in str(found.value)
