"""One file, one bundle, every stage: backtested over recorded prices, shadowed beside its record, rehearsed where it says."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from commands.main import run
from engine.bundle_carried import differing
from engine.bundle_parts import bundle_of
from engine.inputs import read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.bundles import find_bundle, read_bundle
from lakehouse.layout import Layout
from lakehouse.verifier import verify
from tests.bundle.made import ROOT, shipped

QUOTES: Final = "data/samples/crypto/quotes.csv.gz"
DAYS: Final = "2025-01-06..2025-01-07"
KEY: Final = "ed25519:" + "A" * 43 + "="
OTHER: Final = "ed25519:" + "B" * 43 + "="


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """The shipped rehearsal's config, at a port that is free."""
    path = shipped(tmp_path, "crypto_rehearsal.toml")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    path.write_text(path.read_text().replace(":18080", f":{port}"))
    return path


def made(config: Path, capfd: pytest.CaptureFixture[str], *more: str) -> str:
    assert run(["bundle", "create", str(config), "--json", *more]) == 0
    return str(json.loads(capfd.readouterr().out)["sha256"])


def backtest(config: Path, record: Path, *more: str) -> int:
    return run(["backtest", str(config), "--lakehouse", str(record), "--no-stress", "--no-tearsheet", "--json", *more])


def start_of(lakehouse: Path) -> dict[str, Any]:
    lines = (json.loads(raw) for raw in (lakehouse / "execution_logs.jsonl").read_text().splitlines())
    first: dict[str, Any] = next(line for line in lines if line["type"] == "run_start")
    return first


def sha256_of(config: RunConfig) -> str:
    return bundle_of(config, read_inputs(config)).sha256


def with_tables(path: Path, *, persons: str, revoked: str, signatures: int) -> RunConfig:
    """The config with an [override] of two persons, one of them with the key `persons`."""
    text = path.read_text().replace("[live.persons]", f'revoked_keys = ["{revoked}"]\n\n[live.persons]\nzoe = "{persons}"', 1)
    override = f'\n[override]\nsignatures = {signatures}\nrevoked_keys = ["{revoked}"]\n[override.persons]\nzoe = "{persons}"\n'
    made = path.with_name("tables.toml")
    made.write_text(text + override)
    return load_config(made)


def test_a_lost_key_is_exchanged_without_a_new_bundle_and_a_signature_less_is_another(live: Path) -> None:
    before = with_tables(live, persons=KEY, revoked="ed25519:" + "C" * 43 + "=", signatures=1)
    after = with_tables(live, persons=OTHER, revoked=KEY, signatures=1)
    assert sha256_of(before) == sha256_of(after)
    assert before.override is not None
    weaker = before.model_copy(update={"override": before.override.model_copy(update={"signatures": 2})})
    assert sha256_of(weaker) != sha256_of(before)


