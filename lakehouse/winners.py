"""The winners of a v3 manifest: strict rows in, values out. What contradicts itself refuses its winner; nothing is repaired."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeGuard
from zoneinfo import ZoneInfo

from lakehouse.provenance import RUN_ID
from lakehouse.strict_json import parse
from lakehouse.upstream_time import stamp_ns
from orders.canonical import sha256_hex
from orders.errors import InputError
from orders.values import Record

WINNERS_MAX: Final = 100
ASSETS_MAX: Final = 20_000
WEIGHT_MISMATCH_MAX: Final = Decimal("1e-6")  # relative; the platform's barbell differs by about 1e-12
ASK: Final = "Have research mend the manifest."

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9_]{0,31}:[A-Z0-9][A-Z0-9.!&_\-]{0,63}")
_ATOM: Final = re.compile(r"[^_]+_(?:.*_)?(?:LONG|SHORT)(?:_[0-9]+[mhdwM])?")
_SIGNS: Final = {"LONG": 1, "SHORT": -1, "FLAT": 0}


class Asset(Record, frozen=True, kw_only=True):
    """One row of a winner; `net_weight` is signed, a fraction of the winner's capital."""

    symbol: str
    net_weight: Decimal
    source_run: str


class Winner(Record, frozen=True, kw_only=True):
    """One portfolio of a manifest. `regime_score` None: absent or NaN. `generated_ns` None: absent."""

    rank: int
    profile: str
    engine: str
    regime_name: str | None
    regime_score: Decimal | None
    quadrant: str | None
    source_run: str
    generated_ns: int | None
    returns_hash: str | None
    assets: tuple[Asset, ...]

    @property
    def key(self) -> str:
        """`engine/profile`: stable where ranks move."""
        return f"{self.engine}/{self.profile}"


class RefusedWinner(Record, frozen=True, kw_only=True):
    """A winner whose rows contradict themselves, and the first contradiction."""

    rank: int
    profile: str
    engine: str
    code: str
    message: str

    @property
    def key(self) -> str:
        """`engine/profile`."""
        return f"{self.engine}/{self.profile}"


class Manifest(Record, frozen=True, kw_only=True):
    """A parsed document: the hash and size of its bytes, and its winners in file order."""

    sha256: str
    size: int
    winners: tuple[Winner | RefusedWinner, ...]


def parse_manifest(data: bytes, *, what: str, size_max: int, zone: ZoneInfo, weight_abs_max: Decimal) -> Manifest:
    """Return the winners of a v3 document; `zone` of its naive stamps.

    Raises `InputError`: strict_json's codes, SHAPE_UNSUPPORTED (another file of the platform), SHAPE_UNKNOWN,
    WINNER_UNREADABLE and WINNER_DUPLICATE (then whose capital it is cannot be told).
    """
    document = parse(data, what=what, size_max=size_max, nonfinite=True)
    keys = sorted(document) if isinstance(document, dict) else None
    found = f"keys {', '.join(keys)[:80]}" if keys is not None else f"a JSON {type(document).__name__}"
    expected = 'a v3 manifest, {"winners": [...]}'
    if keys is not None and ("profiles" in keys or "weights" in keys):
        raise InputError("SHAPE_UNSUPPORTED", expected=expected, found=found, action="Point the config at the v3 file.")
    if keys is None or not isinstance(document.get("winners"), list):
        raise InputError("SHAPE_UNKNOWN", expected=expected, found=found, action="Point the config at the v3 file.")
    rows: list[Any] = document["winners"]
    if len(rows) > WINNERS_MAX:
        raise InputError("SHAPE_UNKNOWN", expected=f"at most {WINNERS_MAX} winners", found=str(len(rows)), action=ASK)
    winners = tuple(_winner(row, zone=zone, weight_abs_max=weight_abs_max) for row in rows)
    for names in ([winner.key for winner in winners], [f"rank {winner.rank}" for winner in winners]):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError("WINNER_DUPLICATE", expected="every winner once", found=f"{', '.join(twice)} again", action=ASK)
    return Manifest(sha256=sha256_hex(data), size=len(data), winners=winners)


def _winner(row: Any, *, zone: ZoneInfo, weight_abs_max: Decimal) -> Winner | RefusedWinner:
    rank, profile, engine = (row.get(name) for name in ("rank", "profile", "engine")) if isinstance(row, dict) else (None,) * 3
    if not (_is_integer(rank) and 0 < rank < 10**9 and _is_name(profile) and _is_name(engine)):
        found = f"rank {rank!r:.40}, profile {profile!r:.60}, engine {engine!r:.60}"
        raise InputError("WINNER_UNREADABLE", expected="winners with rank, profile and engine", found=found, action=ASK)
    try:
        return _sound_winner(row, rank=rank, profile=profile, engine=engine, zone=zone, weight_abs_max=weight_abs_max)
    except InputError as error:
        message = f"{error.found}; {error.expected} was expected"
        return RefusedWinner(rank=rank, profile=profile, engine=engine, code=error.code, message=message)


