"""A symbol's public trades without gaps and doubles: stream first, holes filled by REST, in the order of the venue's ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from venues.ccxt.profiles import TradeFields
from venues.ccxt.streams import StreamEvent
from venues.ccxt.ticks import Drop, VenueTrade, parse_trade, whole

PAGES_MAX: Final = 20  # of one back-fill; a gap beyond 20 pages is said to be lost

type FetchPage = Callable[[int], Awaitable[list[Any] | None]]


class TradeTape:
    """`fetch_page(first_id)` returns the raw trades from an id on, [] when there are none, None when the venue did not answer.

    `publish` gets each trade once, ids rising. What cannot be fetched is counted in `lost` and reported as TRADES_LOST.
    """

    def __init__(
        self,
        *,
        name: str,
        fields: TradeFields,
        tick_size: Decimal,
        step_size: Decimal,
        fetch_page: FetchPage,
        publish: Callable[[VenueTrade], None],
        dropped: Callable[[Drop], None],
        report: Callable[[StreamEvent], None],
    ) -> None:
        self.name = name
        self._fields = fields
        self._tick_size = tick_size
        self._step_size = step_size
        self._fetch_page = fetch_page
        self._publish = publish
        self._dropped = dropped
        self._report = report
        self._last: int | None = None
        self.counts: Counter[str] = Counter()  # streamed, backfilled, lost

    async def take(self, infos: Iterable[Any]) -> None:
        """Take streamed trades in the order they came; where their ids leave a hole, fill it first."""
        for info in infos:
            trade_id = self._id_of(info)
            if trade_id is None:
                self._dropped(Drop.MALFORMED)
            elif self._last is not None and trade_id <= self._last:
                self._dropped(Drop.DUPLICATE)
            else:
                if self._last is not None and trade_id > self._last + 1:
                    await self.fill(until=trade_id)
                self._accept(info, trade_id, how="streamed")

    async def fill(self, *, until: int | None = None) -> bool | None:
        """Fetch what came after the last trade, up to `until` exclusive or to the newest.

        Return whether anything was there; None when the venue did not answer. With `until` a remaining hole is given up as lost.
        """
        if self._last is None:
            return False
        before, answered = self.counts["backfilled"], True
        for _ in range(PAGES_MAX):
            page = await self._fetch_page(self._last + 1)
            if page is None:
                answered = False
                break
            moved = self._take_page(page, until=until)
            if not moved or (until is not None and self._last >= until - 1):
                break
        if until is not None and self._last < until - 1:
            self._give_up(until)
        found = self.counts["backfilled"] - before
        if found:
            message = f"{self.name}: {found} trades back-filled, to id {self._last}"
            self._report(StreamEvent(code="TRADES_BACKFILLED", stream=self.name, message=message))
            return True
        return False if answered else None

    def _take_page(self, page: list[Any], *, until: int | None) -> bool:
        known = sorted((trade_id, place) for place, info in enumerate(page) if (trade_id := self._id_of(info)) is not None)
        moved = False
        for trade_id, place in known:
            assert self._last is not None
            if trade_id <= self._last or (until is not None and trade_id >= until):
                continue
            if trade_id > self._last + 1:
                self._give_up(trade_id)
            self._accept(page[place], trade_id, how="backfilled")
            moved = True
        return moved

    def _give_up(self, until: int) -> None:
        assert self._last is not None
        missing = until - 1 - self._last
        self.counts["lost"] += missing
        self._last = until - 1
        self._report(
            StreamEvent(
                code="TRADES_LOST",
                stream=self.name,
                message=f"{self.name}: {missing} trades before id {until} could not be fetched",
            )
        )

    def _accept(self, info: Any, trade_id: int, *, how: str) -> None:
        self._last = trade_id
        parsed = parse_trade(info, self._fields, tick_size=self._tick_size, step_size=self._step_size)
        if isinstance(parsed, Drop):
            self._dropped(parsed)
            return
        self.counts[how] += 1
        self._publish(parsed)

    def _id_of(self, info: Any) -> int | None:
        return whole(info.get(self._fields.trade_id)) if isinstance(info, dict) else None
