"""What a twin's own log says of the run it follows: where it began, what was compared, what was not and why."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final

from lakehouse.layout import Layout
from lakehouse.ledger_format import sha256
from lakehouse.records import TwinLine, TwinStart
from lakehouse.segments import Segments
from orders.canonical import decimal_text
from orders.errors import RecordCorrupt
from orders.exact import FLOOR, ROUNDED, exact_arithmetic

STEP: Final = Decimal("0.000001")
TWIN: Final = "twin"  # kind of a run that follows a live one
FIRST_LINE_MAX: Final = 1 << 20


class Twins:
    """One per fold (`lakehouse.rebuild`); to be read. `ended`: client order ids that have their line; `uncompared`: by code."""

    def __init__(self) -> None:
        self.first: TwinStart | None = None
        self.start: TwinStart | None = None
        self.last: TwinLine | None = None  # the last one that compared something
        self.ended: set[str] = set()
        self.compared = 0
        self.uncompared: Counter[str] = Counter()
        self._paid = self._notional = Decimal(0)

    @property
    def price_bps(self) -> str | None:
        """How much more live paid, in bps of notional, over all that have both prices and a notional; None of none."""
        if not self._notional:
            return None
        return decimal_text(FLOOR.divide(self._paid, self._notional).quantize(STEP, context=ROUNDED))

    def begun(self, line: TwinStart) -> None:
        """A twin begins, or goes on. Raises `RecordCorrupt` TWIN_TWICE of a log that follows two others."""
        if self.first is None:
            self.first = line
        elif (self.first.live_log_sha256, self.first.live_line) != (line.live_log_sha256, line.live_line):
            raise _twice(f"one log followed from line {self.first.live_line} on", f"another from line {line.live_line}")
        self.start = line

    def told(self, line: TwinLine) -> None:
        """An order has ended on both sides; its numbers have been checked. Raises `RecordCorrupt` TWIN_TWICE: told before."""
        if line.client_order_id in self.ended:
            raise _twice("each order compared once", f"{line.client_order_id} again")
        self.ended.add(line.client_order_id)
        if line.compared:
            self.compared += 1
            self.last = line
            if line.price_bps is not None and line.notional_base is not None:
                with exact_arithmetic():
                    notional = Decimal(line.notional_base)
                    self._paid += Decimal(line.price_bps) * notional
                    self._notional += notional
        else:
            self.uncompared[line.code] += 1


def first_sha256(layout: Layout) -> str:
    """Return the sha256 of a log's first line, over all its segments: by it a twin's `live_log_sha256` knows the log again.

    Raises `StorageError`.
    """
    with Segments(layout.log) as log:
        return sha256(log.pread(FIRST_LINE_MAX, 0).partition(b"\n")[0])


def amounts_of(line: TwinLine) -> tuple[str, ...]:
    """Return every number of a line that it has as text."""
    found = (
        line.quantity, line.late_ms, line.live_filled_quantity, line.twin_filled_quantity, line.live_average_price,
        line.twin_average_price, line.live_fill_ratio, line.twin_fill_ratio, line.price_bps, line.first_fill_ms,
        line.last_fill_ms, line.fill_ratio, line.notional_base,
    )  # fmt: skip
    return tuple(text for text in found if text is not None)


def _twice(expected: str, found: str) -> RecordCorrupt:
    return RecordCorrupt(
        "TWIN_TWICE", expected=expected, found=found, action="Change nothing and keep a copy of the log; a person must look."
    )
