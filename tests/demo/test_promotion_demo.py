"""`sluice demo promotion`: real commands, held to their story; a step that is not as told fails it and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.demo_log import count, ended_cycles, last_run, lines
from commands.demo_parser import CHAPTERS
from commands.demo_promotion import TOLD
from commands.demo_stage import DemoFailed, Stage, shown, words_of
from lakehouse.layout import Layout
from lakehouse.verifier import verify
from tests.children import FULL

ROOT = Path(__file__).resolve().parents[2]
DEMO_S_MAX = 900


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "commands.main", "demo", "promotion", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEMO_S_MAX, check=False)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    said: list[str] = []
    made = Stage(tmp_path, say=said.append, environ={"SLUICE_KEYS": str(tmp_path / "keys")})
    made.said = said  # type: ignore[attr-defined]
    yield made
    made.close()


def told(stage: Stage) -> str:
    return "\n".join(stage.said)  # type: ignore[attr-defined,no-any-return]


def test_the_story_begins_with_persons_bundles_and_backtests_and_is_kept_whole(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    done = demo("--directory", str(place), "--until", "backtest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict  every step was as told" in done.stdout
    assert done.stdout.count("$ .venv/bin/sluice backtest") == 2
    records = [place / "evidence" / name / "backtest" for name in ("first", "second")]
    hashes = {next(line["bundle_sha256"] for line in lines(record) if line["type"] == "run_start") for record in records}
    assert hashes == {path.name for path in (place / "live/bundles").iterdir()}
    assert count(place / "live", "promotion") == 4
    assert verify(place / "live").ok
    assert "16 read, 0 refused" in next(place.glob("outputs/*-backtest.txt")).read_text()
    again = demo("--directory", str(place), "--until", "research")
    assert (again.returncode, "DEMO_EXISTS" in again.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="five minutes; SLUICE_CAMPAIGN=full tells the whole story")
def test_the_whole_story_is_as_told(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    done = demo("--directory", str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    moves = [(line["action"], line["to_state"], line["fraction"], line["by"]) for line in lines(place / "live")
             if line["type"] == "promotion"]  # fmt: skip
    assert moves[4:] == [
        ("promote", "canary", "0.01", "ann"),
        ("promote", "canary", "0.01", "ann"),
        ("step_up", "canary", "0.05", "ann"),
        ("step_down", "canary", "0.01", "engine"),
        ("rollback", "canary", "0.01", "bob"),
    ]
    for record in (place / "live", *(place / "evidence").glob("*/*")):
        assert verify(record / "lakehouse" if (record / "lakehouse").exists() else record).ok, record


def test_every_chapter_of_the_option_is_told_in_its_order() -> None:
    assert tuple(name for name, _ in TOLD) == CHAPTERS


def test_a_command_is_shown_with_what_it_said_and_kept(stage: Stage, tmp_path: Path) -> None:
    text = stage.run("config", "check", "data/configs/promotion.toml", says=["has no problems"], show=["venues"])
    assert "$ .venv/bin/sluice config check data/configs/promotion.toml" in told(stage)
    assert "venues       BINANCE" in told(stage)
    assert (tmp_path / "01-config-check.txt").read_text() == text
    assert stage.checked == 2


@pytest.mark.parametrize(
    ("words", "facts", "found"),
    [
        (("config", "check", "no/such.toml"), {}, "exit 2"),
        (("config", "check", "data/configs/promotion.toml"), {"expect": 3}, "exit 0"),
        (("config", "check", "data/configs/promotion.toml"), {"says": ["another word"]}, "'another word'"),
    ],
    ids=["another exit code", "a refusal that does not come", "words that are not said"],
)
def test_a_step_that_is_not_as_told_ends_the_demo(
    words: tuple[str, ...], facts: dict[str, object], found: str, stage: Stage
) -> None:
    with pytest.raises(DemoFailed, match="DEMO_FAILED") as failed:
        stage.run(*words, **facts)  # type: ignore[arg-type]
    assert found in str(failed.value)


def test_a_process_that_ends_too_early_or_never_does_it_ends_the_demo(stage: Stage) -> None:
    early = stage.start("config", "check", "no/such.toml")
    with pytest.raises(DemoFailed, match="exit 2"):
        stage.until("something", lambda: False, of=early, within_s=60)
    late = stage.start("rehearse", "--port", "0", "--for", "60")
    stage.until("an exchange", lambda: "rehearsal" in late.text(), of=late, within_s=60)
    with pytest.raises(DemoFailed, match="something within 1 s"):
        stage.until("something", lambda: False, of=late, within_s=1)
    with pytest.raises(DemoFailed, match="a claim"):
        stage.check("a claim", False, "the contrary")
    assert "requests" in stage.ended(late)


def test_a_command_is_shown_as_a_person_would_type_it() -> None:
    assert shown(["live", "a.toml"], env="SLUICE_ENV=live") == "SLUICE_ENV=live .venv/bin/sluice live a.toml"
    assert shown(["halt", "--reason", "it is late"]) == '.venv/bin/sluice halt --reason "it is late"'
    assert [words_of(command) for command in (["promote", "sign", "--key"], ["live", "/a/b"], ["halt", "--drill"])] == [
        "promote sign", "live", "halt",
    ]  # fmt: skip


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert (ended_cycles(tmp_path), last_run(tmp_path)) == (0, None)
    whole = [{"type": "run_start", "run_id": "a"}, {"type": "cycle_end", "outcome": "done", "run_id": "a"}]
    layout.log.write_text("".join(json.dumps(line) + "\n" for line in whole) + '{"type":"cycle_e')
    assert (ended_cycles(tmp_path), ended_cycles(tmp_path, run_id="b"), last_run(tmp_path)) == (1, 0, "a")
