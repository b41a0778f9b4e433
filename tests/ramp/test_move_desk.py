"""What a run does with moves that persons ask of it from another terminal: in what order it writes, and what it refuses."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lakehouse import records
from lakehouse.move_files import Recorded, Refused, forget_taken
from lakehouse.move_request import LIFE_NS, PlainMove, SignedMove
from orders.promotion import Action, Move, State
from sentinel.promotion_statement import statement_bytes
from tests.promotion.made import CANARY, CANDIDATE, LIVE, SHADOW, UP_1, UP_2, B, move, of, pause, resume
from tests.promotion.test_statement import enveloped
from tests.ramp.beside import CANARY_MOVES, Beside, plain, signed

DOWN_0 = move(Action.STEP_DOWN, State.CANARY, 0)
RETIRED = move(Action.PROMOTE, State.RETIRED, 0)
AT_STEP_1 = (*CANARY_MOVES, UP_1)


def held(made: Beside) -> tuple[str, bool]:
    assert made.held is not None
    return str(made.held.fraction), bool(made.held.paused)


def refused(answer: Any) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


def untouched(made: Beside, lines: int) -> None:
    """Nothing moved, and the run takes the next request."""
    assert [line for line in made.moves() if line[1] != "engine"] == []
    assert made.promotions.lines == lines
    assert made.raises == []
    assert made.halts == []
    assert isinstance(made.answered(plain(pause(State.CANARY, made.promotions.current.step))), Recorded)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("asked", "left"),
    [(DOWN_0, ("0.01", False)), (pause(State.CANARY, 1), ("0.05", True)), (RETIRED, ("0.05", True))],
    ids=["step down", "pause", "retire"],
)
def test_what_takes_away_holds_before_the_disk_has_it_and_is_answered_after(tmp_path: Path, asked: Move, left: Any) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    made.ask(plain(asked))
    made.desk.look()
    assert held(made) == left
    assert not made.layout.move_answer.exists()
    made.disk()
    assert made.layout.move_answer.exists()
    assert made.moves() == [(asked.action.value, "ann")]
    assert made.journal.fold().promotions.last_sha256 == made.promotions.last_sha256
    assert [line.code for line in made.journal.lines(records.Alarm)] == ["PROMOTION_MOVED"]


@pytest.mark.parametrize(
    ("before", "asked", "left"),
    [
        (CANARY_MOVES, UP_1, "0.05"),
        ((*AT_STEP_1, UP_2), LIVE, "1"),
        ((*AT_STEP_1, pause(State.CANARY, 1)), resume(State.CANARY, 1), "0.05"),
    ],
    ids=["step up", "to live", "resume"],
)
def test_what_gives_capital_is_on_disk_first(tmp_path: Path, before: tuple[Move, ...], asked: Move, left: str) -> None:
    made = Beside(tmp_path, *before)
    was = held(made)
    made.ask(signed(made.statement(asked), "ann", "bob"))
    made.desk.look()
    assert (held(made), made.raises) == (was, [])
    made.disk()
    assert held(made) == (left, False)
    assert made.moves() == [(asked.action.value, "ann")]
    logged = made.journal.fold().promotions.current
    assert logged is not None
    assert str(logged.fraction) == left


def test_a_halt_between_a_step_up_and_its_disk_leaves_the_lower_step(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    made.ask(signed(made.statement(UP_2), "ann", "bob"))
    made.desk.look()
    made.halt()
    made.ramp.look()
    made.disk()
    assert held(made)[0] == "0.05"
    assert made.moves() == [("step_up", "ann"), ("step_down", "engine")]


def test_a_halt_is_answered_before_a_step_up_that_came_with_it(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    asked = signed(made.statement(UP_2), "ann", "bob")
    made.halt()
    assert refused(made.answered(asked)) == "PROMOTION_REPLAYED"
    assert made.moves() == [("step_down", "engine")]
    assert held(made)[0] == "0.01"


def test_a_pause_that_crosses_an_automatic_step_down_pauses_where_it_stands_by_now(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    made.halt()
    assert isinstance(made.answered(plain(pause(State.CANARY, 1))), Recorded)
    assert made.moves() == [("step_down", "engine"), ("pause", "ann")]
    assert held(made) == ("0.01", True)


def test_the_next_request_waits_until_the_last_is_on_disk(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    made.ask(plain(DOWN_0))
    made.desk.look()
    made.ask(plain(pause(State.CANARY, 0)))
    made.desk.look()
    assert made.moves() == [("step_down", "ann")]
    made.disk()
    made.desk.look()
    assert made.moves() == [("step_down", "ann"), ("pause", "ann")]


def test_a_bundle_beside_the_one_that_trades_becomes_shadow_and_nothing_of_the_run_changes(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    was = made.held
    for one in of(B, CANDIDATE, SHADOW):
        assert isinstance(made.answered(signed(made.statement(one), "bob")), Recorded)
    assert isinstance(made.answered(plain(move(Action.PROMOTE, State.RETIRED, 0, of=B))), Recorded)
    assert (made.held, made.raises) == (was, [])
    assert made.promotions.standing(B).state is State.RETIRED  # type: ignore[union-attr]
    assert [action for action, _ in made.moves()] == ["promote"] * 3


def failed_pause(made: Beside, **change: Any) -> PlainMove:
    facts = {
        "move": pause(State.CANARY, 1), "by": "engine", "reason": "ann asked to step up: drill", "code": "GATE_FAILED",
        "evidence_sha256": made.evidence(UP_2, verdict="FAIL"), "gates_sha256": made.gates_sha256,
    }  # fmt: skip
    return PlainMove(**facts | change)


def test_a_gate_that_failed_pauses_by_its_evidence(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    assert isinstance(made.answered(failed_pause(made)), Recorded)
    assert made.moves() == [("pause", "engine")]
    assert held(made) == ("0.05", True)


def stranger(made: Beside) -> SignedMove:
    return SignedMove(statement=enveloped(statement_bytes(made.statement(UP_2)), "ann", "eve"))


def altered(made: Beside) -> SignedMove:
    """The reason says something else by one letter."""
    data = signed(made.statement(UP_2), "ann", "bob").statement
    envelope = json.loads(data)
    payload = base64.b64decode(envelope["payload"]).replace(b"a test", b"a rest")
    return SignedMove(statement=data.replace(envelope["payload"].encode(), base64.b64encode(payload)))


def instead(made: Beside, other: Move, **change: Any) -> SignedMove:
    """Signed by two, of a move that is not possible now or here."""
    return signed(replace(made.statement(UP_2), move=other, **change), "ann", "bob")


FORGED: dict[str, tuple[str, Callable[[Beside], Any]]] = {
    "nobody signed a step up": ("PROMOTION_UNSIGNED", lambda made: signed(made.statement(UP_2))),
    "one person signed a step up": ("PROMOTION_UNSIGNED", lambda made: signed(made.statement(UP_2), "ann")),
    "a stranger signed too": ("PROMOTION_SIGNER", lambda made: stranger(made)),
    "a byte was altered": ("SIGNATURE_BAD", lambda made: altered(made)),
    "a step up that nobody need sign": ("PROMOTION_UNSIGNED", lambda made: plain(UP_2)),
    "a resume that nobody need sign": ("PROMOTION_IMPOSSIBLE", lambda made: plain(resume(State.CANARY, 1))),
    "signed for another log": ("PROMOTION_REPLAYED", lambda made: signed(made.statement(UP_2, follows="5" * 64), "ann", "bob")),
    "signed for another desk": ("PROMOTION_FOREIGN", lambda made: signed(made.statement(UP_2, environment="x"), "ann", "bob")),
    "signed for more": ("PROMOTION_MALFORMED", lambda made: signed(made.statement(UP_2, fraction="1"), "ann", "bob")),
    "no longer": ("PROMOTION_EXPIRED", lambda made: signed(made.statement(UP_2, created_ns=1, expires_ns=2), "ann", "bob")),
    "without evidence": ("EVIDENCE_MISSING", lambda made: signed(made.statement(UP_2, evidence_sha256="7" * 64), "ann", "bob")),
    "by a gate that failed": (
        "EVIDENCE_MISSING",
        lambda made: signed(made.statement(UP_2, evidence_sha256=made.evidence(UP_2, verdict="FAIL")), "ann", "bob"),
    ),
    "two steps at once": ("PROMOTION_IMPOSSIBLE", lambda made: instead(made, move(Action.STEP_UP, State.CANARY, 3))),
    "by another gates file": ("GATES_DIFFER", lambda made: signed(made.statement(UP_2, gates_sha256="6" * 64), "ann", "bob")),
    "a step down that is none": ("PROMOTION_IMPOSSIBLE", lambda made: plain(move(Action.STEP_DOWN, State.CANARY, 1))),
    "the engine's name": ("MOVE_MALFORMED", lambda made: plain(pause(State.CANARY, 1), by="engine")),
    "a person with a code": ("MOVE_MALFORMED", lambda made: failed_pause(made, by="ann")),
    "a halt nobody saw": ("MOVE_MALFORMED", lambda made: failed_pause(made, code="HALTED")),
    "a step down in the engine's name": ("MOVE_MALFORMED", lambda made: failed_pause(made, move=DOWN_0)),
    "a failure that passed": ("EVIDENCE_MISSING", lambda made: failed_pause(made, evidence_sha256=made.evidence(UP_2))),
    "a failure without evidence": ("EVIDENCE_MISSING", lambda made: failed_pause(made, evidence_sha256=None)),
    "the same bundle into canary anew": ("MOVE_RUN_FIRST", lambda made: instead(made, CANARY)),
    "a rollback": ("MOVE_RUN_FIRST", lambda made: instead(made, move(Action.ROLLBACK, State.CANARY, 0, of=B))),
    "another bundle into canary": ("MOVE_RUN_FIRST", lambda made: instead(made, of(B, CANARY)[0])),
}


@pytest.mark.parametrize(("code", "asked"), FORGED.values(), ids=FORGED)
def test_what_may_not_be_is_refused_by_its_code_and_nothing_moves(tmp_path: Path, code: str, asked: Any) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    lines, was = made.promotions.lines, made.held
    answer = made.answered(asked(made))
    assert refused(answer) == code
    assert made.held == was
    (alarm,) = made.journal.lines(records.Alarm)
    assert (alarm.code, alarm.message.partition(":")[0]) == ("MOVE_REFUSED", code)
    assert made.layout.move_refused.exists()
    untouched(made, lines)


STALE = {
    "another run's": ("MOVE_FOREIGN", {"run_id": "20260101T000000-1"}),
    "too old": ("MOVE_EXPIRED", {"age_ns": LIFE_NS + 1}),
    "of the future": ("MOVE_EARLY", {"age_ns": -60 * 10**9}),
}


@pytest.mark.parametrize(("code", "more"), STALE.values(), ids=STALE)
def test_a_request_that_is_not_for_this_run_and_now_is_not_taken(tmp_path: Path, code: str, more: dict[str, Any]) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    lines = made.promotions.lines
    assert refused(made.answered(plain(DOWN_0), **more)) == code
    assert held(made) == ("0.05", False)
    untouched(made, lines)


def test_a_run_that_no_promotion_governs_takes_none_and_says_what_to_do(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1, governed=False)
    answer = made.answered(signed(made.statement(CANDIDATE_B), "ann"))
    assert refused(answer) == "MOVE_UNGOVERNED"
    assert isinstance(answer, Refused)
    assert "End the run first" in answer.action
    assert made.moves() == []


CANDIDATE_B = of(B, CANDIDATE)[0]


def test_what_an_earlier_run_had_taken_is_not_taken_again(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    made.ask(plain(DOWN_0))
    made.layout.move_request.rename(made.layout.move_taken)
    made.start()
    forget_taken(made.layout)
    made.desk.look()
    assert made.moves() == []
    assert not made.layout.move_taken.exists()


def test_a_disk_that_takes_no_line_halts_and_the_capital_has_fallen_all_the_same(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    made.journal.full = True
    made.ask(plain(DOWN_0))
    made.desk.look()
    made.disk()
    assert held(made) == ("0.01", False)
    assert len(made.halts) == 1
    assert not made.layout.move_answer.exists()


def test_a_request_is_written_for_a_clock_of_this_machine(tmp_path: Path) -> None:
    made = Beside(tmp_path, *AT_STEP_1)
    assert isinstance(made.answered(plain(DOWN_0), age_ns=LIFE_NS - 10**10), Recorded)
    assert made.journal.lines(records.PromotionLine)[-1].ts_ns <= time.time_ns() + 10**9
