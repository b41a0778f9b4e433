"""Market limits from a CSV of ours and from the platform's `execution.parquet`, held to the rules of a snapshot.

The platform's file looks like data where it is not: `lot_size` is the least amount, 0.0 means that nobody knew, writers filled in
the same constants for every symbol they did not find, and perpetuals were given the limits of the spot pair.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from lakehouse.snapshot_parts import NUMBER, SNAPSHOT_SIZE_MAX, refuse, snapshot_bytes, snapshot_text
from lakehouse.snapshots import RefusedLimit
from orders.canonical import decimal_text
from orders.errors import InputError
from orders.values import Listing, MarketLimits, Record

ROWS_MAX: Final = 200_000
CSV_COLUMNS: Final = list(MarketLimits.__struct_fields__)
NUMBERS: Final = tuple(name for name in CSV_COLUMNS if name not in ("symbol", "venue"))
PLATFORM_COLUMNS: Final = ("symbol", "venue", "lot_size", "min_notional", "step_size", "tick_size", "contract_size", "updated_at")
PLATFORM_LIMITS: Final = ("step_size", "tick_size", "lot_size", "min_notional")
SIGNIFICANT_MAX: Final = 12  # digits of a float that was once a venue's text; more is what arithmetic left behind
INVENTED: Final = frozenset(  # step, tick, lot, min notional that the platform's writers put where they found nothing
    {tuple(map(Decimal, row)) for row in (("0.0001", "0.01", "0.0001", "5"), ("1", "0.01", "1", "0"))}
)


class ImportedLimits(Record, frozen=True, kw_only=True):
    """What a file says: usable limits, refused symbols, symbols the map does not know; `as_of_ns` of its oldest row used."""

    limits: tuple[MarketLimits, ...]
    refused: tuple[RefusedLimit, ...]
    unlisted: tuple[str, ...]
    as_of_ns: int


def read_limits_csv(path: Path, *, listings: Mapping[str, Listing], as_of_ns: int) -> ImportedLimits:
    """Read a CSV whose columns are the fields of a snapshot's entry; an empty `max_quantity` is none.

    Raises `InputError` LIMITS_CSV_INVALID naming the line, `NotYet` for a file that is absent or empty.
    """
    code = "LIMITS_CSV_INVALID"
    try:
        rows = list(csv.reader(io.StringIO(snapshot_text(path, snapshot_bytes(path))), strict=True))
    except csv.Error as error:
        refuse(code, "CSV", str(error), path, cause=error)
    if not rows or sorted(rows[0]) != sorted(CSV_COLUMNS):
        refuse(code, f"the columns {','.join(CSV_COLUMNS)}", ",".join(rows[0])[:120] if rows else "none", path)
    found: list[dict[str, str]] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(CSV_COLUMNS):
            refuse(code, f"{len(CSV_COLUMNS)} fields on line {number}", str(len(row)), path)
        found.append(dict(zip(rows[0], row, strict=True)))
    return _judged(found, _of_csv, listings=listings, as_of_ns=as_of_ns)


def read_platform_limits(path: Path, *, listings: Mapping[str, Listing], zone: ZoneInfo) -> ImportedLimits:
    """Read the platform's `execution.parquet`; its naive `updated_at` is in `zone`.

    Refused by symbol: rows that contradict each other, perpetuals, unknown (0, NaN, null) or invented numbers, a contract size on
    what is no contract, another venue than the symbol's, no age. The file knows no maximum.
    Raises `InputError` PLATFORM_LIMITS_INVALID.
    """
    found = _parquet_rows(path)
    ages = {id(row): _updated_ns(row["updated_at"], zone) for row in found}
    used = [age for row in found if row["symbol"] in listings and (age := ages[id(row)]) is not None]
    if not used:
        refuse("PLATFORM_LIMITS_INVALID", "a row of the symbol map with updated_at", "none", path)

    def of_row(listing: Listing, rows: list[dict[str, Any]]) -> MarketLimits:
        if any(ages[id(row)] is None for row in rows):
            raise _refused(listing, "AGE_UNKNOWN", "updated_at is missing; how old its limits are is not known")
        return _of_platform(listing, rows)

    return _judged(found, of_row, listings=listings, as_of_ns=min(used))


def _judged(rows: Iterable[dict[str, Any]], of_rows: Any, *, listings: Mapping[str, Listing], as_of_ns: int) -> ImportedLimits:
    by_symbol: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_symbol.setdefault(str(row["symbol"]), []).append(row)
    usable: list[MarketLimits] = []
    refused: list[RefusedLimit] = []
    for symbol in sorted(by_symbol.keys() & listings.keys()):
        try:
            usable.append(of_rows(listings[symbol], by_symbol[symbol]))
        except InputError as error:
            refused.append(RefusedLimit(symbol=symbol, code=error.code, message=str(error)))
    unlisted = tuple(sorted(by_symbol.keys() - listings.keys()))
    return ImportedLimits(limits=tuple(usable), refused=tuple(refused), unlisted=unlisted, as_of_ns=as_of_ns)


def _of_csv(listing: Listing, rows: list[dict[str, Any]]) -> MarketLimits:
    row = _only(listing, rows)
    if row["venue"] != listing.venue:
        raise _refused(listing, "VENUE_MISMATCH", f"the file says {row['venue']}, the symbol map {listing.venue}")
    numbers: dict[str, Decimal | None] = {}
    for name in NUMBERS:
        text = row[name]
        if name == "max_quantity" and not text:
            numbers[name] = None
            continue
        if not NUMBER.fullmatch(text):
            raise _refused(listing, "LIMITS_INVALID", f"{name} as plain decimal text, found {text!r}")
        value = numbers[name] = Decimal(text)
        if value < 0 or (value == 0 and not name.startswith("min_")):
            raise _refused(listing, "LIMITS_MISSING", f"{name} is {text}; what is not known cannot be traded")
    return MarketLimits(symbol=listing.symbol, venue=listing.venue, **numbers)  # type: ignore[arg-type]  # only max_quantity may be None


def _of_platform(listing: Listing, rows: list[dict[str, Any]]) -> MarketLimits:
    if listing.asset_class == "perpetual":
        raise _refused(
            listing, "PERPETUAL_FROM_SPOT", "the platform's file gives perpetuals the limits of the spot pair; fetch them"
        )
    row = _only(listing, rows)
    exchange = listing.symbol.partition(":")[0]
    if row["venue"] not in (exchange, listing.venue):
        raise _refused(listing, "VENUE_MISMATCH", f"the file says {row['venue']}, the symbol is of {exchange}")
    size = row["contract_size"]
    if not _unknown(size) and size != 1:
        raise _refused(listing, "CONTRACT_SIZE", f"contract_size {size} on a {listing.asset_class}: the row is another market's")
    numbers = {name: _exact(listing, name, row[name]) for name in PLATFORM_LIMITS}
    step, tick, least, floor = (numbers[name] for name in PLATFORM_LIMITS)
    if (step, tick, least, floor) in INVENTED:
        raise _refused(
            listing, "LOOKS_INVENTED", "these are the constants the platform writes where it found nothing; fetch them"
        )
    for name, value in numbers.items():
        if value == 0:
            raise _refused(listing, "LIMITS_MISSING", f"{name} is 0, which the platform writes for what it does not know")
    return MarketLimits(
        symbol=listing.symbol,
        venue=listing.venue,
        step_size=step,
        tick_size=tick,
        min_quantity=least,
        min_notional=floor,
        max_quantity=None,
        multiplier=Decimal(1),
    )


def _only(listing: Listing, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one row of a symbol; a repetition word for word is one."""
    first = rows[0]
    for row in rows[1:]:
        if any(repr(row[name]) != repr(first[name]) for name in row if name != "updated_at"):
            raise _refused(
                listing, "ROWS_DISAGREE", f"{len(rows)} rows that differ: a spot pair and a perpetual may share the name"
            )
    return first


