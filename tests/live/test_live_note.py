"""What a live run leaves beside its log for whoever acts when it does not: a file that is torn, old or another run's says so."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from commands.halt_live import halt_live
from lakehouse.layout import Layout
from lakehouse.live_note import LiveNote, answer_halt, read_halt_seen, read_live_note, write_live_note
from orders.errors import InputError

NOW_NS = 1_800_000_000_000_000_000
NOTE = LiveNote(run_id="one", pid=os.getpid(), process=None, keys="/nowhere", dead_man_s=60, venues=())


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    write_live_note(made, NOTE)
    return made


def test_a_run_that_starts_has_seen_no_halt(layout: Layout) -> None:
    seen = read_halt_seen(layout)
    assert seen is not None
    assert (seen.run_id, seen.ts_ns) == ("one", 0)


def test_an_answer_is_the_files_time_and_changes_none_of_its_bytes(layout: Layout) -> None:
    before, number = layout.halt_seen.read_bytes(), layout.halt_seen.stat().st_ino
    assert answer_halt(layout, run_id="one", now_ns=NOW_NS)
    seen = read_halt_seen(layout)
    assert seen is not None
    assert (seen.run_id, seen.ts_ns) == ("one", NOW_NS)
    assert (layout.halt_seen.read_bytes(), layout.halt_seen.stat().st_ino) == (before, number)


def test_an_answer_of_one_run_is_never_taken_for_anothers(layout: Layout) -> None:
    answer_halt(layout, run_id="one", now_ns=NOW_NS)
    write_live_note(layout, msgspec.structs.replace(NOTE, run_id="two"))
    seen = read_halt_seen(layout)
    assert seen is not None
    assert (seen.run_id, seen.ts_ns) == ("two", 0)
    assert answer_halt(layout, run_id="three", now_ns=NOW_NS)
    seen = read_halt_seen(layout)
    assert seen is not None
    assert (seen.run_id, seen.ts_ns) == ("three", NOW_NS)


@pytest.mark.parametrize("content", [b"", b'{"run_id":"o', b"\xff\xfe", b"[1]"], ids=["empty", "torn", "no text", "no object"])
def test_a_torn_answer_is_none_and_the_next_one_is_made_anew(content: bytes, layout: Layout) -> None:
    layout.halt_seen.write_bytes(content)
    assert read_halt_seen(layout) is None
    assert answer_halt(layout, run_id="one", now_ns=NOW_NS)
    seen = read_halt_seen(layout)
    assert seen is not None
    assert seen.ts_ns == NOW_NS


def test_where_no_answer_can_be_made_that_is_said(layout: Layout) -> None:
    layout.halt_seen.unlink()
    layout.halt_seen.mkdir()
    assert not answer_halt(layout, run_id="one", now_ns=NOW_NS)


@pytest.mark.parametrize("cut", [0, 1, 40], ids=["empty", "one byte", "torn"])
def test_a_torn_note_is_named_and_a_halt_by_it_is_not_confirmed(cut: int, layout: Layout) -> None:
    layout.live_note.write_bytes(layout.live_note.read_bytes()[:cut])
    with pytest.raises(InputError, match="LIVE_NOTE"):
        read_live_note(layout)
    found = halt_live(layout, since_ns=NOW_NS, blocked=True, config=None, keys=None)
    assert found is not None
    assert (found.engine, found.confirmed) == ("absent", False)
    assert "LIVE_NOTE" in found.detail[0]
    assert "--config" in found.detail[0]
