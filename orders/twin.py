"""What became of one order at its venue and at its twin, and how far the two lie apart. Pure.

Signs: a price divergence above 0 is a cost (live paid more, or got less); a time above 0 says that live was later; a fill ratio
above 0 that live filled more.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.exact import FLOOR, ROUNDED, exact_arithmetic, fraction
from orders.values import Record, Side

ZERO: Final = Decimal(0)
BPS: Final = Decimal(10_000)
NS_PER_MS: Final = Decimal(1_000_000)
STEP: Final = Decimal("0.000001")  # of bps and ms: rounded half to even, nothing is computed from them in money
PRICE_STEP: Final = Decimal("1e-15")  # of an average price


class Uncompared(StrEnum):
    """Why an order is not compared at all."""

    TWIN_AWAY = "TWIN_AWAY"  # the twin did not run when it was sent, or was started anew while it worked there
    TWIN_LATE = "TWIN_LATE"  # the twin read of it too late: the market was another one by then
    QUOTES_STALE = "QUOTES_STALE"  # the twin's own prices were missing or too old when it was sent, or while it worked
    TWIN_DENIED = "TWIN_DENIED"  # the twin's gate did not let it pass, as the live run's did
    TWIN_REJECTED = "TWIN_REJECTED"  # the simulated venue did not take it: a touch without size
    NOT_TRADABLE = "NOT_TRADABLE"  # the twin's config has no such symbol
    LIVE_NOT_SENT = "LIVE_NOT_SENT"  # the live run's own lock held it back after its send line
    LIVE_REJECTED = "LIVE_REJECTED"  # the venue did not take it
    LIVE_LOST = "LIVE_LOST"  # it never came to be at the venue: no answer, then absent by all evidence


class Missing(StrEnum):
    """What of a compared order could not be compared, and why."""

    NO_LIVE_FILL = "NO_LIVE_FILL"  # price and time: live filled nothing
    NO_TWIN_FILL = "NO_TWIN_FILL"  # price and time: the twin filled nothing


class OrderEnd(Record, frozen=True, kw_only=True):
    """What one side did with an order until it ended. `notional`: sum of quantity x price, quote currency.

    `outcome`: filled, cancelled, expired, rejected, denied; none: it was never sent there. Instants None: nothing was filled.
    """

    outcome: str
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    first_fill_ns: int | None = None
    last_fill_ns: int | None = None

    @property
    def average_price(self) -> Decimal | None:
        """Quote currency for one unit, rounded at the 15th place; None where nothing was filled."""
        if not self.filled:
            return None
        return FLOOR.divide(self.notional, self.filled).quantize(PRICE_STEP, context=ROUNDED)

    def with_fill(self, *, quantity: Decimal, price: Decimal, event_ns: int) -> OrderEnd:
        """Return the same with one more fill; its instants are the earliest and the latest of all."""
        with exact_arithmetic():
            filled, notional = self.filled + quantity, self.notional + quantity * price
        return OrderEnd(
            outcome=self.outcome,
            filled=filled,
            notional=notional,
            first_fill_ns=event_ns if self.first_fill_ns is None else min(self.first_fill_ns, event_ns),
            last_fill_ns=event_ns if self.last_fill_ns is None else max(self.last_fill_ns, event_ns),
        )

    def ended(self, outcome: str) -> OrderEnd:
        """Return the same with its outcome."""
        return OrderEnd(
            outcome=outcome,
            filled=self.filled,
            notional=self.notional,
            first_fill_ns=self.first_fill_ns,
            last_fill_ns=self.last_fill_ns,
        )

    def earlier(self, ns: int) -> OrderEnd:
        """Return the same as if it had been filled so much earlier; `ns` >= 0."""
        assert ns >= 0
        return OrderEnd(
            outcome=self.outcome,
            filled=self.filled,
            notional=self.notional,
            first_fill_ns=None if self.first_fill_ns is None else self.first_fill_ns - ns,
            last_fill_ns=None if self.last_fill_ns is None else self.last_fill_ns - ns,
        )

    def ratio(self, wanted: Decimal) -> Decimal:
        """Return filled / wanted, rounded at the 12th place; above 1 only where a venue filled more than was wanted."""
        return fraction(self.filled, wanted)


class Divergence(Record, frozen=True, kw_only=True):
    """How far live lies from its twin. Price and the two times are None where a side filled nothing, which `missing` says."""

    price_bps: Decimal | None
    first_fill_ms: Decimal | None
    last_fill_ms: Decimal | None
    fill_ratio: Decimal
    missing: tuple[Missing, ...]


def divergence(side: Side, *, wanted: Decimal, live: OrderEnd, twin: OrderEnd) -> Divergence:
    """Return how far the two ends of one order of `wanted` > 0 units lie apart.

    price_bps = sign x (live average / twin average - 1) x 10,000; times are live less twin, from the same send instant.
    """
    missing = tuple(
        code for code, end in ((Missing.NO_LIVE_FILL, live), (Missing.NO_TWIN_FILL, twin)) if end.first_fill_ns is None
    )
    price = first = last = None
    live_price, twin_price = live.average_price, twin.average_price
    if live_price is not None and twin_price is not None:
        price = (side.sign * (FLOOR.divide(live_price, twin_price) - 1) * BPS).quantize(STEP, context=ROUNDED)
        first = _ms(live.first_fill_ns, twin.first_fill_ns)
        last = _ms(live.last_fill_ns, twin.last_fill_ns)
    return Divergence(
        price_bps=price,
        first_fill_ms=first,
        last_fill_ms=last,
        fill_ratio=live.ratio(wanted) - twin.ratio(wanted),
        missing=missing,
    )


def milliseconds(ns: int) -> Decimal:
    """Return nanoseconds as milliseconds, rounded at the 6th place, which is none."""
    return FLOOR.divide(Decimal(ns), NS_PER_MS).quantize(STEP, context=ROUNDED)


def _ms(live_ns: int | None, twin_ns: int | None) -> Decimal | None:
    return None if live_ns is None or twin_ns is None else milliseconds(live_ns - twin_ns)
