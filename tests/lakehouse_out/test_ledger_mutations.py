"""Every mutation of a long ledger is found, and named where it can be; no good ledger is ever suspected.

SLUICE_CAMPAIGN=full: 10,808 mutations of a ledger of 10,000 lines in one file, as many of one in three segments and 1,737 of its
segments as files, and 2,000 good ones.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.layout import Layout
from lakehouse.ledger_key import keys_directory, trusted_keys
from lakehouse.opening import open_journal
from lakehouse.verifier import BadPlace, verify
from tests.children import FULL
from tests.cut_records import cut_checkpoints, whole
from tests.lakehouse_out.mutations import MUTATORS, Long, Mutated, put, read_long, write_long
from tests.lakehouse_out.segment_mutations import FILE_MUTATORS, Mutate

RECORDS = 10_000 if FULL else 2_400
PARTS = 4 if FULL else 1  # so that a campaign may use several processes
EACH = 193 if FULL else 25  # of each of fourteen kinds, in each part
EACH_ROTATED = 193 if FULL else 10  # the same in segments, and of each of nine kinds that move whole segments
GOOD = 1_000 if FULL else 60


@pytest.fixture(scope="module", params=[False, True], ids=["one file", "segments"])
def rotate(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, lines: Any, save_state: Any, rotate: bool) -> tuple[Path, Long]:
    """A directory with a good long record, and its parts; `other` beside it has another end."""
    root = tmp_path_factory.mktemp("long")
    layout, other = Layout(root / "one"), Layout(root / "other")
    save_state(layout, write_long(layout, lines, records=RECORDS, rotate=rotate))
    save_state(other, write_long(other, lines, records=RECORDS, turn=RECORDS // 4, rotate=rotate))
    return layout.directory, read_long(layout, other)


def checked(directory: Path) -> BadPlace | None:
    return verify(directory, trusted=trusted_keys(keys_directory())).first_bad


def named(bad: BadPlace, mutated: Mutated) -> bool:
    """Whether what was said is where it is: the line, or the range of lines when only a root can tell."""
    if mutated.within is not None:
        span = re.search(r"one of the lines (\d+) to (\d+) is not", bad.what)
        first, last = (int(span[1]), int(span[2])) if span else (bad.line, bad.line)
        return of_file(bad, mutated.file) and first <= mutated.within <= last and bad.overall == first
    return of_file(bad, mutated.file) and (mutated.lines is None or bad.overall in mutated.lines)


def of_file(bad: BadPlace, name: str) -> bool:
    """Whether it is in a file, or in one of its segments."""
    stem, _, suffix = name.partition(".")
    return re.fullmatch(rf"{stem}(\.[0-9]{{6}})?\.{suffix}", bad.file) is not None


def test_the_long_record_is_good_and_has_the_length_it_should(long: tuple[Path, Long]) -> None:
    directory, parts = long
    assert checked(directory) is None
    assert RECORDS - 40 <= len(parts.ledger) <= RECORDS + 40
    assert len(parts.notes) >= RECORDS // 1_001


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mutate", MUTATORS, ids=lambda mutate: mutate.__name__)
def test_every_mutation_is_found_and_named_where_it_can_be(
    mutate: Callable[[Long, random.Random], Mutated],
    part: int,
    long: tuple[Path, Long],
    rotate: bool,
    record_property: Callable[[str, object], None],
) -> None:
    directory, parts = long
    dice = random.Random(f"{mutate.__name__} {part} 20261126")
    missed, elsewhere, codes = [], [], Counter[str]()
    for number in range(EACH_ROTATED if rotate else EACH):
        mutated = mutate(parts, dice)
        bad = checked(put(mutated, directory).directory)
        codes[bad.code if bad else "NONE"] += 1
        if bad is None:
            missed.append(number)
        elif not named(bad, mutated):
            elsewhere.append((number, bad, mutated.lines, mutated.within))
    put(parts.changed(parts.ledger), directory)
    record_property("codes", dict(codes))
    assert missed == []
    assert elsewhere == []


@pytest.mark.parametrize("mutate", FILE_MUTATORS, ids=lambda mutate: mutate.__name__)
def test_every_change_of_whole_segments_is_found_and_the_segment_named(
    mutate: Mutate, lines: Any, save_state: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    one, other, work = (Layout(tmp_path / name) for name in ("one", "other", "work"))
    fold = write_long(one, lines, records=RECORDS // 4, rotate=True)
    save_state(one, fold)
    write_long(other, lines, records=RECORDS // 4, turn=20, rotate=True)
    parts = read_long(one, other)
    dice = random.Random(f"{mutate.__name__} 20261126")
    codes = Counter[str]()
    for number in range(EACH_ROTATED):
        shutil.rmtree(work.directory, ignore_errors=True)
        shutil.copytree(one.directory, work.directory)
        expected = mutate(work, other, parts, dice)
        bad = checked(work.directory)
        assert bad is not None, number
        assert (bad.code, bad.file) in expected, (number, bad, expected)
        codes[bad.code] += 1
    record_property("codes", dict(codes))


@pytest.mark.parametrize("above", [None, 0], ids=["one file", "segments"])
def test_no_good_ledger_is_suspected(tmp_path: Path, lines: Any, above: int | None) -> None:
    """Runs of any length, ended well or killed anywhere between a line and its checkpoint, one after another."""
    dice = random.Random(20261126)
    for number in range(GOOD):
        layout = Layout(tmp_path / str(number))
        for run in range(dice.randint(1, 4)):
            journal = open_journal(layout, now_ns=number + 1, run_id=f"run-{run}", durable=False, rotate_above=above)
            for _ in range(dice.choice((0, 1, 2, 7, 40, 400)) if dice.random() < 0.95 else 2_300):
                journal.append(lines.halt(reason=str(dice.random())))
            end = dice.random()
            if end < 0.5:
                journal.close()
            else:  # killed: what was written stays, the rest is gone
                if end < 0.9:
                    journal.flush()
                journal._files.close()
                whole = layout.checkpoints.read_bytes()
                if end > 0.7 and number % 2:  # between ledger and checkpoint
                    layout.checkpoints.write_bytes(whole[: dice.randrange(_cut_from(layout), len(whole) + 1)])
            bad = checked(layout.directory)
            assert bad is None, (number, run, bad)
        open_journal(layout, now_ns=7, run_id="last", durable=False).close()
        assert checked(layout.directory) is None
        if above is None:
            cut_checkpoints(layout)


def _cut_from(layout: Layout) -> int:
    """Where the last note begins, of a ledger that does not name it yet."""
    from lakehouse.checkpoints import note_bytes, parse_notes

    notes, size = parse_notes(layout.checkpoints.read_bytes(), file="")
    last = whole(layout.ledger).splitlines()
    names = (b'"size":%d}' % notes[-1].size, b'"ledger_lines":%d,' % notes[-1].size)
    named = any(name in raw for raw in last[-2_500:] for name in names)
    return size if named else size - len(note_bytes(notes[-1]))
