"""Deposits and withdrawals in the book: a line, then cash, then what equity is held against, each of the venue's ids once.

They are capital: no cost, no profit, and no loss of the day. What is traded (a coin that a symbol is of) is a position: it moves
by the coins that came or went, valued at the middle of the venue's touch when they are booked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from engine.recorder import Recorder
from engine.sentinel_state import SentinelState
from lakehouse import records
from orders.canonical import decimal_text
from orders.exact import EXACT, FRACTION_PLACES, ROUNDED
from orders.reconcile import asset_code
from orders.values import Listing
from venues.answers import VenueTransfer

ZERO: Final = Decimal(0)


class Transfers:
    """One per live run, on the loop's thread. `on_cash(venue, currency, amount)` is told of what was booked."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        state: SentinelState,
        listings: Mapping[str, Listing],
        on_cash: Callable[[str, str, Decimal], None],
    ) -> None:
        self._recorder = recorder
        self._state = state
        self._listings = listings
        self._on_cash = on_cash

    def symbol_of(self, venue: str, currency: str) -> str | None:
        """Return the symbol whose position coins of this currency are; None: they are cash."""
        return next(iter(self._symbols(venue, currency)), None)

    def _symbols(self, venue: str, currency: str) -> list[str]:
        return sorted(name for name, one in self._listings.items() if (one.venue, asset_code(one)) == (venue, currency))

    def why_not(self, venue: str, transfer: VenueTransfer) -> str:
        """Return in words why a transfer cannot be booked, "" where it can."""
        currency, symbols = transfer.currency, self._symbols(venue, transfer.currency)
        valued_in = self._listings[symbols[0]].quote_currency if symbols else currency
        if len(symbols) > 1:
            return f"{currency} is traded as {' and '.join(symbols)}: whose position it is, is not known"
        held = self._recorder.keeper.positions.get(symbols[0], ZERO) if symbols else ZERO
        if symbols and transfer.amount < 0 and EXACT.add(held, transfer.amount) < 0:
            return f"the book holds {decimal_text(held)} {currency}"
        return "" if self._state.rate(valued_in) is not None else f"no rate of {valued_in} holds"

    def book(self, venue: str, transfer: VenueTransfer, *, price: Decimal | None, statement_sha256: str | None = None) -> None:
        """Book one that is confirmed and was not booked before; `price` of a unit in the quote currency of `symbol_of`, None for
        cash; `statement_sha256`: of the handoff it is booked by, None where the venue confirmed it. Raises `StorageError`, and
        has booked nothing then.
        """
        symbol = self.symbol_of(venue, transfer.currency)
        rate = self._state.rate(transfer.currency if symbol is None else self._listings[symbol].quote_currency)
        assert rate is not None, "why_not was asked first"
        assert transfer.done_ns is not None, "only what is confirmed is booked"
        assert (symbol is None) is (price is None), "a coin that is traded has a price"
        units = transfer.amount if price is None else EXACT.multiply(transfer.amount, price)
        worth = EXACT.multiply(units, rate).quantize(FRACTION_PLACES, context=ROUNDED)
        self._recorder.write(
            records.Transfer,
            kind=transfer.kind,
            venue=venue,
            account=f"{venue}-001",
            transfer_id=transfer.transfer_id,
            currency=transfer.currency,
            amount=decimal_text(transfer.amount),
            fee=decimal_text(transfer.fee),
            amount_base=decimal_text(worth),
            event_ns=transfer.done_ns,
            symbol=symbol,
            price=None if price is None else decimal_text(price),
            statement_sha256=statement_sha256,
        )
        self._recorder.keeper.apply_transfer(venue=venue, currency=transfer.currency, amount=transfer.amount, symbol=symbol)
        self._state.transferred(worth, symbol=symbol, units=transfer.amount)
        if symbol is None:
            self._on_cash(venue, transfer.currency, transfer.amount)
        self._recorder.on_fill()
