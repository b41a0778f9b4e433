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


def test_what_was_counted_on_days_before_is_not_of_today() -> None:
    known = rates(per_day=3)
    known.count("US", START, messages=2)
    assert known.left_today("US", START) == 1
    assert known.left_today("US", START + DAY_NS) == 3
    assert known.ask("US", START + DAY_NS).outcome is Outcome.ALLOW
    assert known.left_today("BINANCE", START) == 3
    assert rates(per_day=1).left_today("US", 0) == 1


def test_the_first_day_of_all_counts_from_nothing() -> None:
    known = rates(per_s=9, per_day=2)
    assert [passes(known, nanosecond) for nanosecond in range(3)] == [True, True, False]


def test_a_denial_by_the_second_on_a_new_day_says_that_nothing_was_sent_on_it() -> None:
    known = rates(per_s=1, per_day=9)
    assert passes(known, START + DAY_NS - 1)
    assert known.ask("US", START + DAY_NS).observed == "1 in the last second, 0 today at US"


def test_what_the_second_has_left_is_told_down_to_nothing() -> None:
    known = rates(per_s=3, per_day=99)
    assert known.left_now("US", START) == 3
    known.count("US", START, messages=2)
    assert known.left_now("US", START) == 1
    known.count("US", START, messages=2)
    assert known.left_now("US", START) == 0
    assert known.left_now("US", START + SECOND_NS) == 3


def test_a_message_counted_late_is_counted_though_the_clock_went_back_before_it() -> None:
    known = rates(per_s=2, per_day=99)
    known.count("US", START)
    known.count("US", START - HOUR_NS)
    assert not passes(known, START - HOUR_NS + SECOND_NS - 1)
    assert passes(known, START - HOUR_NS + SECOND_NS)
    assert known.left_now("US", START - HOUR_NS + SECOND_NS) == 1


def test_two_cancels_at_once_take_two_places() -> None:
    known = rates(per_s=3, per_day=99)
    known.count("US", START, messages=2)
    assert [passes(known, START + 1), passes(known, START + 1)] == [True, False]


def test_a_message_at_the_instant_of_the_last_one_does_not_make_the_others_younger() -> None:
    known = rates(per_s=3, per_day=99)
    known.count("US", START)
    known.count("US", START + SECOND_NS // 2)
    assert known.left_now("US", START + SECOND_NS // 2) == 1
    assert known.left_now("US", START + SECOND_NS) == 2  # the first is a second ago, the second is not
    assert known.left_now("US", START + SECOND_NS + SECOND_NS // 2) == 3


def test_the_second_day_of_all_begins_from_nothing_too() -> None:
    known = rates(per_s=9, per_day=1)
    assert [passes(known, instant) for instant in (0, 1, DAY_NS, DAY_NS + 1)] == [True, False, True, False]


def test_of_a_storm_of_cancels_the_newest_are_remembered_and_no_more_than_twice_the_greatest_limit() -> None:
    known = rates(per_s=3, per_day=10**9)
    for offset in (0, SECOND_NS // 2):
        for _ in range(4):
            known.count("US", START + offset, messages=10_000)
    assert known.ask("US", START + SECOND_NS // 2).observed.startswith("20000 in the last second")
    assert not passes(known, START + SECOND_NS)
    assert passes(known, START + SECOND_NS + SECOND_NS // 2)