def test_a_config_of_live_prices_is_backtested_over_recorded_ones_under_its_own_bundle(
    live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = made(live, capfd, "--data", DAYS)
    record = tmp_path / "backtest"
    assert backtest(live, record, "--data", f"replay_quotes:{QUOTES}", "--bundle", sha256) == 0
    told = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert told["bundle_sha256"] == sha256 == start_of(record)["bundle_sha256"]
    assert told["fills"] > 0
    assert start_of(record)["data_source"] == f"replay_quotes {QUOTES}"
    assert verify(record).ok
    unnamed = tmp_path / "unnamed"
    days = ("--from", "2025-01-06", "--to", "2025-01-07")
    assert backtest(live, unnamed, "--data", f"replay_quotes:{QUOTES}", *days) == 0
    assert start_of(unnamed)["bundle_sha256"] == sha256, "the same days make the same bundle, named or not"


def test_a_bundle_without_days_holds_a_backtest_of_any(live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sha256 = made(live, capfd)
    days = ("--from", "2025-01-01", "--to", "2025-01-31")
    assert backtest(live, tmp_path / "b", "--data", f"replay_quotes:{QUOTES}", *days, "--bundle", sha256) == 0
    assert start_of(tmp_path / "b")["bundle_sha256"] == sha256


REFUSED: Final[dict[str, tuple[tuple[str, ...], int, str]]] = {
    "other days than the bundle's": (
        ("--data", f"replay_quotes:{QUOTES}", "--from", "2025-01-05", "--to", "2025-01-07"),
        3,
        "start 2025-01-06 -> 2025-01-05",
    ),
    "no recorded prices": ((), 2, "DATA_OPTION"),
    "a form that is none": (("--data", "tape:x"), 2, "DATA_OPTION"),
    "a file that is not there": (("--data", "replay_quotes:no/such"), 2, "nothing at no/such"),
    "live prices": (("--data", "ccxt:binance"), 2, "DATA_OPTION"),
    "a day that is none": (("--data", f"replay_quotes:{QUOTES}", "--from", "monday"), 2, "a day such as"),
    "days in disorder": (("--data", f"bars:{QUOTES}", "--from", "2025-01-08"), 2, "DATA_OPTION"),
}


@pytest.mark.parametrize(("words", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_a_backtest_of_live_prices_is_refused_with(
    words: tuple[str, ...], code: int, told: str, live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = made(live, capfd, "--data", DAYS)
    assert backtest(live, tmp_path / "b", *words, "--bundle", sha256) == code
    assert told in capfd.readouterr().err
    assert not (tmp_path / "b").exists()


def test_without_a_bundle_days_are_asked_for(live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert backtest(live, tmp_path / "b", "--data", f"replay_quotes:{QUOTES}") == 2
    assert "found no days" in capfd.readouterr().err


def test_prices_of_the_command_line_do_not_replace_recorded_ones(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = shipped(tmp_path, "backtest.toml")
    assert backtest(config, tmp_path / "b", "--data", f"replay_quotes:{QUOTES}") == 2
    assert "beside a config that names recorded ones" in capfd.readouterr().err


def test_another_limit_is_another_bundle_over_recorded_prices_too(
    live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = made(live, capfd, "--data", DAYS)
    live.write_text(live.read_text().replace('max_leverage = "1"', 'max_leverage = "0.9"'))
    assert backtest(live, tmp_path / "b", "--data", f"replay_quotes:{QUOTES}", "--bundle", sha256) == 3
    assert "max_leverage 1 -> 0.9" in capfd.readouterr().err


def test_days_of_recorded_quotes_leave_out_what_is_of_no_day(
    live: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    days = ("--from", "2025-01-07", "--to", "2025-01-08")
    assert backtest(live, tmp_path / "b", "--data", f"replay_quotes:{QUOTES}", *days) == 2
    assert "NO_PRICES" in capfd.readouterr().err


def test_a_shadow_in_another_directory_goes_by_the_bundle_its_config_has(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = shipped(tmp_path, start="2022-03-31", end="2022-04-01")
    sha256 = made(config, capfd)
    elsewhere = tmp_path / "shadow"
    words = ["shadow", config, "--lakehouse", elsewhere, "--bundle", sha256[:12]]
    command = [sys.executable, "-m", "commands.main", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert start_of(elsewhere)["bundle_sha256"] == sha256
    assert verify(elsewhere).ok
    assert (elsewhere / "snapshots/book.json").exists()
    assert (elsewhere / "bundles" / sha256 / "bundle.json").exists()
    assert sorted(path.name for path in (tmp_path / "lake").iterdir()) == ["bundles"], "nothing of the run is in the config's own"


def test_live_is_not_recorded_elsewhere(live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["live", str(live), "--lakehouse", str(tmp_path)]) == 2
    assert "USAGE" in capfd.readouterr().err


def test_what_is_kept_beside_a_run_is_found_when_the_config_s_own_has_it_not(
    live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = made(live, capfd)
    (tmp_path / "lake/bundles").rename(tmp_path / "moved")
    (tmp_path / "shadow").mkdir()
    (tmp_path / "moved").rename(tmp_path / "shadow/bundles")
    config = load_config(live).recorded_in(tmp_path / "shadow")
    bundle = read_bundle(*find_bundle(Layout(tmp_path / "shadow"), sha256[:8])[:1], sha256=sha256)
    assert differing(bundle, config, read_inputs(config)) == []


def rehearsed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "commands.main", "rehearse", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_rehearsal_where_the_config_says_goes_by_the_config_s_bundle_and_elsewhere_does_not(
    live: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = made(live, capfd)
    done = rehearsed(live, "--directory", tmp_path / "r", "--for", "12", "--bundle", sha256[:16])
    assert done.returncode == 0, done.stdout + done.stderr
    assert start_of(tmp_path / "r/lakehouse")["bundle_sha256"] == sha256
    other = rehearsed(live, "--directory", tmp_path / "s", "--for", "1", "--bundle", sha256, "--port", "0")
    assert other.returncode == 3, other.stdout + other.stderr
    assert "BUNDLE_DIFFERS" in other.stderr
