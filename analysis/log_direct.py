"""Reading a log itself, without its copy: views over the JSON lines, and what a plain `read_json` does not judge.

A log that nobody wrote to lately is read by DuckDB's own file reader, in parallel; should it grow meanwhile, the answer is
refused. Any other is read up to the end of its last whole line through `LogSlices`, whose readers wait for one another.
"""

from __future__ import annotations

import os
import time
from typing import Final

import duckdb
import pyarrow as pa

from analysis.log_bytes import LogExtent, LogSlices, check_lines
from analysis.log_columns import TABLES
from analysis.log_sql import ALL, PLAN_LINES_TABLE, STANDING, json_select, plain_path, plan_lines_select
from orders.errors import NotYet

QUIET_NS: Final = 10 * 10**9  # a run that works writes more often


class SeqWatch:
    """Sees the `seq` of every line a query passes, in runs of neighbours, and says whether they were all of the log in order."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int]] = []
        self._broken = False

    def __call__(self, seqs: pa.Array) -> pa.Array:
        """Note a vector of neighbouring lines; always true. DuckDB calls it from its threads."""
        values = seqs.to_numpy(zero_copy_only=False)
        first, last = int(values[0]), int(values[-1])
        self._runs.append((first, last))
        if last - first != len(values) - 1 or bool((values[1:] - values[:-1] != 1).any()):
            self._broken = True
        return pa.repeat(pa.scalar(True), len(values))

    def saw_all(self, lines: int) -> bool:
        """Say whether the runs are 1 to `lines`, each line once; runs that changed places as a whole are not told."""
        expected = 1
        for first, last in sorted(self._runs):
            if first != expected:
                return False
            expected = last + 1
        return expected == lines + 1 and not self._broken


class DirectLog:
    """The views over a log's own lines. `judge` is due after every question."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, extent: LogExtent, slices: LogSlices, condition: str) -> None:
        self._connection = connection
        self._extent = extent
        self._condition = condition
        self._later = ALL
        self._quiet = extent.torn == 0 and plain_path(extent.path) and _is_quiet(extent)
        self._sources = _files(extent) if self._quiet else [slices.log_slice(extent.bytes, end=extent.whole)]
        self._watch: SeqWatch | None = SeqWatch()
        connection.create_function("in_order", self._watch, ["BIGINT"], "BOOLEAN", type="arrow", side_effects=True)  # type: ignore[call-overload]
        self._make_views("in_order(seq)")

    def judge(self) -> None:
        """Raise what is wrong with the lines that were passed.

        The order of the lines is judged with the first question: for nothing when it passed all of them, by one more reading
        otherwise. Raises what `find_fault` returns, and `NotYet` LOG_GREW.
        """
        if self._quiet and (size := _size_now(self._extent)) != self._extent.whole:
            raise NotYet(
                "LOG_GREW",
                expected=f"{self._extent.path} to stay as it is while it is read without its copy",
                found=f"{size} bytes, and {self._extent.whole} when it was opened",
                action="Ask again.",
            )
        if self._watch is not None:
            if not self._watch.saw_all(self._extent.lines):
                check_lines(self._extent)
            self._watch = None
            self._make_views("true")

    def narrow(self, condition: str, *, later: str) -> None:
        """Make the views anew, of lines that `condition` takes, and `later` too but for `STANDING`; their order is judged."""
        assert self._watch is None, "a question was asked"
        self._condition, self._later = condition, later
        self._make_views("true")

    def _make_views(self, watch: str) -> None:
        for table in TABLES:
            select = json_select(table, self._sources, watch=watch)
            asked = self._condition if table.name in STANDING else f"{self._condition} AND {self._later}"
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {table.name} AS SELECT * FROM ({select}) WHERE {asked}")
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {PLAN_LINES_TABLE} AS {plan_lines_select('plans')}")


def _is_quiet(extent: LogExtent) -> bool:
    stat = extent.bytes.active_stat()
    return stat is None or (stat.st_size == extent.bytes.active_size and time.time_ns() - stat.st_mtime_ns > QUIET_NS)


def _files(extent: LogExtent) -> list[str]:
    """Return the files the log is in, those that have a line."""
    log = extent.bytes
    return [str(path) for path in log.closed] + ([str(extent.path)] if log.active_size else [])


def _size_now(extent: LogExtent) -> int:
    """Return how long the files that are read are by now; the file that grows was closed meanwhile where it is shorter."""
    try:
        return extent.bytes.starts[-1] + (os.stat(extent.path).st_size if extent.bytes.active_size else 0)
    except FileNotFoundError:
        return 0
