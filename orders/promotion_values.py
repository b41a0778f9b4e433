"""Values of a promotion: states, actions, where a bundle stands, one move of it and what that changes."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.values import Record

STEPS: Final = (Decimal("0.01"), Decimal("0.05"), Decimal("0.25"), Decimal(1))
STEPS_MAX: Final = 20
ENGINE: Final = "engine"  # who does what happens without a person
RAISING: Final = 2  # persons who must sign where live capital grows
FIRST_FOLLOWS: Final = "0" * 64  # what the first promotion of a log follows


class State(StrEnum):
    """Where a bundle stands. Orders leave for a venue in CANARY and LIVE alone."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    RETIRED = "retired"


WITH_CAPITAL: Final = frozenset({State.CANARY, State.LIVE})
STEPS_CHOSEN: Final = frozenset({State.CANDIDATE, State.SHADOW, State.CANARY})  # by a promotion to one of these


class Action(StrEnum):
    """What is done with a bundle."""

    PROMOTE = "promote"
    STEP_UP = "step_up"
    STEP_DOWN = "step_down"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"


class Standing(Record, frozen=True, kw_only=True):
    """Where one bundle stands.

    `step`: its index into `steps`, 0 but in canary and live. `fraction`: of equity that may trade, 0 to 1; 0 while paused and in
    any state but canary and live. `since_ns`: when it came to this state and step, or was resumed. `line`: of the log, its
    last. `paused`: why, "" where it is not.
    """

    bundle_sha256: str
    state: State
    step: int
    steps: tuple[Decimal, ...]
    fraction: Decimal
    since_ns: int
    line: int
    paused: str


class Move(Record, frozen=True, kw_only=True):
    """What is asked for, of one bundle. A rollback's bundle is the one that comes back."""

    bundle_sha256: str
    action: Action
    to_state: State
    to_step: int
    steps: tuple[Decimal, ...]


class Change(Record, frozen=True, kw_only=True):
    """What a move makes of it. `before` None: never promoted here. `retired`: the bundle that makes room for it.

    `previous`: what a rollback brings back afterwards, as it was. `live_before`, `live_after`: fraction of equity that may trade.
    """

    action: Action
    before: Standing | None
    after: Standing
    retired: str | None
    previous: Standing | None
    live_before: Decimal
    live_after: Decimal


def fraction_of(state: State, *, step: int, steps: tuple[Decimal, ...], paused: str = "") -> Decimal:
    """Return the fraction of equity that may trade, 0 to 1."""
    return steps[step] if state in WITH_CAPITAL and not paused else Decimal(0)


def step_of(state: State, *, steps: tuple[Decimal, ...]) -> int:
    """Return the step at which a promotion enters a state."""
    return len(steps) - 1 if state is State.LIVE else 0


def persons_needed(change: Change) -> int:
    """Return how many persons must sign: 2 where live capital grows, 0 where a move only reduces, else 1."""
    entered = change.after.state if change.action is Action.PROMOTE else None
    if change.live_after > change.live_before or entered in WITH_CAPITAL:
        return RAISING
    return 1 if change.action is Action.RESUME or entered in (State.CANDIDATE, State.SHADOW) else 0


def is_risk_reducing(change: Change) -> bool:
    """Whether a move only takes away: it needs no gate and no signature."""
    return persons_needed(change) == 0


def gated_move(action: str, to_state: str) -> str:
    """Return the name gates have for a move (`orders.gates.MOVES`): of a step up that, of a promotion the state."""
    return Action.STEP_UP.value if action == Action.STEP_UP else State(to_state).value


def evidence_needed(change: Change) -> bool:
    """Whether gates are judged for it: of every promotion beyond candidate, and of a step up."""
    gated = (State.SHADOW, State.CANARY, State.LIVE)
    return change.action is Action.STEP_UP or (change.action is Action.PROMOTE and change.after.state in gated)
