"""The file by which a person hands an account that holds something over to a live record that begins: what it was seen to hold.

It is read by the start of a live run whose book has moved by nothing yet, used up by it, and good for an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from lakehouse.layout import Layout, replace_file, storage_error
from lakehouse.strict_json import parse, read_bounded
from orders.canonical import canonical_bytes, plain, sha256_hex
from orders.errors import InputError, NotYet
from orders.values import Record

VERSION: Final = 1
SIZE_MAX: Final = 1 << 20  # bytes; a thousand coins are 40 kB
DEPTH_MAX: Final = 4
LIFE_NS: Final = 3_600 * 1_000_000_000
ID: Final = "handoff-"  # what begins the id of each amount it books
DIGITS: Final = 16


class Handoff(Record, frozen=True, kw_only=True):
    """`holdings`: what the account at `venue` held of what is traded, by code, when it was asked; `bundle_sha256`: of the shadow
    that is taken over; `shadow`: its data directory, and how many lines its log had.
    """

    version: int = VERSION
    environment: str
    venue: str
    account_id: str
    bundle_sha256: str
    shadow: str
    shadow_lines: int
    by: str
    reason: str
    created_ns: int
    expires_ns: int
    holdings: Mapping[str, Decimal]

    def data(self) -> bytes:
        """Return its canonical bytes."""
        return canonical_bytes(plain(self))

    @property
    def transfer_prefix(self) -> str:
        """Return what begins the ids of what it books: the file's own hash, so that nothing is booked twice."""
        return f"{ID}{sha256_hex(self.data())[:DIGITS]}-"


def write_handoff(layout: Layout, handoff: Handoff) -> None:
    """Write it in place of any other. Raises `StorageError`."""
    try:
        layout.create()
        replace_file(layout.handoff, handoff.data())
    except OSError as error:
        raise storage_error(error, layout.handoff) from error


def read_handoff(layout: Layout) -> Handoff | None:
    """Return it; None: there is none. Raises `InputError` HANDOFF_MALFORMED."""
    try:
        document: Any = parse(read_bounded(layout.handoff, SIZE_MAX), what="handoff", size_max=SIZE_MAX, depth_max=DEPTH_MAX)
    except NotYet:
        return None
    try:
        numbers = {name: int(document[name]) for name in ("version", "shadow_lines", "created_ns", "expires_ns")}
        holdings = {str(code): Decimal(text) for code, text in document["holdings"].items()}
        found = Handoff(**{**document, **numbers, "holdings": holdings})
        if numbers["version"] != VERSION or not all(one.is_finite() and one >= 0 for one in holdings.values()):
            raise ValueError("another version, or an amount that is none")
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InputError(
            "HANDOFF_MALFORMED",
            expected=f"a handoff of version {VERSION} in {layout.handoff}",
            found=str(error)[:160],
            action="Remove it, and ask anew with `sluice promote handoff`.",
        ) from error
    return found
