"""Requests a running shadow must not carry out: each gets one typed alarm, its file is put aside, and nothing is sold."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from lakehouse.flatten_request import write_request
from lakehouse.permission import FilePermission
from tests.flatten.made import WEIGHTS, at, flattens, quiet_world, request_of
from tests.gate.world import SECOND, Ran, World, manifest_text, run_shadow

HOUR = 3_600 * SECOND


def put_raw(world: World, raw: bytes) -> None:
    fresh = world.layout.flatten_request.with_suffix(".fresh")
    fresh.write_bytes(raw)
    fresh.rename(world.layout.flatten_request)


def hostile(world: World) -> list[tuple[str, object]]:
    """The code each must get, and how it comes to be there."""
    now = time.time_ns()

    def asked(**more):
        return lambda: write_request(world.layout, request_of(**more))

    return [
        ("FLATTEN_INVALID", lambda: put_raw(world, b"\xff not json")),
        ("FLATTEN_INVALID", lambda: put_raw(world, b"")),
        ("FLATTEN_INVALID", lambda: world.layout.flatten_request.symlink_to("/etc/passwd")),
        ("FLATTEN_INVALID", lambda: world.layout.flatten_request.mkdir()),
        ("FLATTEN_FOREIGN", asked(environment="live-book")),
        ("FLATTEN_EXPIRED", asked(now_ns=now - HOUR)),
        ("FLATTEN_INVALID", asked(now_ns=now + HOUR)),
    ]


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> tuple[World, Ran, list[str]]:
    world = quiet_world(tmp_path_factory.mktemp("refused"), count=120)
    first = world.save("first.json", manifest_text(WEIGHTS))
    made = hostile(world)

    async def beside(assembly):
        await at(world, 600, lambda assembly: None)(assembly)
        for _, put in made:
            put()
            while world.layout.flatten_request.is_symlink() or world.layout.flatten_request.exists():
                await asyncio.sleep(0.01)

    return world, run_shadow(world, [(60, first)], beside=beside), [code for code, _ in made]


def test_each_has_one_alarm_with_its_code(refused):
    _, ran, codes = refused
    assert [line["code"] for line in ran.of("alarm") if line["code"].startswith("FLATTEN")] == codes


def test_none_is_taken_and_nothing_is_sold(refused):
    _, ran, _ = refused
    assert flattens(ran) == []
    assert {line["side"] for line in ran.of("intent")} == {"BUY"}
    assert ran.of("halt") == []
    assert ran.assembly.desk.withdrawals == ()


def test_nothing_is_left_where_the_run_looks_and_the_target_of_a_link_is_untouched(refused):
    world, _, _ = refused
    assert not world.layout.flatten_request.exists()
    assert "root:" in Path("/etc/passwd").read_text()


def test_a_request_that_comes_while_halted_is_refused_and_says_what_to_do(tmp_path):
    world = quiet_world(tmp_path)
    first = world.save("first.json", manifest_text(WEIGHTS))

    def halted_then_asked(assembly):
        FilePermission(world.layout).halt(by="bob", reason="x", now_ns=time.time_ns())
        write_request(world.layout, request_of())

    ran = run_shadow(world, [(60, first)], beside=at(world, 800, halted_then_asked))
    (alarm,) = (line for line in ran.of("alarm") if line["code"].startswith("FLATTEN"))
    assert alarm["code"] == "FLATTEN_HALTED"
    assert "sluice resume" in alarm["message"]
    assert flattens(ran) == []


def test_a_halt_in_the_middle_of_a_flatten_ends_it_and_nothing_leaves_after(tmp_path):
    world = quiet_world(tmp_path, latency_ms="300")
    first = world.save("first.json", manifest_text(WEIGHTS))

    async def beside(assembly):
        await at(world, 1_200, lambda assembly: write_request(world.layout, request_of()))(assembly)
        while not any(
            json.loads(raw).get("cause") == "operator" for raw in world.layout.log.read_bytes().splitlines() if b"cause" in raw
        ):
            await asyncio.sleep(0.001)
        assembly.halt("a person said so")

    ran = run_shadow(world, [(60, first)], beside=beside)
    halted = ran.of("halt")[0]["seq"]
    assert not [line for line in ran.of("send") if line["seq"] > halted]
    assert flattens(ran) == [("taken", ""), ("ended", "halted")]
    assert [line["code"] for line in ran.of("alarm") if line["code"].startswith("FLATTEN")] == ["FLATTEN_HALTED"]
