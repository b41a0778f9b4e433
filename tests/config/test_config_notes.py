"""What a sound config does not promise is told; keys that came later have the meaning configs without them had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands.main import run
from engine.config_notes import config_notes
from engine.run_config import load_config
from tests.config.test_config_check import changed, problems_of, text_of


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


@pytest.mark.parametrize(
    ("drift", "account", "noted"),
    [("0.0499", "cash", True), ("0.05", "cash", False), ("0.06", "cash", False), ("0", "margin", False)],
    ids=["below the collar", "the collar", "above it", "no cash account"],
)
def test_a_config_that_could_overdraw_within_the_collar_is_told_so(
    drift: str, account: str, noted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = changed('cash_drift_fraction = "0"', f'cash_drift_fraction = "{drift}"')
    path = tmp_path / "run.toml"
    path.write_text(text.replace('account = "cash"', f'account = "{account}"'))
    assert bool(config_notes(load_config(path))) is noted
    assert run(["config", "check", str(path), "--json"]) == 0
    assert bool(json.loads(capsys.readouterr().out)["notes"]) is noted
    assert run(["config", "check", str(path)]) == 0
    assert ("could overdraw US within the collar" in capsys.readouterr().out) is noted


def test_a_jump_that_must_stand_longer_than_what_it_is_held_against_is_refused(tmp_path: Path) -> None:
    text = changed("jump_confirm_s = 10", "jump_confirm_s = 600", of="crypto")
    assert [problem[1] for problem in problems_of(text, tmp_path)] == ["sentinel.jump_confirm_s"]
    path = tmp_path / "sound.toml"
    path.write_text(text.replace("jump_confirm_s = 600", "jump_confirm_s = 599"))
    assert load_config(path).sentinel_limits().jump_confirm_ns == 599 * 10**9


def test_a_config_without_jump_confirm_s_believes_the_next_price(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text("".join(line for line in text_of().splitlines(keepends=True) if not line.startswith("jump_confirm_s")))
    assert load_config(path).sentinel_limits().jump_confirm_ns == 0
