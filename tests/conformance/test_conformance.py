"""The conformance suite: what every venue must do, one case set over all harnesses. Invariants of every case: `invariants`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientId, ClientOrderId, InstrumentId, StrategyId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.model.orders import MarketOrder

from orders.errors import InputError
from tests.conformance.harness import Harness
from tests.conformance.made import CASH, LATENCY_MS

D = Decimal
BACK_DOORS = ["message bus", "engine object", "client object"]
DENIED = {  # what is wrong with an order, each of one figure of the venue's -> the code that says so
    "quantity between steps": "OFF_STEP",
    "price between ticks": "OFF_TICK",
    "below the minimum notional": "BELOW_FLOOR",
    "above the maximum quantity": "ABOVE_MAX_QUANTITY",
    "more than the cash": "NO_CASH",
    "selling what is not held": "REFUSED_SHORT",
    "above the largest order": "MAX_ORDER_VALUE",
    "unknown manifest": "PROVENANCE",
    "another source run": "PROVENANCE",
    "limit far from the market": "PRICE_COLLAR",
}


def nothing_traded(harness: Harness) -> bool:
    return not harness.lines("fill") and all(
        {code: amount for code, amount in harness.venue_balances(each.venue).items() if amount} == {each.cash: D(CASH)}
        for each in (harness.first, harness.other)
    )


def send_by(harness: Harness, door: str, order: Any) -> None:
    """Send a Nautilus order as somebody does who goes around the strategy."""
    command = SubmitOrder(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        order=order,
        command_id=UUID4(),
        ts_init=harness.kernel.clock.timestamp_ns(),
        client_id=ClientId(harness.first.venue),
    )
    send = {
        "message bus": lambda: harness.kernel.msgbus.send(endpoint="ExecEngine.execute", msg=command),
        "engine object": lambda: harness.kernel.exec_engine.execute(command),
        "client object": lambda: harness.client(harness.first.venue).submit_order(command),
    }[door]
    harness.on_engine(send)
    harness.settle()


# market orders


def test_c01_a_market_order_fills_at_the_touch(harness: Harness) -> None:
    first = harness.first
    bought = harness.submit(harness.made.request("BUY"))
    assert (bought.status, bought.filled_quantity, bought.average_price) == ("FILLED", D(first.quantity), D(first.ask))
    sold = harness.submit(harness.made.request("SELL", first.half))
    assert (sold.status, sold.filled_quantity, sold.average_price) == ("FILLED", D(first.half), D(first.bid))


@pytest.mark.needs("latency")
def test_c02_an_order_meets_the_market_of_its_arrival_not_of_its_sending(harness: Harness) -> None:
    outcome = harness.start_order(harness.made.request("BUY", of=harness.share))
    while not harness.lines("send"):
        harness.advance(1)
    harness.set_quote(harness.share, "101.00", "101.02")
    assert outcome().average_price == D("101.02")
    (intent,), (fill,) = harness.lines("intent"), harness.lines("fill")
    assert fill["event_ns"] >= intent["ts_ns"] + LATENCY_MS * 1_000_000


# limit orders


@pytest.mark.needs("limit")
def test_c03_a_limit_order_rests_then_fills_when_crossed(harness: Harness) -> None:
    first, order_id = harness.first, harness.rest()
    assert harness.venue_orders(first.venue) == [order_id]
    harness.set_quote(first, *first.crossed)
    response = harness.ask_until(order_id, "FILLED")
    assert (response.status, response.filled_quantity, response.average_price) == ("FILLED", D(first.quantity), D(first.rests))
    assert harness.lines("fill")[0]["liquidity"] == "maker"


@pytest.mark.needs("limit")
def test_c04_a_crossing_limit_order_fills_no_worse_than_its_limit(harness: Harness) -> None:
    first = harness.first
    response = harness.submit(harness.made.request("BUY", limit=first.crossing))
    assert (response.status, response.average_price) == ("FILLED", D(first.ask))


@pytest.mark.needs("limit", "cancel")
def test_c05_a_resting_order_can_be_cancelled_and_does_not_fill_later(harness: Harness) -> None:
    assert harness.cancel(harness.rest()).status == "CANCELLED"
    harness.set_quote(harness.first, *harness.first.fallen)
    harness.settle()
    assert harness.venue_orders(harness.first.venue) == []
    assert nothing_traded(harness)


@pytest.mark.needs("limit", "cancel", "partial_fills")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("share", id="of a share", marks=pytest.mark.needs("shares")),
        pytest.param("pair", id="of a pair", marks=pytest.mark.needs("pairs")),
    ],
)
def test_c06_a_limit_order_fills_what_the_touch_holds_and_keeps_the_rest(harness: Harness, kind: str) -> None:
    of = harness.share if kind == "share" else harness.pair
    harness.set_quote(of, of.bid, of.ask, size=of.thin)
    placed = harness.submit(harness.made.request("BUY", of=of, limit=of.ask))
    assert placed.client_order_id is not None
    placed = harness.ask_until(placed.client_order_id, "PARTLY_FILLED")
    assert (placed.status, placed.filled_quantity) == ("PARTLY_FILLED", D(of.thin))
    gone = harness.adapter(of).cancel(str(placed.client_order_id))
    assert (gone.status, gone.filled_quantity) == ("CANCELLED", D(of.thin))


@pytest.mark.needs("limit")
def test_c07_one_cycle_is_open_at_a_time(harness: Harness) -> None:
    order_id = harness.rest()
    refused = harness.submit(harness.made.request("BUY", of=harness.other))
    assert (refused.status, refused.code, refused.client_order_id) == ("DENIED", "CYCLE_OPEN", None)
    harness.cancel(order_id)
    assert harness.submit(harness.made.request("BUY", of=harness.other)).status == "FILLED"


# what is refused, and leaves a trace


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param(wrong, code, id=wrong, marks=[pytest.mark.needs("max_quantity")] if "maximum" in wrong else [])
        for wrong, code in DENIED.items()
    ],
)
def test_c08_what_cannot_be_sent_as_asked_is_denied_with_its_code(harness: Harness, wrong: str, code: str) -> None:
    response = harness.submit(harness.made.request(**harness.first.refused[wrong]))
    assert (response.status, response.code, response.filled_quantity) == ("DENIED", code, D(0))
    assert not harness.lines("send")
    assert [line["cause"] for line in harness.lines("cycle")][-1] == "operator"
    assert len(harness.lines("cycle_end")) == len(harness.lines("cycle"))
    assert nothing_traded(harness)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param({"side": "BUY", "quantity": "0"}, "QUANTITY_INVALID", id="no quantity"),
        pytest.param({"side": "BUY", "quantity": "-1"}, "QUANTITY_INVALID", id="negative quantity"),
        pytest.param({"side": "BUY", "quantity": "NaN"}, "QUANTITY_INVALID", id="not a number"),
        pytest.param({"side": "BUY", "quantity": "1e300"}, "QUANTITY_INVALID", id="absurd quantity"),
        pytest.param({"side": "BUY", "limit": "0"}, "PRICE_INVALID", id="limit price zero"),
        pytest.param({"side": "BUY", "manifest_sha256": "abc"}, "SOURCE_INVALID", id="no manifest hash"),
    ],
)
def test_c09_a_request_that_cannot_be_written_down_opens_no_cycle(harness: Harness, wanted: dict[str, str], code: str) -> None:
    before = len(harness.lines())
    response = harness.submit(harness.made.request(**wanted))
    assert (response.status, response.code) == ("DENIED", code)
    assert len(harness.lines()) == before


@pytest.mark.needs("halt", "limit", "cancel")
def test_c10_halted_denies_and_a_cancel_still_passes(harness: Harness) -> None:
    order_id = harness.rest()
    harness.halt()
    assert harness.cancel(order_id).status == "CANCELLED"
    response = harness.submit(harness.made.request("BUY", of=harness.other))
    assert (response.status, response.code) == ("DENIED", "HALT")
    assert nothing_traded(harness)


# around the front door


@pytest.mark.parametrize("door", BACK_DOORS)
def test_c11_an_order_without_approval_never_reaches_the_venue(harness: Harness, door: str) -> None:
    first = harness.first
    rogue = MarketOrder(
        trader_id=harness.assembly.strategy.trader_id,
        strategy_id=StrategyId("ROGUE-001"),
        instrument_id=InstrumentId.from_str(first.instrument_id),
        client_order_id=ClientOrderId("f" * 32),
        order_side=OrderSide.BUY,
        quantity=Quantity.from_str(f"{D(first.quantity).quantize(D(first.step))}"),
        init_id=UUID4(),
        ts_init=harness.kernel.clock.timestamp_ns(),
    )
    send_by(harness, door, rogue)
    assert not harness.lines("send")
    assert next(line["code"] for line in harness.lines("verdict", "reject") if line["code"]) == "NO_APPROVAL"
    assert nothing_traded(harness)


@pytest.mark.parametrize("door", BACK_DOORS)
def test_c12_the_same_order_sent_again_does_not_trade_twice(harness: Harness, door: str) -> None:
    done = harness.submit(harness.made.request("BUY"))
    assert done.status == "FILLED"
    assert done.client_order_id is not None
    held = harness.venue_balances(harness.first.venue)
    send_by(harness, door, harness.order(done.client_order_id))
    assert len(harness.lines("fill")) == 1
    assert harness.venue_balances(harness.first.venue) == held


@pytest.mark.needs("limit")
@pytest.mark.parametrize("door", BACK_DOORS)
def test_c13_a_resting_order_sent_again_rests_once(harness: Harness, door: str) -> None:
    order_id = harness.rest()
    send_by(harness, door, harness.order(order_id))
    assert harness.venue_orders(harness.first.venue) == [order_id]
    assert list(harness.rebuilt().open_orders) == [order_id]
    assert harness.cancel(order_id).status == "CANCELLED"


# accounts


@pytest.mark.needs("base_fees")
def test_c14_a_fee_in_base_leaves_the_quantity_less_the_fee_and_the_rest_can_be_sold(harness: Harness) -> None:
    first, left = harness.first, harness.first.held(harness.first.quantity)
    assert harness.submit(harness.made.request("BUY")).status == "FILLED"
    assert harness.venue_balances(first.venue)[str(first.base)] == left
    refused = harness.submit(harness.made.request("SELL"))
    assert (refused.status, refused.code) == ("DENIED", "REFUSED_SHORT")
    assert harness.submit(harness.made.request("SELL", f"{left.normalize()}")).status == "FILLED"
    assert harness.venue_balances(first.venue).get(str(first.base), D(0)) == 0
    assert harness.adapter().get_positions().empty


@pytest.mark.needs("cash_account", "shares")
def test_c15_selling_more_shares_than_held_is_refused(harness: Harness) -> None:
    share = harness.share
    assert harness.submit(harness.made.request("BUY", of=share)).status == "FILLED"
    refused = harness.submit(harness.made.request("SELL", f"{D(share.quantity) + D(share.step)}", of=share))
    assert (refused.status, refused.code) == ("DENIED", "REFUSED_SHORT")
    assert harness.submit(harness.made.request("SELL", of=share)).status == "FILLED"


# what the adapter reports


def test_c16_the_positions_frame_is_the_book_at_mid_in_base_currency(harness: Harness) -> None:
    assert harness.adapter().get_positions().empty
    for each in (harness.first, harness.other):
        answer = harness.submit(harness.made.request("BUY", of=each))
        assert answer.status == "FILLED", answer
    for each in (harness.first, harness.other):
        frame, held = harness.adapter(each).get_positions(), each.held(each.quantity)
        assert list(frame.columns) == ["asset", "quantity", "notional"]
        assert frame.to_dict("records") == [{"asset": each.symbol, "quantity": held, "notional": held * each.mid}]


def test_c17_metadata_are_the_limits_and_unknown_symbols_are_all_named(harness: Harness) -> None:
    first, other = harness.first, harness.other
    limits = harness.adapter(first).get_market_metadata([first.symbol])[first.symbol]
    assert (limits.step_size, limits.tick_size, limits.min_notional) == (D(first.step), D(first.tick), D(first.min_notional))
    with pytest.raises(InputError, match=rf"{other.symbol}.*NYSE:XXX"):
        harness.adapter(first).get_market_metadata([other.symbol, first.symbol, "NYSE:XXX"])


def test_c18_an_order_that_nobody_knows_cannot_be_asked_for_or_cancelled(harness: Harness) -> None:
    for call in (harness.adapter().ask, harness.adapter().cancel):
        with pytest.raises(InputError, match="ORDER_UNKNOWN"):
            call("e" * 32)


def test_c19_the_record_of_an_order_explains_itself(harness: Harness) -> None:
    response = harness.submit(harness.made.request("BUY"))
    (intent,), (fill,) = harness.lines("intent"), harness.lines("fill")
    assert intent["client_order_id"] == fill["client_order_id"] == response.client_order_id
    assert fill["manifest_sha256"] == harness.made.manifest_sha256
    assert fill["plan_sha256"] == harness.lines("plan")[-1]["plan_sha256"] == intent["plan_sha256"]
    stages = [fill[name] for name in ("planned_ns", "approved_ns", "intent_durable_ns", "sent_ns", "event_ns")]
    stages[-1] += harness.event_step_ns
    assert stages == sorted(stages)
