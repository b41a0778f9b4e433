"""What must hold of a live run and its venue, whenever the engine is dead, at rest, or has reached its target."""

from __future__ import annotations

from decimal import Decimal

from lakehouse.verifier import verify
from tests.live.world import CASH, Desk


def agreed(made: Desk, *, resent: bool = False) -> None:
    """What must hold whenever the engine is dead or at rest: the record verifies, and the venue knows no order twice.

    `resent`: an order may have been sent again after an answer that said that nothing was taken.
    """
    report = verify(made.world.lakehouse)
    assert report.ok, report
    ids = made.ids()
    assert len(ids) == len(set(ids)), "an order is at the venue twice"
    intended = {line["client_order_id"] for line in made.of("intent")}
    assert set(ids) <= intended, "an order at the venue that nobody intended"
    sent = [line["client_order_id"] for line in made.of("send") if line["action"] == "submit"]
    assert resent or len(sent) == len(set(sent)), "an order was sent twice"
    assert set(ids) <= set(sent), "an order was at the venue before its send line was durable"


def whole(made: Desk, *, resent: bool = False) -> None:
    """At rest after a whole cycle: every trade of the venue is a fill of ours and the other way round."""
    agreed(made, resent=resent)
    assert sorted(made.trade_ids()) == sorted(line["trade_id"] for line in made.of("fill"))
    positions = verify(made.world.lakehouse).positions
    for name in made.names:
        assert abs(positions.get(name.symbol, Decimal(0)) - made.held(name)) < Decimal(name.step)


def at_rest(made: Desk) -> bool:
    """A cycle was opened and none is open."""
    return 0 < len(made.of("cycle")) == len(made.of("cycle_end"))


def reached(made: Desk) -> bool:
    """Both names were filled and no cycle is open."""
    filled = {line["symbol"] for line in made.of("fill")}
    return filled == {name.symbol for name in made.names} and at_rest(made)


def reached_once(made: Desk) -> None:
    """The venue has traded the first manifest's target from cash, and no more of it: all bought, to a hundredth and a step."""
    bought = made.bought()
    assert bought.keys() == made.weights.keys(), bought
    for name in made.names:
        target, step = Decimal(made.weights[name.symbol]) * CASH, Decimal(name.step) * Decimal(name.price)
        assert abs(bought[name.symbol] - target) <= target / 100 + step, (name, bought[name.symbol], target)
