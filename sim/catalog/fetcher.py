"""`sluice data fetch`: a venue's public past into a catalog, window by window; each window is an import of its own.

Windows lie on a fixed grid (10,000 bars, or an hour of trades), cut by the range that was asked for, so that a fetch that was
killed and goes on makes the same files as one that was not. What has been fetched is told by the import manifests (`covers`),
which are durable with their prices: there is no other state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from lakehouse.import_manifest import ImportManifest, Source, read_manifests
from lakehouse.price_kinds import Kind, Row
from lakehouse.price_policy import Tally
from lakehouse.price_rows import RowChecker
from lakehouse.price_times import Stamps
from orders.errors import ConfigError
from orders.values import Record
from sim.catalog.importer import ImportOrder, write_rows
from sim.catalog.store import CatalogStore
from venues.ccxt.history import History
from venues.ccxt.profiles import CcxtProfile

NS_PER_MS: Final = 1_000_000
BARS_A_WINDOW: Final = 10_000
HEADERS: Final = {
    Kind.BARS: ("time", "open", "high", "low", "close", "volume"),
    Kind.TRADES: ("time", "price", "quantity", "buyer_is_maker", "trade_id"),
}

type Say = Callable[[str, int, int, int], None]  # series, windows done, of how many, rows


class Fetched(Record, frozen=True, kw_only=True):
    """What a fetch of one series did: windows and rows now, and windows that were there already."""

    dataset: str
    symbol: str
    windows: int
    windows_before: int
    rows: int
    gaps: int
    until_ns: int


class Fetcher:
    """Fetches one series at a time into an open catalog. `ccxt_symbol` and the order's listing name the same thing."""

    def __init__(self, store: CatalogStore, history: History, profile: CcxtProfile, *, say: Say) -> None:
        self._store = store
        self._history = history
        self._profile = profile
        self._say = say

    async def fetch(self, order: ImportOrder, *, ccxt_symbol: str, since_ns: int, until_ns: int | None) -> Fetched:
        """Fetch what of `[since_ns, until_ns)` is not there. `until_ns` None or later than the venue's clock: up to now.

        Bars that have not ended are not fetched. Raises `ConfigError` NOTHING_TO_FETCH, `VenueError`, `InputError`.
        """
        now_ns = await self._history.now_ms() * NS_PER_MS
        grain = order.bar.ns if order.bar is not None else NS_PER_MS
        first = -(-since_ns // grain) * grain
        last = min(now_ns, until_ns if until_ns is not None else now_ns) // grain * grain
        if first >= last:
            raise ConfigError(
                "NOTHING_TO_FETCH",
                expected=f"--since to be before --until and before the venue's clock {now_ns} ns",
                found=f"{first} to {last} ns",
                action="Ask for a range that has ended.",
            )
        source = f"ccxt:{self._profile.exchange} {ccxt_symbol} {order.bar.text if order.bar else 'trades'}"
        covered = _covered(read_manifests(self._store.directory), order, source)
        window_ns = BARS_A_WINDOW * grain if order.bar else self._profile.trades_span_ms * NS_PER_MS
        windows = list(_windows(first, last, window_ns))
        todo = [piece for window in windows for piece in _without(window, covered)]
        rows = gaps = 0
        for number, (start, end) in enumerate(todo):
            self._say(order.symbol, number, len(todo), rows)
            manifest = await self._window(order, ccxt_symbol, source, start, end)
            rows += manifest.rows_written
            gaps += manifest.gaps
        return Fetched(
            dataset=order.dataset().name,
            symbol=order.symbol,
            windows=len(todo),
            windows_before=len(windows) - len(todo),
            rows=rows,
            gaps=gaps,
            until_ns=last,
        )

    async def _window(self, order: ImportOrder, ccxt_symbol: str, source: str, start: int, end: int) -> ImportManifest:
        pages = self._bars if order.kind is Kind.BARS else self._trades
        raw = [row async for row in pages(order, ccxt_symbol, start, end)]
        data = json.dumps(raw, separators=(",", ":")).encode()
        kept = Source(path=source, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

        def rows() -> tuple[Iterator[Row], Callable[[], Tally]]:
            checker = _checker(order, f"{source} from {start} ns")

            def taken() -> Iterator[Row]:
                checker.begin_at(start)
                for number, fields in enumerate(raw, start=1):
                    row = checker.take(number, fields)
                    if row is not None:
                        yield row
                checker.end_at(end)

            return taken(), lambda: checker.tally

        return write_rows(self._store, order, sources=(kept,), rows=rows, covers=(start, end), may_be_empty=True).manifest

    async def _bars(self, order: ImportOrder, symbol: str, start: int, end: int) -> AsyncIterator[list[Any]]:
        assert order.bar is not None
        since_ms, until_ms = start // NS_PER_MS, end // NS_PER_MS
        while since_ms < until_ms:
            page = await self._history.bars(symbol, timeframe=order.bar.text, since_ms=since_ms, until_ms=until_ms)
            if not page:
                return  # the venue has no bar there: a gap, which the manifest names
            for row in page:
                yield row
            since_ms = page[-1][0] + order.bar.ns // NS_PER_MS

    async def _trades(self, order: ImportOrder, symbol: str, start: int, end: int) -> AsyncIterator[list[Any]]:
        fields = self._profile.trade
        page = await self._history.first_trades(symbol, since_ms=start // NS_PER_MS, until_ms=end // NS_PER_MS)
        while page:
            for info in page:
                stamp_ms = int(str(info[fields.venue_ms]))
                if stamp_ms * NS_PER_MS >= end:
                    return
                trade_id = info[fields.trade_id]
                yield [stamp_ms, info[fields.price], info[fields.quantity], str(info[fields.buyer_is_maker]), str(trade_id)]
            page = await self._history.trades_from(symbol, int(str(page[-1][fields.trade_id])) + 1)


def _checker(order: ImportOrder, path: str) -> RowChecker:
    header = HEADERS[order.kind]
    columns = ("time", "price", "quantity", "side", "trade_id") if order.kind is Kind.TRADES else header
    places: dict[str, int | None] = {name: place for place, name in enumerate(columns)}
    return RowChecker(order.policy(), path=path, stamps=Stamps(path, zone=None), places=places, header=header)


def _covered(manifests: list[ImportManifest], order: ImportOrder, source: str) -> list[tuple[int, int]]:
    """Return the ranges that were fetched into this series, in order."""
    name = order.dataset().name
    return sorted(
        each.covers
        for each in manifests
        if each.covers is not None and each.kind == order.kind.value and each.dataset == name and each.sources[0].path == source
    )


def _windows(first: int, last: int, window_ns: int) -> Iterator[tuple[int, int]]:
    start = first
    while start < last:
        end = min(last, (start // window_ns + 1) * window_ns)
        yield start, end
        start = end


def _without(window: tuple[int, int], covered: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what of a window is not covered."""
    start, end = window
    for begin, finish in covered:
        if finish <= start or begin >= end:
            continue
        if begin > start:
            yield start, begin
        start = max(start, finish)
    if start < end:
        yield start, end
