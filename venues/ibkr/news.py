"""TWS' messages into what is known of our orders: whose they are, what they say, and what in them contradicts what was known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from orders.values import Side
from venues.answers import Malformed, VenueOrder
from venues.ibkr.order_errors import Says, says
from venues.ibkr.order_refs import client_order_id_of
from venues.ibkr.reading import correction_key, read_fill, read_order, read_status
from venues.order_tracks import FillKey, OrderTracks, Track

PENDING_MAX: Final = 10_000  # executions without a commission report; more is a stream of them that never comes


class News:
    """Implements `session.OrderNews`. `symbols`: contract id -> platform symbol, filled while connecting.

    `seen` has the client order ids that the answers to the query of now hold, whatever they say. `doubt(track, why)`: look
    it up; `cancel_answer(track, says, text)`: what the answer to a cancel was; `inactive(track)`: IB has put it aside.
    """

    def __init__(
        self,
        tracks: OrderTracks,
        *,
        known_fills: Iterable[FillKey],
        own_client_id: Callable[[], int],
        rejected: Callable[[Track, str], None],
        doubt: Callable[[Track, str], None],
        cancel_answer: Callable[[Track, Says, str], None],
        inactive: Callable[[Track], None],
        note: Callable[[str, str], None],
        correction: Callable[[str, Track | None], None],
        on_connection: Callable[[int, str], None],
    ) -> None:
        self._tracks = tracks
        self._own_client_id = own_client_id
        self._rejected = rejected
        self._doubt = doubt
        self._cancel_answer = cancel_answer
        self._inactive = inactive
        self._note = note
        self._correction = correction
        self.connection = on_connection
        self.symbols: dict[int, str] = {}
        self.seen: set[str] = set()
        self._by_order_id: dict[int, str] = {}
        self._order_ids: dict[str, int] = {}
        self._pending: dict[str, tuple[Any, str, bool]] = {}
        self._exec_ids = {correction_key(trade_id): trade_id for *_, trade_id in known_fills}

    def placed(self, client_order_id: str, order_id: int) -> None:
        """Know under which id of ours TWS will speak of an order."""
        self._by_order_id[order_id] = client_order_id
        self._order_ids[client_order_id] = order_id

    def order_id(self, client_order_id: str) -> int | None:
        """Return the IB order id of an order of this client id; None where no message has named it since the start."""
        return self._order_ids.get(client_order_id)

    def open_order(self, order: Any, contract: Any, status: str) -> None:
        """See `OrderNews`."""
        ours = client_order_id_of(order.orderRef)
        if ours is not None:
            self.seen.add(ours)
            if order.clientId == self._own_client_id() and order.orderId > 0:
                self.placed(ours, order.orderId)
        self._take(read_order(order, status, symbol=self._symbol(contract)))

    def completed_order(self, order: Any, contract: Any, status: str) -> None:
        """See `OrderNews`."""
        ours = client_order_id_of(order.orderRef)
        if ours is None:
            return
        self.seen.add(ours)
        filled = order.filledQuantity if isinstance(order.filledQuantity, Decimal) else Decimal(str(order.filledQuantity))
        total = order.totalQuantity
        track = self._tracks.get(ours)
        if track is not None and isinstance(total, Decimal) and not total:  # IB leaves the total of an ended order out
            order.totalQuantity = track.quantity
        self._take(read_order(order, status, symbol=self._symbol(contract), filled=filled))

    def order_status(
        self, *, order_id: int, client_id: int, perm_id: int, status: str, filled: Decimal, remaining: Decimal, why_held: str
    ) -> None:
        """See `OrderNews`."""
        ours = self._by_order_id.get(order_id) if client_id == self._own_client_id() else None
        track = None if ours is None else self._tracks.get(ours)
        if track is None:
            return
        self.seen.add(track.client_order_id)
        if status == "Inactive":
            if why_held == "locate":
                return
            self._inactive(track)
        self._take(
            read_status(
                status=status,
                filled=filled,
                remaining=remaining,
                perm_id=perm_id,
                client_order_id=track.client_order_id,
                symbol=track.symbol,
                side=_side_of(track),
            )
        )

    def execution(self, execution: Any, contract: Any, *, live: bool) -> None:
        """See `OrderNews`. It is kept until IB has said what it cost."""
        ours = client_order_id_of(execution.orderRef)
        if ours is not None:
            self.seen.add(ours)
        known = self._exec_ids.setdefault(correction_key(execution.execId), execution.execId)
        if known != execution.execId:
            words = f"execution {known} was replaced by {execution.execId}: {execution.shares} at {execution.price}"
            self._correction(words, None if ours is None else self._tracks.get(ours))
            return
        self._pending.setdefault(execution.execId, (execution, self._symbol(contract), live))
        if len(self._pending) > PENDING_MAX:
            self._pending.pop(next(iter(self._pending)))

    def commission(self, report: Any) -> None:
        """See `OrderNews`."""
        waiting = self._pending.get(report.execId)
        if waiting is None:
            return
        execution, symbol, live = waiting
        fill = read_fill(execution, report, symbol=symbol, live=live)
        if fill is None:
            return
        del self._pending[report.execId]
        if isinstance(fill, Malformed):
            self._note("VENUE_DATA", f"one execution of IB was not understood and not used: {fill.reason}")
            return
        self._tracks.take_fill(fill)

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """See `OrderNews`."""
        ours = self._by_order_id.get(order_id)
        track = None if ours is None else self._tracks.get(ours)
        words = f"{code}: {text}"
        if track is None:
            self._note("VENUE_MESSAGE", f"about order id {order_id}, which is none of ours: {words}")
            return
        match says(code):
            case Says.REJECTED if not (track.accepted or track.ended):
                self._rejected(track, words)
            case Says.NOTE if track.ended or code == 202:
                pass
            case Says.NOTE:
                self._note("VENUE_MESSAGE", f"about {track.client_order_id}: {words}")
            case Says.CANCEL_REFUSED | Says.ABSENT as answer:
                self._cancel_answer(track, answer, words)
            case _:
                self._doubt(track, words)

    def _take(self, read: VenueOrder | Malformed | None) -> None:
        if isinstance(read, VenueOrder):
            self._tracks.take_order(read)
        elif isinstance(read, Malformed):
            self._note("VENUE_DATA", f"one order of IB was not understood and not used: {read.reason}")

    def _symbol(self, contract: Any) -> str:
        """Return the platform's symbol of a contract, or a name for one that is none of this run's."""
        return self.symbols.get(contract.conId, f"IB:{contract.conId}")


def _side_of(track: Track) -> Side:
    return Side.BUY if track.order.is_buy else Side.SELL
