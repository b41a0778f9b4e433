"""Capital: what a promoted run may use of equity. Everything that is measured in equity is measured in equity times it.

What happens without a person lowers it: `tighter` is the way from one to the next. A start takes it anew, and so does a move that
persons signed while the run goes on.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.values import Record

ONE: Final = Decimal(1)
ZERO: Final = Decimal(0)
CAPITAL_FRACTION: Final = "CAPITAL_FRACTION"


class Capital(Record, frozen=True, kw_only=True):
    """`fraction` of equity, above 0 and at most 1; None: not known, which refuses. `paused`: why nothing opens, "" while it may.

    `standing`: of which state and step, in words ("canary, step 1"), "" where nobody said.
    """

    fraction: Decimal | None
    paused: str = ""
    standing: str = ""

    @property
    def fault(self) -> str:
        """Why no size can be made of it, in words; "" where one can."""
        fraction = self.fraction
        if fraction is None:
            return "capital fraction missing"
        if not (fraction.is_finite() and ZERO < fraction <= ONE):
            return f"capital fraction {fraction}, not above 0 and at most 1"
        return ""

    @property
    def usable(self) -> Decimal:
        """The fraction; 0 where it has a fault, so that nothing fits."""
        return ZERO if self.fraction is None or self.fault else self.fraction

    @property
    def words(self) -> str:
        """The fraction and whose it is, in words."""
        text = self.fault or f"{decimal_text(self.usable)} of equity"
        return f"{text} ({self.standing})" if self.standing else text


WHOLE: Final = Capital(fraction=ONE)
"""The whole of equity, for a run that is lowered though nothing governed it before."""


def share_of(capital: Capital | None) -> Decimal:
    """Return the fraction to measure with: 1 where nothing governs the run, 0 where it is not known."""
    return ONE if capital is None else capital.usable


def tighter(one: Capital | None, other: Capital) -> Capital:
    """Return the one that lets less be done of two; None is a run that nothing governs. A fault is the least of all, and a pause
    of either stays.
    """
    known = WHOLE if one is None else one
    less = other if other.usable <= known.usable else known
    paused = known.paused or other.paused
    return Capital(fraction=less.fraction, paused=paused, standing=less.standing)
