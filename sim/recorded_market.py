"""The recorded quotes as evidence: which bid and ask a symbol showed at an instant. A symbol is read when first asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow.compute as pc

from lakehouse.layout import Layout
from lakehouse.run_inputs import MarketFile, altered_quotes
from sim.recorded_run import read_quotes


class RecordedMarket:
    """What a run recorded of the top of book; `altered_names`: batches that are not what was recorded."""

    def __init__(self, layout: Layout, files: Sequence[MarketFile]) -> None:
        self._layout = layout
        self._files = files
        self.altered_names = tuple(altered_quotes(layout, files))
        self.altered = bool(self.altered_names)
        self.until_ns = 0
        if files:
            last = read_quotes(layout, files[-1]).column("received_ns")
            self.until_ns = last[-1].as_py() if len(last) else 0
        self._by_symbol: dict[str, tuple[list[int], list[tuple[Decimal, Decimal]]]] = {}

    def shown(self, symbol: str, bid: str, ask: str, *, from_ns: int, to_ns: int) -> bool:
        """Whether this bid and ask were the newest at some instant from `from_ns` to `to_ns`, real time, both included."""
        stamps, books = self._quotes_of(symbol)
        wanted = Decimal(bid), Decimal(ask)
        first = max(0, bisect_right(stamps, from_ns) - 1)
        return wanted in books[first : bisect_right(stamps, to_ns)]

    def _quotes_of(self, symbol: str) -> tuple[list[int], list[tuple[Decimal, Decimal]]]:
        known = self._by_symbol.get(symbol)
        if known is None:
            stamps: list[int] = []
            books: list[tuple[Decimal, Decimal]] = []
            for file in self._files:
                table: Any = read_quotes(self._layout, file)
                own = table.filter(pc.equal(table.column("symbol"), symbol))
                stamps += own.column("received_ns").to_pylist()
                pairs = zip(own.column("bid").to_pylist(), own.column("ask").to_pylist(), strict=True)
                books += [(Decimal(bid), Decimal(ask)) for bid, ask in pairs]
            known = self._by_symbol[symbol] = (stamps, books)
        return known
