"""How rows of a price file are judged, and what was seen of them: values of `lakehouse.price_rows`."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from enum import StrEnum
from typing import Final

from lakehouse.price_kinds import Kind
from orders.values import Record

LISTED_MAX: Final = 20  # of each thing named one by one; all are counted


class BadRows(StrEnum):
    """What happens at a row that is wrong: the import is refused, or the row is dropped and counted."""

    REFUSE = "refuse"
    DROP = "drop"


class Spikes(StrEnum):
    """What happens at a spike: counted and kept, dropped, or the import refused."""

    KEEP = "keep"
    DROP = "drop"
    REFUSE = "refuse"


class RowPolicy(Record, frozen=True, kw_only=True):
    """How rows are judged. `interval_ns` of bars, else 0; `stamp_open`: a bar's stamp is its begin, and its row gets its end.

    `quiet_ns`: silence of quotes and trades that counts as a gap.
    """

    kind: Kind
    tick_size: Decimal
    step_size: Decimal
    interval_ns: int
    stamp_open: bool
    bad_rows: BadRows
    spikes: Spikes
    quiet_ns: int


class Tally:
    """What was seen: counts, and the first few lines of each. `gaps` are (from, to, bars missing or 0)."""

    def __init__(self) -> None:
        self.read = 0
        self.kept = 0
        self.duplicates = 0
        self.spikes = 0
        self.gaps = 0
        self.missing_bars = 0
        self.from_floats = 0
        self.dropped: Counter[str] = Counter()
        self.dropped_lines: dict[str, list[int]] = {}
        self.spike_lines: list[int] = []
        self.gap_list: list[tuple[int, int, int]] = []
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    def drop(self, reason: str, line: int) -> None:
        """Count a row that is not taken."""
        self.dropped[reason] += 1
        lines = self.dropped_lines.setdefault(reason, [])
        if len(lines) < LISTED_MAX:
            lines.append(line)
