"""A drill passes only where everything that a halt promises was seen; each thing that was not is named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from orders.halt_drill import HaltFigures, drill_problems

SOUND = HaltFigures(
    hung=False, engine="answered", worked=2, left=0, late=0, blocked_ms=200, cancel_ms=300, flat_ms=400, confirmed_ms=7_000,
    unconfirmed="", record_problem="",
)  # fmt: skip


def test_a_sound_drill_has_no_problem() -> None:
    assert drill_problems(SOUND, bound_ms=None) == ()
    assert drill_problems(replace(SOUND, hung=True, engine="killed"), bound_ms=7_000) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"worked": 0, "cancel_ms": None}, "nothing was shown"),
        ({"blocked_ms": None}, "the permission to send was not removed"),
        ({"engine": "killed"}, "the engine was to be answered, was killed"),
        ({"hung": True}, "the engine was to be killed, was answered"),
        ({"engine": ""}, "was not heard of"),
        ({"engine": "absent"}, "was absent"),
        ({"late": 1}, "1 orders reached the venue after the block"),
        ({"left": 3}, "3 orders still work at the venue"),
        ({"left": None}, "the venue did not say what it has"),
        ({"late": None}, "the venue did not say what it has"),
        ({"flat_ms": None}, "never seen without working orders"),
        ({"cancel_ms": None}, "no cancel reached the venue"),
        ({"confirmed_ms": None}, "NOT confirmed: no word of it"),
        ({"confirmed_ms": None, "unconfirmed": "BINANCE: NOT confirmed"}, "NOT confirmed: BINANCE"),
        ({"confirmed_ms": 8_001}, "confirmed after 8001 ms, at most 8000 ms were given"),
        ({"record_problem": "the record does not verify"}, "the record does not verify"),
    ],
    ids=lambda value: " ".join(f"{key}={each}" for key, each in value.items()) if isinstance(value, dict) else "",
)
def test_each_thing_that_was_not_seen_fails_it_and_is_named(change: dict[str, Any], words: str) -> None:
    (problem,) = drill_problems(replace(SOUND, **change), bound_ms=8_000)
    assert words in problem


def test_a_bound_that_is_just_kept_is_kept() -> None:
    assert drill_problems(replace(SOUND, confirmed_ms=8_000), bound_ms=8_000) == ()
