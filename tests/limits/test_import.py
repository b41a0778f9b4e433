"""`sluice limits import`: a file of ours word for word, the platform's with its traps named; `show` says what is missing."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands.main import run
from lakehouse.snapshots import MarketLimitsSnapshot, read_market_limits

D = Decimal
BTC, ETH, PERP, XOM = "BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "BINANCE:BTCUSDT.P", "NYSE:XOM"
HEADER = "symbol,venue,step_size,tick_size,min_quantity,min_notional,max_quantity,multiplier"
AS_OF = ["--as-of", "2026-11-26T10:00:00Z"]
ZONE = ["--zone", "Europe/Berlin"]
ROW: dict[str, Any] = {
    "symbol": BTC, "venue": "BINANCE", "lot_size": 0.00001, "min_notional": 5.0, "step_size": 0.00001, "tick_size": 0.01,
    "maker_fee": 0.001, "taker_fee": 0.001, "contract_size": None, "updated_at": datetime(2026, 1, 6, 9, 30),  # noqa: DTZ001 - as the platform has it
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


def take_in(tmp_path: Path, name: str, content: str | list[dict[str, Any]], *options: str, code: int = 0) -> MarketLimitsSnapshot:
    source, target = tmp_path / name, tmp_path / "out" / "limits.json"
    if isinstance(content, str):
        source.write_text(content)
    else:
        columns = {key: [row[key] for row in content] for key in content[0]}
        columns["contract_size"] = pa.array(columns["contract_size"], type=pa.float64())
        pq.write_table(pa.table(columns), source)
    assert run(["limits", "import", str(source), *options, "--output", str(target), "--json"]) == code
    return read_market_limits(target)


def refusals(snapshot: MarketLimitsSnapshot) -> dict[str, str]:
    return {entry.symbol: entry.code for entry in snapshot.refused}


def test_a_csv_is_taken_in_exactly(tmp_path: Path) -> None:
    made = take_in(
        tmp_path, "l.csv", f"{HEADER}\n{BTC},BINANCE,0.00001,0.01,0.00001,5,,1\n{XOM},US,1,0.01,1,100,5000,1\n", *AS_OF
    )
    assert (made.limits[BTC].max_quantity, made.limits[XOM].max_quantity) == (None, D(5000))
    assert made.as_of_ns == 1795687200 * 10**9
    assert made.source == "imported from l.csv"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (f"{BTC},OKX,0.00001,0.01,0.00001,5,,1", "VENUE_MISMATCH"),
        (f"{BTC},BINANCE,0,0.01,0.00001,5,,1", "LIMITS_MISSING"),
        (f"{BTC},BINANCE,0.00001,0.01,0.00001,5,0,1", "LIMITS_MISSING"),
        (f"{BTC},BINANCE,1e-5,0.01,0.00001,5,,1", "LIMITS_INVALID"),
        (f"{BTC},BINANCE,0.00001,,0.00001,5,,1", "LIMITS_INVALID"),
        (f"{BTC},BINANCE,0.00001,0.01,-1,5,,1", "LIMITS_MISSING"),
        (f"{BTC},BINANCE,0.00001,0.01,0.00001,5,,1\n{BTC},BINANCE,0.00002,0.01,0.00001,5,,1", "ROWS_DISAGREE"),
    ],
    ids=[
        "another venue",
        "a zero step",
        "a zero maximum",
        "an exponent",
        "an empty tick",
        "a negative floor",
        "two rows that differ",
    ],
)
def test_a_bad_row_of_a_csv_refuses_its_symbol_alone(tmp_path: Path, row: str, code: str) -> None:
    made = take_in(tmp_path, "l.csv", f"{HEADER}\n{row}\n{XOM},US,1,0.01,1,100,,1\n", *AS_OF)
    assert refusals(made) == {BTC: code}
    assert set(made.limits) == {XOM}


def test_the_platforms_file_is_taken_in_with_lot_size_as_the_least_amount(tmp_path: Path) -> None:
    made = take_in(tmp_path, "execution.parquet", [ROW | {"lot_size": 0.0002}], *ZONE)
    limits = made.limits[BTC]
    assert (limits.step_size, limits.min_quantity, limits.min_notional, limits.tick_size) == (
        D("0.00001"),
        D("0.0002"),
        D(5),
        D("0.01"),
    )
    assert (limits.multiplier, limits.max_quantity) == (D(1), None)
    assert made.as_of_ns == 1767688200 * 10**9


NAN = float("nan")
TRAPS: list[tuple[str, dict[str, Any], str]] = [
    ("step 0.0 is unknown", {"step_size": 0.0}, "LIMITS_MISSING"),
    ("tick NaN is unknown", {"tick_size": NAN}, "LIMITS_MISSING"),
    ("lot None is unknown", {"lot_size": None}, "LIMITS_MISSING"),
    ("min notional 0.0 is unknown", {"min_notional": 0.0}, "LIMITS_MISSING"),
    ("the constants of what was not found", {"lot_size": 0.0001, "step_size": 0.0001, "tick_size": 0.01}, "LOOKS_INVENTED"),
    ("the constants of a share", {"lot_size": 1.0, "step_size": 1.0, "tick_size": 0.01, "min_notional": 0.0}, "LOOKS_INVENTED"),
    ("a contract size on a spot pair", {"contract_size": 10.0}, "CONTRACT_SIZE"),
    ("another exchange", {"venue": "OKX"}, "VENUE_MISMATCH"),
    ("arithmetic in a float", {"step_size": 0.1 + 0.2}, "LIMITS_INEXACT"),
    ("a negative number", {"tick_size": -0.01}, "LIMITS_INVALID"),
    ("infinity", {"tick_size": float("inf")}, "LIMITS_INVALID"),
    ("no age", {"updated_at": None}, "AGE_UNKNOWN"),
]


@pytest.mark.parametrize(("changes", "code"), [case[1:] for case in TRAPS], ids=[case[0] for case in TRAPS])
def test_a_trap_of_the_platforms_file_refuses_its_symbol_by_name(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    good = ROW | {"symbol": ETH, "step_size": 0.0002}
    made = take_in(tmp_path, "execution.parquet", [ROW | changes, good], *ZONE)
    assert refusals(made) == {BTC: code}
    assert set(made.limits) == {ETH}


def test_a_perpetual_is_never_taken_from_the_platform(tmp_path: Path) -> None:
    made = take_in(tmp_path, "execution.parquet", [ROW, ROW | {"symbol": PERP}], *ZONE)
    assert refusals(made) == {PERP: "PERPETUAL_FROM_SPOT"}


def test_two_rows_of_one_name_that_differ_are_refused_and_the_same_twice_is_one(tmp_path: Path) -> None:
    later = ROW | {"updated_at": datetime(2026, 1, 7, 9, 30)}  # noqa: DTZ001
    rows = [ROW, ROW | {"step_size": 0.001}, ROW | {"symbol": ETH}, later | {"symbol": ETH}]
    made = take_in(tmp_path, "execution.parquet", rows, *ZONE)
    assert refusals(made) == {BTC: "ROWS_DISAGREE"}
    assert set(made.limits) == {ETH}


def test_symbols_nobody_listed_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take_in(tmp_path, "execution.parquet", [ROW, ROW | {"symbol": "BINANCE:NOPEUSDT"}], *ZONE)
    assert json.loads(capsys.readouterr().out)["unlisted"] == ["BINANCE:NOPEUSDT"]


@pytest.mark.parametrize(
    ("name", "content", "options", "exit_code", "code"),
    [
        ("l.csv", f"{HEADER}\n{XOM},US,1,0.01,1,100,,1\n", [], 2, "--as-of"),
        ("l.parquet", [ROW], [], 2, "--zone"),
        ("l.parquet", [ROW], ["--zone", "Mars/Base"], 2, "time zone"),
        ("l.txt", "x", [], 2, ".parquet"),
        ("l.csv", "symbol,venue\nA,B\n", AS_OF, 1, "LIMITS_CSV_INVALID"),
        ("l.csv", f"{HEADER}\n{XOM},US\n", AS_OF, 1, "line 2"),
        ("l.parquet", "no parquet", ZONE, 1, "PLATFORM_LIMITS_INVALID"),
        ("l.parquet", [{key: ROW[key] for key in ("symbol", "contract_size")}], ZONE, 1, "PLATFORM_LIMITS_INVALID"),
        ("l.parquet", [ROW | {"symbol": "X:Y"}], ZONE, 1, "PLATFORM_LIMITS_INVALID"),
        ("l.json", '{"version": 1}', [], 1, "MARKET_LIMITS_INVALID"),
        ("l.json", '{"version":1,"as_of_ns":"1","source":"x","limits":[{"symbol":"NYSE:XOM","venue":"BINANCE","step_size":"1",'
         '"tick_size":"1","min_quantity":"1","min_notional":"1","max_quantity":null,"multiplier":"1"}]}',
         [], 1, "VENUE_MISMATCH"),
    ],
    ids=["a CSV without its age", "the platform's without a zone", "no such zone", "another kind of file", "other columns",
         "a short line", "no Parquet", "Parquet of something else", "only strangers", "JSON of something else",
         "a symbol elsewhere"],
)  # fmt: skip
def test_what_cannot_be_taken_in_is_one_refusal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: Any, options: list[str], exit_code: int, code: str
) -> None:
    target = tmp_path / "limits.json"
    source = tmp_path / name
    if isinstance(content, str):
        source.write_text(content)
    else:
        pq.write_table(pa.Table.from_pylist(content), source)
    assert run(["limits", "import", str(source), *options, "--output", str(target)]) == exit_code
    assert code in capsys.readouterr().err
    assert not target.exists()


def test_a_file_of_ours_goes_through_unchanged(tmp_path: Path) -> None:
    shipped = Path("data/samples/crypto/limits.json")
    made = take_in(tmp_path, "limits.json", shipped.read_text())
    known = read_market_limits(shipped)
    assert (made.limits, made.as_of_ns, made.source) == (known.limits, known.as_of_ns, known.source)


def test_show_says_what_is_there_what_is_refused_and_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take_in(tmp_path, "execution.parquet", [ROW, ROW | {"symbol": ETH, "step_size": 0.0}], *ZONE)
    capsys.readouterr()
    target = tmp_path / "out" / "limits.json"
    assert run(["limits", "show", str(target)]) == 0
    words = capsys.readouterr().out
    assert all(text in words for text in ("days old", "0.00001", "refused LIMITS_MISSING", "BINANCE:SOLUSDT"))
    assert run(["limits", "show", str(target), "--json", "--diff", "data/samples/crypto/limits.json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [entry["symbol"] for entry in said["limits"]] == [BTC]
    assert said["missing"] == [PERP, "BINANCE:SOLUSDT"]
    assert (ETH, "gone") in {(change["symbol"], change["kind"]) for change in said["changes"]}


@pytest.mark.parametrize(
    "refused",
    ['"x"', '[{"symbol": "A:B"}]', '[{"symbol": "", "code": "X", "message": ""}]',
     '[{"symbol": "A:B", "code": "X", "message": ""}, {"symbol": "A:B", "code": "X", "message": ""}]'],
    ids=["no list", "fields missing", "no symbol", "a symbol twice"],
)  # fmt: skip
def test_a_refused_list_that_is_none_is_refused(tmp_path: Path, refused: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "limits.json"
    path.write_text(f'{{"version": 1, "as_of_ns": "1", "source": "x", "limits": [], "refused": {refused}}}')
    assert run(["limits", "show", str(path)]) == 1
    assert "MARKET_LIMITS_INVALID" in capsys.readouterr().err
