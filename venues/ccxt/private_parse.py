"""Orders, fills and balances of ours out of ccxt's dictionaries: exact decimals, or a reason why not. Pure: no ccxt, no Nautilus.

The venue's own texts in `info` go first; where a profile names none, ccxt's float counts as the shortest decimal that means it.
An element that is not understood is returned as `Malformed`, for the quarantine; it is never guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from orders.exact import EXACT
from orders.values import Side
from venues.answers import ZERO, Malformed, VenueBalance, VenueFill, VenueOrder, VenueStatus, VenueTransfer
from venues.ccxt.client_ids import from_venue
from venues.ccxt.ticks import NS_PER_MS, NUMBER_MAX, number, whole
from venues.ccxt.trading_profiles import FillTexts, OrderTexts, TradingProfile, TransferTexts

ID_MAX: Final = 64  # characters of a venue's ids
TX_MAX: Final = 200  # of a transaction on a chain


STATUSES: Final[Mapping[str, VenueStatus]] = {
    "open": VenueStatus.OPEN,
    "canceling": VenueStatus.OPEN,
    "closed": VenueStatus.CLOSED,
    "canceled": VenueStatus.CANCELED,
    "expired": VenueStatus.EXPIRED,
    "rejected": VenueStatus.REJECTED,
}


def parse_order(order: Any, profile: TradingProfile) -> VenueOrder | Malformed:
    """Return one unified order of ccxt."""
    if not isinstance(order, Mapping):
        return Malformed(reason=f"an order that is a {type(order).__name__}")
    venue_order_id, symbol, side = _id(order.get("id")), order.get("symbol"), _side(order.get("side"))
    status = STATUSES.get(str(order.get("status")))
    if venue_order_id is None or not isinstance(symbol, str) or side is None or status is None:
        return Malformed(reason=f"id {order.get('id')!r}, symbol {symbol!r}, side {side}, status {order.get('status')!r}")
    info: Any = order.get("info")
    texts = _form(info, profile.order_texts)
    quantity = _amount(info.get(texts.quantity) if texts else order.get("amount"))
    filled = _amount(info.get(texts.filled) if texts else order.get("filled"))
    if quantity is None or filled is None or not 0 <= filled <= quantity or not quantity:
        return Malformed(reason=f"order {venue_order_id}: quantity {quantity}, filled {filled}")
    updated = whole(info.get(texts.updated_ms)) if texts and texts.updated_ms else whole(order.get("lastUpdateTimestamp"))
    return VenueOrder(
        venue_order_id=venue_order_id,
        client_order_id=from_venue(order.get("clientOrderId"), profile.client_id),
        symbol=symbol,
        side=side,
        status=status,
        quantity=quantity,
        filled=filled,
        price=_amount(order.get("price")),
        kind=str(order.get("type")),
        time_in_force=None if order.get("timeInForce") is None else str(order.get("timeInForce")),
        updated_ns=None if updated is None else updated * NS_PER_MS,
    )


def parse_fill(trade: Any, profile: TradingProfile, *, quote_currency: str) -> VenueFill | Malformed:
    """Return one unified trade of ours. `quote_currency`: of the symbol; the currency of a fee of 0 that names none."""
    if not isinstance(trade, Mapping) or not isinstance(trade.get("symbol"), str):
        return Malformed(reason=f"a trade without a symbol: {str(trade)[:80]}")
    info: Any = trade.get("info")
    texts = _form(info, profile.fill_texts)
    if texts is not None:
        parts = {name: info.get(where) if where else None for name, where in _fields(texts)}
    else:
        fee = trade.get("fee")
        known = fee if isinstance(fee, Mapping) else {}
        maker = trade.get("takerOrMaker")
        parts = {
            "trade_id": trade.get("id"), "price": trade.get("price"), "quantity": trade.get("amount"), "fee": known.get("cost"),
            "fee_currency": known.get("currency"), "order_id": trade.get("order"), "client_order_id": None,
            "maker": None if maker is None else maker == "maker", "venue_ms": trade.get("timestamp"),
        }  # fmt: skip
    trade_id = _id(parts["trade_id"])
    price, quantity, fee_amount = _amount(parts["price"]), _amount(parts["quantity"]), _signed(parts["fee"])
    if trade_id is None or trade_id == "-1" or not price or not quantity:
        return Malformed(reason=f"trade {parts['trade_id']!r}: quantity {parts['quantity']!r} at {parts['price']!r}")
    currency = parts["fee_currency"]
    if fee_amount is None or (fee_amount and not _code(currency)):
        return Malformed(reason=f"trade {trade_id}: fee {parts['fee']!r} {currency!r}")
    venue_ms = whole(parts["venue_ms"])
    return VenueFill(
        trade_id=trade_id,
        venue_order_id=_id(parts["order_id"]),
        client_order_id=from_venue(parts["client_order_id"], profile.client_id),
        symbol=str(trade["symbol"]),
        side=_side(trade.get("side")),
        quantity=quantity,
        price=price,
        fee=fee_amount,
        fee_currency=str(currency) if _code(currency) else quote_currency,
        maker=parts["maker"] if isinstance(parts["maker"], bool) else None,
        venue_ns=None if venue_ms is None else venue_ms * NS_PER_MS,
    )


def parse_balances(balance: Any) -> tuple[VenueBalance, ...] | Malformed:
    """Return every currency of a unified balance of ccxt that is not zero or stands in it with a zero.

    What has neither `free` nor `used` is not said, and left out; one that makes no sense spoils the whole answer.
    """
    if not isinstance(balance, Mapping) or not isinstance(balance.get("free"), Mapping):
        return Malformed(reason="a balance without amounts")
    stamp = whole(balance.get("timestamp"))
    found = []
    for code in balance["free"]:
        entry = balance.get(code)
        if not isinstance(entry, Mapping) or entry.get("free") is None:
            continue
        free, locked = _amount(entry.get("free")), _amount(entry.get("used") or 0)
        if free is None or locked is None or not _code(code):
            return Malformed(reason=f"balance of {code!r}: {entry!r}")
        as_of = None if stamp is None else stamp * NS_PER_MS
        found.append(VenueBalance(currency=str(code), free=free, locked=locked, as_of_ns=as_of))
    return tuple(found)


def parse_mid(ticker: Any) -> Decimal | Malformed:
    """Return the exact middle of a unified ticker's bid and ask, in quote currency for one unit."""
    bid, ask = (_amount(ticker.get(side)) if isinstance(ticker, Mapping) else None for side in ("bid", "ask"))
    if not bid or not ask or bid > ask:
        return Malformed(reason=f"bid {bid}, ask {ask}")
    return EXACT.divide(EXACT.add(bid, ask), Decimal(2))


