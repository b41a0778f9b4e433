"""Message limit (control 4, RTS 6 15(1)(d)): submits and modifies a venue gets per second and per day. Cancels are never blocked.

Real time, because the venue counts in it: a replay at any speed sends as fast as its process does. A second is a sliding
window: the place of a message is free again exactly one second after it. Days are UTC days. A clock that is set back gives
nothing back: the day goes on as the latest one seen, and what was sent in the second before counts for a second of the new time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orders.plan import Outcome, Verdict
from sentinel.limits import MESSAGES_PER_S_MAX, SentinelLimits

MESSAGE_LIMIT: Final = "MESSAGE_LIMIT"
SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS


class _Venue:
    __slots__ = ("count", "day", "instants")

    def __init__(self) -> None:
        self.instants: deque[int] = deque()  # of the last second, bounded by the limit and what cancels add
        self.day = 0
        self.count = 0  # of the day


class MessageRates:
    """One per gate. `now_ns` comes in; a message is asked for first and counted when it goes."""

    def __init__(self, limits: SentinelLimits) -> None:
        self._per_s = limits.messages_per_s_max
        self._per_day = limits.messages_per_day_max
        self._words = f"{self._per_s} a second, {self._per_day} a day"
        self._passed = Verdict(control=MESSAGE_LIMIT, outcome=Outcome.ALLOW, observed="within", limit=self._words)
        self._venues: dict[str, _Venue] = {}

    def restore(self, venue: str, *, day: int, count: int) -> None:
        """After a restart: so many messages went to the venue on that UTC day."""
        known = self._venues.setdefault(venue, _Venue())
        known.day, known.count = day, count

    def ask(self, venue: str, now_ns: int) -> Verdict:
        """Return the verdict on one more message; nothing is counted yet."""
        known = self._venues.get(venue)
        if known is None:
            return self._passed
        in_second = self._in_second(known, now_ns)
        today = known.count if now_ns // DAY_NS <= known.day else 0
        if in_second < self._per_s and today < self._per_day:
            return self._passed
        seen = f"{in_second} in the last second, {today} today at {venue}"
        return Verdict(control=MESSAGE_LIMIT, outcome=Outcome.DENY, observed=seen, limit=self._words)

    def count(self, venue: str, now_ns: int, *, messages: int = 1) -> None:
        """Count what goes to the venue, cancels included."""
        known = self._venues.get(venue)
        if known is None:
            known = self._venues[venue] = _Venue()
        day = now_ns // DAY_NS
        if day > known.day:
            known.day, known.count = day, 0
        known.count += messages
        self._in_second(known, now_ns)
        if messages == 1:
            known.instants.append(now_ns)
        else:
            known.instants.extend([now_ns] * min(messages, MESSAGES_PER_S_MAX))

    def left_today(self, venue: str, now_ns: int) -> int:
        """Return how many messages the day has left for a venue, 0 or more."""
        known = self._venues.get(venue)
        used = known.count if known is not None and now_ns // DAY_NS <= known.day else 0
        return max(0, self._per_day - used)

    def left_now(self, venue: str, now_ns: int) -> int:
        """Return how many messages this second has left for a venue, 0 or more: what goes beyond them would be denied."""
        known = self._venues.get(venue)
        return self._per_s if known is None else max(0, self._per_s - self._in_second(known, now_ns))

    @staticmethod
    def _in_second(known: _Venue, now_ns: int) -> int:
        instants = known.instants
        if instants and instants[-1] > now_ns:  # the clock was set back
            known.instants = instants = deque([now_ns] * len(instants))
        while instants and now_ns - instants[0] >= SECOND_NS:
            instants.popleft()
        while len(instants) > 2 * MESSAGES_PER_S_MAX:  # a storm of cancels: what is over the limit stays over it
            instants.popleft()
        return len(instants)
