"""Another process' log read while it grows: every whole line once, through torn tails and rotations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lakehouse import records
from lakehouse.layout import Layout, segment_path
from lakehouse.ledger_format import BadLine
from lakehouse.log_tail import LogTail


def raw(seq: int, *, message: str = "made") -> bytes:
    line = records.Alarm(seq=seq, ts_ns=seq, market_ns=seq, run_id="run-1", code="MADE", message=message)
    return msgspec.json.encode(line) + b"\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def tail(layout: Layout) -> Iterator[LogTail]:
    made = LogTail(layout)
    yield made
    made.close()


def append(layout: Layout, data: bytes) -> None:
    with layout.log.open("ab") as file:
        file.write(data)


def rotate(layout: Layout, number: int) -> None:
    layout.log.rename(segment_path(layout.log, number))


def seqs(tail: LogTail) -> list[int]:
    """All there is by now."""
    found: list[int] = []
    while lines := tail.lines():
        found += [line.seq for line in lines]
    return found


def test_a_log_that_is_not_there_yet_has_no_lines(layout: Layout, tail: LogTail) -> None:
    assert tail.lines() == []
    append(layout, raw(1))
    assert seqs(tail) == [1]


def test_lines_come_once_as_they_are_written(layout: Layout, tail: LogTail) -> None:
    append(layout, raw(1) + raw(2))
    assert seqs(tail) == [1, 2]
    assert seqs(tail) == []
    append(layout, raw(3))
    assert (seqs(tail), tail.line) == ([3], 3)


def test_a_torn_tail_is_no_line_until_it_is_whole_or_until_a_start_has_cut_it_off(layout: Layout, tail: LogTail) -> None:
    append(layout, raw(1) + raw(2)[:20])
    assert seqs(tail) == [1]
    append(layout, raw(2)[20:])
    assert seqs(tail) == [2]
    append(layout, raw(3)[:33])
    assert seqs(tail) == []
    with layout.log.open("r+b") as file:
        file.truncate(len(raw(1) + raw(2)))
    append(layout, raw(3, message="another"))
    assert seqs(tail) == [3]


def test_a_line_longer_than_one_read_comes_whole(layout: Layout, tail: LogTail) -> None:
    append(layout, raw(1, message="x" * 3_000_000) + raw(2))
    assert seqs(tail) == [1, 2]


def test_it_goes_on_over_rotations_however_many_came_between_two_looks(layout: Layout, tail: LogTail) -> None:
    append(layout, raw(1))
    assert seqs(tail) == [1]
    append(layout, raw(2))
    rotate(layout, 1)
    assert seqs(tail) == [2], "what was written before it was closed"
    append(layout, raw(3))
    rotate(layout, 2)
    append(layout, raw(4))
    rotate(layout, 3)
    append(layout, raw(5))
    assert seqs(tail) == [3, 4, 5]
    rotate(layout, 4)
    assert seqs(tail) == [], "closed, and the new file is not there yet"
    append(layout, raw(6))
    assert seqs(tail) == [6]


def test_a_tail_begun_late_reads_all_segments(layout: Layout, tail: LogTail) -> None:
    for number in (1, 2, 3):
        append(layout, raw(2 * number - 1) + raw(2 * number))
        rotate(layout, number)
    append(layout, raw(7))
    assert seqs(tail) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_writer_does_between_looks_every_line_comes_once_and_in_order(
    layout: Layout, tail: LogTail, seed: int
) -> None:
    dice, found = random.Random(seed), list[int]()
    seq = segments = torn = 0
    for _ in range(200):
        match dice.choice(["line", "line", "line", "tear", "rotate", "look", "look"]):
            case "line":
                seq += 1
                append(layout, raw(seq)[torn:])
                torn = 0
            case "tear" if not torn:
                torn = dice.randint(1, 30)
                append(layout, raw(seq + 1)[:torn])
            case "rotate" if not torn and layout.log.exists():
                segments += 1
                rotate(layout, segments)
            case _:
                found += [line.seq for line in tail.lines()]
    found += seqs(tail)
    assert found == list(range(1, seq + 1))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"garbage\n", "LOG_LINE"),
        (b"\n", "LOG_LINE"),
        (b"\xff\xfe\n", "LOG_LINE"),
        (b'{"type":"no_such_line","v":1,"seq":2}\n', "LOG_LINE"),
        (raw(2).replace(b'"v":1', b'"v":9'), "LOG_VERSION"),
        (raw(3), "LOG_SEQ"),
        (raw(1), "LOG_SEQ"),
    ],
    ids=["garbage", "an empty line", "no text", "no type we know", "another version", "a gap", "a line again"],
)
def test_what_is_no_line_of_a_log_is_one_error_that_names_its_place(
    layout: Layout, tail: LogTail, data: bytes, code: str
) -> None:
    append(layout, raw(1))
    assert seqs(tail) == [1]
    append(layout, data)
    with pytest.raises(BadLine) as caught:
        tail.lines()
    assert (caught.value.code, caught.value.line, tail.line) == (code, 2, 1)


def test_a_log_that_was_cut_below_what_was_read_is_named(layout: Layout, tail: LogTail) -> None:
    append(layout, raw(1) + raw(2))
    assert seqs(tail) == [1, 2]
    with layout.log.open("r+b") as file:
        file.truncate(5)
    with pytest.raises(BadLine, match="LOG_CUT"):
        tail.lines()


@pytest.mark.parametrize("again", [True, False], ids=["another one has its place", "nothing has its place"])
def test_a_log_that_was_moved_away_is_named(layout: Layout, tail: LogTail, again: bool) -> None:
    append(layout, raw(1))
    assert seqs(tail) == [1]
    layout.log.rename(layout.directory / "moved.jsonl")
    if again:
        append(layout, raw(1))
    with pytest.raises(BadLine, match="LOG_REPLACED"):
        tail.lines()


def test_a_closed_segment_that_ends_within_a_line_is_named(layout: Layout, tail: LogTail) -> None:
    append(layout, raw(1) + raw(2)[:10])
    assert seqs(tail) == [1]
    rotate(layout, 1)
    append(layout, raw(2))
    with pytest.raises(BadLine, match="SEGMENT_LENGTH"):
        tail.lines()
