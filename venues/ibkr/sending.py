"""The way of an order to the wire: judged, written, judged again, sent once. The half of the client that can do harm."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from nautilus_trader.model.enums import OrderSide, OrderType

from orders.values import OrderKind, Side
from venues.ibkr.wire_check import wire_problem
from venues.order_tracks import Track

KINDS: Final = {OrderType.MARKET: OrderKind.MARKET, OrderType.LIMIT: OrderKind.LIMIT}
LOCK: Final = "the second lock"


class Sending:
    """The sending half of `IbkrExecutionClient`."""

    def _submit(self: Any, orders: list[Any]) -> None:
        submitted: list[Any] = []
        try:
            codes = [self._code(order) for order in orders]
            if any(codes):
                for order, code in zip(orders, codes, strict=True):
                    self._refuse(order, code or "LIST_REFUSED", submitted=False)
                return
            self._taken.update(order.client_order_id.value for order in orders)
            for order in orders:
                track = Track(order, symbol=self._symbols[order.instrument_id.value], sent_ns=self.now_ns())
                self.tracks.add(track)
                self.generate_order_submitted(
                    strategy_id=order.strategy_id,
                    instrument_id=order.instrument_id,
                    client_order_id=order.client_order_id,
                    ts_event=track.sent_ns,
                )
                submitted.append(order)
                self._tap.sending(order, action="submit")
                self._tap.when_durable(partial(self._send_guarded, track))
        except Exception as error:
            self._fail(error, orders, submitted)

    def _code(self: Any, order: Any) -> str:
        """Return why an order may not be sent at all, "" when it may."""
        order_id = order.client_order_id.value
        if order_id in self._taken:
            return "APPROVAL_USED"
        if order.instrument_id.value not in self._symbols:
            return "WRONG_VENUE"
        if order.order_type not in KINDS or order.is_post_only:
            return "KIND_UNSUPPORTED"
        return str(self.refusal(order))

    def refusal(self: Any, order: Any) -> str:
        """Return why an order may not leave now: no line, or the second lock."""
        if not (self._in_step and self._session.in_touch):
            return "NOT_CONNECTED"
        return str(self._lock.refusal(order))

    def _send_guarded(self: Any, track: Track) -> None:
        try:
            self._send(track)
        except Exception as error:
            self._halt(f"CLIENT_FAILED: {type(error).__name__}: {error}")
            self.lookups.unknown(track, f"{type(error).__name__} while it was sent")

    def _send(self: Any, track: Track) -> None:
        """Look at the lock once more, make IB's order, read it back, send it. Nothing here is done twice."""
        order = track.order
        if track.ended:
            return
        code = self.refusal(order) or ("CANCELLED_BEFORE" if track.asked_cancel else "")
        if code:
            self._refuse(order, code, submitted=True)
            return
        made = self._made(order)
        wrong = self._wrong(order, made)
        if wrong:
            self._halt(f"WIRE_DIFFERS: {wrong}")
            self._refuse(order, "WIRE_DIFFERS", submitted=True)
            return
        made.orderId = self._session.next_order_id()
        self.news.placed(track.client_order_id, made.orderId)
        track.sent_ns = self.now_ns()
        try:
            self._session.place_order(made)
        except OSError as error:
            self.lookups.unknown(track, f"the line broke while it was sent: {error}")

    def _made(self: Any, order: Any) -> Any:
        made = self._transform_order_to_ib_order(order)
        made.account = made.clearingAccount = self._gateway.account
        return made

    def _wrong(self: Any, order: Any, made: Any) -> str:
        return wire_problem(
            made,
            client_order_id=order.client_order_id.value,
            account=self._gateway.account,
            con_id=self._provider.contract[order.instrument_id].conId,
            side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
            kind=KINDS[order.order_type],
            quantity=order.quantity.as_decimal(),
            price=order.price.as_decimal() if order.has_price else None,
            time_in_force=order.time_in_force.name,
        )

    def _refuse(self: Any, order: Any, code: str, *, submitted: bool) -> None:
        """Before SUBMITTED the order is denied; after it it is rejected: it never left. A second submit gets its line alone."""
        self._tap.refused(order, code=code)
        if code == "APPROVAL_USED" or self._cache.order(order.client_order_id) is not order:
            return
        track = self.tracks.get(order.client_order_id.value)
        if track is not None and submitted:
            self.tracks.close(track)
        maker = self.generate_order_rejected if submitted else self.generate_order_denied
        maker(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=f"{code}: {LOCK}",
            ts_event=self.now_ns(),
        )

    def _fail(self: Any, error: Exception, orders: list[Any], submitted: list[Any]) -> None:
        """Halt, then say of orders that are not on the wire that they will never be."""
        try:
            self._halt(f"CLIENT_FAILED: {type(error).__name__}: {error}")
            for order in orders:
                self._refuse(order, "CLIENT_FAILED", submitted=order in submitted)
        except Exception as second:
            self._log.error(f"{type(second).__name__} while refusing after it: {second}")
