"""Spikes: prices far from their neighbours, by medians, so that one wrong price does not hide the next.

Rule: a price is a spike when it is further than 2 % from the median of the 31 prices before it, and further than 20 times the
median distance of those 31 from that median (a median absolute deviation). Of a bar, the high and the low are judged against
closes; of a quote, its mid. Every price joins the 31, spike or not, so that a new level is believed after 16 rows.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from decimal import Decimal
from typing import Final

from lakehouse.price_kinds import Kind, Row

SPIKE_WINDOW: Final = 31
SPIKE_FRACTION: Final = 50  # 1/50 is 2 %
SPIKE_DEVIATIONS: Final = 20
SPIKE_RULE: Final = "further than 2 % and 20 median absolute deviations from the median of the 31 prices before it"


class SpikeWatch:
    """Sees the rows of one file in turn."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._recent: deque[Decimal] = deque()
        self._sorted: list[Decimal] = []

    def sees(self, row: Row) -> bool:
        """Return whether a row is a spike, and take it among the neighbours of the next."""
        kind, numbers = self._kind, row.numbers
        if kind is Kind.BARS:
            price, judged = numbers[3], numbers[1:3]
        elif kind is Kind.QUOTES:
            price = (numbers[0] + numbers[1]) / 2
            judged = (price,)
        else:
            price, judged = numbers[0], numbers[:1]
        found = len(self._sorted) == SPIKE_WINDOW and any(self._far(value) for value in judged)
        if len(self._recent) == SPIKE_WINDOW:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(price)
        insort(self._sorted, price)
        return found

    def _far(self, value: Decimal) -> bool:
        median = self._sorted[SPIKE_WINDOW // 2]
        distance = abs(value - median)
        if distance * SPIKE_FRACTION <= median:
            return False
        deviation = sorted(abs(each - median) for each in self._sorted)[SPIKE_WINDOW // 2]
        return distance > SPIKE_DEVIATIONS * deviation
