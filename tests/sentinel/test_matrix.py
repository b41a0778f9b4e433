"""0 fail open: every control at every stage, at its limit, above it, and with its input missing, stale, odd or raising.

A cell is run, or names why it does not apply. What denies must be the control itself: another one that happens to deny proves
nothing about it.
"""

from __future__ import annotations

import pytest

from sentinel.register import REGISTER
from tests.sentinel.matrix import COLUMNS, DENIES, HALTS, PASSES, Cell, Row
from tests.sentinel.matrix_gate import GATE_ROWS
from tests.sentinel.matrix_plan import PLAN_ROWS
from tests.sentinel.matrix_run import RUN_ROWS

ROWS = (*PLAN_ROWS, *GATE_ROWS, *RUN_ROWS)
CELLS = [(row, column, cell) for row in ROWS for column, cell in zip(COLUMNS, row.cells, strict=True)]
RUN = [(row, column, cell) for row, column, cell in CELLS if not isinstance(cell, str)]
LEFT_OUT = [(row, column, cell) for row, column, cell in CELLS if isinstance(cell, str)]


def name(row: Row, column: str, cell: Cell) -> str:
    return f"{row.name}: {column}"


@pytest.mark.parametrize(("row", "column", "cell"), RUN, ids=[name(*one) for one in RUN])
def test_a_control_passes_at_its_limit_and_lets_nothing_pass_that_it_cannot_judge(row, column, cell):
    expected = {COLUMNS[column], HALTS} if row.halts and COLUMNS[column] == DENIES else {COLUMNS[column]}
    assert cell() in expected


@pytest.mark.parametrize(("row", "column", "reason"), LEFT_OUT, ids=[name(*one) for one in LEFT_OUT])
def test_a_cell_that_does_not_apply_says_why(row, column, reason):
    assert len(reason) > 20
    assert column != "one unit above"  # every control has something it denies


def test_every_control_of_the_register_has_a_row_at_every_stage_it_is_asked_at():
    wanted = {(control.number, stage) for control in REGISTER for stage in control.stages}
    assert wanted - {(row.number, row.stage) for row in ROWS} == set()


def test_every_row_is_of_a_code_the_register_gives_that_control_and_no_two_rows_share_a_name():
    codes = {control.number: control.codes for control in REGISTER}
    assert [row.name for row in ROWS if row.code not in codes[row.number]] == []
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_matrix_has_as_many_cells_as_it_says_and_most_are_run():
    assert len(CELLS) == 6 * len(ROWS) > 280
    assert len(LEFT_OUT) < len(CELLS) / 6
    assert {COLUMNS[column] for _, column, _ in RUN} == {PASSES, DENIES, HALTS}
