"""The command line is fast to start, answers every mistake in one breath, and keeps its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import run

HEAVY = ("nautilus_trader", "ccxt", "pandas", "polars", "numpy", "rich", "typer")
WATCH = (
    "import sys; from commands.main import run; code = run({arguments!r}); "
    "print('LOADED', sorted({{name.split('.')[0] for name in sys.modules}} & set({heavy!r})), code, file=sys.stderr)"
)


def loaded(arguments: list[str], cwd: Path) -> str:
    code = WATCH.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cwd)
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["plan", "--help"], 0),
        (["config", "check", "data/configs/shadow.toml"], 0),
        (["config", "check", "pyproject.toml"], 2),
        (["verify", "LAKEHOUSE"], 0),
        (["status", "--lakehouse", "LAKEHOUSE"], 0),
        (["halt", "--reason", "again", "--lakehouse", "LAKEHOUSE"], 0),
    ],
    ids=["help", "help of a command", "config check", "a bad config", "verify", "status", "halt"],
)
def test_quick_commands_load_nothing_heavy(arguments: list[str], code: int, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert run(["halt", "--reason", "a record to look at", "--lakehouse", str(tmp_path)]) == 0
    given = [str(tmp_path) if argument == "LAKEHOUSE" else argument for argument in arguments]
    assert loaded(given, pytestconfig.rootpath) == f"LOADED [] {code}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["plan", "--bogus"],
        ["config", "check"],
        ["config", "nope"],
        ["halt"],
        ["resume", "--by", "me"],
        ["resume", "--reason", "why"],
        ["config", "check", "no-such-file.toml"],
        ["plan", "--config", "no-such-file.toml"],
    ],
    ids=" ".join,
)
def test_usage_mistake_is_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error    ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["config"], ["config", "--help"]], ids=" ".join)
def test_help_is_printed_to_stdout(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().out.startswith("usage: sluice")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    text = capsys.readouterr().out
    for name in ("plan", "config", "verify", "shadow", "backtest", "status", "halt", "resume", "Exit codes"):
        assert name in text


def test_bad_config_is_printed_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.toml"
    path.write_text("schema_version = 1\nenvironmnt = 'x'\n")
    assert run(["config", "check", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"error    {path} has ")
    assert any(line.split() == ["2", "environmnt", "unknown", "key;", "did", "you", "mean", "environment?"] for line in lines)


def test_bad_config_as_json_has_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.toml"
    path.write_text("schema_version = 2\n")
    assert run(["config", "check", str(path), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "CONFIG_INVALID"
    assert {"line": 1, "key": "schema_version", "message": "a whole number from 1 to 1 was expected, was 2"} in error["problems"]


def test_good_config_is_summed_up(
    capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)
    assert run(["config", "check", "data/configs/crypto.toml"]) == 0
    assert capsys.readouterr().out.startswith("ok       data/configs/crypto.toml has no problems")
    assert run(["config", "check", "data/configs/crypto.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_verify_takes_its_directory_either_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["halt", "--reason", "a record to look at", "--lakehouse", str(tmp_path)])
    assert run(["verify", str(tmp_path)]) == run(["verify", "--lakehouse", str(tmp_path)]) == 0
    assert run(["verify", str(tmp_path / "none")]) == 2


def test_traceback_comes_with_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "no-such-file.toml", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_traceback(pytestconfig: pytest.Config) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        command = [sys.executable, "-m", "commands.main", "config", "check", "data/configs/shadow.toml"]
        done = subprocess.run(
            command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, cwd=pytestconfig.rootpath
        )
    finally:
        os.close(write_end)
    assert done.returncode == 1
    assert done.stderr == ""
