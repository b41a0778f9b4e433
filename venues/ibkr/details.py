"""What the client library says of a contract, in our words. Pure: only attributes are read."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from venues.ibkr.contracts import Details


def details_of(found: Any, *, rule: tuple[tuple[Decimal, Decimal], ...]) -> Details:
    """Return one ibapi ContractDetails; a number IB leaves unset is None, a double counts as the shortest decimal for it."""
    contract = found.contract
    return Details(
        con_id=int(contract.conId),
        sec_type=str(contract.secType),
        symbol=str(contract.symbol),
        currency=str(contract.currency),
        primary=str(contract.primaryExchange),
        isin=next((str(pair.value) for pair in found.secIdList or () if pair.tag == "ISIN"), ""),
        min_tick=exact(found.minTick) or Decimal(0),
        rule=rule,
        min_size=exact(found.minSize),
        size_increment=exact(found.sizeIncrement),
        multiplier=exact(contract.multiplier) if contract.multiplier else None,
        price_magnifier=int(found.priceMagnifier or 1),
    )


def rule_id_of(found: Any, exchange: str) -> int | None:
    """Return the market rule that holds at an exchange: ids and exchanges are two lists of one order. None: TWS names none."""
    exchanges, ids = (str(text).split(",") for text in (found.validExchanges or "", found.marketRuleIds or ""))
    named = dict(zip(exchanges, ids, strict=False)).get(exchange, "")
    return int(named) if named.isascii() and named.isdigit() else None


def rule_of(increments: Any) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return ibapi's price increments exactly; what is no number makes a tick of 0, which `limits_of` refuses."""
    return tuple((exact(each.lowEdge) or Decimal(0), exact(each.increment) or Decimal(0)) for each in increments)


def exact(value: Any) -> Decimal | None:
    """Return a number exactly; None for none, for what is not finite, and for IB's unset, the largest number there is."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return None
    return number.normalize() if number.is_finite() and abs(number) < Decimal(10) ** 15 else None
