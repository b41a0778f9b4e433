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
from tests.children import child

BARS = 3_000  # of a file
FILES = 4


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
def test_an_import_killed_again_and_again_ends_as_an_unkilled_one(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    files = [write_csv(tmp_path / f"{n}.csv", bar_lines(BARS, first=n * BARS)) for n in range(FILES)]
    for file in files:
        put(tmp_path / "whole", file, order())
    words = "--symbol BINANCE:BTCUSDT --kind bars --bar 1m --stamp close --tick 0.01 --step 0.00001 --catalog"
    command = [
        str(Path(sys.executable).parent / "sluice"),
        "data",
        "import",
        *map(str, files),
        *words.split(),
        str(tmp_path / "c"),
    ]
    imports = tmp_path / "c" / "imports"
    for done in range(FILES - 1):
        with child(command, cwd=pytestconfig.rootpath, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and (len(list(imports.glob("*.json"))) < done or not list(imports.glob("staging/*/*"))):
                time.sleep(0.0005)  # until so many are done and the next one is on its way
        assert process.returncode == -signal.SIGKILL
    subprocess.run(command, cwd=pytestconfig.rootpath, check=True, stdout=subprocess.DEVNULL)
    assert files_of(tmp_path / "c") == files_of(tmp_path / "whole")
    assert problems(tmp_path / "c") == []
