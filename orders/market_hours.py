"""When a market takes orders: the sessions of one calendar and what they say of an instant. Pure; times in market time.

A session is an unbroken stretch of trading: a day with a lunch break has two. It holds from its open to just before its close.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from typing import Final

from orders.values import MarketHours, Record

NS: Final = 1_000_000_000
ALWAYS_OPEN: Final = "24/7"  # the calendar of a market that never closes
NOT_JUDGED: Final = "none"  # the calendar of prices without a time of day: their market counts as open
BUILT_IN: Final = frozenset({ALWAYS_OPEN, NOT_JUDGED})


class Session(Record, frozen=True, kw_only=True):
    """Trading from `open_ns` to before `close_ns`, of the exchange's day `day` (ISO). `early_close`: shorter than usual."""

    day: str
    open_ns: int
    close_ns: int
    early_close: bool


class Calendar(Record, frozen=True, kw_only=True):
    """The sessions of one market in order, none overlapping. Nothing is known before `valid_from_ns` and from
    `valid_until_ns` on: there it is unknown whether the market is open, never closed.
    """

    name: str
    valid_from_ns: int
    valid_until_ns: int
    sessions: tuple[Session, ...]


class Span(Record, frozen=True, kw_only=True):
    """What holds from `from_ns` to before `until_ns`: `hours`, and when the market opens next (None: open now, or not known)."""

    from_ns: int
    until_ns: int
    hours: MarketHours
    opens_ns: int | None


def always(detail: str) -> Span:
    """Return the span of a market that is open for ever."""
    return Span(from_ns=0, until_ns=1 << 63, hours=MarketHours(state="open", detail=detail), opens_ns=None)


def span_at(calendar: Calendar, *, now_ns: int) -> Span:
    """Return what holds at `now_ns` and for how long; both ends of the calendar's range make it unknown."""
    name, begins, ends = calendar.name, calendar.valid_from_ns, calendar.valid_until_ns
    if now_ns < begins:
        return _unknown(f"hours of {name} are known from {_text(begins)}", from_ns=0, until_ns=begins)
    if now_ns >= ends:
        return _unknown(f"hours of {name} are known until {_text(ends)}", from_ns=ends, until_ns=1 << 63)
    sessions = calendar.sessions
    at = bisect_right(sessions, now_ns, key=lambda session: session.open_ns)
    last = sessions[at - 1] if at else None
    coming = sessions[at] if at < len(sessions) else None
    if last is not None and now_ns < last.close_ns:
        hours = MarketHours(state="open", detail=f"{name} is open until {_text(last.close_ns)}")
        return Span(from_ns=max(last.open_ns, begins), until_ns=min(last.close_ns, ends), hours=hours, opens_ns=None)
    opens_ns = coming.open_ns if coming is not None and coming.open_ns < ends else None
    when = f"opens {_text(opens_ns)}" if opens_ns is not None else f"opens after {_text(ends)}, where the known hours end"
    hours = MarketHours(state="closed", detail=f"{name} is closed, {when}", closed_ns=None if last is None else last.close_ns)
    from_ns = begins if last is None else max(last.close_ns, begins)
    return Span(from_ns=from_ns, until_ns=ends if opens_ns is None else opens_ns, hours=hours, opens_ns=opens_ns)


def _unknown(detail: str, *, from_ns: int, until_ns: int) -> Span:
    hours = MarketHours(state="unknown", detail=f"{detail}; compile them anew")
    return Span(from_ns=from_ns, until_ns=until_ns, hours=hours, opens_ns=None)


def _text(instant_ns: int) -> str:
    return datetime.fromtimestamp(instant_ns // NS, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
