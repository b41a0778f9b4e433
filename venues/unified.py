"""The platform's own order types, so that a caller written for its engines can talk to an adapter of ours, and back.

Its `execution/oms.py` has six types of this shape, in floats. Here they are the same, field by field, and every crossing is exact
or refused: a float counts as the shortest decimal that names it, as the person who typed it meant it. What it cannot say is not
guessed: an average price or a profit that an adapter does not know is NaN, never 0. Requests are read by their attributes, so the
platform's own instances serve as well as these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from orders.errors import InputError, VenueRefused
from orders.values import OrderKind, Side
from venues.base import BaseExecutionAdapter, OrderRequest, OrderResponse

UNKNOWN_FLOAT: Final = float("nan")
_STATUSES: Final[Mapping[str, str]] = MappingProxyType({
    "FILLED": "FILLED", "PARTLY_FILLED": "PENDING", "OPEN": "PENDING", "UNKNOWN": "PENDING",
    "DENIED": "REJECTED", "REJECTED": "REJECTED", "CANCELLED": "CANCELED",
})  # fmt: skip
_KINDS: Final = ("MARKET", "LIMIT")


@dataclass(frozen=True, slots=True)
class UnifiedOrderRequest:
    """The platform's request: `side` BUY or SELL, `type` MARKET, LIMIT or STOP, quantity in units, prices in quote currency."""

    symbol: str
    side: str
    quantity: float
    type: str = "MARKET"
    price: float | None = None
    stop_price: float | None = None
    time_in_force: str = "GTC"
    ref_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnifiedOrderResult:
    """The platform's answer: `status` FILLED, PENDING, REJECTED or CANCELED; `avg_fill_price` 0.0 while nothing filled."""

    id: str
    status: str
    filled_qty: float = 0.0
    avg_fill_price: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class UnifiedPosition:
    """The platform's position: quantity without a sign, the side beside it; NaN where an adapter does not know."""

    symbol: str
    side: str
    quantity: float
    avg_price: float
    unrealized_pnl: float
    ticket_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnifiedAccountState:
    """The platform's account, in one currency."""

    balance: float
    equity: float
    used_margin: float = 0.0
    available_margin: float = 0.0
    currency: str = "USD"


def order_request(request: Any, *, source_run: str, manifest_sha256: str) -> OrderRequest:
    """Return the platform's request as ours; it has no source run, so the caller names the audited one.

    Exact: quantity and price are the shortest decimals of their floats. `ref_id` is dropped: ids here follow from the intent.
    Raises `InputError` UNIFIED_UNSUPPORTED (STOP, a stop price, another time in force than GTC: nothing like it is sent
    instead) and UNIFIED_INVALID (side, type, a number that is not finite and above 0, a price that the type does not have).
    """
    side, kind = _text(request.side), _text(request.type)
    if kind == "STOP" or request.stop_price is not None or _text(request.time_in_force) != "GTC":
        found = f"{kind}, stop price {request.stop_price}, {_text(request.time_in_force)}"
        action = "Ask for a MARKET or LIMIT order; nothing like it is sent instead."
        raise InputError("UNIFIED_UNSUPPORTED", expected="MARKET or LIMIT, good till cancelled", found=found, action=action)
    if side not in Side.__members__ or kind not in _KINDS:
        raise _invalid("side BUY or SELL, type MARKET, LIMIT or STOP", f"{side!r:.40} and {kind!r:.40}")
    if (request.price is None) is (kind == "LIMIT"):
        raise _invalid("a price for LIMIT and none for MARKET", f"{kind} with price {request.price}")
    return OrderRequest(
        symbol=request.symbol,
        side=Side(side),
        quantity=_exact(request.quantity, name="quantity"),
        order_kind=OrderKind(kind),
        limit_price=None if request.price is None else _exact(request.price, name="price"),
        source_run=source_run,
        manifest_sha256=manifest_sha256,
    )


def unified_request(order: OrderRequest) -> UnifiedOrderRequest:
    """Return our request as the platform's. Raises `InputError` UNIFIED_INEXACT where no float names the same number."""
    return UnifiedOrderRequest(
        symbol=order.symbol,
        side=order.side.value,
        quantity=_float(order.quantity, name="quantity"),
        type=order.order_kind.value,
        price=None if order.limit_price is None else _float(order.limit_price, name="price"),
    )


def unified_result(response: OrderResponse) -> UnifiedOrderResult:
    """Return our answer as the platform's; never raises, because the order is out already.

    PARTLY_FILLED, OPEN and UNKNOWN are PENDING, DENIED is REJECTED; `error` tells them apart by our status and code. Filled
    quantity and average price are the nearest floats.
    """
    plain = response.status in ("FILLED", "OPEN") and not response.code
    words = ": ".join(filter(None, (response.status, response.code, response.message)))
    return UnifiedOrderResult(
        id=response.client_order_id or "",
        status=_STATUSES[response.status],
        filled_qty=float(response.filled_quantity),
        avg_fill_price=0.0 if response.average_price is None else float(response.average_price),
        error=None if plain else words,
    )


