"""The market around fills, from recorded quotes: mids at and after a fill, markouts, and the last mid of each day.

As-of joins in DuckDB. A mid at t is that of the newest quote at or before t; it is NULL, and counted, where that quote is older
than `age_max_ns` or the recording had ended by t. Nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb

from analysis.exact_inputs import ratio_bps
from analysis.log_store import LogStore
from analysis.spreads import MARKOUT_NS
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import Record

QUOTE_AGE_MAX_NS: Final = 60 * 10**9  # a book that did not change for a minute is likelier a feed that stopped
ZERO: Final = Decimal(0)
KEYS: Final = ("venue", "symbol", "side", "liquidity", "order_kind", "source_run", "run_id")

QUOTES: Final = """
CREATE OR REPLACE TEMP TABLE quote_mids AS
SELECT symbol, market_ns, arg_max(bid, ts_ns) AS bid, arg_max(ask, ts_ns) AS ask,
  (arg_max(bid, ts_ns) + arg_max(ask, ts_ns)) * 0.5 AS mid
FROM {source} WHERE bid > 0 AND ask >= bid GROUP BY symbol, market_ns
"""
LAST_OF_DAYS: Final = """
SELECT max(market_ns), symbol, arg_max((bid + ask) * 0.5, (market_ns, ts_ns))
FROM {source} WHERE bid > 0 AND ask >= bid GROUP BY symbol, market_ns // 86400000000000 ORDER BY symbol, 1
"""
RECORDED: Final = """(SELECT ts_ns, market_ns, symbol, CAST(bid AS DECIMAL(38,15)) AS bid, CAST(ask AS DECIMAL(38,15)) AS ask
  FROM read_parquet({files}))"""
MID_AT: Final = """
CREATE OR REPLACE TEMP TABLE {table} AS
SELECT f.seq, CASE WHEN f.at_ns - q.market_ns <= {age} AND f.at_ns <= {end} THEN q.mid END AS mid
FROM (SELECT seq, symbol, market_ns + {later} AS at_ns FROM {fills}) f
ASOF LEFT JOIN quote_mids q ON f.symbol = q.symbol AND f.at_ns >= q.market_ns
"""


SUMS: Final = """
SELECT {names}, multiplier, count(*), count(later), sum(worth) FILTER (later IS NOT NULL), sum(moved * (later - price)),
  sum(worth) FILTER (later IS NOT NULL AND before IS NOT NULL), sum(moved * (price - before)) FILTER (later IS NOT NULL),
  sum(moved * (later - before))
FROM (SELECT f.*, m.mid AS later, coalesce((f.fill_bid + f.fill_ask) * 0.5, a.mid) AS before,
    CASE WHEN f.side = 'BUY' THEN f.quantity ELSE -f.quantity END AS moved, f.quantity * f.price AS worth
  FROM {fills} f LEFT JOIN mids_{horizon} m USING (seq) LEFT JOIN mids_at a USING (seq))
