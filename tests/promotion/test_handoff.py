"""`sluice promote handoff`: a shadow's book into an account that holds coins, by plan, through the gate; and refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from commands.demo_log import lines
from commands.rehearsal_desk import RehearsalDesk, furnish, new_desk
from engine.run_config import load_config
from lakehouse.handoff_file import LIFE_NS, Handoff, read_handoff, write_handoff
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold
from lakehouse.verifier import verify
from live.handoff import book_has_moved, booking, offered
from orders.errors import InputError
from orders.reconcile import Difference
from tests.children import child
from venues.answers import VenueTransfer

ROOT = Path(__file__).resolve().parents[2]
SLUICE = [sys.executable, "-m", "commands.main"]
HELD = {"USDT": "60000", "BTC": "0.05", "ETH": "9"}
NOW = 1_800_000_000_000_000_000
D = Decimal


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


def made(**changed: Any) -> Handoff:
    facts: dict[str, Any] = {
        "environment": "rehearsal-crypto", "venue": "BINANCE", "account_id": "354937868", "bundle_sha256": "a" * 64,
        "shadow": "s", "shadow_lines": 9, "by": "ann", "reason": "why", "created_ns": NOW, "expires_ns": NOW + LIFE_NS,
        "holdings": {"BTC": D("0.05"), "USDT": D("60000")},
    }  # fmt: skip
    return Handoff(**(facts | changed))


def test_a_handoff_is_read_as_it_was_written_and_nothing_else_is(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_handoff(layout) is None
    write_handoff(layout, made())
    assert read_handoff(layout) == made()
    for spoilt in (b"{}", made().data().replace(b'"0.05"', b'"-1"'), made().data().replace(b'"version":1', b'"version":2')):
        layout.handoff.write_bytes(spoilt)
        with pytest.raises(InputError, match="HANDOFF_MALFORMED"):
            read_handoff(layout)


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "its hour is over": ({}, NOW + LIFE_NS, "hour is over"),
    "of the future": ({}, NOW - 1, "hour is over"),
    "of another bundle": ({"bundle_sha256": "b" * 64}, NOW, "of bundle bbbb"),
    "of another account": ({"account_id": "1"}, NOW, "account 1"),
    "of another environment": ({"environment": "other"}, NOW, "environment other"),
}


@pytest.mark.parametrize(("changed", "now_ns", "words"), REFUSED.values(), ids=REFUSED)
def test_a_handoff_is_refused_that_is(changed: dict[str, Any], now_ns: int, words: str, tmp_path: Path) -> None:
    os.chdir(ROOT)
    config = load_config(Path("data/configs/crypto_rehearsal.toml"))
    layout = Layout(tmp_path)
    write_handoff(layout, made(**changed))
    found = offered(layout, LogFold(), config=config, bundle_sha256="a" * 64, venue="BINANCE", now_ns=now_ns)
    assert found.handoff is None
    assert words in found.problem
    good = offered(layout, LogFold(), config=config, bundle_sha256="a" * 64, venue="OTHER", now_ns=NOW)
    assert (good.handoff, good.problem) == (None, "")


def test_a_good_handoff_is_offered_until_something_else_has_moved_the_book(tmp_path: Path) -> None:
    os.chdir(ROOT)
    config = load_config(Path("data/configs/crypto_rehearsal.toml"))
    write_handoff(Layout(tmp_path), made())
    fold = LogFold()
    fold.transfer_keys.add(("BINANCE", "deposit", f"{made().transfer_prefix}BTC"))  # a start that was cut off has booked one
    facts: dict[str, Any] = {"config": config, "bundle_sha256": "a" * 64, "venue": "BINANCE", "now_ns": NOW}
    assert offered(Layout(tmp_path), fold, **facts).handoff == made()
    fold.transfer_keys.add(("BINANCE", "deposit", "77"))
    assert "moved the book" in offered(Layout(tmp_path), fold, **facts).problem
    fold.fill_count = 1
    assert "1 fills" in book_has_moved(fold)


def test_what_the_account_holds_is_booked_only_where_it_is_what_was_seen() -> None:
    facts = {"expected": D(0), "tolerance": D("0.00001")}
    found = booking(made(), Difference(code="BTC", found=D("0.05"), **facts))
    assert isinstance(found, VenueTransfer)
    assert (found.kind, found.amount, found.transfer_id) == ("deposit", D("0.05"), f"{made().transfer_prefix}BTC")
    assert booking(made(), Difference(code="BTC", found=D("0.06"), **facts)) == (
        "BTC was 0.05 when ann handed it over, and is 0.06"
    )
    assert "SOL was 0" in str(booking(made(), Difference(code="SOL", found=D("1"), **facts)))