def _sound_winner(
    row: dict[str, Any], *, rank: int, profile: str, engine: str, zone: ZoneInfo, weight_abs_max: Decimal
) -> Winner:
    metadata, regime, rows = row.get("metadata"), row.get("regime"), row.get("assets")
    if not isinstance(metadata, dict) or not isinstance(rows, list) or len(rows) > ASSETS_MAX:
        raise _no("MANIFEST_MALFORMED", f"metadata as an object and at most {ASSETS_MAX} assets", "something else")
    source_run = metadata.get("source_run_id")
    if not isinstance(source_run, str) or not RUN_ID.fullmatch(source_run):
        raise _no("SOURCE_RUN_MALFORMED", f"a source_run_id of {RUN_ID.pattern}", f"{source_run!r:.60}")
    if not rows:
        raise _no("WINNER_EMPTY", "assets; an engine that failed is no order to sell", "none")
    labels = {"Rank": rank, "Profile": profile, "Engine": engine, "Source_Run": source_run}
    assets = tuple(_asset(item, labels=labels, weight_abs_max=weight_abs_max) for item in rows)
    seen: set[str] = set()
    for asset in assets:
        if asset.symbol in seen:
            raise _no("MANIFEST_CONTRADICTION", "every symbol once", f"{asset.symbol}: twice")
        seen.add(asset.symbol)
    generated = metadata.get("generated_at")
    if generated is not None and not isinstance(generated, str):
        raise _no("STAMP_MALFORMED", "generated_at as text", f"{generated!r:.60}")
    named = regime if isinstance(regime, dict) else {}
    score = named.get("score")
    return Winner(
        rank=rank,
        profile=profile,
        engine=engine,
        regime_name=_text_or_none(named.get("name")),
        regime_score=Decimal(score) if _is_number(score) and Decimal(score).is_finite() else None,
        quadrant=_text_or_none(named.get("quadrant")),
        source_run=source_run,
        generated_ns=None if generated is None else stamp_ns(generated, zone=zone),
        returns_hash=_text_or_none(metadata.get("source_returns_hash")),
        assets=assets,
    )


def _asset(row: Any, *, labels: Mapping[str, object], weight_abs_max: Decimal) -> Asset:
    symbol = check_symbol(row.get("Symbol") if isinstance(row, dict) else None)
    for name, value in labels.items():
        if row.get(name, value) != value or (name == "Source_Run" and name not in row):
            raise _no("MANIFEST_CONTRADICTION", f"{name} {value!r} as in its winner", f"{symbol}: {name} {row.get(name)!r:.60}")
    net_weight = _net_weight(row, symbol=symbol)
    if net_weight.copy_abs() > weight_abs_max:
        found = f"{symbol}: Net_Weight {net_weight}"
        raise _no("MANIFEST_CONTRADICTION", f"at most {weight_abs_max} in size", found)
    return Asset(symbol=symbol, net_weight=net_weight, source_run=str(labels["Source_Run"]))


def check_symbol(symbol: object) -> str:
    """Return a platform symbol `EXCHANGE:TICKER` unchanged. Raises `InputError` SYMBOL_MALFORMED, SYMBOL_WITHOUT_EXCHANGE
    (a sleeve's name) or SYMBOL_IS_ATOM (a strategy atom: its side is in the suffix, so its weight's sign means nothing).
    """
    if not isinstance(symbol, str):
        raise _no("SYMBOL_MALFORMED", "a Symbol in every row", f"{symbol!r:.60}")
    exchange, colon, ticker = symbol.partition(":")
    if not colon or not exchange:
        raise _no("SYMBOL_WITHOUT_EXCHANGE", "EXCHANGE:TICKER", f"{symbol!r:.60}")
    if _ATOM.fullmatch(ticker):
        raise _no("SYMBOL_IS_ATOM", "a physical symbol", f"{symbol[:80]}")
    if not _SYMBOL.fullmatch(symbol):
        raise _no("SYMBOL_MALFORMED", "EXCHANGE:TICKER in capitals", f"{symbol!r:.60}")
    return symbol


def _net_weight(row: dict[str, Any], *, symbol: str) -> Decimal:
    """Return the signed weight: Net_Weight, or else Weight with Direction; FLAT is 0."""
    net, weight = _weight(row, "Net_Weight", symbol=symbol), _weight(row, "Weight", symbol=symbol)
    direction = row.get("Direction")
    sign = _SIGNS.get(direction) if isinstance(direction, str) else None
    if sign is None and "Direction" in row:
        raise _no("MANIFEST_MALFORMED", "Direction LONG, SHORT or FLAT", f"{symbol}: Direction {direction!r:.40}")
    if weight is not None and weight < 0:
        raise _no("MANIFEST_CONTRADICTION", "Weight without a sign", f"{symbol}: Weight {weight}")
    if net is None:
        if weight is None or sign is None:
            raise _no("WEIGHT_MISSING", "Net_Weight, or Weight with Direction", f"{symbol}: neither")
        return Decimal(0) if sign == 0 else weight.copy_negate() if sign < 0 else weight
    if sign is not None and net and (sign == 0 or (net > 0) != (sign > 0)):
        raise _no("MANIFEST_CONTRADICTION", "the sign of Direction", f"{symbol}: Net_Weight {net} but Direction {direction}")
    if weight is not None and sign != 0 and abs(net) != weight and _differ(abs(net), weight):
        raise _no("MANIFEST_CONTRADICTION", "Net_Weight as large as Weight", f"{symbol}: Net_Weight {net} but Weight {weight}")
    return net


def _differ(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) > WEIGHT_MISMATCH_MAX * max(one, other)


def _weight(row: dict[str, Any], name: str, *, symbol: str) -> Decimal | None:
    value = row.get(name)
    if value is None and name not in row:
        return None
    if type(value) is Decimal and value.is_finite():
        return value
    if not _is_number(value):
        raise _no("MANIFEST_MALFORMED", f"{name} as a number", f"{symbol}: {name} {value!r:.40}")
    if not Decimal(value).is_finite():
        raise _no("WEIGHT_NOT_FINITE", f"a finite {name}", f"{symbol}: {name} {value}")
    return Decimal(value)


def _no(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action=ASK)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, Decimal) or _is_integer(value)


def _text_or_none(value: object) -> str | None:
    return value[:200] if isinstance(value, str) else None
