"""Message limit on a virtual clock: N pass, N + 1 is denied, the place is free again at the exact instant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orders.plan import Outcome
from sentinel.rates import DAY_NS, SECOND_NS, MessageRates
from tests.sentinel.cases import limits

START = 20_000 * DAY_NS


def rates(*, per_s: int = 3, per_day: int = 5) -> MessageRates:
    return MessageRates(limits(messages_per_s_max=per_s, messages_per_day_max=per_day))


def passes(known: MessageRates, now_ns: int, venue: str = "US") -> bool:
    """Ask and, where it may go, send."""
    allowed = known.ask(venue, now_ns).outcome is Outcome.ALLOW
    if allowed:
        known.count(venue, now_ns)
    return allowed


def test_so_many_a_second_pass_and_the_next_is_denied() -> None:
    known = rates()
    assert [passes(known, START + nanosecond) for nanosecond in range(5)] == [True, True, True, False, False]


def test_the_place_of_a_message_is_free_exactly_a_second_later() -> None:
    known = rates(per_s=1)
    assert passes(known, START)
    assert not passes(known, START + SECOND_NS - 1)
    assert passes(known, START + SECOND_NS)
    assert not passes(known, START + 2 * SECOND_NS - 1)


def test_a_denied_message_takes_no_place() -> None:
    known = rates(per_s=1)
    assert passes(known, START)
    for nanosecond in range(1, 100):
        assert not passes(known, START + nanosecond)
    assert passes(known, START + SECOND_NS)


def test_the_day_has_its_own_limit_and_begins_anew_at_midnight() -> None:
    known = rates(per_day=2)
    assert [passes(known, START + hour * 3_600 * SECOND_NS) for hour in range(3)] == [True, True, False]
    assert not passes(known, START + DAY_NS - 1)
    assert passes(known, START + DAY_NS)
    assert known.left_today("US", START + DAY_NS) == 1


def test_venues_are_counted_apart() -> None:
    known = rates(per_s=1)
    assert passes(known, START, "US")
    assert passes(known, START, "BINANCE")
    assert not passes(known, START, "US")


def test_cancels_are_counted() -> None:
    known = rates()
    known.count("US", START, messages=3)
    assert not passes(known, START)
    assert passes(known, START + SECOND_NS)
    assert known.left_today("US", START + SECOND_NS) == 1


def test_a_storm_of_cancels_leaves_no_room_and_no_debt() -> None:
    known = rates(per_day=1_000_000)
    for _ in range(10):
        known.count("US", START, messages=50_000)
    assert not passes(known, START + SECOND_NS - 1)
    assert passes(known, START + SECOND_NS)


def test_what_the_log_says_of_today_counts_and_of_yesterday_does_not() -> None:
    known = rates(per_day=5)
    known.restore("US", day=START // DAY_NS, count=5)
    known.restore("BINANCE", day=START // DAY_NS - 1, count=5)
    assert not passes(known, START)
    assert passes(known, START, "BINANCE")


def test_a_denial_names_both_counts_and_both_limits() -> None:
    known = rates()
    known.count("US", START, messages=3)
    verdict = known.ask("US", START)
    assert (verdict.observed, verdict.limit) == ("3 in the last second, 3 today at US", "3 a second, 5 a day")


HOUR_NS = 3_600 * SECOND_NS


def test_a_clock_set_back_over_midnight_does_not_begin_the_day_anew() -> None:
    known = rates(per_day=3)
    assert [passes(known, START + offset) for offset in (0, 1, -HOUR_NS, -HOUR_NS + 1, HOUR_NS)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert known.left_today("US", START - HOUR_NS) == known.left_today("US", START) == 0
    assert passes(known, START + DAY_NS)


def test_a_clock_set_back_blocks_a_second_and_not_the_hour() -> None:
    known = rates(per_s=2, per_day=100)
    assert passes(known, START)
    assert passes(known, START)
    back = START - HOUR_NS
    assert not passes(known, back)
    assert known.left_now("US", back) == 0
    assert not passes(known, back + SECOND_NS - 1)
    assert passes(known, back + SECOND_NS)


def test_what_the_log_says_of_a_later_day_counts_until_that_day_is_over() -> None:
    known = rates(per_day=5)
    known.restore("US", day=START // DAY_NS, count=5)
    assert not passes(known, START - HOUR_NS)
    assert not passes(known, START)
    assert passes(known, START + DAY_NS)


@given(
    steps=st.lists(st.integers(-2 * HOUR_NS, 2 * HOUR_NS), max_size=60),
    start=st.integers(-3 * HOUR_NS, 3 * HOUR_NS),
)
def test_whatever_the_clock_does_no_day_takes_more_than_its_limit(steps: list[int], start: int) -> None:
    known, now, newest = rates(per_day=5), START + start, 0
    sent: dict[int, int] = {}
    for step in steps:
        now += step
        newest = max(newest, now // DAY_NS)
        if passes(known, now):
            sent[newest] = sent.get(newest, 0) + 1
    assert all(count <= 5 for count in sent.values())