GROUP BY {names}, multiplier
"""


class Markout(Record, frozen=True, kw_only=True):
    """Fills of one `key` at one `horizon` after them, weighted by notional, in bps of notional rounded half-even to 12 places.

    `markout_bps`: s (mid after - price); `realised_bps`: 2 s (price - mid after); `impact_bps`: 2 s (mid after - mid at fill);
    `reversion_bps`: s (mid at the fill - mid after), above 0 where the market came back. The last two are of fills whose mid is
    known too, and so is `effective_bps`, 2 s (price - mid at the fill). None: of no fill. `fills` = `known` + `missing`: those
    whose mid after is not.
    """

    key: tuple[Any, ...]
    horizon: str
    after_ns: int
    fills: int
    known: int
    missing: int
    markout_bps: Decimal | None
    realised_bps: Decimal | None
    effective_bps: Decimal | None
    impact_bps: Decimal | None
    reversion_bps: Decimal | None


def load_quotes(store: LogStore, directory: Path | None = None) -> int:
    """Make table `quote_mids` (symbol, market_ns, bid, ask, mid) in the store; return how many usable quotes it has.

    From the `*.parquet` of `directory` (a lakehouse's `top_of_book`), or from the store's own view `quotes` where None. Quotes
    that are crossed or not above 0 are left out; of several at one instant the last counts.
    Raises `InputError`: NO_QUOTES, QUOTES_UNREADABLE.
    """
    _asked(store, QUOTES, directory)
    return int(store.rows("SELECT count(*) FROM quote_mids")[0][0])


def daily_mids(store: LogStore, directory: Path | None = None) -> list[tuple[int, str, Decimal]]:
    """Return (market instant, symbol, mid) of the last usable quote of each UTC day, from where `load_quotes` reads; no table.

    Raises `InputError`: NO_QUOTES, QUOTES_UNREADABLE.
    """
    return [(int(at), str(symbol), Decimal(mid)) for at, symbol, mid in _asked(store, LAST_OF_DAYS, directory)]


def _asked(store: LogStore, sql: str, directory: Path | None) -> list[tuple[Any, ...]]:
    """Return the rows of a query whose `source` is the quotes of `directory`, or the store's own."""
    source = "quotes"
    if directory is not None:
        files = sorted(directory.glob("*.parquet")) if directory.is_dir() else []
        if not files:
            raise InputError(
                "NO_QUOTES",
                expected=f"*.parquet in {directory}",
                found="none",
                action="Name the top_of_book directory of the run.",
            )
        source = RECORDED.format(files="[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]")
    try:
        return store.connection.execute(sql.format(source=source)).fetchall()
    except duckdb.Error as error:
        raise InputError(
            "QUOTES_UNREADABLE",
            expected=f"recorded quotes in {directory or 'view quotes'} (data/README.md, Recorded market)",
            found=str(error).splitlines()[0][:200],
            action="Remove the file it names, or record again.",
        ) from error


def mark_fills(
    store: LogStore, *, fills: str = "fills", horizons: Mapping[str, int] = MARKOUT_NS, age_max_ns: int = QUOTE_AGE_MAX_NS
) -> None:
    """Make a table `mids_<horizon>` (seq, mid) of each horizon, and `mids_at` (seq, mid, bid, ask) of the instant of the fill."""
    end = store.rows("SELECT max(market_ns) FROM quote_mids")[0][0]
    with store.named_faults():
        for name, later in {"at": 0, **horizons}.items():
            store.connection.execute(
                MID_AT.format(table=f"mids_{name}", age=age_max_ns, end="NULL" if end is None else end, later=later, fills=fills)
            )


def markouts(
    store: LogStore, *, by: Sequence[str] = (), fills: str = "fills", horizons: Mapping[str, int] = MARKOUT_NS
) -> list[Markout]:
    """Return markouts of each value of the keys `by` (of `KEYS`) at each horizon, after `mark_fills`.

    The mid at the fill is that of the fill's own book where the log has it, else of the quotes. Fills of different quote
    currencies are not added up: they are in groups of their own, the currency first in the key.
    """
    for asked in by:
        if asked not in KEYS:
            raise InputError("BY_UNKNOWN", expected=f"one of {', '.join(KEYS)}", found=asked, action="Name others.")
    names = ", ".join(f'"{key}"' for key in ("quote_currency", *by))
    found: list[Markout] = []
    for horizon, later in horizons.items():
        rows = store.rows(SUMS.format(names=names, fills=fills, horizon=horizon))
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for row in rows:
            key, multiplier, counts, sums = (
                row[: 1 + len(by)],
                row[1 + len(by)],
                row[2 + len(by) : 4 + len(by)],
                row[4 + len(by) :],
            )
            with exact_arithmetic():
                told = [*counts, *(ZERO if amount is None else amount * multiplier for amount in sums)]
                kept = groups.setdefault(key, [0, 0] + [ZERO] * len(sums))
                groups[key] = [one + other for one, other in zip(kept, told, strict=True)]
        found += [_markout(key, groups[key], horizon=horizon, later=later) for key in sorted(groups)]
    return found


def _markout(key: tuple[Any, ...], sums: Sequence[Any], *, horizon: str, later: int) -> Markout:
    fills, known, worth, gained, worth_then, paid, moved = sums

    def bps(part: Decimal, whole: Decimal, times: int) -> Decimal | None:
        if not whole:
            return None
        with exact_arithmetic():
            return ratio_bps(part * times, whole)

    return Markout(
        key=key,
        horizon=horizon,
        after_ns=later,
        fills=fills,
        known=known,
        missing=fills - known,
        markout_bps=bps(gained, worth, 1),
        realised_bps=bps(gained, worth, -2),
        effective_bps=bps(paid, worth_then, 2),
        impact_bps=bps(moved, worth_then, 2),
        reversion_bps=bps(moved, worth_then, -1),
    )
