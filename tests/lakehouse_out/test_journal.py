"""Group commit: numbered at once, told when durable, and finished for good at the first error of the disk."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine
from lakehouse.verifier import verify
from orders.errors import InputError, StorageError


class Loop:
    """Collects what is posted, to be run on the test's own thread."""

    def __init__(self) -> None:
        self.calls = []
        self.failures = []
        self.posted = threading.Event()

    def post(self, call) -> None:
        self.calls.append(call)
        self.posted.set()

    def run(self) -> None:
        self.posted.clear()
        calls, self.calls = self.calls, []
        for call in calls:
            call()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def durable(layout, loop):
    journal = open_journal(layout, now_ns=1, run_id="run-1", durable=True, post=loop.post, on_failure=loop.failures.append)
    yield journal
    journal.close()


def on_disk(layout: Layout) -> list[AnyLine]:
    return [decode_line(raw) for raw in layout.log.read_bytes().splitlines()]


def test_lines_are_numbered_from_1_without_gaps(layout, lines, durable):
    assert [durable.append(line) for line in lines.small_run()] == list(range(1, 10))
    durable.flush()
    assert [line.seq for line in on_disk(layout)] == list(range(1, 10))


def test_lines_come_back_equal(layout, lines, durable):
    for line in lines.small_run():
        durable.append(line)
    durable.flush()
    read = [decode_line(json.dumps(json.loads(raw) | {"seq": 0}).encode()) for raw in layout.log.read_bytes().splitlines()]
    assert read == lines.small_run()


def test_callback_comes_when_line_and_ledger_record_are_on_disk_and_by_post_only(layout, lines, durable, loop):
    seen = []
    durable.append(lines.start())
    number = durable.append(lines.fill())
    durable.when_durable(lambda: seen.append((len(on_disk(layout)), layout.ledger.read_bytes().count(b'"type":"FILL"'))))
    assert loop.posted.wait(5)
    assert seen == []
    loop.run()
    assert seen == [(number, 1)]


def test_meanwhile_comes_once_the_line_is_written_and_before_the_callback(layout, lines, durable, loop):
    written, seen = [], []
    durable.append(lines.start())
    for number in range(200):
        seq = durable.append(lines.send())
        durable.when_durable(
            lambda number=number: seen.append((number, "durable")),
            meanwhile=lambda number=number, seq=seq: (
                seen.append((number, "begun")),
                written.append(len(on_disk(layout)) >= seq),
            ),
        )
    durable.flush()
    deadline = time.monotonic() + 60
    while len(seen) < 400 and time.monotonic() < deadline:
        loop.run()
    assert sorted(seen, key=lambda one: (one[0], one[1] == "durable")) == [
        (number, what) for number in range(200) for what in ("begun", "durable")
    ]
    for what in ("begun", "durable"):
        assert [number for number, told in seen if told == what] == list(range(200))
    assert all(seen.index((number, "begun")) < seen.index((number, "durable")) for number in range(200))
    assert all(written)
    durable.when_durable(lambda: seen.append("durable"), meanwhile=lambda: seen.append("nothing pending"))
    loop.run()
    assert seen[-2:] == ["nothing pending", "durable"]


def test_a_buffered_journal_calls_meanwhile_and_then_back(layout, lines, open_sync):
    called = []
    buffered = open_sync(layout)
    buffered.append(lines.start())
    buffered.when_durable(lambda: called.append(2), meanwhile=lambda: called.append(1))
    assert called == [1, 2]


def test_callback_with_nothing_pending_is_posted(durable, loop):
    durable.when_durable(lambda: None)
    assert len(loop.calls) == 1


def test_callbacks_come_in_order_over_many_batches(lines, durable, loop):
    seen = []
    for number in range(2_500):
        durable.append(lines.send())
        durable.when_durable(lambda number=number: seen.append(number))
    durable.flush()
    deadline = time.monotonic() + 60
    while len(seen) < 2_500 and time.monotonic() < deadline:
        loop.run()
    assert seen == list(range(2_500))


def test_lines_nobody_waits_for_are_written_within_milliseconds(layout, lines, durable):
    durable.append(lines.start())
    deadline = time.monotonic() + 60
    while not layout.log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert len(on_disk(layout)) == 1


def test_long_logs_are_anchored_on_the_way(layout, lines, durable):
    for _ in range(2):  # an anchor follows the batch that makes a thousand; a slow disk makes large batches
        for _ in range(1_050):
            durable.append(lines.send())
        durable.flush()
    assert layout.ledger.read_bytes().count(b"LOG_ANCHOR") == 2
    durable.close()
    report = verify(layout.directory)
    assert report.first_bad is None
    assert report.anchored_line == 2_100


