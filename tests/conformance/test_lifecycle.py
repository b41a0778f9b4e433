"""The conformance suite, the life of an order: parts, kinds and ends, changes, a venue that says no."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.events import OrderModifyRejected

from tests.conformance.armed import ended, send_armed
from tests.conformance.harness import Harness

D = Decimal


@pytest.mark.needs("limit", "partial_fills")
def test_c20_an_order_that_fills_in_parts_is_the_sum_of_them(harness: Harness) -> None:
    first, order_id, thin = harness.first, harness.rest(), D(harness.first.thin)
    for touch, size in ((first.crossed, first.thin), (first.fallen, first.thin), (first.crossed, "1000")):
        harness.set_quote(first, *touch, size=size)
        harness.settle()
    response = ended(harness, order_id)
    assert (response.status, response.filled_quantity, response.average_price) == ("FILLED", D(first.quantity), D(first.rests))
    assert [D(fill["quantity"]) for fill in harness.lines("fill")] == [thin, thin, D(first.quantity) - 2 * thin]


@pytest.mark.needs("limit", "partial_fills")
def test_c21_an_order_at_once_takes_what_the_touch_holds_and_the_rest_ends(harness: Harness) -> None:
    first = harness.first
    harness.set_quote(first, first.bid, first.ask, size=first.thin)
    response = ended(harness, send_armed(harness, limit=first.ask, time_in_force=TimeInForce.IOC))
    assert (response.status, response.filled_quantity) == ("CANCELLED", D(first.thin))
    assert harness.venue_orders(first.venue) == []


@pytest.mark.needs("limit")
def test_c22_an_order_of_all_or_nothing_takes_nothing_where_the_touch_holds_less(harness: Harness) -> None:
    first = harness.first
    harness.set_quote(first, first.bid, first.ask, size=first.thin)
    response = ended(harness, send_armed(harness, limit=first.ask, time_in_force=TimeInForce.FOK))
    assert (response.status, response.filled_quantity) == ("CANCELLED", D(0))
    assert harness.venue_orders(first.venue) == []


@pytest.mark.needs("limit", "post_only")
def test_c23_an_order_that_must_not_take_is_rejected_where_it_would(harness: Harness) -> None:
    response = ended(harness, send_armed(harness, limit=harness.first.crossing, post_only=True))
    assert (response.status, response.filled_quantity) == ("REJECTED", D(0))


def test_c24_a_change_of_an_order_is_denied_by_its_code_at_every_door(harness: Harness) -> None:
    order_id, heard = harness.rest(), list[OrderModifyRejected]()
    order = harness.order(order_id)
    harness.kernel.msgbus.subscribe(
        "events.order.*", handler=lambda event: heard.append(event) if isinstance(event, OrderModifyRejected) else None
    )
    price = harness.kernel.cache.instrument(order.instrument_id).make_price(D(harness.first.crossed[0]))
    change = ModifyOrder(
        trader_id=order.trader_id, strategy_id=order.strategy_id, instrument_id=order.instrument_id,
        client_order_id=order.client_order_id, venue_order_id=order.venue_order_id, quantity=None, price=price,
        trigger_price=None, command_id=UUID4(), ts_init=harness.kernel.clock.timestamp_ns(),
    )  # fmt: skip
    doors = (
        lambda: harness.assembly.strategy.modify_order(order, price=price),
        lambda: harness.kernel.msgbus.send(endpoint="ExecEngine.execute", msg=change),
        lambda: harness.client(harness.first.venue).modify_order(change),
    )
    for number, door in enumerate(doors, start=1):
        harness.on_engine(door)
        harness.settle()
        assert len(heard) == number
        assert heard[-1].reason.removeprefix("SENTINEL ").startswith("NO_APPROVAL")
    assert harness.adapter().ask(order_id).status == "OPEN"
    assert harness.venue_orders(harness.first.venue) == [order_id]
    assert harness.cancel(order_id).status == "CANCELLED"


def test_c25_an_order_that_the_venue_ends_by_itself_is_told_as_ended(harness: Harness) -> None:
    order_id = harness.ended_by_venue()
    response = ended(harness, order_id)
    assert (response.status, response.filled_quantity) == ("CANCELLED", D(0))
    harness.set_quote(harness.first, *harness.first.crossed)
    harness.settle()
    assert not harness.lines("fill")
    assert harness.venue_orders(harness.first.venue) == []


@pytest.mark.needs("limit", "cancel")
def test_c26_a_cancel_that_a_fill_overtakes_leaves_the_fill(harness: Harness) -> None:
    first, order_id = harness.first, harness.rest()
    harness.cancel_while_it_fills(order_id)
    response = ended(harness, order_id)
    assert (response.status, response.filled_quantity, response.average_price) == ("FILLED", D(first.quantity), D(first.rests))
    assert [line["action"] for line in harness.lines("send")] == ["submit", "cancel"] or not harness.outliving
    assert harness.lines("cancel") == []


@pytest.mark.needs("venue_rejects")
def test_c27_an_order_that_our_book_covers_and_the_venue_does_not_is_rejected_by_the_venue(harness: Harness) -> None:
    harness.refuse_next()
    response = harness.submit(harness.made.request("BUY"))
    assert (response.status, response.code, response.filled_quantity) == ("REJECTED", "VENUE", D(0))
    assert "insufficient" in response.message.lower()
    assert not harness.lines("unknown", "fill")


def test_c28_what_is_left_below_the_floor_stays_in_the_book_and_is_not_sent(harness: Harness) -> None:
    first = harness.first
    assert harness.submit(harness.made.request("BUY")).status == "FILLED"
    assert harness.submit(harness.made.request("SELL", first.dust_sale)).status == "FILLED"
    refused = harness.submit(harness.made.request("SELL", first.dust))
    assert (refused.status, refused.code) == ("DENIED", "BELOW_FLOOR")
    (row,) = harness.adapter().get_positions().to_dict("records")
    assert (row["asset"], row["quantity"]) == (first.symbol, D(first.dust))


def test_c29_an_order_approved_to_reduce_only_that_may_open_is_denied(harness: Harness) -> None:
    response = ended(harness, send_armed(harness, limit=harness.first.rests, reduces_only=True))
    assert (response.status, response.code) == ("DENIED", "MISMATCH")
    assert not harness.lines("send")
