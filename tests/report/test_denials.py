"""What a control's no cost, by hand and against the tree: exactly the units it held back, at the price afterwards."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.cost_groups import group_costs
from analysis.cost_tree import order_costs
from analysis.denial_costs import denial_costs
from analysis.log_store import open_log
from analysis.report_document import build_report
from analysis.report_page import page
from analysis.report_terminal import summary_lines
from lakehouse import records
from orders.exact import exact_arithmetic
from orders.values import Side
from tests.analysis.made_costs import MadeLog
from tests.report.made import SHA, START_NS, Log

D = Decimal


def line(number: int, symbol: str, quantity: str, *, bid: str = "99", ask: str = "101", side: str = "BUY") -> dict[str, Any]:
    return {
        "line": number, "symbol": symbol, "venue": "US", "instrument_id": f"{symbol}.US", "side": side, "quantity": quantity,
        "order_kind": "MARKET", "reason": "TRADE", "detail": "", "target_weight": "0.1", "held_weight": "0", "held_quantity": "0",
        "wanted_quantity": quantity if side == "BUY" else f"-{quantity}", "bid": bid, "ask": ask, "unit_value_base": "1",
        "notional_base": "0", "fee_base": "0", "limit_price": None, "forecast_price": ask, "attribution": {},
        "crossed_weight": "0", "after_line": None, "reduce_only": False,
    }  # fmt: skip


def plan(log: Log, cycle: int, lines: list[dict[str, Any]], *, verdicts: Any = (), code: str = "") -> None:
    log.say(records.CycleOpened, cycle=cycle, cause="drift", manifest_sha256=SHA)
    log.say(
        records.PlanLineRecord, cycle=cycle, decision="REFUSED" if code else "PLAN", code=code, message="", plan_sha256=SHA,
        manifest_sha256=SHA, planned_ns=START_NS, approved_ns=START_NS, verdicts=list(verdicts),
        plan={"source_run": "r1", "lines": lines, "equity_base": "1000000", "tracking_error_bps": "0"},
    )  # fmt: skip


def made(log: Log) -> None:
    """Cycle 1: A is denied by itself, B made smaller from 40 to 25, C denied at the gate. Then A is at 110, B at 90, C at 105."""
    smaller = {"control": "MAX_ORDER_VOLUME", "outcome": "RESIZE", "observed": "40 -> 25 (B)", "limit": "x", "line": 2}
    plan(log, 1, [line(1, "A", "10"), line(2, "B", "40"), line(3, "C", "20", side="SELL")], verdicts=[smaller])
    log.say(
        records.Skip, cycle=1, line=1, symbol="A", reason="MAX_ORDER_VALUE", text="denied", wanted_quantity="10",
        notional_base="1010",
    )  # fmt: skip
    log.intent("b", line=2, symbol="B", quantity="25")
    log.fill("b", line=2, symbol="B", quantity="25", price="101", order_quantity="25", filled_quantity="25")
    log.intent("c", line=3, symbol="C", quantity="20", side=Side.SELL)
    log.say(records.Reject, client_order_id="c", symbol="C", by="sentinel", code="PRICE_COLLAR", message="")
    log.say(records.CycleClosed, cycle=1, manifest_sha256=SHA, outcome="done")
    after = [("A", "110"), ("B", "90"), ("C", "105")]
    plan(log, 2, [line(n, symbol, "1", bid=price, ask=price) for n, (symbol, price) in enumerate(after, 1)], code="HALT")


def test_each_control_is_told_what_its_no_missed_or_saved(tmp_path: Path) -> None:
    log = Log()
    made(log)
    with open_log(log.write(tmp_path)) as store:
        order_costs(store)
        rows = {(row["code"], row["what"]): row for row in denial_costs(store).records()}
    assert {key: (row["orders"], row["notional_base"], row["cost_base"]) for key, row in rows.items() if key[0] != "HALT"} == {
        ("MAX_ORDER_VALUE", "denied"): (1, D("1000"), D("100")),  # 10 at 100, later 110
        ("MAX_ORDER_VOLUME", "resized"): (1, D("1500"), D("-150")),  # 15 at 100, later 90
        ("PRICE_COLLAR", "denied"): (1, D("2000"), D("-100")),  # 20 sold at 100, later 105: it was well not to
    }
    assert rows["MAX_ORDER_VALUE", "denied"]["cost_bps"] == 1_000
    assert rows["MAX_ORDER_VALUE", "denied"]["control"] == "max order value"
    assert rows["HALT", "denied"]["orders"] == 3  # the whole second plan
    assert all(row["too_small"] for row in rows.values())


@pytest.mark.parametrize("seed", range(3))
def test_what_was_denied_sums_to_the_trees_part_of_that_name(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "execution_logs.jsonl"
    MadeLog(path, seed=seed, cycles=60)
    with open_log(path) as store:
        order_costs(store)
        (whole,) = group_costs(store)
        rows = list(denial_costs(store).records())
    with exact_arithmetic():
        told = sum((row["cost_base"] or D(0) for row in rows if row["what"] == "denied"), D(0))
    assert told == whole.amounts["opportunity_denied"] != 0


def test_page_terminal_and_document_say_the_same_and_that_few_cannot_be_judged(tmp_path: Path) -> None:
    log = Log()
    made(log)
    with open_log(log.write(tmp_path)) as store:
        report = build_report(store, title="t", source="s")
    html, said = page(report), "\n".join(summary_lines(report))
    assert "What the controls held back" in html
    for row in report.table("denials"):
        assert row["code"] in html
        assert f"{row['code']}: {row['orders']} {row['what']}" in said
    assert "too few to judge" in html
    assert "(too few to judge)" in said
