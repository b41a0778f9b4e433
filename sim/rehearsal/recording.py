"""A recording as a feed of the rehearsal exchange: a run's top of book, or quotes as CSV, played at their own pace."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl

from orders.errors import InputError
from sim.rehearsal.listing import Listing

COLUMNS = ("symbol", "bid", "ask", "bid_size", "ask_size")


def recorded(path: Path, *, listings: Mapping[str, Listing], speed: Decimal) -> Iterator[dict[str, Any]]:
    """Yield a recording's quotes as steps, each after the real time that lay between it and the one before, divided by `speed`.

    `path` is a directory of Parquet files as a run leaves in `top_of_book`, one such file, or a CSV (gzipped or not) with the
    columns symbol, bid, ask, bid_size, ask_size and ts_ns. A symbol is a pair listed here, whatever stands before its colon;
    rows of others are left out. Raises `InputError` RECORDING_MALFORMED when nothing is left, or for a row that is no quote.
    """
    last_ns, any_row = None, False
    for place, row in _rows(path):
        name = str(row.get("symbol", "")).rpartition(":")[2]
        if name not in listings:
            continue
        step, at_ns = _step(row, listings[name], where=f"row {place} of {path}")
        wait_ms = 0 if last_ns is None else max(int((at_ns - last_ns) / speed) // 1_000_000, 0)
        # what is below a millisecond stays for the next row
        last_ns = at_ns if last_ns is None else last_ns + int(wait_ms * 1_000_000 * speed)
        any_row = True
        yield {"after_ms": wait_ms, **step}
    if not any_row:
        raise _malformed(f"quotes of one of {', '.join(listings)} in {path}", "none")


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(each.is_file() for each in files):
        raise _malformed(f"Parquet files below {path}, or a CSV file {path}", "none")
    for file in files:
        if file.suffix == ".parquet":
            table = _parquet(file)
            table = table.rename({"received_ns": "at_ns"} if "received_ns" in table.columns else {"ts_ns": "at_ns"})
            yield from enumerate(table.iter_rows(named=True), start=1)
        else:
            yield from enumerate(_csv(file), start=2)


def _parquet(file: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _malformed(f"a Parquet file {file}", f"{type(error).__name__}: {error}"[:200]) from error


def _csv(file: Path) -> Iterator[Mapping[str, Any]]:
    opened: Any = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                yield {**row, "at_ns": row.get("ts_ns")}
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise _malformed(f"a CSV file {file}", f"{type(error).__name__}: {error}"[:200]) from error


def _step(row: Mapping[str, Any], listing: Listing, *, where: str) -> tuple[dict[str, Any], int]:
    try:
        bid, ask, bid_size, ask_size = (Decimal(str(row[name])) for name in COLUMNS[1:])
        at_ns = int(row["at_ns"])
    except (KeyError, ValueError, TypeError, InvalidOperation) as error:
        raise _malformed(f"{', '.join(COLUMNS)} and a time in {where}", str(dict(row))[:200]) from error
    sane = all(value.is_finite() for value in (bid, ask, bid_size, ask_size)) and 0 < bid < ask and min(bid_size, ask_size) >= 0
    if not sane or bid % listing.tick_size or ask % listing.tick_size:
        raise _malformed(f"a bid below an ask, both on the tick {listing.tick_size}, in {where}", f"{bid} | {ask}")
    levels = {"bids": [[str(bid), str(bid_size)]] if bid_size else [], "asks": [[str(ask), str(ask_size)]] if ask_size else []}
    return {"do": "set_book", "symbol": listing.name, **levels}, at_ns


def _malformed(expected: str, found: str) -> InputError:
    return InputError("RECORDING_MALFORMED", expected=expected, found=found, action="Name another recording, or mend it.")