def _exact(listing: Listing, name: str, value: Any) -> Decimal:
    """Return a float as the decimal it was written as; unknown counts as 0."""
    if _unknown(value):
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise _refused(listing, "LIMITS_INVALID", f"{name} is {value!r}, no number of 0 or more")
    number = Decimal(repr(value)).normalize()
    if len(number.as_tuple().digits) > SIGNIFICANT_MAX:
        raise _refused(listing, "LIMITS_INEXACT", f"{name} is {value!r}: arithmetic has been at it; fetch it")
    return Decimal(decimal_text(number))


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _refused(listing: Listing, code: str, found: str) -> InputError:
    return InputError(
        code, expected=f"usable limits of {listing.symbol}", found=found, action="It is left out and cannot be traded."
    )


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq  # here: only an import needs it
    from pyarrow.lib import ArrowException

    code = "PLATFORM_LIMITS_INVALID"
    try:
        if path.stat().st_size > SNAPSHOT_SIZE_MAX:
            refuse(code, f"at most {SNAPSHOT_SIZE_MAX} bytes", "more", path)
        table = pq.read_table(path)
    except (OSError, ArrowException) as error:
        refuse(code, "a readable Parquet file", str(error).split("\n")[0][:120] or type(error).__name__, path, cause=error)
    missing = [name for name in PLATFORM_COLUMNS if name not in table.column_names]
    if missing:
        refuse(code, f"the columns {', '.join(PLATFORM_COLUMNS)}", f"no {', '.join(missing)}", path)
    if table.num_rows > ROWS_MAX:
        refuse(code, f"at most {ROWS_MAX} rows", str(table.num_rows), path)
    rows: list[dict[str, Any]] = table.select(list(PLATFORM_COLUMNS)).to_pylist()
    return rows


def _updated_ns(value: Any, zone: ZoneInfo) -> int | None:
    """Return an instant; None where there is none. A stamp with a zone keeps it."""
    if not isinstance(value, datetime) or value != value:
        return None
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    return int(aware.astimezone(UTC).timestamp()) * 1_000_000_000
