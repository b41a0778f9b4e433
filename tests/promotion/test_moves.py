"""Which moves of a bundle are possible, what they change, and whose word each takes."""

from decimal import Decimal

import pytest

from orders.promotion import STEPS_MAX, Action, Move, Promotions, State, move_problem, parse_steps, persons_needed
from tests.promotion.made import (
    CANARY,
    CANDIDATE,
    LIVE,
    RETIRED,
    SECOND,
    SHADOW,
    START_NS,
    TO_LIVE,
    UP_1,
    UP_2,
    A,
    B,
    C,
    move,
    of,
    pause,
    promoted,
    resume,
)

CAN, LIV = State.CANARY, State.LIVE
BACK_LIVE = move(Action.ROLLBACK, LIV, 3)
BACK_LOW = move(Action.ROLLBACK, CAN, 0)
REPLACED = (*TO_LIVE, *of(B, CANDIDATE, SHADOW, CANARY))  # A was live, B is in canary


@pytest.mark.parametrize(
    ("before", "wanted", "state", "step", "fraction"),
    [
        ((), CANDIDATE, State.CANDIDATE, 0, "0"),
        ((CANDIDATE,), SHADOW, State.SHADOW, 0, "0"),
        ((CANDIDATE, SHADOW), CANARY, CAN, 0, "0.01"),
        ((CANDIDATE, SHADOW, CANARY), UP_1, CAN, 1, "0.05"),
        ((CANDIDATE, SHADOW, CANARY, UP_1, UP_2), LIVE, LIV, 3, "1"),
        (TO_LIVE, move(Action.STEP_DOWN, CAN, 2), CAN, 2, "0.25"),
        (TO_LIVE, move(Action.STEP_DOWN, CAN, 0), CAN, 0, "0.01"),
        (TO_LIVE, pause(LIV, 3), LIV, 3, "0"),
        ((*TO_LIVE, pause(LIV, 3)), resume(LIV, 3), LIV, 3, "1"),
        ((*TO_LIVE, pause(LIV, 3)), move(Action.STEP_DOWN, CAN, 1), CAN, 1, "0"),
        (TO_LIVE, RETIRED, State.RETIRED, 0, "0"),
        ((CANDIDATE, RETIRED), CANDIDATE, State.CANDIDATE, 0, "0"),
        (REPLACED, BACK_LIVE, LIV, 3, "1"),
        (REPLACED, BACK_LOW, CAN, 0, "0.01"),
        ((*REPLACED, *of(B, RETIRED)), BACK_LIVE, LIV, 3, "1"),
        ((*TO_LIVE, pause(LIV, 3), *of(B, CANDIDATE, SHADOW, CANARY)), BACK_LIVE, LIV, 3, "0"),
    ],
    ids=[
        "a candidate", "into the shadow", "canary at the first step", "a step up", "live at the last", "a step down from live",
        "several steps down at once", "a pause takes all capital", "resumed as it was", "a step down keeps the pause",
        "retired", "a retired one begins anew", "rolled back as it was", "rolled back to less", "rolled back from nothing",
        "a pause survives a rollback",
    ],
)  # fmt: skip
def test_a_possible_move_leads_where_it_says(before, wanted, state, step, fraction):
    standing = promoted(*before, wanted).promotions.standing(wanted.bundle_sha256)
    assert standing is not None
    assert (standing.state, standing.step, str(standing.fraction)) == (state, step, fraction)


