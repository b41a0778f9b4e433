"""The log alone gives positions, cash, fees and open orders back, and refuses to contradict itself."""

import contextlib
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.rebuild import LogFold, amount, decode_line
from lakehouse.records import (
    Ack,
    CancelLine,
    CycleClosed,
    CycleOpened,
    ManifestLine,
    Received,
    Reject,
    UnknownOutcome,
    VerdictLine,
)
from orders.errors import RecordCorrupt
from orders.values import Side


def fold_of(*many):
    fold = LogFold()
    for number, line in enumerate(many, 1):
        fold.apply(line, seq=number)
    return fold


UNITS = st.decimals(min_value="0.00000001", max_value="99999", places=8)
PRICES = st.decimals(min_value="0.0001", max_value="99999", places=4)
FILLS = st.lists(
    st.tuples(
        st.sampled_from(["BINANCE:BTCUSDT", "BINANCE:ETHUSDT"]),
        st.sampled_from(Side),
        UNITS,
        PRICES,
        UNITS,
        st.sampled_from(["USDT", "BNB"]),
    ),
    max_size=20,
)


@given(FILLS)
def test_book_is_the_sum_of_the_fills(lines, fills):
    made = [
        lines.fill(
            str(n),
            key=f"{n:032x}",
            symbol=symbol,
            side=side,
            quantity=str(units),
            price=str(price),
            fee=str(fee),
            fee_currency=paid,
        )
        for n, (symbol, side, units, price, fee, paid) in enumerate(fills)
    ]
    fold = fold_of(lines.start(), *made)
    for symbol in ("BINANCE:BTCUSDT", "BINANCE:ETHUSDT"):
        assert fold.keeper.positions.get(symbol, 0) == sum(side.sign * units for name, side, units, *_ in fills if name == symbol)
    cash = fold.keeper.cash["BINANCE"]
    traded = sum(side.sign * units * price for _, side, units, price, *_ in fills)
    paid = {currency: sum(fee for *_, fee, name in fills if name == currency) for currency in ("USDT", "BNB")}
    assert cash["USDT"] == 100_000 - traded - paid["USDT"]
    assert cash.get("BNB", 0) == -paid["BNB"]
    assert {name: fee for name, fee in paid.items() if fee} == fold.keeper.fees
    assert fold.fill_count == fold.unexplained_fills == len(fills)


@given(parts=st.lists(UNITS, min_size=1, max_size=8), stop=st.integers(0, 8))
def test_order_is_open_until_the_sum_of_its_fills_is_its_quantity(lines, parts, stop):
    told = parts[:stop]
    so_far = [sum(told[: n + 1]) for n in range(len(told))]
    fills = [
        lines.fill(str(n), quantity=str(q), filled_quantity=str(s)) for n, (q, s) in enumerate(zip(told, so_far, strict=True))
    ]
    fold = fold_of(lines.start(), lines.intent(quantity=str(sum(parts))), lines.send(), *fills)
    if len(told) == len(parts):
        assert fold.open_orders == {}
        assert fold.finished == {"a" * 32: "filled"}
    else:
        trace = fold.open_orders["a" * 32]
        assert (trace.filled, trace.fills) == (sum(told), fills)


def test_base_fee_shrinks_the_position(lines):
    fold = fold_of(lines.start(), lines.fill(fee="0.001", fee_currency="BTC"))
    assert fold.keeper.positions == {"BINANCE:BTCUSDT": Decimal("0.999")}
    assert fold.keeper.cash == {"BINANCE": {"USDT": Decimal("99900")}}
    assert fold.marks["BINANCE:BTCUSDT"][0] == 100
    assert fold.venues == {"BINANCE:BTCUSDT": "BINANCE"}


@pytest.fixture
def answers(lines):
    base = lines.base() | {"client_order_id": "a" * 32}
    verdict = {"symbol": "s", "code": "c", "verdicts": [], "limits_sha256": "0" * 64}
    return {
        "received": Received(**base, venue="BINANCE", due_ns=5),
        "ack": Ack(**base, venue_order_id="V-1", venue="BINANCE", account="A", event_ns=5),
        "unknown": UnknownOutcome(**base, venue="BINANCE", message="timeout"),
        "cancel": CancelLine(**base, venue="BINANCE", cause="operator", filled_quantity="0"),
        "reject": Reject(**base, symbol="s", by="venue", code="c", message="m"),
        "refusal": Reject(**base, symbol="s", by="sentinel", code="c", message="m"),
        "deny": VerdictLine(**base, outcome="DENY", **verdict),
        "allow": VerdictLine(**base, outcome="ALLOW", **verdict),
    }


@pytest.mark.parametrize(("told", "outcome"), [
    ("received", None), ("ack", None), ("unknown", None), ("allow", None), ("cancel", "cancelled"), ("reject", "rejected"),
    ("refusal", "denied"), ("deny", None),
])  # fmt: skip
def test_order_ends_by_what_was_told_last(lines, answers, told, outcome):
    fold = fold_of(lines.start(), lines.intent(), lines.send(), answers[told])
    assert fold.finished.get("a" * 32) == outcome
    assert ("a" * 32 in fold.open_orders) is (outcome is None)
    assert fold.unknown_orders == (("a" * 32,) if told == "unknown" else ())


def test_a_denial_at_the_gate_ends_an_order_that_was_never_sent(lines, answers):
    fold = fold_of(lines.start(), lines.intent(), answers["deny"])
    assert fold.finished.get("a" * 32) == "denied"
    assert not fold.open_orders


