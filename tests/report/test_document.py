"""The report's document: the same log gives the same bytes, and any log, however odd, gives a sensible page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.cost_names import COMPONENTS
from analysis.log_store import open_log
from analysis.report_compare import compare_reports
from analysis.report_document import Report, build_report, empty_report
from analysis.report_page import page
from analysis.report_terminal import summary_lines
from commands.report_files import kind_of
from lakehouse import records
from orders.canonical import plain
from orders.errors import ConfigError
from orders.exact import exact_arithmetic
from tests.analysis.made_costs import MadeLog
from tests.report.made import SHA, Log, many, reported


def only_refusals() -> Log:
    log = Log()
    log.say(
        records.ManifestLine, manifest_sha256=SHA, decision="REFUSED", code="MANIFEST_CONTRADICTION", message="a sign",
        source_run=None, grade=None, run_ledger_head=None, generated_ns=None, written_ns=None, read_ns=1, regime=None, targets={},
        decision_prices={},
    )  # fmt: skip
    log.intent("1")
    log.say(records.Reject, client_order_id="1", symbol="NYSE:GE", by="sentinel", code="PRICE_COLLAR", message="too far")
    log.intent("2")
    log.say(records.Reject, client_order_id="2", symbol="NYSE:GE", by="venue", code="", message="no market")
    log.intent("3")
    log.say(records.UnknownOutcome, client_order_id="3", venue="US", message="no answer in 10 s")
    return log


def fill_without_an_order() -> Log:
    log = Log()
    log.fill("1")
    return log


QUOTE_EACH_FILL = "CREATE TEMP TABLE quote_mids AS SELECT symbol, market_ns, price AS bid, price AS ask, price AS mid FROM fills"
LOGS: dict[str, Callable[[], Log]] = {
    "a start and nothing else": Log,
    "one fill": lambda: many(1),
    "a fill without an order": fill_without_an_order,
    "only refusals": only_refusals,
    "thirty orders": lambda: many(30),
}


@pytest.mark.parametrize("make", LOGS.values(), ids=LOGS.keys())
def test_any_log_has_five_sentences_and_a_page(make: Callable[[], Log], tmp_path: Path) -> None:
    report = reported(make(), tmp_path)
    assert len(report.sentences) == 5
    assert all(sentence.endswith(".") and "None" not in sentence and "nan" not in sentence for sentence in report.sentences)
    shown = page(report)
    assert shown.startswith("<!doctype html>")
    assert all(word not in shown for word in ("None<", ">nan", "NaN", "Decimal("))
    assert summary_lines(report)


@pytest.mark.parametrize("seed", [1, 2])
def test_many_currencies_schedules_and_refusals_give_the_same_bytes_twice(seed: int, tmp_path: Path) -> None:
    log = tmp_path / "execution_logs.jsonl"
    MadeLog(log, seed=seed, cycles=25)
    shown = []
    for _ in range(2):
        with open_log(log, copy=False) as store:
            report = build_report(store, title="Made", source="log", by=[("venue", "symbol"), ("winner",), ("schedule",)])
        shown.append((page(report), json.dumps(plain(report), sort_keys=True)))
    assert shown[0] == shown[1]


def test_a_copy_beside_the_log_gives_the_same_bytes(tmp_path: Path) -> None:
    log = tmp_path / "execution_logs.jsonl"
    MadeLog(log, seed=3, cycles=15)
    shown = []
    for copy in (False, True, True):
        with open_log(log, copy=copy) as store:
            shown.append(page(build_report(store, title="Made", source="log")))
    assert shown[0] == shown[1] == shown[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    log = tmp_path_factory.mktemp("made") / "execution_logs.jsonl"
    MadeLog(log, seed=4, cycles=60)
    with open_log(log, copy=False) as store:
        return build_report(store, title="Made", source="log", by=[("winner",)])


def test_every_node_of_the_tree_is_the_sum_of_those_below_it(made: Report) -> None:
    rows = made.table("cost_tree")
    amounts = {row["node"]: row["amount_base"] for row in rows}
    for parent in ("trading", "opportunity", "total"):
        with exact_arithmetic():
            assert amounts[parent] == sum((row["amount_base"] for row in rows if row["below"] == parent), Decimal(0))


@pytest.mark.parametrize("name", ["costs_by_venue", "costs_by_symbol", "costs_by_winner"])
def test_groups_of_any_keys_sum_to_the_whole(made: Report, name: str) -> None:
    total = next(row["amount_base"] for row in made.table("cost_tree") if row["node"] == "total")
    with exact_arithmetic():
        assert sum((row["total_base"] for row in made.table(name)), Decimal(0)) == total


def test_small_groups_are_marked_and_have_no_interval(made: Report) -> None:
    rows = made.table("costs_by_symbol") + made.table("costs_by_venue")
    assert all((row["low_bps"] is None) or not row["too_small"] for row in rows)
    assert all(row["too_small"] == (row["wishes"] < 20) for row in rows)
    assert any(row["low_bps"] is not None and row["low_bps"] <= row["total_bps"] <= row["high_bps"] for row in rows)


def test_the_worst_orders_come_with_their_stories(made: Report) -> None:
    worst = made.table("worst_orders")
    totals = [row["total_base"] for row in worst]
    assert len(worst) == 10
    assert totals == sorted(totals, reverse=True)
    for row in worst:
        story = [one for one in made.table("stories") if one["order_id"] == row["order_id"]]
        assert [one["log_line"] for one in story] == sorted(one["log_line"] for one in story)
        assert row["log_line"] in [one["log_line"] for one in story if one["event"] == "intent"]
        assert [one for one in story if one["event"] in ("fill", "reject", "cancel", "unknown")] or row["state"] in (
            "open",
            "working",
        )


def test_every_column_has_the_type_its_name_says(made: Report) -> None:
    kinds: dict[str, tuple[Any, ...]] = {"integer": (int,), "decimal": (Decimal,), "flag": (bool,), "text": (str,)}
    wrong = [
        (table.name, column, value)
        for table in made.tables.values()
        for column, values in zip(table.columns, zip(*table.rows, strict=True), strict=False)
        for value in values
        if value is not None and type(value) not in kinds[kind_of(column)]
    ]
    assert wrong == []


def test_every_table_is_documented_with_its_columns(made: Report, tmp_path: Path) -> None:
    page_of_files = (Path(__file__).resolve().parents[2] / "data" / "README.md").read_text()
    section = page_of_files.partition("## Reports\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", section, re.MULTILINE)
    told = {name: re.findall(r"`([a-z0-9_]+)`", columns) for name, columns in rows}
    leaves = {f"{name}_base" for name in COMPONENTS}
    with open_log(many(1).write(tmp_path), copy=False) as store:
        store.connection.execute(QUOTE_EACH_FILL)
        quoted = build_report(store, title="", source="", quotes=True, replays={})
        both = compare_reports(("a", store, quoted), ("b", store, quoted), filters={})
    twin = reported(Log(kind="twin"), tmp_path / "twin")
    tables = dict(made.tables) | dict(quoted.tables) | {"compared": both.tables["compared"]}
    tables |= {name: table for name, table in twin.tables.items() if name.startswith("twin_")}
    tables = {name: table for name, table in tables.items() if name != "costs_by_winner"}
    assert {name: [c for c in table.columns if c not in leaves] for name, table in tables.items()} == told


def test_refusals_say_who_and_where_in_the_log(tmp_path: Path) -> None:
    found = {row["code"]: row for row in reported(only_refusals(), tmp_path).table("refusals")}
    assert (found["PRICE_COLLAR"]["by"], found["PRICE_COLLAR"]["first_line"]) == ("control", 4)
    assert found["MANIFEST_CONTRADICTION"]["what"] == "manifest"
    assert (found[""]["by"], found[""]["first_message"]) == ("venue", "no market")


def test_an_unknown_grouping_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="venue"):
        reported(many(1), tmp_path, by=[("colour",)])


def test_runs_of_different_base_currencies_are_not_added_up(tmp_path: Path) -> None:
    log = many(1)
    other = Log(run="run-2", base="EUR")
    log.lines += [
        type(line)(**({n: getattr(line, n) for n in line.__struct_fields__} | {"seq": len(log.lines) + 1}))
        for line in other.lines
    ]
    with pytest.raises(Exception, match="EUR") as caught:
        reported(log, tmp_path)
    assert caught.value.code == "BASE_CURRENCIES"  # type: ignore[attr-defined]  # a SluiceError


def test_an_empty_log_says_so(tmp_path: Path) -> None:
    report = empty_report(title="Empty", source="log", filters={})
    assert "empty" in report.sentences[0]
    assert "The log is empty" in page(report)
