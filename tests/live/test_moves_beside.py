"""A canary that trades at the rehearsal exchange, moved from another terminal: down, paused, resumed, up, retired."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout
from tests.live.canary import Canary, canary
from tests.live.test_ramp_live import EQUITY, carried_out, sold_down, whole_record
from tests.promotion.world import document, sluice


def traded(made: Canary, process: Any, weight: str) -> None:
    """Show another manifest and wait until it was carried out."""
    done = len(made.desk.of("cycle_end"))
    made.desk.weigh(weight, seconds_ago=0)
    made.desk.until(lambda: len(made.desk.of("cycle_end")) > done, process)


def moves(made: Canary) -> list[tuple[str, str, str]]:
    """Since the run began, all written by it: action, who, the fraction that is left."""
    started, *_ = made.desk.of("run_start")
    later = [one for one in made.desk.of("promotion") if one["seq"] > started["seq"]]
    assert {one["run_id"] for one in later} <= {started["run_id"]}
    return [(one["action"], one["by"], one["fraction"]) for one in later]


def started(made: Canary) -> Any:
    process = made.start()
    made.desk.until(lambda: carried_out(made), process)
    return process


def test_a_canary_is_stepped_down_paused_resumed_and_stepped_up_while_it_trades(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = started(made)
        assert EQUITY * Decimal("0.019") < made.worth() < EQUITY * Decimal("0.0201")
        code, said = made.promoting.promote("--step-down", key=None)
        assert code == 0, said
        run = made.desk.of("run_start")[0]["run_id"]
        assert f"by run {run}" in said
        made.desk.until(lambda: sold_down(made, "0.0041"), process)
        told = document(made.promoting.promote("--pause", "--json", key=None)[1])
        assert (told["recorded"], told["by_run"], made.desk.lines[told["log_line"] - 1]["action"]) == (True, run, "pause")
        held = made.worth()
        traded(made, process, "0.4")
        assert made.worth() <= held
        made.promoting.moved("--resume")
        made.promoting.moved("--step-up")
        traded(made, process, "0.2")
        assert EQUITY * Decimal("0.019") < made.worth() < EQUITY * Decimal("0.0201")
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert moves(made) == [
            ("step_down", "ann", "0.01"), ("pause", "ann", "0"), ("resume", "ann", "0.01"), ("step_up", "ann", "0.05"),
        ]  # fmt: skip
        assert made.traded(2) == ["SELL", "SELL"]
        assert "moved    step down of" in said
        again = made.start()  # what the run recorded is what a start goes by
        made.desk.until(lambda: len(made.desk.of("run_start")) == 2, again)
        status = made.desk.command("status").communicate(timeout=60)[0]
        assert "capital  0.05 of equity   canary, step 2 of 3" in status
        said = made.desk.end(again)
        assert again.returncode == 0, said
        assert [line["code"] for line in made.desk.of("alarm")].count("PROMOTION_MOVED") == 4
        whole_record(made)


def test_one_signature_and_a_gate_that_fails_raise_nothing_and_the_failure_pauses_the_run(tmp_path: Path) -> None:
    with canary(tmp_path, step=0) as made:
        process = started(made)
        code, said = made.promoting.promote("--step-up")
        assert (code, "nothing has moved yet" in said) == (0, True), said
        code, said = sluice("promote", "record", "--config", made.desk.config)
        assert "PROMOTION_UNSIGNED" in said
        made.promoting.drill(passed=False)
        code, said = made.promoting.promote("--step-up")
        assert code == 3, said
        assert "refused  GATE_FAILED" in said
        assert "paused   until persons resume it, log line" in said
        code, said = made.promoting.sign()
        assert "PROMOTION_REPLAYED" in said
        held = made.worth()
        traded(made, process, "0.4")
        assert made.worth() <= held
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert moves(made) == [("pause", "engine", "0")]
        assert made.automatic() == [("pause", "GATE_FAILED", "0")]
        whole_record(made)


def test_what_persons_signed_elsewhere_the_run_records_once(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        signed = tmp_path / "signed.json"
        made.promoting.promote("--to", "live", "--output", str(signed))
        made.promoting.sign("bob", signed, "--output", signed)
        process = started(made)
        for code, words in ((0, "by run"), (1, "PROMOTION_REPLAYED")):
            found, said = sluice("promote", "record", signed, "--config", made.desk.config)
            assert (found, words in said) == (code, True), said
        traded(made, process, "0.02")
        assert EQUITY * Decimal("0.035") < made.worth() < EQUITY * Decimal("0.0401")  # a fiftieth each, of the whole
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert moves(made) == [("promote", "ann", "1")]
        whole_record(made)


def test_a_retired_bundles_run_goes_on_opens_nothing_and_can_be_flattened(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = started(made)
        code, said = made.promoting.promote("--to", "retired", key=None)
        assert code == 0, said
        held = made.worth()
        traded(made, process, "0.4")
        assert made.worth() <= held
        made.desk.until((Layout(made.desk.world.lakehouse).snapshots / "quotes.csv").exists, process)
        code, said = sluice("flatten", made.desk.config, "--by", "ann", "--reason", "it is over", "--yes")
        assert code == 0, said
        assert made.worth() < 1  # below what the venue takes
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert "nothing opens any more" in said
        whole_record(made)
        again = made.start()
        said = again.communicate(timeout=60)[0]
        assert again.returncode != 0
        assert "STATE_NOT_LIVE" in said


def test_another_bundle_is_recorded_beside_the_run_up_to_shadow_and_no_further(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = started(made)
        other = tmp_path / "other.toml"
        text = made.desk.config.read_text()
        assert "absent_s = 8" in text
        other.write_text(text.replace("absent_s = 8", "absent_s = 9"))
        code, said = sluice("bundle", "create", other, "--json")
        assert code == 0, said
        promoting = replace(made.promoting, config=other, bundle=document(said)["sha256"])
        for state in ("candidate", "shadow"):
            code, said = promoting.promote("--to", state)
            assert (code, "by run" in said) == (0, True), said
        promoting.promote("--to", "canary")
        code, said = promoting.sign()
        assert code == 3, said
        assert "MOVE_RUN_FIRST" in said
        assert "End the run" in said
        made.promoting.moved("--pause")
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert moves(made) == [("promote", "ann", "0"), ("promote", "ann", "0"), ("pause", "ann", "0")]
        assert promoting.promotions.current.bundle_sha256 == made.promoting.bundle  # type: ignore[union-attr]
        whole_record(made)


def test_a_run_that_no_promotion_governs_takes_none(tmp_path: Path) -> None:
    with canary(tmp_path, step=None) as made:
        process = started(made)
        code, said = made.promoting.promote("--to", "candidate")
        assert code == 3, said
        assert "MOVE_UNGOVERNED" in said
        assert "End the run first" in said
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert moves(made) == []
        code, said = made.promoting.promote("--to", "candidate")
        assert (code, "recorded log line" in said) == (0, True), said
        assert not Layout(made.desk.world.lakehouse).move_request.exists()
        whole_record(made)
