"""The record of a real run, cut at a line where a kill would leave it, opened by the real shadow and run to its end."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.crash.harness import (
    World,
    add_line,
    check,
    check_end,
    cut_after,
    line_count,
    lines_of,
    run_to_end,
    targets_are_reached,
)
from tests.cut_records import cut_checkpoints

TOLERANCE = Decimal("0.02")  # 20 lines left inside their bands of 0.25 % may hold the cash that one line still wants


def number_of(world: World, kind: str, *, nth: int = 0, **facts: Any) -> int:
    """The number of the nth line of a type with these facts; a negative nth counts from the end."""
    found = [
        line["seq"]
        for line in lines_of(world)
        if line["type"] == kind and all(line.get(name) == value for name, value in facts.items())
    ]
    return found[nth]


def restarted(world: World) -> list[dict[str, Any]]:
    """Run a cut record to its end, hold it against everything, and return the lines it added."""
    before = line_count(world)
    check(world)
    run_to_end(world)
    targets_are_reached(world, check_end(world), tolerance=TOLERANCE)
    return lines_of(world)[before:]


def of(lines: list[dict[str, Any]], kind: str, **facts: Any) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind and all(line.get(name) == value for name, value in facts.items())]


def test_intents_that_were_never_sent_end_and_a_top_up_trades_them(world: World) -> None:
    cut_after(world, number_of(world, "intent", cycle=1, nth=-1))
    new = restarted(world)
    assert len(of(new, "cancel", cause="never_sent", venue="US")) == 20
    assert of(new, "cycle")[0]["cause"] == "top_up"
    assert of(new, "cycle_end")[0]["outcome"] == "interrupted"


def test_sent_and_not_received_orders_end_and_are_not_sent_again(world: World) -> None:
    cut_after(world, number_of(world, "send", nth=3))
    new = restarted(world)
    assert len(of(new, "cancel", cause="not_received")) == 4
    assert len(of(new, "cancel", cause="never_sent")) == 16


def test_received_orders_are_queued_again_and_fill_once(world: World) -> None:
    cut_after(world, number_of(world, "received", nth=19))
    sent = {line["client_order_id"] for line in of(lines_of(world), "send")}
    new = restarted(world)
    assert {line["client_order_id"] for line in of(new, "fill", cycle=1)} == sent
    assert not [line for line in of(new, "send") if line["client_order_id"] in sent]
    assert of(new, "cycle_end", cycle=1)[0]["outcome"] == "interrupted"


def test_acknowledged_order_without_its_fill_fills_once(world: World) -> None:
    cut_after(world, number_of(world, "ack"))
    order = lines_of(world)[-1]["client_order_id"]
    new = restarted(world)
    assert len(of(new, "fill", client_order_id=order)) == 1
    assert not of(new, "ack", client_order_id=order)
    assert not of(new, "reject")


def test_partly_filled_order_fills_what_is_left(world: World) -> None:
    cut_after(world, number_of(world, "ack"))
    fill = next(line for line in lines_of(world.whole) if line["type"] == "fill")
    notional = Decimal(fill["price"]) * 10
    add_line(world, {**fill, "quantity": "10", "filled_quantity": "10", "fee": "0.3", "notional_quote": str(notional)})
    new = restarted(world)
    rest = of(new, "fill", client_order_id=fill["client_order_id"])
    assert [line["filled_quantity"] for line in rest] == [fill["order_quantity"]]
    assert Decimal(rest[0]["quantity"]) == Decimal(fill["order_quantity"]) - 10


def test_kill_between_sells_and_buys_sends_no_sell_again(world: World) -> None:
    cut_after(world, number_of(world, "fill", cycle=2, side="SELL", nth=-1))
    sent = {line["client_order_id"] for line in of(lines_of(world), "send")}
    waiting = {line["client_order_id"] for line in of(lines_of(world), "intent", cycle=2)} - sent
    new = restarted(world)
    assert len(waiting) > 3
    assert {line["client_order_id"] for line in of(new, "cancel", cause="never_sent")} == waiting
    assert [line["cause"] for line in of(new, "cycle")] == ["top_up"]
    assert not of(new, "intent", side="SELL")


@pytest.mark.slow
def test_kill_in_the_middle_of_the_sells_finishes_them_first(world: World) -> None:
    cut_after(world, number_of(world, "received", nth=28))
    new = restarted(world)
    assert len(of(new, "fill", cycle=2, side="SELL")) == 9
    assert [line["cause"] for line in of(new, "cycle")] == ["top_up"]


@pytest.mark.slow
def test_record_that_lacks_a_ledger_record_gets_it(world: World) -> None:
    last = number_of(world, "fill", cycle=1, nth=5)
    cut_after(world, last)
    ledger = world.layout.ledger
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))
    cut_checkpoints(world.layout)
    new = restarted(world)
    assert of(new, "recovery")[0]["cause"] == "LEDGER_BEHIND"


def test_second_kill_before_the_top_up_began_does_not_lose_it(world: World) -> None:
    cut_after(world, number_of(world, "intent", cycle=2, nth=-1))
    whole = lines_of(world)
    start = next(line for line in whole if line["type"] == "run_start")
    add_line(world, {**start, "starting_cash": None, "ts_ns": whole[-1]["ts_ns"], "market_ns": whole[-1]["market_ns"]})
    for line in of(whole, "intent", cycle=2):
        cancel = {"type": "cancel", "v": 1, "client_order_id": line["client_order_id"], "cause": "never_sent"}
        add_line(world, {**_stamp(whole[-1]), **cancel, "venue": "US", "filled_quantity": "0"})
    closed = {"type": "cycle_end", "v": 1, "cycle": 2, "manifest_sha256": whole[-1]["manifest_sha256"], "outcome": "interrupted"}
    add_line(world, {**_stamp(whole[-1]), **closed})
    new = restarted(world)
    assert [line["cause"] for line in of(new, "cycle")] == ["top_up"]


def test_manifest_whose_day_had_come_is_installed_after_a_kill_before_it_was_read(world: World) -> None:
    cut_after(world, number_of(world, "cycle_end", cycle=1))
    last = lines_of(world)[-1]
    instant = next(line for line in lines_of(world.whole) if line["type"] == "manifest" and line["market_ns"] > last["market_ns"])
    alarm = {"type": "alarm", "v": 1, "code": "MADE", "message": "a line after the manifest's day"}
    add_line(world, {**_stamp(last), **alarm, "market_ns": instant["market_ns"]})
    new = restarted(world)
    assert [line["cause"] for line in of(new, "cycle")] == ["new_manifest"]


def test_kill_after_the_last_price_is_mended_by_the_next_start_and_the_one_after_changes_nothing(world: World) -> None:
    cut_after(world, number_of(world, "cycle_end", cycle=2))
    last = lines_of(world)[-1]
    late = {"type": "alarm", "v": 1, "code": "MADE", "message": "the day of the last price", "market_ns": 1_649_400_000 * 10**9}
    add_line(world, {**_stamp(last), **late})
    run_to_end(world)
    report = check_end(world)
    assert report.state_line == report.log_lines
    raw = world.layout.log.read_bytes()
    assert "played to its end" in run_to_end(world)
    assert world.layout.log.read_bytes() == raw


def test_log_from_a_clock_that_was_ahead_is_gone_on_with(world: World) -> None:
    cut_after(world, number_of(world, "received", nth=19))
    ahead = 3_600 * 10**9
    lines = lines_of(world)
    for line in lines:
        for name in ("ts_ns", "real_epoch_ns", "planned_ns", "approved_ns", "arrival_ns", "read_ns", "due_ns", "event_ns"):
            if isinstance(line.get(name), int):
                line[name] += ahead
    world.layout.log.write_bytes(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))
    new = restarted(world)
    assert len(of(new, "fill", cycle=1)) == 20
    assert new[0]["ts_ns"] < lines[-1]["ts_ns"]


def resting(world: World, *, limit_price: str) -> str:
    """Make the first order a limit order that the venue has acknowledged and that rests; return its id."""
    cut_after(world, number_of(world, "intent"))
    intent = lines_of(world)[-1]
    raw = world.layout.log.read_bytes().splitlines(keepends=True)
    changed = {**intent, "order_kind": "LIMIT", "limit_price": limit_price}
    world.layout.log.write_bytes(b"".join(raw[:-1]) + json.dumps(changed, separators=(",", ":")).encode() + b"\n")
    order = str(intent["client_order_id"])
    for kind in ("send", "received", "ack"):
        made = next(line for line in of(lines_of(world.whole), kind) if line["client_order_id"] == order)
        add_line(world, made)
    return order


def test_resting_order_rests_again_and_fills_when_its_price_comes(world: World) -> None:
    order = resting(world, limit_price="176")
    new = restarted(world)
    assert [line["client_order_id"] for line in of(new, "fill", cycle=1)] == [order]
    assert not of(new, "ack", client_order_id=order)


@pytest.mark.slow
def test_resting_order_whose_price_does_not_come_rests_through_two_starts(world: World, tmp_path: Path) -> None:
    order = resting(world, limit_price="1")
    run_to_end(world)
    report = check(world)
    assert report.open_orders == 1
    new = lines_of(world)
    assert not of(new, "fill")
    raw = world.layout.log.read_bytes()
    run_to_end(world)
    assert world.layout.log.read_bytes() == raw
    assert order in {line["client_order_id"] for line in of(new, "intent")}


def test_venue_order_id_is_made_of_the_client_order_id(world: World) -> None:
    acks = of(lines_of(world), "ack")
    assert acks
    assert all(line["venue_order_id"] == f"S{line['client_order_id']}" for line in acks)


@pytest.mark.slow
@pytest.mark.parametrize("step", range(24), ids=lambda step: f"twentyfourth {step}")
def test_record_cut_anywhere_ends_well(step: int, world: World) -> None:
    cut_after(world, 1 + step * line_count(world) // 24)
    restarted(world)


def _stamp(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in ("ts_ns", "market_ns", "run_id")}
