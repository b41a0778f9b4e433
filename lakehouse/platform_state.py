"""What the platform's own tools say they hold, out of the profiles of `portfolio_actual_state.json` that are not ours.

Told to a person beside our book and used for nothing else: dialects a and b are targets that were written down as if held, and
their weights have no side of their own. What can be told of each row is told; what cannot is None, with a warning.

| dialect | written by | side of a weight |
|---|---|---|
| accepted (a) | the state tracker: a winner or a profile | `Net_Weight`, or `Weight` with `Direction`; an atom's is its suffix |
| shadow (b) | its shadow loop, which also leaves empty rows | the same |
| live (c) | its live strategy | `Weight` is signed |
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from lakehouse.atoms import split_atom
from lakehouse.manifest_rows import WEIGHT_MISMATCH_MAX
from lakehouse.state import KEY_PREFIX, Profile, Row, read_actual_state
from orders.errors import InputError
from orders.values import Record

LIVE: Final = "live"
NAMED_MAX: Final = 3  # symbols a warning names

_SIDES: Final = {"LONG": 1, "SHORT": -1, "FLAT": 0}


class PlatformHolding(Record, frozen=True, kw_only=True):
    """One row. `symbol`: physical, or as it stands where it is no symbol. `signed_weight`: fraction of that profile's capital,
    None where its side cannot be told; `quantity` signed units, `price` quote currency, None where the dialect has none.
    """

    symbol: str
    signed_weight: Decimal | None
    quantity: Decimal | None
    price: Decimal | None
    venue: str | None


class PlatformProfile(Record, frozen=True, kw_only=True):
    """One profile that is not ours. `dialect` foreign: no rows that could be read. `warnings`: one breath each."""

    key: str
    dialect: str
    updated_at: str | None
    holdings: tuple[PlatformHolding, ...]
    warnings: tuple[str, ...]


def read_platform_state(path: Path) -> tuple[PlatformProfile, ...]:
    """Return the platform's profiles in file order; an absent file has none.

    Raises `InputError` STATE_UNREADABLE, `StorageError`.
    """
    return tuple(platform_profile(profile) for key, profile in read_actual_state(path).items() if not key.startswith(KEY_PREFIX))


def platform_profile(profile: Profile) -> PlatformProfile:
    """Return what a profile says, with what is wrong with its rows in words."""
    holdings = tuple(_holding(row, dialect=profile.dialect) for row in profile.rows)
    warnings = []
    if profile.dialect == "foreign":
        warnings.append("no list of assets")
    if profile.ignored_rows:
        rows = "1 row" if profile.ignored_rows == 1 else f"{profile.ignored_rows} rows"
        warnings.append(f"{rows} without a Symbol ignored")
    if sideless := [holding.symbol for holding in holdings if holding.signed_weight is None]:
        warnings.append(f"side or weight unknown of {_some(sideless)}")
    symbols = [holding.symbol for holding in holdings]
    if twice := sorted({symbol for symbol in symbols if symbols.count(symbol) > 1}):
        warnings.append(f"{_some(twice)} in several rows")
    return PlatformProfile(
        key=profile.key, dialect=profile.dialect, updated_at=profile.updated_at, holdings=holdings, warnings=tuple(warnings)
    )


def _holding(row: Row, *, dialect: str) -> PlatformHolding:
    symbol, weight = row.symbol, None
    try:
        atom = split_atom(row.symbol)
    except InputError:
        symbol = row.symbol[:80]
    else:
        symbol = row.symbol if atom is None else atom[0]
        weight = _signed(row, dialect=dialect, atom_sign=None if atom is None else atom[1])
    return PlatformHolding(symbol=symbol, signed_weight=weight, quantity=row.quantity, price=row.price, venue=row.venue)


def _signed(row: Row, *, dialect: str, atom_sign: int | None) -> Decimal | None:
    """Return the weight with its side; None where it is missing or contradicts itself."""
    net, weight = row.net_weight, row.weight
    if dialect == LIVE and net is None:
        return weight if atom_sign is None else None
    side = _SIDES.get(row.direction) if row.direction is not None else None
    if (row.direction is not None and side is None) or (weight is not None and weight < 0):
        return None
    if net is None:
        if weight is None or side is None:
            return None
        net = _times(weight, side)
    elif (side is not None and net and (net > 0) != (side > 0)) or (
        weight is not None and abs(net) > weight * (1 + WEIGHT_MISMATCH_MAX)
    ):
        return None
    if atom_sign is None:
        return net
    return _times(net, atom_sign) if net >= 0 else None  # an atom is written as long; anything else was flipped by somebody


def _times(weight: Decimal, sign: int) -> Decimal:
    """The weight with a side, digit for digit."""
    return weight if sign > 0 else weight.copy_negate() if sign < 0 else Decimal(0)


def _some(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - NAMED_MAX} more" if len(symbols) > NAMED_MAX else ""
    return ", ".join(symbols[:NAMED_MAX]) + more
