"""What must hold of a live run and its venue, whenever the engine is dead, at rest, or has reached its target."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from lakehouse.verifier import verify
from tests.gate.world import BTC, ETH
from tests.live.world import CASH, WEIGHTS, Desk


def agreed(made: Desk, *, resent: bool = False) -> None:
    """What must hold whenever the engine is dead or at rest: the record verifies, and the venue knows no order twice.

    `resent`: an order may have been sent again after an answer that said that nothing was taken.
    """
    report = verify(made.world.lakehouse)
    assert report.ok, report
    truth = made.venue.truth()
    ids = [order["clientOrderId"] for order in truth.orders]
    assert len(ids) == len(set(ids)), "an order is at the venue twice"
    intended = {line["client_order_id"] for line in made.of("intent")}
    assert set(ids) <= intended, "an order at the venue that nobody intended"
    sent = [line["client_order_id"] for line in made.of("send") if line["action"] == "submit"]
    assert resent or len(sent) == len(set(sent)), "an order was sent twice"
    assert set(ids) <= set(sent), "an order was at the venue before its send line was durable"


def whole(made: Desk, *, resent: bool = False) -> None:
    """At rest after a whole cycle: every trade of the venue is a fill of ours and the other way round."""
    agreed(made, resent=resent)
    truth = made.venue.truth()
    assert sorted(str(trade["id"]) for trade in truth.trades) == sorted(line["trade_id"] for line in made.of("fill"))
    positions = verify(made.world.lakehouse).positions
    held = truth.balances["main"]
    for name in (BTC, ETH):
        row = held.get(str(name.base), {"free": "0", "locked": "0"})
        at_venue = Decimal(row["free"]) + Decimal(row["locked"])
        assert abs(positions.get(name.symbol, Decimal(0)) - at_venue) < Decimal(name.step)


def at_rest(made: Desk) -> bool:
    """A cycle was opened and none is open."""
    return 0 < len(made.of("cycle")) == len(made.of("cycle_end"))


def reached(made: Desk) -> bool:
    """Both names were filled and no cycle is open."""
    filled = {line["symbol"] for line in made.of("fill")}
    return filled == {BTC.symbol, ETH.symbol} and at_rest(made)


def reached_once(made: Desk) -> None:
    """The venue has traded the first manifest's target from cash, and no more of it: every trade bought, to a hundredth."""
    bought: dict[str, Decimal] = defaultdict(Decimal)
    for trade in made.venue.truth().trades:
        assert trade["isBuyer"], trade
        bought[f"BINANCE:{trade['symbol']}"] += Decimal(trade["quoteQty"])
    assert bought.keys() == WEIGHTS.keys(), bought
    for symbol, weight in WEIGHTS.items():
        target = Decimal(weight) * CASH
        assert abs(bought[symbol] - target) <= target / 100, (symbol, bought[symbol], target)
