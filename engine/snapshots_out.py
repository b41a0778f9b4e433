"""What a run leaves beside the log: actual state after confirmed fills, and the snapshots that `sluice plan` reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal

from engine.desk import ManifestDesk
from engine.market_time import MarketTime
from engine.prices import Prices
from engine.recorder import Recorder
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.snapshots import write_book, write_market_limits, write_quotes
from lakehouse.state import ActualState, Asset, write_actual_state
from orders.values import Listing, MarketLimits, Quote, Rate


class SnapshotWriter:
    """Writes state and snapshots of one run. `marks`: last fill price by symbol of earlier runs, for what has no quote yet.

    `desk` None: a run that plans nothing, of which there is a state and no snapshot.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        config: RunConfig,
        recorder: Recorder,
        prices: Prices,
        market_limits: Mapping[str, MarketLimits],
        listings: Mapping[str, Listing],
        market_time: MarketTime,
        marks: Mapping[str, tuple[Decimal, int]],
        desk: ManifestDesk | None,
    ) -> None:
        self._layout = layout
        self._desk = desk
        self._config = config
        self._recorder = recorder
        self._prices = prices
        self._limits = market_limits
        self._listings = listings
        self._market_time = market_time
        self._marks = {symbol: price for symbol, (price, _) in marks.items()}
        self._rates: Mapping[str, Rate] = config.rates()
        self.last_equity: Decimal | None = None
        self._writing = threading.Lock()
        self._taken = self._written = 0

    def equity(self) -> Decimal:
        """Return equity in base currency at the newest marks: mids, else last fill prices. For display and state only."""
        keeper = self._recorder.keeper
        cash = sum(
            (amount * self._rate(code) for amounts in keeper.cash.values() for code, amount in amounts.items()), Decimal(0)
        )
        self.last_equity = cash + sum((asset.notional_base for asset in self._assets()), Decimal(0))
        return self.last_equity

    def state(self, *, now_ns: int, log_line: int) -> ActualState:
        """Return the actual state of now, which `log_line` is the last line of."""
        keeper = self._recorder.keeper
        return ActualState(
            environment=self._config.environment,
            assets=self._assets(),
            equity_base=self.equity(),
            cash={venue: dict(amounts) for venue, amounts in keeper.cash.items()},
            fees=dict(keeper.fees),
            log_line=log_line,
            updated_ns=now_ns,
            financing={kind: dict(amounts) for kind, amounts in keeper.financing.items()},
        )

    def write_state(self, *, now_ns: int, log_line: int) -> None:
        """Write the actual state as of a log line that is on disk. Raises `StorageError`, `InputError`."""
        write_actual_state(self._layout.state, self.state(now_ns=now_ns, log_line=log_line))

    def write_snapshots(self, *, now_ns: int) -> None:
        """Write quotes, book and limits for `plan` and `flatten`, stamped in market time. Raises `StorageError`."""
        self.snapshots_of(now_ns)()

    def snapshots_of(self, now_ns: int) -> Callable[[], None]:
        """Take what is true now; what is returned writes it, on any thread. A later taking that was written first stands."""
        assert self._desk is not None
        snapshots = self._config.snapshots
        market_now = self._market_time.at(now_ns)
        quotes = []
        for symbol in sorted(self._limits):
            quote = self._prices.quote_of(symbol)
            if quote is not None:
                stamp = self._market_time.at(quote.ts_ns)
                quotes.append(Quote(symbol=symbol, bid=quote.bid, ask=quote.ask, ts_ns=stamp))
        book, cycle = self._recorder.keeper.snapshot(), self._recorder.last_cycle
        open_orders, withdrawn = self._desk.open_orders(), self._desk.withdrawals
        limits = [self._limits[symbol] for symbol in sorted(self._limits)]
        self._taken += 1
        number = self._taken

        def write() -> None:
            with self._writing:
                if number < self._written:
                    return
                self._written = number
                if quotes:
                    write_quotes(snapshots.quotes, quotes)
                write_book(snapshots.book, book, as_of_ns=market_now, cycle=cycle, open_orders=open_orders, withdrawn=withdrawn)
                source = f"run {self._recorder.facts.run_id}"
                write_market_limits(snapshots.market_limits, limits, as_of_ns=market_now, source=source)

        return write

    def _assets(self) -> tuple[Asset, ...]:
        assets = []
        for symbol, quantity in sorted(self._recorder.keeper.positions.items()):
            listing, limits = self._listings[symbol], self._limits[symbol]
            price = self._mark(symbol)
            notional = quantity * price * limits.multiplier * self._rate(listing.quote_currency)
            assets.append(Asset(symbol=symbol, venue=listing.venue, quantity=quantity, price=price, notional_base=notional))
        return tuple(assets)

    def _mark(self, symbol: str) -> Decimal:
        quote = self._prices.quote_of(symbol)
        if quote is not None:
            self._marks[symbol] = quote.mid
        return self._marks[symbol]

    def _rate(self, code: str) -> Decimal:
        return Decimal(1) if code == self._config.capital.base_currency else self._rates[code].value
