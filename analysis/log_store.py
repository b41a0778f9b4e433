"""Questions to a log in SQL: its lines as typed DuckDB views, larger than memory, exact, read only.

`open_log` is the door. Each line type is a view with the columns of `lakehouse.records` (`analysis.log_columns` says types), and
`plan_lines` has a row for each line of each plan. The views read the Parquet copy beside the log (`analysis.log_copy`), which is
extended first, or the log itself. Nothing is loaded that a question does not need.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb

from analysis.log_bytes import LogExtent, LogSlices, extent_of, find_fault, slice_name
from analysis.log_columns import TABLES
from analysis.log_copy import CopyUnusable, LogCopy, copy_directory, open_copy
from analysis.log_sql import ALL, PLAN_LINES_TABLE, STANDING, filter_sql, parquet_select, plain_path, runs_sql
from orders.errors import InputError, NotYet

if TYPE_CHECKING:
    from analysis.log_direct import DirectLog

MEMORY_MB: Final = 600  # of DuckDB; the process stays below 1 GB with what it holds besides
THREADS: Final = 2


class LogStore:
    """An open log. `connection` has the views; `notes` says in words what of the file is not in them; `whole`: no filter does.

    Ask through `rows` or within `named_faults`: only then an error names the line that is to blame.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        extent: LogExtent | None,
        notes: Sequence[str],
        copy: LogCopy | None = None,
        direct: DirectLog | None = None,
        whole: bool = True,
    ) -> None:
        self.connection = connection
        self.extent = extent
        self.notes = tuple(notes)
        self._copy = copy
        self._direct = direct
        self.whole = whole

    @property
    def in_columns(self) -> bool:
        """Whether the views read a copy in columns, so that a question reads only what it names, instead of the log's text."""
        return self._copy is not None

    def rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a query. Raises `RecordCorrupt` or `InputError` that names the line when the log is broken."""
        with self.named_faults():
            return self.connection.execute(sql, parameters).fetchall()

    def columns(self, sql: str, parameters: Sequence[object] | None = None) -> dict[str, Any]:
        """Return the columns of a query as NumPy arrays, in a tenth of the time of `rows`; masked where a value is NULL.

        Raises as `rows`.
        """
        with self.named_faults():
            return self.connection.execute(sql, parameters).fetchnumpy()

    @contextmanager
    def named_faults(self) -> Iterator[None]:
        """Turn an error of DuckDB into one that names the broken line or the broken copy, where they are to blame.

        Where the log itself is read, what `DirectLog.judge` raises is raised at the block's end.
        """
        extent = self.extent
        try:
            yield
        except duckdb.Error as error:
            if extent is None:
                raise
            if self._copy is None:
                fault = find_fault(extent, start=0, end=extent.whole, first_line=1)
                if fault is not None:
                    raise fault from error
            elif isinstance(error, duckdb.IOException | duckdb.InvalidInputException) and "arquet" in str(error):
                raise InputError(
                    "COPY_UNREADABLE",
                    expected=f"Parquet files as they were written in {copy_directory(extent.path)}",
                    found=str(error).splitlines()[0],
                    action="Delete that directory; it is made again from the log.",
                ) from error
            raise
        if self._direct is not None:
            self._direct.judge()

    def narrow(self, condition: str, *, later: str = ALL) -> None:
        """Make the views anew, of the lines that an SQL condition takes, and `later` too but for `STANDING`; a question was asked
        before.
        """
        self.whole = condition == later == ALL
        if self._direct is not None:
            self._direct.narrow(condition, later=later)
        elif self._copy is not None:
            with self.named_faults():
                _copy_views(self.connection, self._copy, condition, later=later)

    def close(self) -> None:
        """Let go of the files and the memory; closing twice is allowed."""
        self.connection.close()
        if self._copy is not None:
            self._copy.close()
        if self.extent is not None:
            self.extent.bytes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_log(
    path: Path,
    *,
    run: str | None = None,
    bundle: str | None = None,
    since_ns: int | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
    copy: bool = True,
    memory_mb: int = MEMORY_MB,
    threads: int = THREADS,
) -> LogStore:
    """Return the log at `path` as views, of one run, of the runs under one bundle (its sha256), and of market time `from_ns` <= t
    < `to_ns`, where given. `since_ns`: of a bundle, only what was written from then on, real time; its runs and manifests all the
    same, because what came later stands on them.

    A torn last line is left out and noted. `copy=False` keeps and reads no Parquet copy; where none can be kept, that is noted.
    Raises `NotYet` (VANISHED, EMPTY), `InputError` and `RecordCorrupt`, with the number of the broken line.
    """
    extent = extent_of(path)
    if extent.whole == 0:
        extent.bytes.close()
        raise NotYet(
            "EMPTY",
            expected=f"a log with at least one whole line at {path}",
            found=f"{extent.torn} bytes without a newline" if extent.torn else "an empty file",
            action="Run `sluice shadow` or `sluice backtest` first, or name another log.",
        )
    notes = []
    slices = LogSlices()
    connection = connect(memory_mb=memory_mb, threads=threads)
    connection.register_filesystem(slices)
    try:
        kept = None
        if copy:
            try:
                kept = open_copy(path, connection=connection, slices=slices)
                extent.bytes.close()
                extent = kept.extent
            except CopyUnusable as error:
                notes.append(f"No Parquet copy is kept ({error}); the log itself is read.")
        if extent.torn:
            notes.append(f"The last line of {path} is torn ({extent.torn} bytes without a newline) and left out.")
        condition = filter_sql(run=run, from_ns=from_ns, to_ns=to_ns)
        if kept is None:
            from analysis.log_direct import DirectLog  # here: pyarrow, which nothing else needs

            direct = DirectLog(connection, extent=extent, slices=slices, condition=condition)
            store = LogStore(connection, extent=extent, notes=notes, direct=direct, whole=condition == ALL)
        else:
            store = LogStore(connection, extent=extent, notes=notes, copy=kept, whole=condition == ALL)
            with store.named_faults():
                _copy_views(connection, kept, condition)
        if bundle is not None:
            runs = store.rows("SELECT DISTINCT run_id FROM runs WHERE bundle_sha256 = ?", [bundle])
            later = ALL if since_ns is None else f"ts_ns >= {int(since_ns)}"
            store.narrow(f"{condition} AND {runs_sql([run_id for (run_id,) in runs])}", later=later)
        return store
    except BaseException:
        connection.close()
        extent.bytes.close()
        raise


def connect(*, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB of at most `memory_mb` MB and `threads` threads; it fetches no extension and no file.

    What does not fit in memory goes to the system's temporary directory and is removed with the connection.
    """
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": f"{memory_mb}MB",
            "threads": str(threads),
            "temp_directory": tempfile.gettempdir(),
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _copy_views(connection: duckdb.DuckDBPyConnection, copy: LogCopy, condition: str, *, later: str = ALL) -> None:
    for name in [*(table.name for table in TABLES), PLAN_LINES_TABLE]:
        files = [
            str(file) if plain_path(file) else slice_name(file, start=0, end=file.stat().st_size) for file in copy.files(name)
        ]
        asked = condition if name in STANDING else f"{condition} AND {later}"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM ({parquet_select(name, files)}) WHERE {asked}")
