"""What takes a step of capital away from a promoted run: a halt, a loss limit; each once, over restarts, never anything up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lakehouse import records
from lakehouse.rebuild import decode_line
from orders.promotion import Action, State
from orders.way_down import Asked, unanswered, way_down
from tests.promotion.made import CANARY, CANDIDATE, SHADOW, TO_LIVE, UP_1, UP_2, move, pause, promoted, resume
from tests.ramp.made import DAY, Ramped

TO_CANARY = (CANDIDATE, SHADOW, CANARY)


@pytest.mark.parametrize(
    ("moves", "action", "step"),
    [
        (TO_LIVE, Action.STEP_DOWN, 2),
        ((*TO_CANARY, UP_1, UP_2), Action.STEP_DOWN, 1),
        ((*TO_CANARY, UP_1), Action.STEP_DOWN, 0),
        ((*TO_CANARY, UP_1, pause(State.CANARY, 1)), Action.STEP_DOWN, 0),
        (TO_CANARY, Action.PAUSE, 0),
        ((*TO_CANARY, pause(State.CANARY, 0)), None, 0),
    ],
    ids=["from live", "from step 2", "from step 1", "paused at step 1", "from the lowest", "paused at the lowest"],
)
def test_the_way_down_is_one_step_and_from_the_lowest_a_pause(moves, action, step) -> None:
    promotions = promoted(*moves).promotions
    assert promotions.current is not None
    wanted = way_down(promotions.current)
    assert (None if wanted is None else wanted.action) is action
    if wanted is not None:
        assert promotions.problem(wanted) == ""
        assert promotions.change(wanted).after.step == step


@pytest.mark.parametrize(
    ("lines", "found"),
    [((0, 0), None), ((5, 0), None), ((6, 0), None), ((7, 0), "HALTED"), ((9, 8), "LOSS_LIMIT"), ((8, 9), "HALTED")],
)
def test_what_came_after_the_last_move_of_the_bundle_asks_for_an_answer(lines: tuple[int, int], found: str | None) -> None:
    current = promoted(*TO_LIVE).promotions.current
    assert current is not None
    assert current.line == 6
    halted, loss = lines
    asked = (Asked(code="HALTED", reason="", at=halted), Asked(code="LOSS_LIMIT", reason="", at=loss))
    first = unanswered(current, asked=asked)
    assert (None if first is None else first.code) == found


def test_a_halt_takes_one_step_and_is_answered_once() -> None:
    made = Ramped()
    made.halt()
    for _ in range(3):
        made.ramp.look()
    assert made.automatic() == [("step_down", "HALTED", 3, 2)]
    assert made.held is not None
    assert made.held.fraction == Decimal("0.25")
    assert made.told == [
        "ramp     live at 1 of equity steps down to canary at 0.25 of equity\n         HALTED: halted by alice: enough"
    ]
    alarms = [line for raw in made.journal.raw if isinstance(line := decode_line(raw), records.Alarm)]
    assert [line.code for line in alarms] == ["STEPPED_DOWN"]


def test_further_reasons_of_one_halt_take_no_further_step() -> None:
    made = Ramped()
    made.halt()
    made.ramp.look()
    made.halt()
    made.ramp.look()
    made.start()
    made.ramp.look()
    assert made.automatic() == [("step_down", "HALTED", 3, 2)]


def test_a_halt_after_a_resume_is_another_one() -> None:
    made = Ramped()
    for _ in range(2):
        made.halt()
        made.ramp.look()
        made.halt(action="resume")
        made.start()
    assert made.automatic() == [("step_down", "HALTED", 3, 2), ("step_down", "HALTED", 2, 1)]


def test_a_halt_while_nothing_ran_takes_nothing() -> None:
    made = Ramped()
    made.writer.write(records.RunStop, cause="finished", open_orders=0)
    made.writer.marks = None
    made.halt()
    made.halt(action="resume")
    made.start()
    made.ramp.look()
    assert made.automatic() == []


def test_a_crash_between_a_halt_and_its_answer_is_answered_by_the_next_start_though_it_was_resumed() -> None:
    made = Ramped()
    made.halt()
    made.halt(action="resume")
    made.start()
    made.ramp.look()
    assert made.automatic() == [("step_down", "HALTED", 3, 2)]
    made.start()
    made.ramp.look()
    assert len(made.automatic()) == 1
    assert made.held is not None
    assert made.held.fraction == Decimal("0.25")


@pytest.mark.parametrize(
    ("modes", "steps"),
    [
        (["OPEN", "CLOSE_ONLY", "CLOSE_ONLY"], 1),
        (["OPEN", "CLOSE_ONLY", "OPEN", "CLOSE_ONLY"], 1),
        (["OPEN", "UNKNOWN"], 0),
        (["CLOSE_ONLY"], 1),
    ],
    ids=["once passed", "around the limit in a day", "nothing to judge by", "at once"],
)
def test_a_loss_limit_takes_a_step_once_a_day(modes: list[str], steps: int) -> None:
    made = Ramped()
    for mode in modes:
        made.equity(mode)
        made.ramp.look()
    assert len(made.automatic()) == steps
    made.start()
    made.ramp.look()
    assert len(made.automatic()) == steps


def test_a_loss_limit_passed_again_on_another_day_takes_another_step() -> None:
    made = Ramped()
    for day in (0, 1):
        made.equity("CLOSE_ONLY", day=DAY + day)
        made.ramp.look()
        made.equity("OPEN", day=DAY + day)
    assert [one[1:] for one in made.automatic()] == [("LOSS_LIMIT", 3, 2), ("LOSS_LIMIT", 2, 1)]


def test_a_close_only_that_lasts_over_midnight_is_the_same_one() -> None:
    made = Ramped()
    for day in (0, 1):
        made.equity("CLOSE_ONLY", day=DAY + day)
        made.ramp.look()
    assert len(made.automatic()) == 1


def test_from_the_lowest_step_it_is_paused_and_then_nothing_is_left_to_take() -> None:
    made = Ramped(*TO_CANARY)
    for _ in range(3):
        made.halt()
        made.ramp.look()
        made.halt(action="resume")
    assert made.automatic() == [("pause", "HALTED", 0, 0)]
    assert made.held is not None
    assert (made.held.fraction, made.held.paused) == (Decimal("0.01"), "HALTED: halted by alice: enough")


def test_a_step_that_a_person_took_after_a_halt_answers_it() -> None:
    made = Ramped()
    made.halt()
    made.halt(action="resume")
    made.person(move(Action.STEP_DOWN, State.CANARY, 0))
    made.start()
    made.ramp.look()
    assert made.automatic() == []


def test_a_disk_that_takes_no_line_halts_and_the_capital_has_fallen_all_the_same() -> None:
    made = Ramped()
    made.equity("CLOSE_ONLY")
    made.journal.full = True
    made.ramp.look()
    made.ramp.look()
    assert len(made.halts) == 1
    assert made.held is not None
    assert made.held.fraction == Decimal("0.25")
    made.journal.full = False
    made.start()
    made.ramp.look()
    assert made.automatic() == [("step_down", "LOSS_LIMIT", 3, 2)]


class Automatic(RuleBasedStateMachine):
    """Whatever happens and in whatever order: what happens without a person only takes away, and a restart gives nothing back."""

    @initialize()
    def begin(self) -> None:
        self.made = Ramped()

    @rule()
    def halt(self) -> None:
        self.made.halt()

    @rule()
    def resume_halt(self) -> None:
        self.made.halt(action="resume")

    @rule(mode=st.sampled_from(["OPEN", "CLOSE_ONLY", "UNKNOWN"]), day=st.integers(0, 3))
    def value(self, mode: str, day: int) -> None:
        self.made.equity(mode, day=DAY + day)

    @rule()
    def look(self) -> None:
        before = self.made.promotions.current
        self.made.ramp.look()
        after = self.made.promotions.current
        assert before is not None
        assert after is not None
        assert after.fraction <= before.fraction
        assert after.step >= before.step - 1

    @rule()
    def look_twice_is_look_once(self) -> None:
        self.made.ramp.look()
        lines = len(self.made.journal.raw)
        self.made.ramp.look()
        assert len(self.made.journal.raw) == lines

    @rule()
    def restart(self) -> None:
        before = self.made.promotions.live_fraction
        self.made.start()
        assert self.made.promotions.live_fraction == before

    @rule()
    def persons_give_capital_while_nothing_runs(self) -> None:
        promotions = self.made.journal.fold().promotions
        current = promotions.current
        assert current is not None
        wanted = resume(current.state, current.step) if current.paused else move(Action.STEP_UP, State.CANARY, current.step + 1)
        if not promotions.problem(wanted):
            self.made.person(wanted)
            self.made.start()

    @invariant()
    def the_run_holds_what_its_log_says_or_less(self) -> None:
        if not hasattr(self, "made"):
            return
        logged, held = self.made.journal.fold().promotions, self.made.held
        assert held is not None
        assert held.usable <= (logged.current.steps[logged.current.step] if logged.current else 0)
        assert (logged.current, logged.last_sha256) == (self.made.promotions.current, self.made.promotions.last_sha256)
        assert all(action in ("step_down", "pause") for action, *_ in self.made.automatic())


TestAutomatic = Automatic.TestCase
TestAutomatic.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
