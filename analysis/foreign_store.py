"""Fills that another system made, as the views of a log: the same questions, the same report.

An order is what its fills say: one row of `intents` an `order_id`. What the file does not say is NULL; tables a log would
have besides are empty. Prices at arrival and at the fill are the newest quote at or before the instant, no older than
`QUOTE_AGE_MAX_NS`; where there is none they are NULL, counted in `notes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from analysis.foreign_rows import FILL_NUMBERS, FILL_OPTIONAL, FILL_TEXTS, Row, read_fills, read_quotes
from analysis.log_columns import TABLES, Kind
from analysis.log_sql import ALL, PLAN_LINES_TABLE, filter_sql, parquet_select, sql_columns
from analysis.log_store import MEMORY_MB, THREADS, LogStore, connect

FOREIGN_RUN: Final = "foreign"  # the run_id of all rows
QUOTE_AGE_MAX_NS: Final = 60 * 10**9  # a book that did not change for a minute is likelier a feed that stopped
FILL_KINDS: Final[Mapping[str, Kind]] = {
    "time": Kind.INTEGER, **dict.fromkeys(FILL_TEXTS, Kind.TEXT), **FILL_NUMBERS, **FILL_OPTIONAL,
    "notional_quote": Kind.NOTIONAL,
}  # fmt: skip
QUOTE_KINDS: Final[Mapping[str, Kind]] = {
    "time": Kind.INTEGER, "symbol": Kind.TEXT, "bid": Kind.PRICE, "ask": Kind.PRICE, "bid_size": Kind.QUANTITY,
    "ask_size": Kind.QUANTITY,
}  # fmt: skip
HALF: Final = "CAST(0.5 AS DECIMAL(2,1))"  # of a sum of prices of at most 14 places: exact

ORDERS: Final = """
    CREATE TEMP TABLE foreign_orders AS
    WITH told AS (
        SELECT order_id, min(line) AS line, row_number() OVER (ORDER BY min(line)) AS number, any_value(venue) AS venue,
            any_value(account) AS account, any_value(symbol) AS symbol, any_value(side) AS side, sum(quantity) AS filled,
            any_value(order_quantity) AS order_quantity, any_value(order_time) AS order_ns, min(sent_time) AS sent_ns,
            min("time") AS first_ns, any_value(decision_price) AS decision_price, any_value(arrival_bid) AS arrival_bid,
            any_value(arrival_ask) AS arrival_ask, any_value(order_kind) AS order_kind, any_value(source_run) AS source_run
        FROM foreign_fills GROUP BY order_id)
    SELECT told.* EXCLUDE (arrival_bid, arrival_ask), q.bid AS seen_bid,
        coalesce(arrival_bid, CASE WHEN order_ns - q."time" <= {age} THEN q.bid END) AS arrival_bid,
        coalesce(arrival_ask, CASE WHEN order_ns - q."time" <= {age} THEN q.ask END) AS arrival_ask
    FROM told ASOF LEFT JOIN foreign_quotes q ON told.symbol = q.symbol AND told.order_ns >= q."time"
"""
FILLS: Final = """
    CREATE TEMP TABLE foreign_priced AS
    SELECT f.*, CASE WHEN f."time" - q."time" <= {age} THEN q.bid END AS fill_bid,
        CASE WHEN f."time" - q."time" <= {age} THEN q.ask END AS fill_ask
    FROM foreign_fills f ASOF LEFT JOIN foreign_quotes q ON f.symbol = q.symbol AND f."time" >= q."time"
