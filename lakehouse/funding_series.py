"""Dated funding rates of a perpetual: a CSV `ts_ns,rate`, one row an instant, rising."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from lakehouse.layout import storage_error
from orders.errors import InputError

HEADER: Final = ["ts_ns", "rate"]
ROWS_MAX: Final = 1_000_000  # an hourly series of a century


def read_funding_series(path: Path) -> dict[int, Decimal]:
    """Return rate by instant (ns UTC, market time): fraction of notional, above 0 longs pay shorts.

    Raises `InputError` FUNDING_SERIES with the line's number, `StorageError`.
    """
    rates: dict[int, Decimal] = {}
    last = 0
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.reader(lines)
            header = next(rows, None)
            if header != HEADER:
                raise _bad(path, 1, "the header ts_ns,rate", str(header))
            for number, row in enumerate(rows, start=2):
                last = _take(rates, row, after=last, path=path, number=number)
    except FileNotFoundError as error:
        raise _bad(path, 1, "a file", "none") from error
    except UnicodeDecodeError as error:
        raise _bad(path, 1, "UTF-8", f"another byte at {error.start}") from error
    except OSError as error:
        raise storage_error(error, path) from error
    if not rates:
        raise _bad(path, 2, "a row", "none")
    return rates


def _take(rates: dict[int, Decimal], row: list[str], *, after: int, path: Path, number: int) -> int:
    try:
        instant, rate = int(row[0]), Decimal(row[1])
        if len(row) != len(HEADER) or not rate.is_finite() or abs(rate) >= 1:
            raise ValueError(row[1])
    except (IndexError, ValueError, InvalidOperation) as error:
        raise _bad(path, number, "an instant in ns and a rate between -1 and 1", str(row[:3])) from error
    if instant <= after or number > ROWS_MAX:
        raise _bad(path, number, f"an instant after {after}, {ROWS_MAX} rows at most", str(instant))
    rates[instant] = rate
    return instant


def _bad(path: Path, number: int, expected: str, found: str) -> InputError:
    return InputError(
        "FUNDING_SERIES", expected=f"{expected} in line {number} of {path}", found=found, action="Mend or replace the file."
    )
