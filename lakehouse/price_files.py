"""Price files row by row, never whole in memory: CSV, gzipped CSV, plain Parquet; what is wrong has its line."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Never

from lakehouse.layout import storage_error
from lakehouse.plain_file import open_plain
from orders.errors import InputError

BLOCK_BYTES: Final = 1 << 20
BATCH_ROWS: Final = 20_000
GZIP: Final = b"\x1f\x8b"
PARQUET: Final = b"PAR1"
BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

type RawRow = tuple[int, Sequence[Any]]
type Progress = Callable[[int, int, int], None]  # bytes or rows done, of how many, rows so far


class PriceFile:
    """One source: `size` in bytes, `sha256` of them, and what it is by its first bytes (`csv`, `csv.gz` or `parquet`).

    Raises `InputError` FILE_MISSING, FILE_EMPTY.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open_plain(path) as file:
                head = file.read(4)
                self.sha256, self.size = _sha256(file, head)
        except FileNotFoundError as error:
            raise InputError("FILE_MISSING", expected=f"a file at {path}", found="none", action="Look at the name.") from error
        except OSError as error:
            raise storage_error(error, path) from error
        if not head:
            raise InputError("FILE_EMPTY", expected=f"prices in {path}", found="an empty file", action="Fetch it again.")
        self.form = "csv.gz" if head[:2] == GZIP else "parquet" if head == PARQUET else "csv"

    def unchanged(self) -> None:
        """Raise `InputError` SOURCE_CHANGED when the bytes are no longer those that were hashed."""
        with open_plain(self.path) as file:
            if _sha256(file, b"") != (self.sha256, self.size):
                raise InputError(
                    "SOURCE_CHANGED",
                    expected=f"{self.path} to stay as it is while it is read",
                    found="other bytes at the end than at the start",
                    action="Import it when it is complete.",
                )


def _sha256(file: Any, head: bytes) -> tuple[str, int]:
    digest, size = hashlib.sha256(head), len(head)
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def csv_rows(source: PriceFile, *, delimiter: str, progress: Progress) -> Iterator[RawRow]:
    """Yield (line number, fields) of every line that is not blank, the header first.

    Raises `InputError`: TEXT_BOM, TEXT_BINARY, GZIP_TORN, CSV_MALFORMED, ROW_WIDTH.
    """
    with open_plain(source.path) as raw:
        plain: Any = gzip.GzipFile(fileobj=raw) if source.form == "csv.gz" else raw
        buffered = io.BufferedReader(_Text(plain, source.path), BLOCK_BYTES)
        rows = csv.reader(io.TextIOWrapper(buffered, encoding="utf-8", newline=""), delimiter=delimiter, strict=True)
        width, count = 0, 0
        try:
            for fields in rows:
                if not fields:
                    continue
                width = width or len(fields)
                if len(fields) != width:
                    _bad(
                        "ROW_WIDTH",
                        source,
                        rows.line_num,
                        f"{width} fields",
                        f"{len(fields)}",
                        "Mend the line; a cut one ends so.",
                    )
                yield rows.line_num, fields
                count += 1
                if count % BATCH_ROWS == 0:
                    progress(raw.tell(), source.size, count)
        except csv.Error as error:
            _bad("CSV_MALFORMED", source, rows.line_num, "CSV", str(error), "Mend the line.", cause=error)


class _Text(io.RawIOBase):
    """Bytes of a text file, looked at before anything reads them, so that what is wrong has its line."""

    def __init__(self, plain: Any, path: Path) -> None:
        self._plain = plain
        self._path = path
        self._begun = False
        self._line = 1
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block: bytes = self._plain.read(len(buffer))
            if not self._begun and block.startswith(BOMS):
                self._refuse(
                    "TEXT_BOM", "UTF-8 text without a byte order mark", block[:3].hex(" "), "Save it as UTF-8 without BOM."
                )
            self._begun = True
            if (place := block.find(b"\0")) >= 0:
                self._line += block.count(b"\n", 0, place)
                self._refuse("TEXT_BINARY", "UTF-8 text", "a NUL byte", "Give a CSV or a Parquet file.")
            self._decoder.decode(block, final=not block)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._refuse("GZIP_TORN", "a whole gzip stream", str(error), "Fetch the file again.", cause=error)
        except UnicodeDecodeError as error:
            self._line += error.object.count(b"\n", 0, error.start)
            found = f"byte 0x{error.object[error.start]:02x}"
            self._refuse("TEXT_BINARY", "UTF-8 text", found, "Give a CSV or a Parquet file.", cause=error)
        self._line += block.count(b"\n")
        buffer[: len(block)] = block
        return len(block)

    def _refuse(self, code: str, expected: str, found: str, action: str, *, cause: Exception | None = None) -> Never:
        raise InputError(code, expected=f"{expected} in line {self._line} of {self._path}", found=found, action=action) from cause


class ParquetRows:
    """A plain Parquet file: `header`, `rows` by batches, and which columns are binary floats or typed instants."""

    def __init__(self, source: PriceFile) -> None:
        """Raise `InputError` PARQUET_MALFORMED."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._source = source
        try:
            self.file = pq.ParquetFile(source.path)
            self.schema = self.file.schema_arrow
            self.header = list(self.schema.names)
        except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: text in it that is no UTF-8
            _bad("PARQUET_MALFORMED", source, 1, "a whole Parquet file", str(error)[:200], "Fetch the file again.", cause=error)
        self.total = self.file.metadata.num_rows
        self.floats = frozenset(place for place, field in enumerate(self.schema) if pa.types.is_floating(field.type))
        self.instants = {
            place: field.type.tz is not None for place, field in enumerate(self.schema) if pa.types.is_timestamp(field.type)
        }

    def rows(self, places: Sequence[int], *, progress: Progress) -> Iterator[RawRow]:
        """Yield (row number from 1, values of the wanted columns, others None). Typed instants come as ns."""
        import pyarrow as pa

        names = [self.header[place] for place in places]
        done = 0
        try:
            for batch in self.file.iter_batches(batch_size=BATCH_ROWS, columns=names):
                wide: list[list[Any]] = [[None] * batch.num_rows for _ in self.header]
                for place, name in zip(places, names, strict=True):
                    column = batch.column(name)
                    if place in self.instants:
                        column = column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64())
                    wide[place] = [_text(value) for value in column.to_pylist()]
                for fields in zip(*wide, strict=True):
                    done += 1
                    yield done, fields
                progress(done, self.total, done)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            line = done + 1
            _bad("PARQUET_MALFORMED", self._source, line, "readable rows", str(error)[:200], "Fetch the file again.", cause=error)


def _text(value: Any) -> Any:
    """Numbers as text: a float by the shortest decimal that means it. Integers stay (they may be stamps)."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return str(value)
    return "" if value is None else str(value) if isinstance(value, bool) else value


def _bad(
    code: str, source: PriceFile, line: int, expected: str, found: str, action: str, *, cause: Exception | None = None
) -> Never:
    raise InputError(code, expected=f"{expected} in line {line} of {source.path}", found=found, action=action) from cause
