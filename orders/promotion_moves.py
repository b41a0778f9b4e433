"""Which moves of a bundle are possible: one state at a time up, any way down. Pure; the words are for a person."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Final

from orders.promotion_values import STEPS_MAX, WITH_CAPITAL, Action, Move, Standing, State

ORDER: Final = (State.CANDIDATE, State.SHADOW, State.CANARY, State.LIVE)


def move_problem(move: Move, *, before: Standing | None, had: Standing | None) -> str:
    """Return why a move is not possible, in words; "" where it is.

    `before`: where its bundle stands, None: never promoted here; `had`: what a rollback brings back, as it was.
    """
    if problem := steps_problem(move.steps):
        return problem
    match move.action:
        case Action.PROMOTE:
            return _promote_problem(move, before=before, had=had)
        case Action.ROLLBACK:
            return _rollback_problem(move, had)
        case _:
            return _own_problem(move, before)


def steps_problem(steps: tuple[Decimal, ...]) -> str:
    """Return what is wrong with steps of capital, in words; "" where nothing is."""
    ascending = all(low < high for low, high in pairwise(steps))
    if not 2 <= len(steps) <= STEPS_MAX or not ascending or steps[0] <= 0 or steps[-1] != 1:
        return f"steps are 2 to {STEPS_MAX} fractions above 0, ascending to 1, not {', '.join(map(str, steps)) or 'none'}"
    return ""


def _promote_problem(move: Move, *, before: Standing | None, had: Standing | None) -> str:
    state, to = (None if before is None else before.state), move.to_state
    if to is State.CANDIDATE:
        if state not in (None, State.RETIRED):
            return f"it is {state} already"
        if had is not None and had.bundle_sha256 == move.bundle_sha256:
            return "it is what a rollback brings back"
        return _step_problem(move, 0)
    if before is None:
        return f"only a candidate comes here first, not {to}"
    if to is State.RETIRED:
        return "it is retired already" if state is State.RETIRED else _step_problem(move, 0) or _steps_kept(move, before)
    wanted = ORDER[ORDER.index(to) - 1]
    if state is not wanted:
        return f"{to} is entered from {wanted}, and it is {state}"
    if before.paused:
        return f"it is paused: {before.paused}"
    if to is not State.LIVE:
        return _step_problem(move, 0)
    last = len(before.steps) - 2
    if before.step != last:
        return f"live is entered from step {last} of canary, and it is at step {before.step}"
    return _step_problem(move, last + 1) or _steps_kept(move, before)


def _rollback_problem(move: Move, had: Standing | None) -> str:
    if had is None:
        return "there is nothing to go back to"
    if move.bundle_sha256 != had.bundle_sha256:
        return f"a rollback goes to {had.bundle_sha256[:16]}, not to {move.bundle_sha256[:16]}"
    as_it_was = move.to_state is had.state and move.to_step == had.step
    lower = move.to_state is State.CANARY and 0 <= move.to_step < had.step
    if not as_it_was and not lower:
        return f"it was {had.state} at step {had.step}, and comes back there or at a lower step"
    return _steps_kept(move, had)


def _own_problem(move: Move, before: Standing | None) -> str:
    """Of a move that leaves every other bundle where it is."""
    if before is None:
        return "it was never promoted here"
    match move.action:
        case Action.STEP_UP:
            last = len(before.steps) - 2
            if before.state is not State.CANARY or before.step >= last:
                return f"a step up is within canary, to step {last} at most, and it is {before.state} at step {before.step}"
            if before.paused:
                return f"it is paused: {before.paused}"
            wrong = _step_problem(move, before.step + 1) or _state_problem(move, State.CANARY)
        case Action.STEP_DOWN:
            if before.state not in WITH_CAPITAL or not 0 <= move.to_step < before.step:
                return f"a step down is to a lower step, and it is {before.state} at step {before.step}"
            wrong = _state_problem(move, State.CANARY)
        case _:
            wrong = _pause_problem(move, before)
    return wrong or _steps_kept(move, before)


def _pause_problem(move: Move, before: Standing) -> str:
    if before.state is State.RETIRED:
        return "it is retired"
    if move.action is Action.PAUSE and before.paused:
        return f"it is paused already: {before.paused}"
    if move.action is Action.RESUME and not before.paused:
        return "it is not paused"
    return _step_problem(move, before.step) or _state_problem(move, before.state)


def _step_problem(move: Move, step: int) -> str:
    return "" if move.to_step == step else f"it comes to step {step}, not {move.to_step}"


def _state_problem(move: Move, state: State) -> str:
    return "" if move.to_state is state else f"it is {state} afterwards, not {move.to_state}"


def _steps_kept(move: Move, before: Standing) -> str:
    if move.steps == before.steps:
        return ""
    return f"its steps are {', '.join(map(str, before.steps))} since it was promoted, not {', '.join(map(str, move.steps))}"
