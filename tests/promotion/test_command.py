"""`sluice promote`: gates are asked, persons sign, a line is recorded; and each way in which nothing moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands.append_line import command_journal
from lakehouse.lock import DataDirectoryLock
from lakehouse.records import PromotionLine
from orders.promotion import State
from tests.lakehouse_out.conftest import Lines
from tests.promotion.made import B
from tests.promotion.world import Promoting, document, promoting, sluice

LINES = Lines()


@pytest.fixture
def made(tmp_path: Path) -> Promoting:
    return promoting(tmp_path)


def lines(made: Promoting) -> int:
    return made.promotions.lines


def test_a_bundle_goes_from_nothing_to_live_and_every_move_is_in_the_log(made: Promoting) -> None:
    made.canary()
    made.moved("--step-up")
    made.moved("--to", "live")
    standing = made.promotions.current
    assert standing is not None
    assert (standing.bundle_sha256, standing.state, standing.fraction) == (made.bundle, State.LIVE, 1)
    code, said = sluice("promote", "log", "--lakehouse", made.layout.directory, "--json")
    moves = [(line["to_state"], line["fraction"], line["signers"]) for line in document(said)["promotions"]]
    assert code == 0
    assert moves == [
        ("candidate", "0", ["ann"]), ("shadow", "0", ["ann"]), ("canary", "0.01", ["ann", "bob"]),
        ("canary", "0.05", ["ann", "bob"]), ("live", "1", ["ann", "bob"]),
    ]  # fmt: skip


def test_what_will_change_is_shown_before_it_is_signed(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    code, said = made.promote("--to", "canary")
    assert code == 0
    for words in ("shadow -> canary step 1 of 3", "capital  0 % -> 1 %", "1 of 1 pass", "halt_drill", "nothing has moved yet"):
        assert words in said
    assert f"sluice promote sign {made.layout.promotion_request} --key NAME --config {made.config}" in said
    assert lines(made) == 2


def test_one_persons_key_raises_no_capital_and_the_second_records_it(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    asked = document(made.promote("--to", "canary", "--json")[1])
    assert (asked["recorded"], asked["signers"], asked["persons_needed"]) == (False, ["ann"], 2)
    signed = document(made.sign("bob", "--json")[1])
    assert (signed["recorded"], signed["signers"], signed["live_fraction_after"]) == (True, ["ann", "bob"], "0.01")
    assert not made.layout.promotion_request.exists()


def test_a_request_can_be_signed_elsewhere_and_recorded_later(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    away = made.root / "away.json"
    code, said = made.promote("--to", "canary", "--output", str(away), key=None)
    assert (code, lines(made)) == (0, 2), said
    assert made.sign("ann", away, "--output", away)[0] == 0
    assert lines(made) == 2
    assert "recorded" in made.sign("bob", away)[1]
    assert lines(made) == 3


def show(made: Promoting, *more: object) -> tuple[int, str]:
    return sluice("promote", "show", "--config", made.config, *more)


def test_a_request_is_shown_with_what_it_changes_who_signed_and_why_it_does_not_hold(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    made.promote("--to", "canary")
    code, said = show(made)
    assert (code, "capital  0 % -> 1 %" in said, "signed   ann" in said, "PROMOTION_UNSIGNED" in said) == (3, True, True, True)
    away = made.root / "away.json"
    made.sign("bob", "--output", away)
    assert document(show(made, away, "--json")[1])["holds"] is True
    assert show(made, away)[0] == 0
    assert sluice("promote", "record", away, "--config", made.config)[0] == 0
    code, said = show(made, away)
    assert (code, "PROMOTION_REPLAYED" in said) == (3, True)


def test_status_shows_what_may_trade_and_that_it_is_paused(made: Promoting) -> None:
    made.moved("--to", "candidate")
    assert "no bundle may trade live" in sluice("status", "--lakehouse", made.layout.directory)[1]
    made.moved("--to", "shadow")
    made.moved("--to", "canary")
    said = sluice("status", "--lakehouse", made.layout.directory)[1]
    assert f"promoted {made.bundle[:16]}  canary step 1 of 3 since " in said
    made.moved("--pause")
    said = sluice("status", "--lakehouse", made.layout.directory)[1]
    assert re.search(r"^promoted .*canary step 1 of 3 since .*, paused$", said, re.MULTILINE), said
    facts = document(sluice("status", "--lakehouse", made.layout.directory, "--json")[1])["promoted"]
    assert (facts["current"]["fraction"], facts["previous"]) == ("0", None)


def test_what_too_few_signed_is_not_recorded(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    made.promote("--to", "canary")
    code, said = sluice("promote", "record", "--config", made.config)
    assert (code, "PROMOTION_UNSIGNED" in said, lines(made)) == (1, True, 2), said


def test_a_failing_gate_refuses_and_pauses_what_trades(made: Promoting) -> None:
    made.canary()
    made.drill(passed=False)
    code, said = made.promote("--step-up")
    assert (code, "GATE_FAILED" in said, "halt_drill" in said) == (3, True, True)
    current = made.promotions.current
    assert current is not None
    assert current.paused.startswith("GATE_FAILED: ann asked to step up: halt_drill")
    assert (current.fraction, current.step) == (0, 0)


def test_a_failing_gate_pauses_nothing_that_does_not_trade(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.drill(passed=False)
    assert made.promote("--to", "shadow")[0] == 3
    assert (lines(made), made.promotions.standings[made.bundle].paused) == (1, "")


def test_too_little_is_refused_with_what_is_missing_and_pauses_nothing(tmp_path: Path) -> None:
    made = promoting(tmp_path, drill=False)
    made.moved("--to", "candidate")
    code, said = made.promote("--to", "shadow", "--json")
    found = document(said)
    assert (code, found["refused"], found["paused_line"]) == (3, "GATE_INCONCLUSIVE", None)
    assert found["gates"][0]["missing"]
    assert lines(made) == 1


def test_while_a_run_goes_on_a_failing_gate_says_that_it_could_not_pause(made: Promoting) -> None:
    made.canary()
    made.drill(passed=False)
    with DataDirectoryLock(made.layout, run_id="a-run"):
        code, said = made.promote("--step-up")
    assert (code, "not paused" in said, "sluice halt" in said) == (3, True, True)
    assert lines(made) == 3


@pytest.mark.parametrize(
    ("words", "fraction", "state"),
    [
        (("--step-down",), "0.01", State.CANARY),
        (("--pause",), "0", State.CANARY),
        (("--to", "retired"), "0", State.RETIRED),
    ],
    ids=["step down", "pause", "retire"],
)
def test_what_only_takes_away_needs_no_gate_no_key_and_no_config(made, words, fraction, state) -> None:
    made.canary()
    made.moved("--step-up")
    made.gates.unlink()
    place = ("--lakehouse", made.layout.directory, "--by", "ops", "--reason", "enough")
    code, said = sluice("promote", "current", *words, *place)
    assert code == 0, said
    standing = made.promotions.standings[made.bundle]
    assert (str(standing.fraction), standing.state) == (fraction, state)


def test_a_resume_that_raises_needs_two_persons_again(made: Promoting) -> None:
    made.canary()
    made.moved("--pause")
    assert "nothing has moved yet" in made.promote("--resume")[1]
    assert made.promotions.live_fraction == 0
    made.sign()
    assert str(made.promotions.live_fraction) == "0.01"


def test_a_first_promotion_leaves_the_first_run_free_to_send_and_a_halt_before_it_does_not(tmp_path: Path) -> None:
    free, halted = promoting(tmp_path / "free"), promoting(tmp_path / "halted")
    free.moved("--to", "candidate")
    assert free.layout.permission.exists()
    sluice("halt", "--by", "ops", "--reason", "not yet", "--lakehouse", halted.layout.directory)
    halted.moved("--to", "candidate")
    assert not halted.layout.permission.exists()


def refused(made: Promoting, code: str, exit_code: int, *words: str, key: str | None = "", bundle: str | None = None) -> None:
    before = lines(made)
    found, said = made.promote(*words, key=key, bundle=bundle)
    assert (found, code in said) == (exit_code, True), said
    assert lines(made) == before


def test_a_move_out_of_order_is_refused(made: Promoting) -> None:
    made.moved("--to", "candidate")
    for words in (("--to", "canary"), ("--to", "candidate"), ("--step-up",), ("--step-down",), ("--resume",)):
        refused(made, "PROMOTION_IMPOSSIBLE", 3, *words)


def test_a_config_that_is_not_its_bundle_any_more_is_refused_and_named(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.edit("reconcile_s = 60", "reconcile_s = 61")
    refused(made, "BUNDLE_DIFFERS", 3, "--to", "shadow")


def test_an_unknown_bundle_and_an_alias_of_none_are_refused(made: Promoting) -> None:
    made.moved("--to", "candidate")
    refused(made, "BUNDLE_UNKNOWN", 2, "--to", "candidate", bundle=B)
    refused(made, "BUNDLE_UNKNOWN", 2, "--pause", bundle="current")
    refused(made, "BUNDLE_UNKNOWN", 2, "--pause", bundle="previous")


def test_a_bundle_may_be_named_by_the_beginning_of_its_hash(made: Promoting) -> None:
    made.moved("--to", "candidate")
    assert made.promote("--pause", bundle=made.bundle[:8])[0] == 0


def test_a_strangers_key_signs_nothing(made: Promoting) -> None:
    made.moved("--to", "candidate")
    sluice("keys", "new", "mallory", "--directory", made.keys)
    refused(made, "PROMOTE_PERSON", 2, "--to", "shadow", key="mallory")


@pytest.mark.parametrize(
    ("by", "key", "code"),
    [("Ann Smith", "ann", "PROMOTION_MALFORMED"), ("ann", "mallory", "PROMOTE_PERSON")],
    ids=["a name with a blank", "a stranger's key"],
)
def test_what_nobody_can_sign_is_said_before_any_gate_is_asked(made: Promoting, by: str, key: str, code: str) -> None:
    made.canary()
    made.drill(passed=False)  # a gate that would fail, and pause it
    sluice("keys", "new", "mallory", "--directory", made.keys)
    before, evidence = lines(made), sorted(made.layout.promotions.iterdir())
    where = ("--config", made.config, "--directory", made.keys, "--gates", made.gates, "--reason", "x")
    done, said = sluice("promote", made.bundle, "--step-up", *where, "--by", by, "--key", key)
    assert (done != 0, code in said, "GATE_FAILED" in said) == (True, True, False), said
    assert (lines(made), sorted(made.layout.promotions.iterdir())) == (before, evidence)


def test_other_steps_than_a_bundle_was_promoted_by_are_refused(made: Promoting) -> None:
    made.canary()
    made.gates.write_text(made.gates.read_text().replace('"0.05"', '"0.5"'))
    refused(made, "GATES_STEPS", 3, "--step-up")


def test_a_record_with_shadow_fills_is_no_place_for_promotions(made: Promoting) -> None:
    with command_journal(made.layout, now_ns=1, run_id="run-1") as journal:
        for line in (LINES.start(environment="live-shadow"), LINES.intent(), LINES.send(), LINES.fill(), LINES.stop()):
            journal.append(line)
    refused(made, "KIND_MIXED", 3, "--to", "candidate")


def test_a_record_of_another_environment_is_refused(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.edit('environment = "live-shadow"', 'environment = "other"')
    refused(made, "ENVIRONMENT_MIXED", 2, "--pause")


def test_nobody_is_the_engine(made: Promoting) -> None:
    made.moved("--to", "candidate")
    place = ("--lakehouse", made.layout.directory, "--reason", "x")
    code, said = sluice("promote", made.bundle, "--pause", "--by", "engine", *place)
    assert (code, "error" in said) == (2, True), said
    assert lines(made) == 1


def test_without_a_config_nothing_is_signed(made: Promoting) -> None:
    place = ("--lakehouse", made.layout.directory, "--by", "ann", "--reason", "x", "--gates", made.gates)
    code, said = sluice("promote", made.bundle, "--to", "candidate", *place)
    assert (code, "PROMOTE_NO_CONFIG" in said) == (2, True), said


def test_a_promotion_that_followed_another_is_not_played_again(made: Promoting) -> None:
    made.canary()
    made.moved("--pause")
    code, said = made.promote("--resume")
    assert code == 0, said
    kept = made.layout.promotion_request.read_bytes()
    made.sign()
    made.moved("--pause")
    made.layout.promotion_request.write_bytes(kept)
    code, said = made.sign()
    assert (code, "PROMOTION_REPLAYED" in said) == (1, True), said
    assert made.promotions.live_fraction == 0


def test_evidence_that_is_gone_or_altered_lets_nobody_sign(made: Promoting) -> None:
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    evidence = document(made.promote("--to", "canary", "--json")[1])["evidence_sha256"]
    path = made.layout.promotions / f"{evidence}.json"
    path.rename(path.with_suffix(".away"))
    code, said = made.sign()
    assert (code, "EVIDENCE_MISSING" in said, "PROMOTION_FILE_MISSING" in said) == (3, True, True), said
    path.write_bytes(path.with_suffix(".away").read_bytes().replace(b"halt_drill", b"kalt_drill"))
    assert "PROMOTION_FILE_ALTERED" in made.sign()[1]
    assert lines(made) == 2


def test_an_empty_record_has_an_empty_log_of_promotions(tmp_path: Path) -> None:
    assert sluice("promote", "log", "--lakehouse", tmp_path)[1].startswith("none ")


def test_the_line_says_who_asked_and_who_signed(made: Promoting) -> None:
    made.canary()
    granted = made.promotions.granted[made.bundle]
    assert isinstance(granted, PromotionLine)
    assert (granted.by, granted.signers, granted.reason) == ("ann", ("ann", "bob"), "a test")
