"""Where profit would end is said only where a line through the runs means something."""

from __future__ import annotations

from decimal import Decimal

import pytest

from analysis.cost_stress import StressRun, break_even_multiple

D = Decimal


def runs(**pnl: str | None) -> list[StressRun]:
    return [
        StressRun(multiple=D(name[1:]), failure="" if text else "broke", pnl=None if text is None else D(text))
        for name, text in pnl.items()
    ]


@pytest.mark.parametrize(
    ("given", "multiple"),
    [
        (runs(x1="100", x2="80", x3="60"), "6"),
        (runs(x0="50", x1="40"), "5"),
        (runs(x1="10", x3="-10"), "2"),
        (runs(x1="-1", x2="-2"), None),
        (runs(x1="100", x3="100"), None),
        (runs(x1="100", x3="110"), None),
        (runs(x1="100"), None),
        (runs(x2="100", x3="90"), None),
        (runs(x1="100", x2="50", x3=None), None),
        ([], None),
    ],
    ids=[
        "beyond",
        "from no costs",
        "between",
        "a loss",
        "costs do not matter",
        "costs help",
        "one run",
        "no base",
        "one broke off",
        "none",
    ],
)
def test_break_even_is_a_line_through_the_outermost_runs(given: list[StressRun], multiple: str | None) -> None:
    assert break_even_multiple(given) == (None if multiple is None else D(multiple))
