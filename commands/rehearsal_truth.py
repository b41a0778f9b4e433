"""What a rehearsal venue itself knows, whichever it is, in the terms of our journal: orders, trades, what the account holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from orders.reconcile import asset_code
from orders.values import Listing, Record
from sim.rehearsal.hand import MAIN, Truth
from sim.rehearsal.tws.contracts import made_contracts
from sim.rehearsal.tws.values import State
from venues.ibkr.contracts import wanted_contract
from venues.ibkr.order_refs import client_order_id_of

OPEN: Final = ("NEW", "PARTIALLY_FILLED")

type TradeKey = tuple[str, str]  # platform symbol, trade id: Binance counts each pair apart


class TruthOrder(Record, frozen=True, kw_only=True):
    """One order there. `name`: our client order id, or how the venue calls a stranger's; `status`: its word; `filled` units."""

    name: str
    symbol: str
    side: str
    quantity: str
    status: str
    filled: Decimal
    works: bool


class VenueTruth(Record, frozen=True, kw_only=True):
    """One account. `trades`: quantity and price of each; `held`: signed units by `orders.reconcile.asset_code` and currency."""

    orders: tuple[TruthOrder, ...]
    trades: Mapping[TradeKey, tuple[Decimal, Decimal]]
    held: Mapping[str, Decimal]


def binance_truth(truth: Truth, *, venue: str) -> VenueTruth:
    """Return what the Binance-shaped exchange knows of the main account."""
    return VenueTruth(
        orders=tuple(
            TruthOrder(
                name=order["clientOrderId"],
                symbol=str(order["symbol"]),
                side=str(order["side"]),
                quantity=str(order["origQty"]),
                status=str(order["status"]),
                filled=Decimal(order["executedQty"]),
                works=order["status"] in OPEN,
            )
            for order in truth.orders
            if order["account"] == MAIN
        ),
        trades={
            (f"{venue}:{trade['symbol']}", str(trade["id"])): (Decimal(trade["qty"]), Decimal(trade["price"]))
            for trade in truth.trades
            if trade["account"] == MAIN
        },
        held={asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in truth.balances.get(MAIN, {}).items()},
    )


def tws_truth(state: State, *, listings: Mapping[str, Listing], venue: str) -> VenueTruth:
    """Return what the fake TWS knows of its account today; a contract that no listing of the venue is keeps IB's id."""
    symbols = _symbols({symbol: listing for symbol, listing in listings.items() if listing.venue == venue})
    by_perm = {order.perm_id: order for order in state.orders}
    names = {con_id: symbols.get(con_id, f"IB:{con_id}") for con_id in made_contracts()}
    codes = {con_id: asset_code(listings[symbol]) for con_id, symbol in symbols.items()}
    return VenueTruth(
        orders=tuple(
            TruthOrder(
                name=client_order_id_of(order.order_ref) or f"PERM-{order.perm_id}",
                symbol=names[order.con_id],
                side=order.action,
                quantity=str(order.quantity),
                status=order.status,
                filled=order.filled,
                works=order.works,
            )
            for order in state.orders
        ),
        trades={(names[by_perm[each.perm_id].con_id], each.exec_id): (each.quantity, each.price) for each in state.executions},
        held={codes.get(con_id, names[con_id]): held for con_id, held in state.positions.items()} | state.cash,
    )


def _symbols(listings: Mapping[str, Listing]) -> dict[int, str]:
    """Return platform symbol by contract id."""
    wanted = {}
    for symbol, listing in listings.items():
        contract = wanted_contract(listing)
        wanted[contract.sec_type, contract.symbol, contract.currency] = symbol
    found = {each.con_id: wanted.get((each.sec_type, each.symbol, each.currency)) for each in made_contracts().values()}
    return {con_id: symbol for con_id, symbol in found.items() if symbol is not None}
