"""Verify by two processes says what one says, of good records and of every kind of bad one, and never less."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.examine import examine
from lakehouse.examine_halves import _halves, examine_halves
from lakehouse.layout import Layout, segment_path
from lakehouse.ledger_format import LEDGERED, BadLine
from lakehouse.ledger_key import keys_directory, trusted_keys
from lakehouse.records import VerdictLine
from lakehouse.verifier import VerifyReport, verify
from tests.lakehouse_out.mutations import MUTATORS, Long, Mutated, put, read_long, write_long
from tests.lakehouse_out.rotated import write_rotated
from tests.lakehouse_out.test_segments import ATTACKS


def by(processes: int, layout: Layout) -> VerifyReport:
    return verify(layout.directory, trusted=trusted_keys(keys_directory()), processes=processes)


def halves(layout: Layout) -> Any:
    """What two processes prove without a third look; None where that is left to one."""
    trusted = trusted_keys(keys_directory())
    return _halves(layout, at=frozenset(), look=lambda fold: None, trusted=trusted, kept=(), counts=False)


@pytest.fixture
def rotated(layout: Layout, lines: Any, save_state: Any) -> Layout:
    return write_rotated(layout, lines, save_state)


@pytest.mark.parametrize("which", ["record", "killed", "rotated"])
def test_a_good_record_is_proven_by_two_and_reported_as_by_one(which: str, request: pytest.FixtureRequest) -> None:
    layout: Layout = request.getfixturevalue(which)
    assert halves(layout) is not None
    assert by(2, layout) == by(1, layout)
    assert by(2, layout).first_bad is None


@pytest.mark.parametrize("cut", [1, 40], ids=["its newline", "within the line"])
def test_a_torn_tail_is_the_same_for_two(killed: Layout, cut: int) -> None:
    killed.log.write_bytes(killed.log.read_bytes()[:-cut])
    killed.ledger.write_bytes(killed.ledger.read_bytes()[:-cut])
    assert halves(killed) is not None
    assert by(2, killed) == by(1, killed)


@pytest.mark.parametrize("attack", [attack for _, attack, _ in ATTACKS], ids=[name for name, _, _ in ATTACKS])
def test_an_attack_on_a_segment_is_named_as_by_one(rotated: Layout, attack: Callable[[Layout], None]) -> None:
    attack(rotated)
    assert halves(rotated) is None or by(1, rotated).first_bad is None
    assert by(2, rotated) == by(1, rotated)
    assert by(2, rotated).first_bad is not None


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, lines: Any, save_state: Any) -> tuple[Path, Long]:
    root = tmp_path_factory.mktemp("long")
    layout, other = Layout(root / "one"), Layout(root / "other")
    save_state(layout, write_long(layout, lines, records=300, rotate=True))
    write_long(other, lines, records=300, turn=20, rotate=True)
    return layout.directory, read_long(layout, other)


@pytest.mark.parametrize("mutate", MUTATORS, ids=lambda mutate: mutate.__name__)
def test_a_mutation_is_named_as_by_one(
    mutate: Callable[[Long, random.Random], Mutated], long: tuple[Path, Long], tmp_path: Path
) -> None:
    directory, parts = long
    if len(parts.notes) < 4 or mutate.__name__ == "forget":
        pytest.skip("a short ledger has too few notes to be forgotten")
    shutil.copytree(directory, tmp_path / "lake")
    layout = put(mutate(parts, random.Random(mutate.__name__)), tmp_path / "lake")
    assert halves(layout) is None
    whole = by(1, layout).first_bad
    assert whole is not None
    assert by(2, layout).first_bad == whole
    assert verify(layout.directory, trusted=trusted_keys(keys_directory()), record_only=True).first_bad == whole


@pytest.mark.parametrize(("old", "new"), [
    (b'{"type":"fill","v":1,', b'{"v":1,"type":"fill",'),
    (b'"price":"100"', b'"price":"1e2"'),
    (b'{"type":"send"', b'{"type":"sned"'),
], ids=["a fill spelled in another order", "another spelling of a price", "an unknown line"])  # fmt: skip
def test_a_log_that_only_one_of_both_objects_to_is_not_proven(killed: Layout, old: bytes, new: bytes) -> None:
    data = killed.log.read_bytes()
    at = data.rindex(old)
    killed.log.write_bytes(data[:at] + data[at:].replace(old, new))
    assert halves(killed) is None
    assert by(2, killed) == by(1, killed)
    assert by(2, killed).first_bad is not None


def test_a_fill_that_is_spelled_otherwise_is_one_for_both_even_without_its_record(killed: Layout) -> None:
    """As a kill between log and ledger leaves it, which is a note; the order of its fields is nobody's business."""
    data = killed.log.read_bytes()
    at = data.rindex(b'{"type":"fill","v":1,')
    killed.log.write_bytes(data[:at] + data[at:].replace(b'{"type":"fill","v":1,', b'{"v":1,"type":"fill",'))
    killed.ledger.write_bytes(b"".join(killed.ledger.read_bytes().splitlines(keepends=True)[:-1]))
    assert halves(killed) is not None
    assert by(2, killed) == by(1, killed)
    assert by(2, killed).first_bad is None


