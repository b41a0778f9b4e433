"""Lines of financing in fold, ledger and state: cash moves once a period, and a record that says otherwise is found."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from lakehouse import ledger_format
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine, Financing
from lakehouse.verifier import VerifyReport
from orders.errors import RecordCorrupt
from tests.lakehouse_out.conftest import START_NS, Lines, folded

DAY_NS = 86_400_000_000_000
TERMS = {"financing": {"accrue_at": "17:00"}}


def financing(day: int, **given: Any) -> Financing:
    fields: dict[str, Any] = {
        "ts_ns": START_NS, "market_ns": START_NS, "run_id": "run-1", "kind": "interest", "venue": "BINANCE",
        "account": "BINANCE-001", "currency": "USDT", "symbol": None, "amount": "1.5", "rate": "0.01", "basis": "100000",
        "quantity": None, "price": None, "day_count": "act/365", "from_ns": day * DAY_NS, "to_ns": (day + 1) * DAY_NS,
        "assumptions_sha256": "f" * 64,
    }  # fmt: skip
    return Financing(**(fields | given))


def borrow(day: int, symbol: str = "BINANCE:BTCUSDT", **given: Any) -> Financing:
    return financing(day, **{"kind": "borrow", "symbol": symbol, "amount": "-2", "quantity": "-1", "price": "99", **given})


def test_cash_moves_by_the_amount_and_totals_are_kept_by_kind(lines: Lines) -> None:
    fold = folded(lines.start(), financing(0), borrow(0), financing(1, amount="-0.25"))
    assert fold.keeper.cash == {"BINANCE": {"USDT": Decimal("99999.25")}}
    assert fold.keeper.financing == {"interest": {"USDT": Decimal("1.25")}, "borrow": {"USDT": Decimal(-2)}}
    assert (fold.financing_count, fold.last_booked_line) == (3, 4)
    assert fold.last_marks == {"BINANCE:BTCUSDT": Decimal(99)}


def test_periods_of_different_keys_may_overlap_and_a_gap_is_no_fault(lines: Lines) -> None:
    fold = folded(lines.start(), financing(0), borrow(0), borrow(0, "BINANCE:ETHUSDT"), financing(0, venue="US"), financing(5))
    assert fold.financed_until["BINANCE", "interest", "USDT"] == 6 * DAY_NS


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (financing(0), financing(0), "FINANCED_TWICE"),
        (financing(1), financing(0), "FINANCED_TWICE"),
        (financing(0), financing(1, from_ns=DAY_NS - 1), "FINANCED_TWICE"),
        (financing(0), financing(1, to_ns=DAY_NS), "FINANCED_TWICE"),
        (borrow(0), borrow(0), "FINANCED_TWICE"),
        (financing(0), financing(1, kind="dividend"), "FINANCING_KIND"),
        (financing(0), financing(1, amount="NaN"), "LOG_NUMBER"),
        (financing(0), borrow(1, price="x"), "LOG_NUMBER"),
    ],
    ids=[
        "the same period", "an earlier one", "a nanosecond of the last one", "no time at all", "the same of a short",
        "an unknown kind", "no number", "no price",
    ],
)  # fmt: skip
def test_a_contradiction_is_found(lines: Lines, first: Financing, second: Financing, code: str) -> None:
    with pytest.raises(RecordCorrupt) as found:
        folded(lines.start(), first, second)
    assert found.value.code == code


def test_a_line_is_read_as_it_was_written() -> None:
    raw = (
        b'{"type":"financing","v":1,"seq":7,"ts_ns":2,"market_ns":3,"run_id":"r","kind":"borrow","venue":"US","account":"US-001",'
        b'"currency":"USD","symbol":"NYSE:GE","amount":"-0.62","rate":"0.004","basis":"-56080.5","quantity":"-700",'
        b'"price":"80.115","day_count":"act/360","from_ns":1648760400000000000,"to_ns":1648846800000000000,'
        b'"assumptions_sha256":"ab"}'
    )
    line = decode_line(raw)
    assert isinstance(line, Financing)
    kind, body = ledger_format.record_of(line, raw, log_line=7) or ("", None)
    assert kind == "FINANCING"
    assert (
        ledger_format.encode_record(kind, body, seq=1, prev="0" * 64, ts_ns=2)
        == (  # type: ignore[arg-type]
            b'{"body":{"currency":"USD","kind":"borrow","line_hash":"' + ledger_format.sha256(raw).encode() + b'","log_line":7,'
            b'"symbol":"NYSE:GE","venue":"US"},"prev":"' + b"0" * 64 + b'","seq":1,"ts":"2","type":"FINANCING","v":1}'
        )
    )


def test_a_record_with_financing_verifies_and_an_older_state_is_found(booked: Callable[[AnyLine], VerifyReport]) -> None:
    report = booked(financing(0))
    assert (report.financings, report.financing) == (1, {"interest": {"USDT": Decimal("1.5")}})


def test_a_log_begun_before_financing_existed_has_no_beginning_for_it(lines: Lines) -> None:
    assert folded(lines.start(), lines.stop()).financing_from_ns is None
    later = START_NS + 5
    fold = folded(
        lines.start(), lines.stop(), lines.start(starting_cash=None, assumptions=TERMS, market_ns=later, market_epoch_ns=0)
    )
    assert fold.financing_from_ns == later
