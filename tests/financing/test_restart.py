"""A shadow cut at any line a kill can leave books what is missing once, and ends with the cash of the run that was not cut."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.layout import Layout
from lakehouse.state import own_states
from lakehouse.verifier import verify
from tests.cut_records import cut_record
from tests.financing.made import LONG, SHORT, booked, made, watch_account
from tests.gate.world import World, run_shadow

WEIGHTS = {LONG.symbol: "0.9", SHORT.symbol: "-0.6"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = made(tmp_path_factory.mktemp("whole") / "made", WEIGHTS)
    run_shadow(world)
    return world


def cut(whole: World, root: Path, number: int) -> World:
    """Return a copy whose record ends with log line `number`; the state may be as new as any line before it."""
    shutil.copytree(whole.root, root)
    world = World(root, names=(LONG, SHORT), quotes=whole.quotes)
    world.config_path.write_text(whole.config_path.read_text().replace(str(whole.root), str(root)))
    layout = Layout(world.lakehouse)
    cut_record(layout, number)
    layout.state.unlink()
    return world


def financing(world: World) -> list[dict[str, Any]]:
    return [line for line in world.lines() if line["type"] == "financing"]


def keys(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((line["kind"], line["symbol"] or line["currency"], line["to_ns"]) for line in lines)


@pytest.mark.parametrize("place", [1, 2, 3, 6, -1], ids=lambda place: f"after line {place} of financing")
def test_what_is_missing_is_booked_once(whole: World, tmp_path: Path, place: int) -> None:
    world = cut(whole, tmp_path / "cut", financing(whole)[place]["seq"])
    gaps: list[Decimal] = []
    run_shadow(world, prepare=watch_account(gaps))
    assert keys(booked(world.lines())) == keys(booked(whole.lines()))
    assert set(gaps) <= {Decimal(0)}
    report = verify(world.lakehouse)
    assert report.ok, report.first_bad
    assert own_states(world.layout.state)["made-day"].cash == report.cash


def test_a_record_that_ends_before_anything_was_booked_pays_from_its_first_price_on(whole: World, tmp_path: Path) -> None:
    first = financing(whole)[0]
    world = cut(whole, tmp_path / "cut", first["seq"] - 1)
    run_shadow(world)
    assert financing(world)[0]["to_ns"] == first["to_ns"]
    interest = [key for key in keys(booked(whole.lines())) if key[0] == "interest"]
    assert [key for key in keys(booked(world.lines())) if key[0] == "interest"] == interest


def test_the_days_a_process_was_down_are_booked_by_the_next_at_the_logs_own_mark(whole: World, tmp_path: Path) -> None:
    """The prices of three days are gone: each of them is booked all the same."""
    lines = financing(whole)
    last = next(line for line in lines if line["kind"] == "borrow")
    world = cut(whole, tmp_path / "cut", last["seq"])
    down = set(range(3, 6))
    first = whole.quotes[0].market_ns
    world.quotes = [q for q in whole.quotes if (q.market_ns - first) // 86_400_000_000_000 not in down]
    text = world.config_path.read_text()
    world.write()
    world.config_path.write_text(text)
    run_shadow(world)
    found = booked(world.lines())
    assert keys(found) == keys(booked(whole.lines()))
    borrow = [line for line in found if line["kind"] == "borrow"]
    assert len({line["to_ns"] for line in borrow}) == len(borrow)
    assert verify(world.lakehouse).ok


def test_a_second_start_on_a_finished_record_books_nothing(whole: World, tmp_path: Path) -> None:
    world = cut(whole, tmp_path / "cut", len(whole.lines()))
    before = world.layout.log.read_bytes()
    with pytest.raises(AssertionError, match="played to its end"):
        run_shadow(world)
    assert world.layout.log.read_bytes() == before


def test_the_same_period_twice_in_a_log_is_found(whole: World, tmp_path: Path) -> None:
    world = cut(whole, tmp_path / "cut", financing(whole)[-1]["seq"])
    again = {**financing(whole)[-1], "seq": financing(whole)[-1]["seq"] + 1}
    with world.layout.log.open("ab") as log:
        log.write(json.dumps(again, separators=(",", ":")).encode() + b"\n")
    report = verify(world.lakehouse)
    assert report.first_bad is not None
    assert (report.first_bad.code, report.first_bad.line) == ("FINANCED_TWICE", again["seq"])


def test_an_amount_that_was_altered_is_found_by_its_hash(whole: World, tmp_path: Path) -> None:
    world = cut(whole, tmp_path / "cut", len(whole.lines()))
    raw = world.layout.log.read_bytes()
    line = next(raw for raw in raw.splitlines() if b'"type":"financing"' in raw and b'"borrow"' in raw)
    amount = json.loads(line)["amount"]
    world.layout.log.write_bytes(raw.replace(line, line.replace(f'"amount":"{amount}"'.encode(), b'"amount":"-0.01"')))
    report = verify(world.lakehouse)
    assert report.first_bad is not None
    assert report.first_bad.code == "LEDGER_DISAGREES"


def test_changed_terms_count_from_the_end_of_the_log(whole: World, tmp_path: Path) -> None:
    place = [line for line in financing(whole) if line["kind"] == "borrow"][1]
    world = cut(whole, tmp_path / "cut", place["seq"])
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace('"NYSE:S001" = "0.365"', '"NYSE:S001" = "0.73"'))
    run_shadow(world)
    borrow = [line for line in financing(world) if line["kind"] == "borrow"]
    assert [line["rate"] for line in borrow[:3]] == ["0.365", "0.365", "0.73"]
    assert all(line["from_ns"] >= place["to_ns"] for line in borrow[2:])
