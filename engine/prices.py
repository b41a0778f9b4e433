"""Where the newest price of a symbol comes from: quotes in Nautilus' cache, or bars seen on the bus, as our `Quote`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.identifiers import InstrumentId

from orders.valuation import price_fault
from orders.values import Quote

BPS = Decimal(10_000)
QUOTES: Final = "data.quotes.*"
PRICES_MAX: Final = 10_000  # of a symbol, as many as Nautilus' cache keeps
BAR_PRIORITY: Final = 30  # before the recorder and any strategy: who acts on a bar must find it here


class Prices:
    """Reads the cache, or bars as they come, and subscribes handlers on the bus, by platform symbol.

    With `bar_spec` (such as "1-DAY-LAST-EXTERNAL") prices are bar closes, opened by the symbol's `half_spread_bps` on both
    sides; else top-of-book quotes.
    """

    def __init__(
        self,
        *,
        cache: Any,
        msgbus: Any,
        instrument_ids: Mapping[str, str],
        bar_spec: str | None,
        half_spread_bps: Mapping[str, Decimal],
        bars_kept_ns: int = 0,
    ) -> None:
        """`bars_kept_ns`: how far before the newest bar `earlier_of` may be asked about."""
        self._cache = cache
        self._msgbus = msgbus
        self._newest: dict[str, tuple[Any, Quote]] = {}
        self._half_spread = {symbol: bps / BPS for symbol, bps in half_spread_bps.items()}
        self._ids = {symbol: InstrumentId.from_str(text) for symbol, text in instrument_ids.items()}
        self._symbols = {text: symbol for symbol, text in instrument_ids.items()}
        self._bar_types = (
            None if bar_spec is None else {s: BarType.from_str(f"{text}-{bar_spec}") for s, text in instrument_ids.items()}
        )
        self._bars_kept_ns = bars_kept_ns
        self._earlier_bars = {symbol: deque[Any](maxlen=PRICES_MAX) for symbol in self._bar_types or ()}  # the newest one last
        self._bars: dict[str, Any] = {}  # the newest by symbol; in a backtest no bar is in the cache
        self._bar_handlers: tuple[Callable[[Any], None], ...] = ()
        for symbol, bar_type in (self._bar_types or {}).items():
            msgbus.subscribe(topic=f"data.bars.{bar_type}", handler=partial(self._on_bar, symbol), priority=BAR_PRIORITY)

    def quote_of(self, symbol: str) -> Quote | None:
        """Return the newest price, stamped when it was true; None when there is none yet."""
        if self._bar_types is not None:
            data = self._bars.get(symbol)
        else:
            instrument_id = self._ids.get(symbol)
            data = None if instrument_id is None else self._cache.quote_tick(instrument_id)
        if data is None:
            return None
        known = self._newest.get(symbol)
        if known is not None and known[0] is data:
            return known[1]
        quote = self._quote(symbol, data)
        self._newest[symbol] = (data, quote)
        return quote

    def before(self, symbol: str, instant_ns: int) -> Quote | None:
        """Return the newest price stamped before an instant; None when the last two are not, or there is none."""
        if self._bar_types is not None:
            found = [self._bars.get(symbol), *reversed(self._earlier_bars.get(symbol, ()))][:2]
        else:
            instrument_id = self._ids.get(symbol)
            found = [] if instrument_id is None else [self._cache.quote_tick(instrument_id, place) for place in (0, 1)]
        return next((self._quote(symbol, data) for data in found if data is not None and data.ts_event < instant_ns), None)

    @property
    def bars(self) -> Mapping[str, Any]:
        """The newest bar by symbol, of those that came since the start; empty where prices are quotes."""
        return self._bars

    def mark_of(self, symbol: str) -> tuple[Decimal, int] | None:
        """Return the newest mid, exactly, and when it was true: what `quote_of` says, without making a quote of every bar.

        None where there is none, or it is zero, crossed or not finite.
        """
        if self._bar_types is not None:
            bar = self._bars.get(symbol)
            if bar is not None:
                close = bar.close.as_decimal()
                return (close, bar.ts_event) if close > 0 else None
        quote = self.quote_of(symbol)
        if quote is None or price_fault(quote, now_ns=quote.ts_ns, price_age_max_ns=0) is not None:
            return None
        return quote.mid, quote.ts_ns

    def earlier_of(self, symbol: str, *, gap_ns: int = 0) -> Quote | None:
        """Return the newest price before the newest one that is at least `gap_ns` older; the oldest known where none is.

        None when there is only one since the start. At most 10,000 prices back, and of bars `bars_kept_ns`.
        """
        instrument_id = self._ids.get(symbol)
        if instrument_id is None:
            data = None
        elif self._bar_types is None:
            count = self._cache.quote_tick_count(instrument_id)
            data = _before_gap(partial(self._cache.quote_tick, instrument_id), count, gap_ns)
        else:
            earlier = self._earlier_bars[symbol]
            data = _before_gap(lambda place: earlier[-place] if place else self._bars[symbol], len(earlier) + 1, gap_ns)
        return None if data is None else self._quote(symbol, data)

    def bar_topic(self, symbol: str) -> str | None:
        """Return the bus topic of a symbol's bars; None where prices are quotes."""
        return None if self._bar_types is None else f"data.bars.{self._bar_types[symbol]}"

    def _on_bar(self, symbol: str, bar: Any) -> None:
        bars = self._bars
        if symbol in bars:
            earlier, limit_ns = self._earlier_bars[symbol], bar.ts_event - self._bars_kept_ns
            earlier.append(bars[symbol])
            while len(earlier) > 1 and earlier[1].ts_event <= limit_ns:
                earlier.popleft()
        bars[symbol] = bar
        for handler in self._bar_handlers:
            handler(bar)

    def _quote(self, symbol: str, data: Any) -> Quote:
        if self._bar_types is None:
            return Quote(symbol=symbol, bid=data.bid_price.as_decimal(), ask=data.ask_price.as_decimal(), ts_ns=data.ts_event)
        close = data.close.as_decimal()
        half = close * self._half_spread[symbol]
        return Quote(symbol=symbol, bid=close - half, ask=close + half, ts_ns=data.ts_event)

    def symbol_of(self, data: Any) -> str | None:
        """Return the platform symbol of a quote, a trade or a bar; None for an instrument that is none of ours."""
        instrument_id = data.bar_type.instrument_id if isinstance(data, Bar) else data.instrument_id
        return self._symbols.get(instrument_id.value)

    def watch(self, handler: Callable[[Any], None]) -> None:
        """Call `handler` at every price. The venue's own subscription stands apart and is permanent."""
        if self._bar_types is None:
            self._msgbus.subscribe(topic=QUOTES, handler=handler)
        else:  # on our own subscription: the bus sorts all its topics anew at every change
            self._bar_handlers = (*self._bar_handlers, handler)

    def unwatch(self, handler: Callable[[Any], None]) -> None:
        """Undo `watch`."""
        if self._bar_types is None:
            self._msgbus.unsubscribe(topic=QUOTES, handler=handler)
        else:
            self._bar_handlers = tuple(known for known in self._bar_handlers if known != handler)


def _before_gap(at: Callable[[int], Any], count: int, gap_ns: int) -> Any:
    """Return the first of `count` prices, newest first, that is `gap_ns` older than number 0, else the last; None of one."""
    if count < 2:
        return None
    limit_ns = at(0).ts_event - gap_ns
    if at(1).ts_event <= limit_ns:
        return at(1)
    low, high = 1, count - 1
    while low < high:
        middle = (low + high) // 2
        if at(middle).ts_event <= limit_ns:
            high = middle
        else:
            low = middle + 1
    return at(low)
