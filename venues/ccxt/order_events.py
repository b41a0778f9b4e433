"""News of our orders as Nautilus events, and the account as Nautilus' account state. Numbers cross by text, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nautilus_trader.model.enums import LiquiditySide, OrderType, TimeInForce
from nautilus_trader.model.identifiers import TradeId, VenueOrderId
from nautilus_trader.model.objects import AccountBalance, Price, Quantity

from orders.canonical import decimal_text
from orders.values import Side
from venues.answers import ZERO, VenueFill, VenueStatus
from venues.ccxt.balances import Balances
from venues.nautilus_numbers import EXACT_FEE, at_least_places, money
from venues.order_tracks import Track

GOES_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class OrderEvents:
    """Implements `order_tracks.Told` for one Nautilus execution client. `instruments`: ccxt symbol -> instrument.

    `later(work)`: do that once Nautilus has taken the events before it.
    """

    def __init__(
        self,
        client: Any,
        *,
        instruments: Mapping[str, Any],
        balances: Balances,
        now_ns: Callable[[], int],
        later: Callable[[Callable[[], None]], object],
        gap: Callable[[Track], None],
        trouble: Callable[[str, str, Track | None], None],
    ) -> None:
        self._client = client
        self._instruments = instruments
        self._balances = balances
        self._now_ns = now_ns
        self._later = later
        self._gap = gap
        self._trouble = trouble

    def accepted(self, track: Track, *, venue_ns: int | None) -> None:
        """OrderAccepted."""
        order = track.order
        self._client.generate_order_accepted(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(track.venue_order_id),
            ts_event=venue_ns or self._now_ns(),
        )

    def filled(self, track: Track, fill: VenueFill) -> None:
        """The account first, then OrderFilled: whoever acts on the fill finds what it left."""
        order, instrument = track.order, self._instruments[track.symbol]
        base, quote = instrument.base_currency.code, instrument.quote_currency.code
        side = Side.BUY if order.is_buy else Side.SELL
        limit_order = order.order_type == OrderType.LIMIT
        moved = self._balances.fill(fill, side=side, base=base, quote=quote, limit_order=limit_order)
        if self._calculated:
            self._later(self.account)
        elif moved and self._balances.told:
            self.account()
        self._client.generate_order_filled(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(track.venue_order_id),
            venue_position_id=None,
            trade_id=TradeId(fill.trade_id),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=Quantity.from_str(at_least_places(fill.quantity, instrument.size_precision)),
            last_px=Price.from_str(at_least_places(fill.price, instrument.price_precision)),
            quote_currency=instrument.quote_currency,
            commission=money(fill.fee, fill.fee_currency),
            liquidity_side=LiquiditySide.MAKER if fill.maker else LiquiditySide.TAKER,
            ts_event=fill.venue_ns or self._now_ns(),
            info={EXACT_FEE: decimal_text(fill.fee)},
        )

    def ended(self, track: Track, *, status: VenueStatus, venue_ns: int | None) -> None:
        """OrderRejected of what never worked, OrderExpired of what was to rest, else OrderCanceled."""
        order = track.order
        common = {
            "strategy_id": order.strategy_id,
            "instrument_id": order.instrument_id,
            "client_order_id": order.client_order_id,
            "ts_event": venue_ns or self._now_ns(),
        }
        if status is VenueStatus.REJECTED and not track.accepted:
            self._client.generate_order_rejected(**common, reason="the venue says REJECTED")
            return
        venue_order_id = None if track.venue_order_id is None else VenueOrderId(track.venue_order_id)
        rests = order.order_type == OrderType.LIMIT and order.time_in_force not in GOES_AT_ONCE
        maker = (
            self._client.generate_order_expired
            if status is VenueStatus.EXPIRED and rests
            else self._client.generate_order_canceled
        )
        maker(**common, venue_order_id=venue_order_id)

    def gap(self, track: Track) -> None:
        """See `order_tracks.Told`."""
        self._gap(track)

    def trouble(self, code: str, message: str, *, track: Track | None) -> None:
        """See `order_tracks.Told`."""
        self._trouble(code, message, track)

    @property
    def _calculated(self) -> bool:
        """Whether Nautilus moves this account by fills itself: so it does for the rest of a process that has simulated the venue.

        Then what the venue says is told after it has, or the fill would count twice.
        """
        account = self._client.get_account()
        return account is not None and bool(account.calculate_account_state)

    def account(self) -> None:
        """AccountState of everything known. What a fill has taken below zero, until the report comes, shows as zero."""
        balances = []
        for code, holding in sorted(self._balances.holdings.items()):
            free, locked = (money(max(amount, ZERO), code) for amount in (holding.free, holding.locked))
            total = money(free.as_decimal() + locked.as_decimal(), code)
            balances.append(AccountBalance(total, locked, free))
        self._client.generate_account_state(balances=balances, margins=[], reported=True, ts_event=self._now_ns())
