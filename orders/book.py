"""Book: what an account holds, in Decimal, rebuilt from fills, financing and transfers alone.

Cash is kept per venue and currency, positions per platform symbol (signed units). Capital does not move between venues.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orders.values import Record, Side

ZERO = Decimal(0)


class Book(Record, frozen=True, kw_only=True):
    """A snapshot: `cash[venue][currency]` and `positions[symbol]`; a symbol that is absent is held at zero."""

    cash: Mapping[str, Mapping[str, Decimal]]
    positions: Mapping[str, Decimal]

    def held(self, symbol: str) -> Decimal:
        """Signed units of `symbol`; zero when it is not in the book."""
        return self.positions.get(symbol, ZERO)


class BookKeeper:
    """The running book. It moves by fills, financing and transfers, by nothing else."""

    def __init__(self, *, cash: Mapping[str, Mapping[str, Decimal]]) -> None:
        self.cash: dict[str, dict[str, Decimal]] = {venue: dict(amounts) for venue, amounts in cash.items()}
        self.positions: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        self.financing: dict[str, dict[str, Decimal]] = {}  # kind -> currency -> booked so far, above 0 was credited

    def apply_fill(
        self,
        *,
        venue: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        multiplier: Decimal,
        quote_currency: str,
        fee: Decimal,
        fee_currency: str,
        base_currency: str | None,
    ) -> None:
        """Move position and cash by one fill of `quantity` > 0 at `price` in quote currency.

        A fee in the base asset of the symbol reduces the position; any other fee reduces that currency's cash.
        Cash moves by quantity x price x multiplier: right for spot and shares; margined derivatives come with their venue.
        """
        signed = quantity if side is Side.BUY else -quantity
        cash = self.cash.setdefault(venue, {})
        cash[quote_currency] = cash.get(quote_currency, ZERO) - signed * price * multiplier
        if fee:
            if fee_currency == base_currency:
                signed -= fee
            else:
                cash[fee_currency] = cash.get(fee_currency, ZERO) - fee
            self.fees[fee_currency] = self.fees.get(fee_currency, ZERO) + fee
        self._move(symbol, signed)

    def _move(self, symbol: str, units: Decimal) -> None:
        position = self.positions.get(symbol, ZERO) + units
        if position:
            self.positions[symbol] = position
        else:
            self.positions.pop(symbol, None)

    def apply_financing(self, *, venue: str, kind: str, currency: str, amount: Decimal) -> None:
        """Move cash by a signed amount of borrow, funding or interest; above 0 is credited."""
        cash = self.cash.setdefault(venue, {})
        cash[currency] = cash.get(currency, ZERO) + amount
        booked = self.financing.setdefault(kind, {})
        booked[currency] = booked.get(currency, ZERO) + amount

    def apply_transfer(self, *, venue: str, currency: str, amount: Decimal, symbol: str | None) -> None:
        """Move cash, or the position in `symbol`, by what was deposited (above 0) or withdrawn, its fee included (below 0)."""
        if symbol is not None:
            self._move(symbol, amount)
            return
        cash = self.cash.setdefault(venue, {})
        cash[currency] = cash.get(currency, ZERO) + amount

    def snapshot(self) -> Book:
        """Return a copy that later fills do not change."""
        return Book(cash={venue: dict(amounts) for venue, amounts in self.cash.items()}, positions=dict(self.positions))
