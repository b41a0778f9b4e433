"""What a log says and what its views say is the same, from the log itself and from the copy."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.log_columns import BY_NAME, TABLES, Kind
from analysis.log_store import LogStore, open_log
from lakehouse.layout import segment_path
from orders.errors import RecordCorrupt
from tests.log_store.conftest import Reader
from tests.log_store.made import LINE_TYPES, START_NS, encoded, fill, fills_log, line_of, start, write


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_field_of_every_line_type_is_read_as_it_was_written(tmp_path: Path, table: Any, read: Reader) -> None:
    lines = [start(), *(line_of(table.tag, seq=seq) for seq in (2, 3))]
    if table.tag == "run_start":
        lines = lines[:1]
    with read(write(tmp_path / "log", *lines)) as store:
        told = store.rows(f"SELECT {', '.join(chr(34) + column.name + chr(34) for column in table.columns)} FROM {table.name}")
    wanted = [line for line in lines if line.__struct_config__.tag == table.tag]
    assert [as_written(table.columns, row) for row in told] == [
        msgspec.to_builtins(line) | {"type": table.tag} for line in wanted
    ]


def as_written(columns: Any, row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row of a view in the terms of the log's line."""
    fields = {"type": ""}
    for column, value in zip(columns, row, strict=True):
        if isinstance(value, Decimal):
            value = format(value.normalize(), "f")
        elif column.kind is Kind.JSON and value is not None:
            value = json.loads(value)
        fields[column.name] = value
    return fields | {"type": next(table.tag for table in TABLES if table.columns == columns)}


def test_a_plan_has_a_row_for_each_of_its_lines(tmp_path: Path, read: Reader) -> None:
    log = write(tmp_path / "log", start(), line_of("plan", seq=2), line_of("plan", seq=3, plan=None, plan_sha256=None))
    with read(log) as store:
        told = store.rows(
            "SELECT seq, line, symbol, quantity, notional_base, limit_price, reduce_only FROM plan_lines ORDER BY line"
        )
    assert told == [
        (2, 1, "NYSE:GE", Decimal(730), Decimal("52435.754"), None, False),
        (2, 2, "NYSE:PEP", Decimal(730), Decimal("52435.754"), None, False),
    ]


def test_columns_are_the_rows_and_mask_what_is_null(tmp_path: Path, read: Reader) -> None:
    log = write(tmp_path / "log", start(), line_of("plan", seq=2), line_of("plan", seq=3, plan=None, plan_sha256=None))
    asked = (
        "SELECT seq, CAST(quantity AS DOUBLE) AS q, CAST(limit_price AS DOUBLE) AS p FROM plan_lines WHERE line > ? ORDER BY line"
    )
    with read(log) as store:
        rows, columns = store.rows(asked, [0]), store.columns(asked, [0])
    assert list(zip(*(columns[name].tolist() for name in ("seq", "q", "p")), strict=True)) == rows == [(2, 730.0, None)] * 2


def test_a_line_of_an_older_version_of_sluice_reads_with_its_defaults(tmp_path: Path, read: Reader) -> None:
    old = json.loads(encoded(line_of("intent", seq=2)))
    for name in ("schedule", "parent_client_order_id", "child", "attribution"):
        del old[name]
    log = tmp_path / "log"
    log.write_bytes(encoded(start()) + json.dumps(old).encode() + b"\n")
    with read(log) as store:
        assert store.rows("SELECT schedule, parent_client_order_id, child, attribution FROM intents") == [
            ("at_once", None, 0, "{}")
        ]


def digits(places: int) -> st.SearchStrategy[str]:
    return st.tuples(
        st.sampled_from(["", "-"]),
        st.integers(0, 10 ** (38 - places) - 1),
        st.one_of(st.none(), st.text("0123456789", min_size=1, max_size=places)),
    ).map(lambda part: f"{part[0]}{part[1]}" + ("" if part[2] is None else f".{part[2]}"))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(digits(10), digits(15), digits(18), digits(24)), min_size=1, max_size=8))
def test_a_number_that_fits_is_read_to_its_last_digit(tmp_path: Path, read: Reader, rows: list[tuple[str, ...]]) -> None:
    lines = [
        fill(seq, quantity=quantity, price=price, fee=fee, notional_quote=notional)
        for seq, (quantity, price, fee, notional) in enumerate(rows, start=2)
    ]
    with read(write(tmp_path / "log", start(), *lines)) as store:
        told = store.rows("SELECT quantity, price, fee, notional_quote FROM fills ORDER BY seq")
    assert told == [tuple(Decimal(text) for text in row) for row in rows]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("price", "1." + "1" * 16), ("price", "1" * 24), ("quantity", "0.12345678901"), ("fee", "1E-20"), ("fee", "1e-20"),
        ("notional_quote", "NaN"), ("price", ""), ("price", "ten"), ("quantity", "Infinity"), ("price", "1,5"),
    ],
    ids=["too many places", "too many digits", "a place more", "an exponent", "a small exponent", "NaN", "nothing", "a word",
         "infinite", "a comma"],
)  # fmt: skip
def test_a_number_that_does_not_fit_is_refused_with_its_line(tmp_path: Path, name: str, text: str, read: Reader) -> None:
    log = write(tmp_path / "log", start(), fill(2), fill(3, **{name: text}), fill(4))
    with pytest.raises(RecordCorrupt, match=f"LOG_NUMBER: .*{name} in line 3 of "), read(log) as store:
        store.rows(f"SELECT sum({name}) FROM fills")


