"""Bundles, moves and lines of promotions to test with: real lines, folded by the real fold."""

from decimal import Decimal
from typing import Any

from lakehouse.promotion_lines import promotion_line
from lakehouse.rebuild import LogFold
from lakehouse.records import PromotionLine
from orders.promotion import STEPS, Action, Move, Promotions, State, evidence_needed, persons_needed

A, B, C = "a" * 64, "b" * 64, "c" * 64
EVIDENCE, GATES, STATEMENT = "1" * 64, "2" * 64, "3" * 64
SECOND = 1_000_000_000
START_NS = 1_767_693_600 * SECOND
ANN, BOB = "ann", "bob"


def move(action: Action, to: State, step: int, *, of: str = A, steps: tuple[Decimal, ...] = STEPS) -> Move:
    return Move(bundle_sha256=of, action=action, to_state=to, to_step=step, steps=steps)


CANDIDATE = move(Action.PROMOTE, State.CANDIDATE, 0)
SHADOW = move(Action.PROMOTE, State.SHADOW, 0)
CANARY = move(Action.PROMOTE, State.CANARY, 0)
LIVE = move(Action.PROMOTE, State.LIVE, 3)
RETIRED = move(Action.PROMOTE, State.RETIRED, 0)
UP_1 = move(Action.STEP_UP, State.CANARY, 1)
UP_2 = move(Action.STEP_UP, State.CANARY, 2)
TO_LIVE = (CANDIDATE, SHADOW, CANARY, UP_1, UP_2, LIVE)


def of(bundle: str, *moves: Move) -> tuple[Move, ...]:
    """The same moves of another bundle."""
    return tuple(move(one.action, one.to_state, one.to_step, of=bundle, steps=one.steps) for one in moves)


def pause(state: State, step: int, *, bundle: str = A) -> Move:
    return move(Action.PAUSE, state, step, of=bundle)


def resume(state: State, step: int, *, bundle: str = A) -> Move:
    return move(Action.RESUME, state, step, of=bundle)


def line_of(promotions: Promotions, wanted: Move, *, at_ns: int = START_NS, **said: Any) -> PromotionLine:
    """The line of a possible move with as many signers and as much evidence as it needs, unless `said` has others."""
    change = promotions.change(wanted)
    needed = persons_needed(change)
    facts = {"environment": "live-btc", "by": ANN, "reason": "a test", "signers": (ANN, BOB)[:needed]}
    facts |= {"statement_sha256": STATEMENT if needed else None}
    if evidence_needed(change):
        facts |= {"evidence_sha256": EVIDENCE, "gates_sha256": GATES}
    return promotion_line(promotions, wanted, ts_ns=at_ns, run_id="promote-1", **(facts | said))


def promoted(*moves: Move) -> LogFold:
    """A fold that took these moves one after the other, a second apart."""
    fold = LogFold()
    for number, one in enumerate(moves, start=1):
        fold.apply(line_of(fold.promotions, one, at_ns=START_NS + number * SECOND), seq=number)
    return fold
