"""Drift of our own fills (control 1, second window): a price that runs away from what we paid a moment ago is not chased.

The reference is the oldest own fill of the symbol within a window of market time. It catches what the collar cannot: a plan,
or the children of one order, that push a price a little at a time, each step inside the collar.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

FILL_DRIFT: Final = "FILL_DRIFT"
FILLS_MAX: Final = 1_000  # remembered of one symbol; with more in a window the oldest of them is the reference


class FillDrift:
    """One per gate. Instants are market time and come in order; prices in quote currency."""

    def __init__(self, *, window_ns: int) -> None:
        self._window_ns = window_ns
        self._fills: dict[str, deque[tuple[int, Decimal]]] = {}

    def fill(self, symbol: str, price: Decimal, market_ns: int) -> None:
        """Remember an execution."""
        known = self._fills.get(symbol)
        if known is None:
            known = self._fills[symbol] = deque(maxlen=FILLS_MAX)
        known.append((market_ns, price))

    def oldest(self, symbol: str, market_ns: int) -> tuple[int, Decimal] | None:
        """Return instant and price of the oldest fill within the window, whose far end counts; None when there is none."""
        known = self._fills.get(symbol)
        if not known:
            return None
        while known and market_ns - known[0][0] > self._window_ns:
            known.popleft()
        return known[0] if known else None
