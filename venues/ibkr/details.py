"""What the client library says of a contract, in our words. Pure: only attributes are read."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import Any, Final

from venues.ibkr.contracts import Details

NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")  # as IB and Python write one
PLACES: Final = range(-18, 15)  # of the first digit of a number that means something
UNSET: Final = sys.float_info.max  # IB's word for no number


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
        multiplier=multiplier_of(contract.multiplier),
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
    if not isinstance(value, Decimal):
        text = repr(value) if isinstance(value, float) else str(value)
        if not NUMBER.fullmatch(text):
            return None
        value = Decimal(text)
    if not value.is_finite() or (value and value.adjusted() not in PLACES):
        return None
    return value.normalize()


def multiplier_of(value: Any) -> Decimal | None:
    """Return a contract's multiplier; None where IB tells none, 0 for one that is no number, which fits no contract."""
    if not value or value == UNSET:
        return None
    return exact(value) or Decimal(0)
