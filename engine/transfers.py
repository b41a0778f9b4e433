"""Deposits and withdrawals in the book: a line, then cash, then what equity is held against, each of the venue's ids once.

They are capital: no cost, no profit, and no loss of the day. What is traded (a coin that a symbol is of) is a position, which
moves by fills alone; its deposits are not booked, and what they leave is a break.
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
        self._traded = {(listing.venue, listing.base_currency) for listing in listings.values()}
        self._on_cash = on_cash

    def why_not(self, venue: str, currency: str) -> str:
        """Return in words why a transfer of this currency cannot be booked, "" where it can."""
        if (venue, currency) in self._traded:
            return f"{currency} is traded here: send it back, or begin a new record with it"
        return "" if self._state.rate(currency) is not None else f"no rate of {currency} holds"

    def book(self, venue: str, transfer: VenueTransfer) -> None:
        """Book one that is confirmed and was not booked before. Raises `StorageError`, and has booked nothing then."""
        rate = self._state.rate(transfer.currency)
        assert rate is not None, "why_not was asked first"
        assert transfer.done_ns is not None, "only what is confirmed is booked"
        worth = EXACT.multiply(transfer.amount, rate).quantize(FRACTION_PLACES, context=ROUNDED)
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
        )
        self._recorder.keeper.apply_transfer(venue=venue, currency=transfer.currency, amount=transfer.amount)
        self._state.transferred(worth)
        self._on_cash(venue, transfer.currency, transfer.amount)
        self._recorder.on_fill()
