"""Recorded and made prices as one time-ordered feed for backtest and shadow: prices and manifests by market time."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from engine.inputs import SYNTHETIC_SIZE
from lakehouse.plain_file import open_plain
from orders.errors import InputError
from orders.values import MarketLimits, Record

BPS: Final = Decimal(10_000)
NS: Final = 1_000_000_000
US_CLOSE: Final = time(16, 0)  # closes carry the regular session's end; early closes are not modelled
US_ZONE: Final = ZoneInfo("America/New_York")


class FeedQuote(Record, frozen=True, kw_only=True):
    """Top of book at a market instant; sizes in units. Made of a bar: `bar` is its open, high, low and close, else None."""

    market_ns: int
    symbol: str
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    bar: tuple[Decimal, Decimal, Decimal, Decimal] | None = None


def close_ns(day: date) -> int:
    """Return the market instant of a US session's regular close, in nanoseconds UTC."""
    return int(datetime.combine(day, US_CLOSE, tzinfo=US_ZONE).timestamp()) * NS


def read_closes(
    path: Path, *, start: date, end: date, spread_bps: Decimal, limits: Mapping[str, MarketLimits]
) -> Iterator[FeedQuote]:
    """Yield a quote a symbol and day from a CSV of daily closes (`date,SYMBOL,…`; empty: no close), `start` <= day <= `end`.

    The spread around the close is synthetic: half of `spread_bps` on each side, bid rounded down and ask up to the tick.
    Symbols without limits are left out. Raises `InputError` with the row's number.
    """
    with _opened(path) as lines:
        rows = csv.reader(lines)
        header = next(rows, None)
        if not header or header[0] != "date":
            raise _bad(path, 1, "a header that begins with date", str(header))
        symbols = header[1:]
        half = spread_bps / BPS / 2
        previous = ""
        for number, row in enumerate(rows, start=2):
            try:
                day = date.fromisoformat(row[0])
                if len(row) != len(header) or row[0] <= previous:
                    raise ValueError(row[0])
            except (ValueError, IndexError) as error:
                raise _bad(path, number, f"{len(header)} columns and a day after {previous or 'none'}", str(row[:3])) from error
            previous = row[0]
            if not start <= day <= end:
                continue
            market_ns = close_ns(day)
            for symbol, text in zip(symbols, row[1:], strict=True):
                limit = limits.get(symbol)
                if limit is None or not text:
                    continue
                close = _price(path, number, text)
                tick = limit.tick_size
                yield FeedQuote(
                    market_ns=market_ns,
                    symbol=symbol,
                    bid=(close * (1 - half) / tick).to_integral_value(ROUND_FLOOR) * tick,
                    ask=(close * (1 + half) / tick).to_integral_value(ROUND_CEILING) * tick,
                    bid_size=SYNTHETIC_SIZE,
                    ask_size=SYNTHETIC_SIZE,
                )


def read_quotes(path: Path, *, limits: Mapping[str, MarketLimits]) -> Iterator[FeedQuote]:
    """Yield recorded quotes from a CSV `symbol,bid,ask,bid_size,ask_size,ts_ns` in time order. Raises `InputError`."""
    with _opened(path) as lines:
        rows = csv.DictReader(lines)
        last = 0
        for number, row in enumerate(rows, start=2):
            try:
                market_ns = int(row["ts_ns"])
                symbol = row["symbol"]
                sizes = _size(path, number, row["bid_size"]), _size(path, number, row["ask_size"])
            except (KeyError, ValueError, TypeError) as error:
                raise _bad(path, number, "symbol,bid,ask,bid_size,ask_size,ts_ns", str(row)) from error
            if market_ns < last:
                raise _bad(path, number, f"a stamp of at least {last}", str(market_ns))
            last = market_ns
            if symbol not in limits:
                continue
            yield FeedQuote(
                market_ns=market_ns,
                symbol=symbol,
                bid=_price(path, number, row["bid"]),
                ask=_price(path, number, row["ask"]),
                bid_size=sizes[0],
                ask_size=sizes[1],
            )


def read_manifest_times(directory: Path, *, start_ns: int, end_ns: int) -> list[tuple[int, Path]]:
    """Return dated manifest files (`YYYY-MM-DD.json`) and the market instant each appears, in order.

    A manifest appears five minutes after the close of its day. `start_ns` <= instant <= `end_ns`.
    """
    found = []
    for path in sorted(directory.glob("*.json")):
        try:
            day = date.fromisoformat(path.stem)
        except ValueError as error:
            raise InputError(
                "MANIFEST_NAME",
                expected="dated manifests named YYYY-MM-DD.json",
                found=path.name,
                action=f"Take other files out of {directory}.",
            ) from error
        instant = close_ns(day) + 300 * NS
        if start_ns <= instant <= end_ns:
            found.append((instant, path))
    return found


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a compressed file of lines; what it turns out not to be, then or later, is `InputError` FEED_MALFORMED."""
    try:
        with open_plain(path) as raw, gzip.open(raw, "rt", encoding="utf-8", newline="") as lines:
            yield lines
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "FEED_MALFORMED",
            expected=f"{path} as a whole gzip of UTF-8 lines",
            found=str(error) or type(error).__name__,
            action="Mend or replace the file.",
        ) from error


def _price(path: Path, number: int, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value <= 0:
        raise _bad(path, number, "a number above 0", repr(text))
    return value


def _bad(path: Path, number: int, expected: str, found: str) -> InputError:
    return InputError(
        "FEED_MALFORMED", expected=f"{expected} in line {number} of {path}", found=found, action="Mend or replace the file."
    )


def _size(path: Path, number: int, text: str) -> Decimal:
    """A size may be zero: the venue shows a price and nothing to be had at it."""
    return Decimal(0) if text.strip("0.") == "" and "0" in text and text.count(".") <= 1 else _price(path, number, text)
