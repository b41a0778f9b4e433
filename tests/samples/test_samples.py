"""The shipped samples are what their scripts make, and what the platform's dialect says."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.util
import io
import itertools
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lakehouse.catalog_view import problems
from lakehouse.df_hash import df_hash
from orders.values import Listing

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples"
SP500 = SAMPLES / "sp500"
CRYPTO = SAMPLES / "crypto"
BARS = SAMPLES / "bars"
PROMOTION = SAMPLES / "promotion"
CONTRADICTORY = "2022-05-13"
MANIFESTS = sorted((SP500 / "manifests").glob("*.json"))
RUNS = sorted([*(SP500 / "runs").iterdir(), *(CRYPTO / "runs").iterdir(), *(PROMOTION / "runs").iterdir()])
WINDOW_SESSIONS = 504


def _dialect() -> ModuleType:
    spec = importlib.util.spec_from_file_location("platform_dialect_under_test", SAMPLES / "platform_dialect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DIALECT = _dialect()


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _files(root: Path) -> dict[str, bytes]:
    """Content of every file below `root`; the list of sums is left out, it names compressed bytes."""
    paths = [path for path in root.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    return {path.relative_to(root).as_posix(): _content(path) for path in paths}


def _closes() -> tuple[list[str], list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(_content(SP500 / "closes.csv.gz").decode()))
    return header[1:], [row[0] for row in rows], [row[1:] for row in rows]


def _winners(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["winners"])


def _rows(path: Path) -> list[Mapping[str, Any]]:
    return [row for winner in _winners(path) for row in winner["assets"]]


def _ledger(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "audit.jsonl").read_text().splitlines()]


SYMBOLS, DAYS, PRICES = _closes()
PLACE_OF_DAY = {day: place for place, day in enumerate(DAYS)}


@pytest.mark.parametrize("root", [SP500, CRYPTO, BARS, PROMOTION], ids=lambda root: root.name)
def test_shipped_files_have_the_sums_that_are_shipped_with_them(root: Path) -> None:
    listed = {}
    for line in (root / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ", 1)
        listed[name] = digest
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    found.pop("SHA256SUMS")
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def test_the_crypto_sample_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLES / "make_crypto.py", "--out", tmp_path], check=True, timeout=120)
    assert _files(tmp_path) == _files(CRYPTO)


def test_the_promotion_sample_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLES / "make_promotion.py", "--out", tmp_path], check=True, timeout=120)
    assert _files(tmp_path) == _files(PROMOTION)


def test_the_bars_sample_is_made_again_with_the_same_rows(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLES / "make_bars.py", "--out", tmp_path], check=True, timeout=120, capture_output=True)
    made, shipped = _files(tmp_path), _files(BARS)
    stamped = {name for name in shipped if name.startswith("catalog/")}  # import manifests carry the time, Parquet its library
    assert {name: made[name] for name in shipped.keys() - stamped} == {name: shipped[name] for name in shipped.keys() - stamped}
    for name in stamped:
        if name.endswith(".parquet"):
            assert pq.read_table(tmp_path / name) == pq.read_table(BARS / name)


def test_the_catalog_of_the_bars_sample_is_what_its_import_manifests_say() -> None:
    assert problems(BARS / "catalog") == []


def test_the_sp500_sample_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    python = os.environ.get("SLUICE_SAMPLES_PYTHON", sys.executable)
    probe = subprocess.run([python, "-c", "import skfolio"], check=False, capture_output=True, timeout=120)
    if probe.returncode:
        pytest.skip("skfolio is not installed (uv sync --group samples, or name a Python that has it in SLUICE_SAMPLES_PYTHON)")
    subprocess.run([python, SAMPLES / "make_sp500.py", "--out", tmp_path], check=True, capture_output=True, timeout=300)
    assert _files(tmp_path) == _files(SP500)


DF_HASH_GOLDEN = [
    (
        ["2026-01-05T00:00:00", "2026-01-06T00:00:00"],
        ["BINANCE:BTCUSDT", "BINANCE:ETHUSDT"],
        [[0.01, 0.0], [-0.02, float("nan")]],
        "9eb1e9f6c2870b3c782b589f421b35cebe0472af1c5a300317cef1f061ef1ab9",
    ),
    (
        ["2026-01-06T00:00:00", "2026-01-05T00:00:00"],
        ["BINANCE:ETHUSDT", "BINANCE:BTCUSDT"],
        [[float("nan"), -0.02], [0.0, 0.01]],
        "9eb1e9f6c2870b3c782b589f421b35cebe0472af1c5a300317cef1f061ef1ab9",
    ),
    (
        [0, 1],
        ["Symbol", "Weight", "Net_Weight", "Direction"],
        [["BINANCE:BTCUSDT", 0.6, -0.6, "SHORT"], ["NASDAQ:AAPL", 0.4, 0.4, "LONG"]],
        "bbf7403eb34cef85f6f60b459315879dcb988ba8dc234667d01304bcb1ccdc0d",
    ),
    ([], ["a"], [], "2e1cfa82b035c26cbbbdae632cea070514eb8b773f616aaeaf668e2f0be8f10d"),
    ([0], ["a"], [[1]], hashlib.sha256(b"idx:0;cols:a;data:1.00000000").hexdigest()),
    ([0], ["a"], [[True]], hashlib.sha256(b"idx:0;cols:a;data:True").hexdigest()),
]


@pytest.mark.parametrize(
    ("index", "columns", "rows", "expected"),
    DF_HASH_GOLDEN,
    ids=["returns", "order does not matter", "weights", "empty", "integers count as numbers", "booleans stay words"],
)
def test_fingerprints_equal_the_platforms(
    index: list[object], columns: list[str], rows: list[list[object]], expected: str
) -> None:
    assert DIALECT.df_hash(index, columns, rows) == expected


def test_there_is_a_manifest_for_every_month_of_four_years_and_one_that_contradicts_itself() -> None:
    days = [path.stem for path in MANIFESTS]
    monthly = [day for day in days if day != CONTRADICTORY]
    assert len(days) == len(monthly) + 1
    assert [day[:7] for day in monthly] == [f"{year}-{month:02}" for year in range(2019, 2023) for month in range(1, 13)]


def test_a_monthly_manifest_is_dated_on_the_last_session_of_its_month() -> None:
    monthly = [path.stem for path in MANIFESTS if path.stem != CONTRADICTORY]
    assert monthly == [max(day for day in DAYS if day[:7] == month[:7]) for month in monthly]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_uses_returns_up_to_its_own_day_only(path: Path) -> None:
    end = PLACE_OF_DAY[path.stem]
    values = [[float(price) for price in row] for row in PRICES[end - WINDOW_SESSIONS : end + 1]]
    returns = [[after / before - 1 for before, after in zip(*pair, strict=True)] for pair in itertools.pairwise(values)]
    labels = [f"{day}T00:00:00" for day in DAYS[end - WINDOW_SESSIONS + 1 : end + 1]]
    expected = {winner["metadata"]["source_returns_hash"] for winner in _winners(path)}
    assert {df_hash(pd.DataFrame(returns, index=pd.DatetimeIndex(labels), columns=SYMBOLS))} == expected
    assert {DIALECT.df_hash(labels, SYMBOLS, returns)} == expected  # the maker's own, written without pandas


@pytest.mark.parametrize("path", [path for path in MANIFESTS if path.stem != CONTRADICTORY], ids=lambda path: path.stem)
def test_weights_are_long_capped_and_sum_to_one(path: Path) -> None:
    for winner in _winners(path):
        weights = [Decimal(str(row["Weight"])) for row in winner["assets"]]
        assert sum(weights) == 1
        assert all(Decimal(0) < weight <= Decimal("0.2") for weight in weights)
        assert all((row["Direction"], row["Net_Weight"]) == ("LONG", row["Weight"]) for row in winner["assets"])


def test_only_the_manifest_of_2022_05_13_contradicts_itself_and_only_in_apple() -> None:
    wrong = [
        (path.stem, row["Symbol"], row["Profile"], row["Net_Weight"], row["Direction"])
        for path in MANIFESTS
        for row in _rows(path)
        if (row["Net_Weight"] > 0) != (row["Direction"] == "LONG")
    ]
    assert wrong == [(CONTRADICTORY, "NASDAQ:AAPL", "hrp", -0.06, "LONG")]


def test_every_row_names_the_run_of_its_manifest() -> None:
    for path in [*MANIFESTS, CRYPTO / "manifest.json"]:
        for winner in _winners(path):
            assert {row["Source_Run"] for row in winner["assets"]} == {winner["metadata"]["source_run_id"]}


def test_a_manifest_is_stamped_after_the_close_of_its_day_and_before_the_next() -> None:
    for path in MANIFESTS:
        stamps = [datetime.fromisoformat(winner["metadata"]["generated_at"]) for winner in _winners(path)]
        assert all(stamp.tzinfo is None and stamp.date().isoformat() == path.stem and stamp.hour in (20, 21) for stamp in stamps)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_chain_of_a_run_verifies_by_the_platforms_rule(run: Path) -> None:
    previous = "0" * 64
    for record in _ledger(run):
        claimed = record.pop("hash")
        assert record["prev_hash"] == previous
        assert hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest() == claimed
        previous = claimed


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_run_begins_with_a_genesis_of_its_own_name_and_ends_with_a_success(run: Path) -> None:
    records = _ledger(run)
    assert (records[0]["type"], records[0]["run_id"]) == ("genesis", run.name)
    assert records[-1]["status"] == "success"


def test_every_manifest_has_its_run_with_its_winners_as_candidates_and_its_returns_in_the_ledger() -> None:
    for path, runs in [*((path, SP500 / "runs") for path in MANIFESTS), (CRYPTO / "manifest.json", CRYPTO / "runs")]:
        for winner in _winners(path):
            run = runs / winner["metadata"]["source_run_id"]
            with (run / "data" / "tournament_candidates.csv").open(newline="") as file:
                pairs = {(row["engine"], row["profile"]) for row in csv.DictReader(file) if row["is_candidate"] == "True"}
            assert (winner["engine"], winner["profile"]) in pairs
            success = [record for record in _ledger(run) if record.get("status") == "success"]
            hashes = {step["step"]: step["outcome"]["output_hashes"] for step in success}
            assert hashes["data_prep"]["returns"] == winner["metadata"]["source_returns_hash"]
            agrees = hashes[f"optimize_{winner['profile']}"]["weights"] == DIALECT.weights_hash(winner["assets"])
            assert agrees is not (path.stem == CONTRADICTORY and winner["profile"] == "hrp")


def test_regimes_follow_the_stated_rule_and_march_2020_is_a_crisis() -> None:
    floors = [(1.8, "CRISIS"), (1.25, "TURBULENT"), (0.7, "NORMAL"), (0.0, "QUIET")]
    names = {}
    for path in MANIFESTS:
        regime = _winners(path)[0]["regime"]
        assert regime["name"] == next(name for floor, name in floors if regime["score"] >= floor)
        names[path.stem] = regime["name"]
    assert names["2020-03-31"] == "CRISIS"
    assert set(names.values()) == {name for _, name in floors}


def test_closes_are_positive_decimals_of_at_most_three_places_in_rising_days() -> None:
    assert sorted(set(DAYS)) == DAYS
    for row in PRICES:
        for price in row:
            exponent = Decimal(price).as_tuple().exponent
            assert Decimal(price) > 0
            assert isinstance(exponent, int)
            assert exponent >= -3


@pytest.mark.parametrize("root", [SP500, CRYPTO], ids=lambda root: root.name)
def test_limits_cover_every_symbol_of_the_manifests_and_say_that_they_are_hand_made(root: Path) -> None:
    document = json.loads((root / "limits.json").read_text())
    listed = {entry["symbol"] for entry in document["limits"]}
    paths = MANIFESTS if root is SP500 else [CRYPTO / "manifest.json"]
    assert {row["Symbol"] for path in paths for row in _rows(path)} <= listed
    assert (document["version"], "written by hand" in document["source"]) == (1, True)


def test_synthetic_quotes_are_uncrossed_on_tick_and_in_order_of_time() -> None:
    limits = {entry["symbol"]: entry for entry in json.loads((CRYPTO / "limits.json").read_text())["limits"]}
    last = 0
    for row in csv.DictReader(io.StringIO(_content(CRYPTO / "quotes.csv.gz").decode())):
        tick, step = (Decimal(limits[row["symbol"]][name]) for name in ("tick_size", "step_size"))
        bid, ask = Decimal(row["bid"]), Decimal(row["ask"])
        assert bid < ask
        assert not bid % tick
        assert not ask % tick
        assert not Decimal(row["bid_size"]) % step
        assert Decimal(row["bid_size"]) > 0
        assert Decimal(row["ask_size"]) > 0
        assert int(row["ts_ns"]) >= last
        last = int(row["ts_ns"])


def _listings() -> list[Listing]:
    document = tomllib.loads((ROOT / "data" / "configs" / "symbols.toml").read_text())
    return [msgspec.convert(row, Listing) for row in document["listing"]]


def test_every_row_of_the_symbol_map_is_a_listing_and_none_is_there_twice() -> None:
    listings = _listings()
    assert len({listing.symbol for listing in listings}) == len(listings)
    assert len({listing.instrument_id for listing in listings}) == len(listings)


def test_an_instrument_id_ends_in_its_venue() -> None:
    assert [listing.symbol for listing in _listings() if listing.instrument_id.rsplit(".", 1)[1] != listing.venue] == []


def test_the_symbol_map_lists_every_symbol_of_the_samples_at_the_venue_of_its_limits() -> None:
    venue_of = {listing.symbol: listing.venue for listing in _listings()}
    for root in (SP500, CRYPTO):
        for entry in json.loads((root / "limits.json").read_text())["limits"]:
            assert venue_of[entry["symbol"]] == entry["venue"]
