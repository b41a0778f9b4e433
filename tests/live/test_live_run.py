"""A live run from the command line against the rehearsal exchange: what it trades, and what a restart knows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from lakehouse.verifier import verify
from tests.children import kill
from tests.gate.world import BTC, ETH
from tests.live.world import Desk, desk, dice_of, fresh


def agreed(made: Desk) -> None:
    """What must hold whenever the engine is dead or at rest: the record verifies, and the venue knows no order twice."""
    report = verify(made.world.lakehouse)
    assert report.ok, report
    truth = made.venue.truth()
    ids = [order["clientOrderId"] for order in truth.orders]
    assert len(ids) == len(set(ids)), "an order is at the venue twice"
    intended = {line["client_order_id"] for line in made.of("intent")}
    assert set(ids) <= intended, "an order at the venue that nobody intended"
    sent = [line["client_order_id"] for line in made.of("send") if line["action"] == "submit"]
    assert len(sent) == len(set(sent)), "an order was sent twice"
    assert set(ids) <= set(sent), "an order was at the venue before its send line was durable"


def whole(made: Desk) -> None:
    """At rest after a whole cycle: every trade of the venue is a fill of ours and the other way round."""
    agreed(made)
    truth = made.venue.truth()
    assert sorted(str(trade["id"]) for trade in truth.trades) == sorted(line["trade_id"] for line in made.of("fill"))
    positions = verify(made.world.lakehouse).positions
    held = truth.balances["main"]
    for name in (BTC, ETH):
        at_venue = Decimal(held[str(name.base)]["free"]) + Decimal(held[str(name.base)]["locked"])
        assert abs(positions.get(name.symbol, Decimal(0)) - at_venue) < Decimal(name.step)


def reached(made: Desk) -> bool:
    """Both names were filled and no cycle is open."""
    filled = {line["symbol"] for line in made.of("fill")}
    return filled == {BTC.symbol, ETH.symbol} and len(made.of("cycle")) == len(made.of("cycle_end"))


def test_a_manifest_is_traded_at_the_venue_once_and_the_books_agree(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        said = made.end(process)
        assert process.returncode == 0, said
        assert len(made.of("send")) == len(made.venue.truth().orders) == 2
        whole(made)


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.end(process)
        before = made.lines
        process = made.start("--for", "3")
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 0, said
        added = [line["type"] for line in made.lines[len(before) :]]
        assert set(added) <= {"run_start", "manifest", "reconcile", "run_stop"}, added
        whole(made)


def test_an_engine_killed_again_and_again_reaches_its_target_once(tmp_path: Path) -> None:
    dice = dice_of("killed again and again")
    with desk(tmp_path) as made:
        for _ in range(4):
            process = made.start()
            wanted = len(made.lines) + dice.randint(1, 8)
            made.until(lambda wanted=wanted: len(made.lines) >= wanted or reached(made), process)  # type: ignore[misc]
            kill(process)
            agreed(made)
        started = len(made.of("run_start"))
        process = made.start()
        made.until(lambda: len(made.of("run_start")) > started and reached(made), process)
        said = made.end(process)
        assert process.returncode == 0, said
        whole(made)


def test_a_balance_smaller_than_the_journal_says_halts_before_anything_is_traded(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.end(process)
        orders = len(made.venue.truth().orders)
        made.venue.set_balance("USDT", "100.00")
        made.world.install(fresh({BTC.symbol: "0.1", ETH.symbol: "0.1"}, seconds_ago=1))
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "RECONCILIATION_BREAK" in said
        assert "USDT" in said
        assert "Traceback" not in said
        assert len(made.venue.truth().orders) == orders
