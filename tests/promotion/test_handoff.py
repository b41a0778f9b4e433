"""`sluice promote handoff` on a record without promotions: a rehearsal's account of coins, taken over by plan, unsigned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from commands.demo_log import lines
from commands.rehearsal_desk import RehearsalDesk, furnish, new_desk
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.verifier import verify
from tests.children import child

ROOT = Path(__file__).resolve().parents[2]
SLUICE = [sys.executable, "-m", "commands.main"]
HELD = {"USDT": "60000", "BTC": "0.05", "ETH": "9"}


@dataclass
class Account:
    """A rehearsal exchange whose account holds coins, a shadow's record beside it, and the desk of a live run."""

    desk: RehearsalDesk
    shadow: Path

    @property
    def layout(self) -> Layout:
        return Layout(load_config(self.desk.config).lakehouse.directory)

    def run(self, *words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = [*SLUICE, *map(str, words)]
        environ = {**os.environ, **(env or {})}
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=environ)

    def handoff(self, *more: str) -> subprocess.CompletedProcess[str]:
        words = ["--shadow", self.shadow, "--by", "ann", "--reason", "take it over", "--keys", self.desk.keys]
        return self.run("promote", "handoff", self.desk.config, *words, *more)

    def live(self) -> subprocess.CompletedProcess[str]:
        return self.run(*self.desk.live_words[3:], "--for", "15", env={"SLUICE_ENV": "live"})


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    root = tmp_path_factory.mktemp("handoff")
    os.chdir(ROOT)
    balances = [word for code, amount in HELD.items() for word in ("--balance", f"{code}={amount}")]
    words = ["rehearse", "--json", "--port", "0", "--state", str(root / "venue.sqlite"), *balances]
    with child([*SLUICE, *words]) as exchange:
        assert exchange.stdout is not None
        hello = json.loads(exchange.stdout.readline())
        desk = new_desk(Path("data/configs/crypto_rehearsal.toml"), directory=root / "desk")
        desk.make()
        furnish(desk, hello)
        made = Account(desk=desk, shadow=root / "shadow")
        done = made.run("shadow", desk.config, "--lakehouse", made.shadow, "--for", "8")
        assert done.returncode == 0, done.stdout + done.stderr
        yield made


def test_an_account_that_holds_coins_is_taken_over_by_plan_and_traded_to_the_shadow_s_targets(account: Account) -> None:
    """The book of the config is 100,000 USDT, so without a handoff the start is a break."""
    unasked = account.handoff()
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    asked = account.handoff("--yes")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    for words in ("BINANCE:BTCUSDT", "BUY", "SELL", "forecast cost of all", str(account.layout.handoff)):
        assert words in asked.stdout
    done = account.live()
    assert done.returncode == 0, done.stdout + done.stderr
    booked = [(line["currency"], line["amount"], line["kind"]) for line in lines(account.layout.directory)
              if line["type"] == "transfer"]  # fmt: skip
    assert sorted(booked) == [("BTC", "0.05", "deposit"), ("ETH", "9", "deposit"), ("USDT", "-40000", "withdrawal")]
    sides = {(line["symbol"], line["side"]) for line in lines(account.layout.directory) if line["type"] == "fill"}
    assert sides == {("BINANCE:BTCUSDT", "BUY"), ("BINANCE:ETHUSDT", "SELL")}
    assert not account.layout.handoff.exists()
    assert any(line["type"] == "reconcile" and line["outcome"] == "handoff" for line in lines(account.layout.directory))
    assert verify(account.layout.directory).ok
    again = account.handoff("--yes")
    assert (again.returncode, "HANDOFF_LATE" in again.stderr) == (3, True)
    second = account.live()
    assert second.returncode == 0, second.stdout + second.stderr
    assert sum(line["type"] == "transfer" for line in lines(account.layout.directory)) == 3


def test_a_directory_that_is_no_shadow_is_refused(account: Account, tmp_path: Path) -> None:
    other = msgspec.structs.replace(account.desk, directory=account.desk.directory)
    done = account.run(
        "promote", "handoff", other.config, "--shadow", tmp_path, "--by", "ann", "--reason", "x", "--keys", other.keys, "--yes"
    )
    assert done.returncode == 3
    assert "HANDOFF_" in done.stderr
