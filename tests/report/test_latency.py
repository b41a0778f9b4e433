"""Stages are differences of the log's instants, once an order; quantiles, histograms, clocks and what the drift cost."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analysis.cost_tree import order_costs
from analysis.latency import BOUNDS_NS, WHOLE, latency_histogram, latency_stages, make_instants, stage_names
from analysis.latency_cost import latency_cost
from analysis.report_base import make_base
from analysis.report_document import Report
from tests.report.made import MS, STAGES_MS, Log, many, opened, reported


def stages(log: Log, directory: Path, *, by: str = "all", group: str = "all") -> dict[str, Any]:
    with opened(log, directory) as store:
        make_base(store)
        make_instants(store)
        return {row["stage"]: row for row in latency_stages(store).records() if (row["by"], row["group"]) == (by, group)}


def test_every_stage_of_the_definition_is_there_in_its_order() -> None:
    assert stage_names() == (
        "manifest written to manifest read",
        "manifest read to planned",
        "planned to approved",
        "approved to intent durable",
        "intent durable to sent",
        "sent to acknowledged",
        "acknowledged to first fill",
        "first fill to last fill",
        WHOLE,
    )


def test_a_stage_is_the_time_between_its_instants(tmp_path: Path) -> None:
    found = stages(many(2), tmp_path)
    gaps = [after - before for before, after in pairwise(STAGES_MS)]
    assert [found[name]["p50_ns"] for name in stage_names()] == [*(gap * MS for gap in gaps), 0, 10 * MS]


def test_fills_of_one_order_are_one_order_from_the_first_to_the_last(tmp_path: Path) -> None:
    log = Log()
    log.intent("1")
    for end in (21, 25, 60):
        log.fill("1", stages_ms=(*STAGES_MS[:-1], end))
    found = stages(log, tmp_path)
    assert found[WHOLE]["orders"] == 1
    assert found[WHOLE]["max_ns"] == 10 * MS
    assert found["first fill to last fill"]["max_ns"] == 39 * MS


def test_quantiles_are_order_statistics_and_left_out_where_too_few_orders_have_them(tmp_path: Path) -> None:
    log = Log()
    for number in range(1, 101):
        log.order(f"{number:x}", stages_ms=(*STAGES_MS[:-1], 11 + number))
    whole = stages(log, tmp_path)[WHOLE]
    assert [whole[name] for name in ("p50_ns", "p95_ns", "p99_ns", "max_ns")] == [50 * MS, 95 * MS, 99 * MS, 100 * MS]
    few = stages(many(3), tmp_path / "few")[WHOLE]
    assert (few["p50_ns"], few["p95_ns"], few["p99_ns"]) == (10 * MS, None, None)


def test_a_time_nobody_logged_is_counted_and_not_zero(tmp_path: Path) -> None:
    log = Log()
    log.order("1", stages_ms=(None, 10, 11, 12, 13, 15, None, 21))
    found = stages(log, tmp_path)
    for name in ("manifest written to manifest read", "sent to acknowledged", "acknowledged to first fill"):
        assert (found[name]["orders"], found[name]["not_logged"], found[name]["max_ns"]) == (0, 1, None)


def test_a_stage_that_ends_before_it_begins_is_counted_and_said(tmp_path: Path) -> None:
    log = Log()
    log.order("1", stages_ms=(0, 10, 11, 12, 13, 15, 25, 21))
    assert stages(log, tmp_path)["acknowledged to first fill"]["negative"] == 1
    assert any("end before they begin" in words for words in caveats(reported(log, tmp_path)))


def test_groups_are_venue_order_kind_and_schedule(tmp_path: Path) -> None:
    log = Log()
    log.order("1", venue="US")
    log.order("2", venue="BINANCE", order_kind="LIMIT")
    log.intent("3", schedule="twap")
    log.intent("4", parent_client_order_id="3", child=1)
    log.fill("4")
    assert stages(log, tmp_path, by="venue", group="BINANCE")[WHOLE]["orders"] == 1
    assert stages(log, tmp_path, by="order kind", group="LIMIT")[WHOLE]["orders"] == 1
    assert stages(log, tmp_path, by="schedule", group="twap")[WHOLE]["orders"] == 1
    assert stages(log, tmp_path, by="schedule", group="at_once")[WHOLE]["orders"] == 2


@pytest.mark.parametrize("ns", [0, 999, 1_000, 1_999, 2_000, 4_999_999, 5_000_000, 10**9, 3 * 10**15])
def test_a_time_is_in_the_bucket_that_holds_it(tmp_path: Path, ns: int) -> None:
    log = Log()
    log.order("1")
    fill = log.lines[-1]
    log.lines[-1] = type(fill)(
        **({name: getattr(fill, name) for name in fill.__struct_fields__} | {"event_ns": fill.planned_ns + ns})
    )
    with opened(log, tmp_path) as store:
        make_base(store)
        make_instants(store)
        rows = [row for row in latency_histogram(store).records() if row["by"] == "all" and row["stage"] == WHOLE]
    assert [row["orders"] for row in rows] == [1]
    assert rows[0]["from_ns"] <= ns
    assert rows[0]["below_ns"] is None or ns < rows[0]["below_ns"]
    assert rows[0]["from_ns"] in (0, *BOUNDS_NS)


def caveats(report: Report) -> list[str]:
    return [caveat.words for caveat in report.caveats if caveat.part == "latency"]


def test_a_backtest_says_that_its_clock_is_simulated_and_has_no_manifest_time(tmp_path: Path) -> None:
    log = many(2, kind="backtest")
    assert stages(log, tmp_path)["manifest written to manifest read"]["not_logged"] == 2
    assert any("simulated" in words for words in caveats(reported(log, tmp_path)))


def test_a_replay_says_how_fast_it_was(tmp_path: Path) -> None:
    assert any("86,400 times as fast" in words for words in caveats(reported(many(2, speed=86_400), tmp_path)))
    assert not any("as fast" in words for words in caveats(reported(many(2), tmp_path)))


def test_the_drift_before_the_plan_is_the_delay_of_the_cost_tree(tmp_path: Path) -> None:
    report = reported(many(30), tmp_path)
    drift = {row["stage"]: row for row in report.table("latency_cost")}["manifest read to planned"]
    delay = {row["node"]: row["amount_base"] for row in report.table("cost_tree")}["delay"]
    assert drift["drift_base"] == delay == Decimal(300)
    assert (drift["drift_bps"], drift["orders"], drift["prices"]) == (Decimal(100), 30, "the log's own")


def test_a_drift_of_orders_of_two_currencies_is_in_base_currency(tmp_path: Path) -> None:
    log = many(2)
    log.order("eur", symbol="XETRA:SAP", instrument_id="SAP.DE", quote_currency="EUR", fee_currency="EUR")
    with opened(log, tmp_path) as store:
        make_base(store)
        order_costs(store, rates={"EUR": Decimal("1.25")})
        make_instants(store)
        drift = {row["stage"]: row for row in latency_cost(store, quotes=None, seed=1).records()}["manifest read to planned"]
    assert (drift["drift_base"], drift["orders"]) == (Decimal("32.5"), 3)


def test_a_drift_that_no_exact_width_holds_is_summed_all_the_same(tmp_path: Path) -> None:
    sizes = {"quantity": "1000000000000", "notional_quote": "101000000000", "multiplier": "0.001"}
    log = Log()
    log.intent("1", quantity="1000000000000", decision_price="90", arrival_mid="101")
    log.fill("1", decision_price="90", fill_bid=None, fill_ask=None, **sizes)
    drift = {row["stage"]: row for row in reported(log, tmp_path).table("latency_cost")}["manifest read to planned"]
    assert drift["drift_base"] == Decimal(11) * 10**9


def test_a_drift_without_a_price_is_counted_and_in_no_figure(tmp_path: Path) -> None:
    log = many(1)
    log.order("zz", decision_price=None)
    found = {row["stage"]: row for row in reported(log, tmp_path).table("latency_cost")}["manifest read to planned"]
    assert (found["orders"], found["no_quote"], found["too_small"]) == (1, 1, True)


def test_one_order_has_no_middle_and_is_told_as_one(tmp_path: Path) -> None:
    said = reported(many(1), tmp_path).sentences[2]
    assert said.startswith("From plan to first fill the one order took 10.0 ms; the longest stage was ")
    assert "–" not in said
