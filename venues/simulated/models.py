"""Fill, fee and latency models of the simulated venue, made from one `Assumptions` value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.backtest.models import FeeModel, FillModel, LatencyModel
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder
from nautilus_trader.model.enums import BookType, OrderSide, OrderType
from nautilus_trader.model.enums import LiquiditySide as NautilusLiquidity
from nautilus_trader.model.objects import Money, Price, Quantity

from orders.assumptions import Assumptions, FillRule
from orders.costs import Liquidity, fee_for, market_price
from orders.exact import at_places, raw_units
from orders.values import FeeSchedule, Side

DEPTH_MULTIPLE: Final = Decimal(2)  # the made book holds twice the order, so that its whole quantity fills on one level
NO_SYMBOLS: Final[Mapping[str, str]] = MappingProxyType({})
UNITS: Final = tuple(Decimal(1).scaleb(-places) for places in range(17))  # Nautilus has at most 16 decimals


class _Taken:
    """What market orders of ours have taken of one side of one market since it last moved."""

    __slots__ = ("last", "price", "size", "steps", "units")

    def __init__(self, price: Any, size: Any) -> None:
        self.price = price
        self.size = size
        self.units = Decimal(0)
        self.steps = 0
        self.last: Any = None


class AssumedFillModel(FillModel):
    """PERFECT fills at the mid, TOUCH at the touch plus `slippage_bps` and impact; deterministic, no draws.

    Prices are `orders.costs.market_price`'s, of one venue's assumptions (`Assumptions.at`); `symbols`: by instrument id, for the
    impact of its parent order's size. With `own_consumption`, a market order that
    finds nothing left at the touch, because ours before it took it all, fills one tick further than they did: Nautilus would
    leave it at the venue for ever, neither filled nor refused. `cache` knows the sizes of quotes; without one, and for bars,
    every order takes all there is. `meets_no_size(order)` is asked first: whether a market order has met a touch without size,
    which fills nothing under either rule; the venue has rejected it then.
    """

    def __init__(self, assumptions: Assumptions, *, cache: Any = None, symbols: Mapping[str, str] = NO_SYMBOLS) -> None:
        super().__init__(prob_fill_on_limit=1.0, prob_slippage=0.0)
        self._cache = cache
        self._consumes = assumptions.own_consumption and assumptions.fill_rule is not FillRule.PERFECT
        self._taken: dict[tuple[Any, bool], _Taken] = {}
        self._terms = assumptions.taker_terms
        self._symbols = symbols
        self.meets_no_size: Callable[[Any], bool] = lambda order: False

    def get_orderbook_for_fill_simulation(self, instrument: Any, order: Any, best_bid: Any, best_ask: Any) -> Any:
        """Return a one-level book on the order's far side, or None for the venue's own book (plain touch)."""
        if order.order_type != OrderType.MARKET or self.meets_no_size(order):
            return None
        buy = order.side == OrderSide.BUY
        further = self._ticks_further(instrument, order, best_ask if buy else best_bid, buy=buy) if self._consumes else 0
        if self._terms.at_the_touch and not further:
            return None
        tick = instrument.price_increment.as_decimal()
        charged = market_price(
            Side.BUY if buy else Side.SELL,
            symbol=self._symbols.get(instrument.id.value, ""),
            quantity=self._parent_quantity(order),
            bid=best_bid.as_decimal(),
            ask=best_ask.as_decimal(),
            tick_size=tick,
            terms=self._terms,
        )
        charged += further * tick if buy else -further * tick
        price = Price.from_decimal(at_places(charged, instrument.price_precision))
        size = Quantity.from_decimal(at_places(order.quantity.as_decimal() * DEPTH_MULTIPLE, instrument.size_precision))
        book = OrderBook(instrument_id=instrument.id, book_type=BookType.L2_MBP)
        side = OrderSide.SELL if buy else OrderSide.BUY
        book.add(BookOrder(side=side, price=price, size=size, order_id=1), 0, 0)
        return book

    def _parent_quantity(self, order: Any) -> Decimal:
        """A child pays for the size of its whole parent, as the plan forecast it."""
        spawned_from = order.exec_spawn_id
        parent = None if spawned_from is None or self._cache is None else self._cache.order(spawned_from)
        return (order if parent is None else parent).quantity.as_decimal()

    def _ticks_further(self, instrument: Any, order: Any, far_price: Any, *, buy: bool) -> int:
        """Count the order; return by how many ticks those before it have moved the price. A second look changes nothing."""
        key = (instrument.id, buy)
        size = self._touch_size(instrument.id, buy=buy)
        taken = self._taken.get(key)
        if taken is None or taken.price != far_price or taken.size != size:
            taken = self._taken[key] = _Taken(far_price, size)
        if taken.last != order.client_order_id:
            if taken.last is not None and (size is None or taken.units >= size.as_decimal()):
                taken.steps += 1
            taken.last = order.client_order_id
            taken.units += order.leaves_qty.as_decimal()
        return taken.steps

    def _touch_size(self, instrument_id: Any, *, buy: bool) -> Any:
        quote = None if self._cache is None else self._cache.quote_tick(instrument_id)
        return None if quote is None else quote.ask_size if buy else quote.bid_size


class AssumedFeeModel(FeeModel):
    """Maker and taker fractions of notional; on spot buys in the base asset where the venue charges so. Rounded up."""

    def __init__(self, schedule: FeeSchedule) -> None:
        super().__init__()
        self._schedule = schedule
        self._of: dict[int, tuple[Any, Decimal, Any, Any]] = {}  # by identity, with the instrument so that it stays that one

    def get_commission(self, order: Any, fill_qty: Any, fill_px: Any, instrument: Any) -> Any:
        """Return the fee of one fill as Money of the base or the quote currency."""
        known = self._of.get(id(instrument))
        if known is None:
            multiplier, base = instrument.multiplier.as_decimal(), instrument.get_base_currency()
            known = self._of[id(instrument)] = (instrument, multiplier, base, instrument.quote_currency)
        _, multiplier, base, quote_currency = known
        amount, in_base = fee_for(
            Side.BUY if order.side == OrderSide.BUY else Side.SELL,
            quantity=fill_qty.as_decimal(),
            price=fill_px.as_decimal(),
            multiplier=multiplier,
            schedule=self._schedule,
            liquidity=Liquidity.MAKER if order.liquidity_side == NautilusLiquidity.MAKER else Liquidity.TAKER,
            has_base_currency=base is not None,
        )
        currency = base if in_base else quote_currency
        places = currency.precision
        rounded = amount.quantize(UNITS[places], rounding=ROUND_UP)
        raw = raw_units(rounded, places=places)
        return Money.from_decimal(rounded, currency) if raw is None else Money.from_raw(raw, currency)


class DueTimes:
    """When a command reaches the venue: its own instant plus latency and a draw keyed by (seed, client order id).

    Due times never run backwards at one venue, as on one TCP connection.
    """

    def __init__(self, assumptions: Assumptions) -> None:
        perfect = assumptions.fill_rule is FillRule.PERFECT
        self._insert_ns = 0 if perfect else assumptions.latency_ns
        self._cancel_ns = 0 if perfect else assumptions.cancel_latency_ns
        self._jitter_ns = 0 if perfect else assumptions.jitter_ns
        self._seed = assumptions.seed
        self._last_ns = 0

    @property
    def immediate(self) -> bool:
        """No latency at all: commands are processed when they are sent."""
        return not (self._insert_ns or self._cancel_ns or self._jitter_ns)

    def due_ns(self, client_order_id: str, *, sent_ns: int, cancel: bool) -> int:
        """Return the arrival instant, at least the latest one given before."""
        draw = 0
        if self._jitter_ns:
            digest = hashlib.sha256(f"{self._seed}\n{client_order_id}\n{cancel}".encode()).digest()
            draw = int.from_bytes(digest[:8]) * self._jitter_ns >> 64
        due = sent_ns + (self._cancel_ns if cancel else self._insert_ns) + draw
        self._last_ns = max(self._last_ns, due)
        return self._last_ns


def latency_until(due_ns: int, *, sent_ns: int) -> Any:
    """Return a Nautilus latency model under which a command made at `sent_ns` arrives at `due_ns`, of whatever kind."""
    return LatencyModel(base_latency_nanos=max(0, due_ns - sent_ns))
