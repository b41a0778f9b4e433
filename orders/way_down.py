"""What happens to a promoted bundle without a person: one step of capital down, from the lowest a pause; never anything up. Pure.

A halt, a loss limit or a failed gate asks for it. Each is answered once: by the lines of the log that came after it.
"""

from __future__ import annotations

from typing import Final

from orders.promotion import Action, Move, Standing, State
from orders.values import Record

HALTED: Final = "HALTED"
LOSS_LIMIT: Final = "LOSS_LIMIT"
GATE_FAILED: Final = "GATE_FAILED"


class Asked(Record, frozen=True, kw_only=True):
    """What asks for a step down: its code, and in words what was seen. `at`: the line of the log it was seen at."""

    code: str
    reason: str
    at: int


def way_down(standing: Standing) -> Move | None:
    """Return the move that leaves a bundle less than it has; None where it stands at its lowest step and is paused."""
    if standing.step > 0:
        action, state, step = Action.STEP_DOWN, State.CANARY, standing.step - 1
    elif not standing.paused:
        action, state, step = Action.PAUSE, standing.state, standing.step
    else:
        return None
    return Move(bundle_sha256=standing.bundle_sha256, action=action, to_state=state, to_step=step, steps=standing.steps)


def unanswered(standing: Standing, *, asked: tuple[Asked, ...]) -> Asked | None:
    """Return the first thing that came after the last move of the bundle, whoever made it; None: all of it was answered."""
    later = [one for one in asked if one.at > standing.line]
    return min(later, key=lambda one: one.at, default=None)
