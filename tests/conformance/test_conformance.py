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
from tests.conformance.made import AAPL, BTC, LATENCY_MS

D = Decimal
NOTHING = {"BINANCE": {"USDT": D(100_000)}, "US": {"USD": D(100_000)}}
BACK_DOORS = ["message bus", "engine object", "client object"]


def nothing_traded(harness: Harness) -> bool:
    return not harness.lines("fill") and all(
        {code: amount for code, amount in harness.venue_balances(venue).items() if amount} == cash
        for venue, cash in NOTHING.items()
    )


def send_by(harness: Harness, door: str, order: Any) -> None:
    """Send a Nautilus order as somebody does who goes around the strategy."""
    command = SubmitOrder(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        order=order,
        command_id=UUID4(),
        ts_init=harness.kernel.clock.timestamp_ns(),
        client_id=ClientId("BINANCE"),
    )
    send = {
        "message bus": lambda: harness.kernel.msgbus.send(endpoint="ExecEngine.execute", msg=command),
        "engine object": lambda: harness.kernel.exec_engine.execute(command),
        "client object": lambda: harness.client("BINANCE").submit_order(command),
    }[door]
    harness.on_engine(send)
    harness.settle()


# market orders


def test_c01_a_market_order_fills_at_the_touch(harness: Harness) -> None:
    bought = harness.submit(harness.made.request("BUY", "0.1"))
    assert (bought.status, bought.filled_quantity, bought.average_price) == ("FILLED", D("0.1"), D(100_010))
    sold = harness.submit(harness.made.request("SELL", "0.05"))
    assert (sold.status, sold.filled_quantity, sold.average_price) == ("FILLED", D("0.05"), D(100_000))


@pytest.mark.needs("latency")
def test_c02_an_order_meets_the_market_of_its_arrival_not_of_its_sending(harness: Harness) -> None:
    outcome = harness.start_order(harness.made.request("BUY", "10", symbol=AAPL))
    while not harness.lines("send"):
        harness.advance(1)
    harness.set_quote(AAPL, "101.00", "101.02")
    assert outcome().average_price == D("101.02")
    (intent,), (fill,) = harness.lines("intent"), harness.lines("fill")
    assert fill["event_ns"] >= intent["ts_ns"] + LATENCY_MS * 1_000_000


# limit orders


@pytest.mark.needs("limit")
def test_c03_a_limit_order_rests_then_fills_when_crossed(harness: Harness) -> None:
    response = harness.submit(harness.made.request("BUY", "0.1", limit="99900"))
    assert (response.status, response.filled_quantity, response.average_price) == ("OPEN", D(0), None)
    assert response.client_order_id is not None
    assert harness.venue_orders("BINANCE") == [response.client_order_id]
    harness.set_quote(BTC, "99880", "99890")
    response = harness.ask_until(response.client_order_id, "FILLED")
    assert (response.status, response.filled_quantity, response.average_price) == ("FILLED", D("0.1"), D(99_900))
    assert harness.lines("fill")[0]["liquidity"] == "maker"


@pytest.mark.needs("limit")
def test_c04_a_crossing_limit_order_fills_no_worse_than_its_limit(harness: Harness) -> None:
    response = harness.submit(harness.made.request("BUY", "0.1", limit="100500"))
    assert response.status == "FILLED"
    assert response.average_price is not None
    assert response.average_price <= D(100_500)


@pytest.mark.needs("limit", "cancel")
def test_c05_a_resting_order_can_be_cancelled_and_does_not_fill_later(harness: Harness) -> None:
    placed = harness.submit(harness.made.request("BUY", "0.1", limit="99900"))
    assert placed.client_order_id is not None
    assert harness.cancel(placed.client_order_id).status == "CANCELLED"
    harness.set_quote(BTC, "99000", "99010")
    harness.settle()
    assert harness.venue_orders("BINANCE") == []
    assert nothing_traded(harness)


@pytest.mark.needs("limit", "cancel", "partial_fills")
@pytest.mark.parametrize(
    ("symbol", "quantity", "bid", "ask", "held"),
    [
        pytest.param(AAPL, "100", "99.99", "100.01", "40", id="of a share", marks=pytest.mark.needs("shares")),
        pytest.param(BTC, "0.1", "100000", "100010", "0.04", id="of a pair"),
    ],
)
def test_c06_a_limit_order_fills_what_the_touch_holds_and_keeps_the_rest(
    harness: Harness, symbol: str, quantity: str, bid: str, ask: str, held: str
) -> None:
    harness.set_quote(symbol, bid, ask, size=held)
    placed = harness.submit(harness.made.request("BUY", quantity, symbol=symbol, limit=ask))
    assert (placed.status, placed.filled_quantity) == ("PARTLY_FILLED", D(held))
    assert placed.client_order_id is not None
    gone = harness.cancel(placed.client_order_id)
    assert (gone.status, gone.filled_quantity) == ("CANCELLED", D(held))


