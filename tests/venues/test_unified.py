"""The platform's order types against ours: field by field the same, exact or refused, and an adapter behind its protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError, VenueRefused
from orders.values import OrderKind, Side
from tests.conformance.harness import BacktestHarness
from tests.conformance.made import BTC, SOURCE_RUN, Made
from venues.base import OrderRequest, OrderResponse
from venues.unified import (
    UnifiedAccountState,
    UnifiedExecution,
    UnifiedOrderRequest,
    UnifiedOrderResult,
    UnifiedPosition,
    order_request,
    order_response,
    unified_request,
    unified_result,
)

D = Decimal
SHA = "a" * 64


class OrderSide(str, Enum):  # noqa: UP042 - as the platform has it
    BUY = "BUY"
    SELL = "SELL"


class OrderType(str, Enum):  # noqa: UP042 - as the platform has it
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"


@dataclass
class Theirs:
    """The platform's own request class, to the letter."""

    symbol: str
    side: OrderSide
    quantity: float
    type: OrderType = OrderType.MARKET
    price: float | None = None
    stop_price: float | None = None
    time_in_force: str = "GTC"
    ref_id: str | None = None


@runtime_checkable
class ExecutionEngine(Protocol):
    """The platform's protocol, to the letter."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def get_account_state(self) -> Any: ...
    def get_positions(self) -> list[Any]: ...
    def submit_order(self, order: Any) -> Any: ...
    def close_position(self, symbol: str, quantity: float | None = None) -> Any: ...
    def close_all(self) -> list[Any]: ...


UPSTREAM = {
    UnifiedOrderRequest: {
        "symbol": MISSING, "side": MISSING, "quantity": MISSING, "type": "MARKET", "price": None, "stop_price": None,
        "time_in_force": "GTC", "ref_id": None,
    },
    UnifiedOrderResult: {"id": MISSING, "status": MISSING, "filled_qty": 0.0, "avg_fill_price": 0.0, "error": None},
    UnifiedPosition: {
        "symbol": MISSING, "side": MISSING, "quantity": MISSING, "avg_price": MISSING, "unrealized_pnl": MISSING,
        "ticket_id": None,
    },
    UnifiedAccountState: {
        "balance": MISSING, "equity": MISSING, "used_margin": 0.0, "available_margin": 0.0, "currency": "USD",
    },
}  # fmt: skip


@pytest.mark.parametrize("ours", UPSTREAM, ids=lambda kind: kind.__name__)
def test_names_order_and_defaults_of_the_fields_are_the_platforms(ours: Any) -> None:
    assert {field.name: field.default for field in fields(ours)} == UPSTREAM[ours]
    assert [field.name for field in fields(ours)] == list(UPSTREAM[ours])


def asked(request: Any) -> OrderRequest:
    return order_request(request, source_run="run-1", manifest_sha256=SHA)


def test_the_platforms_own_instance_becomes_our_request_exactly() -> None:
    order = asked(Theirs("BINANCE:BTCUSDT", OrderSide.SELL, 0.1, OrderType.LIMIT, price=60000.1, ref_id="x"))
    assert order == OrderRequest(
        symbol="BINANCE:BTCUSDT",
        side=Side.SELL,
        quantity=D("0.1"),
        order_kind=OrderKind.LIMIT,
        limit_price=D("60000.1"),
        source_run="run-1",
        manifest_sha256=SHA,
    )


GOOD = Theirs("A:B", OrderSide.BUY, 1.0)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(GOOD, type=OrderType.STOP, stop_price=1.0), "UNIFIED_UNSUPPORTED"),
        (replace(GOOD, type=OrderType.STOP), "UNIFIED_UNSUPPORTED"),
        (replace(GOOD, stop_price=1.0), "UNIFIED_UNSUPPORTED"),
        (replace(GOOD, time_in_force="IOC"), "UNIFIED_UNSUPPORTED"),
        (replace(GOOD, price=1.0), "UNIFIED_INVALID"),
        (replace(GOOD, type=OrderType.LIMIT), "UNIFIED_INVALID"),
        (replace(GOOD, side="LONG"), "UNIFIED_INVALID"),
        (replace(GOOD, side=None), "UNIFIED_INVALID"),
        (replace(GOOD, type="market"), "UNIFIED_INVALID"),
        (replace(GOOD, quantity=0.0), "UNIFIED_INVALID"),
        (replace(GOOD, quantity=-1.0), "UNIFIED_INVALID"),
        (replace(GOOD, quantity=float("nan")), "UNIFIED_INVALID"),
        (replace(GOOD, quantity=float("inf")), "UNIFIED_INVALID"),
        (replace(GOOD, quantity=True), "UNIFIED_INVALID"),
        (replace(GOOD, quantity="1"), "UNIFIED_INVALID"),
        (replace(GOOD, type=OrderType.LIMIT, price=float("nan")), "UNIFIED_INVALID"),
        (replace(GOOD, type=OrderType.LIMIT, price=0.0), "UNIFIED_INVALID"),
    ],
)
def test_what_is_not_ours_is_refused_and_nothing_like_it_is_sent(request_: Theirs, code: str) -> None:
    with pytest.raises(InputError) as caught:
        asked(request_)
    assert caught.value.code == code


@given(
    quantity=st.floats(min_value=1e-300, max_value=1e300),
    price=st.none() | st.floats(min_value=1e-300, max_value=1e300),
    side=st.sampled_from(OrderSide),
)
def test_a_request_comes_back_as_it_went(quantity: float, price: float | None, side: OrderSide) -> None:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    back = unified_request(asked(Theirs("A:B", side, quantity, kind, price=price)))
    assert (back.symbol, back.side, back.quantity, back.type, back.price) == ("A:B", side.value, quantity, kind.value, price)
    assert back.side == side


def test_a_number_that_no_float_names_is_refused() -> None:
    exact = OrderRequest(
        symbol="A:B", side=Side.BUY, quantity=D("0.12345678901234567890"), order_kind=OrderKind.MARKET, limit_price=None,
        source_run="r", manifest_sha256=SHA,
    )  # fmt: skip
    with pytest.raises(InputError, match="UNIFIED_INEXACT"):
        unified_request(exact)


def response(status: str, *, filled: str = "0", average: str | None = None, code: str = "", message: str = "") -> OrderResponse:
    return OrderResponse(
        client_order_id="c" * 32,
        status=status,
        filled_quantity=D(filled),
        average_price=None if average is None else D(average),
        code=code,
        message=message,
    )


@pytest.mark.parametrize(
    ("ours", "status", "filled", "average", "error"),
    [
        (response("FILLED", filled="0.3", average="100.5"), "FILLED", 0.3, 100.5, None),
        (response("OPEN"), "PENDING", 0.0, 0.0, None),
        (response("PARTLY_FILLED", filled="0.1", average="100"), "PENDING", 0.1, 100.0, "PARTLY_FILLED"),
        (response("UNKNOWN", code="IN_FLIGHT", message="ask"), "PENDING", 0.0, 0.0, "UNKNOWN: IN_FLIGHT: ask"),
        (response("DENIED", code="MAX_LEVERAGE", message="2"), "REJECTED", 0.0, 0.0, "DENIED: MAX_LEVERAGE: 2"),
        (response("REJECTED", code="VENUE", message="no"), "REJECTED", 0.0, 0.0, "REJECTED: VENUE: no"),
        (response("CANCELLED", filled="0.1", average="9"), "CANCELED", 0.1, 9.0, "CANCELLED"),
    ],
)
def test_every_answer_of_ours_has_one_of_theirs(
    ours: OrderResponse, status: str, filled: float, average: float, error: str | None
) -> None:
    assert unified_result(ours) == UnifiedOrderResult("c" * 32, status, filled, average, error)


@pytest.mark.parametrize(
    ("theirs", "status", "filled", "average"),
    [
        (UnifiedOrderResult("t", "FILLED", 0.3, 100.5), "FILLED", "0.3", "100.5"),
        (UnifiedOrderResult("t", "PENDING"), "OPEN", "0", None),
        (UnifiedOrderResult("t", "PENDING", 0.1, 99.0), "PARTLY_FILLED", "0.1", "99"),
        (UnifiedOrderResult("t", "REJECTED", error="no"), "REJECTED", "0", None),
        (UnifiedOrderResult("t", "CANCELED", 0.1, 99.0), "CANCELLED", "0.1", "99"),
    ],
)
def test_every_answer_of_theirs_has_one_of_ours(theirs: Any, status: str, filled: str, average: str | None) -> None:
    ours = order_response(theirs)
    assert (ours.status, ours.filled_quantity, ours.client_order_id) == (status, D(filled), "t")
    assert ours.average_price == (None if average is None else D(average))
    assert ours.message == (theirs.error or "")


@pytest.mark.parametrize(
    "theirs",
    [
        UnifiedOrderResult("t", "DONE"),
        UnifiedOrderResult("t", "FILLED", float("nan")),
        UnifiedOrderResult("t", "FILLED", -1.0),
        UnifiedOrderResult("t", "FILLED", 1.0, float("inf")),
    ],
    ids=["a status nobody knows", "not a number", "below zero", "without end"],
)
def test_an_answer_that_makes_no_sense_is_refused(theirs: UnifiedOrderResult) -> None:
    with pytest.raises(InputError, match="UNIFIED_INVALID"):
        order_response(theirs)


# an adapter of ours behind the platform's protocol


@pytest.fixture
def backtest(tmp_path: Path) -> Iterator[BacktestHarness]:
    harness = BacktestHarness(Made(tmp_path).write())
    yield harness
    harness.stop()


@pytest.fixture
def engine(backtest: BacktestHarness) -> UnifiedExecution:
    account = UnifiedAccountState(balance=1.0, equity=2.0)
    made = UnifiedExecution(
        backtest.adapter(), source_run=SOURCE_RUN, manifest_sha256=backtest.made.manifest_sha256, account=lambda: account
    )
    made.connect()
    return made


def test_it_is_an_execution_engine_of_the_platform(engine: UnifiedExecution) -> None:
    assert isinstance(engine, ExecutionEngine)
    assert engine.get_account_state().equity == 2.0
    engine.disconnect()


def test_a_caller_of_the_platform_trades_through_sentinel_and_gate(backtest: BacktestHarness, engine: UnifiedExecution) -> None:
    result = engine.submit_order(Theirs(BTC, OrderSide.BUY, 0.1))
    assert (result.status, result.filled_qty, result.error) == ("FILLED", 0.1, None)
    assert result.avg_fill_price > 0
    assert [len(backtest.lines(kind)) for kind in ("intent", "verdict", "fill")] == [1, 1, 1]
    (held,) = engine.get_positions()
    assert (held.symbol, held.side) == (BTC, "BUY")
    assert math.isnan(held.avg_price)
    assert math.isnan(held.unrealized_pnl)
    assert engine.close_position(BTC).status == "FILLED"
    assert engine.get_positions() == []


def test_a_denial_is_a_rejection_with_its_code(engine: UnifiedExecution) -> None:
    result = engine.submit_order(Theirs(BTC, OrderSide.BUY, 1000.0))
    assert (result.status, result.filled_qty) == ("REJECTED", 0.0)
    assert result.error is not None
    assert result.error.startswith("DENIED: ")


def test_what_is_not_held_is_not_closed(backtest: BacktestHarness, engine: UnifiedExecution) -> None:
    with pytest.raises(InputError, match="UNIFIED_INVALID"):
        engine.close_position(BTC)
    engine.submit_order(Theirs(BTC, OrderSide.BUY, 0.1))
    with pytest.raises(InputError, match="UNIFIED_INVALID"):
        engine.close_position(BTC, 0.2)
    assert len(backtest.lines("intent")) == 1


def test_a_book_is_not_flattened_by_a_call(backtest: BacktestHarness, engine: UnifiedExecution) -> None:
    engine.submit_order(Theirs(BTC, OrderSide.BUY, 0.1))
    with pytest.raises(VenueRefused, match="FLATTEN_BY_CALL"):
        engine.close_all()
    assert len(backtest.lines("intent")) == 1
