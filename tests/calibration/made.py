"""A log of orders whose costs and latencies were drawn with known parameters."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lakehouse.records import AnyLine
from orders.assumptions import Assumptions, FillAt, FillRule
from orders.financing import FinancingTerms
from orders.values import AverageVolume, Side
from tests.log_store.made import START_NS, line_of, start, write

SECOND = 1_000_000_000
MS = 1_000_000
VOLUMES = {
    symbol: AverageVolume(units_per_day=Decimal(units), days=20, as_of_ns=0, valid_until_ns=2**62)
    for symbol, units in (("X:A", 200_000), ("X:B", 1_000_000), ("X:C", 5_000_000))
}
VOLATILITIES = {"X:A": Decimal("0.03"), "X:B": Decimal("0.02"), "X:C": Decimal("0.01")}


@dataclass(frozen=True)
class Truth:
    latency_ms: float = 35.0
    jitter_ms: float = 24.0
    bar_half_spread_bps: float = 2.5
    slippage_bps: float = 0.8
    impact_coefficient: float = 0.9
    limit_fill_fraction: float = 0.7

    def named(self) -> dict[str, float]:
        return dict(vars(self))


def prior(**given: Any) -> Assumptions:
    """Return assumptions that are not the truth."""
    fields: dict[str, Any] = {
        "name": "made", "fill_rule": FillRule.TOUCH, "fill_at": FillAt.NEXT_BAR, "latency_ns": 80 * MS, "jitter_ns": 5 * MS,
        "cancel_latency_ns": 0, "seed": 1, "slippage_bps": Decimal(5), "bar_half_spread_bps": Decimal(9),
        "own_consumption": True, "fees": {},
        "financing": FinancingTerms(
            day_count="act/365", accrue_at="17:00", zone="UTC", borrow={}, interest={}, funding={}  # type: ignore[arg-type]
        ),
    }  # fmt: skip
    return Assumptions(**(fields | given))


def text(value: float, places: int = 9) -> str:
    return f"{value:.{places}f}"


def made_log(path: Path, *, seed: int, orders: int = 300, limits: int = 120, truth: Truth | None = None) -> Path:
    """Write market orders one a second, each filled at once, and limit orders that fill or are cancelled."""
    rng = np.random.default_rng(seed)
    lines: list[AnyLine] = [start(kind="live")]
    shown = truth or Truth()
    for number in range(orders):
        lines += market_order(rng, shown, number=number, seq=len(lines) + 1)
    for number in range(limits):
        at_ns = START_NS + int((number + 0.5) * orders / limits * SECOND)
        lines += limit_order(number, seq=len(lines) + 1, at_ns=at_ns, filled=bool(rng.random() < shown.limit_fill_fraction))
    return write(path, *lines)


def two_venue_log(path: Path, *, seed: int, truths: dict[str, Truth], orders: int = 400) -> Path:
    """Write market orders one a second, at the venues in turn, each by its venue's truth."""
    rng = np.random.default_rng(seed)
    lines: list[AnyLine] = [start(kind="live")]
    for number in range(orders):
        venue = list(truths)[number % len(truths)]
        made = market_order(rng, truths[venue], number=number, seq=len(lines) + 1)
        lines += [msgspec.structs.replace(line, venue=venue) for line in made]  # type: ignore[call-arg]
    return write(path, *lines)


def market_order(rng: np.random.Generator, truth: Truth, *, number: int, seq: int) -> list[AnyLine]:
    symbol = list(VOLUMES)[int(rng.integers(3))]
    side = Side.BUY if rng.random() < 0.5 else Side.SELL
    quantity = int(10 ** rng.uniform(1, 5))
    arrival = 50 * (1 + rng.random())
    part = quantity / float(VOLUMES[symbol].units_per_day)
    moved = truth.impact_coefficient * float(VOLATILITIES[symbol]) * part**0.5 + rng.normal(0, 0.0010)
    mid = arrival * (1 + side.sign * moved)
    half, slippage = (rng.gamma(4, mean / 4) / 1e4 for mean in (truth.bar_half_spread_bps, truth.slippage_bps))
    bid, ask = mid * (1 - half), mid * (1 + half)
    price = (ask if side is Side.BUY else bid) * (1 + side.sign * slippage)
    sent_ns = START_NS + number * SECOND
    event_ns = sent_ns + int((truth.latency_ms + rng.random() * truth.jitter_ms) * MS)
    return pair(
        f"market-{number}", seq=seq, symbol=symbol, side=side, quantity=str(quantity), arrival=arrival, price=text(price),
        bid=text(bid), ask=text(ask), sent_ns=sent_ns, event_ns=event_ns,
    )  # fmt: skip


def pair(
    order: str, *, seq: int, symbol: str, side: Side, quantity: str, arrival: float, price: str, bid: str, ask: str,
    sent_ns: int, event_ns: int, **intent: Any,
) -> list[AnyLine]:  # fmt: skip
    """Return the intent and the one fill of a market order."""
    shared = {"client_order_id": order, "symbol": symbol, "venue": "X", "side": side, "order_kind": "MARKET"}
    own = {"schedule": "at_once", "parent_client_order_id": None, "child": 0} | intent
    return [
        line_of("intent", seq=seq, **shared, quantity=quantity, arrival_mid=text(arrival), market_ns=sent_ns, **own),
        line_of(
            "fill", seq=seq + 1, **shared, quantity=quantity, price=price, fill_bid=bid, fill_ask=ask, liquidity="taker",
            market_ns=event_ns, sent_ns=sent_ns, event_ns=event_ns, attribution={},
        ),
    ]  # fmt: skip


def limit_order(number: int, *, seq: int, at_ns: int, filled: bool) -> list[AnyLine]:
    shared = {"client_order_id": f"limit-{number}", "symbol": "X:UNKNOWN", "venue": "X", "side": Side.BUY}
    own = {"schedule": "at_once", "parent_client_order_id": None, "child": 0, "order_kind": "LIMIT", "quantity": "5"}
    lines = [line_of("intent", seq=seq, **shared, **own, market_ns=at_ns)]
    if filled:
        own = {"order_kind": "LIMIT", "quantity": "5", "liquidity": "maker", "fill_bid": None, "fill_ask": None}
        lines.append(line_of("fill", seq=seq + 1, **shared, **own, market_ns=at_ns, attribution={}))
    else:
        lines.append(line_of("cancel", seq=seq + 1, client_order_id=f"limit-{number}", market_ns=at_ns))
    return lines
