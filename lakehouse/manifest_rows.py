"""The rows of a research portfolio: symbols and signed weights, read strictly. What contradicts itself raises; nothing is mended.

Every function raises `orders.errors.InputError` only. Codes: SYMBOL_MALFORMED, SYMBOL_WITHOUT_EXCHANGE, SYMBOL_IS_ATOM,
WEIGHT_MISSING, WEIGHT_NOT_FINITE, MANIFEST_MALFORMED, MANIFEST_CONTRADICTION.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from operator import itemgetter
from typing import Any, Final, TypeGuard

from orders.errors import InputError
from orders.values import Record

ASSETS_MAX: Final = 20_000
WEIGHT_MISMATCH_MAX: Final = Decimal("1e-6")  # relative; the platform's barbell differs by about 1e-12
EXACT: Final = Context(prec=1000)  # a weight has at most 64 digits, the last within 464 places: sums and products are exact
ASK: Final = "Have research mend the manifest."

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9_]{0,31}:[A-Z0-9][A-Z0-9.!&_\-]{0,63}")
_PLAIN_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9_]{0,31}:[A-Z0-9][A-Z0-9.!&\-]{0,63}")  # no underscore in the ticker: no atom
_ATOM: Final = re.compile(r"[^_]+_(?:.*_)?(?:LONG|SHORT)(?:_[0-9]+[mhdwM])?")
_SIGNS: Final = {"LONG": 1, "SHORT": -1, "FLAT": 0}
_LABELS: Final = itemgetter("Rank", "Profile", "Engine", "Source_Run")
_CELLS: Final = itemgetter("Symbol", "Net_Weight", "Weight", "Direction")


class Asset(Record, frozen=True, kw_only=True, gc=False):
    """One symbol of a winner; `net_weight` is signed, a fraction of the winner's capital."""

    symbol: str
    net_weight: Decimal
    source_run: str


def read_assets(rows: list[Any], *, labels: Mapping[str, object], source_run: str, weight_abs_max: Decimal) -> tuple[Asset, ...]:
    """Return the rows of a v3 winner, every symbol once. `labels`: Rank, Profile, Engine and Source_Run as the winner says;
    a row may leave out all of these but Source_Run.
    """
    assets = _plain_assets(rows, labels=labels, source_run=source_run, weight_abs_max=weight_abs_max)
    if assets is None:
        assets = [_asset(row, labels=labels, source_run=source_run, weight_abs_max=weight_abs_max) for row in rows]
        check_once(asset.symbol for asset in assets)
    return tuple(assets)


def _plain_assets(
    rows: list[Any], *, labels: Mapping[str, object], source_run: str, weight_abs_max: Decimal
) -> list[Asset] | None:
    """Read rows by column, which is twice as fast, where every single one is plain: all columns there, a side, Weight equal
    to the size of Net_Weight and not 0, an ordinary symbol, each once. None where any is not: then rows are judged one by one.
    """
    expected = tuple(labels[name] for name in ("Rank", "Profile", "Engine", "Source_Run"))
    if set(map(type, rows)) != {dict}:
        return None
    try:
        symbols, nets, weights, sides = zip(*map(_CELLS, rows), strict=True)
        labelled = all(map(expected.__eq__, map(_LABELS, rows)))
    except KeyError:
        return None
    if not (
        labelled
        and set(map(type, symbols)) == set(map(type, sides)) == {str}
        and set(map(type, nets)) == set(map(type, weights)) == {Decimal}
        and set(sides) <= {"LONG", "SHORT"}
        and list(nets)
        == [weight if side == "LONG" else weight.copy_negate() for weight, side in zip(weights, sides, strict=True)]
        and all(map(_PLAIN_SYMBOL.fullmatch, symbols))
        and len(set(symbols)) == len(symbols)
        and min(weights) > 0
        and max(weights) <= weight_abs_max
    ):
        return None
    return [Asset(symbol=symbol, net_weight=net, source_run=source_run) for symbol, net in zip(symbols, nets, strict=True)]


def check_once(symbols: Any) -> None:
    """Refuse a symbol that stands twice in one portfolio."""
    names = list(symbols)
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for symbol in names:
        if symbol in seen:
            raise refusal("MANIFEST_CONTRADICTION", "every symbol once", f"{symbol}: twice")
        seen.add(symbol)


def _asset(row: Any, *, labels: Mapping[str, object], source_run: str, weight_abs_max: Decimal) -> Asset:
    symbol = check_symbol(row.get("Symbol") if isinstance(row, dict) else None)
    for name, value in labels.items():
        if row.get(name, value) != value or (name == "Source_Run" and name not in row):
            found = f"{symbol}: {name} {row.get(name)!r:.60}"
            raise refusal("MANIFEST_CONTRADICTION", f"{name} {value!r} as in its winner", found)
    weight = bounded(net_weight(row, symbol=symbol), symbol=symbol, weight_abs_max=weight_abs_max)
    return Asset(symbol=symbol, net_weight=weight, source_run=source_run)


def bounded(weight: Decimal, *, symbol: str, weight_abs_max: Decimal) -> Decimal:
    """Return a signed weight that is at most `weight_abs_max` in size."""
    if weight.copy_abs() > weight_abs_max:
        raise refusal("MANIFEST_CONTRADICTION", f"at most {weight_abs_max} in size", f"{symbol}: Net_Weight {weight}")
    return weight


