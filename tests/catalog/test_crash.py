"""An import that is killed: the catalog is as before or is finished by the next process, and ends as an unkilled one does."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakehouse.catalog_view import problems
from sim.catalog.store import CatalogStore
from tests.catalog.made import bar_lines, files_of, order, put, write_csv

BARS = 12_000
DELAYS_S = (0.9, 1.3, 1.7, 2.1)


def test_a_half_staged_import_is_removed_by_the_next_process(tmp_path: Path) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "a.csv", bar_lines(5)), order())
    before = files_of(tmp_path / "c")
    staged = tmp_path / "c" / "imports" / "staging" / "0123456789abcdef"
    staged.mkdir(parents=True)
    (staged / "0.parquet").write_bytes(b"PAR1 half")
    assert [problem.code for problem in problems(tmp_path / "c")] == ["UNFINISHED"]
    with CatalogStore(tmp_path / "c") as store:
        assert "removed the half import" in store.recovered[0]
    assert files_of(tmp_path / "c") == before
    assert problems(tmp_path / "c") == []


@pytest.mark.parametrize("renamed", [0, 1, 2], ids=["no file was renamed", "one of two was", "both were"])
def test_a_committed_import_is_finished_by_the_next_process(tmp_path: Path, renamed: int) -> None:
    done = put(tmp_path / "c", write_csv(tmp_path / "a.csv", bar_lines(5)), order()).manifest
    whole = files_of(tmp_path / "c")
    staged = tmp_path / "c" / "imports" / "staging" / done.import_id
    staged.mkdir(parents=True)
    shutil.move(tmp_path / "c" / "imports" / f"{done.import_id}.json", staged / "manifest.json")
    for number, written in list(enumerate(done.written))[renamed:]:
        shutil.move(tmp_path / "c" / written.path, staged / f"{number}.parquet")
    with CatalogStore(tmp_path / "c") as store:
        assert "finished the import" in store.recovered[0]
    assert files_of(tmp_path / "c") == whole
    assert problems(tmp_path / "c") == []


@pytest.mark.slow
def test_an_import_killed_at_any_time_and_done_again_ends_as_an_unkilled_one(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(BARS))
    put(tmp_path / "whole", file, order())
    words = f"data import {file} --symbol BINANCE:BTCUSDT --kind bars --bar 1m --stamp close --tick 0.01 --step 0.00001"
    command = [str(Path(sys.executable).parent / "sluice"), *words.split(), "--catalog", str(tmp_path / "c")]
    killed = 0
    for delay_s in DELAYS_S:
        process = subprocess.Popen(command, cwd=pytestconfig.rootpath, stdout=subprocess.DEVNULL)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    subprocess.run(command, cwd=pytestconfig.rootpath, check=True, stdout=subprocess.DEVNULL)
    assert killed
    assert files_of(tmp_path / "c") == files_of(tmp_path / "whole")
    assert problems(tmp_path / "c") == []
