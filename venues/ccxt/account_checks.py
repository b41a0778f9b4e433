"""What is asked of a venue before and while orders go: the distance of the clocks, and what the key may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from orders.errors import ConfigError, VenueRefused, VenueUnavailable
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.streams import backoff_s

ASKS: Final = 3  # answers of which the quickest counts
TRIES: Final = 4


class VenueClock:
    """The venue's clock by ours. `skew_ms`: theirs minus ours, as last seen; requests are stamped by it."""

    def __init__(self, api: PrivateApi, *, now_ns: Callable[[], int], skew_max_ms: int) -> None:
        self._api = api
        self._now_ns = now_ns
        self._skew_max_ms = skew_max_ms
        self.skew_ms = 0
        self.measured_ns: int | None = None
        self.no_answer = "none"  # what the last look that failed said

    def now_ms(self) -> int:
        """The venue's time by our reckoning."""
        return self._now_ns() // 1_000_000 + self.skew_ms

    @property
    def too_far(self) -> bool:
        """Whether the clocks are further apart than may be."""
        return abs(self.skew_ms) > self._skew_max_ms

    def words(self) -> str:
        """Return the distance, for a message."""
        return f"the venue's clock is {self.skew_ms:+d} ms from ours, at most {self._skew_max_ms} may be"

    async def measure(self) -> bool:
        """Ask the time a few times and take the quickest answer; False without one."""
        exchange, best = self._api.exchange, None
        for _ in range(ASKS):
            before = self._now_ns()
            try:
                venue_ms = await exchange.fetch_time()
            except Exception as error:  # the venue client's edge: no answer, whatever it is called
                self.no_answer = self._api.words(error)
                continue
            after = self._now_ns()
            if isinstance(venue_ms, int):
                known = (after - before, venue_ms - (before + after) // 2_000_000)
                best = known if best is None else min(best, known)
        if best is None:
            return False
        self.skew_ms, self.measured_ns = best[1], self._now_ns()
        exchange.options["timeDifference"] = -self.skew_ms  # what ccxt takes off its own clock when it signs
        return True

    async def require(self) -> None:
        """Measure at a start, in a few tries. Raises `VenueUnavailable` VENUE_UNREACHABLE, `VenueRefused` CLOCK_SKEW."""
        for attempt in range(1, TRIES + 1):
            if await self.measure():
                break
            await asyncio.sleep(backoff_s(attempt, jitter=0))
        else:
            raise VenueUnavailable(
                "VENUE_UNREACHABLE",
                expected=f"{self._api.exchange.id} to tell the time",
                found=f"no answer: {self.no_answer}",
                action="Look at the network; nothing was started.",
            )
        if self.too_far:
            raise VenueRefused(
                "CLOCK_SKEW",
                expected=f"clocks within {self._skew_max_ms} ms",
                found=self.words(),
                action="Set this machine's clock by NTP.",
            )


async def require_harmless_key(api: PrivateApi) -> Mapping[str, Any] | None:
    """Refuse a key that can withdraw; return what the venue said of it, None where it cannot tell.

    Raises `ConfigError` KEY_CAN_WITHDRAW, `VenueUnavailable` KEY_UNCHECKED without a plain answer.
    """
    if api.profile.withdraw_check is None:
        return None
    method, field = api.profile.withdraw_check
    answer = await api.raw(method)
    if isinstance(answer, NoAnswer) or not isinstance(answer.get(field), bool):
        raise VenueUnavailable(
            "KEY_UNCHECKED",
            expected=f"{api.exchange.id} to say whether the key can withdraw ({field})",
            found=answer.why if isinstance(answer, NoAnswer) else f"{field} {answer.get(field)!r}",
            action="Nothing was sent. Ask again; a key whose rights are not known is not used.",
        )
    if answer[field]:
        raise ConfigError(
            "KEY_CAN_WITHDRAW",
            expected="a key that can trade and cannot withdraw",
            found=f"{field} is set for the key at {api.exchange.id}",
            action="Take the right away at the venue, or make another key.",
        )
    return answer
