"""Which regimes a research document may name, in order, and which is the worst of several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

REGIMES: Final = ("QUIET", "NORMAL", "TURBULENT", "CRISIS")  # ascending
QUADRANTS: Final = frozenset({"EXPANSION", "INFLATIONARY_TREND", "STAGNATION", "NORMAL"})


def effective_regime(name: str | None, quadrant: str | None) -> str:
    """Return the regime that counts: CRISIS for a name that is missing or unknown and for any quadrant outside `QUADRANTS`.

    A quadrant that is absent says nothing.
    """
    known = name in REGIMES and (quadrant is None or quadrant in QUADRANTS)
    return name if known and name is not None else "CRISIS"


def worst_regime(pairs: Iterable[tuple[str | None, str | None]]) -> str:
    """Return the worst of (name, quadrant) pairs; CRISIS where there are none."""
    return max((effective_regime(*pair) for pair in pairs), key=REGIMES.index, default="CRISIS")
