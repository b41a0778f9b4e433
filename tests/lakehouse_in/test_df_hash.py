"""The platform's table fingerprint: its golden vectors, its weaknesses, and an independent computation beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.df_hash import CELLS_MAX, EMPTY, df_hash, read_table, shape_hash
from orders.errors import InputError

RETURNS = "9eb1e9f6c2870b3c782b589f421b35cebe0472af1c5a300317cef1f061ef1ab9"
WEIGHTS = "bbf7403eb34cef85f6f60b459315879dcb988ba8dc234667d01304bcb1ccdc0d"
BTC, ETH = "BINANCE:BTCUSDT", "BINANCE:ETHUSDT"
DAYS = pd.DatetimeIndex(["2026-01-05", "2026-01-06"])


def returns(index: Any = DAYS) -> pd.DataFrame:
    return pd.DataFrame({BTC: [0.01, -0.02], ETH: [0.0, float("nan")]}, index=index)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


WEIGHT_ROWS = [
    {"Symbol": BTC, "Weight": 0.6, "Net_Weight": -0.6, "Direction": "SHORT"},
    {"Symbol": "NASDAQ:AAPL", "Weight": 0.4, "Net_Weight": 0.4, "Direction": "LONG"},
]
DAY_TEXT = "idx:2026-01-05T00:00:00|2026-01-06T00:00:00;cols:BINANCE:BTCUSDT|BINANCE:ETHUSDT;"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (returns(), RETURNS),
        (returns(), sha(DAY_TEXT + "data:0.01000000|0.00000000|-0.02000000|nan")),
        (returns(DAYS.tz_localize("UTC")), RETURNS),
        (returns(DAYS.tz_localize("UTC").tz_convert("Asia/Tokyo")), RETURNS),
        (returns().iloc[::-1][[ETH, BTC]], RETURNS),
        (pd.DataFrame(WEIGHT_ROWS), WEIGHTS),
        (pd.DataFrame({"a": [1]}), sha("idx:0;cols:a;data:1.00000000")),
        (pd.DataFrame({"a": [True]}), sha("idx:0;cols:a;data:True")),
        (pd.DataFrame({"a": [True], "b": ["x"]}), sha("idx:0;cols:a|b;data:True|x")),
        (pd.DataFrame({"a": [None]}, dtype=object), sha("idx:0;cols:a;data:None")),
        (pd.Series({"b": 1, "a": 2}), sha("idx:a|b;cols:;data:2.00000000|1.00000000")),
        (pd.Series([0.5], index=DAYS[:1]), sha("idx:2026-01-05T00:00:00;cols:;data:0.50000000")),
        (pd.DataFrame(), EMPTY),
        (pd.DataFrame({"a": []}), EMPTY),
        (pd.Series(dtype=float), EMPTY),
        (pd.DataFrame({1: [1.0], "a": [2.0]}), sha("idx:0;cols:1|a;data:1.00000000|2.00000000")),
        (pd.DataFrame({"a": np.array([0.1], dtype="float32")}), sha("idx:0;cols:a;data:0.10000000")),
        (pd.DataFrame({"a": [2**63]}), sha("idx:0;cols:a;data:9223372036854775808.00000000")),
        (pd.DataFrame({"a": [1 + 2j]}), sha("idx:0;cols:a;data:(1+2j)")),
    ],
    ids=[
        "returns", "its preimage", "zoned", "another zone, the same instants", "shuffled", "weights", "an integer", "a boolean",
        "a boolean beside text", "None", "series", "series of days", "no table", "no rows", "no values", "names of two kinds",
        "four-byte floats", "a large integer", "a complex number",
    ],
)  # fmt: skip
def test_the_fingerprint_is_the_platforms(table: Any, expected: str) -> None:
    assert df_hash(table) == expected


def test_the_empty_hash_is_the_golden_one() -> None:
    assert EMPTY == "2e1cfa82b035c26cbbbdae632cea070514eb8b773f616aaeaf668e2f0be8f10d"


def one(value: object, index: object = 0) -> str:
    return df_hash(pd.DataFrame({"a": [value]}, index=[index]))


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (one(-0.0), one(0.0), False),
        (one(-1e-12), one(1e-12), False),
        (one(0.123456781), one(0.123456784), True),
        (one(1.0, pd.Timestamp("2026-01-05 00:00:00.5")), one(1.0, pd.Timestamp("2026-01-05")), True),
        (one(1, "x|y"), df_hash(pd.Series([1], index=["x|y"])), False),
        (df_hash(pd.Series(["a", "b"])), df_hash(pd.Series(["a|b"], index=["0|1"])), True),
    ],
    ids=[
        "minus zero is another number",
        "so is a tiny one of the other sign",
        "beyond eight decimals nothing counts",
        "fractions of a second do not count",
        "a table is no series",
        "a bar in a text stands for two values",
    ],
)
def test_its_weaknesses_are_the_platforms_too(first: str, second: str, alike: bool) -> None:
    assert (first == second) is alike


def test_text_changes_nothing_of_the_table() -> None:
    table = returns(DAYS.tz_localize("UTC")).iloc[::-1]
    before = table.copy()
    df_hash(table)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [1, 2, 3]}, index=[1, "x", 1]),
        pd.DataFrame({"a": [1, 2]}, index=pd.DatetimeIndex(["2020-01-01", None])),
    ],
    ids=["labels of two kinds, one of them twice", "a day that is none"],
)
def test_where_the_platform_hashes_the_shape_only_nothing_is_passed_off_as_content(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="NOT_FINGERPRINTED"):
        df_hash(table)
    assert shape_hash(table) == sha(str(table.shape))


def test_a_table_too_large_to_hash_is_refused_before_work_begins() -> None:
    wide = pd.DataFrame(np.broadcast_to(np.float64(1), (CELLS_MAX + 1, 1)))
    with pytest.raises(InputError, match="TABLE_TOO_LARGE"):
        df_hash(wide)


def parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_parquet_file_has_the_fingerprint_of_its_table(zone: str | None) -> None:
    table = returns(DAYS if zone is None else DAYS.tz_localize(zone))
    assert df_hash(read_table(parquet(table), what="it")) == RETURNS


def test_a_missing_text_of_a_parquet_file_stays_none_as_in_the_platforms_pandas() -> None:
    table = pd.DataFrame({"a": ["x", None], "b": [1.0, 2.0]})
    assert df_hash(read_table(parquet(table), what="it")) == sha("idx:0|1;cols:a|b;data:x|1.00000000|None|2.00000000")


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" + b"\xff" * 40 + b"PAR1", b"a,b\n1,2\n"], ids=["none", "head", "rubbish", "csv"]
)
def test_bytes_that_are_no_parquet_file_are_one_typed_refusal(data: bytes) -> None:
    with pytest.raises(InputError, match="NOT_PARQUET"):
        read_table(data, what="it")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_mutated_parquet_file_gives_a_table_or_one_typed_refusal(data: st.DataObject) -> None:
    changed = bytearray(parquet(returns()))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    assert answer(bytes(changed)) in {"a fingerprint", "NOT_PARQUET", "TABLE_TOO_LARGE", "NOT_FINGERPRINTED"}


def answer(data: bytes) -> str:
    try:
        return "a fingerprint" if len(df_hash(read_table(data, what="it"))) == 64 else "something else"
    except InputError as error:
        return error.code


def dialect() -> ModuleType:
    """The sample maker's own computation, written without pandas and without this code."""
    path = Path(__file__).parents[2] / "data" / "samples" / "platform_dialect.py"
    spec = importlib.util.spec_from_file_location("platform_dialect_beside_df_hash", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DIALECT = dialect()
NAMES = st.text("ABCxyz:_.!|0", min_size=1, max_size=6)
CELLS = st.floats(width=64) | st.integers(-(2**53), 2**53) | st.booleans() | NAMES


@settings(deadline=None)
@given(
    labels=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    columns=st.lists(NAMES, min_size=1, max_size=3, unique=True),
    data=st.data(),
)
def test_an_independent_computation_gives_the_same(labels: list[str], columns: list[str], data: st.DataObject) -> None:
    rows = [[data.draw(CELLS) for _ in columns] for _ in labels]
    table = pd.DataFrame(rows, index=labels, columns=columns, dtype=object)
    assert df_hash(table) == DIALECT.df_hash(labels, columns, rows)
