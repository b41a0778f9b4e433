"""The Parquet copy: made once, extended as the log grows, made again when the log is not the one it was made of."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from analysis import log_parts
from analysis.log_copy import copy_directory
from analysis.log_store import open_log
from orders.errors import InputError, RecordCorrupt
from tests.log_store.made import encoded, fill, fills_log, start


def sequence(log: Path) -> list[int]:
    with open_log(log) as store:
        assert not [note for note in store.notes if "copy" in note]
        return [seq for (seq,) in store.rows("SELECT seq FROM fills ORDER BY seq")]


def prices(log: Path) -> list[str]:
    with open_log(log) as store:
        return [str(price.normalize()) for (price,) in store.rows("SELECT price FROM fills ORDER BY seq")]


def parts(log: Path) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads((copy_directory(log) / "copy.json").read_bytes())["parts"]
    return told


def append(log: Path, *seqs: int, **given: Any) -> None:
    with log.open("ab") as file:
        file.write(encoded(*(fill(seq, **given) for seq in seqs)))


def test_a_second_opening_reads_nothing_again(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 10)
    sequence(log)
    written = {path: path.stat().st_mtime_ns for path in copy_directory(log).iterdir() if path.suffix != ".lock"}
    assert sequence(log) == list(range(2, 12))
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_lines_that_were_added_are_all_that_is_read(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 10)
    sequence(log)
    size = log.stat().st_size
    first = {path.name: path.stat().st_ino for path in copy_directory(log).glob("*.parquet")}
    append(log, 12, 13)
    assert sequence(log) == list(range(2, 14))
    assert [(part["start"], part["end"], part["first_line"], part["lines"]) for part in parts(log)] == [
        (0, size, 1, 11), (size, log.stat().st_size, 12, 2),
    ]  # fmt: skip
    assert {name: (copy_directory(log) / name).stat().st_ino for name in first} == first


def test_a_torn_line_joins_the_copy_once_it_is_whole(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 2)
    line = encoded(fill(4))
    log.write_bytes(log.read_bytes() + line[:100])
    assert sequence(log) == [2, 3]
    with log.open("ab") as file:
        file.write(line[100:])
    assert sequence(log) == [2, 3, 4]


@pytest.mark.parametrize("grows", [False, True], ids=["and nothing else", "while it grows"])
def test_a_log_that_was_changed_under_it_is_copied_again(tmp_path: Path, grows: bool) -> None:
    log = fills_log(tmp_path / "log", 3, price="10")
    assert prices(log) == ["1E+1"] * 3
    log.write_bytes(log.read_bytes().replace(b'"price":"10"', b'"price":"11"', 1))
    if grows:
        append(log, 5, price="12")
    assert prices(log) == ["11", "1E+1", "1E+1", *(["12"] if grows else [])]


def test_a_change_that_hides_its_time_is_seen(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 3, price="10")
    prices(log)
    before = log.stat()
    with log.open("r+b") as file:
        file.seek(log.read_bytes().find(b'"price":"10"') + 10)
        file.write(b"9")
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert prices(log) == ["19", "1E+1", "1E+1"]


def test_parts_before_a_change_are_kept(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 3, price="10")
    prices(log)
    append(log, 5, price="20")
    prices(log)
    kept = parts(log)[0]
    log.write_bytes(log.read_bytes().replace(b'"price":"20"', b'"price":"21"'))
    assert prices(log)[-1] == "21"
    assert parts(log)[0] == kept


@pytest.mark.parametrize("how", ["shorter", "another", "empty"])
def test_a_log_that_was_rotated_is_copied_again(tmp_path: Path, how: str) -> None:
    log = fills_log(tmp_path / "log", 5)
    sequence(log)
    log.rename(tmp_path / "log.1")
    if how == "empty":
        log.touch()
        with pytest.raises(InputError, match="EMPTY"):
            open_log(log)
        return
    fills_log(log, 2 if how == "shorter" else 9, run_id="run-2")
    assert sequence(log) == list(range(2, 4 if how == "shorter" else 11))
    with open_log(log) as store:
        assert store.rows("SELECT DISTINCT run_id FROM fills") == [("run-2",)]


@pytest.mark.parametrize("harm", ["delete", "cut", "no index", "half an index", "another version", "other columns"])
def test_a_copy_that_was_harmed_is_made_again(tmp_path: Path, harm: str) -> None:
    log = fills_log(tmp_path / "log", 5)
    sequence(log)
    directory = copy_directory(log)
    [file] = directory.glob("*-fills.parquet")
    index = directory / "copy.json"
    told = json.loads(index.read_bytes())
    match harm:
        case "delete":
            file.unlink()
        case "cut":
            file.write_bytes(file.read_bytes()[:-1])
        case "no index":
            index.unlink()
        case "half an index":
            index.write_bytes(index.read_bytes()[:100])
        case "another version":
            index.write_text(json.dumps(told | {"version": 2}))
        case _:
            index.write_text(json.dumps(told | {"columns_sha256": "0" * 64}))
    assert sequence(log) == list(range(2, 7))


def test_a_parquet_file_that_lies_about_itself_is_refused_by_name(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 5)
    sequence(log)
    [file] = copy_directory(log).glob("*-fills.parquet")
    file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(InputError, match=r"COPY_UNREADABLE: .*log\.parquet.*Delete that directory"):
        sequence(log)


def test_a_broken_line_is_refused_and_what_was_right_stays_copied(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 5)
    sequence(log)
    good = parts(log)
    with log.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(RecordCorrupt, match=r"LOG_LINE: .* in line 7 of"):
        open_log(log)
    assert parts(log) == good


def test_no_copy_is_made_when_none_is_wanted(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 5)
    with open_log(log, copy=False) as store:
        assert store.rows("SELECT count(*) FROM fills") == [(5,)]
    assert not copy_directory(log).exists()


def test_where_no_copy_can_be_kept_the_log_is_read_and_said_so(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 5)
    copy_directory(log).write_text("a file of somebody else")
    with open_log(log) as store:
        assert store.rows("SELECT count(*) FROM fills") == [(5,)]
        [note] = store.notes
    assert note.startswith("No Parquet copy is kept (")
    assert copy_directory(log).read_text() == "a file of somebody else"


def test_many_small_parts_become_one(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 1)
    for seq in range(3, 3 + log_parts.SMALL_PARTS_MAX):
        sequence(log)
        append(log, seq)
    assert len(parts(log)) == log_parts.SMALL_PARTS_MAX
    assert sequence(log) == list(range(2, 3 + log_parts.SMALL_PARTS_MAX))
    assert len(parts(log)) == 1
    assert len(list(copy_directory(log).glob("*-fills.parquet"))) == 1


def test_who_reads_keeps_the_files_while_another_makes_the_copy_anew(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 3, price="10")
    with open_log(log) as reader:
        log.write_bytes(log.read_bytes().replace(b'"price":"10"', b'"price":"11"'))
        assert prices(log) == ["11"] * 3
        assert reader.rows("SELECT DISTINCT price FROM fills") == [(10,)]
    append(log, 5, price="11")
    assert prices(log) == ["11"] * 4
    assert len(list(copy_directory(log).glob("*-fills.parquet"))) == 2


def test_two_readers_at_once_see_the_same(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 500)
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(sequence, [log] * 8))
    assert seen == [list(range(2, 502))] * 8


def test_only_whole_lines_are_read_while_a_run_writes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(encoded(start()))
    done = threading.Event()

    def write_slowly() -> None:
        with log.open("ab", buffering=0) as file:
            for seq in range(2, 302):
                line = encoded(fill(seq))
                file.write(line[:70])
                file.write(line[70:])
        done.set()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    while not done.is_set():
        seen = sequence(log)
        assert seen == list(range(2, 2 + len(seen)))
    writer.join()
    assert sequence(log) == list(range(2, 302))
