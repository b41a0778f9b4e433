"""What a bundle may do, from candidate to live and back: states, steps of capital, and every move between them. Pure.

    none -> candidate -> shadow -> canary -> live      PROMOTE, one state at a time; STEP_UP within canary
    canary, live -> a lower step                       STEP_DOWN
    any -> retired -> candidate                        PROMOTE
    current -> retired, previous -> what it had        ROLLBACK

At most one bundle of an environment is in canary or live, the current one. Another that enters canary retires it, and it becomes
`previous`. A pause takes all capital until a person resumes. The fold over the log (`Promotions`) takes no move that is not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, Protocol

from orders.canonical import decimal_text
from orders.errors import RecordCorrupt
from orders.promotion_moves import move_problem
from orders.promotion_values import (
    ENGINE,
    FIRST_FOLLOWS,
    RAISING,
    STEPS,
    STEPS_CHOSEN,
    STEPS_MAX,
    WITH_CAPITAL,
    Action,
    Change,
    Move,
    Standing,
    State,
    evidence_needed,
    fraction_of,
    gated_move,
    is_risk_reducing,
    persons_needed,
    step_of,
)

__all__ = [
    "ENGINE",
    "FIRST_FOLLOWS",
    "RAISING",
    "STEPS",
    "STEPS_CHOSEN",
    "STEPS_MAX",
    "WITH_CAPITAL",
    "Action",
    "Change",
    "Move",
    "PromotionFacts",
    "Promotions",
    "Standing",
    "State",
    "evidence_needed",
    "fraction_of",
    "gated_move",
    "is_risk_reducing",
    "move_problem",
    "parse_steps",
    "persons_needed",
    "step_of",
]

AUTOMATIC: Final = frozenset({Action.STEP_DOWN, Action.PAUSE})  # all that happens without a person
SHA256: Final = re.compile(r"[0-9a-f]{64}")
FRACTION: Final = re.compile(r"[0-9](\.[0-9]{1,12})?")
CODE: Final = re.compile(r"[A-Z][A-Z_]{2,39}")


class PromotionFacts(Protocol):
    """What a line of the log says of a promotion (`lakehouse.records.PromotionLine`, which documents the fields)."""

    @property
    def ts_ns(self) -> int: ...
    @property
    def bundle_sha256(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def from_state(self) -> str | None: ...
    @property
    def to_state(self) -> str: ...
    @property
    def from_step(self) -> int: ...
    @property
    def to_step(self) -> int: ...
    @property
    def steps(self) -> tuple[str, ...]: ...
    @property
    def fraction(self) -> str: ...
    @property
    def previous(self) -> str | None: ...
    @property
    def by(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def code(self) -> str | None: ...
    @property
    def evidence_sha256(self) -> str | None: ...
    @property
    def gates_sha256(self) -> str | None: ...
    @property
    def statement_sha256(self) -> str | None: ...
    @property
    def signers(self) -> tuple[str, ...]: ...
    @property
    def follows(self) -> str: ...


class Promotions:
    """The promotion lines of one log, folded; `apply` one after the other. Its fields are to be read.

    `current`: the bundle in canary or live; `previous`: what the alias names, with the state and step it had. `granted`: by
    bundle, the last line that two persons had to sign, by which it has its capital; `passed`: the last one that gates let pass.
    `lines`: how many there were; `last_sha256`: of the bytes of the last one, `FIRST_FOLLOWS` without one: what the next must
    follow.
    """

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.current: Standing | None = None
        self.previous_had: Standing | None = None
        self.environment: str | None = None
        self.granted: dict[str, PromotionFacts] = {}
        self.passed: dict[str, PromotionFacts] = {}
        self.lines = 0
        self.last_sha256 = FIRST_FOLLOWS

    def standing(self, bundle_sha256: str) -> Standing | None:
        """Return where a bundle stands; None: it was never promoted here."""
        return self.standings.get(bundle_sha256)

    @property
    def previous(self) -> str | None:
        """The bundle that a rollback brings back; None: there is none."""
        return None if self.previous_had is None else self.previous_had.bundle_sha256

    @property
    def live_fraction(self) -> Decimal:
        """The fraction of capital that may trade live now, 0 to 1."""
        return Decimal(0) if self.current is None else self.current.fraction

    def problem(self, move: Move) -> str:
        """Return why a move is not possible, in words; "" where it is."""
        return move_problem(move, before=self.standing(move.bundle_sha256), had=self.previous_had)

    def change(self, move: Move, *, ts_ns: int = 0, line: int = 0, paused: str = "paused") -> Change:
        """Return what a possible move makes of it; nothing is changed. `paused`: why, of a pause, not empty.

        The caller has asked `problem`: an impossible move is a mistake of ours.
        """
        problem, before, had = self.problem(move), self.standing(move.bundle_sha256), self.previous_had
        assert not problem, problem
        why = _still_paused(move, before=before, had=had) if move.action is not Action.PAUSE else paused
        same_time = move.action is Action.PAUSE and before is not None
        after = Standing(
            bundle_sha256=move.bundle_sha256,
            state=move.to_state,
            step=move.to_step,
            steps=move.steps,
            fraction=fraction_of(move.to_state, step=move.to_step, steps=move.steps, paused=why),
            since_ns=before.since_ns if same_time and before is not None else ts_ns,
            line=line,
            paused=why,
        )
        current, retired = self.current, None
        if current is not None and after.state in WITH_CAPITAL and current.bundle_sha256 != after.bundle_sha256:
            retired = current.bundle_sha256
        if move.action is Action.ROLLBACK:
            had = None  # once more would go forward again
        elif retired is not None:
            had = current
        return Change(
            action=move.action,
            before=before,
            after=after,
            retired=retired,
            previous=had,
            live_before=self.live_fraction,
            live_after=self._live_after(after),
        )

    def _live_after(self, after: Standing) -> Decimal:
        if after.state in WITH_CAPITAL or (self.current is not None and self.current.bundle_sha256 == after.bundle_sha256):
            return after.fraction
        return self.live_fraction

    def apply(self, facts: PromotionFacts, *, number: int, sha256: str) -> Change:
        """Take the next line: its number in the log and the sha256 of its bytes. Return what it changed.

        Raises `RecordCorrupt` PROMOTION_ORDER: a move that was not possible, or words that do not agree with themselves.
        """
        if facts.follows != self.last_sha256:
            raise _corrupt(f"a promotion that follows {self.last_sha256[:16]}…", f"one that follows {facts.follows[:16]!r}")
        if self.environment not in (None, facts.environment):
            raise _corrupt(f"a promotion of environment {self.environment}", facts.environment)
        move = _move_of(facts)
        if problem := self.problem(move):
            raise _corrupt("a possible move", problem)
        why = facts.reason if facts.code is None else f"{facts.code}: {facts.reason}"
        change = self.change(move, ts_ns=facts.ts_ns, line=number, paused=why)
        _check_words(facts, change)
        self._take(change, line=number, ts_ns=facts.ts_ns)
        if persons_needed(change) == RAISING:
            self.granted[facts.bundle_sha256] = facts
        if evidence_needed(change):
            self.passed[facts.bundle_sha256] = facts
        self.environment = facts.environment
        self.lines += 1
        self.last_sha256 = sha256
        return change

    def _take(self, change: Change, *, line: int, ts_ns: int) -> None:
        after = change.after
        self.standings[after.bundle_sha256] = after
        if change.retired is not None:
            old = self.standings[change.retired]
            self.standings[change.retired] = Standing(
                bundle_sha256=old.bundle_sha256,
                state=State.RETIRED,
                step=0,
                steps=old.steps,
                fraction=Decimal(0),
                since_ns=ts_ns,
                line=line,
                paused="",
            )
        if after.state in WITH_CAPITAL:
            self.current = after
        elif self.current is not None and self.current.bundle_sha256 == after.bundle_sha256:
            self.current = None
        self.previous_had = change.previous


def _still_paused(move: Move, *, before: Standing | None, had: Standing | None) -> str:
    """A pause lasts through a step down and a rollback: whoever takes it back has looked."""
    known = had if move.action is Action.ROLLBACK else before
    kept = move.action in (Action.STEP_DOWN, Action.ROLLBACK) and known is not None
    return known.paused if kept and known is not None else ""


def parse_steps(texts: Sequence[str]) -> tuple[Decimal, ...]:
    """Return fractions from their canonical texts. Raises `ValueError` on any other spelling."""
    values = []
    for text in texts:
        if not FRACTION.fullmatch(text) or decimal_text(Decimal(text)) != text:
            raise ValueError(f"a fraction such as 0.25, not {text[:40]!r}")
        values.append(Decimal(text))
    return tuple(values)


def _move_of(facts: PromotionFacts) -> Move:
    named = (facts.evidence_sha256, facts.gates_sha256, facts.statement_sha256)
    for sha256 in (facts.bundle_sha256, *(one for one in named if one is not None)):
        if not SHA256.fullmatch(sha256):
            raise _corrupt("a sha256", repr(sha256[:80]))
    try:
        return Move(
            bundle_sha256=facts.bundle_sha256,
            action=Action(facts.action),
            to_state=State(facts.to_state),
            to_step=facts.to_step,
            steps=parse_steps(facts.steps),
        )
    except (ValueError, InvalidOperation) as error:
        raise _corrupt("an action, a state and steps of a promotion", str(error)[:160]) from error


def _check_words(facts: PromotionFacts, change: Change) -> None:
    """What a line says of before and after must be what follows from the lines before it."""
    before, after = change.before, change.after
    said: Mapping[str, tuple[object, object]] = {
        "from_state": (facts.from_state, None if before is None else before.state.value),
        "from_step": (facts.from_step, 0 if before is None else before.step),
        "fraction": (facts.fraction, decimal_text(after.fraction)),
        "previous": (facts.previous, None if change.previous is None else change.previous.bundle_sha256),
    }
    for name, (found, wanted) in said.items():
        if found != wanted:
            raise _corrupt(f"{name} {wanted}", str(found)[:80])
    if not facts.by.strip() or not facts.reason.strip():
        raise _corrupt("who and why", f"by {facts.by[:40]!r}, reason {facts.reason[:40]!r}")
    automatic = facts.by == ENGINE
    if automatic is not (facts.code is not None) or (facts.code is not None and not CODE.fullmatch(facts.code)):
        raise _corrupt(f"a code with {ENGINE} and with nobody else", f"by {facts.by[:40]}, code {facts.code}")
    if automatic and change.action not in AUTOMATIC:
        raise _corrupt(f"a person's {change.action}", f"one by {ENGINE}")
    signers, needed = tuple(facts.signers), persons_needed(change)
    if len(set(signers)) != len(signers) or len(signers) < needed:
        raise _corrupt(f"signatures of {needed} different persons", ", ".join(signers)[:120] or "none")
    if bool(signers) is not (facts.statement_sha256 is not None):
        raise _corrupt("a statement with its signers", f"statement {facts.statement_sha256}, signers {', '.join(signers)[:80]}")
    if evidence_needed(change) and (facts.evidence_sha256 is None or facts.gates_sha256 is None):
        raise _corrupt("evidence and gates", f"evidence {facts.evidence_sha256}, gates {facts.gates_sha256}")


def _corrupt(expected: str, found: str) -> RecordCorrupt:
    return RecordCorrupt(
        "PROMOTION_ORDER",
        expected=expected,
        found=found,
        action="Change nothing and keep a copy of the log; a person must look.",
    )
