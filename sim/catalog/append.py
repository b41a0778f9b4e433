"""Adding rows to a dataset that may hold some of them already: what is there must be the same, what is new is staged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from lakehouse.price_kinds import Kind, Row
from orders.errors import InputError
from sim.catalog.objects import Dataset, maker_of
from sim.catalog.store import CatalogStore, Stage, stored_rows

CHUNK_ROWS: Final = 50_000  # rows of one file of the catalog, about; rows of one instant stay together


class Appender:
    """`add` rows in the order of their time, then `close`. `present` counts those that were there already.

    A row inside the span of an existing file must be one of its rows, and all of those between the first and the last such
    row must come. Raises `InputError` OVERLAP_DIFFERS otherwise.
    """

    def __init__(self, store: CatalogStore, stage: Stage, dataset: Dataset, *, chunk_rows: int = CHUNK_ROWS) -> None:
        self._chunk_rows = chunk_rows
        self._stage = stage
        self._dataset = dataset
        self._make = maker_of(dataset)
        self._intervals = store.intervals(dataset)
        self._chunk: list[Row] = []
        self._place = 0  # of the first interval that is not wholly before the newest row
        self._compared_ns = 0
        self._made = (0, 0)  # instant and number of the last made trade id
        self.present = 0

    def add(self, row: Row) -> None:
        """Take one row; its instant is not before the last one's."""
        if len(self._chunk) >= self._chunk_rows and row.ts_ns > self._chunk[-1].ts_ns:
            self._flush()
        if self._dataset.kind is Kind.TRADES and not row.trade_id:
            row = row._replace(trade_id=self._made_id(row.ts_ns))
        self._chunk.append(row)

    def close(self) -> None:
        """Stage what is left."""
        self._flush()

    def _made_id(self, ts_ns: int) -> str:
        """An id for a trade that has none: its instant, and its number within it."""
        self._made = (ts_ns, self._made[1] + 1 if self._made[0] == ts_ns else 1)
        return f"made-{ts_ns}-{self._made[1]}"

    def _flush(self) -> None:
        for inside, rows in self._runs():
            objects = [self._make(row) for row in rows]
            if inside:
                self._compare(objects)
            else:
                self._stage.put(objects, data_cls=self._dataset.data_cls, directory=self._dataset.directory)
        self._chunk = []

    def _runs(self) -> Iterator[tuple[bool, list[Row]]]:
        """Cut the chunk where files of the dataset begin and end."""
        run: list[Row] = []
        where: tuple[bool, int] | None = None
        for row in self._chunk:
            while self._place < len(self._intervals) and self._intervals[self._place][1] < row.ts_ns:
                self._place += 1
            inside = self._place < len(self._intervals) and self._intervals[self._place][0] <= row.ts_ns
            if where not in (None, (inside, self._place)):
                assert where is not None
                yield where[0], run
                run = []
            where = (inside, self._place)
            run.append(row)
        if where is not None:
            yield where[0], run

    def _compare(self, objects: list[Any]) -> None:
        first_ns, last_ns = objects[0].ts_init, objects[-1].ts_init
        file = next(each for each in self._intervals if each[0] <= first_ns and last_ns <= each[1])
        begin_ns = self._compared_ns + 1 if file[0] <= self._compared_ns <= file[1] else first_ns
        stored = stored_rows(file[2], data_cls=self._dataset.data_cls, first_ns=begin_ns, last_ns=last_ns)
        for ours, theirs in zip_longest(objects, stored):
            if ours is None or theirs is None or _facts(self._dataset, ours) != _facts(self._dataset, theirs):
                raise InputError(
                    "OVERLAP_DIFFERS",
                    expected=f"the rows that {self._dataset.name} has already from {file[0]} to {file[1]} ns",
                    found=f"{ours} where {theirs} is stored" if ours is not None else f"nothing where {theirs} is stored",
                    action="Import into a new catalog, or cut the range that is there out of the file.",
                )
        self._compared_ns = last_ns
        self.present += len(objects)


def _facts(dataset: Dataset, item: Any) -> tuple[Any, ...]:
    facts = dataset.data_cls.to_dict(item)
    return tuple(str(facts[key]) for key in sorted(facts) if key != "ts_init")