"""
INTENT_VIEW: Final[Mapping[str, str]] = {
    "v": "1", "seq": "line", "ts_ns": "coalesce(order_ns, first_ns)", "market_ns": "coalesce(order_ns, first_ns)",
    "run_id": f"'{FOREIGN_RUN}'", "cycle": "0", "line": "number", "client_order_id": "order_id", "symbol": "symbol",
    "instrument_id": "symbol", "venue": "venue", "side": "side", "quantity": "coalesce(order_quantity, filled)",
    "order_kind": "order_kind", "source_run": "source_run", "decision_price": "decision_price", "arrival_bid": "arrival_bid",
    "arrival_ask": "arrival_ask", "arrival_mid": f"(arrival_bid + arrival_ask) * {HALF}", "arrival_ns": "order_ns",
    "schedule": "'at_once'", "child": "0", "attribution": "'{}'",
}  # fmt: skip
FILL_VIEW: Final[Mapping[str, str]] = {
    "v": "1", "seq": "f.line", "ts_ns": 'f."time"', "market_ns": 'f."time"', "run_id": f"'{FOREIGN_RUN}'",
    "client_order_id": "f.order_id", "venue_order_id": "f.order_id", "trade_id": "f.trade_id", "venue": "f.venue",
    "account": "coalesce(f.account, '')", "symbol": "f.symbol", "instrument_id": "f.symbol", "side": "f.side",
    "quantity": "f.quantity", "price": "f.price", "multiplier": "coalesce(f.multiplier, 1)",
    "notional_quote": "f.notional_quote",
    "quote_currency": "f.quote_currency", "base_currency": "f.base_currency", "fee": "f.fee", "fee_currency": "f.fee_currency",
    "liquidity": "f.liquidity", "order_kind": "f.order_kind", "order_quantity": "coalesce(o.order_quantity, o.filled)",
    "filled_quantity": "sum(f.quantity) OVER (PARTITION BY f.order_id ORDER BY f.line)", "cycle": "0", "line": "o.number",
    "source_run": "f.source_run", "environment": f"'{FOREIGN_RUN}'", "decision_price": "f.decision_price",
    "arrival_bid": "o.arrival_bid", "arrival_ask": "o.arrival_ask", "arrival_mid": f"(o.arrival_bid + o.arrival_ask) * {HALF}",
    "arrival_ns": "o.order_ns", "fill_bid": "f.fill_bid", "fill_ask": "f.fill_ask", "sent_ns": "f.sent_time",
    "acked_ns": "f.acked_time", "event_ns": 'f."time"', "attribution": "'{}'",
}  # fmt: skip


def open_foreign(
    fills: Path,
    quotes: Path | None = None,
    *,
    from_ns: int | None = None,
    to_ns: int | None = None,
    memory_mb: int = MEMORY_MB,
    threads: int = THREADS,
) -> LogStore:
    """Return the CSV of `fills`, priced by the CSV of `quotes` where given, as the views of a log and a view `quotes`.

    `from_ns` <= t < `to_ns` filters by the time of a fill, and of an order's arrival. Raises `InputError` with the line.
    """
    connection = connect(memory_mb=memory_mb, threads=threads)
    try:
        _load(connection, "foreign_fills", FILL_KINDS, read_fills(fills))
        _load(connection, "foreign_quotes_told", QUOTE_KINDS, read_quotes(quotes) if quotes is not None else ())
        latest = ", ".join(f'arg_max("{name}", line) AS "{name}"' for name in QUOTE_KINDS if name not in ("time", "symbol"))
        latest = f'SELECT "time", symbol, {latest} FROM foreign_quotes_told GROUP BY "time", symbol'
        connection.execute(f"CREATE TEMP TABLE foreign_quotes AS {latest}")
        connection.execute("DROP TABLE foreign_quotes_told")
        connection.execute(ORDERS.format(age=QUOTE_AGE_MAX_NS))
        connection.execute(FILLS.format(age=QUOTE_AGE_MAX_NS))
        condition = filter_sql(run=None, from_ns=from_ns, to_ns=to_ns)
        _views(connection, condition)
        return LogStore(connection, extent=None, notes=_notes(connection, fills), whole=condition == ALL)
    except BaseException:
        connection.close()
        raise


def _load(connection: duckdb.DuckDBPyConnection, name: str, kinds: Mapping[str, Kind], batches: Iterable[list[Row]]) -> None:
    columns = {"line": Kind.INTEGER, **kinds}
    typed = ", ".join(f'"{column}" {kind.sql}' for column, kind in columns.items())
    connection.execute(f"CREATE TEMP TABLE {name} ({typed})")
    cast = ", ".join(f'CAST("{column}" AS {kind.sql})' for column, kind in columns.items())
    schema = pa.schema([(column, pa.int64() if kind is Kind.INTEGER else pa.string()) for column, kind in columns.items()])
    for batch in batches:
        connection.register("foreign_batch", pa.Table.from_pylist(batch, schema=schema))
        connection.execute(f"INSERT INTO {name} SELECT {cast} FROM foreign_batch")
        connection.unregister("foreign_batch")


def _views(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    sources = {
        "fills": (FILL_VIEW, "foreign_priced f JOIN foreign_orders o USING (order_id)"),
        "intents": (INTENT_VIEW, "foreign_orders"),
    }
    for name in [*(table.name for table in TABLES), PLAN_LINES_TABLE]:
        select = parquet_select(name, ())
        if name in sources:
            told, source = sources[name]
            cast = [f'CAST({told.get(column, "NULL")} AS {kind.sql}) AS "{column}"' for column, kind in sql_columns(name)]
            columns = ", ".join(cast)
            select = f"SELECT {columns} FROM {source} ORDER BY seq"
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM ({select}) WHERE {condition}")
    columns = '"time" AS ts_ns, "time" AS market_ns, symbol, bid, ask, bid_size, ask_size'
    connection.execute(f"CREATE TEMP VIEW quotes AS SELECT {columns} FROM foreign_quotes")


def _notes(connection: duckdb.DuckDBPyConnection, fills: Path) -> list[str]:
    """Say how many orders and fills have no price to be measured against."""
    orders, without_arrival = _counts(connection, "foreign_orders", "arrival_bid IS NULL")
    rows, without_book = _counts(connection, "foreign_priced", "fill_bid IS NULL")
    notes = [f"Fills are those of {fills}; nothing Sluice decided or refused is in them."]
    seconds = QUOTE_AGE_MAX_NS // 10**9
    if without_arrival:
        why = f"no order_time, or no quote in the {seconds} s before it"
        notes.append(f"{without_arrival} of {orders} orders have no arrival price ({why}).")
    if without_book:
        notes.append(f"{without_book} of {rows} fills have no quote in the {seconds} s before them.")
    return notes


def _counts(connection: duckdb.DuckDBPyConnection, table: str, which: str) -> tuple[int, int]:
    row = connection.execute(f"SELECT count(*), count(*) FILTER (WHERE {which}) FROM {table}").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
