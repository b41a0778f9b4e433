"""Spoilt bytes of every form: the import ends well or with one error of ours, and the catalog is sound in both cases."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.catalog_view import datasets, problems
from lakehouse.price_policy import BadRows
from orders.errors import SluiceError
from tests.catalog.made import BARS_HEADER, bar_lines, order, put, write_csv


def _csv() -> bytes:
    return "\n".join([BARS_HEADER, *bar_lines(12)]).encode() + b"\n"


def _parquet() -> bytes:
    cells = [line.split(",") for line in bar_lines(12)]
    columns: dict[str, list[int] | list[str]] = {"time": [int(row[0]) for row in cells]}
    columns |= {name: [row[place] for row in cells] for place, name in enumerate(BARS_HEADER.split(",")[1:], start=1)}
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made)
    return made.getvalue()


def _nautilus() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        put(Path(name) / "c", write_csv(Path(name) / "f.csv", bar_lines(12)), order())
        return next((Path(name) / "c/data/bar").rglob("*.parquet")).read_bytes()


FORMS = {"CSV": _csv(), "gzip": gzip.compress(_csv(), mtime=0), "Parquet": _parquet(), "Nautilus": _nautilus()}
CHARACTERS = st.sampled_from([b"\n", b",", b'"', b"-", b"e", b".", b"\0", b"\xff", b"nan", b"9" * 30, b"\r", b" ", b"Z"])


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["cut", "drop", "put", "flip", "twice"])):
            case "cut":
                data = data[:place]
            case "drop":
                data = data[:place] + data[place + draw(st.integers(1, 40)) :]
            case "put":
                data = data[:place] + draw(CHARACTERS) + data[place:]
            case "flip":
                data = data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
            case "twice":
                data = data[:place] + data[max(0, place - 60) :]
    return data


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data(), bad_rows=st.sampled_from(BadRows))
def test_spoilt_bytes_end_in_an_import_or_in_an_error_of_ours(form: str, draw: st.DataObject, bad_rows: BadRows) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "file").write_bytes(draw.draw(mutations(FORMS[form])))
        try:
            put(root / "c", root / "file", order(bad_rows=bad_rows))
            assert datasets(root / "c")[0].rows <= 24
        except SluiceError:
            (root / "c" / "data").mkdir(parents=True)  # it must not be there yet
        assert problems(root / "c") == []
