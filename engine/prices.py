"""Where the newest price of a symbol comes from: quotes or bars in Nautilus' cache, as our `Quote`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.model.data import BarType, QuoteTick
from nautilus_trader.model.identifiers import InstrumentId

from orders.values import Quote

BPS = Decimal(10_000)


class Prices:
    """Reads the cache and subscribes handlers on the bus, by platform symbol.

    With `bar_spec` (such as "1-DAY-LAST-EXTERNAL") prices are bar closes, opened by `bar_half_spread_bps` on both sides;
    else top-of-book quotes.
    """

    def __init__(
        self,
        *,
        cache: Any,
        msgbus: Any,
        instrument_ids: Mapping[str, str],
        bar_spec: str | None,
        bar_half_spread_bps: Decimal,
    ) -> None:
        self._cache = cache
        self._msgbus = msgbus
        self._half_spread = bar_half_spread_bps / BPS
        self._ids = {symbol: InstrumentId.from_str(text) for symbol, text in instrument_ids.items()}
        self._symbols = {text: symbol for symbol, text in instrument_ids.items()}
        self._bar_types = (
            None if bar_spec is None else {s: BarType.from_str(f"{text}-{bar_spec}") for s, text in instrument_ids.items()}
        )

    def quote_of(self, symbol: str) -> Quote | None:
        """Return the newest price, stamped when it was true; None when there is none yet."""
        if self._bar_types is not None:
            bar_type = self._bar_types.get(symbol)
            bar = None if bar_type is None else self._cache.bar(bar_type)
            if bar is None:
                return None
            close = bar.close.as_decimal()
            if not self._half_spread:
                return Quote(symbol=symbol, bid=close, ask=close, ts_ns=bar.ts_event)
            half = close * self._half_spread
            return Quote(symbol=symbol, bid=close - half, ask=close + half, ts_ns=bar.ts_event)
        instrument_id = self._ids.get(symbol)
        tick = None if instrument_id is None else self._cache.quote_tick(instrument_id)
        if tick is None:
            return None
        return Quote(symbol=symbol, bid=tick.bid_price.as_decimal(), ask=tick.ask_price.as_decimal(), ts_ns=tick.ts_event)

    def symbol_of(self, data: Any) -> str:
        """Return the platform symbol of a quote or a bar."""
        instrument_id = data.instrument_id if isinstance(data, QuoteTick) else data.bar_type.instrument_id
        return self._symbols[instrument_id.value]

    def watch(self, symbols: Sequence[str], handler: Callable[[Any], None]) -> None:
        """Call `handler` at each price of these symbols. The venue's own subscription stands apart and is permanent."""
        for symbol in symbols:
            self._msgbus.subscribe(topic=self._topic(symbol), handler=handler)

    def unwatch(self, symbols: Sequence[str], handler: Callable[[Any], None]) -> None:
        """Undo `watch`."""
        for symbol in symbols:
            self._msgbus.unsubscribe(topic=self._topic(symbol), handler=handler)

    def _topic(self, symbol: str) -> str:
        if self._bar_types is not None:
            return f"data.bars.{self._bar_types[symbol]}"
        instrument_id = self._ids[symbol]
        return f"data.quotes.{instrument_id.venue}.{instrument_id.symbol}"
