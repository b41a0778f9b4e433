"""The checked rows of one source file, whatever its form: CSV, plain Parquet, or a file of a Nautilus catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from lakehouse.price_files import BATCH_ROWS, ParquetRows, PriceFile, Progress, RawRow, csv_rows
from lakehouse.price_kinds import COLUMNS, Kind, OneSymbol, Row, places_of
from lakehouse.price_policy import Tally
from lakehouse.price_rows import RowChecker
from lakehouse.price_times import Stamps
from orders.errors import ConfigError, InputError

if TYPE_CHECKING:
    from sim.catalog.importer import ImportOrder

NAUTILUS_KEYS: Final = frozenset({b"price_precision", b"size_precision", b"instrument_id"})
NAUTILUS_FIELDS: Final = {
    Kind.BARS: ("ts_init", "open", "high", "low", "close", "volume"),
    Kind.QUOTES: ("ts_init", "bid_price", "ask_price", "bid_size", "ask_size"),
    Kind.TRADES: ("ts_init", "price", "size", "aggressor_side", "trade_id"),
}


class SourceRows:
    """`rows()` yields what is taken; then `tally` says what was seen. `say` is told how far it is."""

    def __init__(self, source: PriceFile, order: ImportOrder, *, say: Callable[[str, int, int, int], None]) -> None:
        self._source = source
        self._order = order
        self._progress: Progress = lambda done, total, rows: say(source.path.name, done, total, rows)
        self.tally = Tally()

    def rows(self) -> Iterator[Row]:
        """Raises `InputError` with the line of what is wrong."""
        if self._source.form == "parquet":
            yield from self._parquet(ParquetRows(self._source))
            return
        _stamp_known(self._order)
        raw = csv_rows(self._source, delimiter=self._order.delimiter, progress=self._progress)
        first = next(raw, None)
        if first is None:
            raise InputError(
                "FILE_EMPTY", expected=f"a header in line 1 of {self._source.path}", found="no line", action="Fetch it again."
            )
        header = list(first[1]) if self._order.header else [str(place) for place in range(1, len(first[1]) + 1)]
        checker = self._checker(header, stamp_open=bool(self._order.stamp_open))
        one = OneSymbol(header, only=self._order.only, path=self._source.path)
        if not self._order.header:
            yield from _taken(checker, iter([first]), one)
        yield from _taken(checker, raw, one)

    def _parquet(self, file: ParquetRows) -> Iterator[Row]:
        if (file.schema.metadata or {}).keys() >= NAUTILUS_KEYS:
            yield from self._nautilus(file)
            return
        _stamp_known(self._order)
        checker = self._checker(file.header, floats=file.floats, instants=file.instants)
        one = OneSymbol(file.header, only=self._order.only, path=self._source.path)
        wanted = {place for place in (*self._places(file.header).values(), one.place) if place is not None}
        yield from _taken(checker, file.rows(sorted(wanted), progress=self._progress), one)

    def _nautilus(self, file: ParquetRows) -> Iterator[Row]:
        """A file of a Nautilus catalog says itself what it is; its `ts_init` is when a row was known."""
        metadata, dataset = file.schema.metadata, self._order.dataset()
        name = metadata.get(b"bar_type", metadata[b"instrument_id"]).decode(errors="replace")
        if name != dataset.name or file.header[0] not in ("open", "bid_price", "price"):
            raise InputError(
                "NAUTILUS_IDENTITY",
                expected=f"{self._order.kind} of {dataset.name} in {self._source.path}",
                found=f"a Nautilus file of {name} with {', '.join(file.header)}",
                action="Give the symbol, the kind and the bar length that it has.",
            )
        checker = self._checker(list(COLUMNS[self._order.kind]), chosen={}, stamp_open=False)
        one = OneSymbol(COLUMNS[self._order.kind], only=self._order.only, path=self._source.path)
        yield from _taken(checker, self._nautilus_rows(file), one)

    def _nautilus_rows(self, file: ParquetRows) -> Iterator[RawRow]:
        import pyarrow as pa

        from sim.catalog.objects import objects_in

        fields, cls = NAUTILUS_FIELDS[self._order.kind], self._order.dataset().data_cls
        done = 0
        try:
            for batch in file.file.iter_batches(batch_size=BATCH_ROWS):
                table = pa.Table.from_batches([batch], schema=batch.schema.with_metadata(file.schema.metadata))
                for item in objects_in(table, cls):
                    facts = cls.to_dict(item)
                    done += 1
                    yield done, [facts[field] for field in fields]
                self._progress(done, file.total, done)
        except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, TypeError) as error:
            raise InputError(
                "PARQUET_MALFORMED",
                expected=f"a readable row after row {done} of {self._source.path}",
                found=f"{type(error).__name__}: {str(error)[:200]}",
                action="Fetch the file again.",
            ) from error

    def _places(self, header: Sequence[str], chosen: Any = None) -> dict[str, int | None]:
        return places_of(header, self._order.kind, self._order.columns if chosen is None else chosen, path=self._source.path)

    def _checker(self, header: Sequence[str], *, chosen: Any = None, stamp_open: bool | None = None, **typed: Any) -> RowChecker:
        import msgspec

        order = self._order
        policy = order.policy()
        if stamp_open is not None:
            policy = msgspec.structs.replace(policy, stamp_open=stamp_open)
        stamps = Stamps(self._source.path, zone=order.zone if chosen is None else None, session_close=order.session_close)
        places = self._places(header, chosen)
        checker = RowChecker(policy, path=self._source.path, stamps=stamps, places=places, header=header, **typed)
        self.tally = checker.tally
        return checker


def _taken(checker: RowChecker, raw: Iterator[RawRow], one: OneSymbol) -> Iterator[Row]:
    for line, fields in raw:
        if not one.takes(line, fields):
            checker.tally.read += 1
            checker.tally.drop("OTHER_SYMBOL", line)
            continue
        row = checker.take(line, fields)
        if row is not None:
            yield row


def _stamp_known(order: ImportOrder) -> None:
    """Whether a bar's stamp is its begin or its end decides what a backtest could have known: it must be said."""
    if order.kind is Kind.BARS and order.stamp_open is None:
        raise ConfigError(
            "STAMP_UNKNOWN",
            expected="--stamp open or --stamp close: whether a bar's stamp is when it began or when it ended",
            found="neither",
            action="Most exchanges stamp the begin; a wrong answer lets a backtest see the future.",
        )
