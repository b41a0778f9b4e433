"""`sluice plan` says what would be traded and why not, sends nothing, and says the same twice."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from orders.canonical import canonical_sha256

from .conftest import EVENING_NS, World


def planned(world: World, capsys: pytest.CaptureFixture[str], *extra: str) -> tuple[int, dict[str, Any]]:
    code = run(["plan", "--config", str(world.config), "--json", *extra])
    return code, json.loads(capsys.readouterr().out)


def test_plan_names_every_target_and_every_holding_with_a_reason(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = planned(world, capsys)
    assert (code, document["decision"], document["code"]) == (0, "PLAN", "")
    assert document["source_run"] == {"run_id": "20220429-sp500-hrp", "grade": "VERIFIED"}
    assert {line["symbol"] for line in document["lines"]} == {*document["targets"], "NYSE:BBY"}
    assert all(line["reason"] for line in document["lines"])
    assert document["cycle"] == 4
    assert sum(map(Decimal, document["targets"].values())) == 1


def test_plan_hash_is_over_the_plan_that_is_shown(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, document = planned(world, capsys)
    assert canonical_sha256(document["plan"] | {"lines": document["lines"]}) == document["plan_sha256"]


def test_guard_answers_every_plan(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, document = planned(world, capsys)
    controls = {verdict["control"] for verdict in document["verdicts"]}
    assert controls >= {
        "HALT",
        "PROVENANCE",
        "MAX_LEVERAGE",
        "MAX_ASSET_EXPOSURE",
        "MAX_ORDER_VALUE",
        "ALLOW_LIST",
        "REGIME_PARITY",
    }
    assert {verdict["outcome"] for verdict in document["verdicts"]} == {"ALLOW"}


def test_two_calls_print_the_same_bytes_and_change_no_file(world: World) -> None:
    def call() -> bytes:
        command = [sys.executable, "-m", "commands.main", "plan", "--config", str(world.config)]
        words = subprocess.run(command, capture_output=True, check=True).stdout
        return words + subprocess.run([*command, "--json"], capture_output=True, check=True).stdout

    before = {path: path.read_bytes() for path in world.root.rglob("*") if path.is_file()}
    assert call() == call()
    assert {path: path.read_bytes() for path in world.root.rglob("*") if path.is_file()} == before


def test_words_line_up_and_say_that_nothing_was_sent(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--config", str(world.config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("plan #4 of manifest ")
    assert "20220429-sp500-hrp, VERIFIED, 5 min old" in lines[0]
    assert len({line.index("%") for line in lines if line.startswith(("NYSE:", "NASDAQ:"))}) == 1
    assert lines[-1].endswith("nothing was sent")


@pytest.mark.parametrize("now", [str(EVENING_NS), "2022-04-29T20:10:00Z", "2022-04-29T22:10:00+02:00"])
def test_now_is_taken_in_every_notation(now: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, document = planned(world, capsys, "--now", now)
    assert document["now_ns"] == str(EVENING_NS)


@pytest.mark.parametrize("now", ["2022-04-29T20:10:00", "today", "", "-5"])
def test_now_without_zone_or_sense_is_a_usage_error(now: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = planned(world, capsys, f"--now={now}")
    assert (code, document["error"]["code"]) == (2, "USAGE")


def test_book_that_was_written_days_later_does_not_age_the_prices(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    book = json.loads(world.book.read_text())
    book["as_of_ns"] = str(EVENING_NS + 30 * 86_400 * 10**9)
    world.book.write_text(json.dumps(book))
    code, document = planned(world, capsys)
    assert (code, document["decision"], document["now_ns"]) == (0, "PLAN", str(EVENING_NS))


@pytest.mark.parametrize(
    ("later_s", "reasons"), [(432_000, {"TRADE", "SCALED_TO_CASH", "WITHIN_BAND"}), (432_001, None)], ids=["five days", "past it"]
)
def test_price_age_of_a_replay_is_its_limit_times_its_speed(
    later_s: int, reasons: set[str] | None, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = planned(world, capsys, "--now", str(EVENING_NS + later_s * 10**9))
    assert code == 0
    if reasons is None:
        assert (document["decision"], document["code"]) == ("HOLD", "MARK_STALE")
    else:
        assert {line["reason"] for line in document["lines"]} <= reasons


def test_contradictory_manifest_is_refused_with_exit_3(
    world: World, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    manifest = pytestconfig.rootpath / "data/samples/sp500/manifests/2022-05-13.json"
    code, document = planned(world, capsys, "--manifest", str(manifest), "--now", "2022-05-13T20:10:00Z")
    assert (code, document["decision"], document["plan_sha256"], document["lines"]) == (3, "REFUSED", None, [])
    assert document["code"]


def test_stale_manifest_is_a_hold_with_exit_0(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = planned(world, capsys, "--now", "2023-04-29T20:10:00Z")
    assert (code, document["decision"], document["code"]) == (0, "HOLD", "MANIFEST_STALE")


@pytest.mark.parametrize(
    ("content", "decision"),
    [
        (None, "HOLD"),
        (b"", "HOLD"),
        (b'{"winners": [', "HOLD"),
        (b'{"winners": []}', "HOLD"),
        (b"[" * 100_000, "REFUSED"),
        (b"\xff\xfe", "REFUSED"),
    ],
    ids=["vanished", "empty", "half written", "no winners", "brackets", "not text"],
)
def test_manifest_that_cannot_be_read_trades_nothing(
    content: bytes | None, decision: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        world.manifest.unlink()
    else:
        world.manifest.write_bytes(content)
    code, document = planned(world, capsys)
    if content == b"[" * 100_000:
        decision = document["decision"]  # cut short or too deep: the reader's tests say which
    assert (code, document["decision"], document["lines"]) == (3 if decision == "REFUSED" else 0, decision, [])


def test_link_out_of_the_lakehouse_is_refused(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    world.manifest.rename(outside)
    world.manifest.symlink_to(outside)
    code, document = planned(world, capsys)
    assert (code, document["decision"]) == (3, "REFUSED")


def test_run_that_is_not_proven_is_refused(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    world.configure('runs_directory = "data/samples/sp500/runs"', f'runs_directory = "{tmp_path / "runs"}"')
    code, document = planned(world, capsys)
    assert (code, document["code"]) == (3, "PROVENANCE_BELOW_MINIMUM")
    assert document["source_run"] == {"run_id": "20220429-sp500-hrp", "grade": "ABSENT"}


def test_limit_below_the_plan_refuses_it_with_the_control(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.configure('max_leverage = "1.05"', 'max_leverage = "0.5"')
    code, document = planned(world, capsys)
    assert (code, document["decision"], document["code"]) == (3, "REFUSED", "MAX_LEVERAGE")
    assert document["lines"]
    assert document["plan_sha256"]


def test_halt_refuses_the_plan(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["halt", "--reason", "a test", "--lakehouse", str(world.root)]) == 0
    capsys.readouterr()
    code, document = planned(world, capsys)
    assert (code, document["code"]) == (3, "HALT")


def test_holding_without_a_price_is_a_hold(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in world.quotes.read_text().splitlines() if not line.startswith("NYSE:BBY")]
    world.quotes.write_text("\n".join(lines) + "\n")
    code, document = planned(world, capsys)
    assert (code, document["decision"], document["code"]) == (0, "HOLD", "NO_MARK")


def test_target_without_a_price_is_a_line_that_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in world.quotes.read_text().splitlines() if not line.startswith("NYSE:XOM")]
    world.quotes.write_text("\n".join(lines) + "\n")
    code, document = planned(world, capsys)
    assert code == 0
    assert [line["reason"] for line in document["lines"] if line["symbol"] == "NYSE:XOM"] == ["NO_PRICE"]


def test_zero_step_leaves_its_symbol_untraded(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    limits = json.loads(world.market_limits.read_text())
    next(entry for entry in limits["limits"] if entry["symbol"] == "NYSE:XOM")["step_size"] = "0"
    world.market_limits.write_text(json.dumps(limits))
    code, document = planned(world, capsys)
    assert code == 0
    assert [line["reason"] for line in document["lines"] if line["symbol"] == "NYSE:XOM"] == ["NO_LIMITS"]
    assert [entry["symbol"] for entry in document["market_limits_refused"]] == ["NYSE:XOM"]


@pytest.mark.parametrize("name", ["quotes", "book", "market_limits"])
def test_missing_snapshot_is_a_config_error_that_says_what_to_do(
    name: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    getattr(world, name).unlink()
    assert run(["plan", "--config", str(world.config)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error    SNAPSHOT_MISSING")
    assert "make paper" in captured.err
    assert captured.err.count("\n") == 1


def test_weight_that_no_exact_arithmetic_holds_is_a_hold_like_in_the_engine(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(world.manifest.read_text())
    asset = document["winners"][0]["assets"][0]
    asset["Weight"] = asset["Net_Weight"] = "absurd"
    world.manifest.write_text(json.dumps(document).replace('"absurd"', "1.234567890123456e-399"))
    code, answer = planned(world, capsys)
    assert (code, answer["decision"], answer["code"]) == (0, "HOLD", "NUMBER_RANGE")
