"""What the log may say of flattens, and each way in which it contradicts itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lakehouse import records
from lakehouse.rebuild import LogFold
from lakehouse.withdrawals import ENDED, TAKEN
from orders.errors import RecordCorrupt
from orders.flatten import Scope, Withdrawal, is_withdrawn, stays_flat, without_withdrawn
from orders.values import Side
from tests.lakehouse_out.conftest import START_NS, Lines

A, B = "b" * 64, "c" * 64  # A is the manifest of the made intents
BTC, ETH = "BINANCE:BTCUSDT", "BINANCE:ETHUSDT"
LINES = Lines()


def flatten(stage: str = TAKEN, *, request_id: str = "1" * 32, **more: Any) -> records.FlattenLine:
    fields = {
        "request_id": request_id, "stage": stage, "by": "ann", "reason": "x", "symbols": [], "venue": None, "manifest_sha256": A,
        "plan_sha256": "d" * 64, "created_ns": START_NS, "expires_ns": START_NS + 1,
    }  # fmt: skip
    return records.FlattenLine(**(LINES.base() | fields | ({"outcome": "flat"} if stage == ENDED else {}) | more))


def cycle(number: int, *, cause: str = "new_manifest", sha256: str = A, request_id: str = "") -> records.CycleOpened:
    return records.CycleOpened(**LINES.base(), cycle=number, cause=cause, manifest_sha256=sha256, request_id=request_id)


def closed(number: int, outcome: str = "done") -> records.CycleClosed:
    return records.CycleClosed(**LINES.base(), cycle=number, manifest_sha256=A, outcome=outcome)


def manifest(sha256: str) -> records.ManifestLine:
    return records.ManifestLine(
        **LINES.base(), manifest_sha256=sha256, decision="ACCEPTED", code="", message="", source_run="run", grade="VERIFIED",
        run_ledger_head=None, generated_ns=START_NS, written_ns=None, read_ns=START_NS, regime="QUIET", targets={},
        decision_prices={},
    )  # fmt: skip


def fold_of(*given: Any) -> LogFold:
    fold = LogFold()
    for number, line in enumerate(given, start=1):
        fold.apply(line, seq=number)
    return fold


BOUGHT = (LINES.start(), manifest(A), cycle(1), LINES.intent(), LINES.send(), LINES.fill(), closed(1))


def test_a_taken_flatten_withdraws_its_manifest_until_another_is_accepted():
    fold = fold_of(*BOUGHT, flatten(), flatten(ENDED), manifest(A))
    assert is_withdrawn(fold.flattens.withdrawals, A)
    assert fold.flattens.open is None
    fold.apply(manifest(B), seq=fold.log_line + 1)
    assert fold.flattens.withdrawals == ()


def test_a_flatten_without_an_end_is_open():
    assert fold_of(*BOUGHT, flatten()).flattens.open is not None


def test_a_cycle_cut_off_is_neither_done_nor_unfinished_when_its_manifest_is_withdrawn():
    fold = fold_of(LINES.start(), manifest(A), cycle(1), flatten(), closed(1, "withdrawn"))
    assert (fold.done, fold.unfinished) == (None, None)


SELL = LINES.intent(key="2" * 32, side=Side.SELL, quantity="0.999", cycle=2)
MORE = LINES.intent(key="2" * 32, side=Side.SELL, quantity="1", cycle=2)
BUY = LINES.intent(key="2" * 32, side=Side.BUY, quantity="0.1", cycle=2)
OF_FLATTEN = cycle(2, cause="operator", request_id="1" * 32)


def test_a_flatten_may_sell_all_that_is_held():
    fold = fold_of(*BOUGHT, flatten(), OF_FLATTEN, SELL)
    assert "2" * 32 in fold.open_orders


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ((flatten(), flatten(ENDED), flatten()), "FLATTEN_TWICE"),
        ((flatten(), flatten(request_id="2" * 32)), "FLATTEN_ORDER"),
        ((flatten(ENDED),), "FLATTEN_ORDER"),
        ((flatten(), flatten(ENDED, request_id="2" * 32)), "FLATTEN_ORDER"),
        ((flatten("begun"),), "FLATTEN_ORDER"),
        ((OF_FLATTEN,), "FLATTEN_ORDER"),
        ((flatten(), flatten(ENDED), OF_FLATTEN), "FLATTEN_ORDER"),
        ((flatten(), OF_FLATTEN, MORE), "FLATTEN_OPENS"),
        ((flatten(), OF_FLATTEN, BUY), "FLATTEN_OPENS"),
        ((flatten(), flatten(ENDED), cycle(2, cause="drift")), "WITHDRAWN_TRADED"),
        ((flatten(symbols=[BTC]), flatten(ENDED), cycle(2, cause="top_up"), BUY), "WITHDRAWN_TRADED"),
        ((flatten(venue="BINANCE"), flatten(ENDED), cycle(2, cause="top_up"), BUY), "WITHDRAWN_TRADED"),
    ],
    ids=[
        "a request used twice", "two at once", "an end of none", "an end of another", "an unknown stage", "a cycle of none",
        "a cycle after the end", "more sold than held", "a buy in a flatten of longs", "a cycle of the withdrawn manifest",
        "a buy of the symbol that was flattened", "a buy at the venue that was flattened",
    ],
)  # fmt: skip
def test_a_log_that_contradicts_a_flatten_is_corrupt(rest, code):
    with pytest.raises(RecordCorrupt) as caught:
        fold_of(*BOUGHT, *rest)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "rest",
    [
        (flatten(symbols=[ETH]), flatten(ENDED), cycle(2, cause="top_up"), BUY),
        (flatten(venue="US"), flatten(ENDED), cycle(2, cause="top_up"), BUY),
        (flatten(symbols=[BTC]), flatten(ENDED), cycle(2, cause="top_up"), SELL),
        (flatten(), flatten(ENDED), cycle(2, cause="operator"), BUY),
        (flatten(), flatten(ENDED), manifest(B), cycle(2, sha256=B)),
    ],
    ids=["another symbol", "another venue", "a reduction", "a single order of a person", "a new manifest"],
)
def test_what_a_flatten_does_not_forbid_may_trade(rest):
    fold_of(*BOUGHT, *rest)


def test_targets_of_what_was_flattened_are_named_and_zero():
    scope = Scope(symbols=(BTC,))
    known = [Withdrawal(manifest_sha256=A, scope=scope, by="ann", reason="x", request_id="1" * 32, ts_ns=1)]
    targets = {BTC: Decimal("0.5"), ETH: Decimal("0.5")}
    assert without_withdrawn(targets, known, manifest_sha256=A, listings={}) == {BTC: Decimal(0), ETH: Decimal("0.5")}
    assert without_withdrawn(targets, known, manifest_sha256=B, listings={}) == targets
    assert not is_withdrawn(known, A)
    assert not stays_flat(known, A, ETH, venue=None)
