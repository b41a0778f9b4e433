"""The specification's adapter over the engine's order desk: a data frame and limits behind it, the same for every venue.

What differs between venues is the execution client that the engine was assembled with; a caller sees none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from orders.errors import InputError
from orders.values import MarketLimits, Record
from venues.base import BaseExecutionAdapter, OrderRequest, OrderResponse

if TYPE_CHECKING:
    import pandas as pd

POSITION_COLUMNS = ("asset", "quantity", "notional")


class PositionRow(Record, frozen=True, kw_only=True):
    """One holding: `quantity` signed units, not 0; `notional` signed, base currency, at mid."""

    asset: str
    quantity: Decimal
    notional: Decimal


class OrderDesk(Protocol):
    """The engine's side, from outside its loop: `engine.order_desks` has one for a live node and one for a backtest."""

    def submit(self, request: OrderRequest) -> OrderResponse:
        """Send one order through Sentinel and gate and wait, bounded."""
        ...

    def cancel(self, client_order_id: str) -> OrderResponse:
        """Cancel and wait, bounded."""
        ...

    def ask(self, client_order_id: str) -> OrderResponse:
        """Return what is known of an order now."""
        ...

    def positions(self, venue: str) -> Sequence[PositionRow]:
        """Return the venue's holdings by symbol. Raises `VenueUnavailable` when one of them has no usable mark."""
        ...


class DeskAdapter(BaseExecutionAdapter):
    """One venue. `market_limits` are those of all venues; only this one's are served."""

    def __init__(self, *, venue: str, desk: OrderDesk, market_limits: Mapping[str, MarketLimits]) -> None:
        self._venue = venue
        self._desk = desk
        self._limits = {symbol: limits for symbol, limits in market_limits.items() if limits.venue == venue}

    @property
    def venue(self) -> str:
        return self._venue

    def get_positions(self) -> pd.DataFrame:
        """Return asset, quantity (Decimal), notional (Decimal, base currency), one row a holding, sorted by asset.

        Raises `VenueUnavailable` when a holding has no usable price, limit or rate: an empty frame means a flat book.
        """
        import pandas as pd  # here: nobody else needs it to start

        rows = self._desk.positions(self._venue)
        return pd.DataFrame(
            {name: pd.Series([getattr(row, name) for row in rows], dtype=object) for name in POSITION_COLUMNS},
            columns=list(POSITION_COLUMNS),
        )

    def submit_order(self, order: OrderRequest) -> OrderResponse:
        """Send one order and wait, bounded. DENIED with its code when a control or a floor says no.

        A symbol without limits at this venue is NO_LIMITS; it does not reach the engine.
        """
        limits = self._limits.get(order.symbol)
        if limits is None:
            return OrderResponse(
                client_order_id=None,
                status="DENIED",
                filled_quantity=Decimal(0),
                average_price=None,
                code="NO_LIMITS",
                message=f"{order.symbol!r} has no market limits at {self._venue}; ask the router for its venue.",
            )
        return self._desk.submit(order)

    def cancel(self, client_order_id: str) -> OrderResponse:
        """Cancel an order of ours, halted or not, and return where it stands. Raises `InputError` ORDER_UNKNOWN."""
        return self._desk.cancel(client_order_id)

    def ask(self, client_order_id: str) -> OrderResponse:
        """Return where an order of ours stands, above all one that was UNKNOWN. Raises `InputError` ORDER_UNKNOWN."""
        return self._desk.ask(client_order_id)

    def get_market_metadata(self, symbols: Sequence[str]) -> dict[str, MarketLimits]:
        """Return limits by platform symbol. Raises `InputError` NO_LIMITS naming every symbol that has none here."""
        unknown = [symbol for symbol in symbols if symbol not in self._limits]
        if unknown:
            raise InputError(
                "NO_LIMITS",
                expected=f"symbols with market limits at {self._venue}",
                found=", ".join(repr(symbol) for symbol in unknown),
                action="Refetch the venue's limits, or take the symbols off the list.",
            )
        return {symbol: self._limits[symbol] for symbol in symbols}
