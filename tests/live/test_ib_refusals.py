"""What `sluice live` at Interactive Brokers refuses before anything is sent, each by one change to what it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from live.signing_keys import make_key
from orders.errors import VenueUnavailable
from sim.shadow_run import run_shadow
from tests.live.config import ib_config
from tests.live.ib_world import IbDesk, ib_desk
from tests.live.world import HOUR_NS


def _account(name: str) -> Callable[[IbDesk], None]:
    def change(made: IbDesk) -> None:
        made.change('account_id = "REHEARSAL1"', f'account_id = "{name}"')
        made.arm(account_id=name)

    return change


NOT_ARMED: list[tuple[str, str, Callable[[IbDesk], None]]] = [
    ("a rehearsal that TWS denies", "ACCOUNT_MISMATCH  IBKR: the venue's account is REHEARSAL1", _account("REHEARSAL2")),
    ("a real account at a loopback port", "NOT_PROMOTED", _account("DU1234567")),
    ("no arming", "ARMING_REFUSED", lambda made: (made.root / "arming.json").unlink()),
    ("an arming of yesterday", "ARMING_EXPIRED", lambda made: made.arm(
        not_before_ns=time.time_ns() - 2 * HOUR_NS, expires_ns=time.time_ns() - HOUR_NS)),
    ("a clock 30 s off", "CLOCK_OFFSET", lambda made: made.venue.skew(30_000)),
    ("a coarser tick overnight", "LIMITS_CHANGED    IBKR: NASDAQ:AAPL tick_size 0.01 here, 0.05 there",
     lambda made: made.venue.change_contract("AAPL", rule=[["0", "0.05"]])),
    ("a share without ISIN", "CONTRACT_REFUSED  IBKR: ISIN_MISSING: NYSE:XOM",
     lambda made: made.venue.change_contract("XOM", isin="")),
]  # fmt: skip
UNREACHED: list[tuple[str, str, Callable[[IbDesk], None]]] = [
    ("no TWS", "VENUE_UNREACHABLE", lambda made: made.venue.stop()),
    ("a client id in use", "CLIENT_ID_TAKEN", lambda made: made.venue.clash(1_000)),
]


@pytest.mark.parametrize(("words", "change"), [row[1:] for row in NOT_ARMED], ids=[row[0] for row in NOT_ARMED])
def test_one_thing_missing_is_named_and_nothing_is_sent(words: str, change: Callable[[IbDesk], None], tmp_path: Path) -> None:
    with ib_desk(tmp_path) as made:
        change(made)
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 3, said
        assert " ".join(words.split()) in " ".join(said.split())
        assert "Traceback" not in said
        assert made.ids() == []
        assert made.of("intent", "send") == []


@pytest.mark.parametrize(("code", "change"), [row[1:] for row in UNREACHED], ids=[row[0] for row in UNREACHED])
def test_a_tws_that_does_not_take_us_is_one_error_and_halts_nothing(
    code: str, change: Callable[[IbDesk], None], tmp_path: Path
) -> None:
    with ib_desk(tmp_path) as made:
        change(made)
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert code in said
        assert "Traceback" not in said
        assert made.of("intent", "send", "halt") == []
        assert made.world.layout.permission.exists(), "it may be started again at once"


def test_a_stranger_s_order_at_tws_halts_and_is_left_alone(tmp_path: Path) -> None:
    with ib_desk(tmp_path) as made:
        made.venue.place("AAPL", "BUY", "1", limit="200.00")
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "EXTERNAL_ORDER" in said
        assert [order.status for order in made.venue.truth().orders] == ["Submitted"]
        assert made.of("intent") == []


def test_a_shadow_without_a_tws_ends_at_once(tmp_path: Path) -> None:
    world = ib_config(tmp_path, make_key("alice", directory=tmp_path / "keys"), names=IbDesk.names, port=1)
    with pytest.raises(VenueUnavailable, match="VENUE_UNREACHABLE"):
        run_shadow(world.config_path, as_json=False)


def test_a_shadow_simulates_its_fills_on_a_line_that_asks_tws_for_the_market_and_nothing_else(tmp_path: Path) -> None:
    with ib_desk(tmp_path) as made:
        process = made.start("--for", "6", engine="shadow", environ={})
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 0, said
        assert sorted(line["side"] for line in made.of("fill")) == ["BUY", "BUY"]
        assert made.venue.truth().orders == []
        assert not {"place", "cancel", "positions", "account_summary", "open_orders", "executions"} & made.venue.counts().keys()


@pytest.mark.parametrize(
    ("request_kind", "words"),
    [("executions", "at least one of the three queries was not answered"), ("account_summary", "no answer within 20 s")],
    ids=["what was filled today", "what the account holds"],
)
def test_a_tws_that_leaves_a_question_of_the_start_unanswered_ends_the_run_halted(
    request_kind: str, words: str, tmp_path: Path
) -> None:
    with ib_desk(tmp_path) as made:
        made.venue.fault(request_kind, "swallow", times=100)
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert words in said
        assert "NOT_CONNECTED" in [line["code"] for line in made.of("alarm")]
        assert made.of("intent", "send") == []
        assert not made.world.layout.permission.exists()
