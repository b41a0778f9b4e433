"""The fake TWS' desk: price, then time, against a settable quote; IB's own noes; money that adds up."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError, VenueUnavailable
from sim.rehearsal.tws.contracts import made_contracts
from sim.rehearsal.tws.desk import Ask, Desk, News, Refusal
from sim.rehearsal.tws.faults import Fault, Faults
from sim.rehearsal.tws.handle import FakeTws
from sim.rehearsal.tws.memory import Memory
from sim.rehearsal.tws.values import State, Touch

D = Decimal
AAPL, EURUSD = 265598, 12087792


def desk(**touches: str) -> Desk:
    made = Desk(State(account="REHEARSAL1", cash={"USD": D(100_000)}), contracts=made_contracts())
    quote(made, **{"bid": "100.00", "ask": "100.02", "bid_size": "100", "ask_size": "100"} | touches)
    return made


def quote(made: Desk, **texts: str) -> list[News]:
    return made.quote(AAPL, Touch(**{name: D(text) for name, text in texts.items()}), now_ns=1)


def place(made: Desk, order_id: int, **changes: Any) -> list[News] | Refusal:
    parts = {
        "order_id": order_id, "client_id": 7, "account": "REHEARSAL1", "con_id": AAPL, "action": "BUY", "quantity": D(10),
        "kind": "LMT", "limit": D("99.00"), "tif": "GTC", "order_ref": f"{order_id}",
    }  # fmt: skip
    return made.place(Ask(**parts | changes), now_ns=1)


def filled(made: Desk) -> list[tuple[str, Decimal, Decimal]]:
    by_perm = {order.perm_id: order.order_ref for order in made.state.orders}
    return [(by_perm[done.perm_id], done.quantity, done.price) for done in made.state.executions]


def test_the_better_price_fills_first_and_among_equals_the_older():
    made = desk()
    for order_id, limit in ((1, "99.00"), (2, "99.50"), (3, "99.50")):
        place(made, order_id, limit=D(limit))
    quote(made, bid="98.00", ask="98.50", bid_size="100", ask_size="25")
    assert filled(made) == [("2", D(10), D("99.50")), ("3", D(10), D("99.50")), ("1", D(5), D("99.00"))]


def test_an_arriving_order_takes_the_touch_and_no_more_than_is_there():
    made = desk(ask_size="4")
    place(made, 1, limit=D("101.00"))
    assert filled(made) == [("1", D(4), D("100.02"))]
    assert made.state.orders[0].leaves == D(6)


def test_a_changed_order_keeps_its_id_and_loses_its_place():
    made = desk()
    place(made, 1)
    place(made, 2)
    place(made, 1, quantity=D(20))
    quote(made, bid="98.00", ask="98.50", bid_size="100", ask_size="15")
    assert filled(made) == [("2", D(10), D("99.00")), ("1", D(5), D("99.00"))]
    assert len(made.state.orders) == 2


@pytest.mark.parametrize(
    ("changes", "size", "status", "done"),
    [
        ({"tif": "IOC", "limit": D("100.02")}, "4", "Cancelled", D(4)),
        ({"tif": "FOK", "limit": D("100.02")}, "4", "Cancelled", D(0)),
        ({"tif": "FOK", "limit": D("100.02")}, "10", "Filled", D(10)),
        ({"kind": "MKT", "limit": None, "tif": "DAY"}, "10", "Filled", D(10)),
        ({"kind": "MKT", "limit": None, "tif": "DAY"}, "4", "Submitted", D(4)),
    ],
    ids=["IOC", "FOK without enough", "FOK", "market", "market without enough"],
)
def test_how_long_an_order_lives(changes, size, status, done):
    made = desk(ask_size=size)
    place(made, 1, **changes)
    assert (made.state.orders[0].status, made.state.orders[0].filled) == (status, done)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"limit": D("99.005")}, 110), ({"quantity": D("0.5")}, 10243), ({"account": "U1"}, 321), ({"con_id": 1}, 200),
        ({"kind": "STP"}, 387), ({"limit": None}, 321), ({"quantity": D(0)}, 10243),
    ],
)  # fmt: skip
def test_what_tws_refuses_and_does_not_keep(changes, code):
    made = desk()
    answer = place(made, 1, **changes)
    assert isinstance(answer, Refusal)
    assert (answer.code, made.state.orders) == (code, [])


def test_sub_penny_ticks_hold_below_a_dollar_alone():
    made = desk()
    assert not isinstance(place(made, 1, limit=D("0.5001")), Refusal)
    assert isinstance(place(made, 2, limit=D("1.0001")), Refusal)


def test_an_order_id_is_used_once_and_never_goes_back():
    made = desk()
    place(made, 5)
    answer = place(made, 3)
    assert isinstance(answer, Refusal)
    assert answer.code == 103
    assert made.next_order_id(7) == 6


@pytest.mark.parametrize(("order_id", "code"), [(9, 10147), (1, 10148)], ids=["unknown", "over"])
def test_a_cancel_of_what_does_not_work_is_refused(order_id, code):
    made = desk()
    place(made, 1, limit=D("100.02"))
    answer = made.cancel(7, order_id)
    assert isinstance(answer, Refusal)
    assert answer.code == code


def test_what_is_placed_without_ib_waits_for_it():
    made = desk()
    made.reach(False, now_ns=1)
    place(made, 1, limit=D("100.02"))
    assert (made.state.orders[0].status, made.state.executions) == ("PendingSubmit", [])
    made.reach(True, now_ns=1)
    assert made.state.orders[0].status == "Filled"


def test_an_order_s_least_fee_is_taken_once():
    made = desk(ask_size="4")
    place(made, 1, quantity=D(400), limit=D("100.02"))
    quote(made, bid="100.00", ask="100.01", bid_size="9", ask_size="396")
    assert [done.fee for done in made.state.executions] == [D("1.00"), D("1.00")]


@given(st.lists(st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 300), st.integers(9_500, 10_500)), max_size=20))
def test_cash_and_shares_are_what_the_fills_say(orders):
    made = desk(bid_size="250", ask_size="250")
    for order_id, (action, quantity, cents) in enumerate(orders, start=1):
        place(made, order_id, action=action, quantity=D(quantity), limit=D(cents) / 100)
        quote(made, bid="99.00", ask="99.01", bid_size="70", ask_size="90")
    sides = {order.perm_id: 1 if order.action == "BUY" else -1 for order in made.state.orders}
    shares = sum((done.quantity * sides[done.perm_id] for done in made.state.executions), D(0))
    cash = sum((-done.quantity * done.price * sides[done.perm_id] - done.fee for done in made.state.executions), D(100_000))
    assert made.state.positions.get(AAPL, D(0)) == shares
    assert made.state.cash["USD"] == cash
    assert all(order.filled <= order.quantity for order in made.state.orders)


def test_the_next_day_tells_nothing_of_the_last():
    made = desk()
    place(made, 1, limit=D("100.02"))
    place(made, 2)
    made.next_day()
    assert [order.order_id for order in made.state.orders] == [2]
    assert made.state.executions == []


def test_faults_strike_in_order_and_as_often_as_asked():
    faults = Faults()
    faults.add(Fault(request="place", kind="swallow", times=2))
    faults.add(Fault(request="place", kind="mute"))
    struck = [faults.take("place") for _ in range(4)]
    assert [fault.kind if fault else None for fault in struck] == ["swallow", "swallow", "mute", None]
    with pytest.raises(ValueError, match="no such fault"):
        faults.add(Fault(request="place", kind="explode"))


def test_a_state_that_is_none_is_refused(tmp_path: Path):
    path = tmp_path / "tws.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="STATE_MALFORMED"):
        Memory(path).load(State(account="REHEARSAL1", cash={}))
    with pytest.raises(VenueUnavailable, match="STATE_MALFORMED"):
        FakeTws.start(state=path)


def test_a_step_that_there_is_not_is_refused(tws):
    with pytest.raises(InputError, match="SCRIPT_MALFORMED"):
        tws.do("explode")
    with pytest.raises(InputError, match="SCRIPT_MALFORMED"):
        tws.quote("NONE", "1", "2")
