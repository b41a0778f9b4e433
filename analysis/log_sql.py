"""The SQL of a log's views: reading JSON lines typed and judged, `plan_lines`, filters.

What a query over JSON lines judges of every line it passes: version, type, and of each column it asks for that it is there and a
number that fits. It fails with the code alone; `analysis.log_bytes.find_fault` then finds the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from analysis.log_columns import PLAN_LINE_COLUMNS, TABLES, Column, Kind, Table
from lakehouse.records import LOG_VERSION

PLAN_LINES_TABLE: Final = "plan_lines"
STANDING: Final = frozenset({"runs", "manifests", "twin_starts"})  # what later lines stand on
ALL: Final = "true"  # the condition of a filter that asks for nothing
_PLAN_KEYS: Final = ("run_id", "seq", "ts_ns", "market_ns", "cycle", "plan_sha256", "manifest_sha256", "planned_ns")


def text_literal(text: str) -> str:
    """Return `text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def filter_sql(*, run: str | None, from_ns: int | None, to_ns: int | None) -> str:
    """Return the condition for one run and market time `from_ns` <= t < `to_ns`; None does not ask."""
    parts = [ALL]
    if run is not None:
        parts.append(f"run_id = {text_literal(run)}")
    if from_ns is not None:
        parts.append(f"market_ns >= {int(from_ns)}")
    if to_ns is not None:
        parts.append(f"market_ns < {int(to_ns)}")
    return " AND ".join(parts)


def runs_sql(runs: Sequence[str]) -> str:
    """Return the condition for these runs."""
    return f"run_id IN ({', '.join(map(text_literal, runs))})" if runs else "false"


def json_select(table: Table, sources: Sequence[str], *, watch: str = "true") -> str:
    """Return a query of the typed lines of `table` in the JSON lines of `sources`; `watch` is asked of every line."""
    columns = ", ".join(f'{_expression(column)} AS "{column.name}"' for column in table.columns)
    typed = ", ".join([f"'{column.name}': '{_raw_type(column)}'" for column in table.columns] + ["'type': 'VARCHAR'"])
    listed = "[" + ", ".join(map(text_literal, sources)) + "]"
    read = f"read_json({listed}, format = 'newline_delimited', columns = {{{typed}}})"
    judged = (
        f"CASE WHEN v <> {LOG_VERSION} THEN error('LOG_VERSION') "
        f'WHEN "type" IS NULL OR "type" NOT IN ({_TAGS}) THEN error(\'LOG_LINE\') '
        f"WHEN NOT {watch} THEN error('LOG_SEQ') ELSE \"type\" = '{table.tag}' END"
    )
    return f"SELECT {columns} FROM {read} WHERE {judged}"


def parquet_select(name: str, files: Sequence[str]) -> str:
    """Return a query of a table of the copy; of one without files, of no rows with the same columns."""
    if files:
        listed = ", ".join(text_literal(file) for file in files)
        columns = ", ".join(f'"{column}"' for column, _ in sql_columns(name))
        return f"SELECT {columns} FROM read_parquet([{listed}])"
    return "SELECT " + ", ".join(f'CAST(NULL AS {kind.sql}) AS "{column}"' for column, kind in sql_columns(name)) + " WHERE false"


def sql_columns(name: str) -> list[tuple[str, Kind]]:
    """Return the columns of a view, in its order."""
    if name == PLAN_LINES_TABLE:
        plans = dict(sql_columns("plans"))
        return [(key, plans[key]) for key in _PLAN_KEYS] + list(PLAN_LINE_COLUMNS.items())
    table = next(table for table in TABLES if table.name == name)
    return [(column.name, column.kind) for column in table.columns]


def plan_lines_select(plans: str) -> str:
    """Return a query with a row for each line of each plan in the relation `plans`."""
    fields = []
    for name, kind in PLAN_LINE_COLUMNS.items():
        text = f"(one ->> '{name}')"
        if kind.places is not None:
            value = _number(text, kind=kind, name=name, required=False)
        else:
            value = f"(one -> '{name}')" if kind is Kind.JSON else f"CAST({text} AS {kind.sql})"
        fields.append(f'{value} AS "{name}"')
    unnested = "unnest(CAST(plan -> 'lines' AS JSON[])) AS one"
    return f"SELECT {', '.join([*_PLAN_KEYS, *fields])} FROM (SELECT {', '.join(_PLAN_KEYS)}, {unnested} FROM {plans})"


def plain_path(path: Path) -> bool:
    """Say whether DuckDB would take the path as it is, and not as a pattern or an address."""
    return not any(character in str(path) for character in "*?[{") and "://" not in str(path)


def _raw_type(column: Column) -> str:
    return "VARCHAR" if column.kind.places is not None else column.kind.sql


def _expression(column: Column) -> str:
    name = f'"{column.name}"'
    if column.kind.places is not None:
        return _number(name, kind=column.kind, name=column.name, required=column.required)
    if column.required:
        return f"CASE WHEN {name} IS NULL THEN error('LOG_FIELD {column.name}') ELSE {name} END"
    if column.default is None:
        return name
    return f"coalesce({name}, CAST({text_literal(column.default)} AS {column.kind.sql}))"


def _number(text: str, *, kind: Kind, name: str, required: bool) -> str:
    """Return SQL that makes text a DECIMAL; DuckDB's own cast rounds, and reads 1E-20 as 0.

    A text of at most `places` + 1 characters has no more places, which spares most numbers the second look.
    """
    places = kind.places
    assert places is not None
    exponent = f"contains({text}, 'E') OR contains({text}, 'e')"
    too_fine = f"contains({text}, '.') AND strlen({text}) - strpos({text}, '.') > {places}"
    refused = exponent if kind.rounded else f"{exponent} OR (strlen({text}) > {places + 1} AND {too_fine})"
    missing = f"WHEN {text} IS NULL THEN error('LOG_FIELD {name}') " if required else ""
    return f"CASE {missing}WHEN {refused} THEN error('LOG_NUMBER {name}') ELSE CAST({text} AS {kind.sql}) END"


_TAGS: Final = ", ".join(f"'{table.tag}'" for table in TABLES)
COLUMNS_SHA256: Final = hashlib.sha256(
    "\n".join([*(json_select(table, [""]) for table in TABLES), plan_lines_select("plans")]).encode()
).hexdigest()  # of everything a part of a copy depends on besides the log's bytes
