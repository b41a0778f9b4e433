"""`sluice rehearse CONFIG` as a person runs it: an exchange, a live run armed on it, and both sides' books at the end."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from commands.rehearsal_books import compared
from commands.rehearsal_desk import toml_text
from commands.rehearsal_truth import binance_truth, tws_truth
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.live_note import read_live_note
from lakehouse.lock import current_holder
from sim.rehearsal.hand import Truth
from sim.rehearsal.tws.values import State
from tests.children import END_S, child

ROOT = Path(__file__).parents[2]
CONFIG = "data/configs/crypto_rehearsal.toml"
IB = "data/configs/ib_rehearsal.toml"


def rehearsed(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "commands.main", "rehearse", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=END_S, check=False)


def test_a_rehearsal_trades_through_a_fault_shows_both_books_and_ends_well(tmp_path: Path) -> None:
    place = tmp_path / "r"
    done = rehearsed(CONFIG, "--directory", str(place), "--for", "22", "--fault", "unknown", "--fault-fraction", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agree      both sides" in done.stdout
    assert "Traceback" not in done.stderr
    assert (place / "keys").stat().st_mode & 0o077 == 0
    assert (place / "keys" / "rehearsal").stat().st_mode & 0o777 == 0o400
    again = rehearsed(CONFIG, "--directory", str(place), "--for", "1")
    assert again.returncode == 2
    assert "REHEARSAL_EXISTS" in again.stderr


def test_a_rehearsal_at_interactive_brokers_trades_through_faults_and_shows_both_books(tmp_path: Path) -> None:
    place = tmp_path / "r"
    faults = ("--fault", "mute", "--fault", "drop_after", "--fault-fraction", "0.1")
    done = rehearsed(IB, "--directory", str(place), "--for", "25", *faults)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agree      both sides" in done.stdout
    assert "faults     0 struck" not in done.stdout
    assert "Traceback" not in done.stderr
    assert [path.name for path in (place / "keys").iterdir()] == ["rehearsal.pem"], "TWS asks for no key"
    assert f"sluice rehearse --tws --state {place}/tws.json" in done.stdout


def gone(pid: int) -> None:
    """Wait until no such process runs; nobody may have reaped it yet."""
    deadline = time.monotonic() + END_S
    while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline, f"process {pid} was left"
        time.sleep(0.05)


def test_a_live_run_that_is_killed_is_told_with_both_books_and_exits_with_1(tmp_path: Path) -> None:
    place = tmp_path / "r"
    command = [sys.executable, "-m", "commands.main", "rehearse", CONFIG, "--directory", str(place), "--for", "60"]
    with child(command, cwd=ROOT) as process:
        layout = Layout(place / "lakehouse")
        deadline = time.monotonic() + END_S
        while not (layout.log.exists() and b'"cycle_end"' in layout.log.read_bytes()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found = current_holder(layout)
        assert found is not None
        assert found.pid is not None
        note = read_live_note(layout)
        assert note is not None
        assert note.watchdog is not None
        assert Path(f"/proc/{note.watchdog}").exists()
        os.kill(found.pid, signal.SIGKILL)
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1, said
        gone(note.watchdog)
        assert "killed     the live run, by SIGKILL" in said
        assert "agree      both sides" in said


def test_a_venue_that_holds_less_than_the_config_says_is_told_and_exits_with_1(tmp_path: Path) -> None:
    done = rehearsed(CONFIG, "--directory", str(tmp_path / "r"), "--for", "20", "--balance", "USDT=99", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert any("USDT 100000" in words for words in last["books"]["parted"])
    assert last["books"]["orders"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("data/configs/crypto_live.toml",), "REHEARSAL_CONFIG"),
        (("nowhere.toml",), "CONFIG_UNREADABLE"),
        (("--directory", "x"), "USAGE"),
        ((IB, "--fault", "hang"), "USAGE"),
        (("--tws", "--recorded", "x"), "USAGE"),
        (("--tws", "--balance", "BTC=1"), "USAGE"),
    ],
    ids=[
        "a config without live",
        "no config there",
        "a directory without a config",
        "a fault that TWS has not",
        "a recording at TWS",
        "an asset that TWS has not",
    ],
)
def test_what_cannot_be_rehearsed_is_refused_in_one_line(words: tuple[str, ...], code: str) -> None:
    done = rehearsed(*words, "--for", "1")
    assert done.returncode == 2
    assert code in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _order(truth: dict[str, Any]) -> dict[str, Any]:
    return dict(truth["orders"][0])


ALTERED: list[tuple[str, str, Callable[[dict[str, Any]], None]]] = [
    ("an order twice", "2 times", lambda truth: truth["orders"].append(_order(truth))),
    ("an order of nobody", "order x", lambda truth: truth["orders"].append(_order(truth) | {"clientOrderId": "x"})),
    ("an order gone", "- at the venue", lambda truth: truth["orders"].pop()),
    ("a trade gone", "trade ", lambda truth: truth["trades"].pop()),
    ("a trade at another price", "at 1 at the venue", lambda truth: truth["trades"][0].update(price="1")),
    ("an order that works on", "NEW at the venue", lambda truth: truth["orders"][0].update(status="NEW")),
    ("more filled", "FILLED at the venue", lambda truth: truth["orders"][0].update(executedQty="9")),
    ("less held", "BTC", lambda truth: truth["balances"]["main"]["BTC"].update(free="0")),
]  # fmt: skip

ALTERED_TWS: list[tuple[str, str, Callable[[State], None]]] = [
    ("nothing", "", lambda state: None),
    ("an order twice", "2 times", lambda state: state.orders.append(state.orders[0])),
    ("an order of nobody", "order PERM-", lambda state: setattr(state.orders[0], "order_ref", "")),
    ("a fill gone", "trade ", lambda state: state.executions.pop()),
    ("an order that works on", "Submitted at the venue", lambda state: setattr(state.orders[0], "status", "Submitted")),
    ("a share less", "NASDAQ:AAPL", lambda state: state.positions.update({265598: state.positions[265598] - 1})),
    ("a cent less", "USD", lambda state: state.cash.update(USD=state.cash["USD"] - Decimal("0.02"))),
]


def test_each_way_in_which_the_sides_may_part_is_told(tmp_path: Path) -> None:
    """One rehearsal; then the same journal against a venue that says something else, and against itself."""
    place = tmp_path / "r"
    assert rehearsed(CONFIG, "--directory", str(place), "--for", "4").returncode == 0
    config = load_config(place / "run.toml")
    inputs = read_inputs(config)
    sound = _remembered(place)
    assert compared(binance_truth(Truth(sound), venue="BINANCE"), config=config, inputs=inputs, venue="BINANCE").parted == ()
    for name, words, change in ALTERED:
        truth = copy.deepcopy(sound)
        change(truth)
        parted = compared(binance_truth(Truth(truth), venue="BINANCE"), config=config, inputs=inputs, venue="BINANCE").parted
        assert any(words in one for one in parted), (name, parted)


def test_each_way_in_which_tws_may_part_is_told(tmp_path: Path) -> None:
    place = tmp_path / "r"
    assert rehearsed(IB, "--directory", str(place), "--for", "12").returncode == 0
    config = load_config(place / "run.toml")
    inputs = read_inputs(config)
    sound = msgspec.json.decode((place / "tws.json").read_bytes(), type=State)
    for name, words, change in ALTERED_TWS:
        state = copy.deepcopy(sound)
        change(state)
        truth = tws_truth(state, listings=inputs.listings, venue="IBKR")
        parted = compared(truth, config=config, inputs=inputs, venue="IBKR").parted
        assert any(words in one for one in parted) if words else parted == (), (name, parted)


def _remembered(place: Path) -> dict[str, Any]:
    """What the exchange's memory says, through another exchange on the same file."""
    command = [sys.executable, "-m", "commands.main", "rehearse", "--state", str(place / "venue.sqlite")]
    done = subprocess.run(
        [*command, "--port", "0", "--for", "1", "--json"], cwd=ROOT, capture_output=True, text=True, timeout=END_S, check=True
    )
    truth: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["truth"]
    return truth


@pytest.mark.parametrize("config", [CONFIG, IB], ids=["ccxt", "ibkr"])
def test_a_copied_config_says_what_the_shipped_one_says(config: str) -> None:
    document = tomllib.loads((ROOT / config).read_text())
    assert tomllib.loads(toml_text(document)) == document
