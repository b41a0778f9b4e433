"""What a price file may hold: kinds, their columns and the names they go by, and lengths of bars."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from orders.errors import ConfigError, InputError
from orders.values import Record

NS: Final = 1_000_000_000
ABSENT: Final = "-"  # in a column mapping: the file does not have it


class Kind(StrEnum):
    """Kinds of prices a catalog takes."""

    BARS = "bars"
    QUOTES = "quotes"
    TRADES = "trades"


COLUMNS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.BARS: ("time", "open", "high", "low", "close", "volume"),
    Kind.QUOTES: ("time", "bid", "ask", "bid_size", "ask_size"),
    Kind.TRADES: ("time", "price", "quantity", "side", "trade_id"),
}
# Names of headers that mean a column without being told so, in lower case. Anything else needs --columns.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "datetime", "date", "ts", "ts_ns"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume",),
    "bid": ("bid", "bid_price"),
    "ask": ("ask", "ask_price"),
    "bid_size": ("bid_size", "bid_qty"),
    "ask_size": ("ask_size", "ask_qty"),
    "price": ("price",),
    "quantity": ("quantity", "qty", "size"),
    "side": ("side", "aggressor", "buyer_maker", "is_buyer_maker", "buyer_is_maker"),
    "trade_id": ("trade_id", "id"),
}
OPTIONAL: Final = frozenset({"volume", "side", "trade_id"})  # may be said to be absent with NAME=-
SYMBOL_COLUMNS: Final = frozenset({"symbol", "ticker", "instrument", "instrument_id", "pair", "market"})
MAKER_COLUMNS: Final = frozenset({"buyer_maker", "is_buyer_maker", "buyer_is_maker"})  # true means the seller was the aggressor
BAR_UNITS: Final[Mapping[str, tuple[str, int, tuple[int, ...]]]] = {
    "s": ("SECOND", NS, (1, 5, 10, 15, 30)),
    "m": ("MINUTE", 60 * NS, (1, 2, 3, 5, 10, 15, 30)),
    "h": ("HOUR", 3_600 * NS, (1, 2, 3, 4, 6, 8, 12)),
    "d": ("DAY", 86_400 * NS, (1,)),
}


class BarLength(Record, frozen=True, kw_only=True):
    """Length of a bar: as written (`1m`), as Nautilus names it (`1-MINUTE`), in nanoseconds."""

    text: str
    name: str
    ns: int


class Row(NamedTuple):
    """One checked row: instant, numbers in the order of its kind's columns; of trades the id and BUY, SELL or ""."""

    ts_ns: int
    numbers: tuple[Decimal, ...]
    trade_id: str = ""
    side: str = ""


def bar_length(text: str) -> BarLength:
    """Return the length `1m`, `4h` or `1d` means. Raises `ConfigError` BAR_LENGTH."""
    match = re.fullmatch(r"([0-9]{1,2})([smhd])", text)
    if match is not None:
        word, ns, counts = BAR_UNITS[match[2]]
        if int(match[1]) in counts:
            return BarLength(text=text, name=f"{match[1]}-{word}", ns=int(match[1]) * ns)
    raise ConfigError(
        "BAR_LENGTH",
        expected="a bar length such as 1s, 1m, 5m, 1h, 4h or 1d",
        found=repr(text),
        action="Say the length of the file's own bars; bars are not resampled.",
    )


def chosen_columns(text: str | None, kind: Kind) -> dict[str, str]:
    """Return column -> name in the file of `time=opened,volume=-`. Raises `ConfigError` COLUMNS_OPTION."""
    chosen: dict[str, str] = {}
    for part in [] if text is None else text.split(","):
        name, sign, given = (piece.strip() for piece in part.partition("="))
        if not sign or not given or name not in COLUMNS[kind] or name in chosen or (given == ABSENT and name not in OPTIONAL):
            raise ConfigError(
                "COLUMNS_OPTION",
                expected=f"--columns NAME=COLUMN,... with names out of {', '.join(COLUMNS[kind])}, each once; "
                f"{', '.join(name for name in COLUMNS[kind] if name in OPTIONAL) or 'none'} may be absent (-)",
                found=repr(part),
                action="`sluice data import --help` shows an example.",
            )
        chosen[name] = given
    return chosen


def places_of(header: Sequence[str], kind: Kind, chosen: Mapping[str, str], *, path: object) -> dict[str, int | None]:
    """Return column -> place in the header, None where it is said to be absent.

    A name of the header must be given or known, and stand once. Raises `InputError` COLUMNS_WRONG naming all it misses.
    """
    lowered = [name.strip().lower() for name in header]
    places: dict[str, int | None] = {}
    missing = []
    for column in COLUMNS[kind]:
        given = chosen.get(column)
        if given == ABSENT:
            places[column] = None
            continue
        names = ALIASES[column] if given is None else (given.lower(),)
        found = [place for place, name in enumerate(lowered) if name in names]
        if len(found) == 1:
            places[column] = found[0]
        else:
            missing.append(f"{column} ({len(found)} of {', '.join(names)})")
    if missing:
        raise InputError(
            "COLUMNS_WRONG",
            expected=f"each of {', '.join(COLUMNS[kind])} once in line 1 of {path}",
            found=f"{','.join(header)[:200]!r}; not clear: {'; '.join(missing)}",
            action="Name the columns with --columns, such as --columns time=opened,volume=- where - says that there is none; "
            "--no-header numbers the columns of a file without one.",
        )
    return places


class OneSymbol:
    """Sees to it that a file with a column of symbols gives the rows of one. `only`: whose; None: the file must have one alone.

    Raises `InputError` ONLY_WITHOUT_COLUMN, and SYMBOLS_MIXED at the first row of a second symbol.
    """

    def __init__(self, header: Sequence[str], *, only: str | None, path: object) -> None:
        places = [place for place, name in enumerate(header) if name.strip().lower() in SYMBOL_COLUMNS]
        self.place = places[0] if places else None
        self._only = only
        self._path = path
        self._seen = only
        if only is not None and self.place is None:
            raise InputError(
                "ONLY_WITHOUT_COLUMN",
                expected=f"a column {' or '.join(sorted(SYMBOL_COLUMNS))} in {path}, for --only",
                found=",".join(header)[:200],
                action="Leave --only out if the file is of one symbol.",
            )

    def takes(self, line: int, fields: Sequence[object]) -> bool:
        """Return whether a row is of the symbol that is wanted."""
        if self.place is None:
            return True
        name = str(fields[self.place]).strip()
        self._seen = name if self._seen is None else self._seen
        if name == self._seen:
            return True
        if self._only is None:
            raise InputError(
                "SYMBOLS_MIXED",
                expected=f"rows of {self._seen} alone in {self._path}",
                found=f"{name} in line {line}",
                action="Say whose rows are meant with --only, one import a symbol.",
            )
        return False