@pytest.mark.needs("limit")
def test_c07_one_cycle_is_open_at_a_time(harness: Harness) -> None:
    placed = harness.submit(harness.made.request("BUY", "0.1", limit="99900"))
    refused = harness.submit(harness.made.request("BUY", "10", symbol=AAPL))
    assert (refused.status, refused.code, refused.client_order_id) == ("DENIED", "CYCLE_OPEN", None)
    assert placed.client_order_id is not None
    harness.cancel(placed.client_order_id)
    assert harness.submit(harness.made.request("BUY", "10", symbol=AAPL)).status == "FILLED"


# what is refused, and leaves a trace


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param({"side": "BUY", "quantity": "0.100005"}, "OFF_STEP", id="quantity between steps"),
        pytest.param({"side": "BUY", "quantity": "0.1", "limit": "99900.005"}, "OFF_TICK", id="price between ticks"),
        pytest.param({"side": "BUY", "quantity": "0.00004"}, "BELOW_FLOOR", id="below the minimum notional"),
        pytest.param({"side": "BUY", "quantity": "99999"}, "ABOVE_MAX_QUANTITY", id="above the maximum quantity"),
        pytest.param({"side": "BUY", "quantity": "2"}, "NO_CASH", id="more than the cash"),
        pytest.param({"side": "SELL", "quantity": "0.1"}, "REFUSED_SHORT", id="selling what is not held"),
        pytest.param({"side": "BUY", "quantity": "0.7"}, "MAX_ORDER_VALUE", id="above the largest order"),
        pytest.param({"side": "BUY", "quantity": "0.1", "manifest_sha256": "0" * 64}, "PROVENANCE", id="unknown manifest"),
        pytest.param({"side": "BUY", "quantity": "0.1", "source_run": "another-run"}, "PROVENANCE", id="another source run"),
        pytest.param({"side": "BUY", "quantity": "0.1", "limit": "80000"}, "PRICE_COLLAR", id="limit far from the market"),
    ],
)
def test_c08_what_cannot_be_sent_as_asked_is_denied_with_its_code(harness: Harness, wanted: dict[str, str], code: str) -> None:
    response = harness.submit(harness.made.request(**wanted))
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
        pytest.param({"side": "BUY", "quantity": "0.1", "limit": "0"}, "PRICE_INVALID", id="limit price zero"),
        pytest.param({"side": "BUY", "quantity": "0.1", "manifest_sha256": "abc"}, "SOURCE_INVALID", id="no manifest hash"),
    ],
)
def test_c09_a_request_that_cannot_be_written_down_opens_no_cycle(harness: Harness, wanted: dict[str, str], code: str) -> None:
    before = len(harness.lines())
    response = harness.submit(harness.made.request(**wanted))
    assert (response.status, response.code) == ("DENIED", code)
    assert len(harness.lines()) == before


@pytest.mark.needs("halt", "limit", "cancel")
def test_c10_halted_denies_and_a_cancel_still_passes(harness: Harness) -> None:
    placed = harness.submit(harness.made.request("BUY", "0.1", limit="99900"))
    assert placed.client_order_id is not None
    harness.halt()
    assert harness.cancel(placed.client_order_id).status == "CANCELLED"
    response = harness.submit(harness.made.request("BUY", "10", symbol=AAPL))
    assert (response.status, response.code) == ("DENIED", "HALT")
    assert nothing_traded(harness)


# around the front door


@pytest.mark.parametrize("door", BACK_DOORS)
def test_c11_an_order_without_approval_never_reaches_the_venue(harness: Harness, door: str) -> None:
    rogue = MarketOrder(
        trader_id=harness.assembly.strategy.trader_id,
        strategy_id=StrategyId("ROGUE-001"),
        instrument_id=InstrumentId.from_str("BTCUSDT.BINANCE"),
        client_order_id=ClientOrderId("f" * 32),
        order_side=OrderSide.BUY,
        quantity=Quantity.from_str("0.10000"),
        init_id=UUID4(),
        ts_init=harness.kernel.clock.timestamp_ns(),
    )
    send_by(harness, door, rogue)
    assert not harness.lines("send")
    assert next(line["code"] for line in harness.lines("verdict", "reject") if line["code"]) == "NO_APPROVAL"
    assert nothing_traded(harness)