def test_text_without_utf_8_is_refused_and_takes_no_number(lines, durable):
    with pytest.raises(InputError, match="LINE_TEXT"):
        durable.append(lines.halt(reason="\udcff"))
    assert durable.append(lines.start()) == 1


def test_a_buffered_journal_keeps_what_came_before_text_without_utf_8(lines, open_sync, tmp_path):
    layout = Layout(tmp_path / "other")
    buffered = open_sync(layout)
    buffered.append(lines.start())
    buffered.append(lines.halt(reason="\udcff"))
    with pytest.raises(InputError, match="LINE_TEXT"):
        buffered.flush()
    with pytest.raises(InputError, match="LINE_TEXT"):
        buffered.append(lines.halt(reason="fine"))
    buffered.close()
    assert layout.log.read_bytes().count(b"\n") == 1


def test_backtest_journal_writes_the_same_bytes(layout, lines, durable, open_sync, tmp_path):
    other = Layout(tmp_path / "other")
    buffered = open_sync(other, now_ns=1)
    called = []
    buffered.when_durable(lambda: called.append(1))
    for one, same in zip(lines.small_run(), lines.small_run(), strict=True):
        assert buffered.append(one) == durable.append(same)
    buffered.close()
    durable.close()
    assert called == [1]
    assert other.log.read_bytes() == layout.log.read_bytes()
    assert other.ledger.read_bytes() == layout.ledger.read_bytes()


def test_closing_twice_is_fine(durable):
    durable.close()
    durable.close()


@pytest.fixture
def small_disk(tmp_path: Path):
    """A tmpfs of 256 kB; needs the right to mount."""
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def fill_disk(path: Path) -> None:
    descriptor = os.open(path / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, b"\0" * 4096):
            pass
    except OSError:
        os.close(descriptor)


def test_full_disk_fails_the_durable_journal_once_and_for_good(small_disk, lines, loop):
    layout = Layout(small_disk)
    journal = open_journal(layout, now_ns=1, run_id="run-1", durable=True, post=loop.post, on_failure=loop.failures.append)
    journal.append(lines.start())
    journal.flush()
    fill_disk(small_disk)
    called = []
    for number in range(40):
        journal.append(lines.fill(str(number), key=f"{number:032x}"))
    journal.when_durable(lambda: called.append(1))
    with pytest.raises(StorageError, match="DISK_FULL"):
        journal.flush()
    with pytest.raises(StorageError, match="DISK_FULL"):
        journal.append(lines.start())
    with pytest.raises(StorageError):
        journal.when_durable(lambda: None)
    (small_disk / "filler").unlink()
    with pytest.raises(StorageError):
        journal.append(lines.start())  # never retried, room or not
    journal.close()
    loop.run()
    assert [error.code for error in loop.failures] == ["DISK_FULL"]
    assert called == []
    assert verify(layout.directory).ok
    mended = open_journal(layout, now_ns=2, run_id="run-2", durable=False)
    mended.close()
    report = verify(layout.directory)
    assert report.first_bad is None
    assert report.anchored_line == report.log_lines


def test_full_disk_fails_the_backtest_journal_for_good(small_disk, lines, open_sync):
    layout = Layout(small_disk)
    journal = open_sync(layout)
    journal.append(lines.start())
    journal.flush()
    fill_disk(small_disk)
    for number in range(40):
        journal.append(lines.fill(str(number)))
    with pytest.raises(StorageError, match="DISK_FULL"):
        journal.flush()
    with pytest.raises(StorageError):
        journal.append(lines.start())
    with pytest.raises(StorageError):
        journal.when_durable(lambda: None)
    journal.close()


def test_opening_on_a_full_disk_is_a_clear_error(small_disk, open_sync):
    fill_disk(small_disk)
    with pytest.raises(StorageError, match="DISK_FULL"):
        open_sync(Layout(small_disk))


def test_opening_on_a_read_only_disk_is_a_clear_error(small_disk, open_sync):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="DISK_READ_ONLY"):
        open_sync(Layout(small_disk))


@pytest.mark.parametrize("harm", [
    lambda layout: layout.log.unlink(),
    lambda layout: layout.log.write_bytes(b""),
    lambda layout: layout.ledger.write_bytes(layout.ledger.read_bytes() + b"x"),
], ids=["log removed", "log truncated", "ledger written by another"])  # fmt: skip
def test_file_changed_behind_the_journal_fails_it(layout, lines, durable, loop, harm):
    durable.append(lines.start())
    durable.flush()
    harm(layout)
    durable.append(lines.fill())
    with pytest.raises(StorageError, match="not as it was left"):
        durable.flush()
    loop.run()
    assert len(loop.failures) == 1
