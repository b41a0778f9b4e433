"""Small logs of orders whose times and prices are known, as the journal's encoder writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from analysis.log_store import LogStore, open_log
from analysis.replay_cause import Cause
from analysis.replay_diff import Difference
from analysis.replay_result import Budget, ReplayResult
from analysis.report_document import Report, build_report
from lakehouse import records
from orders.values import Side

START_NS = 1_700_000_000 * 10**9
MS = 10**6
SHA = "a" * 64
STAGES_MS = (0, 10, 11, 12, 13, 15, 20, 21)  # written, read, planned, approved, durable, sent, acked, filled


class Log:
    """Lines of one run, numbered as they come. Every time is of the line's place: a second a line."""

    def __init__(self, *, run: str = "run-1", kind: str = "shadow", base: str = "USD", speed: int = 1) -> None:
        self.lines: list[Any] = []
        self.run = run
        self.say(
            records.RunStart, sluice_version="0", environment="made", kind=kind, config_sha256=SHA, limits_sha256=SHA,
            market_limits_sha256=SHA, assumptions_sha256=SHA, assumptions={"name": "a", "fill_rule": "touch"},
            data_source="made", synthetic=["everything"], real_epoch_ns=START_NS, market_epoch_ns=START_NS, market_speed=speed,
            starting_cash={}, durable=True, base_currency=base,
        )  # fmt: skip

    def say(self, line: Any, /, **fields: Any) -> int:
        seq = len(self.lines) + 1
        at = START_NS + seq * 10**9
        self.lines.append(line(seq=seq, ts_ns=at, market_ns=at, run_id=self.run, **fields))
        return seq

    def intent(self, order: str, **given: Any) -> int:
        fields: dict[str, Any] = {
            "cycle": 1, "line": int(order, 36) % 10**6, "client_order_id": order, "symbol": "NYSE:GE", "instrument_id": "GE.US",
            "venue": "US", "side": Side.BUY, "quantity": "10", "order_kind": "MARKET", "limit_price": None,
            "time_in_force": "GTC", "reduce_only": False, "strategy_id": "S-1", "source_run": "r1", "manifest_sha256": SHA,
            "plan_sha256": SHA, "decision_price": "100", "arrival_bid": "100.9", "arrival_ask": "101.1", "arrival_mid": "101",
            "arrival_ns": START_NS, "planned_ns": START_NS, "approved_ns": START_NS, "forecast_fee_base": "1",
        }  # fmt: skip
        return self.say(records.Intent, **(fields | given))

    def fill(self, order: str, *, stages_ms: tuple[int | None, ...] = STAGES_MS, **given: Any) -> int:
        ns = [None if ms is None else START_NS + ms * MS for ms in stages_ms]
        fields: dict[str, Any] = {
            "client_order_id": order, "venue_order_id": f"V{order}", "trade_id": f"T{len(self.lines)}", "venue": "US",
            "account": "US-1", "symbol": "NYSE:GE", "instrument_id": "GE.US", "side": Side.BUY, "quantity": "10",
            "price": "101.1", "multiplier": "1", "notional_quote": "1011", "quote_currency": "USD", "base_currency": None,
            "fee": "1", "fee_currency": "USD", "liquidity": "taker", "order_kind": "MARKET", "order_quantity": "10",
            "filled_quantity": "10", "strategy_id": "S-1", "cycle": 1, "line": int(order, 36) % 10**6, "source_run": "r1",
            "run_ledger_head": None, "manifest_sha256": SHA, "plan_sha256": SHA, "config_sha256": SHA, "limits_sha256": SHA,
            "market_limits_sha256": SHA, "assumptions_sha256": SHA, "environment": "made", "decision_price": "100",
            "arrival_bid": "100.9", "arrival_ask": "101.1", "arrival_mid": "101", "arrival_ns": START_NS,
            "fill_bid": "100.9", "fill_ask": "101.1", "manifest_written_ns": ns[0], "manifest_read_ns": ns[1],
            "planned_ns": ns[2], "approved_ns": ns[3], "intent_durable_ns": ns[4], "sent_ns": ns[5], "acked_ns": ns[6],
            "event_ns": ns[7],
        }  # fmt: skip
        return self.say(records.Fill, **(fields | given))

    def order(self, order: str, **given: Any) -> None:
        """An order filled at once; `symbol`, `venue`, `side` go to both of its lines."""
        both = {name: given[name] for name in ("symbol", "venue", "side") if name in given}
        self.intent(order, **both)
        self.fill(order, **given)

    def write(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "execution_logs.jsonl"
        path.write_bytes(msgspec.json.Encoder().encode_lines(self.lines))
        return path


@contextmanager
def opened(log: Log, directory: Path) -> Iterator[LogStore]:
    with open_log(log.write(directory), copy=False) as store:
        yield store


def reported(log: Log, directory: Path, **given: Any) -> Report:
    with opened(log, directory) as store:
        return build_report(store, title="Made", source="execution_logs.jsonl", **given)


def replayed(run: str = "run-1", *differences: Difference, **given: Any) -> ReplayResult:
    """What a replay of 25 orders found, all the same but for `differences` of orders."""
    causes = Counter(one.cause.value for one in differences)
    over = (f"{len(differences)} orders differ",) if differences else ()
    fields: dict[str, Any] = {
        "run_id": run, "environment": "made", "sluice_version": "0", "from_ns": START_NS, "to_ns": START_NS, "market_speed": 1,
        "finished": True, "manifests": 1, "plans": 3, "plans_same": 2, "lines": 30, "lines_differing": 0, "orders": 25,
        "orders_differing": len(differences), "fills": 25, "orders_share": Decimal(len(differences)) / 25,
        "lines_share": Decimal(0), "price_max_bps": Decimal("1.5"), "planned_skew_us": None, "filled_skew_us": None,
        "causes": {cause.value: causes[cause.value] for cause in Cause}, "differences": differences, "left_out": 0,
        "manual": (), "remarks": (), "changed": {}, "budget": Budget(orders_max_fraction=Decimal("0.02")), "over": over,
    }  # fmt: skip
    return ReplayResult(**(fields | given))


def difference(key: str, *, cause: Cause = Cause.LATENCY, **given: Any) -> Difference:
    fields: dict[str, Any] = {
        "symbol": "NYSE:GE", "cycle": 1, "line": 1, "stage": "fill", "follows": "", "recorded": "10 at 101.1",
        "replayed": "10 at 101.2",
    }  # fmt: skip
    return Difference(key=key, cause=cause, **(fields | given))


def many(count: int, **given: Any) -> Log:
    """A run of `count` orders, each filled."""
    log = Log(**given)
    for number in range(1, count + 1):
        log.order(f"{number:032x}")
    return log
