"""When an order whose request went unanswered may be said not to exist. Pure; the clock is an argument.

Only a successful answer is evidence: each kind of list must have said "not there" often enough and long enough, because a venue
reads older than it writes (freqtrade#4403). A look that failed counts for nothing and resets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ANSWERS_MIN: Final = 3


class AbsenceEvidence:
    """Not-found answers by kind of list. `absent_ns` > 0: how far the first and the last of each kind must be apart."""

    def __init__(self, kinds: Iterable[str], *, absent_ns: int) -> None:
        self._seen: dict[str, tuple[int, int, int]] = {}  # kind -> count, first, last
        self._kinds = frozenset(kinds)
        self._absent_ns = absent_ns
        assert self._kinds
        assert absent_ns > 0

    def not_found(self, kind: str, *, at_ns: int) -> None:
        """A successful answer of this kind did not hold the order."""
        assert kind in self._kinds, kind
        count, first, last = self._seen.get(kind, (0, at_ns, at_ns))
        self._seen[kind] = (count + 1, min(first, at_ns), max(last, at_ns))

    def found_trace(self) -> None:
        """Something was seen that may be this order's: everything said before is void."""
        self._seen.clear()

    @property
    def proven(self) -> bool:
        """Whether the order does not exist, by every kind of list."""
        for kind in self._kinds:
            count, first, last = self._seen.get(kind, (0, 0, 0))
            if count < ANSWERS_MIN or last - first < self._absent_ns:
                return False
        return True

    def words(self) -> str:
        """Return what has been answered so far, for the log."""
        return ", ".join(f"{kind} {self._seen.get(kind, (0, 0, 0))[0]}x" for kind in sorted(self._kinds))