def test_types_are_those_of_the_page() -> None:
    kinds = {column.name: column.kind.sql for column in BY_NAME["fills"].columns}
    assert (kinds["quantity"], kinds["price"]) == ("DECIMAL(38,10)", "DECIMAL(38,15)")
    assert (kinds["fee"], kinds["notional_quote"]) == ("DECIMAL(38,18)", "DECIMAL(38,24)")
    assert {kind for name, kind in kinds.items() if name.endswith("_ns")} == {"BIGINT"}
    assert "DOUBLE" not in {column.kind.sql for table in TABLES for column in table.columns}


def test_no_number_of_a_line_is_read_as_text() -> None:
    words = ("quantity", "price", "_base", "_quote", "_bid", "_ask", "_mid", "fee", "amount", "multiplier", "notional")
    texts = {column.name for table in TABLES for column in table.columns if column.kind is Kind.TEXT}
    assert {name for name in texts if name.endswith(words)} == set()


def test_every_line_type_has_a_view() -> None:
    assert sorted(table.tag for table in TABLES) == sorted(LINE_TYPES)


def test_a_run_and_a_span_of_market_time_are_all_that_is_seen(tmp_path: Path, read: Reader) -> None:
    lines = [start(), *(fill(seq, run_id="run-1" if seq < 5 else "run-2") for seq in range(2, 8))]
    log = write(tmp_path / "log", *lines)

    def seen(**given: Any) -> list[int]:
        with read(log, **given) as store:
            return [seq for (seq,) in store.rows("SELECT seq FROM fills ORDER BY seq")]

    assert seen(run="run-2") == [5, 6, 7]
    assert seen(run="it's none") == []
    assert seen(from_ns=START_NS + 3 * 10**9, to_ns=START_NS + 5 * 10**9) == [3, 4]


def test_a_log_of_one_fill_without_its_order_is_read(tmp_path: Path, read: Reader) -> None:
    with read(write(tmp_path / "log", fill(1))) as store:
        assert store.rows("SELECT count(*) FROM fills") == [(1,)]
        assert store.rows("SELECT count(*) FROM intents") == [(0,)]


@pytest.mark.parametrize("name", ["with 'quotes'", "star * and [brackets]", "späße", "a%20b"])
def test_any_name_of_a_directory_will_do(tmp_path: Path, name: str, read: Reader) -> None:
    directory = tmp_path / name
    directory.mkdir()
    with read(write(directory / "log", start(), fill(2))) as store:
        assert store.rows("SELECT seq FROM fills") == [(2,)]
        assert not store.notes


def setting(store: LogStore, name: str) -> Any:
    return store.rows(f"SELECT current_setting('{name}')")[0][0]


def test_nothing_is_fetched_and_nothing_is_left_in_the_working_directory(tmp_path: Path) -> None:
    log = write(tmp_path / "log", start(), fill(2))
    with open_log(log, copy=False, memory_mb=200, threads=1) as store:
        assert setting(store, "autoinstall_known_extensions") is False
        assert setting(store, "autoload_known_extensions") is False
        assert setting(store, "threads") == 1
        assert setting(store, "memory_limit") == "190.7 MiB"
        assert Path(setting(store, "temp_directory")).resolve() != Path.cwd()
        needed = store.rows("SELECT install_mode FROM duckdb_extensions() WHERE extension_name IN ('json', 'parquet')")
        assert needed == [("STATICALLY_LINKED",), ("STATICALLY_LINKED",)]


def test_the_command_line_does_not_wait_for_duckdb() -> None:
    asked = "import sys, commands.main; print([name for name in ('duckdb', 'pyarrow', 'fsspec') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("closed", [7, 11], ids=["and one that grows", "and an empty one"])
def test_a_log_in_segments_is_read_as_one(closed: int, tmp_path: Path, read: Reader) -> None:
    log = fills_log(tmp_path / "log", 10)
    raws = log.read_bytes().splitlines(keepends=True)
    for file, part in ((segment_path(log, 1), raws[:3]), (segment_path(log, 2), raws[3:closed]), (log, raws[closed:])):
        file.write_bytes(b"".join(part))
    with read(log) as store:
        assert [seq for (seq,) in store.rows("SELECT seq FROM fills ORDER BY seq")] == list(range(2, 12))
