"""A halt blocks first and is recorded; a resume needs a name and a reason; status answers in every state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.permission import FilePermission
from lakehouse.verifier import verify


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "lake")
    made.create()
    assert FilePermission(made).arm_if_new(by="a first run", now_ns=1)
    return made


def halt(layout: Layout, *extra: str) -> int:
    return run(["halt", "--by", "ann", "--reason", "prices look wrong", "--lakehouse", str(layout.directory), *extra])


def resume(layout: Layout, *extra: str) -> int:
    return run(["resume", "--by", "ben", "--reason", "prices were right", "--lakehouse", str(layout.directory), *extra])


def status(layout: Layout, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["status", "--lakehouse", str(layout.directory), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def logged(layout: Layout) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in layout.log.read_text().splitlines()]
    return [(line["action"], line["by"], line["reason"]) for line in lines if line["type"] == "halt"]


def test_halt_takes_the_permission_and_is_in_log_and_ledger(layout: Layout) -> None:
    assert halt(layout) == 0
    assert not layout.permission.exists()
    assert logged(layout) == [("halt", "ann", "prices look wrong")]
    assert verify(layout.directory).ok


def test_resume_gives_the_permission_back_and_is_in_log_and_ledger(layout: Layout) -> None:
    halt(layout)
    assert resume(layout) == 0
    assert layout.permission.exists()
    assert not layout.halt_note.exists()
    assert logged(layout)[-1] == ("resume", "ben", "prices were right")
    assert verify(layout.directory).ok


def test_resume_of_what_is_not_halted_changes_nothing(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(layout.directory.iterdir())
    assert resume(layout) == 0
    assert "is not halted" in capsys.readouterr().out
    assert sorted(layout.directory.iterdir()) == before


def test_second_halt_keeps_the_first_reason(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    halt(layout)
    run(["halt", "--by", "cho", "--reason", "me too", "--lakehouse", str(layout.directory)])
    assert status(layout, capsys)["halt"]["by"] == "ann"


def test_halt_by_an_account_that_cannot_sign_the_ledger_holds_and_says_so(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halt(layout)
    assert run(["resume", "--by", "ann", "--reason", "mended", "--lakehouse", str(layout.directory)]) == 0
    monkeypatch.setenv("SLUICE_KEYS", str(tmp_path / "another account"))
    assert halt(layout) == 0
    assert not layout.permission.exists()
    assert "the halt is in force, but it is not in the log: LEDGER_KEY_MISSING" in capsys.readouterr().err
    assert len(logged(layout)) == 2


def test_halt_beside_a_run_blocks_and_leaves_the_line_to_it(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    with DataDirectoryLock(layout, run_id="a-run"):
        assert halt(layout) == 0
        assert not layout.permission.exists()
        assert not layout.log.exists()
        assert "writes the halt to its own log" in capsys.readouterr().err
        document = status(layout, capsys)
    assert document["run"]["active"] is True
    assert document["run"]["run_id"] == "a-run"
    assert document["halt"]["halted"] is True


def test_resume_beside_a_run_is_refused_and_stays_halted(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    halt(layout)
    with DataDirectoryLock(layout, run_id="a-run"):
        assert resume(layout) == 1
    assert "LOCK_HELD" in capsys.readouterr().err
    assert not layout.permission.exists()


def test_halt_with_a_broken_log_is_in_force_and_says_so(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    layout.log.write_text('{"type":"nonsense"}\n')
    assert halt(layout) == 0
    assert not layout.permission.exists()
    assert "the halt is in force, but it is not in the log" in capsys.readouterr().err
    assert resume(layout) == 1
    assert not layout.permission.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--by", "", "--reason", "x"],
        ["--by", "ann", "--reason", " "],
        ["--by", "a\nb", "--reason", "x"],
        ["--by", "ann", "--reason", "x" * 501],
    ],
    ids=["nobody", "no reason", "two lines", "a novel"],
)
def test_halt_without_a_name_or_a_reason_is_a_usage_error(
    arguments: list[str], layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["halt", *arguments, "--lakehouse", str(layout.directory)]) == 2
    assert layout.permission.exists()
    assert capsys.readouterr().err.startswith("error    USAGE")


@pytest.mark.parametrize(
    "command", [["status"], ["halt", "--reason", "x"], ["resume", "--by", "a", "--reason", "x"]], ids=lambda c: c[0]
)
def test_lakehouse_that_is_not_there_is_said(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--lakehouse", str(tmp_path / "none")]) == 1
    assert "LAKEHOUSE_MISSING" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_status_of_a_fresh_lakehouse_is_not_halted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = status(Layout(tmp_path), capsys)
    assert (document["halt"]["halted"], document["run"]["active"], document["record"]["lines"]) == (False, False, 0)


def test_status_says_who_halted_and_how_long_ago(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    halt(layout)
    assert run(["status", "--lakehouse", str(layout.directory)]) == 0
    assert "halt     HALTED by ann, 0 s ago: prices look wrong" in capsys.readouterr().out


def test_status_of_a_broken_record_shows_the_halt_and_exits_1(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    halt(layout)
    capsys.readouterr()
    layout.log.write_text(layout.log.read_text().replace("ann", "eve"))
    assert run(["status", "--lakehouse", str(layout.directory)]) == 1
    out = capsys.readouterr().out
    assert "record   BAD" in out
    assert "HALTED" in out
