"""`sluice replay` as a process: its exit codes, its words, its document and the file it leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.replay_result import read_result
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from tests.cut_records import cut_record
from tests.gate.world import ROOT
from tests.replay.made import other_config

SLUICE = Path(sys.executable).with_name("sluice")


def replay(lakehouse: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = [str(SLUICE), "replay", "--lakehouse", str(lakehouse), *more]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def record(day: Any, tmp_path: Path) -> Layout:
    shutil.copytree(day[0].lakehouse, tmp_path / "lakehouse")
    return Layout(tmp_path / "lakehouse")


def test_a_run_that_is_the_same_ends_with_zero_and_leaves_its_result(record: Layout, day: Any) -> None:
    done = replay(record.directory)
    run_id = day[2].start.run_id
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"replayed {run_id} (made-day): 5 of 5 orders are the same, within the budget" in done.stdout
    result = read_result((record.reports / f"replay-{run_id}.json").read_bytes())
    assert (result.ok, result.orders, result.plans_same) == (True, 5, 2)


def test_the_document_is_the_file(record: Layout, day: Any) -> None:
    done = replay(record.directory, day[2].start.run_id, "--json")
    path = record.reports / f"replay-{day[2].start.run_id}.json"
    assert done.stdout == path.read_text()
    assert json.loads(done.stdout)["ok"] is True


def test_one_over_its_budget_ends_with_one_and_says_by_what(record: Layout, day: Any) -> None:
    other = other_config(day[0], ('taker_fraction = "0.001"', 'taker_fraction = "0.002"'))
    done = replay(record.directory, "--config", str(other))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "OVER THE BUDGET" in done.stdout
    assert "of the orders differ, at most 0 may" in done.stdout
    assert "causes   fee" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["by flags", "by the config"])
def test_a_wider_budget_lets_it_pass(how: str, record: Layout, day: Any) -> None:
    table = "[snapshots]\n", '[replay]\norders_max_fraction = "1"\nprice_max_bps = "100"\n[snapshots]\n'
    fee = ('taker_fraction = "0.001"', 'taker_fraction = "0.002"')
    flags = ["--orders-max-fraction", "1", "--price-max-bps", "100"] if how == "by flags" else []
    other = other_config(day[0], fee) if flags else other_config(day[0], fee, table)
    done = replay(record.directory, "--config", str(other), *flags)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        (["--orders-max-fraction", "many"], 2, "USAGE"),
        (["--price-max-bps", "-1"], 2, "USAGE"),
        (["--config", "/nowhere.toml"], 2, "CONFIG_UNREADABLE"),
        (["--output", "data"], 2, "OUTPUT_EXISTS"),
        (["no-such-run"], 2, "RUN_UNKNOWN"),
    ],
    ids=["no number", "below zero", "no config", "an output that is there", "an unknown run"],
)
def test_what_cannot_be_done_says_why(more: list[str], code: int, word: str, record: Layout) -> None:
    done = replay(record.directory, *more)
    assert done.returncode == code, done.stdout + done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("spoilt", ["no record", "an altered log", "a missing input"])
def test_a_record_that_is_missing_or_altered_is_a_failure(spoilt: str, record: Layout, tmp_path: Path) -> None:
    where = record.directory
    if spoilt == "no record":
        where = tmp_path / "nothing"
    elif spoilt == "an altered log":
        record.log.write_bytes(record.log.read_bytes().replace(b'"quantity":"0.3"', b'"quantity":"0.4"', 1))
    else:
        next(path for path in record.inputs.iterdir() if path.suffix != ".jsonl").unlink()
    done = replay(where)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not record.reports.exists()


COMMANDS = {"report": ["report"], "replay": ["replay"], "calibrate": ["calibrate", "data/configs/crypto.toml"]}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("what", "code", "word"), [("no log", 1, "VANISHED"), ("no such run", 2, "RUN_UNKNOWN")])
def test_a_missing_log_and_an_unknown_run_end_alike_in_every_command(
    command: str, what: str, code: int, word: str, record: Layout, tmp_path: Path
) -> None:
    where = record.directory if what == "no such run" else tmp_path / "nothing"
    run = ["nobody"] if command == "replay" else ["--run", "nobody"]
    words = [str(SLUICE), *COMMANDS[command], "--lakehouse", str(where), *(run if what == "no such run" else [])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    assert word in done.stderr


def killed(record: Layout) -> None:
    """Take the last line away, which says that the run ended by itself, and what of the ledger speaks of it."""
    cut_record(record, record.log.read_bytes().count(b"\n") - 1)


def test_a_run_that_goes_on_is_refused_with_three_and_says_so(record: Layout) -> None:
    killed(record)
    with DataDirectoryLock(record, run_id=json.loads(record.log.read_bytes().splitlines()[0])["run_id"]):
        done = replay(record.directory)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "refused  RUN_IN_PROGRESS" in done.stderr
    assert "it goes on, pid" in done.stderr
    assert not record.reports.exists()


def test_a_run_killed_before_its_quotes_were_written_is_refused_with_three(record: Layout) -> None:
    killed(record)
    listed = next(record.inputs.glob("*.jsonl"))
    kept = [line for line in listed.read_bytes().splitlines(keepends=True) if b'"type":"quotes"' not in line]
    listed.write_bytes(b"".join(kept))
    done = replay(record.directory)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "refused  RUN_CUT_SHORT" in done.stderr


def test_the_words_say_that_paper_was_no_easier_and_that_the_tree_adds_up(record: Layout, day: Any) -> None:
    done = replay(record.directory)
    assert "paper    0 of 5 fills were better than the book they met, score 1" in done.stdout
    assert "which is the cost tree's" in done.stdout
    result = read_result((record.reports / f"replay-{day[2].start.run_id}.json").read_bytes())
    assert result.paper is not None
    assert result.paper.adds_up
    assert result.paper.unproven == 0


def test_the_replays_own_record_can_be_kept_and_verifies(record: Layout, tmp_path: Path) -> None:
    done = replay(record.directory, "--output", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stdout + done.stderr
    log = Layout(tmp_path / "kept").log.read_text()
    assert '"kind":"replay"' in log
    assert log.count('"type":"fill"') == 5
