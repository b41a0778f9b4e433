"""A supervised stream: silence, loss, back-off, and what it says of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ccxt_public.world import WAIT_S_MAX
from venues.ccxt.client_noise import is_client_noise
from venues.ccxt.streams import BACKOFF_FIRST_S, BACKOFF_MAX_S, Stream, StreamEvent, backoff_s


class Watched:
    """A venue client's watch, made of steps: values returned, exceptions raised, seconds slept, and then silence."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.calls = 0

    async def __call__(self) -> Any:
        self.calls += 1
        step = self.steps.pop(0) if self.steps else 60.0
        if isinstance(step, float):
            await asyncio.sleep(step)
            return "late"
        if isinstance(step, BaseException):
            raise step
        return step


def run_stream(
    watch: Watched,
    *,
    until: Callable[[list[Any], list[Any]], bool],
    quiet: Any = None,
    handle: Callable[[Any], None] | None = None,
):
    """Run a stream until its events and what it handled are as expected, or until it fails."""
    events: list[StreamEvent] = []
    handled: list[Any] = []
    resets: list[str] = []
    recovered: list[int] = []

    async def take(value: Any) -> None:
        handled.append(value)
        if handle is not None:
            handle(value)

    async def recover() -> None:
        recovered.append(watch.calls)

    async def whole() -> None:
        stream = Stream(
            name="quotes X",
            watch=watch,
            handle=take,
            reset=resets.append,
            recover=recover,
            quiet=quiet,
            stale_ms=100,
            now_ns=time.time_ns,
            jitter=lambda: 0.0,
            report=events.append,
        )
        running = asyncio.create_task(stream.run())
        async with asyncio.timeout(WAIT_S_MAX):
            while not until(events, handled) and not running.done():
                await asyncio.sleep(0.005)
        if running.done():
            running.result()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(whole())
    return events, handled, resets, recovered


def test_silence_is_told_once_with_its_length_and_so_is_the_way_back():
    events, handled, resets, _ = run_stream(Watched("a", 60.0, 60.0, "b"), until=lambda events, handled: "b" in handled)
    codes = [event.code for event in events[:2]]
    assert codes == ["STREAM_STALE", "STREAM_BACK"]
    assert events[0].outage_ns is not None
    assert events[0].outage_ns >= 100_000_000
    assert "after" in events[1].message
    assert "2 tries" in events[1].message
    assert handled[:2] == ["a", "b"]
    assert len(resets) >= 2


@pytest.mark.parametrize("error", [ConnectionError("cut"), KeyError("x"), RuntimeError("y"), asyncio.CancelledError()], ids=repr)
def test_whatever_the_client_raises_is_a_lost_stream_that_is_subscribed_again(error):
    events, handled, _, recovered = run_stream(Watched("a", error, "b"), until=lambda events, handled: "b" in handled)
    assert [event.code for event in events[:2]] == ["STREAM_LOST", "STREAM_BACK"]
    assert handled == ["a", "b"]
    assert recovered[0] == 2


def test_a_mistake_of_ours_is_not_taken_for_a_lost_stream():
    def broken(value: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_stream(Watched("a"), until=lambda events, handled: False, handle=broken)


@pytest.mark.parametrize(("answer", "codes"), [(True, []), (False, ["STREAM_STALE"]), (None, ["STREAM_STALE"])], ids=repr)
def test_only_a_venue_that_says_nothing_happened_makes_silence_quiet(answer, codes):
    async def quiet() -> bool | None:
        asked.append(answer)
        return answer

    asked: list[bool | None] = []
    events, _, _, _ = run_stream(Watched("a"), until=lambda events, handled: bool(events) or len(asked) > 2, quiet=quiet)
    assert asked
    assert [event.code for event in events] == codes


def test_a_stream_ends_when_it_is_cancelled():
    async def whole() -> None:
        async def nothing(value: Any) -> None:
            return

        stream = Stream(
            name="x",
            watch=Watched(),
            handle=nothing,
            reset=lambda why: None,
            recover=None,
            quiet=None,
            stale_ms=10_000,
            now_ns=time.time_ns,
            jitter=lambda: 0.5,
            report=lambda event: None,
        )
        task = asyncio.create_task(stream.run())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(whole())


@given(attempt=st.integers(min_value=1, max_value=10_000), jitter=st.floats(min_value=0, max_value=1))
def test_back_off_is_bounded_and_never_below_half_the_first(attempt, jitter):
    assert BACKOFF_FIRST_S / 2 <= backoff_s(attempt, jitter=jitter) <= BACKOFF_MAX_S


def test_back_off_doubles():
    assert [backoff_s(attempt, jitter=1.0) for attempt in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]


def raised(work: Callable[[], Any]) -> BaseException:
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError


def test_an_exception_with_a_frame_of_ours_is_no_noise_of_the_client():
    assert not is_client_noise({"exception": raised(lambda: int("x"))})


def test_an_exception_of_the_client_s_own_kind_without_a_frame_is_noise():
    from ccxt.base.errors import NetworkError

    assert is_client_noise({"exception": NetworkError("gone")})
    assert not is_client_noise({"exception": ValueError("whose?")})
    assert not is_client_noise({"message": "no exception at all"})


def test_an_exception_inside_the_client_library_is_noise():
    import ccxt

    error = raised(lambda: ccxt.Exchange.parse_timeframe("nonsense"))
    error.__traceback__ = error.__traceback__.tb_next.tb_next if error.__traceback__ is not None else None
    assert error.__traceback__ is not None
    assert is_client_noise({"exception": error})
