"""The matching of the rehearsal exchange, case by case: time in force, post-only, self-trade, queue, quote quantities, fees."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sim.rehearsal.values import Reported
from tests.rehearsal.pure import FEE_RATES, PAIR, asked, levels, made, now, placed, refused


@pytest.fixture
def exchange():
    with_book = made()
    with_book.set_book(PAIR.name, bids=levels(("99", "2"), ("98", "5")), asks=levels(("100", "2"), ("101", "5")), now_ms=1)
    return with_book


CASES = {
    "a limit inside the spread rests": (("BUY", "1", "99.5"), {}, "NEW", "0", 0),
    "a limit that crosses trades and rests with the rest": (("BUY", "3", "100"), {}, "PARTIALLY_FILLED", "2", 1),
    "a limit that crosses two levels trades at each": (("BUY", "3", "101"), {}, "FILLED", "3", 2),
    "a sell takes the best bid first": (("SELL", "3", "98"), {}, "FILLED", "3", 2),
    "an IOC fills what there is and expires": (("BUY", "3", "100"), {"time_in_force": "IOC"}, "EXPIRED", "2", 1),
    "an IOC that meets nothing expires": (("BUY", "3", "99.5"), {"time_in_force": "IOC"}, "EXPIRED", "0", 0),
    "an FOK fills whole": (("BUY", "3", "101"), {"time_in_force": "FOK"}, "FILLED", "3", 2),
    "an FOK that cannot fill whole fills nothing": (("BUY", "3", "100"), {"time_in_force": "FOK"}, "EXPIRED", "0", 0),
    "a market order sweeps": (("BUY", "4"), {}, "FILLED", "4", 2),
    "a market order larger than the book expires with the rest": (("BUY", "8"), {}, "EXPIRED", "7", 2),
    "a post-only order rests": (("BUY", "1", "99.5"), {"kind": "LIMIT_MAKER"}, "NEW", "0", 0),
    "a market buy by quote quantity takes whole steps": (
        ("BUY", None),
        {"quote_quantity": Decimal("255")},
        "FILLED",
        "2.5",
        2,
    ),
    "a market sell by quote quantity takes whole steps": (
        ("SELL", None),
        {"quote_quantity": Decimal("205")},
        "FILLED",
        "2",
        1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_incoming_order(exchange, case):
    given, changes, status, executed, trades = case
    order = placed(exchange, *given, **changes)
    assert (*now(exchange, order), len(exchange.state.trades_for(order.order_id))) == (status, executed, trades)


def test_a_post_only_order_that_would_take_is_refused(exchange):
    assert refused(exchange, "BUY", "1", "100", kind="LIMIT_MAKER") == (-2010, "Order would immediately match and take.")


def test_better_prices_trade_first_and_at_one_price_the_older_order(exchange):
    exchange.set_book(PAIR.name, bids={}, asks={}, now_ms=1)
    worse = placed(exchange, "SELL", "1", "101", account="two")
    older = placed(exchange, "SELL", "1", "100", account="two")
    newer = placed(exchange, "SELL", "1", "100", account="two")
    taker = placed(exchange, "BUY", "2.5", "101")
    assert [now(exchange, order) for order in (older, newer, worse, taker)] == [
        ("FILLED", "1"),
        ("FILLED", "1"),
        ("PARTIALLY_FILLED", "0.5"),
        ("FILLED", "2.5"),
    ]
    assert [trade.price for trade in exchange.state.trades_for(taker.order_id)] == [100, 100, 101]


def test_the_feed_quantity_that_was_there_first_trades_first(exchange):
    order = placed(exchange, "SELL", "1", "100", account="two")
    first = placed(exchange, "BUY", "2", "100")
    assert now(exchange, order) == ("NEW", "0")
    second = placed(exchange, "BUY", "1", "100")
    assert (now(exchange, first), now(exchange, second), now(exchange, order)) == (
        ("FILLED", "2"),
        ("FILLED", "1"),
        ("FILLED", "1"),
    )


def test_a_queue_gets_shorter_as_its_level_shrinks(exchange):
    order = placed(exchange, "BUY", "1", "99")
    exchange.set_book(PAIR.name, bids=levels(("99", "0.5")), asks=levels(("100", "2")), now_ms=2)
    exchange.trade_at(PAIR.name, price=Decimal(99), quantity=Decimal("1.1"), buyer_is_maker=True, now_ms=3)
    assert now(exchange, order) == ("PARTIALLY_FILLED", "0.6")


def test_a_feed_that_crosses_resting_orders_trades_at_their_price_and_only_its_size(exchange):
    behind = placed(exchange, "BUY", "1", "99")
    front = placed(exchange, "BUY", "1", "99.5")
    exchange.set_book(PAIR.name, bids={}, asks=levels(("98", "1.2"), ("99", "0.3"), ("103", "5")), now_ms=2)
    assert (now(exchange, front), now(exchange, behind)) == (("FILLED", "1"), ("PARTIALLY_FILLED", "0.5"))
    assert [trade.price for trade in exchange.state.trades_for(front.order_id)] == [Decimal("99.5")]
    assert exchange.books[PAIR.name].levels["SELL"] == levels(("103", "5"))


SELF = {
    "EXPIRE_MAKER": (("EXPIRED_IN_MATCH", "0"), ("FILLED", "2")),
    "EXPIRE_TAKER": (("NEW", "0"), ("EXPIRED_IN_MATCH", "0")),
    "EXPIRE_BOTH": (("EXPIRED_IN_MATCH", "0"), ("EXPIRED_IN_MATCH", "0")),
    "NONE": (("FILLED", "1"), ("FILLED", "2")),
}


@pytest.mark.parametrize("mode", SELF)
def test_an_own_order_on_the_other_side(exchange, mode):
    exchange.set_book(PAIR.name, bids={}, asks=levels(("101", "5")), now_ms=2)
    own = placed(exchange, "SELL", "1", "100", self_trade=mode)
    taker = placed(exchange, "BUY", "2", "101", self_trade=mode)
    assert (now(exchange, own), now(exchange, taker)) == SELF[mode]
    assert exchange.state.balances.locked("one", "BBB") == 0


def test_fees_come_off_what_is_received_maker_and_taker_each_at_their_rate(exchange):
    exchange.set_book(PAIR.name, bids={}, asks={}, now_ms=2)
    maker = placed(exchange, "SELL", "3.3", "100.5", account="two")
    taker = placed(exchange, "BUY", "3.3", "100.5")
    (sold,), (bought,) = exchange.state.trades_for(maker.order_id), exchange.state.trades_for(taker.order_id)
    assert (sold.fee, sold.fee_asset, sold.is_maker) == (Decimal("331.65") * FEE_RATES.maker, "BBB", True)
    assert (bought.fee, bought.fee_asset, bought.is_maker) == (Decimal("3.3") * FEE_RATES.taker, "AAA", False)
    assert sold.trade_id == bought.trade_id


SLIPPED = {
    "a buy pays a worse tick": (("BUY", "1"), "100.5", "101.5"),
    "a sale gets a worse tick": (("SELL", "1"), "99.5", "98.5"),
    "never past a limit": (("BUY", "1", "101"), "100.5", "101"),
}


@pytest.mark.parametrize(("given", "level", "price"), SLIPPED.values(), ids=SLIPPED)
def test_a_slip_makes_what_takes_worse_and_the_book_loses_what_was_taken(exchange, given, level, price):
    book = levels((level, "5"))
    exchange.set_book(PAIR.name, bids=book if given[0] == "SELL" else {}, asks=book if given[0] == "BUY" else {}, now_ms=2)
    exchange.slip = Decimal("0.0055")
    (trade,) = exchange.state.trades_for(placed(exchange, *given).order_id)
    assert trade.price == Decimal(price)
    far = "BUY" if given[0] == "SELL" else "SELL"
    assert exchange.books[PAIR.name].levels[far] == levels((level, "4"))


def test_what_a_client_offers_is_taken_at_its_own_price_whatever_the_slip(exchange):
    exchange.set_book(PAIR.name, bids={}, asks={}, now_ms=2)
    placed(exchange, "SELL", "1", "100.5", account="two")
    exchange.slip = Decimal("0.1")
    (trade,) = exchange.state.trades_for(placed(exchange, "BUY", "1").order_id)
    assert trade.price == Decimal("100.5")


def test_an_order_that_fills_at_better_prices_gives_back_what_it_locked_too_much(exchange):
    placed(exchange, "BUY", "2", "400")
    assert exchange.state.balances.free("one", "BBB") == 9_800
    assert exchange.state.balances.locked("one", "BBB") == 0


POOR = {
    "a limit buy locks its limit": ("BUY", "101", "100"),
    "a limit sell locks its quantity": ("SELL", "10001", "99"),
}


@pytest.mark.parametrize("given", POOR.values(), ids=POOR)
def test_an_order_that_cannot_be_paid_is_refused(exchange, given):
    exchange.set_balance("one", "BBB", free=Decimal(10_000))
    exchange.set_balance("one", "AAA", free=Decimal(900))
    side, _, price = given
    quantity = "100.5" if side == "BUY" else "900.1"
    assert refused(exchange, side, quantity, price) == (-2010, "Account has insufficient balance for requested action.")


def test_a_market_buy_is_judged_by_what_it_would_cost(exchange):
    exchange.set_balance("one", "BBB", free=Decimal("300.9"))
    assert refused(exchange, "BUY", "3")[0] == -2010
    exchange.set_balance("one", "BBB", free=Decimal("301"))
    assert now(exchange, placed(exchange, "BUY", "3")) == ("FILLED", "3")


def test_events_of_a_match_come_in_the_order_of_what_happened(exchange):
    done = exchange.place(asked("BUY", "3", "100", client_id="x"), now_ms=5)
    assert [event.kind for event in done[1] if isinstance(event, Reported)] == ["NEW", "TRADE"]
    done = exchange.place(asked("BUY", "9", client_id="y"), now_ms=6)
    assert [event.kind for event in done[1] if isinstance(event, Reported)] == ["NEW", "TRADE", "EXPIRED"]


@pytest.mark.parametrize("how", ["the market trades", "the feed crosses"])
def test_of_two_resting_orders_at_one_price_the_older_one_fills(exchange, how):
    older, newer = placed(exchange, "BUY", "1", "99.5"), placed(exchange, "BUY", "1", "99.5")
    if how == "the market trades":
        exchange.trade_at(PAIR.name, price=Decimal("99.5"), quantity=Decimal(1), buyer_is_maker=True, now_ms=2)
    else:
        exchange.set_book(PAIR.name, bids={}, asks=levels(("99.5", "1")), now_ms=2)
    assert (now(exchange, older), now(exchange, newer)) == (("FILLED", "1"), ("NEW", "0"))
