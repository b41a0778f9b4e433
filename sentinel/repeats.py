"""Repeated execution (control 6, RTS 6 15(3)): after so many automatic parents of one symbol in a window it is disabled.

A named person enables it again; until then no strategy trades it, whatever its manifests say. Children of a schedule are part
of their parent and are not counted, nor are an operator's own orders. Market time, so that a replay of a month of daily
rebalances in a minute is a month of daily rebalances.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from sentinel.limits import REPEATS_MAX

REPEATED_EXECUTION: Final = "REPEATED_EXECUTION"


class Repeats:
    """One per strategy. Instants are market time and come in order."""

    def __init__(self, *, window_ns: int) -> None:
        self._window_ns = window_ns
        self._instants: dict[str, deque[int]] = {}
        self.disabled: set[str] = set()

    def count(self, symbol: str, market_ns: int) -> None:
        """An automatic parent of `symbol` was approved."""
        known = self._instants.get(symbol)
        if known is None:
            known = self._instants[symbol] = deque(maxlen=REPEATS_MAX)
        known.append(market_ns)

    def within(self, symbols: Iterable[str], market_ns: int) -> dict[str, int]:
        """Return how many each of `symbols` had within the window; its far end counts. None at all is 0."""
        return {symbol: self._within(symbol, market_ns) for symbol in symbols}

    def _within(self, symbol: str, market_ns: int) -> int:
        known = self._instants.get(symbol)
        if not known:
            return 0
        while known and market_ns - known[0] > self._window_ns:
            known.popleft()
        return len(known)

    def disable(self, symbol: str) -> None:
        """No automatic parent of it passes until `enable`."""
        self.disabled.add(symbol)

    def enable(self, symbol: str) -> None:
        """A named person has looked: it trades again, and its count begins anew."""
        self.disabled.discard(symbol)
        self._instants.pop(symbol, None)
