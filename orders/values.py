"""Small closed vocabularies and the values that cross every room: sides, quotes, market limits, fee schedules.

Money, price and quantity are `Decimal`, made from strings. Time is integer nanoseconds UTC, named `_ns`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of our inner values: frozen, keyword-only. Subclasses repeat `frozen=True, kw_only=True` for mypy."""


class Side(StrEnum):
    """Direction of an order or a fill."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1


class OrderKind(StrEnum):
    """Order types Sluice sends."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """How long an order stands."""

    GTC = "GTC"
    DAY = "DAY"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class AccountKind(StrEnum):
    """CASH: no shorts, nothing is borrowed. MARGIN: shorts allowed."""

    CASH = "cash"
    MARGIN = "margin"


class Grade(StrEnum):
    """How well a source run is proven; ascending order is ABSENT, BROKEN, LEDGER_ONLY, VERIFIED."""

    ABSENT = "ABSENT"
    BROKEN = "BROKEN"
    LEDGER_ONLY = "LEDGER_ONLY"
    VERIFIED = "VERIFIED"

    @property
    def rank(self) -> int:
        """0 for ABSENT up to 3 for VERIFIED."""
        return list(Grade).index(self)


class Quote(Record, frozen=True, kw_only=True):
    """Top of book for one platform symbol; `bid` and `ask` > 0 in quote currency, `ts_ns` when it was true.

    A bar stands in as bid = ask = close.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    ts_ns: int

    @property
    def mid(self) -> Decimal:
        """Exact arithmetic mean of bid and ask."""
        return (self.bid + self.ask) / 2


class Listing(Record, frozen=True, kw_only=True):
    """One row of the symbol map: where a platform symbol trades and under which names."""

    symbol: str
    venue: str
    instrument_id: str
    quote_currency: str
    base_currency: str | None = None
    ccxt_symbol: str | None = None
    asset_class: str


class MarketLimits(Record, frozen=True, kw_only=True):
    """What a venue accepts for one symbol. Zero or missing never stands for "no limit".

    `step_size`, `tick_size`, `multiplier` > 0. `min_quantity` >= 0 in units; `min_notional` >= 0 in quote currency;
    `max_quantity` None where the venue states none. The specification's `lot_size` is our `step_size`.
    """

    symbol: str
    venue: str
    step_size: Decimal
    tick_size: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    max_quantity: Decimal | None
    multiplier: Decimal


class MarketHours(Record, frozen=True, kw_only=True):
    """Whether a market takes orders now, and `detail` in words: until when, or why it is not known.

    `closed_ns`: when its last session ended, for a closed market; ages of its prices count to then. None: not known.
    """

    state: Literal["open", "closed", "unknown"]
    detail: str
    closed_ns: int | None = None


class AverageVolume(Record, frozen=True, kw_only=True):
    """Average daily volume of one symbol over `days` sessions, in units > 0; true from `as_of_ns` to `valid_until_ns`."""

    units_per_day: Decimal
    days: int
    as_of_ns: int
    valid_until_ns: int


class FeeSchedule(Record, frozen=True, kw_only=True):
    """Fees of one venue as fractions of notional >= 0; `base_on_buys`: a spot buy pays its fee in the base asset."""

    maker_fraction: Decimal
    taker_fraction: Decimal
    base_on_buys: bool


class Rate(Record, frozen=True, kw_only=True):
    """Units of base currency for one unit of a currency; true from `as_of_ns`, refused after `valid_until_ns`."""

    value: Decimal
    as_of_ns: int
    valid_until_ns: int
