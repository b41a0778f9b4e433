"""`docs/halt.md` names the tests that hold each of its claims: they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_is_in_the_file_it_names() -> None:
    named = re.findall(r"`(\w+/\w+\.py)` `(test_\w+)`", (ROOT / "docs/halt.md").read_text())
    assert len(named) > 10
    missing = [(file, name) for file, name in named if f"def {name}(" not in (ROOT / "tests" / file).read_text()]
    assert missing == []


def test_no_cell_of_the_table_is_empty() -> None:
    rows = [line for line in (ROOT / "docs/halt.md").read_text().splitlines() if line.startswith("| ") and "`" in line]
    cells = [cell.strip() for row in rows for cell in row.strip("|").split("|")]
    assert len(rows) >= 6
    assert "" not in cells
