"""What `sluice live` refuses before anything is sent, from the command line, each by one change to what it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.gate.world import BTC, ETH
from tests.live.world import HOUR_NS, Desk, desk, fresh


def _foreign_signer(made: Desk) -> None:
    from live.signing_keys import make_key

    (made.keys / "alice.pem").unlink()
    make_key("alice", directory=made.keys)
    made.arm()


REFUSED: list[tuple[str, str, Callable[[Desk], None]]] = [
    ("a wrong key", "CREDENTIALS_REFUSED", lambda made: made.secret(key="A" * 64)),
    ("no key", "CREDENTIALS_REFUSED", lambda made: (made.keys / "rehearsal").unlink()),
    ("a key others can read", "CREDENTIALS_REFUSED", lambda made: (made.keys / "rehearsal").chmod(0o440)),
    ("no arming", "ARMING_REFUSED", lambda made: (made.root / "arming.json").unlink()),
    ("an arming signed by another key", "ARMING_REFUSED", _foreign_signer),
    ("an arming of yesterday", "ARMING_EXPIRED", lambda made: made.arm(
        not_before_ns=time.time_ns() - 2 * HOUR_NS, expires_ns=time.time_ns() - HOUR_NS)),
    ("an arming of another account", "ARMING_FOREIGN", lambda made: made.arm(account_id="1")),
    ("an arming over the cap", "CAP_EXCEEDED", lambda made: made.arm(day_notional=Decimal("500001"))),
    ("a clock 30 s off", "CLOCK_OFFSET", lambda made: made.venue.skew(30_000)),
    ("larger orders than the venue takes", "LIMITS_CHANGED", lambda made: made.limits({BTC.symbol: "121"})),
]  # fmt: skip


@pytest.mark.parametrize(("code", "change"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_one_thing_missing_is_named_and_nothing_is_sent(code: str, change: Callable[[Desk], None], tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        change(made)
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 3, said
        assert f"refused  {code}" in said
        assert "Traceback" not in said
        assert made.venue.secret not in said
        assert made.venue.key not in said
        assert made.venue.truth().orders == []
        assert made.of("intent", "send") == []


def test_without_the_environment_variable_nothing_is_live(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = made.start(environ={})
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 3, said
        assert "refused  ENV_NOT_LIVE" in said
        assert made.venue.truth().orders == []


def test_a_config_without_live_is_told_so(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        text = made.config.read_text()
        made.config.write_text(text[: text.index("[live]")])
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 2, said
        assert "CONFIG_NOT_LIVE" in said


def test_an_altered_ledger_refuses_to_start(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = made.start("--for", "2")
        process.communicate(timeout=60)
        ledger = made.world.layout.ledger
        first, rest = ledger.read_bytes().split(b"\n", 1)
        ledger.write_bytes(first.replace(b'"ts":"1', b'"ts":"2', 1) + b"\n" + rest)
        assert not verify(made.world.lakehouse).ok
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode in (1, 3), said
        assert "line 1" in said or "LEDGER" in said
        assert "Traceback" not in said


def test_a_stranger_s_order_at_the_venue_halts(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.venue.place(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.001", price="90000.00")
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "EXTERNAL_ORDER" in said
        assert len(made.venue.truth().open_orders()) == 1, "it was left alone"
        assert made.of("intent") == []


def test_a_stranger_s_order_is_cancelled_where_the_config_says_so(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.change('external_orders = "halt"', 'external_orders = "cancel"')
        made.venue.place(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.001", price="90000.00")
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        said = made.end(process)
        assert process.returncode == 0, said
        assert made.venue.truth().open_orders() == []
        assert "external" in [line["outcome"] for line in made.of("reconcile")]
        assert verify(made.world.lakehouse).ok


def test_money_taken_out_while_it_runs_locks_the_venue_and_frees_it_when_it_is_back(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        held = made.venue.truth().balances["main"]["USDT"]["free"]
        made.venue.set_balance("USDT", "5.00")
        made.until(lambda: [line["outcome"] for line in made.of("reconcile")][-1:] == ["break"], process)
        orders = len(made.venue.truth().orders)
        made.install(fresh({BTC.symbol: "0.1", ETH.symbol: "0.1"}, seconds_ago=1))
        made.until(lambda: len(made.of("cycle_end")) == 2, process)
        assert len(made.venue.truth().orders) == orders, "a locked venue traded"
        assert "RECONCILIATION_BREAK" in {line["code"] for line in made.of("verdict")}
        made.venue.set_balance("USDT", held)
        made.until(lambda: [line["outcome"] for line in made.of("reconcile")][-1:] == ["clean"], process)
        made.end(process)
        assert verify(made.world.lakehouse).ok
