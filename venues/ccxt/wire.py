"""How our calls leave a ccxt exchange: urgent ones past its queue, every answer's shape noted, none larger than a bound.

ccxt's throttle is one queue, first in first out: a back-fill would delay a cancel, and an order that waits in it would leave
after a halt. Orders are counted by the Sentinel's MESSAGE_LIMIT instead, cancels always go. ccxt also turns an object that came
in place of a list into an empty list: without the shape of the answer that would read as "no such order".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from ccxt.base.errors import BadResponse

PAUSE_S: Final = 10.0  # after 429 or 418 without a Retry-After
PAUSE_S_MAX: Final = 3 * 86_400.0  # the longest ban Binance names
BODY_MAX: Final = 8 * 1024 * 1024  # characters of an answer to a signed call; 1,000 trades are 400 kB

_urgent: ContextVar[bool] = ContextVar("urgent", default=False)
_shapes: ContextVar[list[type] | None] = ContextVar("shapes", default=None)


@contextmanager
def urgent() -> Iterator[None]:
    """Calls inside go around the exchange's queue."""
    token = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(token)


@contextmanager
def shapes() -> Iterator[list[type]]:
    """Collect the type of every decoded answer to the calls inside; their size is bounded."""
    seen: list[type] = []
    token = _shapes.set(seen)
    try:
        yield seen
    finally:
        _shapes.reset(token)


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

    async def own_throttle(cost: Any = None) -> None:
        if _urgent.get():
            return
        await throttle(cost)
        while pause.left_s:
            await asyncio.sleep(pause.left_s)

    async def own_fetch(url: Any, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = await fetch(url, method, headers, body)
        seen = _shapes.get()
        if seen is not None:
            seen.append(type(answer))
        return answer

    def own_on_rest_response(code: Any, reason: Any, url: Any, method: Any, headers: Any, text: Any, *rest: Any) -> Any:
        if code in (418, 429):
            pause.asked({str(name).lower(): value for name, value in dict(headers or {}).items()}.get("retry-after"))
        if _shapes.get() is not None and isinstance(text, str) and len(text) > BODY_MAX:
            raise BadResponse(f"{exchange.id} {method}: an answer of {len(text)} characters, at most {BODY_MAX} are read")
        return on_rest_response(code, reason, url, method, headers, text, *rest)

    exchange.throttle = own_throttle
    exchange.fetch = own_fetch
    exchange.on_rest_response = own_on_rest_response
    return pause
