"""Mutants of the Sentinel die, but for those that docs/mutation.md lists and judges: a sample; SLUICE_CAMPAIGN=full: all."""

from __future__ import annotations

import re
import sys

import pytest

from tests.children import FULL, child
from tests.mutation.forked import ROOM, ROOT
from tests.mutation.operators import mutants
from tests.mutation.page import FIGURES, OPEN, PAGE, Tried, judgements, page
from tests.mutation.run import TESTS, room

SAMPLE = 40
SEED = 7
WHOLE = re.compile(r"\| \*\*all\*\* \| (\d+) \| (\d+) \| (\d+) \| ([0-9.]+) \|")
ONE = re.compile(r"\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| ([0-9.]+) \|")
LEAST_OF_100 = 95.0


def ran(*words: str) -> tuple[int, str]:
    with child([sys.executable, "-m", "tests.mutation.run", *words], cwd=ROOT) as process:
        said = process.communicate(timeout=14_400 if FULL else 900)[0]
    return process.returncode, said


def test_mutants_die_but_for_those_that_are_judged() -> None:
    code, said = ran() if FULL else ran("--sample", str(SAMPLE), "--seed", str(SEED))
    assert code == 0, said
    assert "0 survive that nobody has judged" in said


def test_nothing_dies_by_tests_of_something_else() -> None:
    code, said = ran("market_hours", "--in-place", "--tests", "tests/sentinel/test_believed.py")
    assert (code, "\n0 of " in said) == (1, True), said


def test_tests_that_fail_without_a_mutant_are_no_measure(tmp_path) -> None:
    (tmp_path / "test_wrong.py").write_text("def test_wrong():\n    assert False\n")
    code, said = ran("market_hours", "--in-place", "--tests", str(tmp_path / "test_wrong.py"))
    assert code != 0
    assert "test_wrong does not" in said


def test_every_survivor_is_a_mutant_of_the_code_as_it_is_and_has_been_judged() -> None:
    known = judgements(PAGE.read_text())
    assert set(known) - {mutant.name for mutant in room()} == set()
    assert [name for name, why in known.items() if len(why) < 10] == []


def test_the_figures_of_the_page_are_those_of_the_code_and_high_enough_in_every_module() -> None:
    text = PAGE.read_text()
    whole = WHOLE.search(text)
    assert whole is not None
    rows = {found[1]: found for found in ONE.finditer(text)}
    counts = {path.stem: len(mutants(path.read_text(), module=path.stem)) for path in ROOM.glob("*.py")}
    assert {name: int(found[2]) for name, found in rows.items()} == {name: count for name, count in counts.items() if count}
    assert (int(whole[1]), int(whole[3])) == (sum(counts.values()), len(judgements(text)))
    assert float(whole[4]) >= LEAST_OF_100
    assert {name: found[5] for name, found in rows.items() if float(found[5]) < 90} == {}


def test_the_page_keeps_what_was_judged_and_marks_what_was_not() -> None:
    first, second, *_ = mutants("def f(a, b):\n    return a | b if a == '`' else {'|': 1}\n", module="m")
    text = page([Tried(first, False), Tried(second, False)], judged={first.name: "it is the same"})
    assert text.startswith(PAGE.read_text().partition(FIGURES)[0])
    assert judgements(text) == {first.name: "it is the same", second.name: ""}
    assert OPEN in text


@pytest.mark.parametrize("path", TESTS)
def test_the_tests_that_are_asked_are_there(path: str) -> None:
    assert (ROOT / path).exists()
    assert f"`{path}`" in PAGE.read_text()
