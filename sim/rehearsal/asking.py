"""An order's parameters as they stand in a request, made into what the exchange takes, or refused in the venue's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, cast

from orders.values import Side
from sim.rehearsal.listing import ORDER_TYPES, SELF_TRADE_DEFAULT, SELF_TRADE_MODES
from sim.rehearsal.signing import missing
from sim.rehearsal.values import Asked, Refusal

NUMBER: Final = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
CLIENT_ID: Final = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
PLACES_MAX: Final = 8
TIMES: Final = ("GTC", "IOC", "FOK")


def parse_order(parameters: Mapping[str, str], *, account: str, made_id: str) -> Asked | Refusal:
    """Return the order a request asks for. `made_id` is the client id it gets when it names none."""
    side, kind = parameters.get("side", ""), parameters.get("type", "")
    for name in ("symbol", "side", "type"):
        if not parameters.get(name):
            return missing(name)
    if side not in ("BUY", "SELL"):
        return Refusal(code=-1117, message="Invalid side.")
    if kind not in ORDER_TYPES:
        return Refusal(code=-1116, message="Invalid orderType.")
    numbers: dict[str, Decimal] = {}
    for name in ("quantity", "price", "quoteOrderQty"):
        if name in parameters:
            read = _number(name, parameters[name])
            if isinstance(read, Refusal):
                return read
            numbers[name] = read
    refused = _wrong_set(parameters, kind, numbers)
    if refused is not None:
        return refused
    client_id = parameters.get("newClientOrderId", made_id)
    if not CLIENT_ID.match(client_id):
        return Refusal(
            code=-1100, message=f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ID.pattern}'."
        )
    mode = parameters.get("selfTradePreventionMode", SELF_TRADE_DEFAULT)
    if mode not in SELF_TRADE_MODES:
        return Refusal(code=-1013, message="This symbol does not allow the specified self-trade prevention mode.")
    return Asked(
        account=account,
        symbol=parameters["symbol"],
        side=Side(side),
        kind=cast(Literal["LIMIT", "LIMIT_MAKER", "MARKET"], kind),
        time_in_force=cast(Literal["GTC", "IOC", "FOK"], parameters.get("timeInForce", "GTC")),
        quantity=numbers.get("quantity"),
        quote_quantity=numbers.get("quoteOrderQty"),
        price=numbers.get("price"),
        client_id=client_id,
        self_trade=mode,
    )


def _wrong_set(parameters: Mapping[str, str], kind: str, numbers: Mapping[str, Decimal]) -> Refusal | None:
    """Which parameters a kind needs and which it must not have."""
    if kind == "MARKET":
        if ("quantity" in numbers) == ("quoteOrderQty" in numbers):
            if "quantity" in numbers:
                return Refusal(code=-1128, message="Combination of optional parameters invalid.")
            return Refusal(code=-1102, message="Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        unwanted: tuple[str, ...] = ("price", "timeInForce")
    else:
        for name in ("quantity", "price"):
            if name not in numbers:
                return missing(name)
        unwanted = ("quoteOrderQty", "timeInForce") if kind == "LIMIT_MAKER" else ("quoteOrderQty",)
        if kind == "LIMIT" and not parameters.get("timeInForce"):
            return missing("timeInForce")
    for name in unwanted:
        if name in parameters:
            return Refusal(code=-1106, message=f"Parameter '{name}' sent when not required.")
    if parameters.get("timeInForce", "GTC") not in TIMES:
        return Refusal(code=-1115, message="Invalid timeInForce.")
    return None


def _number(name: str, written: str) -> Decimal | Refusal:
    if not written:
        return Refusal(code=-1105, message=f"Parameter '{name}' was empty.")
    if not NUMBER.match(written):
        return Refusal(code=-1100, message=f"Illegal characters found in parameter '{name}'; legal range is '{NUMBER.pattern}'.")
    value = Decimal(written)
    if len(written.partition(".")[2].rstrip("0")) > PLACES_MAX:
        return Refusal(code=-1111, message=f"Parameter '{name}' has too much precision.")
    return value
