"""One supervised stream: watch, notice silence and loss, resubscribe with back-off, tell when it went and when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from orders.values import Record

BACKOFF_FIRST_S: Final = 0.25
BACKOFF_MAX_S: Final = 30.0
NS_PER_MS: Final = 1_000_000


class StreamEvent(Record, frozen=True, kw_only=True):
    """Something an operator should know of a stream. `code`: STREAM_STALE, STREAM_LOST, STREAM_BACK, TRADES_BACKFILLED,
    TRADES_LOST, LIMITS_OUTDATED, EGRESS_REFUSED. `outage_ns`: how long it has been without a message; None where none is meant.
    """

    code: str
    stream: str
    message: str
    outage_ns: int | None = None


def backoff_s(attempt: int, *, jitter: float) -> float:
    """Return the wait before attempt `attempt` (from 1): doubling, bounded, spread over half to all of it by `jitter` in 0..1."""
    assert attempt >= 1
    assert 0 <= jitter <= 1
    full = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(attempt - 1, 16))
    return full * (0.5 + jitter / 2)


class Stream:
    """Runs `watch` again and again and hands each result to `handle`, until cancelled.

    `watch` is the venue client's: whatever it raises is a lost stream. `quiet`, where given, is asked after silence whether the
    market was merely still; None from it: cannot be told, which is a stale stream. `reset` closes what is left of the
    subscription; `recover` runs before each new one.
    """

    def __init__(
        self,
        *,
        name: str,
        watch: Callable[[], Awaitable[Any]],
        handle: Callable[[Any], Awaitable[None]],
        reset: Callable[[str], None],
        recover: Callable[[], Awaitable[None]] | None,
        quiet: Callable[[], Awaitable[bool | None]] | None,
        stale_ms: int,
        now_ns: Callable[[], int],
        jitter: Callable[[], float],
        report: Callable[[StreamEvent], None],
    ) -> None:
        self.name = name
        self._watch = watch
        self._handle = handle
        self._reset = reset
        self._recover = recover
        self._quiet = quiet
        self._stale_ms = stale_ms
        self._now_ns = now_ns
        self._jitter = jitter
        self._report = report
        self._last_ns = 0
        self._attempt = 0
        self._down_since_ns: int | None = None

    async def run(self) -> None:
        """Return never; end by cancellation. An exception of `handle` is ours and passes through."""
        self._last_ns = self._now_ns()
        while True:
            try:
                async with asyncio.timeout(self._stale_ms / 1_000):
                    result = await self._watch()
            except TimeoutError:
                if not await self._merely_quiet():
                    await self._down("STREAM_STALE", f"no message for {self._silence_ms()} ms")
                continue
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                await self._down("STREAM_LOST", "the venue's client gave the subscription up")
                continue
            except Exception as error:  # the venue client's edge: anything it raises means there is no stream
                await self._down("STREAM_LOST", f"{type(error).__name__}: {str(error)[:200]}")
                continue
            self._up()
            await self._handle(result)

    def heard(self) -> None:
        """A message arrived by another way than `watch`'s result."""
        self._up()

    def _up(self) -> None:
        now = self._now_ns()
        if self._down_since_ns is not None:
            outage = now - self._down_since_ns
            tries = f"{self._attempt} {'try' if self._attempt == 1 else 'tries'}"
            self._report(
                StreamEvent(
                    code="STREAM_BACK",
                    stream=self.name,
                    message=f"{self.name} is back after {outage // NS_PER_MS} ms and {tries}",
                    outage_ns=outage,
                )
            )
            self._down_since_ns = None
            self._attempt = 0
        self._last_ns = now

    async def _down(self, code: str, why: str) -> None:
        """Tell the first time, close the rest of the subscription, wait, recover."""
        if self._down_since_ns is None:
            self._down_since_ns = self._last_ns
            self._report(
                StreamEvent(
                    code=code,
                    stream=self.name,
                    message=f"{self.name}: {why}; subscribing again",
                    outage_ns=self._now_ns() - self._last_ns,
                )
            )
        self._attempt += 1
        self._reset(why)
        await asyncio.sleep(backoff_s(self._attempt, jitter=self._jitter()))
        if self._recover is not None:
            await self._recover()

    async def _merely_quiet(self) -> bool:
        return self._quiet is not None and self._down_since_ns is None and await self._quiet() is True

    def _silence_ms(self) -> int:
        return (self._now_ns() - self._last_ns) // NS_PER_MS
