"""Whatever slices of one history are imported in whatever order: the catalog is the history, once; and a disk that is full."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.catalog_view import problems
from lakehouse.price_kinds import Kind
from tests.catalog.made import (
    QUOTES_HEADER,
    TRADES_HEADER,
    bar_lines,
    files_of,
    order,
    put,
    refused,
    stored,
    write_csv,
)

HISTORY = bar_lines(60)
SLICES = st.lists(st.tuples(st.integers(0, 55), st.integers(1, 30)), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(slices=SLICES)
def test_overlapping_slices_in_any_order_add_up_to_their_union(slices: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        union: set[int] = set()
        for number, (first, count) in enumerate(slices):
            put(root / "c", write_csv(root / f"{number}.csv", HISTORY[first : first + count]), order())
            union |= set(range(first, min(first + count, len(HISTORY))))
        stamps = [bar.ts_init // 1_000_000 for bar in stored(root / "c", order())]
        assert stamps == [int(HISTORY[place].split(",")[0]) for place in sorted(union)]
        assert problems(root / "c") == []


@pytest.mark.parametrize(
    ("kind", "header", "rows"),
    [
        (Kind.QUOTES, QUOTES_HEADER, ["1736172000000,100.01,100.02,1.5,0", "1736172000001,100.01,100.03,0.00001,2"]),
        (Kind.TRADES, TRADES_HEADER, ["1736172000000,100.01,0.00001,sell,a", "1736172000001,100.02,2,buy,b"]),
    ],
    ids=["quotes", "trades"],
)
def test_quotes_and_trades_of_a_nautilus_catalog_give_the_same_bytes_again(
    tmp_path: Path, kind: Kind, header: str, rows: list[str]
) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "f.csv", rows, header=header), order(kind))
    (file,) = (tmp_path / "c" / order(kind).dataset().directory).glob("*.parquet")
    put(tmp_path / "d", file, order(kind))
    assert files_of(tmp_path / "c") == files_of(tmp_path / "d")


def test_trades_without_ids_get_made_ones_and_equal_trades_stay_two(tmp_path: Path) -> None:
    rows = ["1736172000000,100.01,1,sell", "1736172000000,100.01,1,sell", "1736172000001,100.01,1,buy"]
    how = order(Kind.TRADES, columns={"trade_id": "-"})
    put(tmp_path / "c", write_csv(tmp_path / "t.csv", rows, header="time,price,quantity,side"), how)
    ids = [trade.trade_id.value for trade in stored(tmp_path / "c", how)]
    assert ids == ["made-1736172000000000000-1", "made-1736172000000000000-2", "made-1736172000001000000-1"]


def test_a_file_without_a_header_is_read_by_numbers(tmp_path: Path) -> None:
    names = ("time", "open", "high", "low", "close", "volume")
    how = order(header=False, columns={name: str(place) for place, name in enumerate(names, start=1)})
    (tmp_path / "bars.csv").write_text("\n".join(bar_lines(5)) + "\n")
    put(tmp_path / "bare", tmp_path / "bars.csv", how)
    put(tmp_path / "named", write_csv(tmp_path / "named.csv", bar_lines(5)), order())
    assert files_of(tmp_path / "bare") == files_of(tmp_path / "named")


def test_fields_may_be_parted_by_another_character(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "a.csv", bar_lines(5)).read_text()
    (tmp_path / "b.csv").write_text(text.replace(",", ";"))
    put(tmp_path / "a", tmp_path / "a.csv", order())
    put(tmp_path / "b", tmp_path / "b.csv", order(delimiter=";"))
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_a_trade_id_longer_than_nautilus_takes_is_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "t.csv", [f"1736172000000,100.01,1,sell,{'x' * 37}"], header=TRADES_HEADER)
    assert refused(lambda: put(tmp_path / "c", file, order(Kind.TRADES))).code == "ROW_TRADE_ID"


def test_a_disk_that_takes_no_more_leaves_the_catalog_as_it_was(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "a.csv", bar_lines(5)), order())
    before = files_of(tmp_path / "c")
    file = write_csv(tmp_path / "b.csv", bar_lines(4_000, first=5))
    words = f"data import {file} --symbol BINANCE:BTCUSDT --kind bars --bar 1m --stamp close --tick 0.01 --step 0.00001 --json"
    command = [str(Path(sys.executable).parent / "sluice"), *words.split(), "--catalog", str(tmp_path / "c")]
    limited = ["bash", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$@"', "bash", *command]
    run = subprocess.run(limited, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 1
    assert json.loads(run.stdout)["error"]["code"] == "DISK_ERROR"
    assert files_of(tmp_path / "c") == before
    assert problems(tmp_path / "c") == []
