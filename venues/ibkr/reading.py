"""Orders and fills of ours out of IB's objects: exact decimals, or a reason why not. Pure: only attributes are read.

IB's doubles count as the shortest decimal that means them; quantities come as decimals. A permanent id of 0 means that IB has not
named the order yet: that is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orders.values import Side
from venues.answers import ZERO, Malformed, VenueFill, VenueOrder, VenueStatus
from venues.ibkr.order_refs import client_order_id_of

NUMBER_MAX: Final = Decimal(10) ** 15
NS: Final = 1_000_000_000
STATUSES: Final[Mapping[str, VenueStatus]] = {
    "PreSubmitted": VenueStatus.OPEN,
    "Submitted": VenueStatus.OPEN,
    "PendingCancel": VenueStatus.OPEN,
    "Filled": VenueStatus.CLOSED,
    "Cancelled": VenueStatus.CANCELED,
    "ApiCancelled": VenueStatus.CANCELED,
    "Inactive": VenueStatus.CANCELED,
}
WAITING: Final = frozenset({"PendingSubmit", "ApiPending"})  # TWS has it, IB has not said so
SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL, "BOT": Side.BUY, "SLD": Side.SELL}
COMMISSION_LATER: Final = Decimal(-1)


def venue_order_id(perm_id: object) -> str | None:
    """Return the id under which an order stays known at IB, as Nautilus writes it; None while IB has not given one."""
    return f"PERM-{perm_id}" if isinstance(perm_id, int) and 0 < perm_id < 1 << 62 else None


def read_order(order: Any, status: str, *, symbol: str, filled: Decimal | None = None) -> VenueOrder | Malformed | None:
    """Return an openOrder or completedOrder. `filled`: where the message says it, else what its status implies.

    None: no answer about the order, because IB has not named it yet, or because it has ended, which openOrder does not say
    precisely: the order's status message, the completed orders and the executions do.
    """
    perm = venue_order_id(order.permId)
    if perm is None or status in WAITING:
        return None
    known, quantity, side = STATUSES.get(status), _number(order.totalQuantity), SIDES.get(order.action)
    if known is None or quantity is None or not quantity or side is None:
        return Malformed(reason=f"order {perm}: status {status!r}, quantity {order.totalQuantity!r}, side {order.action!r}")
    if filled is None:
        if known is not VenueStatus.OPEN:
            return None
        filled = ZERO
    if not 0 <= filled <= quantity:
        return Malformed(reason=f"order {perm}: {filled} filled of {quantity}")
    return VenueOrder(
        venue_order_id=perm,
        client_order_id=client_order_id_of(order.orderRef),
        symbol=symbol,
        side=side,
        status=known,
        quantity=quantity,
        filled=filled,
        price=_number(order.lmtPrice),
        kind=str(order.orderType),
        time_in_force=str(order.tif) or None,
        updated_ns=None,
    )


def read_status(
    *, status: str, filled: object, remaining: object, perm_id: object, client_order_id: str, symbol: str, side: Side
) -> VenueOrder | Malformed | None:
    """Return an orderStatus of an order whose id and symbol are known. None: see `read_order`."""
    perm = venue_order_id(perm_id)
    if perm is None or status in WAITING:
        return None
    known, done, rest = STATUSES.get(status), _number(filled), _number(remaining)
    if known is None or done is None or rest is None or not done + rest:
        return Malformed(reason=f"status of {perm}: {status!r}, filled {filled!r}, remaining {remaining!r}")
    return VenueOrder(
        venue_order_id=perm,
        client_order_id=client_order_id,
        symbol=symbol,
        side=side,
        status=known,
        quantity=done + rest,
        filled=done,
        price=None,
        kind="",
        time_in_force=None,
        updated_ns=None,
    )


def read_fill(execution: Any, commission: Any, *, symbol: str, live: bool) -> VenueFill | Malformed | None:
    """Return one execution with its commission report. `live`: it happens now, so that our clock is finer than IB's seconds.

    None: IB has not said what it cost; a report that does follows.
    """
    perm, side, fee = venue_order_id(execution.permId), SIDES.get(execution.side), _signed(commission.commissionAndFees)
    quantity, price = _number(execution.shares), _number(execution.price)
    if fee is None or fee == COMMISSION_LATER:
        return None
    if perm is None or side is None or not quantity or not price or not _text(execution.execId) or not _text(commission.currency):
        return Malformed(reason=f"execution {execution.execId!r}: {execution.side!r} {execution.shares!r} at {execution.price!r}")
    return VenueFill(
        trade_id=execution.execId,
        venue_order_id=perm,
        client_order_id=client_order_id_of(execution.orderRef),
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
        fee=fee,
        fee_currency=commission.currency,
        maker={1: True, 2: False}.get(execution.lastLiquidity),
        venue_ns=None if live else read_time(execution.time),
    )


def read_time(text: object) -> int | None:
    """Return IB's "20261126 09:30:00 US/Eastern", or "20261126-14:30:00" in UTC, in ns; None for anything else."""
    if not isinstance(text, str):
        return None
    stamp, _, zone = text.rpartition(" ") if " " in text else (text.replace("-", " "), "", "UTC")
    try:
        known = ZoneInfo("UTC" if zone in ("Universal", "UTC") else zone)
        return int(datetime.strptime(stamp, "%Y%m%d %H:%M:%S").replace(tzinfo=known).timestamp()) * NS
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return None


def correction_key(exec_id: str) -> str:
    """Return what an execution shares with its corrections: IB counts the last part of the id up."""
    return exec_id.rpartition(".")[0] or exec_id


def _number(value: object) -> Decimal | None:
    number = _signed(value)
    return number if number is not None and number >= 0 else None


def _signed(value: object) -> Decimal | None:
    """Return an amount; None for what IB leaves unset, which is the largest double or decimal there is."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return None
    return number.normalize() if number.is_finite() and abs(number) < NUMBER_MAX else None


def _text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 64
