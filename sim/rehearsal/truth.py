"""What really happened at the rehearsal exchange, for whoever compares an engine's book with it."""

from __future__ import annotations

from typing import Any

from sim.rehearsal.venue import Venue
from sim.rehearsal.wording import my_trade, order_state


def truth(venue: Venue) -> dict[str, Any]:
    """Return all orders, trades and balances of every client's account, oldest first, as JSON; amounts are texts."""
    state = venue.exchange.state
    accounts = sorted({order.account for order in state.orders.values()} | {name for name, _ in state.balances.clients()})
    return {
        "orders": [
            {**order_state(order), "account": order.account, "external": order.external} for order in state.orders.values()
        ],
        "trades": [{**my_trade(trade), "account": trade.account} for trades in state.trades.values() for trade in trades],
        "balances": {
            name: {asset: {"free": f"{each.free:f}", "locked": f"{each.locked:f}"} for asset, each in state.balances.of(name)}
            for name in accounts
        },
    }
