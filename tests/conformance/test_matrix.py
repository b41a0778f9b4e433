"""The README's matrix of cases and harnesses is what the suite runs: a yes, or the capability that a harness lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conformance import test_conformance
from tests.conformance.conftest import HARNESSES

README = (Path(__file__).parents[2] / "README.md").read_text()


def matrix() -> list[str]:
    """Return the table's rows, a case a row; a case of several variants is a yes where one of them runs."""
    names = list(HARNESSES)
    rows = [f"| case | claim | {' | '.join(f'`{name}`' for name in names)} |", f"| --- | --- |{' --- |' * len(names)}"]
    cases = {name: each for name, each in vars(test_conformance).items() if name.startswith("test_c")}
    for name, case in cases.items():
        number, _, claim = name.removeprefix("test_").partition("_")
        needed = {word for mark in getattr(case, "pytestmark", []) if mark.name == "needs" for word in mark.args}
        cells = [_cell(HARNESSES[harness], needed) for harness in names]
        rows.append(f"| {number} | {claim.replace('_', ' ')} | {' | '.join(cells)} |")
    return rows


def _cell(harness: Any, needed: set[str]) -> str:
    lacking = sorted(needed - harness.capabilities)
    return f"no {', '.join(lacking)}" if lacking else "yes"


def test_the_readme_shows_the_matrix_as_the_suite_runs_it() -> None:
    assert "\n".join(matrix()) in README
