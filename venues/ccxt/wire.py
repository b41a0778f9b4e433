"""How our calls leave a ccxt exchange: urgent ones past its queue, every answer's shape noted, none larger than a bound.

ccxt's throttle is one queue, first in first out: a back-fill would delay a cancel, and an order that waits in it would leave
after a halt. Orders are counted by the Sentinel's MESSAGE_LIMIT instead, cancels always go. ccxt also turns an object that came
in place of a list into an empty list: without the shape of the answer that would read as "no such order".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from ccxt.base.errors import BadResponse

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


def tame(exchange: Any) -> None:
    """Put this module's hooks around an exchange, once, on the instance."""
    throttle, fetch, on_rest_response = exchange.throttle, exchange.fetch, exchange.on_rest_response

    async def own_throttle(cost: Any = None) -> None:
        if not _urgent.get():
            await throttle(cost)

    async def own_fetch(url: Any, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = await fetch(url, method, headers, body)
        seen = _shapes.get()
        if seen is not None:
            seen.append(type(answer))
        return answer

    def own_on_rest_response(code: Any, reason: Any, url: Any, method: Any, headers: Any, text: Any, *rest: Any) -> Any:
        if _shapes.get() is not None and isinstance(text, str) and len(text) > BODY_MAX:
            raise BadResponse(f"{exchange.id} {method}: an answer of {len(text)} characters, at most {BODY_MAX} are read")
        return on_rest_response(code, reason, url, method, headers, text, *rest)

    exchange.throttle = own_throttle
    exchange.fetch = own_fetch
    exchange.on_rest_response = own_on_rest_response
