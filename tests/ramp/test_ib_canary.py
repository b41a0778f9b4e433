"""A canary at the fake TWS: whole shares of its part, capped by planner and Sentinel, less on a step down, and its twin."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.verifier import verify
from tests.live.canary import Canary, governed
from tests.live.ib_world import IbDesk, ib_desk
from tests.promotion.world import sluice
from tests.twin.made import Beside

CASH = Decimal(1_000_000)
VALUE = [('max_order_value_base = "60000"', 'max_order_value_base = "300000"')]  # of the whole equity; of a step its part


def shares(made: Canary) -> list[Decimal]:
    """What the account holds at TWS, Apple first."""
    return [made.desk.held(name) for name in made.desk.names]


def carried_out(made: Canary, cycles: int = 1) -> bool:
    return len(made.desk.of("cycle_end")) >= cycles


def whole_record(made: Canary) -> None:
    report = verify(made.desk.world.layout.directory)
    assert report.ok, report.first_bad


def test_at_one_percent_on_two_signatures_it_trades_whole_shares_of_its_part_and_plan_and_sentinel_say_so(tmp_path: Path) -> None:
    with ib_desk(tmp_path, cash=CASH) as desk:
        made = governed(desk, step=0, changes=VALUE)
        (entered,) = [line for line in desk.of("promotion") if (line["action"], line["to_state"]) == ("promote", "canary")]
        assert sorted(entered["signers"]) == ["ann", "bob"]
        live = made.start()
        desk.until(lambda: carried_out(made), live)
        assert shares(made) == [Decimal(8), Decimal(18)], "a fifth of 10,000 USD each, rounded down"
        (plan,) = desk.of("plan")
        assert plan["plan"]["capital_fraction"] == "0.01"
        told = {one["control"]: one for one in plan["verdicts"]}
        assert told["CAPITAL_FRACTION"]["observed"] == "0.01 of equity (canary, step 1 of 3)"
        assert told["MAX_ASSET_EXPOSURE"]["limit"] == "0.005 of equity"
        status = desk.command("status").communicate(timeout=60)[0]
        assert "capital  0.01 of equity   canary, step 1 of 3" in status
        said = desk.end(live)
        assert live.returncode == 0, said
        whole_record(made)
        asked = sluice("sentinel", "what-if", "--config", desk.config)[1]
        assert "0.01 of equity (canary, step 1 of 3)" in asked


def test_an_order_above_its_part_is_refused_by_the_sentinel_whatever_the_whole_could_bear(tmp_path: Path) -> None:
    with ib_desk(tmp_path, cash=CASH) as desk:
        made = governed(desk, step=0)
        live = made.start()
        desk.until(lambda: carried_out(made), live)
        (plan,) = desk.of("plan")
        assert (plan["decision"], plan["code"]) == ("REFUSED", "MAX_ORDER_VALUE")
        assert "limit 600 USD" in plan["message"], "a hundredth of 60,000"
        assert desk.ids() == []
        desk.end(live)
        whole_record(made)


def test_the_signature_of_one_person_gives_no_capital(tmp_path: Path) -> None:
    with ib_desk(tmp_path, cash=CASH) as desk:
        made = governed(desk, step=0, changes=VALUE)
        code, said = made.promoting.promote("--step-up")
        assert code == 0, said
        assert "recorded" not in said
        live = made.start()
        desk.until(lambda: carried_out(made), live)
        assert desk.of("plan")[0]["plan"]["capital_fraction"] == "0.01"
        desk.end(live)


def test_a_halt_takes_a_step_and_what_is_above_it_is_sold_in_whole_shares(tmp_path: Path) -> None:
    with ib_desk(tmp_path, cash=CASH) as desk:
        made = governed(desk, step=1, changes=VALUE)
        live = made.start()
        desk.until(lambda: carried_out(made), live)
        assert shares(made) == [Decimal(43), Decimal(90)], "a fifth of 50,000 USD each, rounded down"
        code, said = desk.halt()
        assert code == 0, said
        desk.until(lambda: bool(made.automatic()), live)
        desk.end(live)
        assert made.automatic() == [("step_down", "HALTED", "0.01")]
        assert desk.command("resume", "--by", "alice", "--reason", "looked").wait(timeout=60) == 0
        live = made.start()
        desk.until(lambda: carried_out(made, 2), live)
        said = desk.end(live)
        assert live.returncode == 0, said
        assert shares(made) == [Decimal(9), Decimal(19)], "a sale is rounded down too: less than a share above the target"
        sold = [line for line in desk.of("fill") if line["cycle"] == 2]
        assert {line["side"] for line in sold} == {"SELL"}
        assert [line["cause"] for line in desk.of("cycle")] == ["new_manifest", "ramp"]
        whole_record(made)


@pytest.fixture
def beside(tmp_path: Path) -> Any:
    with ib_desk(tmp_path, cash=CASH) as desk:
        yield Beside(desk=desk, directory=tmp_path / "twin")


def test_a_twin_follows_it_on_a_line_of_its_own_that_asks_tws_for_prices_and_nothing_else(beside: Beside) -> None:
    desk = beside.desk
    assert isinstance(desk, IbDesk)
    made = governed(desk, step=0, changes=VALUE)
    live = made.start()
    desk.until(lambda: carried_out(made), live)
    before = desk.venue.counts()
    twin = beside.start()
    beside.follows(twin)
    while_starting = desk.venue.counts()
    asked = {name for name, count in while_starting.items() if count > before.get(name, 0)}
    assert not asked & {"place", "cancel", "cancel_all", "positions", "account_summary", "ids"}, asked
    assert {"start", "contract", "market_data"} <= asked
    for number, weight in enumerate(("0.4", "0.1"), 2):
        desk.weigh(weight)
        desk.until(lambda number=number: carried_out(made, number), live)  # type: ignore[misc]
        desk.until(lambda: set(beside.told()) == beside.sent(), twin)
    lines = desk.venue.counts()["market_data"]
    desk.venue.cut()
    desk.until(lambda: desk.venue.counts()["market_data"] == lines + 4, twin)  # two shares on two lines
    desk.until(lambda: "VENUE_LINE_BACK" in [line["code"] for line in desk.of("alarm")], live)
    desk.weigh("0.3", seconds_ago=0)
    desk.until(lambda: carried_out(made, 4), live)
    desk.until(lambda: set(beside.told()) == beside.sent(), twin)
    told = beside.told()
    assert len(told) == 6
    assert all(line["compared"] and not line["missing"] for line in told.values()), told
    assert all(abs(Decimal(line["price_bps"])) < 10 for line in told.values()), "a tick is half a basis point"
    assert all(Decimal(line["twin_filled_quantity"]) % 1 == 0 for line in told.values())
    said = desk.end(twin)
    assert twin.returncode == 0, said
    assert "client id 2005, reading only" in said
    desk.end(live)
    orders = len(desk.ids())
    assert orders == 8
    assert len(set(desk.ids())) == orders, "each is at TWS once, and by the live run's client id"
    assert {order.client_id for order in desk.venue.truth().orders} == {7}
    beside.whole()
    whole_record(made)
