"""Lines of deposits and withdrawals in fold, ledger and state: cash moves once an id, and the loss of the day does not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from lakehouse import ledger_format
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine, EquityLine, Transfer
from lakehouse.verifier import VerifyReport
from orders.errors import RecordCorrupt
from tests.lakehouse_out.conftest import START_NS, Lines, folded


def transfer(transfer_id: str = "7", **given: Any) -> Transfer:
    fields: dict[str, Any] = {
        "ts_ns": START_NS, "market_ns": START_NS, "run_id": "run-1", "kind": "deposit", "venue": "BINANCE",
        "account": "BINANCE-001", "transfer_id": transfer_id, "currency": "USDT", "amount": "500", "fee": "0",
        "amount_base": "501", "event_ns": START_NS,
    }  # fmt: skip
    return Transfer(**(fields | given))


def withdrawal(transfer_id: str = "7", **given: Any) -> Transfer:
    return transfer(transfer_id, **{"kind": "withdrawal", "amount": "-200.5", "fee": "0.5", "amount_base": "-201"} | given)


def coin(transfer_id: str = "7", **given: Any) -> Transfer:
    known = {"currency": "BTC", "amount": "0.5", "amount_base": "1000", "symbol": "BINANCE:BTCUSDT", "price": "2000"}
    return transfer(transfer_id, **known | given)


def equity() -> EquityLine:
    return EquityLine(
        ts_ns=START_NS, market_ns=START_NS, run_id="run-1", equity_base="900", day=1, day_start_base="1000", peak_base="1200",
        mode="OPEN",
    )  # fmt: skip


def test_cash_moves_by_the_amount_once_for_each_kind_and_id(lines: Lines) -> None:
    fold = folded(lines.start(), transfer(), withdrawal(), transfer("8", currency="EUR", amount="3", amount_base="0"))
    assert fold.keeper.cash == {"BINANCE": {"USDT": Decimal("100299.5"), "EUR": Decimal(3)}}
    assert fold.transfer_keys == {
        ("BINANCE", "deposit", "7"), ("BINANCE", "withdrawal", "7"), ("BINANCE", "deposit", "8"),
    }  # fmt: skip
    assert (fold.last_booked_line, fold.keeper.financing, fold.keeper.fees, fold.first_ns) == (4, {}, {}, START_NS)


def test_a_coin_that_is_traded_moves_its_position_and_no_cash(lines: Lines) -> None:
    gone = coin("8", kind="withdrawal", amount="-0.2", fee="0.1", amount_base="-400")
    fold = folded(lines.start(), coin(), gone)
    assert fold.keeper.positions == {"BINANCE:BTCUSDT": Decimal("0.3")}
    assert fold.keeper.cash == folded(lines.start()).keeper.cash
    assert fold.marks == {"BINANCE:BTCUSDT": (Decimal(2000), START_NS)}  # so that a restart can carry it
    assert fold.last_marks == {"BINANCE:BTCUSDT": Decimal(2000)}
    assert folded(lines.start(), coin(), coin("9", kind="withdrawal", amount="-0.5", amount_base="-9")).keeper.positions == {}


def test_what_equity_is_held_against_moves_with_the_capital(lines: Lines) -> None:
    fold = folded(lines.start(), transfer("before"), equity(), transfer(), withdrawal())
    known = fold.counted.equity
    assert known is not None
    assert (known.equity_base, known.day_start_base, known.peak_base) == ("1200", "1300", "1500")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (transfer(), "TRANSFER_TWICE"),
        (transfer("8", amount="-1"), "TRANSFER_AMOUNT"),
        (transfer("8", amount="0"), "TRANSFER_AMOUNT"),
        (withdrawal("8", amount="200"), "TRANSFER_AMOUNT"),
        (withdrawal("8", fee="-1"), "TRANSFER_AMOUNT"),
        (transfer("8", kind="gift"), "TRANSFER_AMOUNT"),
        (transfer("8", amount_base="-5"), "TRANSFER_AMOUNT"),
        (transfer("8", amount="NaN"), "LOG_NUMBER"),
        (transfer("8", amount_base="x"), "LOG_NUMBER"),
        (coin("8", price=None), "TRANSFER_AMOUNT"),
        (coin("8", symbol=None), "TRANSFER_AMOUNT"),
        (coin("8", price="0"), "TRANSFER_AMOUNT"),
        (coin("8", price="-3"), "TRANSFER_AMOUNT"),
        (coin("8", price="x"), "LOG_NUMBER"),
    ],
    ids=[
        "an id told twice", "a deposit that takes", "a deposit of nothing", "a withdrawal that gives", "a fee below zero",
        "another kind", "a worth of the other sign", "an amount that is none", "a worth that is none",
        "a coin without a price", "a price of cash", "a price of nothing", "a price below zero", "a price that is none",
    ],
)  # fmt: skip
def test_a_record_that_contradicts_itself_is_refused(lines: Lines, line: Transfer, code: str) -> None:
    with pytest.raises(RecordCorrupt) as caught:
        folded(lines.start(), transfer(), line)
    assert caught.value.code == code


def test_bytes_of_line_and_ledger_record() -> None:
    raw = (
        b'{"type":"transfer","v":1,"seq":7,"ts_ns":2,"market_ns":3,"run_id":"r","kind":"withdrawal","venue":"BINANCE",'
        b'"account":"BINANCE-001","transfer_id":"w1","currency":"USDT","amount":"-201.5","fee":"1.5","amount_base":"-201.5",'
        b'"event_ns":1}'
    )
    record = ledger_format.record_of(decode_line(raw), raw, log_line=7)
    assert record is not None
    assert ledger_format.encode_record(*record, seq=1, prev="0" * 64, ts_ns=2) == (
        b'{"body":{"currency":"USDT","kind":"withdrawal","line_hash":"' + ledger_format.sha256(raw).encode()
        + b'","log_line":7,"transfer_id":"w1","venue":"BINANCE"},"prev":"' + b"0" * 64 + b'","seq":1,"ts":"2",'
        b'"type":"TRANSFER","v":1}'
    )  # fmt: skip


def test_a_record_with_a_transfer_verifies_and_an_older_state_is_found(booked: Callable[[AnyLine], VerifyReport]) -> None:
    report = booked(transfer())
    assert report.transfers == 1
