"""What the account holds, by currency: the venue's reports, and our fills where a report has not come yet. Pure.

A venue tells a fill and the balance that follows in two messages. Between them the account must not look as before: Nautilus'
RiskEngine would deny a buy whose proceeds are there. Stamps are venue time; an amount without one loses to any.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from orders.values import Record, Side
from venues.answers import ZERO, VenueBalance, VenueFill


class Holding(Record, frozen=True, kw_only=True):
    """What is there of a currency; total = free + locked."""

    free: Decimal
    locked: Decimal


class Balances:
    """The newest known amounts, to be read only. `told`: the venue has told all of them once; else fills are all there is."""

    def __init__(self) -> None:
        self.told = False
        self.holdings: dict[str, Holding] = {}
        self._stamps: dict[str, int] = {}

    def report(self, balances: Iterable[VenueBalance], *, whole: bool) -> bool:
        """Take the venue's amounts; `whole`: a currency that is not among them is gone. Return whether anything changed."""
        before, named = dict(self.holdings), set[str]()
        for balance in balances:
            code = balance.currency
            named.add(code)
            stamp = balance.as_of_ns
            if stamp is not None and stamp < self._stamps.get(code, 0):
                continue  # from before a fill that was told already
            self._stamps[code] = stamp or self._stamps.get(code, 0)
            self.holdings[code] = Holding(free=balance.free, locked=balance.locked)
        if whole:
            self.told = True
            for code in self.holdings.keys() - named:
                self.holdings[code] = Holding(free=ZERO, locked=ZERO)
        return self.holdings != before

    def fill(self, fill: VenueFill, *, side: Side, base: str, quote: str, limit_order: bool) -> bool:
        """Move the amounts by a fill, unless a report is as new as it. Return whether anything changed.

        What a resting order pays with is locked at most of venues, so a limit order takes from there first.
        """
        notional = fill.quantity * fill.price
        moves: dict[str, Decimal] = {}
        for code, amount in ((base, side.sign * fill.quantity), (quote, -side.sign * notional), (fill.fee_currency, -fill.fee)):
            moves[code] = moves.get(code, ZERO) + amount
        changed = False
        for code, amount in moves.items():
            if fill.venue_ns is not None and self._stamps.get(code, 0) >= fill.venue_ns:
                continue
            held = self.holdings.get(code, Holding(free=ZERO, locked=ZERO))
            from_locked = min(held.locked, -amount) if limit_order and amount < 0 else ZERO
            self.holdings[code] = Holding(free=held.free + amount + from_locked, locked=held.locked - from_locked)
            changed = changed or bool(amount)
        return changed
