"""The long-short and the two-venue sample: in the platform's dialect, made again byte for byte, and run as their configs say."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.run_summary import RunSummary
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestPolicy, read_manifest
from lakehouse.provenance import ProvenancePolicy
from lakehouse.verifier import VerifyReport, verify
from orders.values import Grade
from sim.backtest_run import backtest

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data/samples"
LONG_SHORT = SAMPLES / "sp500/longshort"
TWO_VENUES = SAMPLES / "two_venues"
MANIFESTS = [path for root in (LONG_SHORT, TWO_VENUES) for path in sorted((root / "manifests").glob("*.json"))]
CONFIGS = {"longshort": "data/configs/longshort.toml", "two_venues": "data/configs/two_venues.toml"}
DAYS = {"longshort": "2022-01-31", "two_venues": "2022-03-31"}


def _dialect() -> Any:
    spec = importlib.util.spec_from_file_location("platform_dialect_of_margin", SAMPLES / "platform_dialect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["winners"][0]["assets"])


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.parent.name} {path.stem}")
def test_a_manifest_is_in_the_platforms_dialect_and_its_run_proves_it(path: Path) -> None:
    rows = _rows(path)
    assert all(row["Weight"] == abs(row["Net_Weight"]) > 0 for row in rows)
    assert all(row["Direction"] == ("LONG" if row["Net_Weight"] > 0 else "SHORT") for row in rows)
    run = path.parent.parent / "runs" / rows[0]["Source_Run"]
    ledger = [json.loads(line) for line in (run / "audit.jsonl").read_text().splitlines()]
    assert ledger[-1]["outcome"]["output_hashes"]["weights"] == _dialect().weights_hash(rows)
    stamp = datetime.fromisoformat(rows[0]["Generated_At"]).replace(tzinfo=UTC)
    judged = read_manifest(
        path,
        policy=ManifestPolicy(
            root=str(path.parent), zone="UTC", age_max_ns=3_600_000_000_000, future_skew_max_ns=0, capital={"rank:1": Decimal(1)}
        ),
        market_now_ns=int((stamp + timedelta(minutes=10)).timestamp()) * 1_000_000_000,
        provenance=ProvenancePolicy(runs_directory=str(run.parent), grade_min=Grade.VERIFIED),
    )
    assert isinstance(judged, AuditedManifest), judged
    assert [check for check in judged.checks if not check[1]] == []


def test_every_month_of_2022_is_long_and_short_within_its_caps() -> None:
    paths = [path for path in MANIFESTS if path.is_relative_to(LONG_SHORT)]
    assert [path.stem[:7] for path in paths] == [f"2022-{month:02}" for month in range(1, 13)]
    for path in paths:
        net = [Decimal(str(row["Net_Weight"])) for row in _rows(path)]
        assert sum(net) == 1
        assert all(Decimal("-0.1") <= weight <= Decimal("0.2") for weight in net)
        assert Decimal("-0.3001") <= sum(weight for weight in net if weight < 0) < 0


def test_the_two_venue_sample_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLES / "make_two_venues.py", "--out", tmp_path], check=True, timeout=120)

    def content(root: Path) -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
        return {
            path.relative_to(root).as_posix(): gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            for path in files
        }

    assert content(tmp_path) == content(TWO_VENUES)


class Ran:
    """One backtest of a shipped config and what it left."""

    def __init__(self, name: str, root: Path) -> None:
        config = load_config(ROOT / CONFIGS[name])
        self.layout = Layout(root)
        self.summary: RunSummary
        self.summary, self.failures = backtest(
            config, read_inputs(config), layout=self.layout, run_id="same", say=lambda day, done, total: None
        )
        self.lines = [json.loads(line) for line in self.layout.log.read_text().splitlines()]
        self.report: VerifyReport = verify(root)

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        return (line for line in self.lines if line["type"] == kind)


@pytest.fixture(scope="module", params=list(CONFIGS))
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Ran]:
    name = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return name, Ran(name, tmp_path_factory.mktemp(name))


def test_the_record_verifies_and_nothing_halted(ran: tuple[str, Ran]) -> None:
    _, run = ran
    assert run.failures == []
    assert run.report.ok, run.report.first_bad
    assert run.report.fills == run.summary.fills > 20
    assert run.summary.manifests_refused == run.summary.plans_refused == 0


def test_a_second_run_leaves_the_same_bytes(ran: tuple[str, Ran], tmp_path: Path) -> None:
    name, run = ran
    again = Ran(name, tmp_path)
    assert again.layout.log.read_bytes() == run.layout.log.read_bytes()
    assert again.layout.ledger.read_bytes() == run.layout.ledger.read_bytes()


def test_there_are_shorts_and_they_pay_borrow_every_day_they_are_held(ran: tuple[str, Ran]) -> None:
    _, run = ran
    borrow = [line for line in run.of("financing") if line["kind"] == "borrow"]
    assert all(Decimal(line["amount"]) <= 0 > Decimal(line["quantity"]) for line in borrow)
    assert len(borrow) > 50
    assert run.report.financing["borrow"]["USD"] == sum(Decimal(line["amount"]) for line in borrow) < 0


def test_the_summary_shows_financing_and_equity_has_it(ran: tuple[str, Ran]) -> None:
    _, run = ran
    booked = sum(Decimal(line["amount"]) for line in run.of("financing"))  # USDT earns nothing in either config
    assert run.summary.financing_base == booked != 0
    state = json.loads(run.layout.state.read_text(), parse_float=Decimal)
    (profile,) = state.values()
    assert abs(Decimal(profile["equity"]) - run.summary.equity_end) < 1
    assert Decimal(profile["financing"]["borrow"]["USD"]) == run.report.financing["borrow"]["USD"]


def test_interest_is_for_every_calendar_day_between_the_first_and_the_last_price(ran: tuple[str, Ran]) -> None:
    name, run = ran
    days = {line["to_ns"] for line in run.of("financing") if line["kind"] == "interest"}
    first = date.fromisoformat(DAYS[name])
    last = datetime.fromtimestamp(run.summary.last_ns / 1e9, UTC).date()
    assert len(days) == (last - first).days


def test_a_name_turns_from_long_to_short_or_back_within_one_cycle(ran: tuple[str, Ran]) -> None:
    _, run = ran
    fills = [(line["cycle"], line["symbol"], line["side"]) for line in run.of("fill")]
    plans = {line["cycle"]: line["plan"]["lines"] for line in run.of("plan")}
    turned = [
        (cycle, line["symbol"], line["side"])
        for cycle, lines in plans.items()
        for line in lines
        if line["after_line"] is not None
    ]
    assert turned
    assert any(fills.count(turn) == 2 for turn in turned)


def test_cash_below_zero_pays_in_the_long_short_run(ran: tuple[str, Ran]) -> None:
    name, run = ran
    debits = [line for line in run.of("financing") if line["kind"] == "interest" and Decimal(line["basis"]) < 0]
    assert all(Decimal(line["amount"]) < 0 and line["rate"] == "0.032" for line in debits)
    assert bool(debits) is (name == "longshort")


def test_coins_are_capped_by_the_cash_of_their_own_venue(ran: tuple[str, Ran]) -> None:
    name, run = ran
    first = next(run.of("plan"))["plan"]["lines"]
    capped = sorted(line["symbol"] for line in first if line["reason"] == "CAPPED_CASH")
    assert capped == (["BINANCE:BTCUSDT", "BINANCE:ETHUSDT"] if name == "two_venues" else [])
    if name == "two_venues":
        assert all(cash >= 0 for cash in run.report.cash["BINANCE"].values())
        assert set(run.report.cash) == {"BINANCE", "US"}
        assert any("random walk" in text for text in next(run.of("run_start"))["synthetic"])