@pytest.mark.parametrize(
    ("before", "wanted", "why"),
    [
        ((), SHADOW, "only a candidate comes here first"),
        ((), RETIRED, "only a candidate comes here first"),
        ((CANDIDATE,), CANDIDATE, "candidate already"),
        ((CANDIDATE,), CANARY, "canary is entered from shadow"),
        ((CANDIDATE, SHADOW), LIVE, "live is entered from canary"),
        ((CANDIDATE, SHADOW, CANARY), LIVE, "live is entered from step 2"),
        ((CANDIDATE, SHADOW, CANARY), CANARY, "it is canary"),
        ((CANDIDATE, SHADOW, CANARY), UP_2, "comes to step 1, not 2"),
        ((CANDIDATE, SHADOW, CANARY, UP_1, UP_2), move(Action.STEP_UP, CAN, 3), "a step up is within canary"),
        ((CANDIDATE, SHADOW), UP_1, "a step up is within canary"),
        (TO_LIVE, UP_1, "a step up is within canary"),
        ((CANDIDATE, SHADOW, CANARY), move(Action.STEP_UP, LIV, 1), "it is canary afterwards"),
        ((CANDIDATE, SHADOW, CANARY), move(Action.STEP_DOWN, CAN, 0), "to a lower step"),
        (TO_LIVE, move(Action.STEP_DOWN, CAN, 3), "to a lower step"),
        (TO_LIVE, move(Action.STEP_DOWN, CAN, -1), "to a lower step"),
        (TO_LIVE, move(Action.STEP_DOWN, LIV, 2), "it is canary afterwards"),
        ((CANDIDATE, SHADOW, CANARY, pause(CAN, 0)), UP_1, "it is paused: a test"),
        ((CANDIDATE, pause(State.CANDIDATE, 0)), SHADOW, "it is paused: a test"),
        ((CANDIDATE, SHADOW, CANARY, pause(CAN, 0)), pause(CAN, 0), "paused already"),
        ((CANDIDATE, SHADOW, CANARY), resume(CAN, 0), "not paused"),
        ((CANDIDATE, SHADOW, CANARY, pause(CAN, 0)), resume(CAN, 1), "comes to step 0, not 1"),
        ((CANDIDATE, RETIRED), pause(State.RETIRED, 0), "it is retired"),
        ((CANDIDATE, RETIRED), RETIRED, "retired already"),
        ((CANDIDATE, RETIRED), SHADOW, "shadow is entered from candidate"),
        ((), pause(State.CANDIDATE, 0), "never promoted here"),
        (TO_LIVE, BACK_LIVE, "nothing to go back to"),
        (REPLACED, move(Action.ROLLBACK, LIV, 3, of=B), "a rollback goes to aaaa"),
        (REPLACED, move(Action.ROLLBACK, LIV, 2), "at a lower step"),
        ((*REPLACED, BACK_LOW), move(Action.ROLLBACK, CAN, 0, of=B), "nothing to go back to"),
        (REPLACED, CANDIDATE, "what a rollback brings back"),
        (TO_LIVE, move(Action.STEP_DOWN, CAN, 0, steps=(Decimal("0.5"), Decimal(1))), "its steps are"),
        ((), move(Action.PROMOTE, State.CANDIDATE, 0, steps=(Decimal("0.5"), Decimal("0.9"))), "ascending to 1"),
        ((), move(Action.PROMOTE, State.CANDIDATE, 0, steps=(Decimal(0), Decimal(1))), "fractions above 0"),
        ((), move(Action.PROMOTE, State.CANDIDATE, 0, steps=(Decimal("0.5"), Decimal("0.2"), Decimal(1))), "ascending"),
        ((), move(Action.PROMOTE, State.CANDIDATE, 0, steps=(Decimal(1),)), "2 to"),
    ],
    ids=[
        "no state before candidate", "nothing to retire", "a candidate twice", "canary without the shadow",
        "live without canary", "live from a low step", "canary twice", "two steps at once", "a step up beyond canary",
        "a step up in the shadow", "a step up in live", "a step up into live", "a step down to where it is", "live to itself",
        "below the first step", "a lower step that is still live", "up while paused", "promoted while paused", "paused twice",
        "resumed without a pause", "resumed to more", "a pause of what is retired", "retired twice", "the shadow after an end",
        "a pause of what is not known", "a rollback without previous", "a rollback to another", "a rollback to a live of less",
        "a rollback twice", "previous begun anew", "other steps on the way down", "steps that end below 1", "a step of nothing",
        "steps that fall", "one step",
    ],
)  # fmt: skip
def test_an_impossible_move_says_why(before, wanted, why):
    assert why in promoted(*before).promotions.problem(wanted)