def check_symbol(symbol: object) -> str:
    """Return a platform symbol `EXCHANGE:TICKER` unchanged. Raises `InputError` SYMBOL_MALFORMED, SYMBOL_WITHOUT_EXCHANGE
    (a sleeve's name) or SYMBOL_IS_ATOM (a strategy atom: its side is in the suffix, so its weight's sign means nothing).
    """
    if not isinstance(symbol, str):
        raise refusal("SYMBOL_MALFORMED", "a Symbol in every row", f"{symbol!r:.60}")
    exchange, colon, ticker = symbol.partition(":")
    if not colon or not exchange:
        raise refusal("SYMBOL_WITHOUT_EXCHANGE", "EXCHANGE:TICKER", f"{symbol!r:.60}")
    if _ATOM.fullmatch(ticker):
        raise refusal("SYMBOL_IS_ATOM", "a physical symbol", f"{symbol[:80]}")
    if not _SYMBOL.fullmatch(symbol):
        raise refusal("SYMBOL_MALFORMED", "EXCHANGE:TICKER in capitals", f"{symbol!r:.60}")
    return symbol


def net_weight(row: Mapping[str, Any], *, symbol: str) -> Decimal:
    """Return the signed weight: Net_Weight, or else Weight with Direction; FLAT is 0. Weight, where both are there, is the
    size of Net_Weight within `WEIGHT_MISMATCH_MAX`.
    """
    net, weight = weight_of(row, "Net_Weight", symbol=symbol), weight_of(row, "Weight", symbol=symbol)
    sign, direction = sign_of(row, symbol=symbol), row.get("Direction")
    if weight is not None and weight < 0:
        raise refusal("MANIFEST_CONTRADICTION", "Weight without a sign", f"{symbol}: Weight {weight}")
    if net is None:
        if weight is None or sign is None:
            raise refusal("WEIGHT_MISSING", "Net_Weight, or Weight with Direction", f"{symbol}: neither")
        return Decimal(0) if sign == 0 else weight.copy_negate() if sign < 0 else weight
    if sign is not None and net and (sign == 0 or (net > 0) != (sign > 0)):
        raise refusal("MANIFEST_CONTRADICTION", "the sign of Direction", f"{symbol}: Net_Weight {net} but Direction {direction}")
    if weight is not None and sign != 0 and net.copy_abs() != weight and differ(net.copy_abs(), weight):
        raise refusal(
            "MANIFEST_CONTRADICTION", "Net_Weight as large as Weight", f"{symbol}: Net_Weight {net} but Weight {weight}"
        )
    return net


def sign_of(row: Mapping[str, Any], *, symbol: str) -> int | None:
    """Return 1, -1 or 0 for Direction LONG, SHORT or FLAT; None where the row has no Direction."""
    direction = row.get("Direction")
    sign = _SIGNS.get(direction) if isinstance(direction, str) else None
    if sign is None and "Direction" in row:
        raise refusal("MANIFEST_MALFORMED", "Direction LONG, SHORT or FLAT", f"{symbol}: Direction {direction!r:.40}")
    return sign


def differ(one: Decimal, other: Decimal) -> bool:
    """Say whether two sizes of 0 or more differ by more than `WEIGHT_MISMATCH_MAX` of the larger."""
    return abs(one - other) > WEIGHT_MISMATCH_MAX * max(one, other)


def weight_of(row: Mapping[str, Any], name: str, *, symbol: str) -> Decimal | None:
    """Return a finite number of a row; None where the row has no such column."""
    value = row.get(name)
    if value is None and name not in row:
        return None
    if type(value) is Decimal and value.is_finite():
        return value
    if not is_number(value):
        raise refusal("MANIFEST_MALFORMED", f"{name} as a number", f"{symbol}: {name} {value!r:.40}")
    if not Decimal(value).is_finite():
        raise refusal("WEIGHT_NOT_FINITE", f"a finite {name}", f"{symbol}: {name} {value}")
    return Decimal(value)


def rows_of(value: object, *, what: str) -> list[Any]:
    """Return a list of at most `ASSETS_MAX` rows, at least one: an engine that failed is no order to sell."""
    if not isinstance(value, list) or len(value) > ASSETS_MAX:
        raise refusal("MANIFEST_MALFORMED", f"{what} as a list of at most {ASSETS_MAX} rows", "something else")
    if not value:
        raise refusal("WINNER_EMPTY", f"{what}; an engine that failed is no order to sell", "none")
    return value


def refusal(code: str, expected: str, found: str) -> InputError:
    """Return the error of a document that research has to mend."""
    return InputError(code, expected=expected, found=found, action=ASK)


def is_integer(value: object) -> TypeGuard[int]:
    """Say whether a JSON value is an integer; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_name(value: object) -> TypeGuard[str]:
    """Say whether a value can be half of a winner's key."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_number(value: object) -> TypeGuard[int | Decimal]:
    """Say whether a JSON value is a number, finite or not."""
    return isinstance(value, Decimal) or is_integer(value)


def text_or_none(value: object) -> str | None:
    """Return a text, cut at 200 characters; None for anything else."""
    return value[:200] if isinstance(value, str) else None
