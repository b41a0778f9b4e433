"""Pairs of files with bars of the bid and of the ask: both as bars, and quotes of both closes, which are synthetic and say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from lakehouse.price_files import PriceFile
from lakehouse.price_kinds import Kind, Row
from lakehouse.price_policy import BadRows, Tally
from orders.errors import ConfigError, InputError
from sim.catalog.importer import Imported, ImportOrder, Say, import_file, source_of, write_rows
from sim.catalog.source_rows import SourceRows
from sim.catalog.store import CatalogStore


def import_pair(
    store: CatalogStore, *, bid: Path, ask: Path, order: ImportOrder, quote_size: Decimal | None, say: Say
) -> list[Imported]:
    """Import bars of the bid and of the ask, and with `quote_size` quotes made of both closes, labelled synthetic.

    The quotes come first: they read both files, so that what is wrong with either is refused before anything is written.
    """
    quotes = [] if quote_size is None else [_import_closes(store, bid, ask, order, quote_size, say)]
    return [
        *quotes,
        *(
            import_file(store, path, msgspec.structs.replace(order, price_type=name), say=say)
            for name, path in (("BID", bid), ("ASK", ask))
        ),
    ]


def _import_closes(store: CatalogStore, bid: Path, ask: Path, order: ImportOrder, size: Decimal, say: Say) -> Imported:
    if size % order.step_size:
        raise ConfigError(
            "QUOTE_SIZE",
            expected=f"a size on the step {order.step_size}",
            found=str(size),
            action="Say how many units each side of the made quotes has.",
        )
    label = f"quotes at the close of bid and ask bars, {size} units on each side; nothing between the closes is known"
    quotes = msgspec.structs.replace(order, kind=Kind.QUOTES, bar=None, stamp_open=None, synthetic=label)
    files = PriceFile(bid), PriceFile(ask)

    def rows() -> tuple[Iterator[Row], Callable[[], Tally]]:
        both = [
            SourceRows(file, msgspec.structs.replace(order, price_type=name), say=say)
            for name, file in zip(("BID", "ASK"), files, strict=True)
        ]
        made = PairedCloses(both[0].rows(), both[1].rows(), size=size, bad_rows=order.bad_rows, path=ask)
        return made.rows(), lambda: made.tally

    sources = tuple(source_of(file) for file in files)
    return write_rows(store, quotes, sources=sources, rows=rows, files=files, of=order)


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
