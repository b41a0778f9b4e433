"""Every run has a bundle, and one that was given a bundle goes by it or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from engine.bundle_carried import carried_bundle, differing
from engine.bundle_parts import Window, bundle_of
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.bundles import write_bundle
from lakehouse.layout import Layout
from lakehouse.verifier import verify
from tests.bundle.made import ROOT, shipped

MONTH = {"start": "2022-04-01", "end": "2022-04-12"}


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def made(config: Path, capfd: pytest.CaptureFixture[str]) -> str:
    assert run(["bundle", "create", str(config), "--json"]) == 0
    return str(json.loads(capfd.readouterr().out)["sha256"])


def starts(lakehouse: Path) -> list[dict[str, Any]]:
    lines = (json.loads(raw) for raw in (lakehouse / "execution_logs.jsonl").read_text().splitlines())
    return [line for line in lines if line["type"] == "run_start"]


def backtest(config: Path, record: Path, *more: str) -> int:
    return run(["backtest", str(config), "--output", str(record), "--no-stress", "--no-tearsheet", "--json", *more])


def test_a_backtest_has_the_bundle_of_its_config_whether_it_was_named_or_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = shipped(tmp_path, "backtest.toml", **MONTH)
    sha256 = made(config, capfd)
    for number, more in enumerate([(), ("--bundle", sha256[:9]), ("--bundle", str(tmp_path / "lake/bundles" / sha256))]):
        record = tmp_path / f"record{number}"
        assert backtest(config, record, *more) == 0
        assert json.loads(capfd.readouterr().out.splitlines()[-1])["bundle_sha256"] == sha256
        assert [line["bundle_sha256"] for line in starts(record)] == [sha256]
        assert verify(record).ok


CHANGES = {
    "a limit": ({"max_leverage": '"0.9"'}, "limits", "max_leverage 1.05 -> 0.9"),
    "an assumption": ({"slippage_bps": '"3"'}, "assumptions", "slippage_bps 0 -> 3"),
    "a policy": ({"cash_buffer_fraction": '"0.03"'}, "config", "policy.cash_buffer_fraction 0.02 -> 0.03"),
    "the environment": ({"environment": '"other"'}, "config", "environment "),
    "the days": ({"end": "2022-04-11"}, "data", "end 2022-04-12 -> 2022-04-11"),
}


@pytest.mark.parametrize(("changed", "part", "words"), CHANGES.values(), ids=CHANGES)
def test_a_run_that_differs_from_its_bundle_refuses_to_start_and_names_the_part(
    changed: dict[str, str], part: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = made(shipped(tmp_path, "backtest.toml", **MONTH), capfd)
    config = shipped(tmp_path, "backtest.toml", **(MONTH | changed))
    own = bundle_of(load_config(config), read_inputs(load_config(config)))
    assert backtest(config, tmp_path / "record", "--bundle", sha256) == 3
    told = capfd.readouterr()
    assert json.loads(told.out)["error"]["code"] == "BUNDLE_DIFFERS"
    assert f" {part} {own.parts[part].sha256[:16]}, not " in told.err
    assert words in told.err
    assert not (tmp_path / "record").exists()


def test_a_changed_symbol_map_limits_file_and_code_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The config's text is the same: what it names has changed under it."""
    limits, symbols = tmp_path / "limits.json", tmp_path / "symbols.toml"
    limits.write_bytes((ROOT / "data/samples/sp500/limits.json").read_bytes())
    symbols.write_bytes((ROOT / "data/configs/symbols.toml").read_bytes())
    path = shipped(tmp_path, "backtest.toml", **MONTH)
    text = (
        path.read_text().replace("data/samples/sp500/limits.json", str(limits)).replace("data/configs/symbols.toml", str(symbols))
    )
    path.write_text(text)
    sha256 = made(path, capfd)
    limits.write_text(limits.read_text().replace('"min_notional": "100"', '"min_notional": "10"', 1))
    symbols.write_text(symbols.read_text().replace("AAPL.US", "AAPLE.US"))
    assert run(["shadow", str(path), "--bundle", sha256]) == 3
    told = capfd.readouterr().err
    assert "market_limits/US " in told
    assert "NASDAQ:AAPL.min_notional 100 -> 10" in told
    assert "NASDAQ:AAPL.instrument_id AAPL.US -> AAPLE.US" in told


def test_a_bundle_of_other_code_is_named_by_its_files(tmp_path: Path) -> None:
    config = load_config(shipped(tmp_path))
    inputs = read_inputs(config)
    from engine.bundle_parts import parts_of
    from lakehouse.bundles import make_bundle

    parts = parts_of(config, inputs)
    code = parts["code"]
    older = make_bundle(
        parts
        | {
            "code": code
            | {"sources": code["sources"] | {"engine/gate.py": "0" * 64}, "packages": code["packages"] | {"ccxt": "4.5.89"}}
        }
    )
    (part,) = differing(older, config, inputs)
    assert part.name == "code"
    assert [(one.key, one.old) for one in part.changes] == [("packages.ccxt", "4.5.89"), ("sources.engine/gate.py", "0" * 64)]


