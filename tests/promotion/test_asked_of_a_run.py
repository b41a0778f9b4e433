"""`sluice promote` where something else holds the record: what it tells of a run that hangs, ends or says no; nothing later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from filelock import FileLock

from commands.append_line import command_journal
from lakehouse.layout import Layout
from lakehouse.live_note import LiveNote, write_live_note
from lakehouse.lock import DataDirectoryLock
from lakehouse.move_files import Refused, answer_move, take_move
from lakehouse.move_request import PlainMove, parse_request
from live.promotion_signing import line_asked
from tests.promotion.world import Promoting, promoting

RUN = "20260106T100000-7"
NOTE = LiveNote(run_id=RUN, pid=1, process=None, keys="keys", dead_man_s=60, venues=())


@pytest.fixture
def made(tmp_path: Path) -> Promoting:
    found = promoting(tmp_path)
    found.canary()
    found.moved("--step-up")
    return found


@contextmanager
def holding(made: Promoting, meanwhile: Callable[[Layout], Any], *, run_id: str = RUN, note: bool = True) -> Iterator[None]:
    """A process that holds the record as a live run does, and does `meanwhile` once it is asked; then it lets go."""
    layout = made.layout
    lock = DataDirectoryLock(layout, run_id=run_id)
    lock.acquire()
    if note:
        write_live_note(layout, NOTE)
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.01):
            if layout.move_request.exists():
                meanwhile(layout)
                lock.release()
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        lock.release()


def recorded(layout: Layout) -> None:
    """The run takes it, writes the line, and is killed."""
    data = take_move(layout)
    assert data is not None
    asked = parse_request(data).asked
    now = time.time_ns()
    with command_journal(layout, now_ns=now, run_id=RUN) as journal:
        journal.append(
            line_asked(
                journal.fold.promotions,
                asked,
                rules=None,
                layout=layout,
                environment="live-shadow",
                now_ns=now,
                run_id=RUN,
            )
        )


def down(made: Promoting) -> tuple[int, str]:
    return made.promote("--step-down", key=None)


def test_a_run_that_ends_before_it_takes_it_leaves_nothing_to_be_taken_later(made: Promoting) -> None:
    lines = made.promotions.lines
    with holding(made, lambda layout: None):
        code, said = down(made)
    assert (code, "MOVE_RUN_ENDED" in said, "before it took it" in said) == (1, True, True), said
    assert not made.layout.move_request.exists()
    assert made.promotions.lines == lines
    assert down(made)[0] == 0  # with nothing running it is recorded at once
    assert made.promotions.lines == lines + 1


def test_a_run_that_is_killed_with_the_request_in_hand_has_recorded_nothing(made: Promoting) -> None:
    with holding(made, take_move):
        code, said = down(made)
    assert (code, "its log has no line of it" in said) == (1, True), said


def test_a_run_that_is_killed_before_it_answers_has_recorded_it_once(made: Promoting) -> None:
    lines = made.promotions.lines
    with holding(made, recorded):
        code, said = down(made)
    assert (code, f"by run {RUN}" in said) == (0, True), said
    assert made.promotions.lines == lines + 1
    code, said = down(made)
    assert (code, "PROMOTION_IMPOSSIBLE" in said) == (3, True), said


@pytest.mark.parametrize(("ruled", "code"), [(True, 3), (False, 1)], ids=["by a rule", "as no request"])
def test_what_the_run_refuses_is_told_with_its_code(made: Promoting, ruled: bool, code: int) -> None:
    def refuse(layout: Layout) -> None:
        take_move(layout)
        answer_move(layout, Refused(code="MADE_CODE", expected="a", found="b", action="Do c.", ruled=ruled))
        time.sleep(0.5)

    with holding(made, refuse):
        found, said = down(made)
    assert (found, "MADE_CODE" in said, "Do c." in said) == (code, True, True)
    assert not made.layout.move_answer.exists()


def test_a_run_that_hangs_is_told_and_the_request_taken_back(made: Promoting) -> None:
    lines, over = made.promotions.lines, threading.Event()
    with holding(made, lambda layout: over.wait(60)):
        try:
            code, said = down(made)
        finally:
            over.set()
    assert (code, "MOVE_NOT_TAKEN" in said, "sluice halt" in said) == (1, True, True), said
    assert not made.layout.move_request.exists()
    assert made.promotions.lines == lines


def test_a_run_that_took_it_and_hangs_is_told_as_that(made: Promoting) -> None:
    over = threading.Event()

    def take(layout: Layout) -> None:
        take_move(layout)
        over.wait(60)

    with holding(made, take):
        try:
            code, said = down(made)
        finally:
            over.set()
    assert (code, "MOVE_NOT_ANSWERED" in said, "promote log" in said) == (1, True, True), said


@pytest.mark.parametrize(
    ("run_id", "note"), [("backtest-1", True), (RUN, False)], ids=["another command", "a run without a live note"]
)
def test_what_is_no_live_run_is_not_asked(made: Promoting, run_id: str, note: bool) -> None:
    with holding(made, lambda layout: None, run_id=run_id, note=note):
        code, said = down(made)
    assert (code, "LOCK_HELD" in said) == (1, True), said
    assert not made.layout.move_request.exists()


def test_a_note_that_cannot_be_read_keeps_nobody_from_asking(made: Promoting) -> None:
    with holding(made, recorded):
        made.layout.live_note.write_text("garbage")
        code, said = down(made)
    assert (code, f"by run {RUN}" in said) == (0, True), said


def test_two_commands_do_not_ask_at_once(made: Promoting) -> None:
    with holding(made, lambda layout: None), FileLock(made.layout.move_lock):
        code, said = down(made)
    assert (code, "MOVE_PENDING" in said) == (1, True), said
    assert not made.layout.move_request.exists()


def test_a_line_of_the_engine_is_not_taken_for_the_answer(made: Promoting) -> None:
    """A run that stepped down by itself and died with the request in hand has not done what was asked."""

    def by_itself(layout: Layout) -> None:
        asked = parse_request(take_move(layout) or b"").asked
        assert isinstance(asked, PlainMove)
        now = time.time_ns()
        with command_journal(layout, now_ns=now, run_id=RUN) as journal:
            line = line_asked(
                journal.fold.promotions,
                asked,
                rules=None,
                layout=layout,
                environment="live-shadow",
                now_ns=now,
                run_id=RUN,
            )
            journal.append(msgspec.structs.replace(line, by="engine", code="HALTED", reason="halted by x"))

    with holding(made, by_itself):
        code, said = down(made)
    assert (code, "MOVE_RUN_ENDED" in said) == (1, True), said
