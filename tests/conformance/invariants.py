"""What must hold at the end of every case, read from the disk, from the engine's memory and from the venue's own record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nautilus_trader.model.events import OrderFilled

from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from tests.conformance.harness import Harness, VenueFill
from tests.conformance.node_harness import NodeHarness
from tests.conformance.traded import Traded

ORDER = ("intent", "verdict", "send", "received", "ack")
ROUNDING = Decimal("1e-8")  # the finest currency unit of the made market
IDLE = {
    "run_start",
    "run_stop",
    "manifest",
    "cycle",
    "plan",
    "cycle_end",
    "equity",
    "skip",
}  # what a start with no news may write


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a case leaves behind, read while the engine stands. `balances`: by venue, the venue's and our book's."""

    balances: Mapping[str, tuple[Mapping[str, Decimal], Mapping[str, Decimal]]]
    shares: Mapping[str, Decimal]
    engine_fills: Collection[VenueFill]
    venue_fills: Collection[VenueFill]
    venue_orders: Collection[str]  # every order the venue ever took, by client order id


def left_by(harness: Harness) -> Left:
    """Ask engine and venues where they stand."""
    return Left(
        balances={venue: (harness.venue_balances(venue), harness.book_balances(venue)) for venue in harness.parts.config.venues},
        shares=harness.share_positions(),
        engine_fills=harness.on_engine(lambda: engine_fills(harness)),
        venue_fills=harness.venue_fills(),
        venue_orders=harness.venue_ids(),
    )


def engine_fills(harness: Harness) -> list[VenueFill]:
    """Return every fill of an order of ours in Nautilus' cache."""
    return [
        (
            event.trade_id.value, event.instrument_id.value, event.last_qty.as_decimal(), event.last_px.as_decimal(),
            event.commission.as_decimal(),
        )
        for order in harness.kernel.cache.orders()
        for event in order.events
        if isinstance(event, OrderFilled) and not order.client_order_id.value.startswith("carried")
    ]  # fmt: skip


def check_record(harness: Harness, left: Left) -> None:
    """Raise on the first invariant that does not hold."""
    layout = harness.made.layout
    report = verify(layout.directory)
    assert report.ok, report.first_bad
    raw = layout.log.read_bytes().splitlines()
    lines = [json.loads(line) for line in raw]
    fills = [number for number, line in enumerate(lines, start=1) if line["type"] == "fill"]
    check_ledger(raw, fills, [json.loads(line) for line in layout.ledger.read_bytes().splitlines()])
    check_orders(lines, resent=harness.may_resend)
    check_cycles(lines)
    check_sizes(lines, {each.symbol: each for each in (harness.first, harness.other)})
    check_fills(lines, harness.first, left)
    if "latency" in harness.capabilities:
        check_latency(lines, latency_ns=harness.parts.config.assumptions().latency_ns)
    for venue, (theirs, ours) in left.balances.items():
        room = ROUNDING * max(1, len(fills))
        for currency in theirs.keys() | ours.keys():
            gap = abs(theirs.get(currency, Decimal(0)) - ours.get(currency, Decimal(0)))
            assert gap <= room, f"{venue} holds {theirs.get(currency)} {currency}, the book says {ours.get(currency)}"
    for symbol, quantity in left.shares.items():
        assert report.positions.get(symbol, Decimal(0)) == quantity


def check_start(harness: NodeHarness, before: Left) -> None:
    """Start once more over the record and end: raise where that tells news, or changes a book or a venue."""
    told = len(harness.made.layout.log.read_bytes().splitlines())
    harness.restart()
    try:
        harness.settle()
        after = left_by(harness)
        harness.close_record()
    finally:
        harness.stop()
    lines = [json.loads(line) for line in harness.made.layout.log.read_bytes().splitlines()]
    check_idle(lines[told:])
    assert after.venue_orders == before.venue_orders
    assert not harness.outliving or after.venue_fills == before.venue_fills
    for venue, (theirs, ours) in after.balances.items():
        assert _some(ours) == _some(before.balances[venue][1])
        assert _some(theirs) == _some(before.balances[venue][0] if venue in harness.outliving else ours)
    assert verify(harness.made.layout.directory).ok


