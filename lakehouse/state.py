"""`portfolio_actual_state.json`: what is held, under our own key, beside whatever the platform's own tools keep there.

Top level is an object of profiles. Ours is `SLUICE_<environment>`; all others are kept byte for byte. Written after confirmed
fills only, to a new file that is renamed over the old one. Numbers are exact JSON decimals; amounts of money are strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import msgspec

from lakehouse.layout import NAME_PATTERN, replace_file, storage_error
from lakehouse.plain_file import read_plain
from lakehouse.strict_json import EXPONENT_ABS_MAX
from orders.canonical import decimal_text
from orders.errors import InputError, fit
from orders.values import Record

STATE_VERSION: Final = 1
KEY_PREFIX: Final = "SLUICE_"
DIGITS_MAX: Final = 60  # of an amount, and of its places before or behind the point: twice what the log may have
STATE_BYTES_MAX: Final = 64 * 1024 * 1024
WEIGHT_STEP: Final = Decimal("1e-12")  # weights are rounded half to even at 12 decimals; nothing is computed from them here


class Asset(Record, frozen=True, kw_only=True):
    """One holding: `quantity` signed units, not 0; `price` last mark, quote currency; `notional_base` signed, base currency."""

    symbol: str
    venue: str
    quantity: Decimal
    price: Decimal
    notional_base: Decimal


class ActualState(Record, frozen=True, kw_only=True):
    """What the log up to `log_line` leaves: holdings, cash by venue and currency, fees paid by currency.

    `financing`: kind -> currency -> booked so far, above 0 was credited. `equity_base` in base currency. Every holding carries
    a mark: a caller without a fresh quote uses `LogFold.marks`.
    """

    environment: str
    assets: tuple[Asset, ...]
    equity_base: Decimal
    cash: Mapping[str, Mapping[str, Decimal]]
    fees: Mapping[str, Decimal]
    log_line: int
    updated_ns: int
    financing: Mapping[str, Mapping[str, Decimal]] = {}


class Row(Record, frozen=True, kw_only=True):
    """One asset of any profile. None: the dialect does not say, or says something that is no number of ordinary size.

    `weight` as it stands in the file: unsigned in dialects a and b, signed in c; `net_weight` is signed. The side of each row is
    told by `lakehouse.platform_state`.
    """

    symbol: str
    weight: Decimal | None
    net_weight: Decimal | None
    quantity: Decimal | None
    price: Decimal | None
    venue: str | None
    direction: str | None = None


class Profile(Record, frozen=True, kw_only=True):
    """One top-level key. `dialect`: accepted (a), shadow (b), live (c), sluice (ours), or foreign (rows are not readable).

    `ignored_rows`: rows without a Symbol, such as the `{}` the platform's shadow loop leaves. `raw` is the text as found.
    """

    key: str
    dialect: str
    rows: tuple[Row, ...]
    ignored_rows: int
    updated_at: str | None
    raw: str


class OwnState(Record, frozen=True, kw_only=True):
    """Our own profile read back exactly. `positions` by symbol, signed units."""

    environment: str
    positions: Mapping[str, Decimal]
    cash: Mapping[str, Mapping[str, Decimal]]
    fees: Mapping[str, Decimal]
    log_line: int
    financing: Mapping[str, Mapping[str, Decimal]] = {}


def state_key(environment: str) -> str:
    """Return our key for `environment`. Raises `InputError` unless it is 1 to 64 of `A-Za-z0-9._-`."""
    if NAME_PATTERN.fullmatch(environment) is None:
        raise _refused(
            "an environment of 1 to 64 characters A-Z a-z 0-9 . _ -", repr(environment[:80]), "Rename it in the run config."
        )
    return KEY_PREFIX + environment


def write_actual_state(path: Path, state: ActualState) -> None:
    """Put `state` under our key; after a crash the old or the new file is there.

    `Weight` is |notional / equity|, `Net_Weight` signed. Raises `InputError` STATE_UNREADABLE when the file there is not
    readable (it is not overwritten) or when equity is not above 0 and something is held; `StorageError`.
    """
    key = state_key(state.environment)
    texts = {name: raw for name, raw in _split(path).items() if name != key}
    texts[key] = _own_text(state)
    lines = ",\n".join(f"{json.dumps(name)}: {raw}" for name, raw in texts.items())
    try:
        replace_file(path, f"{{{lines}}}\n".encode())
    except OSError as error:
        raise storage_error(error, path) from error


def read_actual_state(path: Path) -> dict[str, Profile]:
    """Return every profile in file order; an absent file has none. Bare NaN is read as None.

    Raises `InputError` STATE_UNREADABLE, `StorageError`.
    """
    return {key: _profile(key, raw) for key, raw in _split(path).items()}


def own_states(path: Path) -> dict[str, OwnState]:
    """Return our profiles by environment, read strictly. Raises `InputError` STATE_UNREADABLE, `StorageError`."""
    return {key.removeprefix(KEY_PREFIX): _own(key, raw) for key, raw in _split(path).items() if key.startswith(KEY_PREFIX)}


def _own_text(state: ActualState) -> str:
    if state.assets and state.equity_base <= 0:
        raise _refused(
            "an equity above 0 to weigh holdings by", decimal_text(state.equity_base), "Halt, and look at the account."
        )
    assets = []
    for asset in state.assets:
        assert asset.quantity, asset
        weight = (asset.notional_base / state.equity_base).quantize(WEIGHT_STEP, rounding=ROUND_HALF_EVEN)
        fields = {
            "Symbol": json.dumps(asset.symbol),
            "Weight": decimal_text(abs(weight)),
            "Net_Weight": decimal_text(weight),
            "Quantity": decimal_text(asset.quantity),
            "Price": decimal_text(asset.price),
            "Venue": json.dumps(asset.venue),
        }
        assets.append("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}")
    seconds, nanoseconds = divmod(state.updated_ns, 1_000_000_000)
    updated = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1_000)
    fields = {
        "assets": "[" + ", ".join(assets) + "]",
        "equity": decimal_text(state.equity_base),
        "cash": json.dumps({venue: {c: decimal_text(a) for c, a in row.items()} for venue, row in state.cash.items()}),
        "fees": json.dumps({currency: decimal_text(a) for currency, a in state.fees.items()}),
        "financing": json.dumps({kind: {c: decimal_text(a) for c, a in row.items()} for kind, row in state.financing.items()}),
        "log_line": str(state.log_line),
        "environment": json.dumps(state.environment),
        "updated_at": json.dumps(updated.isoformat(timespec="microseconds")),
        "version": str(STATE_VERSION),
    }
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"


_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_reader: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=lambda _: None)


def _split(path: Path) -> dict[str, str]:
    """Return the text of each top-level value as it stands, so that what is not ours can be put back unchanged."""
    try:
        data = read_plain(path, size_max=STATE_BYTES_MAX)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise storage_error(error, path) from error
    if len(data) > STATE_BYTES_MAX:
        raise _unreadable(path, f"more than {STATE_BYTES_MAX} bytes")
    try:
        return _members(data.decode())
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise _unreadable(path, str(error)[:120]) from error


def _members(text: str) -> dict[str, str]:
    members: dict[str, str] = {}
    at = _skip(text, 0, "{")
    if text[at : at + 1] == "}":
        at += 1
    else:
        while True:
            key, at = _reader.raw_decode(text, at)
            if not isinstance(key, str) or key in members:
                raise ValueError(f"a key that is no string, or twice the same: {str(key)[:60]}")
            start = _skip(text, _space(text, at), ":")
            _, at = _reader.raw_decode(text, start)
            members[key] = text[start:at]
            at = _space(text, at)
            if text[at : at + 1] == "}":
                at += 1
                break
            at = _skip(text, at, ",")
    if _space(text, at) != len(text):
        raise ValueError(f"more after the object, at character {at}")
    return members


def _space(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _skip(text: str, at: int, mark: str) -> int:
    at = _space(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark!r} was expected at character {at}, found {text[at : at + 1]!r}")
    return _space(text, at + 1)


def _profile(key: str, raw: str) -> Profile:
    value = _reader.decode(raw)
    assets = value.get("assets") if isinstance(value, dict) else None
    if not isinstance(assets, list):
        return Profile(key=key, dialect="foreign", rows=(), ignored_rows=0, updated_at=None, raw=raw)
    rows = tuple(_row(asset) for asset in assets if isinstance(asset, dict) and isinstance(asset.get("Symbol"), str))
    if key.startswith(KEY_PREFIX):
        dialect = "sluice"
    elif "updated_at" not in value:
        dialect = "accepted"
    else:
        dialect = "live" if "equity" in value else "shadow"
    stamp = value.get("updated_at")
    return Profile(
        key=key,
        dialect=dialect,
        rows=rows,
        ignored_rows=len(assets) - len(rows),
        updated_at=stamp if isinstance(stamp, str) else None,
        raw=raw,
    )


def _row(asset: Mapping[str, Any]) -> Row:
    def number(name: str) -> Decimal | None:
        value = asset.get(name)
        return value if isinstance(value, Decimal) and (not value or abs(value.adjusted()) <= EXPONENT_ABS_MAX) else None

    venue, direction = asset.get("Venue"), asset.get("Direction")
    return Row(
        symbol=asset["Symbol"],
        weight=number("Weight"),
        net_weight=number("Net_Weight"),
        quantity=number("Quantity"),
        price=number("Price"),
        venue=venue if isinstance(venue, str) else None,
        direction=direction if direction is None or isinstance(direction, str) else "",
    )


class _OwnAsset(msgspec.Struct, frozen=True):
    Symbol: str
    Quantity: Decimal


class _OwnText(msgspec.Struct, frozen=True):
    assets: list[_OwnAsset]
    cash: dict[str, dict[str, Decimal]]
    fees: dict[str, Decimal]
    log_line: int
    environment: str
    version: int
    financing: dict[str, dict[str, Decimal]] = {}


def _is_ordinary(amount: Decimal) -> bool:
    """Whether an amount may be one of ours: written out, one of 1e999999999 is a gigabyte."""
    return amount.is_finite() and len(amount.as_tuple().digits) <= DIGITS_MAX and abs(amount.adjusted()) <= DIGITS_MAX


def _own(key: str, raw: str) -> OwnState:
    try:
        text = msgspec.json.decode(raw, type=_OwnText)
    except msgspec.DecodeError as error:
        raise _refused(f"{key} as Sluice writes it", str(error), "Restore the file, or remove this key.") from error
    amounts = [asset.Quantity for asset in text.assets] + list(text.fees.values())
    amounts += [amount for table in (text.cash, text.financing) for row in table.values() for amount in row.values()]
    odd = next((amount for amount in amounts if not _is_ordinary(amount)), None)
    if odd is not None:
        raise _refused(
            f"finite amounts of at most {DIGITS_MAX} digits in {key}",
            fit(str(odd), length_max=80),
            "Restore the file, or remove this key.",
        )
    positions = {asset.Symbol: asset.Quantity for asset in text.assets}
    if text.version != STATE_VERSION or key != KEY_PREFIX + text.environment or len(positions) != len(text.assets):
        found = f"version {text.version}, environment {text.environment}, {len(text.assets)} assets of {len(positions)} symbols"
        raise _refused(f"{key} of version {STATE_VERSION}, each symbol once", found, "Restore the file, or remove this key.")
    return OwnState(
        environment=text.environment,
        positions=positions,
        cash=text.cash,
        fees=text.fees,
        log_line=text.log_line,
        financing=text.financing,
    )


def _unreadable(path: Path, found: str) -> InputError:
    return _refused(f"{path} to be one JSON object of profiles", found, "It was not touched. Restore it or move it away.")


def _refused(expected: str, found: str, action: str) -> InputError:
    return InputError("STATE_UNREADABLE", expected=expected, found=found, action=action)
