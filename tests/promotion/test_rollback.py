"""`sluice rollback`: back to the previous bundle in one command, after what that will trade was shown; each way it is refused."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.rollback import rollback_move
from commands.transition import cost_of, cost_total
from lakehouse.live_note import LiveNote, write_live_note
from lakehouse.lock import current_holder
from lakehouse.process_identity import end_process, process_identity
from orders.errors import NotAsked
from orders.promotion import Action, State
from tests.children import child
from tests.planner.world import D, inputs, planned
from tests.promotion.made import CANARY, CANDIDATE, RETIRED, SHADOW, TO_LIVE, UP_1, A, B, of, promoted
from tests.promotion.world import Promoting, document, promoting, sluice

WORDS = ("--by", "bob", "--reason", "it costs too much")
OLD, NEW = 'cash_buffer_fraction = "0.02"', 'cash_buffer_fraction = "0.03"'


@pytest.fixture
def made(tmp_path: Path) -> Promoting:
    return promoting(tmp_path)


def replaced(made: Promoting, *first: str) -> tuple[Path, str]:
    """The first bundle in canary, moved on by `first`, and a second one in its place; the first's config and hash."""
    made.canary()
    for words in first:
        made.moved(words)
    before, old = made.bundle, made.root / "old.toml"
    shutil.copy(made.config, old)
    made.edit(OLD, NEW)
    made.bundle = json.loads(sluice("bundle", "create", made.config, "--json")[1])["sha256"]
    made.canary()
    return old, before


def rollback(made: Promoting, config: Path, *more: str) -> tuple[int, str]:
    return sluice("rollback", "--config", config, "--directory", made.keys, *WORDS, *more)


def test_one_person_brings_the_previous_bundle_back_where_capital_does_not_grow(made: Promoting) -> None:
    old, before = replaced(made)
    code, said = rollback(made, old, "--yes")
    assert code == 0, said
    for words in ("retired -> canary step 1 of 3", "capital  1 % -> 1 %", f"retires  {made.bundle[:16]}", "recorded log line"):
        assert words in said
    current = made.promotions.current
    assert current is not None
    assert (current.bundle_sha256, current.state, made.promotions.previous) == (before, State.CANARY, None)
    standing = made.promotions.standing(made.bundle)
    assert standing is not None
    assert standing.state is State.RETIRED


def test_what_would_be_traded_is_told_or_why_it_is_not_known(made: Promoting) -> None:
    """Nothing ran here, so there is no book and no price: that is said, and going back is possible all the same."""
    old, _ = replaced(made)
    code, said = rollback(made, old, "--yes")
    assert code == 0
    assert "no plan  what would be traded is not known: " in said
    assert "when     at the next manifest: this config looks at no drift" in said
    assert said.index("no plan") < said.index("recorded")


def test_where_it_raises_capital_two_persons_sign_or_it_comes_back_lower(made: Promoting) -> None:
    old, before = replaced(made, "--step-up")
    lines = made.promotions.lines
    asked = document(rollback(made, old, "--yes", "--key", "ann", "--json")[1])
    assert (asked["recorded"], asked["persons_needed"], asked["signers"]) == (False, 2, ["ann"])
    assert asked["transition"]["capital_fraction"] == "0.05"
    assert made.promotions.lines == lines
    code, said = rollback(made, old, "--yes", "--no-more")
    assert code == 0, said
    current = made.promotions.current
    assert current is not None
    assert (current.bundle_sha256, current.step, current.fraction) == (before, 0, D("0.01"))


def test_both_signatures_bring_it_back_as_it_was(made: Promoting) -> None:
    old, before = replaced(made, "--step-up")
    assert rollback(made, old, "--yes", "--key", "ann")[0] == 0
    code, said = sluice("promote", "sign", "--config", old, "--directory", made.keys, "--key", "bob")
    assert code == 0, said
    current = made.promotions.current
    assert current is not None
    assert (current.bundle_sha256, current.fraction) == (before, D("0.05"))


def test_there_is_nothing_to_go_back_to_is_refused(made: Promoting) -> None:
    made.canary()
    code, said = rollback(made, made.config, "--yes")
    assert (code, "PROMOTION_IMPOSSIBLE" in said) == (3, True)
    old, _ = replaced(promoting(made.root / "other"))
    assert old.exists()


def test_a_second_rollback_does_not_go_forward_again(made: Promoting) -> None:
    old, _ = replaced(made)
    assert rollback(made, old, "--yes")[0] == 0
    lines = made.promotions.lines
    assert rollback(made, old, "--yes")[0] == 3
    assert made.promotions.lines == lines


def test_another_config_than_the_previous_bundle_s_is_refused_with_the_part(made: Promoting) -> None:
    replaced(made)
    lines = made.promotions.lines
    code, said = rollback(made, made.config, "--yes")
    assert code == 3
    assert "BUNDLE_DIFFERS" in said
    assert "policy.cash_buffer_fraction 0.02 -> 0.03" in said
    assert made.promotions.lines == lines


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["no terminal", "json"])
def test_without_a_person_to_ask_it_wants_yes(made: Promoting, more: tuple[str, ...]) -> None:
    old, _ = replaced(made)
    lines = made.promotions.lines
    code, said = rollback(made, old, *more)
    assert (code, "--yes" in said) == (2, True)
    assert made.promotions.lines == lines