def _some(balances: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {currency: amount for currency, amount in balances.items() if amount}


def check_idle(lines: list[dict[str, Any]]) -> None:
    """A start that finds no news tells none."""
    assert {line["type"] for line in lines} <= IDLE, [line for line in lines if line["type"] not in IDLE]


def check_ledger(raw: list[bytes], fills: list[int], ledger: list[dict[str, Any]]) -> None:
    """Each fill line has exactly one ledger record with the hash of its bytes."""
    recorded = [(record["body"]["log_line"], record["body"]["fill_hash"]) for record in ledger if record["type"] == "FILL"]
    assert recorded == [(number, sha256_hex(raw[number - 1])) for number in fills]


def check_orders(lines: list[dict[str, Any]], *, resent: bool) -> None:
    """Intent, verdict, send, answer, fills: in this order, each before the next; nothing after an order's end.

    `resent`: an order may have been sent once more, after an answer that said that nothing was taken.
    """
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
        if kind in ("send", "received", "ack", "unknown", "fill", "cancel"):
            assert order_id not in ended, f"{kind} after the end of {order_id}, line {line['seq']}"
        steps.setdefault(order_id, []).append(kind)
        if kind == "fill":
            filled[order_id] = filled.get(order_id, Decimal(0)) + Decimal(line["quantity"])
            assert filled[order_id] <= quantities[order_id], f"{order_id} filled {filled[order_id]} of {quantities[order_id]}"
        if kind == "cancel" or filled.get(order_id) == quantities[order_id] or (kind == "reject" and line["by"] == "venue"):
            ended[order_id] = line["seq"]
    for order_id, seen in steps.items():
        firsts = [seen.index(kind) for kind in ORDER if kind in seen]
        assert firsts == sorted(firsts), f"{order_id}: {seen}"
        assert seen.count("send") <= (2 if resent else 1), f"{order_id}: {seen}"
        for once in ("received", "ack", "cancel"):
            assert seen.count(once) <= 1, f"{order_id}: {seen}"
        if "fill" in seen:
            assert seen.index("send") < seen.index("fill"), f"{order_id}: {seen}"


def check_cycles(lines: list[dict[str, Any]]) -> None:
    """At most one cycle is open at a time, and each is closed by its own number."""
    open_cycle = None
    for line in lines:
        if line["type"] == "cycle":
            assert open_cycle is None, f"cycle {line['cycle']} opened within cycle {open_cycle}"
            open_cycle = line["cycle"]
        if line["type"] == "cycle_end":
            assert line["cycle"] == open_cycle
            open_cycle = None


def check_sizes(lines: list[dict[str, Any]], traded: Mapping[str, Traded]) -> None:
    """Every quantity that was meant to be sent, or has filled, is of whole steps, every price of whole ticks."""
    for line in lines:
        if line["type"] in ("intent", "fill"):
            of = traded[line["symbol"]]
            price = line["limit_price"] if line["type"] == "intent" else line["price"]
            assert Decimal(line["quantity"]) % Decimal(of.step) == 0, f"line {line['seq']}: {line['quantity']} off step"
            assert price is None or Decimal(price) % Decimal(of.tick) == 0, f"line {line['seq']}: {price} off tick"


def check_fills(lines: list[dict[str, Any]], first: Traded, left: Left) -> None:
    """Log, engine and venue have the same fills by trade id, with the same numbers; the venue took no order twice or unasked."""
    log = [
        (line["trade_id"], line["instrument_id"], *(Decimal(line[name]) for name in ("quantity", "price", "fee")))
        for line in lines
        if line["type"] == "fill"
    ]
    assert sorted(log) == sorted(left.engine_fills)
    at_first = [row for row in log if row[1] == first.instrument_id]
    assert sorted(at_first) == sorted(left.venue_fills)
    twice = [order_id for order_id, times in Counter(left.venue_orders).items() if times > 1]
    assert twice == [], f"at the venue twice: {twice}"
    sent = {line["client_order_id"] for line in lines if line["type"] == "send"}
    assert set(left.venue_orders) <= sent, "an order at the venue that was never sent"


def check_latency(lines: list[dict[str, Any]], *, latency_ns: int) -> None:
    """No answer and no fill before its due time, which is the assumed latency after the command was made, at the earliest.

    The command follows its durable intent; in a node the sync of the send line runs while the latency does.
    """
    made = {line["client_order_id"]: line["ts_ns"] for line in lines if line["type"] == "intent"}
    due = {line["client_order_id"]: line["due_ns"] for line in lines if line["type"] == "received"}
    for line in lines:
        if line["type"] in ("ack", "fill"):
            order_id = line["client_order_id"]
            earliest = max(made[order_id] + latency_ns, due.get(order_id, 0))
            assert line["event_ns"] >= earliest, f"line {line['seq']} came {earliest - line['event_ns']} ns too early"
