"""What the rehearsal exchange speaks of: orders, trades, refusals and events, in Binance's words."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Final, Literal

from orders.values import Record, Side
from sim.rehearsal.listing import EIGHT_PLACES

MARKET: Final = "market"  # the account of everybody in the feed; it has no bottom
FEES: Final = "fees"
OUTSIDE: Final = "outside"  # where deposits come from and withdrawals go

type Status = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"]
OPEN: Final = ("NEW", "PARTIALLY_FILLED")


def floor_eight(value: Decimal) -> Decimal:
    """Return an amount of an asset, rounded down to the eight decimals the venue keeps."""
    return value.quantize(EIGHT_PLACES, rounding=ROUND_DOWN)


class Refusal(Record, frozen=True, kw_only=True):
    """The venue's no: its error code, its text, and the HTTP status it goes out with."""

    code: int
    message: str
    status: int = 400


class Transfer(Record, frozen=True, kw_only=True):
    """A deposit or withdrawal. `amount` > 0 is what arrives, `fee` beside it; `done_ms` None: pending."""

    number: int
    transfer_id: str
    account: str
    deposit: bool
    asset: str
    amount: Decimal
    fee: Decimal
    begun_ms: int
    done_ms: int | None


class Asked(Record, frozen=True, kw_only=True):
    """An order as a client asked for it. `quantity` is None when a market order names `quote_quantity` instead."""

    account: str
    symbol: str
    side: Side
    kind: Literal["LIMIT", "LIMIT_MAKER", "MARKET"]
    time_in_force: Literal["GTC", "IOC", "FOK"]
    quantity: Decimal | None
    quote_quantity: Decimal | None
    price: Decimal | None
    client_id: str
    self_trade: str
    external: bool = False


class Order(Record, frozen=True, kw_only=True):
    """An order as the venue has it. `locked` is what it still holds of the asset it pays with; `price` is 0 at market."""

    order_id: int
    account: str
    symbol: str
    client_id: str
    side: Side
    kind: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    executed: Decimal
    turnover: Decimal
    locked: Decimal
    status: Status
    self_trade: str
    external: bool
    created_ms: int
    updated_ms: int

    @property
    def leaves(self) -> Decimal:
        """What is still to do."""
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        """Whether it rests in the book."""
        return self.status in OPEN


class Trade(Record, frozen=True, kw_only=True):
    """One side of one trade of a client. Two clients' sides of one trade share its id, as the public trade does."""

    trade_id: int
    order_id: int
    account: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    turnover: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    ms: int


class Reported(Record, frozen=True, kw_only=True):
    """An order changed: its user is told by an executionReport. `cancel_id` is the client id of the cancel itself."""

    order: Order
    kind: Literal["NEW", "TRADE", "CANCELED", "EXPIRED", "TRADE_PREVENTION"]
    trade: Trade | None = None
    cancel_id: str = ""


class Moved(Record, frozen=True, kw_only=True):
    """Balances of an account changed. `by_hand` is the change of one asset that no order explains."""

    account: str
    assets: tuple[str, ...]
    by_hand: Decimal | None = None


class Printed(Record, frozen=True, kw_only=True):
    """A trade the public sees."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    ms: int


class BookChanged(Record, frozen=True, kw_only=True):
    """The public book of a pair is another now."""

    symbol: str


type Event = Reported | Moved | Printed | BookChanged