def order_response(result: Any) -> OrderResponse:
    """Return the platform's answer as ours: PENDING is OPEN, or PARTLY_FILLED where something filled; CANCELED is CANCELLED.

    Raises `InputError` UNIFIED_INVALID on another status or a number that is not finite, or below 0.
    """
    filled = _exact(result.filled_qty, name="filled_qty", zero=True)
    average = _exact(result.avg_fill_price, name="avg_fill_price", zero=True)
    status = {
        "FILLED": "FILLED",
        "PENDING": "PARTLY_FILLED" if filled else "OPEN",
        "REJECTED": "REJECTED",
        "CANCELED": "CANCELLED",
    }
    if result.status not in status:
        raise _invalid("status FILLED, PENDING, REJECTED or CANCELED", f"{result.status!r:.40}")
    return OrderResponse(
        client_order_id=result.id or None,
        status=status[result.status],
        filled_quantity=filled,
        average_price=average if filled else None,
        code="",
        message=result.error or "",
    )


class UnifiedExecution:
    """An adapter of ours in the form of the platform's `ExecutionEngine`. `account()`: what the caller's side knows of it.

    Every order goes through Sentinel and gate like any other and names the audited run it was made with.
    """

    def __init__(
        self, adapter: BaseExecutionAdapter, *, source_run: str, manifest_sha256: str, account: Callable[[], UnifiedAccountState]
    ) -> None:
        self._adapter = adapter
        self._source_run = source_run
        self._manifest_sha256 = manifest_sha256
        self._account = account

    def connect(self) -> None:
        """Say whether it can be used: read the positions once. Raises what that raises."""
        self._adapter.get_positions()

    def disconnect(self) -> None:
        """Nothing is held open here: the engine that runs the adapter ends by itself."""

    def get_account_state(self) -> UnifiedAccountState:
        """Return the account as its side tells it."""
        return self._account()

    def get_positions(self) -> list[UnifiedPosition]:
        """Return the holdings. Raises `VenueUnavailable` when they cannot be read: an empty list means a flat book."""
        frame = self._adapter.get_positions()
        rows = zip(frame["asset"], frame["quantity"], strict=True)
        return [
            UnifiedPosition(
                symbol=asset,
                side=(Side.BUY if quantity > 0 else Side.SELL).value,
                quantity=_float(abs(quantity), name=f"quantity of {asset}"),
                avg_price=UNKNOWN_FLOAT,
                unrealized_pnl=UNKNOWN_FLOAT,
            )
            for asset, quantity in rows
        ]

    def submit_order(self, order: Any) -> UnifiedOrderResult:
        """Send one order and wait, bounded. Raises `InputError` for a request that is none of ours; nothing was sent then."""
        asked = order_request(order, source_run=self._source_run, manifest_sha256=self._manifest_sha256)
        return unified_result(self._adapter.submit_order(asked))

    def close_position(self, symbol: str, quantity: float | None = None) -> UnifiedOrderResult:
        """Sell what is held of a symbol, or buy back what is short, at market; at most all of it.

        Raises `InputError` UNIFIED_INVALID when nothing is held or less than asked, and what `get_positions` raises.
        """
        frame = self._adapter.get_positions()
        held = next((amount for asset, amount in zip(frame["asset"], frame["quantity"], strict=True) if asset == symbol), None)
        wanted = abs(held) if quantity is None and held is not None else _exact(quantity, name="quantity")
        if held is None or wanted > abs(held):
            raise _invalid(f"at most what is held of {symbol}", f"{wanted} of {held if held is not None else 'nothing'}")
        order = OrderRequest(
            symbol=symbol,
            side=Side.SELL if held > 0 else Side.BUY,
            quantity=wanted,
            order_kind=OrderKind.MARKET,
            limit_price=None,
            source_run=self._source_run,
            manifest_sha256=self._manifest_sha256,
        )
        return unified_result(self._adapter.submit_order(order))

    def close_all(self) -> list[UnifiedOrderResult]:
        """Refuse: a book is flattened by a named person's command, never by a call. Raises `VenueRefused`."""
        raise VenueRefused(
            "FLATTEN_BY_CALL",
            expected="a named person and a reason to close everything",
            found="a call",
            action="`sluice flatten --by NAME --reason WHY` shows the plan and asks; or close symbol by symbol.",
        )


def _text(value: Any) -> str:
    """A text or an enumeration's value."""
    found = getattr(value, "value", value)
    return found if isinstance(found, str) else repr(found)


def _exact(value: Any, *, name: str, zero: bool = False) -> Decimal:
    wanted = f"{name} as a finite number {'of 0 or more' if zero else 'above 0'}"
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise _invalid(wanted, f"{value!r:.40}")
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)) if isinstance(value, float) else value)
    if exact < 0 or (not zero and not exact):
        raise _invalid(wanted, f"{value!r:.40}")
    return exact


def _float(value: Decimal, *, name: str) -> float:
    near = float(value)
    if not math.isfinite(near) or Decimal(repr(near)) != value:
        action = "Ask the adapter itself; its numbers are exact."
        raise InputError("UNIFIED_INEXACT", expected=f"{name} that a float names exactly", found=str(value), action=action)
    return near


def _invalid(expected: str, found: str) -> InputError:
    return InputError("UNIFIED_INVALID", expected=expected, found=found, action="Mend the caller; nothing was sent.")
