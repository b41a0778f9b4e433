"""`sluice promote status` as its user has it: one screen of where a bundle stands, what is missing, and when it can be there."""

import io
import json
import re
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.promotion_state import promotions_of
from commands.main import run
from commands.promote_table import span_text
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.promotion_lines import promotion_line
from orders.promotion import STEPS, Action, Move, State
from tests.gates.made import BUNDLE, DAY_NS, Made, made_record

D = Decimal
ROAD = ((State.CANDIDATE, ("ann",), None), (State.SHADOW, ("ann",), "e" * 64), (State.CANARY, ("ann", "bob"), "e" * 64))
HIGH, WIDE = 24, 100


def sluice(*words: object) -> tuple[int, str]:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = run([str(word) for word in words])
    return code, said.getvalue()


def promoted(root: Path, *, states: int, days_ago: int) -> Layout:
    """A live record in which the bundle came to its state so many days ago."""
    live = Layout(root / "live")
    then = time.time_ns() - days_ago * DAY_NS
    journal = open_journal(live, now_ns=then, run_id="promote", durable=False)
    for number, (state, signers, evidence) in enumerate(ROAD[:states]):
        move = Move(bundle_sha256=BUNDLE, action=Action.PROMOTE, to_state=state, to_step=0, steps=STEPS)
        said: dict[str, Any] = {"environment": "made", "by": "ann", "reason": "a test", "signers": signers}
        said |= {"evidence_sha256": evidence, "gates_sha256": evidence, "statement_sha256": "5" * 64}
        line = promotion_line(journal.fold.promotions, move, ts_ns=then + number, run_id="promote", **said)
        journal.fold.apply(line, seq=journal.append(line))
    journal.close()
    return live


def shadowed(root: Path, made: Made, days: int) -> Path:
    begin = time.time_ns() - days * DAY_NS - 10**9
    return made_record(root / "shadow", replace(made, begin_ns=begin, days=D(days))).directory


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Layout, Path]:
    """A bundle twelve days in shadow, with evidence of all of them."""
    return promoted(tmp_path, states=2, days_ago=12), shadowed(tmp_path, Made(plans=24, runs=4), days=12)


def status(live: Layout, shadow: Path, *more: object) -> tuple[int, str]:
    where = ("--lakehouse", live.directory, "--source", f"shadow={shadow}", "--source", f"replay={shadow}")
    return sluice("promote", "status", *where, "--source", f"rehearsal={live.directory.parent}", *more)


def test_one_screen_says_state_capital_gates_and_what_is_missing(scene: tuple[Layout, Path]) -> None:
    code, said = status(*scene)
    lines = said.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= WIDE
    assert len(lines) <= HIGH
    assert lines[0] == f"bundle   {BUNDLE[:16]}   environment made"
    assert re.fullmatch(r"state    shadow since .* UTC, 12.0 days ago", lines[1])
    assert lines[2] == "capital  0 % of equity; previous none"
    assert lines[3] == "next     to canary at 1 %: 0 of 16 gates pass, 0 fail, 16 lack evidence"
    cost = r"^cost +INCONCLUSIVE +0 +-?[0-9.]+ … [0-9.]+ <= 5 bp +480   18 d +52,000 \d+ \w{3}$"
    assert re.search(cost, said, re.MULTILINE), said
    assert re.search(r"^tracking +INCONCLUSIVE +12.5 +<= 150 bp +12 d   18 d +\d+ \w{3}$", said, re.MULTILINE), said
    assert "no halt drill of this code: `sluice halt --drill` (halt_drill)" in said


def test_json_is_the_same_facts_and_the_evidence(scene: tuple[Layout, Path]) -> None:
    code, said = status(*scene, "--json")
    document = json.loads(said)
    assert code == 0
    assert (document["bundle_sha256"], document["move"], document["allows"]) == (BUNDLE, "canary", False)
    assert document["standing"]["state"] == "shadow"
    assert len(document["evidence"]["results"]) == 16
    assert {one["verdict"] for one in document["evidence"]["results"]} == {"INCONCLUSIVE"}


