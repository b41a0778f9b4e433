"""Whatever is asked of promotions, in whatever order: what must stay true of them stays true."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from lakehouse.rebuild import LogFold, decode_line
from lakehouse.records import PromotionLine
from orders.errors import RecordCorrupt
from orders.promotion import STEPS, Action, Move, State, evidence_needed, persons_needed
from tests.promotion.made import ANN, BOB, EVIDENCE, GATES, STATEMENT, A, B, C, line_of

MOVES = [
    Move(bundle_sha256=bundle, action=action, to_state=state, to_step=step, steps=steps)
    for bundle in (A, B, C)
    for action in Action
    for state in State
    for step in range(-1, 5)
    for steps in (STEPS, (Decimal("0.5"), Decimal(1)))
]
WITH_CAPITAL = (State.CANARY, State.LIVE)


class PromotionMachine(RuleBasedStateMachine):
    """Lines are made as the product makes them, and forged where a move is not possible."""

    def __init__(self) -> None:
        super().__init__()
        self.fold = LogFold()
        self.lines: list[PromotionLine] = []

    @rule(wanted=st.sampled_from(MOVES))
    def ask(self, wanted: Move) -> None:
        if self.fold.promotions.problem(wanted):
            self._refused(self._forged(wanted))
        else:
            self._taken(wanted)

    @rule(pick=st.integers(0, len(MOVES)))
    def go_on(self, pick: int) -> None:
        possible = [one for one in MOVES if not self.fold.promotions.problem(one)]
        self._taken(possible[pick % len(possible)])

    def _taken(self, wanted: Move) -> None:
        promotions = self.fold.promotions
        change = promotions.change(wanted)
        line = line_of(promotions, wanted)
        if persons_needed(change):
            self._refused(replace(line, signers=line.signers[1:]))
        if evidence_needed(change):
            self._refused(replace(line, evidence_sha256=None))
        self.fold.apply(line, seq=len(self.lines) + 1)
        self.lines.append(replace(line, seq=len(self.lines) + 1))
        assert promotions.live_fraction == change.live_after
        assert change.live_after <= change.live_before or len(line.signers) >= 2

    @rule(number=st.integers(0, 200))
    def replay(self, number: int) -> None:
        """A line that was taken once is never taken again."""
        if self.lines:
            self._refused(self.lines[number % len(self.lines)])

    def _refused(self, line: PromotionLine) -> None:
        again = LogFold()
        for known in self.lines:
            again.apply(known)
        with pytest.raises(RecordCorrupt) as caught:
            again.apply(line, seq=len(self.lines) + 1)
        assert caught.value.code == "PROMOTION_ORDER"

    def _forged(self, wanted: Move) -> PromotionLine:
        """What a forger would write: everything else as it must be."""
        promotions = self.fold.promotions
        before = promotions.standing(wanted.bundle_sha256)
        capital = (
            wanted.to_state in WITH_CAPITAL and wanted.action is not Action.PAUSE and 0 <= wanted.to_step < len(wanted.steps)
        )
        return PromotionLine(
            ts_ns=1, market_ns=1, run_id="promote-1", bundle_sha256=wanted.bundle_sha256, environment="live-btc",
            action=wanted.action.value, from_state=None if before is None else before.state.value, to_state=wanted.to_state.value,
            from_step=0 if before is None else before.step, to_step=wanted.to_step, steps=tuple(str(one) for one in wanted.steps),
            fraction=str(wanted.steps[wanted.to_step]) if capital else "0", previous=promotions.previous, by=ANN, reason="forged",
            code=None, evidence_sha256=EVIDENCE, gates_sha256=GATES, statement_sha256=STATEMENT, signers=(ANN, BOB),
            follows=promotions.last_sha256,
        )  # fmt: skip

    @invariant()
    def at_most_one_bundle_has_capital_and_it_is_the_current_one(self) -> None:
        promotions = self.fold.promotions
        found = [one for one in promotions.standings.values() if one.state in WITH_CAPITAL]
        assert found == ([] if promotions.current is None else [promotions.current])
        assert all(one.fraction == 0 for one in promotions.standings.values() if one.paused or one not in found)
        assert 0 <= promotions.live_fraction <= 1

    @invariant()
    def previous_is_retired_and_not_the_current_one(self) -> None:
        promotions = self.fold.promotions
        if promotions.previous is not None:
            assert promotions.standings[promotions.previous].state is State.RETIRED

    @invariant()
    def the_log_alone_says_the_same(self) -> None:
        again = LogFold()
        for line in self.lines:
            again.apply(decode_line(msgspec.json.encode(line)))
        ours, theirs = self.fold.promotions, again.promotions
        assert (ours.standings, ours.current, ours.previous_had) == (theirs.standings, theirs.current, theirs.previous_had)
        assert ours.last_sha256 == theirs.last_sha256


TestPromotions = PromotionMachine.TestCase
TestPromotions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
