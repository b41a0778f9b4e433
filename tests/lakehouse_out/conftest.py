"""Lines and a small whole record to test the durable side with. Real writers, real files; nothing is patched."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.journal import SyncJournal
from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.rebuild import LogFold
from lakehouse.records import AnyLine, Fill, HaltLine, Intent, RunStart, RunStop, Send
from lakehouse.state import ActualState, Asset, write_actual_state
from lakehouse.verifier import VerifyReport, verify
from orders.values import Side

SECOND = 1_000_000_000
START_NS = 1_767_693_600 * SECOND


class Lines:
    """Makes lines with sensible fields; every keyword of the record may be given."""

    def base(self, at_ns: int = START_NS) -> dict[str, Any]:
        return {"ts_ns": at_ns, "market_ns": at_ns, "run_id": "run-1"}

    def start(self, **given: Any) -> RunStart:
        fields = self.base() | {
            "sluice_version": "0.1.0", "environment": "paper", "kind": "shadow", "config_sha256": "c" * 64,
            "limits_sha256": "d" * 64, "market_limits_sha256": "e" * 64, "assumptions_sha256": "f" * 64, "assumptions": {},
            "data_source": "made", "synthetic": ["everything"], "real_epoch_ns": START_NS, "market_epoch_ns": START_NS,
            "market_speed": 1, "starting_cash": {"BINANCE": {"USDT": "100000"}}, "durable": True, "base_currency": "USDT",
        }  # fmt: skip
        return RunStart(**(fields | given))

    def stop(self, **given: Any) -> RunStop:
        return RunStop(**(self.base() | {"cause": "done", "open_orders": 0} | given))

    def intent(self, key: str = "a" * 32, **given: Any) -> Intent:
        fields = self.base() | {
            "cycle": 1, "line": 1, "client_order_id": key, "symbol": "BINANCE:BTCUSDT", "instrument_id": "BTCUSDT.BINANCE",
            "venue": "BINANCE", "side": Side.BUY, "quantity": "1", "order_kind": "MARKET", "limit_price": None,
            "time_in_force": "GTC", "reduce_only": False, "strategy_id": "S-1", "source_run": "run", "manifest_sha256": "b" * 64,
            "plan_sha256": "9" * 64, "decision_price": "100", "arrival_bid": "99", "arrival_ask": "101", "arrival_mid": "100",
            "arrival_ns": START_NS, "planned_ns": START_NS, "approved_ns": START_NS, "forecast_fee_base": "0.1",
        }  # fmt: skip
        return Intent(**(fields | given))

    def send(self, key: str = "a" * 32, **given: Any) -> Send:
        fields = {"client_order_id": key, "symbol": "BINANCE:BTCUSDT", "venue": "BINANCE", "account": "BINANCE-1"}
        return Send(**(self.base() | fields | {"action": "submit", "quantity": "1"} | given))

    def fill(self, trade_id: str = "1", key: str = "a" * 32, **given: Any) -> Fill:
        fields = self.base() | {
            "client_order_id": key, "venue_order_id": "V-1", "trade_id": trade_id, "venue": "BINANCE", "account": "BINANCE-1",
            "symbol": "BINANCE:BTCUSDT", "instrument_id": "BTCUSDT.BINANCE", "side": Side.BUY, "quantity": "1", "price": "100",
            "multiplier": "1", "notional_quote": "100", "quote_currency": "USDT", "base_currency": "BTC", "fee": "0.001",
            "fee_currency": "BTC", "liquidity": "taker", "order_kind": "MARKET", "order_quantity": "1", "filled_quantity": "1",
            "strategy_id": "S-1", "cycle": 1, "line": 1, "source_run": "run", "run_ledger_head": None,
            "manifest_sha256": "b" * 64, "plan_sha256": "9" * 64, "config_sha256": "c" * 64, "limits_sha256": "d" * 64,
            "market_limits_sha256": "e" * 64, "assumptions_sha256": "f" * 64, "environment": "paper", "decision_price": None,
            "arrival_bid": "99", "arrival_ask": "101", "arrival_mid": "100", "arrival_ns": START_NS, "fill_bid": "99",
            "fill_ask": "101", "manifest_written_ns": None, "manifest_read_ns": START_NS, "planned_ns": START_NS,
            "approved_ns": START_NS, "intent_durable_ns": START_NS, "sent_ns": START_NS, "acked_ns": None, "event_ns": START_NS,
        }  # fmt: skip
        return Fill(**(fields | given))

    def halt(self, **given: Any) -> HaltLine:
        return HaltLine(**(self.base() | {"action": "halt", "by": "operator", "reason": "a test — ü"} | given))

    def small_run(self) -> list[AnyLine]:
        return [
            self.start(), self.intent(), self.send(), self.fill(), self.halt(), self.halt(action="resume"),
            self.intent(key="b" * 32, side=Side.SELL, quantity="0.5"), self.send(key="b" * 32),
            self.fill("2", key="b" * 32, side=Side.SELL, quantity="0.25",
                      filled_quantity="0.25", fee="0.02", fee_currency="USDT"),
        ]  # fmt: skip


def folded(*made: AnyLine) -> LogFold:
    """A fold that took these lines, numbered from 1."""
    fold = LogFold()
    for number, line in enumerate(made, start=1):
        fold.apply(line, seq=number)
    return fold


@pytest.fixture(scope="session")
def lines() -> Lines:
    return Lines()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lakehouse")


@pytest.fixture(scope="session")
def open_sync() -> Callable[..., SyncJournal]:
    def opened(layout: Layout, run_id: str = "run-1", now_ns: int = START_NS) -> SyncJournal:
        return open_journal(layout, now_ns=now_ns, run_id=run_id, durable=False)

    return opened


@pytest.fixture(scope="session")
def save_state() -> Callable[[Layout, LogFold], None]:
    def saved(layout: Layout, fold: LogFold) -> None:
        assert fold.environment is not None
        assets = tuple(
            Asset(symbol=s, venue=fold.venues[s], quantity=q, price=fold.marks[s][0], notional_base=q * fold.marks[s][0])
            for s, q in fold.keeper.positions.items()
        )
        state = ActualState(
            environment=fold.environment, assets=assets, equity_base=Decimal("100000"), cash=fold.keeper.cash,
            fees=fold.keeper.fees, financing=fold.keeper.financing, log_line=fold.log_line, updated_ns=START_NS + 5,
        )  # fmt: skip
        write_actual_state(layout.state, state)

    return saved


@pytest.fixture
def record(layout: Layout, lines: Lines, open_sync: Any, save_state: Any) -> Layout:
    """A whole record of a run that ended well: log, ledger and state agree."""
    journal = open_sync(layout)
    for line in [*lines.small_run(), lines.stop()]:
        journal.fold.apply(line, seq=journal.append(line))
    save_state(layout, journal.fold)
    journal.close()
    return layout


@pytest.fixture
def booked(layout: Layout, lines: Lines, open_sync: Any, save_state: Any) -> Callable[[AnyLine], VerifyReport]:
    """Book one line in a whole record and return what verifies; a state of right before that line is found."""

    def made(one: AnyLine) -> VerifyReport:
        journal = open_sync(layout)
        for line in [*lines.small_run(), one, lines.stop()]:
            if line is one:
                save_state(layout, journal.fold)
            journal.fold.apply(line, seq=journal.append(line))
        stale = layout.state.read_bytes()
        save_state(layout, journal.fold)
        journal.close()
        report = verify(layout.directory)
        assert report.ok, report.first_bad
        layout.state.write_bytes(stale)
        found = verify(layout.directory)
        assert found.first_bad is not None
        assert "no fill, financing or transfer after the state's log line" in found.first_bad.what
        return report

    return made


@pytest.fixture
def killed(layout: Layout, lines: Lines, open_sync: Any) -> Layout:
    """What a killed run leaves: every line on disk, no run_stop, no closing anchor, no state."""
    journal = open_sync(layout)
    for line in lines.small_run():
        journal.append(line)
    journal.flush()
    journal._files.close()
    return layout