def test_whoever_enters_canary_retires_the_current_one_which_a_rollback_brings_back():
    promotions = promoted(*REPLACED).promotions
    assert promotions.current is not None
    assert (promotions.current.bundle_sha256, promotions.previous) == (B, A)
    assert promotions.standings[A].state is State.RETIRED
    had = promotions.previous_had
    assert had is not None
    assert (had.state, had.step, had.fraction) == (LIV, 3, 1)


def test_a_rollback_retires_the_current_one_and_leaves_nothing_to_go_back_to():
    promotions = promoted(*REPLACED, BACK_LIVE).promotions
    assert promotions.standings[B].state is State.RETIRED
    assert (promotions.current, promotions.previous) == (promotions.standings[A], None)


def test_a_third_in_canary_makes_the_second_previous():
    assert promoted(*REPLACED, *of(C, CANDIDATE, SHADOW, CANARY)).promotions.previous == B


@pytest.mark.parametrize(
    ("before", "wanted", "persons"),
    [
        ((), CANDIDATE, 1),
        ((CANDIDATE,), SHADOW, 1),
        ((CANDIDATE, SHADOW), CANARY, 2),
        ((*TO_LIVE, *of(B, CANDIDATE, SHADOW)), of(B, CANARY)[0], 2),
        ((CANDIDATE, SHADOW, CANARY), UP_1, 2),
        (TO_LIVE[:-1], LIVE, 2),
        (TO_LIVE, move(Action.STEP_DOWN, CAN, 1), 0),
        (TO_LIVE, pause(LIV, 3), 0),
        (TO_LIVE, RETIRED, 0),
        ((CANDIDATE,), RETIRED, 0),
        ((*TO_LIVE, pause(LIV, 3)), resume(LIV, 3), 2),
        ((CANDIDATE, pause(State.CANDIDATE, 0)), resume(State.CANDIDATE, 0), 1),
        (REPLACED, BACK_LIVE, 2),
        (REPLACED, BACK_LOW, 0),
        ((*REPLACED, pause(CAN, 0, bundle=B)), BACK_LOW, 2),
        ((*REPLACED, *of(B, RETIRED)), BACK_LOW, 2),
    ],
    ids=[
        "candidate", "shadow", "canary", "canary that trades less than what it replaces", "step up", "live", "step down", "pause",
        "retire", "retire a candidate", "resume with capital", "resume without", "rollback to more", "rollback to no more",
        "rollback from a pause", "rollback from nothing",
    ],
)  # fmt: skip
def test_two_persons_raise_capital_and_one_word_lowers_it(before, wanted, persons):
    assert persons_needed(promoted(*before).promotions.change(wanted)) == persons


def test_a_pause_keeps_the_time_in_the_state_and_a_resume_begins_it_anew():
    moves = (CANDIDATE, SHADOW, CANARY, pause(CAN, 0))
    paused = promoted(*moves).promotions.standings[A]
    resumed = promoted(*moves, resume(CAN, 0)).promotions.standings[A]
    assert (paused.since_ns, resumed.since_ns) == (START_NS + 3 * SECOND, START_NS + 5 * SECOND)


@pytest.mark.parametrize("texts", [("0.10", "1"), (".1", "1"), ("1e-2", "1"), ("0.5", "1.0"), ("x",), ("-0.1", "1")])
def test_a_fraction_has_one_spelling(texts):
    with pytest.raises(ValueError, match="a fraction such as"):
        parse_steps(texts)


def test_as_many_steps_as_are_bounded_may_be_and_one_more_not():
    many = tuple(Decimal(n) / STEPS_MAX for n in range(1, STEPS_MAX + 1))
    assert Promotions().problem(move(Action.PROMOTE, State.CANDIDATE, 0, steps=many)) == ""
    more = tuple(Decimal(n) / (STEPS_MAX + 1) for n in range(1, STEPS_MAX + 2))
    wanted = Move(bundle_sha256=A, action=Action.PROMOTE, to_state=State.CANDIDATE, to_step=0, steps=more)
    assert "steps are 2 to" in move_problem(wanted, before=None, had=None)