@pytest.mark.parametrize("spelled", [b'"DENY"', b'"D\\u0045NY"'], ids=["as written here", "otherwise"])
def test_an_order_that_was_denied_is_open_for_neither_however_that_is_spelled(
    layout: Layout, lines: Any, open_sync: Any, spelled: bytes
) -> None:
    key = "c" * 32
    denied = VerdictLine(
        **lines.base(), client_order_id=key, symbol="BINANCE:BTCUSDT", outcome="DENY", code="HALT", verdicts=[],
        limits_sha256="d" * 64,
    )  # fmt: skip
    journal = open_sync(layout)
    for line in [*lines.small_run(), lines.intent(key), denied]:
        journal.append(line)
    journal.flush()
    journal._files.close()
    layout.log.write_bytes(layout.log.read_bytes().replace(b'"DENY"', spelled))
    assert (halves(layout) is None) is (b"u0045" in spelled)
    assert by(2, layout) == by(1, layout)
    assert by(2, layout).open_orders == 1  # that of the small run alone


@pytest.mark.parametrize("touch", [
    lambda log: os.utime(log),
    lambda log: os.utime(log, ns=(log.stat().st_atime_ns, log.stat().st_mtime_ns)),
    lambda log: log.write_bytes(log.read_bytes()),
], ids=["its time", "its time, set back", "the same bytes once more"])  # fmt: skip
def test_a_log_that_is_touched_between_both_is_left_to_one(record: Layout, touch: Callable[[Path], None]) -> None:
    found = _halves(record, at={1}, look=lambda fold: touch(record.log), trusted=(), kept=(), counts=False)
    assert found is None


def test_every_line_with_a_record_begins_as_the_other_process_looks_for_it(rotated: Layout) -> None:
    from lakehouse.examine import _LEDGERED_STARTS

    assert len(_LEDGERED_STARTS) == len(LEDGERED)
    raws = segment_path(rotated.log, 2).read_bytes().splitlines()
    starts = [raw.startswith(_LEDGERED_STARTS) for raw in raws]
    assert starts == [json.loads(raw)["type"] in {"fill", "halt", "segment"} for raw in raws]


def test_a_process_with_threads_is_not_forked_and_finds_the_same(record: Layout) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        found, alone = examine_halves(record), examine(record)
        assert (found.fold.log_line, found.paired) == (alone.fold.log_line, 0)
    finally:
        stop.set()
        thread.join()
    record.ledger.unlink()
    with pytest.raises(BadLine, match="LEDGER_MISSING"):
        examine_halves(record)


def test_the_command_takes_a_number_of_processes(record: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for count in ("1", "2"):
        assert run(["verify", str(record.directory), "--processes", count]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert run(["verify", str(record.directory), "--processes", "3"]) == 2
