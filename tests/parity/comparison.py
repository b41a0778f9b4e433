"""What must be the same when one day runs through a backtest and through the shadow, and what may differ by a little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.gate.world import DAY_NS, Ran

TIME_FIELDS = frozenset({"prices_ns"})  # of a plan: stamps of its prices, real ones in the shadow


def plans_of(ran: Ran) -> list[dict[str, Any]]:
    """Return every plan as logged, without its price stamps."""
    plans = (line["plan"] for line in ran.of("plan") if line["plan"])
    return [{key: value for key, value in plan.items() if key not in TIME_FIELDS} for plan in plans]


def orders_of(ran: Ran) -> list[tuple[str, ...]]:
    """Return id, symbol, side, quantity and kind of every intent, and the prices it was decided on, in order."""
    names = ("client_order_id", "symbol", "side", "quantity", "order_kind", "arrival_bid", "arrival_ask", "manifest_sha256")
    return [tuple(line[name] for name in names) for line in ran.of("intent")]


def sends_of(ran: Ran) -> list[str]:
    """Return the ids in the order in which they were sent."""
    return [line["client_order_id"] for line in ran.of("send")]


def fills_of(ran: Ran) -> list[tuple[str, ...]]:
    """Return id, symbol, side, quantity, price, fee and liquidity of every fill, in order."""
    names = ("client_order_id", "symbol", "side", "quantity", "price", "fee", "fee_currency", "liquidity")
    return [tuple(line[name] for name in names) for line in ran.of("fill")]


def times_of(ran: Ran) -> list[tuple[str, str, int]]:
    """Return (id, what, ns) of each order: when it was planned and filled, counted from the start of the made day.

    An order that waited for others of its cycle (a buy for its proceeds) is counted from the line of the last fill it waited
    for: what the engine needs to hear of a fill and to act would else be counted once a leg.
    """
    (start,) = ran.of("run_start")
    shift = start["market_epoch_ns"] - start["real_epoch_ns"] - DAY_NS
    sent = {line["client_order_id"]: line["seq"] for line in ran.of("send")}
    times = []
    for fill in ran.of("fill"):
        order_id = fill["client_order_id"]
        waited = [f["ts_ns"] for f in ran.of("fill") if f["cycle"] == fill["cycle"] and f["seq"] < sent[order_id]]
        times.append((order_id, "planned", fill["planned_ns"] + shift))
        times.append((order_id, "filled", fill["event_ns"] - waited[-1] if waited else fill["event_ns"] + shift))
    return times


def differences_ms(left: Ran, right: Ran) -> dict[tuple[str, str], float]:
    """Return by how much each time of `right` is later than that of `left`."""
    pairs = zip(times_of(left), times_of(right), strict=True)
    return {(one[0][:8], one[1]): (other[2] - one[2]) / 1e6 for one, other in pairs}


def differing(left: Ran, right: Ran) -> tuple[int, list[str]]:
    """Return how many orders there are in either, and a line of words for each that is not the same in both."""
    sides: list[dict[str, dict[str, Any]]] = [{}, {}]
    for facts, ran in zip(sides, (left, right), strict=True):
        for line in ran.of("intent"):
            facts[line["client_order_id"]] = {"quantity": line["quantity"], "side": line["side"], "fills": []}
        for line in ran.of("fill"):
            facts[line["client_order_id"]]["fills"].append((line["quantity"], line["price"]))
    every = sorted({*sides[0], *sides[1]})
    words = []
    for order_id in every:
        one, other = (facts.get(order_id) for facts in sides)
        if one != other:
            words.append(f"{order_id[:8]}: {_cause(one, other)}: {one} | {other}")
    return len(every), words


def _cause(one: dict[str, Any] | None, other: dict[str, Any] | None) -> str:
    if one is None or other is None:
        return "only in one of them"
    if one["quantity"] != other["quantity"]:
        return "planned on another price"
    return "filled on another quote"


def described(times: Mapping[tuple[str, str], float]) -> str:
    return ", ".join(f"{order} {what} {ms:+.2f} ms" for (order, what), ms in times.items())