def test_a_refused_second_send_leaves_the_order_that_went_out(lines, answers):
    again = msgspec.structs.replace(answers["refusal"], code="APPROVAL_USED")
    fold = fold_of(lines.start(), lines.intent(), lines.send(), again)
    assert list(fold.open_orders) == ["a" * 32]


def test_answer_resolves_an_unknown_order(lines, answers):
    fold = fold_of(lines.start(), lines.intent(), lines.send(), answers["unknown"], answers["ack"])
    assert fold.unknown_orders == ()
    assert fold.open_orders["a" * 32].ack is answers["ack"]


def test_late_fill_of_a_cancelled_order_counts(lines, answers):
    fold = fold_of(lines.start(), lines.intent(), lines.send(), answers["cancel"], lines.fill(fee="0"))
    assert fold.keeper.positions == {"BINANCE:BTCUSDT": 1}
    assert fold.unexplained_fills == 0


def test_intent_that_was_never_sent_may_be_told_again(lines):
    fold = fold_of(lines.start(), lines.intent(), lines.intent())
    assert fold.orders_by_line == {(1, 1): ["a" * 32]}
    assert fold.open_orders["a" * 32].send is None


def manifest(lines, sha="1" * 64, decision="ACCEPTED"):
    fields = {
        "manifest_sha256": sha, "decision": decision, "code": "", "message": "", "source_run": "r", "grade": "VERIFIED",
        "run_ledger_head": None, "generated_ns": 1, "written_ns": 1, "read_ns": 1, "regime": "NORMAL", "targets": {},
        "decision_prices": {},
    }  # fmt: skip
    return ManifestLine(**lines.base(), **fields)


def test_last_accepted_manifest_stands_and_a_new_one_clears_its_progress(lines):
    first, held, second = manifest(lines), manifest(lines, "2" * 64, "HOLD"), manifest(lines, "3" * 64)
    fold = fold_of(lines.start(), first, lines.intent(), held)
    assert fold.manifest is first
    assert fold.orders_by_line == {(1, 1): ["a" * 32]}
    fold.apply(second, seq=5)
    assert fold.manifest is second
    assert fold.orders_by_line == {}


def test_cycle_is_open_until_it_is_closed_and_its_number_stays(lines):
    opened = CycleOpened(**lines.base(), cycle=3, cause="new_manifest", manifest_sha256="1" * 64)
    fold = fold_of(lines.start(), opened)
    assert fold.open_cycle is opened
    fold.apply(CycleClosed(**lines.base(), cycle=3, manifest_sha256="1" * 64, outcome="done"), seq=3)
    assert fold.open_cycle is None
    assert fold.cycle == 3


def test_halt_stands_until_a_resume(lines):
    assert fold_of(lines.halt()).halt is not None
    assert fold_of(lines.halt(), lines.halt(action="resume")).halt is None


@pytest.mark.parametrize(("code", "make"), [
    ("FILL_TWICE", lambda m: [m.fill(), m.fill()]),
    ("FILL_QUANTITY", lambda m: [m.fill(quantity="0")]),
    ("FILL_QUANTITY", lambda m: [m.fill(quantity="-1")]),
    ("FILL_MISSING", lambda m: [m.intent(), m.send(), m.fill(quantity="0.25", filled_quantity="0.5")]),
    ("ORDER_TWICE", lambda m: [m.intent(), m.send(), m.intent()]),
    ("ORDER_TWICE", lambda m: [m.intent(), m.send(), m.fill(), m.intent()]),
    ("CASH_TWICE", lambda m: [m.start()]),
    ("ENVIRONMENT_MIXED", lambda m: [m.start(starting_cash=None, environment="other")]),
    ("CYCLE_ORDER", lambda m: [CycleOpened(**m.base(), cycle=0, cause="operator", manifest_sha256="0" * 64)]),
    ("LOG_NUMBER", lambda m: [m.fill(price="NaN")]),
    ("LOG_NUMBER", lambda m: [m.fill(fee="Infinity")]),
    ("LOG_NUMBER", lambda m: [m.fill(price="ten")]),
    ("LOG_NUMBER", lambda m: [m.fill(price="1E+99999")]),
    ("LOG_NUMBER", lambda m: [m.fill(quantity="1" * 29)]),
], ids=[
    "a fill told twice", "an empty fill", "a negative fill", "a fill that is missing", "an order sent twice",
    "a finished order again", "cash given twice", "two environments", "a cycle that goes back", "NaN", "infinity", "a word",
    "a huge exponent", "too many digits",
])  # fmt: skip
def test_log_that_contradicts_itself_is_refused(lines, code, make):
    with pytest.raises(RecordCorrupt) as caught:
        fold_of(lines.start(), *make(lines))
    assert caught.value.code == code


def test_same_trade_id_on_another_symbol_is_another_fill(lines):
    assert fold_of(lines.start(), lines.fill(), lines.fill(symbol="BINANCE:ETHUSDT")).fill_count == 2


def test_gap_in_the_numbers_is_refused(lines):
    with pytest.raises(RecordCorrupt, match="LOG_SEQ"):
        LogFold().apply(msgspec.structs.replace(lines.start(), seq=2))


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"null", b"\xff\xff", b"[" * 100_000, b'{"type":"other","v":1}', b'{"type":"run_stop"}']
)
def test_what_is_no_line_is_refused(raw):
    with pytest.raises(RecordCorrupt, match="LOG_LINE"):
        decode_line(raw)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=12))
def test_amounts_are_exact(value):
    assert amount(str(value)) == value


@given(st.text(max_size=40))
def test_any_text_is_an_amount_or_refused(text):
    with contextlib.suppress(RecordCorrupt):
        assert amount(text).is_finite()
