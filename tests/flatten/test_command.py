"""The command from a second process against a real shadow, and without one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from subprocess import Popen

import pytest

from lakehouse.flatten_request import write_request
from lakehouse.rebuild import LogFold, decode_line
from lakehouse.verifier import verify
from tests.children import END_S, FULL
from tests.crash.harness import World, check, check_end, lines_of, make_world, run_to_end, sluice, started
from tests.flatten.made import request_of

ENVIRONMENT = "paper-sp500"
KILLS = (("flatten", 1), ("cycle", 1), ("send", 7), ("plan", 1), ("fill", 4), ("intent", 20), ("ack", 20), ("received", 3))
WHO = ("--by", "ann", "--reason", "the desk is closing")


def flatten(world: World, *more: str):
    done = sluice("flatten", str(world.config), *WHO, "--json", *more)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def held_and_quiet(world: World) -> bool:
    """Whether the first cycle has bought, and the snapshots say so."""
    book = world.lake / "snapshots/book.json"
    return book.exists() and len(json.loads(book.read_text())["positions"]) == 20


def bought(world: World) -> bool:
    """Whether the first cycle is over."""
    return world.layout.log.exists() and b'"type":"cycle_end"' in world.layout.log.read_bytes()


@contextmanager
def running(world: World, until: Callable[[World], bool] = bought) -> Iterator[Popen[str]]:
    """A shadow that has bought its book."""
    with started(world) as process:
        end = time.monotonic() + END_S
        while not until(world) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        assert process.poll() is None, process.communicate()[0]
        yield process


@pytest.fixture(scope="module")
def flattened(tmp_path_factory: pytest.TempPathFactory):
    """A replay of two months at a day in a second and a half, flattened from another process, and run to its end."""
    world = make_world(tmp_path_factory.mktemp("flatten"), end=date(2022, 4, 22), speed=86_400)
    with running(world, held_and_quiet) as process:
        before = sluice("plan", "--config", str(world.config), "--json")
        unasked = sluice("flatten", str(world.config), *WHO)
        done = flatten(world, "--yes")
        status = sluice("status", "--lakehouse", str(world.lake), "--json")
        said = process.communicate(timeout=END_S)[0]
    assert process.returncode == 0, said
    return world, before, unasked, done, status, said


def test_the_command_shows_the_plan_and_ends_when_the_book_is_flat(flattened):
    world, _, _, done, _, said = flattened
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["outcome"] == "flat"
    assert {line["reason"] for line in answer["plan"]["lines"]} == {"TRADE"}
    assert {line["side"] for line in answer["plan"]["lines"]} == {"SELL"}
    assert len(answer["plan"]["lines"]) == 20
    assert answer["decision"] == "PLAN"
    report = check_end(world)
    assert report.positions == {}
    assert "flatten everything by ann: the desk is closing" in said
    assert "flatten FLAT" in said


def test_without_a_terminal_and_without_yes_it_refuses_and_asks_for_nothing(flattened):
    world, _, unasked, _, _, _ = flattened
    assert unasked.returncode == 2
    assert "--yes" in unasked.stderr
    assert "SELL" in unasked.stdout
    assert len([line for line in lines_of(world) if line["type"] == "flatten"]) == 2


def test_journal_and_ledger_say_who_and_why_as_a_persons_action(flattened):
    world, _, _, done, _, _ = flattened
    request_id = json.loads(done.stdout)["request_id"]
    taken, ended = (line for line in lines_of(world) if line["type"] == "flatten")
    assert (taken["stage"], taken["by"], taken["reason"]) == ("taken", "ann", "the desk is closing")
    assert (ended["stage"], ended["outcome"], ended["request_id"]) == ("ended", "flat", request_id)
    assert taken["plan_sha256"] == json.loads(done.stdout)["plan_sha256"]
    ledger = [json.loads(raw) for raw in world.layout.ledger.read_bytes().splitlines()]
    records = [record["body"] for record in ledger if record["type"] == "FLATTEN"]
    assert [(r["stage"], r["by"], r["log_line"]) for r in records] == [
        ("taken", "ann", taken["seq"]),
        ("ended", "ann", ended["seq"]),
    ]
    cycles = [line for line in lines_of(world) if line["type"] == "cycle" and line["request_id"]]
    assert [(line["cause"], line["request_id"]) for line in cycles] == [("operator", request_id)]
    first = next(line for line in lines_of(world) if line["type"] == "intent" and line["side"] == "SELL")
    assert taken["seq"] < first["seq"]


def test_status_and_plan_say_that_the_manifest_is_withdrawn(flattened):
    world, before, _, _, status, _ = flattened
    assert json.loads(before.stdout)["decision"] == "PLAN"
    withdrawn = json.loads(status.stdout)["manifest"]["withdrawn"]
    assert [(w["by"], w["symbols"], w["venue"]) for w in withdrawn] == [("ann", [], None)]
    plan = sluice("plan", "--config", str(world.config), "--json")
    assert plan.returncode == 0
    answer = json.loads(plan.stdout)
    assert (answer["decision"], answer["code"]) == ("HOLD", "WITHDRAWN")
    assert "WITHDRAWN (everything) by ann" in sluice("status", "--lakehouse", str(world.lake)).stdout


def test_nobody_buys_it_back_for_the_rest_of_the_replay(flattened):
    world, *_ = flattened
    ended = next(line["seq"] for line in lines_of(world) if line["type"] == "flatten" and line["stage"] == "ended")
    assert [line for line in lines_of(world) if line["seq"] > ended and line["type"] in {"cycle", "intent", "fill"}] == []


def test_nothing_runs_is_said_and_refused_and_queued_only_when_asked(flattened):
    world, *_ = flattened
    refused = flatten(world, "--yes")
    assert refused.returncode == 3
    assert json.loads(refused.stdout)["code"] == "NO_RUN"
    assert not world.layout.flatten_request.exists()
    queued = flatten(world, "--yes", "--queue")
    assert (queued.returncode, json.loads(queued.stdout)["outcome"]) == (0, "queued")
    again = flatten(world, "--yes", "--queue")
    assert (again.returncode, json.loads(again.stdout)["code"]) == (3, "FLATTEN_PENDING")
    assert "WAITING" in sluice("status", "--lakehouse", str(world.lake)).stdout
    world.layout.flatten_request.unlink()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--by", "ann", "--reason", " "), "--reason"),
        (("--by", "", "--reason", "x"), "--by"),
        (("--by", "ann\nbob", "--reason", "x"), "--by"),
        (("--by", "ann", "--reason", "x", "--symbol", "NASDAQ:AAPLE"), "Did you mean NASDAQ:AAPL?"),
        (("--by", "ann", "--reason", "x", "--venue", "MOON"), "--venue"),
        (("--reason", "x"), "--by"),
    ],
    ids=["no reason", "no name", "a name of two lines", "a symbol that is not listed", "no such venue", "nobody"],
)
def test_a_wrong_word_is_usage_and_asks_for_nothing(flattened, words, expected):
    world, *_ = flattened
    done = sluice("flatten", str(world.config), *words, "--yes")
    assert done.returncode == 2
    assert expected in done.stderr
    assert not world.layout.flatten_request.exists()


def test_a_queued_request_is_carried_out_by_the_next_start(tmp_path):
    world = make_world(tmp_path, end=date(2022, 4, 5), speed=86_400)
    run_to_end(world)
    assert flatten(world, "--yes", "--queue").returncode == 0
    world.configure("end = 2022-04-05", "end = 2022-04-08")
    run_to_end(world)
    assert check_end(world).positions == {}


def test_halted_it_cannot_flatten_and_says_what_to_do(tmp_path):
    world = make_world(tmp_path, end=date(2022, 4, 5), speed=86_400)
    run_to_end(world)
    assert sluice("halt", "--reason", "x", "--lakehouse", str(world.lake)).returncode == 0
    done = flatten(world, "--yes", "--queue")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["code"]) == (3, "HALT")
    assert "sluice resume" in answer["message"]
    assert not world.layout.flatten_request.exists()
    write_request(world.layout, request_of(environment=ENVIRONMENT))
    world.configure("end = 2022-04-05", "end = 2022-04-08")
    with started(world) as process:
        process.communicate(timeout=END_S)
    assert [line["code"] for line in lines_of(world) if line["type"] == "alarm"][-1] == "FLATTEN_HALTED"
    assert [line for line in lines_of(world) if line["type"] == "flatten"] == []
    assert len(check(world).positions) == 20


def killed_at(world: World, kind: str, count: int) -> None:
    """Flatten a running shadow and kill it once the log has `count` more lines of a kind."""
    with running(world) as process:
        before = sum(line["type"] == kind for line in lines_of(world))
        write_request(world.layout, request_of(environment=ENVIRONMENT))
        end = time.monotonic() + END_S
        while process.poll() is None and time.monotonic() < end:
            raw = world.layout.log.read_bytes()
            if raw.count(f'"type":"{kind}"'.encode()) >= before + count:
                break


@pytest.mark.parametrize(
    ("kind", "count"),
    KILLS if FULL else KILLS[::2],
    ids=lambda value: str(value),
)
def test_a_kill_in_the_middle_is_gone_on_with_after_it_and_flattens_once(kind, count, tmp_path):
    world = make_world(tmp_path, end=date(2022, 4, 8), speed=86_400)
    killed_at(world, kind, count)
    check(world)
    run_to_end(world)
    report = check_end(world)
    assert report.positions == {}
    sold: dict[str, Decimal] = {}
    for line in lines_of(world):
        if line["type"] == "fill":
            signed = Decimal(line["quantity"]) * (1 if line["side"] == "BUY" else -1)
            sold[line["symbol"]] = sold.get(line["symbol"], Decimal(0)) + signed
            assert sold[line["symbol"]] >= 0, "sold twice"
    lines = [(line["stage"], line["outcome"]) for line in lines_of(world) if line["type"] == "flatten"]
    assert lines == [("taken", ""), ("ended", "flat")]
    assert {line["cause"] for line in lines_of(world) if line["type"] == "cycle"} == {"new_manifest", "operator"}
    assert verify(world.lake).ok
    fold = LogFold()
    for raw in Path(world.layout.log).read_bytes().splitlines():
        fold.apply(decode_line(raw))
    assert fold.flattens.open is None
