"""`sluice sentinel explain` and `coverage` over a real run: a parent with children, and a line that a control denied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from orders.ids import client_order_id
from tests.gate.world import BTC, CRYPTO, ETH, SOL, Ran, World, manifest_text, quote, run_backtest

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 1\nslices = 4\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """BTC is worth more than an order may be; ETH and SOL go in children."""
    world = World(tmp_path_factory.mktemp("explain"), latency_ms="5", jitter_ms="0", policy='schedule = "slow"', schedules=TWAP)
    world.quotes = [quote(CRYPTO[i % 3], 25 * i) for i in range(100)]
    world.write()
    text = world.config_path.read_text().replace('max_order_value_base = "60000"', 'max_order_value_base = "25000"')
    world.config_path.write_text(text)
    first = world.save("first.json", manifest_text({BTC.symbol: "0.4", ETH.symbol: "0.2", SOL.symbol: "0.1"}))
    ran = run_backtest(world, [(60, first)])
    return world.root / "backtest", ran


def asked(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    assert run(["sentinel", *words, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def explained(made: tuple[Path, Ran], capsys: pytest.CaptureFixture[str], order: str) -> dict[str, Any]:
    return asked(capsys, "explain", order, "--lakehouse", str(made[0]))


def parent(made: tuple[Path, Ran], symbol: str) -> dict[str, Any]:
    return next(line for line in made[1].of("intent") if line["symbol"] == symbol and line["child"] == 0)


def answer(document: dict[str, Any], stage: str, control: str) -> dict[str, Any]:
    return next(row for row in document["stages"][stage]["answers"] if row["control"] == control)


def test_a_parent_is_explained_with_all_its_children_and_what_they_filled(made, capsys):
    own = parent(made, ETH.symbol)
    document = explained(made, capsys, own["client_order_id"])
    assert [child["child"] for child in document["children"]] == [1, 2, 3, 4]
    assert {child["end"] for child in document["children"]} == {"filled"}
    assert document["filled"] == own["quantity"]
    assert document["parent"] is None
    assert document["stages"]["gate"]["message"] == "it did not reach the gate"
    assert document["end"] == f"cancelled, {own['quantity']} filled: schedule_done"


def test_a_child_names_its_parent_its_own_verdicts_and_the_plan_of_its_parents_line(made, capsys):
    own = parent(made, ETH.symbol)
    child = next(line for line in made[1].of("intent") if line["parent_client_order_id"] == own["client_order_id"])
    document = explained(made, capsys, child["client_order_id"])
    logged = next(line for line in made[1].of("verdict") if line["client_order_id"] == child["client_order_id"])
    assert document["parent"]["client_order_id"] == own["client_order_id"]
    assert document["plan_line"]["symbol"] == ETH.symbol
    assert sorted(
        [row["control"], row["outcome"], row["observed"], row["limit"]]
        for row in document["stages"]["gate"]["answers"]
        if row["outcome"] != "not asked"
    ) == sorted(logged["verdicts"])
    assert answer(document, "gate", "CONSERVATION")["outcome"] == "ALLOW"
    assert [event["what"] for event in document["events"]] == ["intent", "gate ALLOW", "send submit", "fill"]
    assert document["end"] == "filled"


def test_every_control_of_both_stages_answers_or_says_why_it_was_not_asked(made, capsys):
    child = next(line for line in made[1].of("intent") if line["child"] == 1)
    document = explained(made, capsys, child["client_order_id"])
    rows = [row for stage in document["stages"].values() for row in stage["answers"]]
    assert {row["number"] for row in rows} == set(range(1, 22)) - {13}
    assert [row for row in rows if not row["observed"]] == []
    silent = {row["control"] for row in rows if row["outcome"] == "not asked"}
    assert silent == {"REGIME_PARITY"}  # at the gate: the plan's regime still holds


def test_a_line_that_a_control_denied_is_found_by_its_cycle_and_by_the_id_it_would_have_had(made, capsys):
    plan = next(line for line in made[1].of("plan"))
    line = next(row["line"] for row in plan["plan"]["lines"] if row["symbol"] == BTC.symbol)
    order_id = client_order_id(
        environment=plan["plan"]["environment"], manifest_sha256=plan["manifest_sha256"], cycle=1, line=line
    )
    by_line = explained(made, capsys, f"1:{line}")
    assert by_line == explained(made, capsys, order_id[:12])
    assert by_line["client_order_id"] == order_id
    denied = answer(by_line, "plan", "MAX_ORDER_VALUE")
    assert (denied["outcome"], denied["limit"], denied["scope"]) == ("DENY", "25000 USD", "order")
    assert by_line["end"] == "denied in the plan: MAX_ORDER_VALUE"
    assert by_line["intent"] is None


def test_a_control_that_denied_another_line_is_an_allow_of_this_one_and_says_so(made, capsys):
    document = explained(made, capsys, parent(made, SOL.symbol)["client_order_id"])
    other = answer(document, "plan", "MAX_ORDER_VALUE")
    assert (other["outcome"], other["scope"]) == ("ALLOW", "others")
    assert other["observed"] == "not this line; lines 1 of the plan were refused or made smaller"


def test_words_tell_the_order_both_stages_what_happened_and_the_end(made, capsys):
    own = parent(made, ETH.symbol)
    assert run(["sentinel", "explain", own["client_order_id"], "--lakehouse", str(made[0])]) == 0
    said = capsys.readouterr().out
    assert [line.split(" ")[0] for line in said.splitlines() if line and not line.startswith(" ")] == [
        "order", "line", "plan", "gate", "beside", "then", "children", "end",
    ]  # fmt: skip
    assert f"BUY {own['quantity']} {ETH.symbol} @ market   cycle 1" in said


@pytest.mark.parametrize(
    ("order", "code"),
    [("0" * 32, "ORDER_UNKNOWN"), ("ab", "ORDER_UNKNOWN"), ("9:1", "ORDER_UNKNOWN"), ("1:99", "ORDER_UNKNOWN")],
    ids=["an id that is in no line", "two digits", "a cycle that never was", "a line that no plan has"],
)
def test_an_order_that_is_not_there_is_named_and_nothing_else_is_said(made, capsys, order, code):
    document = asked(capsys, "explain", order, "--lakehouse", str(made[0]), code=2)
    assert document["error"]["code"] == code


def test_a_beginning_that_two_orders_share_is_answered_with_both(made, capsys, tmp_path):
    """Ids are hashes; the log is copied with one of them renamed."""
    ids = sorted({line["client_order_id"] for line in made[1].of("intent") if line["child"]})
    text = (made[0] / "execution_logs.jsonl").read_text().replace(ids[1], ids[0][:8] + ids[1][8:])
    (tmp_path / "execution_logs.jsonl").write_text(text)
    document = asked(capsys, "explain", ids[0][:8], "--lakehouse", str(tmp_path), code=2)
    assert document["error"]["code"] == "ORDER_AMBIGUOUS"
    assert ids[0] in document["error"]["message"]


def test_coverage_counts_what_was_denied_by_control_and_when(made, capsys):
    document = asked(capsys, "coverage", "--lakehouse", str(made[0]))
    rows = {row["number"]: row for row in document["controls"]}
    assert [row["state"] for row in document["controls"]].count("fired") == 1
    assert (rows[2]["denied"], rows[2]["by_code"], rows[2]["rts6"]) == (1, {"MAX_ORDER_VALUE": 1}, "15(1)(b)")
    plan = next(line for line in made[1].of("plan"))
    assert (rows[2]["last_line"], rows[2]["last_market_ns"]) == (plan["seq"], str(plan["market_ns"]))
    assert rows[15]["state"] == "asked"  # children were counted
    assert rows[11]["asked"] == len(made[1].of("verdict"))
    assert {number for number, row in rows.items() if row["state"] == "never asked"} == {13}


def test_coverage_of_a_run_that_is_not_in_the_log_and_of_no_log_is_refused(made, capsys, tmp_path):
    words = ("coverage", "--lakehouse", str(made[0]), "--run", "nobody")
    assert asked(capsys, *words, code=2)["error"]["code"] == "RUN_UNKNOWN"
    assert asked(capsys, "coverage", "--lakehouse", str(tmp_path), code=1)["error"]["code"] == "VANISHED"


def test_both_change_no_file(made, capsys):
    before = {path: path.read_bytes() for path in made[0].rglob("*") if path.is_file()}
    explained(made, capsys, parent(made, ETH.symbol)["client_order_id"])
    asked(capsys, "coverage", "--lakehouse", str(made[0]))
    assert {path: path.read_bytes() for path in made[0].rglob("*") if path.is_file()} == before