@pytest.mark.parametrize("door", BACK_DOORS)
def test_c12_the_same_order_sent_again_does_not_trade_twice(harness: Harness, door: str) -> None:
    done = harness.submit(harness.made.request("BUY", "0.1"))
    assert done.status == "FILLED"
    assert done.client_order_id is not None
    held = harness.venue_balances("BINANCE")
    send_by(harness, door, harness.order(done.client_order_id))
    assert len(harness.lines("fill")) == 1
    assert harness.venue_balances("BINANCE") == held


@pytest.mark.needs("limit")
@pytest.mark.parametrize("door", BACK_DOORS)
def test_c13_a_resting_order_sent_again_rests_once(harness: Harness, door: str) -> None:
    placed = harness.submit(harness.made.request("BUY", "0.1", limit="99900"))
    assert placed.client_order_id is not None
    send_by(harness, door, harness.order(placed.client_order_id))
    assert harness.venue_orders("BINANCE") == [placed.client_order_id]
    assert list(harness.rebuilt().open_orders) == [placed.client_order_id]
    assert harness.cancel(placed.client_order_id).status == "CANCELLED"


# accounts


@pytest.mark.needs("base_fees")
def test_c14_a_fee_in_base_leaves_the_quantity_less_the_fee_and_the_rest_can_be_sold(harness: Harness) -> None:
    assert harness.submit(harness.made.request("BUY", "0.1")).status == "FILLED"
    assert harness.venue_balances("BINANCE")["BTC"] == D("0.0999")
    refused = harness.submit(harness.made.request("SELL", "0.1"))
    assert (refused.status, refused.code) == ("DENIED", "REFUSED_SHORT")
    assert harness.submit(harness.made.request("SELL", "0.0999")).status == "FILLED"
    assert harness.venue_balances("BINANCE").get("BTC", D(0)) == 0
    assert harness.adapter().get_positions().empty


@pytest.mark.needs("cash_account", "shares")
def test_c15_selling_more_shares_than_held_is_refused(harness: Harness) -> None:
    assert harness.submit(harness.made.request("BUY", "10", symbol=AAPL)).status == "FILLED"
    refused = harness.submit(harness.made.request("SELL", "11", symbol=AAPL))
    assert (refused.status, refused.code) == ("DENIED", "REFUSED_SHORT")
    assert harness.submit(harness.made.request("SELL", "10", symbol=AAPL)).status == "FILLED"


# what the adapter reports


def test_c16_the_positions_frame_is_the_book_at_mid_in_base_currency(harness: Harness) -> None:
    assert harness.adapter().get_positions().empty
    harness.submit(harness.made.request("BUY", "0.1"))
    harness.submit(harness.made.request("BUY", "10", symbol=AAPL))
    frame = harness.adapter(BTC).get_positions()
    assert list(frame.columns) == ["asset", "quantity", "notional"]
    assert frame.to_dict("records") == [{"asset": BTC, "quantity": D("0.0999"), "notional": D("0.0999") * D(100_005)}]
    assert harness.adapter(AAPL).get_positions().to_dict("records") == [{"asset": AAPL, "quantity": D(10), "notional": D(1_000)}]


def test_c17_metadata_are_the_limits_and_unknown_symbols_are_all_named(harness: Harness) -> None:
    limits = harness.adapter(BTC).get_market_metadata([BTC])
    assert (limits[BTC].step_size, limits[BTC].tick_size, limits[BTC].min_notional) == (D("0.00001"), D("0.01"), D(5))
    with pytest.raises(InputError, match=r"NASDAQ:AAPL.*BINANCE:XXX"):
        harness.adapter(BTC).get_market_metadata([AAPL, BTC, "BINANCE:XXX"])


def test_c18_an_order_that_nobody_knows_cannot_be_asked_for_or_cancelled(harness: Harness) -> None:
    for call in (harness.adapter().ask, harness.adapter().cancel):
        with pytest.raises(InputError, match="ORDER_UNKNOWN"):
            call("e" * 32)


def test_c19_the_record_of_an_order_explains_itself(harness: Harness) -> None:
    response = harness.submit(harness.made.request("BUY", "0.1"))
    (intent,), (fill,) = harness.lines("intent"), harness.lines("fill")
    assert intent["client_order_id"] == fill["client_order_id"] == response.client_order_id
    assert fill["manifest_sha256"] == harness.made.manifest_sha256
    assert fill["plan_sha256"] == harness.lines("plan")[-1]["plan_sha256"] == intent["plan_sha256"]
    stages = [fill[name] for name in ("planned_ns", "approved_ns", "intent_durable_ns", "sent_ns", "event_ns")]
    stages[-1] += harness.event_step_ns
    assert stages == sorted(stages)
