"""How our calls leave a ccxt exchange: urgent ones past its queue, numbers as given, answers' shapes noted and sizes bounded.

ccxt's throttle is one queue, first in first out: a back-fill would delay a cancel, and an order that waits in it would leave
after a halt. Orders are counted by the Sentinel's MESSAGE_LIMIT instead, cancels always go. ccxt also turns an object that came
in place of a list into an empty list: without the shape of the answer that would read as "no such order". And it rounds what it
sends to the steps it knows, which are not those an order was approved by once the venue has changed them: then nothing goes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

from ccxt.base.errors import BadResponse, InvalidOrder

ROUNDED: Final = "ROUNDED_BY_CCXT"  # ccxt would have sent another number than it was given
RATE_LIMITED: Final = "RATE_LIMITED"  # the venue asked for a pause
PAUSE_S: Final = 10.0  # after 429 or 418 without a Retry-After
PAUSE_S_MAX: Final = 3 * 86_400.0  # the longest ban Binance names
BODY_MAX: Final = 8 * 1024 * 1024  # characters of an answer to a signed call; 1,000 trades are 400 kB


class Kept(Exception):
    """A request that was not sent, by our own doing: `code` says why, of the second lock or one of those here."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class Call:
    """One call to a venue, as a context: `urgent` ones go around the exchange's queue; `hold()` is waited for when a request is
    made and signed; `refusal()` is asked once it has its line to the venue, with nothing left to wait for before the bytes: a
    session has so many lines at most, and what waits for one would leave after a halt. Both may be None. `shapes` are the types
    of the decoded answers, whose size is bounded.
    """

    __slots__ = ("_token", "hold", "refusal", "shapes", "urgent")

    def __init__(
        self, *, urgent: bool, hold: Callable[[], Awaitable[None]] | None = None, refusal: Callable[[], str] | None = None
    ) -> None:
        self.urgent = urgent
        self.hold = hold
        self.refusal = refusal
        self.shapes: list[type] = []

    def __enter__(self) -> Call:
        self._token = _call.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _call.reset(self._token)


_call: ContextVar[Call | None] = ContextVar("call", default=None)


def last_look() -> str:
    """Return why the call that this is of must not be written to the line it has, "" where it may."""
    call = _call.get()
    return "" if call is None or call.refusal is None else call.refusal()


class Pause:
    """What a venue asked of us by 429 or 418: nothing is sent before it is over, but cancels. Monotonic seconds."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._until_s = 0.0

    @property
    def left_s(self) -> float:
        """Seconds that are left, 0 for none."""
        return max(0.0, self._until_s - self._clock_s())

    def asked(self, retry_after: object) -> None:
        """Take the venue's Retry-After, in seconds."""
        text = retry_after if isinstance(retry_after, str) else ""
        wait_s = float(text) if text.isdecimal() and len(text) < 10 else PAUSE_S
        self._until_s = max(self._until_s, self._clock_s() + min(wait_s, PAUSE_S_MAX))


def tame(exchange: Any) -> Pause:
    """Put this module's hooks around an exchange, on the instance; a second call gives back what the first made."""
    known: Pause | None = getattr(exchange, "sluice_pause", None)
    if known is not None:
        return known
    pause = exchange.sluice_pause = Pause()
    throttle, fetch, on_rest_response = exchange.throttle, exchange.fetch, exchange.on_rest_response
    amount_to_precision, price_to_precision = exchange.amount_to_precision, exchange.price_to_precision

    def own_amount(symbol: str, amount: Any) -> str:
        return _unchanged("quantity", symbol, amount, amount_to_precision)

    def own_price(symbol: str, price: Any) -> str:
        return _unchanged("price", symbol, price, price_to_precision)

    async def own_throttle(cost: Any = None) -> None:
        call = _call.get()
        if call is not None and call.urgent:
            return
        await throttle(cost)
        while pause.left_s:
            await asyncio.sleep(pause.left_s)

    async def own_fetch(url: Any, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        call = _call.get()
        if call is not None and call.hold is not None:
            await call.hold()
        answer = await fetch(url, method, headers, body)
        if call is not None:
            call.shapes.append(type(answer))
        return answer

    def own_on_rest_response(code: Any, reason: Any, url: Any, method: Any, headers: Any, text: Any, *rest: Any) -> Any:
        if code in (418, 429):
            pause.asked({str(name).lower(): value for name, value in dict(headers or {}).items()}.get("retry-after"))
        if _call.get() is not None and isinstance(text, str) and len(text) > BODY_MAX:
            raise BadResponse(f"{exchange.id} {method}: an answer of {len(text)} characters, at most {BODY_MAX} are read")
        return on_rest_response(code, reason, url, method, headers, text, *rest)

    exchange.amount_to_precision = own_amount
    exchange.price_to_precision = own_price
    exchange.throttle = own_throttle
    exchange.fetch = own_fetch
    exchange.on_rest_response = own_on_rest_response
    return pause


def _unchanged(what: str, symbol: str, given: Any, to_precision: Callable[[str, Any], Any]) -> str:
    try:
        rounded = to_precision(symbol, given)
    except InvalidOrder as error:  # to nothing
        raise Kept(ROUNDED, f"{what} {given} would not be sent: {error}; the venue's limits have changed") from error
    if rounded != given and Decimal(str(rounded)) != Decimal(str(given)):
        raise Kept(ROUNDED, f"{what} {given} would be sent as {rounded}; the venue's limits have changed")
    return str(rounded)
