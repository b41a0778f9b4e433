"""A venue's public past through unmodified ccxt: pages of bars and trades as the venue's own texts, with bounded patience.

Reads may be repeated freely. An answer that is no page of prices (cut, a proxy's HTML, an id that is missing) is asked for again
like a refusal of the network; after `TRIES` the fetch ends, and what is in the catalog by then stays.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from orders.errors import ConfigError, VenueRefused, VenueUnavailable
from venues.ccxt.profiles import CcxtProfile
from venues.ccxt.ticks import number, whole

TRIES: Final = 7
BACKOFF_S_MAX: Final = 60.0
RETRY_AFTER_S_MAX: Final = 120.0  # a venue that asks for more than this bans us: a person must look

type Report = Callable[[str], None]


class BadPage(Exception):
    """An answer that is not a page of prices: in words, why."""


class History:
    """Reads one venue. `backoff_s` is the first pause after a failure; it doubles up to a minute, and Retry-After is obeyed.

    `report` is told of every pause.
    """

    def __init__(self, exchange: Any, profile: CcxtProfile, *, backoff_s: float, report: Report) -> None:
        self._exchange = exchange
        self._profile = profile
        self._backoff_s = backoff_s
        self._report = report

    async def open(self, symbols: Mapping[str, str], *, timeframe: str | None) -> None:
        """Load the venue's markets; `symbols`: ours -> ccxt's. Raises `ConfigError` NOT_AT_VENUE, TIMEFRAME_UNKNOWN."""
        exchange = self._exchange
        markets = await self._patiently("its markets", exchange.load_markets)
        missing = sorted(ours for ours, theirs in symbols.items() if theirs not in markets)
        if missing:
            raise ConfigError(
                "NOT_AT_VENUE",
                expected=f"every symbol among the {len(markets)} markets of {exchange.id}",
                found=f"none of {', '.join(missing)}",
                action="Mend ccxt_symbol in the symbol map, or leave the symbol out.",
            )
        if timeframe is not None and timeframe not in exchange.timeframes:
            raise ConfigError(
                "TIMEFRAME_UNKNOWN",
                expected=f"one of {', '.join(exchange.timeframes)}",
                found=timeframe,
                action=f"{exchange.id} has no other bars.",
            )
        exchange.number = str  # ccxt's own switch: bars come as the venue's texts instead of floats; after the markets are read

    async def now_ms(self) -> int:
        """Return the venue's clock."""

        async def ask() -> int:
            found = whole(await self._exchange.fetch_time())
            if found is None:
                raise BadPage("no time")
            return found

        return await self._patiently("its clock", ask)

    async def bars(self, symbol: str, *, timeframe: str, since_ms: int, until_ms: int) -> list[list[Any]]:
        """Return the first page of bars that begin from `since_ms` to before `until_ms`; [] when there are none.

        A bar is [begin in ms, open, high, low, close, volume].
        """

        async def ask() -> list[list[Any]]:
            page = await self._bars_page(symbol, timeframe, since_ms, until_ms)
            if not page or page[0][0] > since_ms:  # a gap before the first bar is believed when it is told twice
                self._same(page, await self._bars_page(symbol, timeframe, since_ms, until_ms))
            return page

        return await self._patiently(f"{timeframe} bars of {symbol} from {since_ms}", ask)

    async def _bars_page(self, symbol: str, timeframe: str, since_ms: int, until_ms: int) -> list[list[Any]]:
        limits = {"until": until_ms - 1}
        page = await self._exchange.fetch_ohlcv(symbol, timeframe, since_ms, self._profile.bars_page, limits)
        rows = [_bar(row) for row in self._whole(page)]
        if [row[0] for row in rows] != sorted({row[0] for row in rows}):
            raise BadPage("bars that are not in order")
        if rows and not since_ms <= rows[0][0] <= rows[-1][0] < until_ms:
            raise BadPage(f"bars from {rows[0][0]} to {rows[-1][0]}")
        return rows

    async def first_trades(self, symbol: str, *, since_ms: int, until_ms: int) -> list[Mapping[str, Any]]:
        """Return the first page of trades from `since_ms` to before `until_ms`, at most `trades_span_ms` apart; [] when none."""
        assert until_ms - since_ms <= self._profile.trades_span_ms
        params = {**self._profile.trades_fetch, "until": until_ms - 1}
        what = f"trades of {symbol} from {since_ms}"

        async def ask() -> list[Mapping[str, Any]]:
            page = self._trades(await self._exchange.fetch_trades(symbol, since_ms, self._profile.trades_page, params), None)
            if not page:
                self._same(page, await self._exchange.fetch_trades(symbol, since_ms, self._profile.trades_page, params))
            if any(not since_ms <= int(str(each[self._profile.trade.venue_ms])) < until_ms for each in page):
                raise BadPage("trades of another time")
            return page

        return await self._patiently(what, ask)

    async def trades_from(self, symbol: str, first_id: int) -> list[Mapping[str, Any]]:
        """Return the page of trades whose ids begin with `first_id`; [] when there are none yet."""
        params = {**self._profile.trades_fetch, self._profile.trades_from: first_id}

        async def ask() -> list[Mapping[str, Any]]:
            page = self._trades(await self._exchange.fetch_trades(symbol, None, self._profile.trades_page, params), first_id)
            if not page:
                self._same(page, await self._exchange.fetch_trades(symbol, None, self._profile.trades_page, params))
            return page

        return await self._patiently(f"trades of {symbol} from id {first_id}", ask)

    def _trades(self, page: Any, first_id: int | None) -> list[Mapping[str, Any]]:
        """Return the venue's own messages; ids rise by one, from `first_id` where it is known."""
        fields, found = self._profile.trade, []
        for trade in self._whole(page):
            info = trade.get("info") if isinstance(trade, dict) else None
            trade_id = whole(info.get(fields.trade_id)) if isinstance(info, dict) else None
            if (
                info is None
                or trade_id is None
                or any(name not in info for name in (fields.price, fields.quantity, fields.venue_ms))
            ):
                raise BadPage("a trade without its fields")
            if first_id is not None and trade_id != first_id:
                raise BadPage(f"trade {trade_id} where {first_id} comes next")
            first_id = trade_id + 1
            found.append(info)
        return found

    def _same(self, page: list[Any], again: list[Any]) -> None:
        """Raise `BadPage` unless the venue answers the same a second time."""
        if page != self._whole(again):
            raise BadPage("two answers to one question")

    def _whole(self, page: Any) -> list[Any]:
        """Return the page if it is all that the venue answered, and that was a list.

        ccxt makes an empty page of half an answer, of a proxy's HTML and of an old page: as if the venue had nothing there.
        """
        try:
            answered = json.loads(self._exchange.last_http_response or "")
        except ValueError:
            answered = None
        if not isinstance(answered, list) or not isinstance(page, list):
            raise BadPage("no JSON list")
        if len(answered) != len(page):
            raise BadPage(f"{len(answered)} rows of which {len(page)} are of the range asked for")
        return page

    async def _patiently[T](self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer, `TRIES` times. Raises `VenueRefused` FETCH_REFUSED, `VenueUnavailable` FETCH_FAILED."""
        from ccxt.base.errors import BadRequest, BadSymbol, NotSupported, PermissionDenied

        why = ""
        for attempt in range(TRIES):
            if attempt:
                await self._pause(attempt, why)
            try:
                return await ask()
            except (BadSymbol, BadRequest, NotSupported, PermissionDenied) as error:
                raise VenueRefused(
                    "FETCH_REFUSED",
                    expected=f"{self._exchange.id} to give {what}",
                    found=f"{type(error).__name__}: {str(error)[:200]}",
                    action="Look at the symbol, the timeframe and the range.",
                ) from error
            except BadPage as error:
                why = f"an answer that is no page of prices ({error})"
            except Exception as error:  # the venue client's edge: ccxt raises whatever a spoilt answer makes of its parsers
                why = f"{type(error).__name__}: {str(error)[:160]}"
        raise VenueUnavailable(
            "FETCH_FAILED",
            expected=f"{self._exchange.id} to give {what}",
            found=f"{why}, {TRIES} times",
            action="What was fetched is in the catalog; run the same command again to go on.",
        )

    async def _pause(self, attempt: int, why: str) -> None:
        pause_s = min(BACKOFF_S_MAX, self._backoff_s * 2 ** (attempt - 1))
        headers = {str(name).lower(): value for name, value in (self._exchange.last_response_headers or {}).items()}
        asked = number(headers.get("retry-after"))
        if asked is not None and asked.is_finite():
            if asked > RETRY_AFTER_S_MAX:
                raise VenueUnavailable(
                    "FETCH_BANNED",
                    expected=f"{self._exchange.id} to ask for a pause of at most {RETRY_AFTER_S_MAX:.0f} s",
                    found=f"{asked} s ({why})",
                    action="Wait so long before the next request; what was fetched is in the catalog.",
                )
            pause_s = max(pause_s, float(asked))
        self._report(f"{self._exchange.id}: {why}; asking again in {pause_s:g} s ({attempt} of {TRIES - 1})")
        await asyncio.sleep(pause_s)


def _bar(row: Any) -> list[Any]:
    if not isinstance(row, list) or len(row) < 6 or type(row[0]) is not int or any(number(value) is None for value in row[1:6]):
        raise BadPage("a bar without its fields")
    return row[:6]