def parse_transfer(raw: Any, *, texts: TransferTexts, kind: str) -> VenueTransfer | Malformed:
    """Return one unified deposit or withdrawal of ccxt. One that is confirmed and has no instant is taken as of when it began."""
    info: Any = raw.get("info") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(info, Mapping):
        return Malformed(reason=f"a {kind} that is a {type(raw).__name__}")
    transfer_id, currency = _id(raw.get("id")) or _long_id(raw.get("txid")), raw.get("currency")
    amount, fee = _amount(info.get(texts.amount)), _amount(info.get(texts.fee, "0"))
    if transfer_id is None or not _code(currency) or not amount or fee is None:
        seen = f"{info.get(texts.amount)!r} {currency!r}, fee {info.get(texts.fee)!r}"
        return Malformed(reason=f"{kind} {raw.get('id')!r} of {seen}")
    confirmed = raw.get("status") == "ok"
    done_ms = _instant_ms(info.get(texts.done)) or whole(raw.get("timestamp"))
    if confirmed and done_ms is None:
        return Malformed(reason=f"{kind} {transfer_id} is confirmed and has no time")
    charged = fee if kind == "withdrawal" and texts.fee_on_top else ZERO
    return VenueTransfer(
        kind=kind,
        transfer_id=transfer_id,
        currency=str(currency),
        amount=amount if kind == "deposit" else -(amount + charged),
        fee=fee,
        done_ns=done_ms * NS_PER_MS if confirmed and done_ms is not None else None,
        state=str(raw.get("status"))[:20],
    )


def _instant_ms(value: Any) -> int | None:
    """Milliseconds, or a UTC text such as 2021-04-15 12:09:16; None where it is neither."""
    if isinstance(value, str) and "-" in value:
        try:
            return int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()) * 1_000
        except ValueError:
            return None
    return whole(value)


def _long_id(value: Any) -> str | None:
    """The hash of a transaction, longer than an id."""
    return value if isinstance(value, str) and 0 < len(value) <= TX_MAX and value.isascii() and value.isprintable() else None


def _form[Texts: (OrderTexts, FillTexts)](info: Any, forms: tuple[Texts, ...]) -> Texts | None:
    """The first form whose keys are all in `info`."""
    if not isinstance(info, Mapping):
        return None
    return next((form for form in forms if all(where in info for _, where in _fields(form) if where)), None)


def _fields(form: OrderTexts | FillTexts) -> list[tuple[str, str | None]]:
    return [(name, getattr(form, name)) for name in form.__struct_fields__]


def _amount(value: Any) -> Decimal | None:
    """A number of 0 or more."""
    parsed = _signed(value)
    return parsed if parsed is not None and parsed >= 0 else None


def _signed(value: Any) -> Decimal | None:
    parsed = number(value)
    return parsed if parsed is not None and parsed.is_finite() and abs(parsed) <= NUMBER_MAX else None


def _id(value: Any) -> str | None:
    """A venue's id as text; numbers are ids too."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isascii():
        return None
    text = str(value)
    return text if 0 < len(text) <= ID_MAX and text.isprintable() else None


def _code(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 20 and value.isascii() and value.isalnum()


def _side(value: Any) -> Side | None:
    return {"buy": Side.BUY, "sell": Side.SELL}.get(value) if isinstance(value, str) else None
