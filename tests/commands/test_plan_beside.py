"""What `sluice plan` shows beside its lines: proof of the run, the regime that counts, the drift monitor's advice."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run

from .conftest import EVENING_NS, World

RUN = "20220429-sp500-hrp"
HEAD = "Profile,Symbol,Action,Size,Target_Weight,Market,Description\n"


def planned(world: World, capsys: pytest.CaptureFixture[str], *extra: str) -> tuple[int, dict[str, Any]]:
    code = run(["plan", "--config", str(world.config), "--json", *extra])
    return code, json.loads(capsys.readouterr().out)


def words(world: World, capsys: pytest.CaptureFixture[str]) -> list[str]:
    run(["plan", "--config", str(world.config)])
    return capsys.readouterr().out.splitlines()


def add_keys(world: World, *keys: str) -> None:
    world.configure("[capital]\n", "\n".join((*keys, "[capital]\n")))


def set_keys(world: World, **values: str) -> None:
    """Change keys that the shipped config has."""
    text = world.config.read_text()
    for name, value in values.items():
        text, count = re.subn(rf'^{name} = "[^"]*"', f'{name} = "{value}"', text, flags=re.MULTILINE)
        assert count == 1, name
    world.config.write_text(text)


# the regime log


def with_log(world: World, regime: str, *, stamp: str = "2022-04-29T20:09:00+00:00") -> Path:
    path = world.root / "regime_audit.jsonl"
    path.write_text(
        json.dumps({"timestamp": stamp, "regime": regime, "score": 1.0, "quadrant": "EXPANSION", "metrics": {}}) + "\n"
    )
    add_keys(world, f'regime_audit = "{path}"', "regime_audit_age_max_h = 24")
    return path


@pytest.mark.parametrize(
    ("regime", "stamp", "exit_code", "counts"),
    [
        ("NORMAL", "2022-04-29T20:09:00+00:00", 0, "NORMAL"),
        ("CRISIS", "2022-04-29T20:09:00+00:00", 3, "CRISIS"),
        ("NORMAL", "2022-04-27T20:09:00+00:00", 3, "CRISIS"),
        ("NORMAL", "2022-04-29T20:11:00+00:00", 3, "CRISIS"),
    ],
    ids=["calm", "a crisis", "stale", "a line of later than the prices"],
)
def test_the_worse_of_manifest_and_log_is_judged_and_shown(
    world: World, capsys: pytest.CaptureFixture[str], regime: str, stamp: str, exit_code: int, counts: str
) -> None:
    with_log(world, regime, stamp=stamp)
    code, document = planned(world, capsys)
    assert (code, document["code"]) == (exit_code, "REGIME_PARITY" if exit_code else "")
    assert (document["regime"]["manifest"], document["regime"]["audit"]["regime"]) == ("NORMAL", counts)
    (shown,) = [line for line in words(world, capsys) if line.startswith("regime ")]
    assert f"manifest NORMAL · log {counts}" in shown
    assert shown.endswith("the worse counts")


def test_a_log_that_is_gone_is_a_crisis_by_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with_log(world, "QUIET").unlink()
    code, document = planned(world, capsys)
    assert (code, document["code"], document["regime"]["audit"]["code"]) == (3, "REGIME_PARITY", "REGIME_AUDIT_MISSING")
    assert "REGIME_AUDIT_MISSING" in document["message"]


def test_without_a_log_nothing_is_said_of_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(world, capsys)[1]["regime"] == {"manifest": "NORMAL", "audit": None}
    assert [line for line in words(world, capsys) if line.startswith("regime ")] == []


# proof of the run


def test_what_holds_a_grade_down_is_named(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(f"data/samples/sp500/runs/{RUN}", runs / RUN)
    with (runs / RUN / "audit.jsonl").open("a") as file:
        file.write("\n")
    world.configure('runs_directory = "data/samples/sp500/runs"', f'runs_directory = "{runs}"')
    code, document = planned(world, capsys)
    assert (code, document["code"]) == (3, "PROVENANCE_BELOW_MINIMUM")
    assert (document["failed_checks"], document["ledger_faults"]) == (["ledger_chain"], ["BLANK_LINE"])
    assert "BLANK_LINE in line" in document["message"]
    for _ in range(2):
        world.configure('provenance_min = "VERIFIED"', 'provenance_min = "BROKEN"')
    code, document = planned(world, capsys)
    assert (code, document["ledger_faults"]) == (0, ["BLANK_LINE"])
    assert "proof    BROKEN: ledger_chain, BLANK_LINE" in words(world, capsys)


def test_a_returns_hash_that_config_asks_for_holds_the_grade_down(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(world, capsys)[0] == 0
    world.configure('returns_check = "ledger"', 'returns_check = "file"')
    code, document = planned(world, capsys)
    assert (code, document["failed_checks"]) == (3, ["returns_hash_of_file"])
    assert document["source_run"]["grade"] == "LEDGER_ONLY"


# the drift list


def with_list(world: World, *rows: str, head: str = HEAD) -> Path:
    path = world.root / "drift.csv"
    path.write_text(head + "".join(f"Rank1_skfolio_hrp,{row},UNKNOWN,N/A\n" for row in rows))
    add_keys(world, f'drift_csv = "{path}"')
    return path


def drift_of(document: dict[str, Any], symbol: str) -> Decimal:
    line = next(line for line in document["lines"] if line["symbol"] == symbol)
    return Decimal(line["target_weight"]) - Decimal(line["held_weight"])


def test_the_list_is_a_column_and_moves_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, before = planned(world, capsys)
    size = drift_of(before, "NYSE:XOM")
    with_list(world, f"NYSE:XOM,BUY,{size},{size}", "NYSE:PG,SELL,0.5,0.5", "AMEX:SPY,BUY,0.3,0.3")
    _, after = planned(world, capsys)
    assert (after["plan_sha256"], after["lines"], after["decision"]) == (before["plan_sha256"], before["lines"], "PLAN")
    advice = after["drift_csv"]["advice"]
    assert advice["NYSE:XOM"] == f"csv BUY {size}"
    assert advice["NYSE:PG"].startswith("DRIFT_CSV_DISAGREES: csv SELL 0.5, plan wants BUY ")
    assert advice["AMEX:SPY"] == "DRIFT_CSV_DISAGREES: csv BUY 0.3, the plan has no such line"
    assert after["drift_csv"]["disagrees"] == sum(text.startswith("DRIFT_CSV_DISAGREES") for text in advice.values())
    shown = words(world, capsys)
    assert shown[1].endswith("drift list")
    assert next(line for line in shown if line.startswith("NYSE:PG ")).endswith(advice["NYSE:PG"])
    assert f"drift    AMEX:SPY  {advice['AMEX:SPY']}" in shown
    assert not any(line.startswith("AMEX:SPY") for line in shown)


def test_the_least_drift_it_lists_is_configs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, before = planned(world, capsys)
    off = drift_of(before, "NYSE:XOM") + Decimal("0.015")
    with_list(world, f"NYSE:XOM,BUY,{off},{off}")
    assert planned(world, capsys)[1]["drift_csv"]["advice"]["NYSE:XOM"].startswith("DRIFT_CSV_DISAGREES")
    set_keys(world, drift_min_trade_fraction="0.02")
    assert planned(world, capsys)[1]["drift_csv"]["advice"]["NYSE:XOM"] == f"csv BUY {off}"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: path.unlink(), "VANISHED"),
        (lambda path: path.write_text("a,b\n"), "DRIFT_CSV_MALFORMED"),
        (lambda path: path.write_bytes(b"\xff"), "NOT_UTF8"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "ESCAPES"),
    ],
    ids=["gone", "another table", "no text", "a link out"],
)
def test_a_list_that_cannot_be_read_is_said_and_changes_nothing(
    world: World, capsys: pytest.CaptureFixture[str], spoil: Any, code: str
) -> None:
    _, before = planned(world, capsys)
    spoil(with_list(world, "NYSE:XOM,BUY,0.1,0.1"))
    exit_code, document = planned(world, capsys)
    assert (exit_code, document["plan_sha256"], document["drift_csv"]["code"]) == (0, before["plan_sha256"], code)
    assert any(line.startswith(f"drift    list not used: {code}") for line in words(world, capsys))


@pytest.mark.parametrize(
    ("keys", "alert"),
    [
        ({}, "URGENT"),
        ({"drift_urgent_turnover": "1", "drift_urgent_drift": "1"}, "REBALANCE"),
        ({"drift_rebalance_turnover": "1", "drift_urgent_turnover": "1", "drift_urgent_drift": "1"}, None),
    ],
    ids=["the platform's levels", "only turnover", "none"],
)
def test_the_alert_levels_are_configs(
    world: World, capsys: pytest.CaptureFixture[str], keys: dict[str, str], alert: str | None
) -> None:
    set_keys(world, **keys)
    code, document = planned(world, capsys)
    found = document["drift_alert"]
    assert (code, None if found is None else found["level"]) == (0, alert)
    shown = [line for line in words(world, capsys) if line.startswith("drift ")]
    assert [line.split(": turnover 0.")[0] for line in shown] == ([] if alert is None else [f"drift    {alert}"])
    assert all(line.endswith(" of equity, from the signed targets; advice only") for line in shown)


def test_a_plan_waits_for_no_table_library(world: World) -> None:
    with_log(world, "QUIET")
    with_list(world, "NYSE:XOM,BUY,0.1,0.1")
    code = (
        "import sys; from commands.main import run; "
        f"run(['plan', '--json', '--config', {str(world.config)!r}]); "
        "heavy = {'nautilus_trader', 'ccxt', 'pandas', 'polars', 'pyarrow', 'numpy'}; "
        "sys.exit(any(name.split('.')[0] in heavy for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["decision"] == "PLAN"


def test_now_decides_what_the_log_says(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with_log(world, "CRISIS", stamp="2022-04-29T20:10:00+00:00")
    assert planned(world, capsys, "--now", str(EVENING_NS))[0] == 3
    assert planned(world, capsys, "--now", str(EVENING_NS - 1))[1]["regime"]["audit"]["code"] == "REGIME_AUDIT_MISSING"
