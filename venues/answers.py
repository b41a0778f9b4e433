"""What venues answer about orders, fills and balances of ours, whatever protocol they speak. Values only.

An element that is not understood is `Malformed`; it is never guessed at.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.values import Record, Side

ZERO: Final = Decimal(0)


class VenueStatus(StrEnum):
    """What a venue says of an order. CLOSED: ended by filling, wholly or (some venues) in part."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class VenueOrder(Record, frozen=True, kw_only=True):
    """One answer about an order. `client_order_id`: ours, None for a stranger's. `quantity` > 0, 0 <= `filled` <= `quantity`."""

    venue_order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    status: VenueStatus
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    kind: str  # market, limit, or another that the venue names
    time_in_force: str | None
    updated_ns: int | None


class VenueFill(Record, frozen=True, kw_only=True):
    """One execution. `fee` signed, in `fee_currency`; `venue_order_id`, `client_order_id`, `maker` and `venue_ns` None: this
    form does not say it.
    """

    trade_id: str
    venue_order_id: str | None
    client_order_id: str | None
    symbol: str
    side: Side | None
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool | None
    venue_ns: int | None


class VenueBalance(Record, frozen=True, kw_only=True):
    """What an account holds of a currency. `as_of_ns` venue time, None: not said."""

    currency: str
    free: Decimal
    locked: Decimal
    as_of_ns: int | None


class VenueTransfer(Record, frozen=True, kw_only=True):
    """A deposit or withdrawal. `amount` signed, what the account moved by, `fee` >= 0 in it. `done_ns` venue time, None while it
    is not confirmed, and where it never will be: `state` says in the venue's word what it is.
    """

    kind: str  # deposit, withdrawal
    transfer_id: str
    currency: str
    amount: Decimal
    fee: Decimal
    done_ns: int | None
    state: str


class ToldTransfers(Record, frozen=True, kw_only=True):
    """Deposits and withdrawals, whatever became of them. `problem`: why they are not all, or none, in words; "" for nothing."""

    items: tuple[VenueTransfer, ...]
    problem: str


class Malformed(Record, frozen=True, kw_only=True):
    """An element that was not understood, and why."""

    reason: str
