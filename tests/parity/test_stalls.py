"""When a run in real time may be tried again, and that no number of stalls excuses what differs in every try."""

from __future__ import annotations

import pytest

from tests.parity.stalls import DISTANCE_MS, TRIES_MAX, Stalls, undisturbed

HELD_UP, QUIET = DISTANCE_MS, DISTANCE_MS - 1
REAL = "the engine's"
NOISE = [f"a stall's {number}" for number in range(TRIES_MAX)]


def tried(tries: list[tuple[float, list[str]]]) -> tuple[int, list[str]]:
    """Return which run is taken and what differs in it. `tries`: how long each was held up, what differed in it."""

    def run(number: int, stalls: Stalls) -> tuple[int, list[str]]:
        stalls.worst_ms, differences = tries[number]
        return number, differences

    return undisturbed(run, differs=lambda made: made[1])


@pytest.mark.parametrize(
    ("tries", "taken"),
    [
        ([(QUIET, [])], (0, [])),
        ([(HELD_UP, [])], (0, [])),
        ([(QUIET, [REAL])], (0, [REAL])),
        ([(HELD_UP, [REAL]), (HELD_UP, [])], (1, [])),
        ([(HELD_UP, [NOISE[0]]), (QUIET, [REAL])], (1, [REAL])),
        ([(HELD_UP, [REAL])] * TRIES_MAX, (TRIES_MAX - 1, [REAL])),
        ([(HELD_UP, [REAL, noise]) for noise in NOISE], (TRIES_MAX - 1, [REAL, NOISE[-1]])),
    ],
    ids=[
        "the same, undisturbed", "the same in spite of a stall", "differs undisturbed", "the same at the second try",
        "differs undisturbed at the second try", "differs in the same way in every try", "and in other ways besides",
    ],
)  # fmt: skip
def test_the_run_that_counts(tries: list[tuple[float, list[str]]], taken: tuple[int, list[str]]) -> None:
    assert tried(tries) == taken


def test_only_where_every_try_was_held_up_and_differs_in_its_own_way_nothing_can_be_said() -> None:
    with pytest.raises(pytest.skip.Exception, match="held every run up"):
        tried([(HELD_UP, [noise]) for noise in NOISE])
