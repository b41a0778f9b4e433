"""What must hold at the end of every case, read from what is on disk and from the venue's own account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from tests.conformance.harness import Harness

ORDER = ("intent", "verdict", "send", "received", "ack")
ROUNDING = Decimal("1e-8")  # the finest currency unit of the made market


def check_record(
    harness: Harness,
    *,
    balances: Mapping[str, tuple[Mapping[str, Decimal], Mapping[str, Decimal]]],
    shares: Mapping[str, Decimal],
) -> None:
    """Raise on the first invariant that does not hold."""
    layout = harness.made.layout
    report = verify(layout.directory)
    assert report.ok, report.first_bad
    raw = layout.log.read_bytes().splitlines()
    lines = [json.loads(line) for line in raw]
    fills = [number for number, line in enumerate(lines, start=1) if line["type"] == "fill"]
    _check_ledger(raw, fills, [json.loads(line) for line in layout.ledger.read_bytes().splitlines()])
    _check_orders(lines)
    _check_cycles(lines)
    if "latency" in harness.capabilities:
        _check_latency(harness, lines)
    for venue, (theirs, ours) in balances.items():
        room = ROUNDING * max(1, len(fills))
        for currency in theirs.keys() | ours.keys():
            gap = abs(theirs.get(currency, Decimal(0)) - ours.get(currency, Decimal(0)))
            assert gap <= room, f"{venue} holds {theirs.get(currency)} {currency}, the book says {ours.get(currency)}"
    for symbol, quantity in shares.items():
        assert report.positions.get(symbol, Decimal(0)) == quantity


def _check_ledger(raw: list[bytes], fills: list[int], ledger: list[dict[str, Any]]) -> None:
    """Each fill line has exactly one ledger record with the hash of its bytes."""
    recorded = [(record["body"]["log_line"], record["body"]["fill_hash"]) for record in ledger if record["type"] == "FILL"]
    assert recorded == [(number, sha256_hex(raw[number - 1])) for number in fills]


def _check_orders(lines: list[dict[str, Any]]) -> None:
    """Intent, verdict, send, answer, fills: in this order, each before the next; nothing after an order's end."""
    steps: dict[str, list[str]] = {}
    quantities: dict[str, Decimal] = {}
    filled: dict[str, Decimal] = {}
    ended: dict[str, int] = {}
    intents = set()
    for line in lines:
        order_id, kind = line.get("client_order_id"), line["type"]
        if order_id is None or (kind == "send" and line["action"] == "cancel"):
            continue
        if kind == "intent":
            assert order_id not in intents, f"two intents for {order_id}"
            intents.add(order_id)
            quantities[order_id] = Decimal(line["quantity"])
        if order_id not in intents:
            assert kind in ("verdict", "reject"), f"{kind} for {order_id}, which was never intended"
            continue
        if kind in ("send", "received", "ack", "fill", "cancel"):
            assert order_id not in ended, f"{kind} after the end of {order_id}, line {line['seq']}"
        steps.setdefault(order_id, []).append(kind)
        if kind == "fill":
            filled[order_id] = filled.get(order_id, Decimal(0)) + Decimal(line["quantity"])
            assert filled[order_id] <= quantities[order_id], f"{order_id} filled {filled[order_id]} of {quantities[order_id]}"
        if kind == "cancel" or filled.get(order_id) == quantities[order_id]:
            ended[order_id] = line["seq"]
    for order_id, seen in steps.items():
        firsts = [seen.index(kind) for kind in ORDER if kind in seen]
        assert firsts == sorted(firsts), f"{order_id}: {seen}"
        assert seen.count("send") <= 1, f"{order_id}: {seen}"
        if "fill" in seen:
            assert seen.index("send") < seen.index("fill"), f"{order_id}: {seen}"


def _check_cycles(lines: list[dict[str, Any]]) -> None:
    """At most one cycle is open at a time, and each is closed by its own number."""
    open_cycle = None
    for line in lines:
        if line["type"] == "cycle":
            assert open_cycle is None, f"cycle {line['cycle']} opened within cycle {open_cycle}"
            open_cycle = line["cycle"]
        if line["type"] == "cycle_end":
            assert line["cycle"] == open_cycle
            open_cycle = None


def _check_latency(harness: Harness, lines: list[dict[str, Any]]) -> None:
    """No answer and no fill before its due time, which is the assumed latency after the command was made, at the earliest.

    The command follows its durable intent; in a node the sync of the send line runs while the latency does.
    """
    latency_ns = harness.parts.config.assumptions().latency_ns
    made = {line["client_order_id"]: line["ts_ns"] for line in lines if line["type"] == "intent"}
    due = {line["client_order_id"]: line["due_ns"] for line in lines if line["type"] == "received"}
    for line in lines:
        if line["type"] in ("ack", "fill"):
            order_id = line["client_order_id"]
            earliest = max(made[order_id] + latency_ns, due.get(order_id, 0))
            assert line["event_ns"] >= earliest, f"line {line['seq']} came {earliest - line['event_ns']} ns too early"