def test_when_everything_else_is_there_the_day_is_told(scene: tuple[Layout, Path], tmp_path: Path) -> None:
    """Only time is missing: the screen names the day, 18 days on."""
    gates = tmp_path / "gates.toml"
    text = Path("data/gates/default.toml").read_text()
    kept = [part for part in text.split("\n\n") if not part.startswith("[gates.") or part.startswith("[gates.burn_in]")]
    gates.write_text("\n\n".join(kept).replace('min_notional_base = "100000"', 'min_notional_base = "0"') + "\n")
    _, said = status(*scene, "--gates", gates)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 18 * 86_400))
    assert f"next     to canary at 1 %: 0 of 1 gates pass, 0 fail, by {day}" in said
    assert "never" not in said


def test_a_gate_that_can_never_be_met_is_said_as_such(tmp_path: Path) -> None:
    live = promoted(tmp_path, states=2, days_ago=12)
    shadow = shadowed(tmp_path, Made(plans=24, runs=4, unproven=True, breaks=2), days=12)
    _, said = status(live, shadow)
    assert re.search(r"^breaks +FAIL +2 +<= 0 +12 d +never$", said, re.MULTILINE), said
    assert "2 can never be met" in said
    assert "never    0.75 is below 1, and stays so for this bundle (runs_verified)" in said


def test_a_canary_is_shown_at_its_step_with_its_dwell_and_a_failing_gate_asks_for_a_person(tmp_path: Path) -> None:
    live = promoted(tmp_path, states=3, days_ago=6)
    begin = time.time_ns() - 6 * DAY_NS + 10**9
    made_record(live.directory, Made(kind="live", runs=2, plans=12, begin_ns=begin, days=D("5.9"), unknown=60))
    _, said = status(live, tmp_path / "none")
    assert "state    canary step 1 of 4 since" in said
    assert "capital  1 % of equity; previous none" in said
    assert re.search(r"^next     step up to 5 %: \d of 15 gates pass, 1 fail: a person must look$", said, re.MULTILINE)
    assert re.search(r"^live_unknowns +FAIL +25 ", said, re.MULTILINE)
    assert re.search(r"^ +ledger: dwell 6 d >= 5 d$", said, re.MULTILINE)
    passing = " ".join(said.split("pass     ")[1].split("gate ")[0].split())
    assert passing.startswith("canary: live_approved 100 >= 100 %, ")
    assert "live_cost 0 <= 5 bp, live_latency 5 <= 500 ms" in passing


def no_gate(tmp_path: Path) -> Path:
    """A file in which the dwell alone stands before a step up."""
    text = Path("data/gates/default.toml").read_text()
    path = tmp_path / "gates.toml"
    kept = [part for part in text.split("\n\n") if not part.startswith("[gates.") or part.startswith("[gates.burn_in]")]
    path.write_text("\n\n".join(kept) + "\n")
    return path


def test_a_bundle_that_is_paused_is_not_ready_and_its_days_are_those_of_its_step(tmp_path: Path) -> None:
    live = promoted(tmp_path, states=3, days_ago=12)
    code, said = sluice("promote", "current", "--pause", "--lakehouse", live.directory, "--by", "ann", "--reason", "a look")
    assert code == 0, said
    _, said = status(live, tmp_path / "none", "--gates", no_gate(tmp_path))
    assert re.search(r"^state    canary step 1 of 4 since .* UTC, 12.0 days ago; paused$", said, re.MULTILINE), said
    assert "next     resume, which two persons sign; then step up to 5 %: 1 of 1 gates pass, 0 fail\n" in said
    assert "record   promotions verified to line 4" in said
    assert json.loads(status(live, tmp_path / "none", "--gates", no_gate(tmp_path), "--json")[1])["allows"] is False


