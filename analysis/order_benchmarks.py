"""What the market did while an order traded: TWAP of mids, VWAP of trades with and without own fills, participation.

The interval of an order is from its arrival (the log line that wished it) to its last fill, in market time. Sums over it are
differences of two running sums, found by as-of joins. TWAP and VWAP are quotients, to 15 significant digits (made in double);
volumes are exact. A benchmark is NULL, and counted, where the market of its interval is not known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from analysis.log_store import LogStore
from analysis.quotes import QUOTE_AGE_MAX_NS
from orders.errors import InputError
from orders.values import Record

# running sums: of mid x ns since the symbol's first quote, and of units and units x price
RUNNING_MIDS: Final = """
CREATE OR REPLACE TEMP TABLE running_mids AS
SELECT symbol, market_ns, mid, coalesce(sum(mid * held_ns) OVER (PARTITION BY symbol ORDER BY market_ns
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
FROM (SELECT symbol, market_ns, CAST(mid AS DOUBLE) AS mid,
    lead(market_ns) OVER (PARTITION BY symbol ORDER BY market_ns) - market_ns AS held_ns FROM quote_mids)
"""
RUNNING_TRADES: Final = """
CREATE OR REPLACE TEMP TABLE running_trades AS
SELECT symbol, market_ns, sum(units) OVER w AS units, sum(value) OVER w AS value FROM (
  SELECT symbol, market_ns, sum(quantity) AS units, sum(quantity * price) AS value FROM (
    SELECT symbol, market_ns, CAST(quantity AS DECIMAL(38,10)) AS quantity, CAST(price AS DECIMAL(38,15)) AS price FROM {source})
  GROUP BY symbol, market_ns)
WINDOW w AS (PARTITION BY symbol ORDER BY market_ns)
"""
BENCHMARKS: Final = """
CREATE OR REPLACE TEMP TABLE order_benchmarks AS
WITH asked AS (
    SELECT seq, order_id, symbol, venue, side, market_ns AS from_ns, last_fill_ns AS to_ns, filled, traded
    FROM cost_rows WHERE fills > 0),
  begun AS (
    SELECT a.*, s.market_ns AS first_ns, s.mid AS first_mid, s.before AS first_sum
    FROM asked a ASOF LEFT JOIN running_mids s ON s.symbol = a.symbol AND a.from_ns >= s.market_ns),
  timed AS (
    SELECT b.*, e.before + e.mid * (b.to_ns - e.market_ns) - first_sum - first_mid * (from_ns - first_ns) AS area
    FROM begun b ASOF LEFT JOIN running_mids e ON e.symbol = b.symbol AND b.to_ns >= e.market_ns),
  before AS (
    SELECT t.*, b.units AS units_before, b.value AS value_before
    FROM timed t ASOF LEFT JOIN running_trades b ON b.symbol = t.symbol AND t.from_ns > b.market_ns),
  public AS (
    SELECT b.*, coalesce(e.units, 0) - coalesce(units_before, 0) AS units,
      coalesce(e.value, 0) - coalesce(value_before, 0) AS value
    FROM before b ASOF LEFT JOIN running_trades e ON e.symbol = b.symbol AND b.to_ns >= e.market_ns),
  added AS (
    SELECT *, from_ns >= {trades_begin} AND to_ns <= {trades_end} AS known,
      units + CASE WHEN {public} THEN 0 ELSE filled END AS units_all,
      value + CASE WHEN {public} THEN 0 ELSE traded END AS value_all,
      units - CASE WHEN {public} THEN filled ELSE 0 END AS units_others,
      value - CASE WHEN {public} THEN traded ELSE 0 END AS value_others
    FROM public)
SELECT seq, order_id, symbol, venue, side, from_ns, to_ns, filled, traded / filled AS average,
  CASE WHEN to_ns > from_ns AND from_ns - first_ns <= {age} AND to_ns <= {quotes_end} THEN area / (to_ns - from_ns) END AS twap,
  CASE WHEN known THEN units_all END AS volume_all, CASE WHEN known THEN units_others END AS volume_others,
  CASE WHEN known AND units_all > 0 THEN value_all / units_all END AS vwap_all,
  CASE WHEN known AND units_others > 0 THEN value_others / units_others END AS vwap_others,
  CASE WHEN known AND units_all > 0 THEN filled / units_all END AS participation
FROM added
"""


class BenchmarksMade(Record, frozen=True, kw_only=True):
    """How many orders were filled, and of how many there is no TWAP and no VWAP with own fills."""

    orders: int
    without_twap: int
    without_vwap: int


def order_benchmarks(
    store: LogStore, *, trades: Path | None = None, own_are_public: bool, age_max_ns: int = QUOTE_AGE_MAX_NS
) -> BenchmarksMade:
    """Make table `order_benchmarks` in the store, one row for each order with fills, prices in quote currency.

    After `order_costs` and `load_quotes`. `trades`: the directory of a run's recorded public trades; None: there are none, so no
    VWAP. `own_are_public`: whether own fills are among them, as at a real venue, and not in a shadow. `vwap_all` is with own
    fills, `vwap_others` without; `participation` = own / all. Raises `InputError` TRADES_UNREADABLE.
    """
    run = store.connection.execute
    files = sorted(trades.glob("*.parquet")) if trades is not None and trades.is_dir() else []
    source = "(SELECT NULL AS symbol, 0 AS market_ns, 0 AS quantity, 0 AS price LIMIT 0)"
    if files:
        source = "read_parquet([" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "])"
    run(RUNNING_MIDS)
    try:
        run(RUNNING_TRADES.format(source=source))
    except duckdb.Error as error:
        raise InputError(
            "TRADES_UNREADABLE",
            expected=f"recorded trades in {trades} (data/README.md, Recorded market)",
            found=str(error).splitlines()[0][:200],
            action="Remove the file it names, or record again.",
        ) from error
    quotes_end = store.rows("SELECT max(market_ns) FROM quote_mids")[0][0]
    begin, end = store.rows("SELECT min(market_ns), max(market_ns) FROM running_trades")[0]
    known = {"quotes_end": quotes_end, "trades_begin": begin, "trades_end": end}
    bounds = {name: "NULL" if value is None else value for name, value in known.items()}
    with store.named_faults():
        run(BENCHMARKS.format(age=age_max_ns, public=str(own_are_public).lower(), **bounds))
    orders, twap, vwap = store.rows("SELECT count(*), count(twap), count(vwap_all) FROM order_benchmarks")[0]
    return BenchmarksMade(orders=orders, without_twap=orders - twap, without_vwap=orders - vwap)
