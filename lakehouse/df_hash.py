"""The platform's fingerprint of a table, `get_df_hash`, computed again: what its ledgers and manifests call a returns hash.

It is weak, and is taken for no more than it is: values count to eight decimals, seconds of the index count and their
fractions do not, `-0.0` differs from `0.0`, and a `|` inside a text can stand for the one between two. Where the platform cannot
format a table it hashes nothing but its shape; that is told apart here (`shape_hash`) and never passes for the content.
Pandas is imported when a table is hashed and not before.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from typing import Any, Final

from orders.errors import InputError

CELLS_MAX: Final = 20_000_000  # 20 years of daily returns of 4,000 names; some 20 s
EMPTY: Final = hashlib.sha256(b"empty").hexdigest()

_ASK: Final = "Have research write the file again."
_DAY_AND_TIME: Final = "%Y-%m-%dT%H:%M:%S"
_EXACT_KINDS: Final = "fiu"  # float, signed and unsigned integer: of these the 8-byte ones survive str() unchanged


def df_hash(table: Any) -> str:
    """Return the sha256 hex of a pandas DataFrame or Series as the platform computes it.

    (1) empty: the hash of "empty"; (2) a zoned time index becomes UTC; rows are sorted by index, columns by name; (3) the
    index as `YYYY-MM-DDTHH:MM:SS` or by str(), joined by `|`; columns likewise, none for a Series; (4) values row by row:
    numbers with eight decimals, booleans and all else by str(). Cells that are times follow the unit their pandas keeps, which
    the platform's older one may not. Raises `InputError` NOT_FINGERPRINTED where that cannot be done (the platform then hashes
    the shape) and TABLE_TOO_LARGE.
    """
    import pandas as pd  # here: a plan without this check must not wait two seconds for it

    if table.empty:
        return EMPTY
    if table.size > CELLS_MAX:
        raise _too_large(f"{table.size} cells")
    try:
        made = table.copy()
        if isinstance(made.index, pd.DatetimeIndex) and made.index.tz is not None:
            made.index = made.index.tz_convert(None)
        made = _sorted(made)
        timed = isinstance(made.index, pd.DatetimeIndex)
        index = made.index.strftime(_DAY_AND_TIME).tolist() if timed else [str(label) for label in made.index]
        columns = [str(name) for name in made.columns] if isinstance(made, pd.DataFrame) else []
        text = f"idx:{'|'.join(index)};cols:{'|'.join(columns)};data:{'|'.join(_values(made.to_numpy().flatten()))}"
        return hashlib.sha256(text.encode()).hexdigest()
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise InputError(
            "NOT_FINGERPRINTED",
            expected="a table whose index and columns can be sorted and written as text",
            found=f"{type(error).__name__}: {error}"[:200],
            action="Have research mend the table; its own hash of it covers the shape only.",
        ) from error


def shape_hash(table: Any) -> str:
    """Return what the platform hashes when it cannot format a table: its shape. It says nothing of the content."""
    return hashlib.sha256(str(table.shape).encode()).hexdigest()


def read_table(data: bytes, *, what: str) -> Any:
    """Return the DataFrame in the bytes of a Parquet file, as the platform's pandas reads it (a missing text is None, not NaN).

    Raises `InputError` NOT_PARQUET, TABLE_TOO_LARGE (judged on the file's own footer, before anything is unpacked).
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.ParquetFile(io.BytesIO(data)).metadata
        if footer.num_rows * max(1, footer.num_columns) > CELLS_MAX:
            raise _too_large(f"{footer.num_rows} rows of {footer.num_columns} columns in {what}")
        table = pd.read_parquet(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        found = f"{type(error).__name__} in {what}: {error}"[:200]
        raise InputError("NOT_PARQUET", expected="a Parquet table", found=found, action=_ASK) from error
    if not table.columns.is_unique:
        raise InputError("NOT_PARQUET", expected="columns of different names", found=f"the same twice in {what}", action=_ASK)
    for name, kind in list(table.dtypes.items()):
        if isinstance(kind, pd.StringDtype):
            table[name] = _plain_texts(table[name])
    return table


def _plain_texts(column: Any) -> Any:
    import pandas as pd

    return pd.Series([None if pd.isna(text) else text for text in column], index=column.index, dtype=object)


def _sorted(table: Any) -> Any:
    """Rows by index and columns by name; labels that cannot be compared go by their text, as the platform has them."""
    frame = table.ndim == 2
    try:
        return table.sort_index().sort_index(axis=1) if frame else table.sort_index()
    except (TypeError, ValueError):
        made = table.reindex(sorted(table.index, key=str))
        return made.reindex(columns=sorted(made.columns, key=str)) if frame else made


def _values(flat: Any) -> Iterable[str]:
    if flat.dtype.kind in _EXACT_KINDS and flat.dtype.itemsize == 8:
        return [f"{float(value):.8f}" for value in flat.tolist()]
    return [_text(value) for value in flat]


def _text(value: Any) -> str:
    import pandas as pd

    if not pd.api.types.is_number(value) or isinstance(value, bool):
        return str(value)
    try:
        return f"{float(str(value)):.8f}"
    except (ValueError, TypeError):
        return str(value)


def _too_large(found: str) -> InputError:
    action = "Turn the check of the returns file off, or have research cut the table."
    return InputError("TABLE_TOO_LARGE", expected=f"a table of at most {CELLS_MAX} cells", found=found, action=action)