def test_a_record_that_does_not_verify_makes_nothing_ready(tmp_path: Path) -> None:
    live = promoted(tmp_path, states=3, days_ago=12)
    _, said = status(live, tmp_path / "none", "--gates", no_gate(tmp_path))
    assert "next     step up to 5 %: 1 of 1 gates pass, 0 fail: ready" in said
    live.ledger.write_bytes(live.ledger.read_bytes().replace(b"shadow", b"shadov"))
    _, said = status(live, tmp_path / "none", "--gates", no_gate(tmp_path))
    assert "next     step up to 5 %: 1 of 1 gates pass, 0 fail, of a record that does not verify: a person must look" in said
    assert "record   LEDGER_" in said
    document = json.loads(status(live, tmp_path / "none", "--gates", no_gate(tmp_path), "--json")[1])
    assert (document["allows"], document["record_problem"][:7]) == (False, "LEDGER_")


SCENES: dict[str, dict[str, Any]] = {
    "twelve days of a shadow": {},
    "all that is bad in it": {"unproven": True, "breaks": 2, "unknown": 60, "rejected": 60, "worse_bps": D(30), "late_ms": 900},
    "nothing of it": {"bundle": "b2" * 32},
}


@pytest.mark.parametrize("move", ["shadow", "canary", "step_up", "live", "while_running"])
@pytest.mark.parametrize("made", SCENES.values(), ids=SCENES)
def test_every_gate_that_blocks_is_named_on_a_screen_of_24_lines(made: dict[str, Any], move: str, tmp_path: Path) -> None:
    live = promoted(tmp_path, states=3, days_ago=12)
    shadow = shadowed(tmp_path, replace(Made(plans=24, runs=4), **made), days=12)
    begin = time.time_ns() - 12 * DAY_NS + 10**9
    made_record(live.directory, replace(Made(kind="live", runs=2, plans=12, begin_ns=begin, days=D("11.9")), **made))
    _, said = status(live, shadow, "--move", move)
    lines = said.splitlines()
    assert (len(lines) <= HIGH, max(map(len, lines)) <= WIDE) == (True, True), said
    document = json.loads(status(live, shadow, "--move", move, "--json")[1])
    blocking = {one["gate"]["name"] for one in document["evidence"]["results"] if one["verdict"] != "PASS"}
    unnamed = {name for name in blocking if not re.search(rf"\b{name}\b", said)}
    assert unnamed == set() or "(every other gate)" in said
    for name in {one["gate"]["name"] for one in document["evidence"]["results"]} - blocking:
        assert re.search(rf"^(pass| ).*\b{name}\b", said, re.MULTILINE), name


SPANS = {"0": "0 s", "0.00006": "5.2 s", "0.0002": "17 s", "0.01": "14 min", "0.2": "4.8 h", "0.9": "22 h", "1": "1 d",
         "12.34": "12.3 d", "99.96": "100 d", "690.2": "690 d"}  # fmt: skip


@pytest.mark.parametrize(("days", "told"), SPANS.items())
def test_days_are_told_in_the_unit_a_person_reads(days: str, told: str) -> None:
    assert span_text(D(days)) == told


def test_a_bundle_that_was_never_promoted_is_shown_by_its_hash_and_none_at_all_is_an_error(tmp_path: Path) -> None:
    code, said = sluice("promote", "status", "--lakehouse", tmp_path / "nothing")
    assert (code, "BUNDLE_UNKNOWN" in said) == (2, True)
    live = promoted(tmp_path, states=1, days_ago=1)
    code, said = sluice("promote", "status", BUNDLE[:6], "--lakehouse", live.directory)
    assert code == 0
    assert "next     to shadow" in said


def test_promotions_read_from_the_copy_are_those_of_the_fold(tmp_path: Path) -> None:
    live = promoted(tmp_path, states=3, days_ago=1)
    ours, folds = promotions_of(live), examine(live).fold.promotions
    assert (ours.current, ours.last_sha256, ours.lines) == (folds.current, folds.last_sha256, 3)
