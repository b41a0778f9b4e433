"""What moves the rehearsal exchange's market: a seeded random walk of every pair, or a recording; both as steps of a script."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sim.rehearsal.listing import LISTINGS, Listing

PAUSE_MS: Final = 250
STEP_TICKS_MAX: Final = 5
TRADE_NOTIONAL_USDT: Final = 1_000
DEPTH: Final = 20  # trades that a level of the book holds

# Where a walk begins, in the quote asset: round figures of the magnitude these pairs had, made up.
FIRST_PRICES: Final = {
    "BTCUSDT": "97000",
    "ETHUSDT": "3400",
    "BNBUSDT": "640",
    "SOLUSDT": "180",
    "XRPUSDT": "2.2",
    "ADAUSDT": "0.9",
    "DOGEUSDT": "0.32",
    "SHIBUSDT": "0.000022",
    "LTCUSDT": "110",
    "LINKUSDT": "22",
    "ETHBTC": "0.03505",
    "EURUSDT": "1.08",
}


def random_walk(seed: int, *, listings: Sequence[Listing] = LISTINGS) -> Iterator[dict[str, Any]]:
    """Yield quotes of every pair, and trades now and then, for ever; equal for equal seeds.

    A touch is a tick wide and moves a few ticks a quarter of a second; a trade is worth about a thousand of the quote asset.
    """
    draw = random.Random(seed)  # repeatable draws, no secret  # nosec B311
    mids = {each.name: int(Decimal(FIRST_PRICES[each.name]) / each.tick_size) for each in listings}  # in ticks
    while True:
        for listing in listings:
            name, tick = listing.name, listing.tick_size
            mids[name] = max(mids[name] + draw.randint(-STEP_TICKS_MAX, STEP_TICKS_MAX), 100)
            bid, ask = (mids[name] - 1) * tick, mids[name] * tick
            size = _quantity(listing, ask / DEPTH)
            yield {"after_ms": 0, "do": "quote", "symbol": name, "bid": _plain(bid), "ask": _plain(ask), "size": _plain(size)}
            if draw.random() < 0.5:
                maker = draw.random() < 0.5
                price = bid if maker else ask
                yield {
                    "after_ms": 0,
                    "do": "trade",
                    "symbol": name,
                    "price": _plain(price),
                    "quantity": _plain(_quantity(listing, price)),
                    "buyer_is_maker": maker,
                }
        yield {"after_ms": PAUSE_MS, "do": "speak"}


def _quantity(listing: Listing, price: Decimal) -> Decimal:
    """Return about a thousand of the quote asset's worth, or a hundred times the least notional where that is not a dollar."""
    notional = Decimal(TRADE_NOTIONAL_USDT) if listing.quote == "USDT" else listing.min_notional * 200
    return max(notional / price // listing.step_size, Decimal(1)) * listing.step_size


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
