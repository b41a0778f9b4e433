"""What a calendar says of an instant: open in a session, closed between, unknown outside its range; never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.market_hours import Calendar, Session, always, span_at

S = 10**9


def calendar(*sessions: tuple[int, int], begins: int = 0, ends: int = 1_000) -> Calendar:
    made = tuple(Session(day="2025-01-06", open_ns=o * S, close_ns=c * S, early_close=False) for o, c in sessions)
    return Calendar(name="XMAD", valid_from_ns=begins * S, valid_until_ns=ends * S, sessions=made)


TWO = calendar((100, 200), (300, 400))


@pytest.mark.parametrize(
    ("now_ns", "state", "closed_s", "opens_s"),
    [
        (99 * S, "closed", None, 100),
        (100 * S - 1, "closed", None, 100),
        (100 * S, "open", None, None),
        (200 * S - 1, "open", None, None),
        (200 * S, "closed", 200, 300),
        (300 * S, "open", None, None),
        (400 * S, "closed", 400, None),
        (1_000 * S - 1, "closed", 400, None),
        (1_000 * S, "unknown", None, None),
        (-1, "unknown", None, None),
    ],
    ids=[
        "before the first session",
        "a nanosecond before the open",
        "at the open",
        "a nanosecond before the close",
        "at the close",
        "the second session",
        "after the last session",
        "the last known nanosecond",
        "past the range",
        "before the range",
    ],
)
def test_an_instant_is_in_a_session_between_two_or_not_known(
    now_ns: int, state: str, closed_s: int | None, opens_s: int | None
) -> None:
    span = span_at(TWO, now_ns=now_ns)
    assert (span.hours.state, span.opens_ns) == (state, None if opens_s is None else opens_s * S)
    assert span.hours.closed_ns == (None if closed_s is None else closed_s * S)


def test_sessions_that_touch_are_open_throughout() -> None:
    touching = calendar((0, 100), (100, 200))
    assert [span_at(touching, now_ns=at).hours.state for at in (99 * S, 100 * S, 101 * S)] == ["open"] * 3


def test_a_session_that_outlasts_the_range_is_unknown_after_it() -> None:
    cut = calendar((900, 1_100))
    assert span_at(cut, now_ns=1_000 * S - 1).hours.state == "open"
    assert span_at(cut, now_ns=1_000 * S).hours.state == "unknown"


def test_a_session_that_began_before_the_range_is_open_in_it() -> None:
    assert span_at(calendar((10, 60), begins=50), now_ns=50 * S).hours.state == "open"


def test_words_name_the_market_and_the_instant() -> None:
    assert span_at(TWO, now_ns=250 * S).hours.detail == "XMAD is closed, opens 1970-01-01 00:05 UTC"
    assert span_at(TWO, now_ns=2_000 * S).hours.detail == "hours of XMAD are known until 1970-01-01 00:16 UTC; compile them anew"


def test_what_never_closes_is_open_at_any_time() -> None:
    span = always("never closes")
    assert span.from_ns <= 0 <= 10**19 > span.until_ns > 9 * 10**18
    assert span.hours.state == "open"


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    edges = sorted(draw(st.sets(st.integers(0, 200), min_size=2, max_size=12)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    begins = draw(st.integers(0, 100))
    return calendar(*pairs, begins=begins, ends=draw(st.integers(begins + 1, 220)))


@given(known=calendars(), now_ns=st.integers(-5 * S, 230 * S))
def test_the_state_is_what_counting_through_all_sessions_says(known: Calendar, now_ns: int) -> None:
    span = span_at(known, now_ns=now_ns)
    inside = any(session.open_ns <= now_ns < session.close_ns for session in known.sessions)
    in_range = known.valid_from_ns <= now_ns < known.valid_until_ns
    assert span.hours.state == ("unknown" if not in_range else "open" if inside else "closed")
    assert span.opens_ns is None or (span.opens_ns > now_ns and span.hours.state == "closed")


@given(known=calendars(), now_ns=st.integers(0, 230 * S))
def test_a_span_holds_from_its_first_to_its_last_nanosecond_and_not_beyond(known: Calendar, now_ns: int) -> None:
    span = span_at(known, now_ns=now_ns)
    assert span.from_ns <= now_ns < span.until_ns
    assert span_at(known, now_ns=span.until_ns - 1) == span
    assert span_at(known, now_ns=span.from_ns) == span
    for_ever = span.until_ns > 9 * 10**18
    assert for_ever or span_at(known, now_ns=span.until_ns).from_ns >= span.until_ns