def test_it_says_who_and_why(made: Promoting) -> None:
    old, _ = replaced(made)
    assert sluice("rollback", "--config", old, "--by", "bob", "--reason", "", "--yes")[0] == 2


HOLDER = """
import sys, time, signal
from lakehouse.layout import Layout
from pathlib import Path
from lakehouse.lock import DataDirectoryLock
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with DataDirectoryLock(Layout(Path(sys.argv[1])), run_id=sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holding(made: Promoting, *, noted: bool = True) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the data directory; `noted`: as a live run does."""
    with child([sys.executable, "-c", HOLDER, str(made.layout.directory), "run-1"]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        if noted:
            note_it(made, process.pid)
        yield process


def note_it(made: Promoting, pid: int) -> None:
    note = LiveNote(run_id="run-1", pid=pid, process=process_identity(pid), keys="", dead_man_s=60, venues=())
    write_live_note(made.layout, note)


def test_a_run_is_not_ended_for_a_rollback_that_waits_for_signatures_and_that_is_told(made: Promoting) -> None:
    old, _ = replaced(made, "--step-up")
    with holding(made) as process:
        code, said = rollback(made, old, "--yes", "--key", "ann")
        assert (code, "nothing has moved yet" in said) == (0, True), said
        assert f"run run-1 (pid {process.pid}) goes on: end it before the last person signs" in said
        assert process.poll() is None


def test_a_live_run_that_goes_on_is_ended_first_and_nothing_else_is(made: Promoting) -> None:
    old, before = replaced(made)
    with holding(made, noted=False) as process:
        code, said = rollback(made, old, "--yes")
        assert (code, "no live run" in said) == (1, True)
        assert process.poll() is None
        note_it(made, process.pid)
        code, said = rollback(made, old, "--yes")
        assert code == 0, said
        assert process.wait(30) == 0
    assert current_holder(made.layout) is None
    current = made.promotions.current
    assert current is not None
    assert current.bundle_sha256 == before


def test_a_process_of_another_identity_is_not_ended() -> None:
    with child([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert "another process by now" in end_process(process.pid, identity="x:1")
        assert "nothing says" in end_process(process.pid, identity=None)
        assert process.poll() is None
        assert end_process(process.pid, identity=process_identity(process.pid)) == ""
        assert process.wait(30) == -signal.SIGTERM


@given(
    weights=st.lists(st.decimals("-0", "0.3", places=3), min_size=1, max_size=3),
    held=st.integers(0, 60),
    price=st.decimals("0.5", "90", places=2),
)
def test_the_costs_of_the_lines_sum_to_what_the_plan_forecasts(weights: list[Decimal], held: int, price: Decimal) -> None:
    targets = {f"NYSE:{name}": str(weight) for name, weight in zip("ABC", weights, strict=False)}
    prices = dict.fromkeys(targets, (str(price), str(price + D("0.01"))))
    plan = planned(inputs(targets, prices=prices, held={"NYSE:A": str(held)} if held else {}))
    traded = sum((line.quantity * (line.bid + line.ask) / 2 * line.unit_value_base for line in plan.lines if line.trades), D(0))  # type: ignore[operator]
    assert abs(cost_total(plan) - plan.forecast_cost_bps * traded / 10_000) <= traded * D("1e-9")
    assert all((cost_of(line) is None) is not line.trades for line in plan.lines)


def test_the_step_that_comes_back_is_the_highest_within_the_capital_of_now() -> None:
    fold = promoted(CANDIDATE, SHADOW, CANARY, UP_1, *of(B, CANDIDATE, SHADOW, CANARY))
    move = rollback_move(fold.promotions, no_more=True)
    assert (move.action, move.bundle_sha256, move.to_state, move.to_step) == (Action.ROLLBACK, A, State.CANARY, 0)
    assert rollback_move(fold.promotions, no_more=False).to_step == 1
    with pytest.raises(NotAsked, match="PROMOTION_IMPOSSIBLE"):
        rollback_move(promoted(CANDIDATE).promotions, no_more=False)


def test_a_bundle_that_was_live_comes_back_as_a_canary_where_it_comes_back_lower() -> None:
    fold = promoted(*TO_LIVE, *of(B, CANDIDATE, SHADOW, CANARY))
    move = rollback_move(fold.promotions, no_more=True)
    assert (move.to_state, move.to_step) == (State.CANARY, 0)
    assert not fold.promotions.problem(move)
    with pytest.raises(NotAsked, match="no more than 0 of equity"):
        rollback_move(promoted(*TO_LIVE, *of(B, CANDIDATE, SHADOW, CANARY), *of(B, RETIRED)).promotions, no_more=True)
