"""Canonical JSON: one byte string for one value, so that its sha256 means something.

Keys sorted, no white space, ASCII; strings, booleans, null and integers up to 2^53-1 only; Decimals become plain strings
(never exponents), so no float formatting is involved. On this subset the bytes equal RFC 8785's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

SAFE_INTEGER_MAX: Final = 2**53 - 1


def decimal_text(value: Decimal) -> str:
    """Return the shortest plain notation: no exponent, no trailing zeros, `0` for any zero.

    Raises `ValueError` for NaN and infinities: they have no canonical text.
    """
    text = str(value)  # twice as fast as format(), and nearly always without an exponent
    if "1" <= text[-1] <= "9" and "E" not in text and "N" not in text:  # nothing to strip; NaN may end in a digit
        return text
    if not value.is_finite():
        raise ValueError(f"a finite number was expected, found {value}")
    if not value:
        return "0"
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def plain(value: Any) -> Any:
    """Return `value` reduced to JSON types of the canonical subset.

    Decimals become `decimal_text`; integers beyond 2^53-1 (nanoseconds) become strings. Raises `TypeError` on a float
    or any other type.
    """
    if value is None or (isinstance(value, (bool, str)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER_MAX else str(value)
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(f"canonical JSON takes no {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"canonical JSON keys are strings, found {type(key).__name__}")
    return str(key)


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical JSON bytes of `value`, without a newline."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def sha256_hex(data: bytes) -> str:
    """Return the lower-case hex sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def canonical_sha256(value: Any) -> str:
    """Return the sha256 hex of `canonical_bytes(value)`."""
    return sha256_hex(canonical_bytes(value))
