"""Questions to a log in SQL: its lines as typed DuckDB views, larger than memory, exact, read only.

`open_log` is the door. Each line type is a view with the columns of `lakehouse.records` (`analysis.log_columns` says types), and
`plan_lines` has a row for each line of each plan. Nothing is loaded that a question does not need.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from analysis.log_bytes import LogExtent, LogSlices, extent_of, find_fault, slice_name
from analysis.log_columns import PLAN_LINE_COLUMNS, TABLES, Column, Table, expression, number, raw_type
from lakehouse.records import LOG_VERSION
from orders.errors import InputError

MEMORY_MB: Final = 700  # so that the process stays below 1 GB
THREADS: Final = 2


class LogStore:
    """An open log. `connection` has the views; `notes` says in words what of the file is not in them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, extent: LogExtent, notes: Sequence[str]) -> None:
        self.connection = connection
        self.extent = extent
        self.notes = tuple(notes)

    def rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a query. Raises `RecordCorrupt` or `InputError` that names the line when the log is broken."""
        with self.named_faults():
            return self.connection.execute(sql, parameters).fetchall()

    @contextmanager
    def named_faults(self) -> Iterator[None]:
        """Turn an error of DuckDB into one that names the broken line, where the log is to blame."""
        try:
            yield
        except duckdb.Error as error:
            fault = find_fault(self.extent.path, start=0, end=self.extent.whole, first_line=1)
            if fault is None:
                raise
            raise fault from error

    def close(self) -> None:
        """Let go of the files and the memory; closing twice is allowed."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_log(
    path: Path,
    *,
    run: str | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
    copy: bool = True,
    memory_mb: int = MEMORY_MB,
    threads: int = THREADS,
) -> LogStore:
    """Return the log at `path` as views, of one run and of market time `from_ns` <= t < `to_ns` where given.

    A torn last line is left out and noted. Raises `NotYet` (VANISHED, EMPTY), `InputError` and `RecordCorrupt` with the
    number of the broken line.
    """
    extent = extent_of(path)
    if extent.whole == 0:
        raise InputError(
            "EMPTY",
            expected=f"a log with at least one whole line at {path}",
            found=f"{extent.torn} bytes without a newline" if extent.torn else "an empty file",
            action="Run `sluice shadow` or `sluice backtest` first, or name another log.",
        )
    notes = []
    if extent.torn:
        notes.append(f"The last line of {path} is torn ({extent.torn} bytes without a newline) and left out.")
    connection = connect(memory_mb=memory_mb, threads=threads)
    connection.register_filesystem(LogSlices())
    store = LogStore(connection, extent=extent, notes=notes)
    where = _filter(run=run, from_ns=from_ns, to_ns=to_ns)
    source = slice_name(path, start=0, end=extent.whole)
    for table in TABLES:
        connection.execute(f"CREATE TEMP VIEW {table.name} AS {_json_select(table, source)}{where}")
    connection.execute(f"CREATE TEMP VIEW plan_lines AS {PLAN_LINES}")
    return store


def connect(*, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB within bounds: at most `memory_mb` MB and `threads` threads, no network, no extension fetched."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": f"{memory_mb}MB",
            "threads": str(threads),
            "temp_directory": tempfile.gettempdir(),  # spills; DuckDB removes them. Its own choice is the working directory
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _filter(*, run: str | None, from_ns: int | None, to_ns: int | None) -> str:
    parts = []
    if run is not None:
        parts.append("run_id = '" + run.replace("'", "''") + "'")
    if from_ns is not None:
        parts.append(f"market_ns >= {int(from_ns)}")
    if to_ns is not None:
        parts.append(f"market_ns < {int(to_ns)}")
    return "".join(f" AND {part}" for part in parts)


def _json_select(table: Table, source: str) -> str:
    columns = ", ".join(f'{expression(column)} AS "{column.name}"' for column in table.columns)
    return f"SELECT {columns} FROM {_read_json(source, table.columns)} WHERE {GUARD} AND \"type\" = '{table.tag}'"


def _read_json(source: str, columns: Sequence[Column]) -> str:
    typed = ", ".join([f"'{column.name}': '{raw_type(column)}'" for column in columns] + ["'type': 'VARCHAR'"])
    return f"read_json('{source}', format = 'newline_delimited', columns = {{{typed}}})"


_TAGS: Final = ", ".join(f"'{table.tag}'" for table in TABLES)
GUARD: Final = (
    f"CASE WHEN v <> {LOG_VERSION} THEN error('LOG_VERSION') "
    f'WHEN "type" IS NULL OR "type" NOT IN ({_TAGS}) THEN error(\'LOG_LINE\') ELSE true END'
)


def _plan_lines() -> str:
    fields = []
    for name, kind in PLAN_LINE_COLUMNS.items():
        text = f"(one ->> '{name}')"
        if kind.places is not None:
            fields.append(f'{number(text, kind=kind, name=name, required=False)} AS "{name}"')
        elif kind.sql == "JSON":
            fields.append(f"(one -> '{name}') AS \"{name}\"")
        else:
            fields.append(f'CAST({text} AS {kind.sql}) AS "{name}"')
    return (
        f"SELECT run_id, seq, ts_ns, market_ns, cycle, plan_sha256, manifest_sha256, planned_ns, {', '.join(fields)} FROM "
        "(SELECT *, unnest(CAST(plan -> 'lines' AS JSON[])) AS one FROM plans WHERE plan IS NOT NULL AND plan_sha256 IS NOT NULL)"
    )


PLAN_LINES: Final = _plan_lines()
