"""The README's matrix of cases and harnesses is what the suite runs: a yes, or the capability that a harness lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conformance import test_conformance, test_faults, test_kill, test_lifecycle
from tests.conformance.conftest import HARNESSES

CASES = (test_conformance, test_lifecycle, test_faults, test_kill)
README = (Path(__file__).parents[2] / "README.md").read_text()


def matrix() -> list[str]:
    """Return the table's rows, a case a row; what only some variants of a case need stands behind its yes."""
    names = list(HARNESSES)
    rows = [f"| case | claim | {' | '.join(f'`{name}`' for name in names)} |", f"| --- | --- |{' --- |' * len(names)}"]
    cases = sorted((name, each) for file in CASES for name, each in vars(file).items() if name.startswith("test_c"))
    for name, case in cases:
        number, _, claim = name.removeprefix("test_").partition("_")
        marks = getattr(case, "pytestmark", [])
        variants = [needed(parameter.marks) for mark in marks if mark.name == "parametrize" for parameter in parameters(mark)]
        cells = [_cell(HARNESSES[harness].capabilities, needed(marks), variants) for harness in names]
        rows.append(f"| {number} | {claim.replace('_', ' ')} | {' | '.join(cells)} |")
    return rows


def needed(marks: Any) -> set[str]:
    return {word for mark in marks if mark.name == "needs" for word in mark.args}


def parameters(mark: Any) -> list[Any]:
    return [each for each in mark.args[1] if hasattr(each, "marks")]


def _cell(has: frozenset[str], all_need: set[str], variants: list[set[str]]) -> str:
    lacking = sorted(all_need - has)
    if lacking:
        return f"no {', '.join(lacking)}"
    partly = sorted(set().union(*(words - has for words in variants)))
    return f"yes; no {', '.join(partly)}" if partly else "yes"


def test_the_readme_shows_the_matrix_as_the_suite_runs_it() -> None:
    assert "\n".join(matrix()) in README, "\n".join(matrix())
