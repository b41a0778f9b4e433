"""A report's tables as files: one CSV or one Parquet file a table, written whole or not at all; and results of replays read."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analysis.replay_result import ReplayResult, read_result
from analysis.report_replay import Replays
from analysis.report_table import Table
from lakehouse.layout import NAME_PATTERN, replace_file, safe_name, storage_error
from orders.canonical import plain
from orders.errors import InputError
from orders.exact import ROUNDED

PARQUET_PLACES: Final = 18  # of every decimal there; CSV and JSON are exact
DECIMAL_ENDINGS: Final = ("_base", "_bps", "_weight", "_fraction", "price", "quantity", "mid")
COUNTS: Final = frozenset(
    [
        "orders", "wishes", "fills", "lines", "count", "cycle", "negative", "not_logged", "no_quote", "log_line", "first_line",
        "last_line", "planned", "plans", "plans_same", "orders_differing", "lines_differing", "differences", "without_twap",
        "without_vwap", "without_vwap_others", "filled", "denied", "rejected", "unknown", "unpriced", "missing",
    ]
)  # fmt: skip
FLAGS: Final = frozenset(["too_small", "told_apart", "finished"])


def read_replays(directory: Path, run_ids: Sequence[str]) -> Replays:
    """Return what `sluice replay` left in `directory` about each run; None of a file that is damaged, or about another run.

    Raises `StorageError` of a file that cannot be opened.
    """
    found: dict[str, ReplayResult | None] = {}
    for run_id in run_ids:
        path = directory / f"replay-{run_id}.json"
        if NAME_PATTERN.fullmatch(run_id) is None or not path.exists():
            continue
        try:
            result = read_result(path.read_bytes())
        except InputError:
            found[run_id] = None
        except OSError as error:
            raise storage_error(error, path) from error
        else:
            found[run_id] = result if result.run_id == run_id else None
    return found


def write_file(path: Path, content: bytes) -> None:
    """Write `content` whole or not at all, its directory made where it is missing. Raises `StorageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise storage_error(error, path) from error


def write_csv(directory: Path, tables: list[Table]) -> list[Path]:
    """Write one CSV a table, exact, an unknown value as an empty cell; return the files. Raises `StorageError`."""
    made = []
    for table in tables:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(["" if value is None else plain(value) for value in row] for row in table.rows)
        made.append(directory / f"{safe_name(table.name)}.csv")
        write_file(made[-1], text.getvalue().encode())
    return made


def write_parquet(directory: Path, tables: list[Table]) -> list[Path]:
    """Write one Parquet file a table, with the same types whatever is in it; return the files. Raises `StorageError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = []
    for table in tables:
        columns = []
        for number, name in enumerate(table.columns):
            kind = kind_of(name)
            values = [_stored(row[number], kind) for row in table.rows]
            typed = {
                "integer": pa.int64(),
                "decimal": pa.decimal128(38, PARQUET_PLACES),
                "flag": pa.bool_(),
                "text": pa.string(),
            }
            columns.append(pa.array(values, typed[kind]))
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns, names=list(table.columns)), sink)
        made.append(directory / f"{safe_name(table.name)}.parquet")
        write_file(made[-1], sink.getvalue().to_pybytes())
    return made


def kind_of(column: str) -> str:
    """Return integer, decimal, flag or text: what a column of this name holds in Parquet."""
    if column in FLAGS:
        return "flag"
    if column.endswith("_ns") or column in COUNTS:
        return "integer"
    return "decimal" if column.endswith(DECIMAL_ENDINGS) else "text"


def _stored(value: Any, kind: str) -> Any:
    if value is None or kind in ("flag", "integer"):
        return value
    if kind == "decimal":
        return Decimal(value).quantize(Decimal(1).scaleb(-PARQUET_PLACES), context=ROUNDED)
    return value if isinstance(value, str) else str(plain(value))
