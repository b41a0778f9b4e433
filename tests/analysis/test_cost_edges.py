"""Costs at the edges: one fill, none, fills without an order, numbers too wide, rates that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.cost_groups import financing_costs, group_costs
from analysis.cost_tree import order_costs
from analysis.execution_ratios import execution_ratios, forecast_gaps
from analysis.foreign_store import open_foreign
from analysis.log_store import LogStore, open_log
from analysis.paper_check import check_paper
from analysis.quotes import load_quotes
from lakehouse import records
from orders.errors import ConfigError, InputError
from orders.values import Side
from tests.analysis.made_costs import MadeLog

D = Decimal
SHA = "a" * 64
NS = 1_700_000_000 * 10**9


def start(**change: Any) -> records.RunStart:
    fields: dict[str, Any] = {
        "sluice_version": "0", "environment": "e", "kind": "shadow", "config_sha256": SHA, "limits_sha256": SHA,
        "market_limits_sha256": SHA, "assumptions_sha256": SHA, "assumptions": {}, "data_source": "made", "synthetic": [],
        "real_epoch_ns": 0, "market_epoch_ns": 0, "market_speed": 1, "starting_cash": {}, "durable": True, "base_currency": "USD",
    }  # fmt: skip
    return records.RunStart(ts_ns=NS, market_ns=NS, run_id="r", **{**fields, **change})


def fill(number: int = 1, **change: Any) -> records.Fill:
    fields: dict[str, Any] = {
        "client_order_id": f"o{number}", "venue_order_id": "v", "trade_id": f"t{number}", "venue": "US", "account": "a",
        "symbol": "NYSE:X", "instrument_id": "X", "side": Side.BUY, "quantity": "10", "price": "10.03", "multiplier": "1",
        "notional_quote": "100.3", "quote_currency": "USD", "base_currency": None, "fee": "0.5", "fee_currency": "USD",
        "liquidity": "taker", "order_kind": "MARKET", "order_quantity": "10", "filled_quantity": "10", "strategy_id": "s",
        "cycle": 1, "line": number, "source_run": "run", "run_ledger_head": None, "manifest_sha256": SHA, "plan_sha256": SHA,
        "config_sha256": SHA, "limits_sha256": SHA, "market_limits_sha256": SHA, "assumptions_sha256": SHA, "environment": "e",
        "decision_price": "9.99", "arrival_bid": "9.99", "arrival_ask": "10.01", "arrival_mid": "10", "arrival_ns": NS,
        "fill_bid": "10", "fill_ask": "10.02", "manifest_written_ns": None, "manifest_read_ns": NS, "planned_ns": NS,
        "approved_ns": NS, "intent_durable_ns": NS, "sent_ns": NS, "acked_ns": NS, "event_ns": NS,
    }  # fmt: skip
    return records.Fill(ts_ns=NS + number, market_ns=NS + number, run_id="r", **{**fields, **change})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Callable[..., LogStore]]:
    """Open a log of these lines, numbered."""
    opened = ExitStack()

    def make(*lines: Any, costs: bool = True, **options: Any) -> LogStore:
        path = tmp_path / "execution_logs.jsonl"
        numbered = [msgspec.structs.replace(line, seq=number) for number, line in enumerate(lines, 1)]
        path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in numbered))
        store = opened.enter_context(open_log(path, copy=False, **options))
        if costs:
            order_costs(store)
        return store

    with opened:
        yield make


def test_one_fill_without_an_order_is_a_row_of_its_own(log: Callable[..., LogStore]) -> None:
    whole = group_costs(log(start(), fill()))[0]
    found = {name: amount for name, amount in whole.amounts.items() if amount}
    assert found == {"delay": D("0.1"), "spread": D("0.1"), "impact": D("0.1"), "timing": D("0.1"), "fees": D("0.5")}
    assert (whole.total, whole.decision_notional, whole.wishes, whole.fills) == (D("0.9"), D("99.9"), 1, 1)
    assert whole.total_bps == D("90.090090090090")


def test_a_day_without_trades_costs_nothing(log: Callable[..., LogStore]) -> None:
    store = log(start())
    whole = group_costs(store)[0]
    assert (whole.wishes, whole.total, whole.total_bps) == (0, 0, None)
    assert group_costs(store, by=["symbol"]) == []
    assert execution_ratios(store)[0].filled_fraction is None
    assert forecast_gaps(store) == []
    assert check_paper(store).score is None


def test_a_fill_that_nobody_decided_is_measured_from_arrival_and_said(log: Callable[..., LogStore]) -> None:
    whole = group_costs(log(start(), fill(decision_price=None)))[0]
    assert (whole.amounts["delay"], whole.undecided, whole.decision_notional) == (0, 1, 100)
    assert whole.total == D("0.8")


def test_numbers_wider_than_the_quick_way_are_exact_all_the_same(log: Callable[..., LogStore]) -> None:
    price, quantity, rate = D("123456.123456"), D("123456789.12345"), D("1.0825")
    told = fill(
        quantity=str(quantity), price=str(price), arrival_mid="123456", decision_price="123455.5", fill_bid=None, fill_ask=None,
        quote_currency="EUR", fee="0", multiplier="1000",
    )  # fmt: skip
    store = log(start(), told, costs=False)
    order_costs(store, rates={"EUR": rate})
    whole = group_costs(store)[0]
    assert whole.amounts["delay"] == quantity * D("0.5") * 1000 * rate
    assert whole.amounts["unsplit"] == quantity * D("0.123456") * 1000 * rate


def test_notionals_whose_exact_sum_no_width_holds_are_rounded_and_the_costs_are_not(log: Callable[..., LogStore]) -> None:
    price, quantity = D("123456.123456789012345"), D("7000000.1234567891")
    told = {"price": str(price + 1), "quantity": str(quantity), "decision_price": str(price), "arrival_mid": str(price)}
    store = log(start(), *(fill(number, fill_bid=None, fill_ask=None, **told) for number in range(1, 31)))
    whole = group_costs(store)[0]
    assert str(whole.decision_notional) == "25925786383170.590493700920"
    assert whole.amounts["unsplit"] == 30 * quantity


def test_numbers_no_width_holds_are_one_error(log: Callable[..., LogStore]) -> None:
    told = fill(
        quantity="12345678901234567890.1234567891", price="12345678901234567.123456789012345", notional_quote="1",
        arrival_mid="12345678901234567.123456789012", fill_bid=None, fill_ask=None,
    )  # fmt: skip
    with pytest.raises(InputError, match="NUMBER_RANGE"):
        log(start(), told)


def test_without_a_rate_a_row_is_counted_and_no_part_of_the_sums(log: Callable[..., LogStore]) -> None:
    lines = start(), fill(1), fill(2, quote_currency="EUR", fee_currency="EUR")
    store = log(*lines)
    whole = group_costs(store)[0]
    assert (whole.unvalued, whole.wishes, whole.total) == (1, 2, D("0.9"))
    assert [(group.key, group.total) for group in group_costs(store, view="order_costs_quote")] == [
        (("EUR",), D("0.9")), (("USD",), D("0.9")),
    ]  # fmt: skip
    order_costs(store, rates={"EUR": D("1.1")})
    assert (group_costs(store)[0].unvalued, group_costs(store)[0].total) == (0, D("0.9") * D("2.1"))


@pytest.mark.parametrize("rate", [D(0), D("NaN"), D(-1)])
def test_a_rate_that_is_none_is_refused(log: Callable[..., LogStore], rate: Decimal) -> None:
    with pytest.raises(InputError):
        order_costs(log(start(), fill()), rates={"EUR": rate})


def test_a_fee_in_a_currency_of_unknown_rate_is_not_left_out_quietly(log: Callable[..., LogStore]) -> None:
    store = log(start(), fill(1), fill(2, fee_currency="BNB"))
    whole = group_costs(store)[0]
    assert (whole.unvalued, whole.fills, whole.total) == (1, 2, D("0.9"))
    order_costs(store, rates={"BNB": D(600)})
    assert group_costs(store)[0].amounts["fees"] == D("300.5")


def test_a_fee_in_the_base_asset_is_worth_its_fills_price(log: Callable[..., LogStore]) -> None:
    whole = group_costs(log(start(), fill(base_currency="X", fee_currency="X", fee="0.01")))[0]
    assert whole.amounts["fees"] == D("0.1003")


def test_runs_of_two_base_currencies_are_refused(log: Callable[..., LogStore]) -> None:
    with pytest.raises(InputError, match="BASE_CURRENCIES"):
        log(start(), start(base_currency="EUR"), fill())


def test_a_window_that_cuts_off_the_orders_keeps_its_fills(tmp_path: Path) -> None:
    made = MadeLog(tmp_path / "execution_logs.jsonl", seed=4, cycles=20)
    fills = [line for line in made.lines if isinstance(line, records.Fill)]
    store = open_log(tmp_path / "execution_logs.jsonl", from_ns=fills[-1].market_ns)
    order_costs(store, rates={"EUR": D(1), "USDT": D(1)})
    last = next(group for group in group_costs(store, by=["order_id"]) if group.fills)
    assert (last.fills, last.orders, group_costs(store)[0].fills) == (1, 1, 1)
    assert last.opportunity == 0


def test_financing_stands_beside_the_tree(log: Callable[..., LogStore]) -> None:
    told = records.Financing(
        ts_ns=NS, market_ns=NS, run_id="r", kind="borrow", venue="US", account="a", currency="USD", symbol="NYSE:X",
        amount="-1.25", rate="0.01", basis="-100", quantity="-10", price="10", day_count="act/365",
        from_ns=0, to_ns=NS, assumptions_sha256=SHA,
    )  # fmt: skip
    interest = msgspec.structs.replace(told, kind="interest", symbol=None, amount="0.75", currency="JPY")
    store = log(start(), fill(), told, interest)
    found = [(group.kind, group.symbol, group.amount, group.base) for group in financing_costs(store)]
    assert found == [("borrow", "NYSE:X", D("1.25"), D("1.25")), ("interest", None, D("-0.75"), None)]
    assert group_costs(store)[0].total == D("0.9")


def test_ratios_of_a_made_log(tmp_path: Path) -> None:
    made = MadeLog(tmp_path / "execution_logs.jsonl", seed=8, cycles=60)
    store = open_log(tmp_path / "execution_logs.jsonl")
    order_costs(store)
    whole = execution_ratios(store)[0]
    wishes = [wish for wish in made.wishes if wish.planned]
    assert (whole.planned, whole.fills) == (len(wishes), made.trades)
    assert whole.denied == sum(1 for wish in wishes if wish.name_order == "denied")
    assert whole.orders == sum(1 for line in made.lines if isinstance(line, records.Intent) and line.child == 0)
    assert whole.rejected == sum(1 for line in made.lines if isinstance(line, records.Reject) and line.by == "venue")
    assert whole.denied_fraction is not None
    assert whole.maker_fraction is not None
    assert 0 < whole.denied_fraction < 1
    assert 0 < whole.maker_fraction < 1
    by_venue = execution_ratios(store, by=["venue"])
    for name in ("planned", "orders", "fills", "filled", "denied", "rejected"):
        assert sum(getattr(part, name) for part in by_venue) == getattr(whole, name)


def test_the_gap_to_the_forecast_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    MadeLog(tmp_path / "execution_logs.jsonl", seed=9, cycles=30)
    store = open_log(tmp_path / "execution_logs.jsonl")
    order_costs(store)
    for found in [*forecast_gaps(store), *forecast_gaps(store, by=["symbol"])]:
        assert found.gap == found.fees_gap + found.spread_gap + found.impact_gap + found.timing + found.unsplit
        assert found.realised - found.forecast == found.gap
    with pytest.raises(ConfigError, match="BY_UNKNOWN"):
        forecast_gaps(store, by=["colour"])


FOREIGN_COLUMNS = "time,trade_id,order_id,venue,symbol,side,quantity,price,quote_currency,fee,fee_currency,liquidity"
FOREIGN = f"""{FOREIGN_COLUMNS},order_time,order_quantity,decision_price
2026-01-05T10:00:02Z,t1,o1,X,AAA,BUY,10,10.03,USD,0.5,USD,taker,2026-01-05T10:00:00Z,12,9.99
2026-01-05T10:00:02Z,t2,o2,X,BBB,SELL,10,10.03,USD,0.5,USD,taker,2026-01-05T10:00:00Z,10,
"""
FOREIGN_QUOTES = """time,symbol,bid,ask
2026-01-05T09:59:59Z,AAA,9.99,10.01
2026-01-05T10:00:01Z,AAA,10.00,10.02
2026-01-05T10:30:00Z,AAA,10.10,10.12
"""


def test_fills_of_other_systems_are_measured_by_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "fills.csv").write_text(FOREIGN)
    (tmp_path / "quotes.csv").write_text(FOREIGN_QUOTES)
    with open_foreign(tmp_path / "fills.csv", tmp_path / "quotes.csv") as store:
        assert load_quotes(store) == 3
        order_costs(store, quotes="quote_mids")
        one, two = group_costs(store, by=["order_id"])
        found = {name: amount for name, amount in one.amounts.items() if amount}
        assert found == {
            "delay": D("0.1"), "spread": D("0.1"), "impact": D("0.1"), "timing": D("0.1"), "fees": D("0.5"),
            "opportunity_unfilled": 2 * (D("10.11") - D("9.99")),
        }  # fmt: skip
        assert (two.unpriced, two.unsplit_fills, two.total) == (1, 1, D("0.5"))  # nothing but the fee is known of it


def test_fills_of_other_systems_without_quotes_are_counted_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "fills.csv").write_text(FOREIGN)
    with open_foreign(tmp_path / "fills.csv") as store:
        order_costs(store)
        one, two = group_costs(store, by=["order_id"])
        assert (one.amounts["delay"], one.amounts["unsplit"], one.endless) == (0, D("0.4"), 1)
        assert (two.unpriced, two.total) == (1, D("0.5"))