def test_a_tampered_bundle_starts_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = shipped(tmp_path, "backtest.toml", **MONTH)
    sha256 = made(config, capfd)
    part = next(path for path in (tmp_path / "lake/bundles" / sha256).iterdir() if path.name != "bundle.json")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes().replace(b"1", b"2", 1))
    assert backtest(config, tmp_path / "record", "--bundle", sha256) == 1
    assert "BUNDLE_PART_ALTERED" in capfd.readouterr().err
    assert not (tmp_path / "record").exists()


@pytest.mark.parametrize(
    "command", [("shadow",), ("backtest", "--no-stress", "--no-tearsheet"), ("live",)], ids=lambda words: words[0]
)
def test_a_run_under_a_bundle_nobody_has_does_not_start(
    command: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "crypto_rehearsal.toml" if command[0] == "live" else "backtest.toml" if command[0] == "backtest" else "shadow.toml"
    config = shipped(tmp_path, name)
    assert run([command[0], str(config), *command[1:], "--bundle", "beef"]) == 2
    assert "BUNDLE_UNKNOWN" in capfd.readouterr().err
    assert not (tmp_path / "lake/execution_logs.jsonl").exists()


def test_a_live_run_that_differs_is_refused_with_all_else_that_is_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No exchange listens here, nothing is armed, and a shell without SLUICE_ENV."""
    sha256 = made(shipped(tmp_path, "crypto_rehearsal.toml"), capfd)
    config = shipped(tmp_path, "crypto_rehearsal.toml", day_notional_max='"999"')
    assert run(["live", str(config), "--bundle", sha256[:16]]) == 3
    told = capfd.readouterr().err.splitlines()
    assert [line.split()[1] for line in told][:2] == ["ENV_NOT_LIVE", "BUNDLE_DIFFERS"]
    assert "live.venues.BINANCE.day_notional_max" in told[1]
    assert any("ARMING_REFUSED" in line for line in told)


def test_rehearse_wants_a_config_beside_a_bundle(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["rehearse", "--bundle", "beef"]) == 2
    assert "CONFIG beside --bundle" in capfd.readouterr().err


def test_live_prices_take_the_window_of_the_bundle_they_are_held_to(tmp_path: Path) -> None:
    """The days a bundle of live prices names are of the history behind it; a live run has none that could differ."""
    from datetime import date

    config = load_config(shipped(tmp_path, "crypto_live.toml"))
    inputs = read_inputs(config)
    bundle = bundle_of(config, inputs, window=Window(first=date(2026, 1, 1), last=date(2026, 9, 30)))
    layout = Layout(tmp_path / "lake")
    write_bundle(layout, bundle)
    own = carried_bundle(config, inputs, layout=layout, named=None).sha256
    assert own != bundle.sha256
    assert carried_bundle(config, inputs, layout=layout, named=bundle.sha256) == bundle


def sluice(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sluice")), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)


def test_a_shadow_goes_by_its_bundle_and_so_does_its_replay_which_another_policy_does_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The replay reads the config where the run kept it: another path, the same values, the same bundle.

    So it does the bundle, which the run found elsewhere and put beside its record.
    """
    config = shipped(tmp_path, start="2022-03-31", end="2022-04-01")
    lake = tmp_path / "lake"
    sha256 = made(config, capfd)
    elsewhere = (lake / "bundles").rename(tmp_path / "elsewhere")
    done = sluice("shadow", config, "--bundle", elsewhere / sha256)
    assert done.returncode == 0, done.stdout + done.stderr
    (start,) = starts(lake)
    assert start["bundle_sha256"] == sha256
    replayed = sluice("replay", "--lakehouse", lake, "--bundle", sha256, "--json", "--output", tmp_path / "replayed")
    assert replayed.returncode in (0, 1), replayed.stderr
    assert json.loads(replayed.stdout)["bundle_sha256"] == sha256
    assert [line["bundle_sha256"] for line in starts(tmp_path / "replayed")] == [sha256]
    other = shipped(tmp_path, start="2022-03-31", end="2022-04-01", cash_buffer_fraction='"0.05"')
    refused = sluice("replay", "--lakehouse", lake, "--bundle", sha256, "--config", other, "--output", tmp_path / "refused")
    assert refused.returncode == 3
    assert "policy.cash_buffer_fraction 0.02 -> 0.05" in refused.stderr
    assert not (tmp_path / "refused").exists()
