"""`sluice sentinel what-if` asks the controls as of now about a manifest, a plan, an order of the log or a given one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.main import run

from .conftest import World

AAPL = ("--symbol", "NASDAQ:AAPL", "--side", "BUY", "--quantity")


def asked(world: World, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = run(["sentinel", "what-if", "--config", str(world.config), "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def printed_plan(world: World, capsys: pytest.CaptureFixture[str], path: Path) -> dict[str, Any]:
    assert run(["plan", "--config", str(world.config), "--json"]) == 0
    text = capsys.readouterr().out
    path.write_text(text)
    document: dict[str, Any] = json.loads(text)
    return document


def said(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["control"], row["outcome"]) for row in document["plan"] if row["outcome"] != "ALLOW"]


def test_the_configs_manifest_is_judged_as_plan_judges_it_and_each_order_once_more_at_the_gate(world, capsys, tmp_path):
    plan = printed_plan(world, capsys, tmp_path / "plan.json")
    code, document = asked(world, capsys)
    assert (code, document["allowed"]) == (0, True)
    key = ("control", "outcome", "observed", "limit", "line")
    assert [[row[name] for name in key] for row in document["plan"]] == [[row[name] for name in key] for row in plan["verdicts"]]
    trading = [line for line in document["lines"] if line["side"] is not None]
    assert len(document["gate"]) == len(trading) > 10
    assert {row["outcome"] for row in document["gate"]} == {"ALLOW"}


@pytest.mark.parametrize("what", ["plan", "manifest"])
def test_a_file_of_a_plan_or_of_its_manifest_is_judged_alike(what, world, capsys, tmp_path):
    path = tmp_path / "plan.json"
    printed_plan(world, capsys, path)
    code, document = asked(world, capsys, str(path if what == "plan" else world.manifest))
    assert (code, document["decision"], said(document)) == (0, "PLAN", [])


def test_a_plan_is_judged_by_the_limits_of_now_and_refused_with_exit_3(world, capsys, tmp_path):
    path = tmp_path / "plan.json"
    printed_plan(world, capsys, path)
    world.configure('max_leverage = "1.05"', 'max_leverage = "0.5"')
    code, document = asked(world, capsys, str(path))
    assert (code, document["allowed"]) == (3, False)
    assert document["why"].startswith("MAX_LEVERAGE  gross 0.97")
    assert ("MAX_LEVERAGE", "DENY") in said(document)
    assert document["gate"] == []


def test_one_line_that_would_be_denied_is_a_refusal_though_the_rest_of_the_plan_passes(world, capsys, tmp_path):
    world.configure('max_order_value_base = "250000"', 'max_order_value_base = "115000"')
    code, document = asked(world, capsys)
    assert (code, document["decision"]) == (3, "PLAN")
    assert document["why"].startswith("MAX_ORDER_VALUE  2 of 19 orders")


def test_a_plan_whose_manifest_the_config_does_not_name_is_denied_for_what_is_not_known_of_it(world, capsys, tmp_path):
    path = tmp_path / "plan.json"
    printed_plan(world, capsys, path)
    other = Path("data/samples/sp500/manifests/2022-03-31.json").read_bytes()
    world.manifest.write_bytes(other)
    code, document = asked(world, capsys, str(path))
    assert code == 3
    assert [row["observed"] for row in document["plan"] if row["control"] == "PROVENANCE"] == ["missing"]
    assert ("MANIFEST_BOUNDS", "DENY") in said(document)
    assert document["notes"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["lines"][0].update(quantity="1e3"), lambda d: d.update(plan=None), lambda d: d["plan"].update(cash_base="x"),
        lambda d: d.update(lines=7), lambda d: d["lines"].append(d["lines"][0]), lambda d: d["plan"].update(more=1),
    ],
    ids=["another quantity", "no plan in it", "a number that is none", "no lines", "a line twice", "an unknown field"],
)  # fmt: skip
def test_a_plan_that_is_not_as_it_was_printed_is_refused_in_one_breath(spoil, world, capsys, tmp_path):
    path = tmp_path / "plan.json"
    document = printed_plan(world, capsys, path)
    spoil(document)
    path.write_text(json.dumps(document))
    code, answer = asked(world, capsys, str(path))
    assert (code, answer["error"]["code"]) == (1, "PLAN_MALFORMED")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((*AAPL, "10"), 0, ""),
        ((*AAPL, "2000"), 3, "MAX_ORDER_VALUE"),
        ((*AAPL, "10", "--limit-price", "100.00"), 3, "PRICE_COLLAR"),
        ((*AAPL, "20000"), 3, "NO_CASH"),
        (("--symbol", "NYSE:BBY", "--side", "SELL", "--quantity", "412"), 0, ""),
        (("--symbol", "NYSE:BBY", "--side", "SELL", "--quantity", "413"), 3, "REFUSED_SHORT"),
        (("--symbol", "NYSE:NONE", "--side", "BUY", "--quantity", "1"), 3, "NOT_LISTED"),
    ],
    ids=["it fits", "worth too much", "far from the market", "no cash", "all that is held", "one more", "not listed"],
)
def test_a_given_order_is_allowed_or_refused_with_its_code(words, code, why, world, capsys):
    found, document = asked(world, capsys, *words)
    assert (found, document["why"].partition(" ")[0]) == (code, why)


def test_an_order_that_lacks_cash_is_judged_as_if_it_were_there_and_refused_all_the_same(world, capsys):
    code, document = asked(world, capsys, *AAPL, "20000")
    assert code == 3
    assert ("MAX_ORDER_VALUE", "DENY") in said(document)


@pytest.mark.parametrize(
    "words", [("--symbol", "NASDAQ:AAPL"), ("4f1c", *AAPL, "1"), ("--side", "BUY")], ids=["part of it", "both", "a side alone"]
)
def test_half_an_order_and_two_questions_at_once_are_usage_errors(words, world, capsys):
    code, document = asked(world, capsys, *words)
    assert (code, document["error"]["code"]) == (2, "USAGE")


def test_a_halt_refuses_what_would_pass(world, capsys):
    assert run(["halt", "--lakehouse", str(world.root), "--reason", "a test"]) == 0
    capsys.readouterr()
    code, document = asked(world, capsys, *AAPL, "10")
    assert (code, document["why"].partition("  ")[0]) == (3, "HALT")


def test_it_writes_nothing_and_says_so(world, capsys):
    before = {path: path.read_bytes() for path in world.root.rglob("*") if path.is_file()}
    assert run(["sentinel", "what-if", "--config", str(world.config), *AAPL, "10"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].strip() == "Nothing was sent and nothing was written."
    assert {path: path.read_bytes() for path in world.root.rglob("*") if path.is_file()} == before
