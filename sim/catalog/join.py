"""Quotes made of bid bars and ask bars: one where both have a close at the same instant. They are synthetic, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from lakehouse.price_kinds import Row
from lakehouse.price_rows import BadRows, Tally
from orders.errors import InputError


class PairedCloses:
    """Iterate `rows` once; then `tally` says what was seen. A bar without its other side is dropped as ONE_SIDED.

    Raises `InputError` ROW_CROSSED at a bid above its ask, unless bad rows are dropped.
    """

    def __init__(self, bids: Iterator[Row], asks: Iterator[Row], *, size: Decimal, bad_rows: BadRows, path: object) -> None:
        self.tally = Tally()
        self._bids, self._asks = bids, asks
        self._size = size
        self._bad_rows = bad_rows
        self._path = path

    def rows(self) -> Iterator[Row]:
        """Yield the quotes in the order of time."""
        tally = self.tally
        bid, ask = next(self._bids, None), next(self._asks, None)
        while bid is not None and ask is not None:
            if bid.ts_ns != ask.ts_ns:
                tally.read += 1
                tally.drop("ONE_SIDED", tally.read)
                if bid.ts_ns < ask.ts_ns:
                    bid = next(self._bids, None)
                else:
                    ask = next(self._asks, None)
                continue
            tally.read += 1
            quote = Row(bid.ts_ns, (bid.numbers[3], ask.numbers[3], self._size, self._size))
            if quote.numbers[0] > quote.numbers[1]:
                self._crossed(quote)
            else:
                tally.kept += 1
                tally.first_ns = tally.first_ns if tally.first_ns is not None else quote.ts_ns
                tally.last_ns = quote.ts_ns
                yield quote
            bid, ask = next(self._bids, None), next(self._asks, None)
        for rest in (bid, ask):
            if rest is not None:
                tally.read += 1
                tally.drop("ONE_SIDED", tally.read)
        for _ in (*self._bids, *self._asks):
            tally.read += 1
            tally.drop("ONE_SIDED", tally.read)

    def _crossed(self, quote: Row) -> None:
        if self._bad_rows is BadRows.REFUSE:
            raise InputError(
                "ROW_CROSSED",
                expected=f"a bid close that is not above the ask close at {quote.ts_ns} ns, of {self._path}",
                found=f"{quote.numbers[0]} > {quote.numbers[1]}",
                action="Look whether the files are swapped, or leave such quotes out with --bad-rows drop.",
            )
        self.tally.drop("CROSSED", self.tally.read)
