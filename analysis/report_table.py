"""The one shape every part of a report has: a named table. HTML, JSON, CSV, Parquet and the terminal all show these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orders.values import Record


class Table(Record, frozen=True, kw_only=True):
    """Rows of Decimals, integers, text and None (not known). Units end the columns' names (`_bps`, `_ns`, `_base`)."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield each row as column -> value."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))


def table(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return a table; every row has one value a column."""
    assert all(len(row) == len(columns) for row in rows), f"a row of {name} has another width than {columns}"
    return Table(name=name, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))
