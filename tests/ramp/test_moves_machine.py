"""Whatever persons ask of a run, whatever halts it and whenever it is killed: it never uses more than its log on disk gives."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lakehouse.move_files import Recorded, forget_taken
from orders.promotion import Action, Standing, State
from tests.promotion.made import LIVE, TO_LIVE, UP_1, move, pause, resume
from tests.ramp.beside import Beside, plain, signed, step_up_of

SIGNERS = st.sampled_from([(), ("ann",), ("ann", "bob")])


class Moves(RuleBasedStateMachine):
    """`durable`: how many lines of the log are on disk; a kill loses the others, and what the run had in memory."""

    @initialize()
    def begin(self) -> None:
        self.root = tempfile.TemporaryDirectory()
        self.made = Beside(Path(self.root.name), *TO_LIVE[:3], UP_1)
        self.durable = len(self.made.journal.raw)

    def teardown(self) -> None:
        if hasattr(self, "root"):
            self.root.cleanup()

    def on_disk(self) -> Standing:
        whole = self.made.journal.raw
        self.made.journal.raw = whole[: self.durable]
        try:
            current = self.made.journal.fold().promotions.current
        finally:
            self.made.journal.raw = whole
        assert current is not None
        return current

    @property
    def current(self) -> Standing:
        assert self.made.promotions.current is not None
        return self.made.promotions.current

    @rule(step=st.integers(0, 3))
    def step_down(self, step: int) -> None:
        self.made.ask(plain(move(Action.STEP_DOWN, State.CANARY, step)))

    @rule()
    def pause(self) -> None:
        self.made.ask(plain(pause(self.current.state, self.current.step)))

    @rule(signers=SIGNERS)
    @precondition(lambda self: self.current.paused)
    def resume(self, signers: tuple[str, ...]) -> None:
        wanted = resume(self.current.state, self.current.step)
        self.made.ask(signed(self.made.statement(wanted), *signers))

    @rule(signers=SIGNERS)
    @precondition(lambda self: not self.current.paused and self.current.state is State.CANARY)
    def up(self, signers: tuple[str, ...]) -> None:
        wanted = step_up_of(self.made) if self.current.step < 2 else LIVE
        self.made.ask(signed(self.made.statement(wanted), *signers))

    @rule()
    def look(self) -> None:
        self.made.desk.look()

    @rule()
    def disk(self) -> None:
        self.durable = len(self.made.journal.raw)
        self.made.disk()

    @rule(action=st.sampled_from(["halt", "resume"]))
    def halt(self, action: str) -> None:
        self.made.halt(action=action)

    @rule()
    def killed(self) -> None:
        del self.made.journal.raw[self.durable :]
        self.made.start()
        forget_taken(self.made.layout)
        self.durable = len(self.made.journal.raw)

    @invariant()
    def no_more_is_used_than_the_disk_says(self) -> None:
        if not hasattr(self, "made"):
            return
        held, given = self.made.held, self.on_disk()
        assert held is not None
        assert held.usable <= given.steps[given.step]
        assert held.paused or not given.paused
        folded = self.made.journal.fold().promotions
        assert (folded.current, folded.last_sha256) == (self.made.promotions.current, self.made.promotions.last_sha256)
        assert all(len(line.signers) == 2 for line in folded.granted.values())


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_a_sound_request_of_each_kind_is_taken(tmp_path: Path) -> None:
    """The machine above asks for what is taken, too."""
    made = Beside(tmp_path, *TO_LIVE[:3], UP_1)
    for wanted in (pause(State.CANARY, 1), move(Action.STEP_DOWN, State.CANARY, 0)):
        assert isinstance(made.answered(plain(wanted)), Recorded)
    assert isinstance(made.answered(signed(made.statement(resume(State.CANARY, 0)), "bob", "ann")), Recorded)
    assert isinstance(made.answered(signed(made.statement(UP_1), "ann", "bob")), Recorded)
    assert [action for action, _ in made.moves()] == ["pause", "step_down", "resume", "step_up"]
