"""The venue contract: the specification's adapter interface, and what every execution client is handed at assembly.

The specification's `lot_size` is our `step_size`: it is translated here and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from orders.values import MarketLimits, OrderKind, Record, Side

if TYPE_CHECKING:
    import pandas as pd


class OrderRequest(Record, frozen=True, kw_only=True):
    """One order a caller outside the engine asks for; it names its source run and becomes a one-line plan.

    `quantity` > 0 units, a multiple of the step; `limit_price` > 0 in quote currency for LIMIT, None for MARKET.
    """

    symbol: str
    side: Side
    quantity: Decimal
    order_kind: OrderKind
    limit_price: Decimal | None
    source_run: str
    manifest_sha256: str


class OrderResponse(Record, frozen=True, kw_only=True):
    """What is known of the order when the call returns. `status`: FILLED, PARTLY_FILLED, OPEN, DENIED, REJECTED,
    CANCELLED, UNKNOWN. UNKNOWN means sent without an answer in time: ask, never send again.

    `average_price` None until something filled; `code` and `message` say why where the status is a no.
    """

    client_order_id: str | None
    status: str
    filled_quantity: Decimal
    average_price: Decimal | None
    code: str
    message: str


class BaseExecutionAdapter(ABC):
    """The specification's interface (section 2); one per venue, held by the router.

    The methods are a synchronous facade for callers outside the engine's loop. Calling them on the loop is an error.
    """

    @property
    @abstractmethod
    def venue(self) -> str:
        """The venue's name, as in the symbol map."""

    @abstractmethod
    def get_positions(self) -> pd.DataFrame:
        """Return columns asset (platform symbol), quantity (signed Decimal units), notional (signed Decimal, base currency).

        Raises `VenueUnavailable` when the positions cannot be read: an empty frame means a flat book and nothing else.
        """

    @abstractmethod
    def submit_order(self, order: OrderRequest) -> OrderResponse:
        """Send one order through Sentinel and gate and wait, bounded, for its outcome; a timeout is UNKNOWN."""

    @abstractmethod
    def get_market_metadata(self, symbols: Sequence[str]) -> dict[str, MarketLimits]:
        """Return limits by platform symbol. Raises `InputError` naming every symbol that has none."""


class SecondLock(Protocol):
    """What an execution client asks right before the wire. The gate implements it; it is a look-up, not a judgement."""

    def refusal(self, order: Any) -> str:
        """Return "" when this order may leave now, else the code that forbids it (HALT, UNKNOWN_OUTCOME, NO_APPROVAL)."""
        ...


class WireTap(Protocol):
    """What an execution client tells the recorder, and what it waits for."""

    def sending(self, order: Any, *, action: str) -> None:
        """Write the send attempt; it is durable when `when_durable` calls back."""
        ...

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None:
        """Write that the simulated venue has the order."""
        ...

    def when_durable(self, callback: Callable[[], None], *, meanwhile: Callable[[], None] | None = None) -> None:
        """Call back on the loop's thread once everything written so far is on disk (at once where sync is skipped); before that
        `meanwhile`, when the disk has begun.
        """
        ...

    def refused(self, order: Any, *, code: str) -> None:
        """Write that the client refused an order: it came around the gate, or after a halt."""
        ...

    def unknown(self, order: Any, *, message: str) -> None:
        """Write that nobody knows what became of an order that was sent; its symbol is blocked until an event of it says more.

        `message`: what the venue's client said, without secrets.
        """
        ...
