"""A live run at the fake TWS through what a night at Interactive Brokers brings: lost lines, a restart, somebody else's hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.ib_world import AAPL, IbDesk, ib_desk
from tests.live.invariants import reached, whole

NIGHTS: list[tuple[str, Callable[[IbDesk], None], Callable[[IbDesk], None]]] = [
    ("1100 and 1102", lambda made: made.venue.lose_ib(), lambda made: made.venue.regain_ib()),
    ("1100 and 1101", lambda made: made.venue.lose_ib(), lambda made: made.venue.regain_ib(data_lost=True)),
    ("a broken line", lambda made: made.venue.cut(), lambda made: None),
    ("the nightly restart", lambda made: made.venue.outage(3_000), lambda made: None),
]


def alarmed(made: IbDesk, code: str) -> bool:
    return code in [line["code"] for line in made.of("alarm")]


@pytest.mark.parametrize(("lose", "regain"), [row[1:] for row in NIGHTS], ids=[row[0] for row in NIGHTS])
def test_a_run_outlives_a_lost_line_and_trades_on(
    lose: Callable[[IbDesk], None], regain: Callable[[IbDesk], None], tmp_path: Path
) -> None:
    with ib_desk(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        lose(made)
        made.until(lambda: alarmed(made, "VENUE_LINE_LOST"), process)
        regain(made)
        made.until(lambda: alarmed(made, "VENUE_LINE_BACK"), process)
        made.weigh("0.23")
        made.until(lambda: len(made.of("cycle_end")) == 2, process)
        said = made.end(process)
        assert process.returncode == 0, said
        assert len(made.ids()) == 4
        whole(made)


def test_without_a_line_to_ib_nothing_leaves_and_the_next_manifest_trades_when_it_is_back(tmp_path: Path) -> None:
    with ib_desk(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.venue.lose_ib()
        made.until(lambda: alarmed(made, "VENUE_LINE_LOST"), process)
        made.weigh("0.21")
        made.until(lambda: len(made.of("cycle_end")) == 2, process)
        assert "NOT_CONNECTED" in {line["code"] for line in made.of("reject")}
        assert len(made.ids()) == 2
        made.venue.regain_ib()
        made.until(lambda: alarmed(made, "VENUE_LINE_BACK"), process)
        made.weigh("0.22", seconds_ago=0)
        made.until(lambda: len(made.of("cycle_end")) == 3, process)
        assert len(made.ids()) == 4
        said = made.end(process)
        assert process.returncode == 0, said
        whole(made)


def test_shares_sold_by_somebody_else_lock_the_venue_and_refuse_the_next_start(tmp_path: Path) -> None:
    with ib_desk(tmp_path) as made:
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.venue.place("AAPL", "SELL", "5")
        made.until(lambda: [line["outcome"] for line in made.of("reconcile")][-1:] == ["break"], process)
        assert f"{AAPL.symbol} 86 in the book, 81 at the venue: -5" in made.of("reconcile")[-1]["detail"]
        orders = len(made.ids())
        made.weigh("0.1")
        made.until(lambda: len(made.of("cycle_end")) == 2, process)
        assert len(made.ids()) == orders, "a locked venue traded"
        assert "RECONCILIATION_BREAK" in {line["code"] for line in made.of("verdict")}
        made.end(process)
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "RECONCILIATION_BREAK" in said
        assert len(made.ids()) == orders


def test_orders_of_another_client_id_refuse_the_start(tmp_path: Path) -> None:
    with ib_desk(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        made.end(process)
        made.change("client_id = 7", "client_id = 8")
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "FOREIGN_CLIENT_ID" in said
        assert made.working() == [], "a run that ends halted cancels whatever is ours, under the id that can"


def test_what_ended_unfilled_and_was_forgotten_over_midnight_ends_here_too(tmp_path: Path) -> None:
    with ib_desk(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        made.end(process)
        for order_id in made.working():
            made.venue.end(order_id)
        made.venue.next_day()
        made.change('schedule = "slow"\n', "")
        process = made.start()
        made.until(lambda: [line["code"] for line in made.of("alarm")].count("ORDER_FORGOTTEN") == 2, process)
        made.until(lambda: reached(made), process)
        made.end(process)
        assert sum(order.works for order in made.venue.truth().orders) == 0
        whole(made)


def test_what_filled_and_was_forgotten_over_midnight_refuses_the_start(tmp_path: Path) -> None:
    with ib_desk(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        made.end(process)
        made.venue.quote("AAPL", "200.00", "200.02")
        made.venue.next_day()
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "RECONCILIATION_BREAK" in said
        assert "ORDER_FORGOTTEN" not in said
        assert AAPL.symbol in said
