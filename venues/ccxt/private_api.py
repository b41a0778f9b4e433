"""The signed calls of one account, as answers: what the venue said, or that it did not say anything. Nothing is decided here.

Reads never raise: whatever ccxt throws is `NoAnswer`, and an answer of another shape than its call has is one too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from ccxt.base import errors

from orders.values import Record
from venues.answers import Malformed, VenueBalance, VenueFill, VenueOrder, VenueTransfer
from venues.ccxt.client_ids import to_venue
from venues.ccxt.egress import VenueClient
from venues.ccxt.outcomes import Outcome, never_left, outcome_of
from venues.ccxt.private_parse import parse_balances, parse_fill, parse_mid, parse_order, parse_transfer
from venues.ccxt.terms import Terms
from venues.ccxt.trading_profiles import TradingProfile
from venues.ccxt.wire import Call, Kept, tame

PAGES_MAX: Final = 200  # of one reading of trades; 200,000 trades of one symbol since the last look are no back-fill
TEXT_MAX: Final = 300  # characters of a venue's words that are kept
DAY_MS: Final = 86_400_000
NO_LINE: Final = "NO_LINE"
POSTS_MAX: Final = 50  # new orders on the wire at once: half of the session's lines, the other half is for cancels and look-ups


class NoAnswer(Record, frozen=True, kw_only=True):
    """The venue did not answer, or not in the shape of an answer. Evidence of nothing. `inexact_clock`: it blames our clock."""

    why: str
    inexact_clock: bool = False


class NotThere(Record, frozen=True, kw_only=True):
    """The venue answered that it has no such order."""


class Listed[Item](Record, frozen=True, kw_only=True):
    """A list the venue gave. `malformed`: how many of its elements were not understood, and are not in `items`."""

    items: tuple[Item, ...]
    malformed: int


class Posted(Record, frozen=True, kw_only=True):
    """What became of one create request. `order` and `fills`: of an answer that could be read, else None and ().

    `never_left`: no line to the venue came about. `kept`: the code of why we did not send it, "" where we did.
    """

    outcome: Outcome
    message: str
    order: VenueOrder | None = None
    fills: tuple[VenueFill, ...] = ()
    inexact_clock: bool = False
    never_left: bool = False
    kept: str = ""


class PrivateApi:
    """One account at one venue. `quotes`: ccxt symbol -> quote currency. `redact` takes secrets out of the venue's words;
    `quarantine(what, reason)` is told of each element that was not understood.
    """

    def __init__(
        self,
        client: VenueClient,
        *,
        profile: TradingProfile,
        quotes: Mapping[str, str],
        redact: Callable[[str], str],
        quarantine: Callable[[str, str], None],
    ) -> None:
        self.exchange = client.exchange
        self.profile = profile
        self._quotes = dict(quotes)
        self._redact = redact
        self._quarantine = quarantine
        self._lines = asyncio.Semaphore(POSTS_MAX)
        assert not self.exchange.options.get("maxRetriesOnFailure"), "one request an order: ccxt must not repeat it"
        self.pause = tame(self.exchange)

    async def create(
        self, terms: Terms, *, hold: Callable[[], Awaitable[None]] | None = None, refusal: Callable[[], str]
    ) -> Posted:
        """Send one request, once, around the queue. Raises nothing but cancellation, which the caller must take for UNKNOWN.

        `hold()` is waited for when the request is made and signed, and may raise `Kept`; `refusal()` is asked right before the
        bytes, after every wait: what it says holds the request back. So does NO_LINE, where none of `POSTS_MAX` lines was free
        within a request's own timeout.
        """
        try:
            if self._lines.locked():
                async with asyncio.timeout(self.exchange.timeout / 1_000):
                    await self._lines.acquire()
            else:
                await self._lines.acquire()  # at once
        except TimeoutError:  # the venue answers too slowly: an order that left only now would meet another market
            message = "the venue answers so slowly that no line to it was free in time"
            return Posted(outcome=Outcome.NOT_SENT, message=message, never_left=True, kept=NO_LINE)
        try:
            with Call(urgent=True, hold=hold, refusal=refusal):
                answer = await self.exchange.create_order(
                    terms.symbol, terms.kind, terms.side, terms.quantity, terms.price, dict(terms.params)
                )
        except Kept as error:
            return Posted(outcome=Outcome.NOT_SENT, message=error.message, never_left=True, kept=error.code)
        except Exception as error:
            outcome = outcome_of(error, duplicate_texts=self.profile.duplicate_texts)
            return Posted(
                outcome=outcome,
                message=self.words(error),
                inexact_clock=isinstance(error, errors.InvalidNonce),
                never_left=never_left(error),
            )
        finally:
            self._lines.release()
        outcome = outcome_of(answer)
        order = parse_order(answer, self.profile)
        if outcome is Outcome.UNKNOWN or isinstance(order, Malformed):
            reason = order.reason if isinstance(order, Malformed) else "no order in the answer"
            return Posted(outcome=Outcome.UNKNOWN, message=self._redact(f"the answer is no order: {reason}")[:TEXT_MAX])
        ours = terms.params["clientOrderId"]
        if order.client_order_id is None or to_venue(order.client_order_id, self.profile.client_id) != ours:
            return Posted(outcome=Outcome.UNKNOWN, message=f"the answer speaks of order {order.client_order_id}")
        listed = self._parsed(answer.get("trades") or (), self._fill)
        return Posted(outcome=outcome, message="", order=order, fills=listed.items)

    async def cancel(self, client_order_id: str, symbol: str) -> str:
        """Ask for a cancel by our id, around the queue; return "" or the venue's words. What is true is for a look-up to say."""
        sent = to_venue(client_order_id, self.profile.client_id)
        try:
            with Call(urgent=True):
                await self.exchange.cancel_order(None, symbol, {"clientOrderId": sent})
        except Exception as error:
            return self.words(error)
        return ""

    async def cancel_by_venue_id(self, venue_order_id: str, symbol: str) -> str:
        """Ask for a cancel by the venue's id, of an order that nobody here sent; return "" or the venue's words."""
        try:
            with Call(urgent=True):
                await self.exchange.cancel_order(venue_order_id, symbol)
        except Exception as error:
            return self.words(error)
        return ""

    async def find(self, client_order_id: str, symbol: str, *, first: bool = False) -> VenueOrder | NotThere | NoAnswer:
        """Look an order up by our id. Only where `profile.native_lookup`; `first`: around the queue."""
        assert self.profile.native_lookup
        sent = to_venue(client_order_id, self.profile.client_id)
        params = {self.profile.native_lookup: sent}
        found = await self._one(lambda: self.exchange.fetch_order(None, symbol, params), first=first)
        if isinstance(found, VenueOrder) and found.client_order_id != client_order_id:
            return NoAnswer(why=f"asked for {client_order_id}, got {found.client_order_id}")
        return found

    async def find_by_venue_id(self, venue_order_id: str, symbol: str) -> VenueOrder | NotThere | NoAnswer:
        """Look an order up by the venue's id."""
        return await self._one(lambda: self.exchange.fetch_order(venue_order_id, symbol), first=False)

    async def open_orders(self, symbol: str | None, *, first: bool = False) -> Listed[VenueOrder] | NoAnswer:
        """Every working order of a symbol, or of the account where None; strangers' too."""
        return await self._list(lambda: self.exchange.fetch_open_orders(symbol), self._order, first=first)

    async def closed_orders(self, symbol: str, *, since_ms: int) -> Listed[VenueOrder] | NoAnswer:
        """Orders of a symbol from an instant on that have ended; where the venue only lists all, working ones too."""
        call = getattr(self.exchange, self.profile.closed_method)
        return await self._list(lambda: call(symbol, since_ms), self._order, first=False)

    async def trades(self, symbol: str, *, since_ms: int, until_ms: int) -> Listed[VenueFill] | NoAnswer:
        """Our trades of a symbol in a range, oldest first, all pages or no answer."""
        profile, found, malformed = self.profile, dict[str, VenueFill](), 0
        from_ms, page_count = since_ms, 0
        while from_ms <= until_ms:
            page_count += 1
            if page_count > PAGES_MAX:
                return NoAnswer(why=f"more than {PAGES_MAX} pages of trades")
            end_ms = until_ms if profile.trades_span_ms is None else min(until_ms, from_ms + profile.trades_span_ms - 1)
            page = await self._list(self._trades_call(symbol, from_ms, end_ms), self._fill, first=False)
            if isinstance(page, NoAnswer):
                return page
            malformed += page.malformed
            found |= {fill.trade_id: fill for fill in page.items}
            stamps = [fill.venue_ns // 1_000_000 for fill in page.items if fill.venue_ns is not None]
            full = len(page.items) + page.malformed >= profile.trades_page
            if full and (not stamps or max(stamps) <= from_ms):
                return NoAnswer(why=f"{len(page.items)} trades of {symbol} within a millisecond: the rest cannot be asked for")
            from_ms = max(stamps) if full else end_ms + 1
        return Listed(items=tuple(found.values()), malformed=malformed)

    async def transfers(self, kind: str, *, since_ms: int) -> Listed[VenueTransfer] | NoAnswer:
        """Deposits, or withdrawals, that were begun since an instant, one page. Only where `profile.transfers`."""
        texts = self.profile.transfers
        assert texts is not None
        method = texts.deposits if kind == "deposit" else texts.withdrawals

        def transfer(raw: Any) -> VenueTransfer | Malformed:
            return parse_transfer(raw, texts=texts, kind=kind)

        page = await self._list(partial(getattr(self.exchange, method), None, since_ms, texts.page), transfer, first=False)
        if isinstance(page, NoAnswer) or len(page.items) + page.malformed < texts.page:
            return page
        return NoAnswer(why=f"{texts.page} {kind}s or more: the rest was not told")

    async def mid(self, symbol: str) -> Decimal | NoAnswer:
        """The middle of the venue's own best bid and ask now, exact, in quote currency for one unit."""
        answer = await self._ask(lambda: self.exchange.fetch_bids_asks([symbol]), shape=list, first=False)
        if isinstance(answer, NoAnswer) or not isinstance(answer, Mapping):
            return answer if isinstance(answer, NoAnswer) else NoAnswer(why="a touch that is not there")
        parsed = parse_mid(answer.get(symbol))
        return NoAnswer(why=f"the touch of {symbol}: {parsed.reason}") if isinstance(parsed, Malformed) else parsed

    async def balances(self) -> tuple[VenueBalance, ...] | NoAnswer:
        """What the account holds."""
        answer = await self._ask(self.exchange.fetch_balance, shape=dict, first=False)
        if isinstance(answer, NoAnswer):
            return answer
        parsed = parse_balances(answer)
        return NoAnswer(why=parsed.reason) if isinstance(parsed, Malformed) else parsed

    async def raw(self, method: str) -> Mapping[str, Any] | NoAnswer:
        """Call one of ccxt's implicit methods that answers an object."""
        answer = await self._ask(getattr(self.exchange, method), shape=dict, first=False)
        return answer if isinstance(answer, NoAnswer | Mapping) else NoAnswer(why=f"{method}: a {type(answer).__name__}")

    def words(self, error: BaseException) -> str:
        """Return an error as text that may be logged."""
        return self._redact(f"{type(error).__name__}: {error}")[:TEXT_MAX]

    def order(self, raw: Any) -> VenueOrder | None:
        """Return one streamed order; None: quarantined."""
        return next(iter(self._parsed((raw,), self._order).items), None)

    def fill(self, raw: Any) -> VenueFill | None:
        """Return one streamed trade of ours; None: quarantined, or of a symbol that is none of this run's."""
        if isinstance(raw, Mapping) and isinstance(raw.get("symbol"), str) and raw["symbol"] not in self._quotes:
            return None
        return next(iter(self._parsed((raw,), self._fill).items), None)

    def _order(self, raw: Any) -> VenueOrder | Malformed:
        return parse_order(raw, self.profile)

    def _fill(self, raw: Any) -> VenueFill | Malformed:
        symbol = raw.get("symbol") if isinstance(raw, Mapping) else None
        quote = self._quotes.get(symbol) if isinstance(symbol, str) else None
        if quote is None:
            return Malformed(reason=f"a trade of {symbol!r}, which is no symbol of this run")
        return parse_fill(raw, self.profile, quote_currency=quote)

    def _parsed[Item](self, raws: Any, parse: Callable[[Any], Item | Malformed]) -> Listed[Item]:
        items, malformed = list[Item](), 0
        for raw in raws:
            parsed = parse(raw)
            if isinstance(parsed, Malformed):
                malformed += 1
                self._quarantine(parse.__name__.strip("_"), self._redact(parsed.reason)[:TEXT_MAX])
            else:
                items.append(parsed)
        return Listed(items=tuple(items), malformed=malformed)

    def _trades_call(self, symbol: str, from_ms: int, end_ms: int) -> Callable[[], Awaitable[Any]]:
        params = {} if self.profile.trades_span_ms is None else {"until": end_ms}
        return lambda: self.exchange.fetch_my_trades(symbol, from_ms, self.profile.trades_page, params)

    async def _one(self, call: Callable[[], Awaitable[Any]], *, first: bool) -> VenueOrder | NotThere | NoAnswer:
        answer = await self._ask(call, shape=dict, first=first)
        if isinstance(answer, NoAnswer | NotThere):
            return answer
        parsed = parse_order(answer, self.profile)
        return NoAnswer(why=self._redact(parsed.reason)) if isinstance(parsed, Malformed) else parsed

    async def _list[Item](
        self, call: Callable[[], Awaitable[Any]], parse: Callable[[Any], Item | Malformed], *, first: bool
    ) -> Listed[Item] | NoAnswer:
        answer = await self._ask(call, shape=list, first=first)
        if isinstance(answer, NotThere):
            return NoAnswer(why="a list that is not there")
        return answer if isinstance(answer, NoAnswer) else self._parsed(answer, parse)

    async def _ask(self, call: Callable[[], Awaitable[Any]], *, shape: type, first: bool) -> Any:
        """Return what a read gives, `NotThere` for the venue's own "no such order", else `NoAnswer`."""
        try:
            with Call(urgent=first) as asked:
                answer = await call()
        except errors.OrderNotFound:
            return NotThere()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            return NoAnswer(why=self.words(error), inexact_clock=isinstance(error, errors.InvalidNonce))
        wrong = next((kind.__name__ for kind in asked.shapes if kind is not shape), None)
        if wrong is not None or not asked.shapes:
            return NoAnswer(why=f"an answer that is a {wrong}, not a {shape.__name__}")
        return answer
