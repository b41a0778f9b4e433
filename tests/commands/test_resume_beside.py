"""`sluice resume` from another terminal beside a shadow that a person halted: written, armed, and the rest is traded."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from engine.assemble import Assembly
from lakehouse.lock import DataDirectoryLock
from lakehouse.permission import FilePermission
from lakehouse.resume_request import ResumeRequest, write_resume
from lakehouse.verifier import verify
from tests.gate.world import BTC, ETH, Ran, World, manifest_text, quote
from tests.gate.world import run_shadow as run_unlocked

WORDS = ["--by", "ben", "--reason", "prices were right"]


def run_shadow(world: World, *, beside: Any) -> Ran:
    """A shadow that holds its data directory, as the command does."""
    with ExitStack() as held:

        def lock(kernel: Any, assembly: Assembly) -> None:
            held.enter_context(DataDirectoryLock(world.layout, run_id=assembly.recorder.facts.run_id))

        return run_unlocked(world, prepare=lock, beside=beside)


def day(root: Path, *, until_ms: int = 4_500, schedules: str = "", policy: str = "top_ups_max = 0") -> World:
    world = World(root, names=(BTC, ETH), latency_ms="5", jitter_ms="0", schedules=schedules, policy=policy)
    world.quotes = [quote(name, ms) for ms in range(0, until_ms, 50) for name in world.names]
    return world.write()


def halted_then_resumed(
    world: World, codes: list[int], *, before: Callable[[Assembly], Any] | None = None
) -> Callable[[Assembly], Any]:
    """Halt at 400 ms, show a manifest, resume at 1,500 ms from a thread, as another process would."""

    async def beside(assembly: Assembly) -> None:
        await asyncio.sleep(0.6)
        FilePermission(world.layout).halt(by="ann", reason="looking", now_ns=1)
        world.install(manifest_text({BTC.symbol: "0.2"}))
        await asyncio.sleep(1.0)
        if before is not None:
            before(assembly)
        codes.append(await asyncio.to_thread(run, ["resume", *WORDS, "--lakehouse", str(world.lakehouse)]))

    return beside


def ends(ran: Ran) -> list[tuple[str, str]]:
    return [(begun["cause"], ended["outcome"]) for begun, ended in zip(ran.of("cycle"), ran.of("cycle_end"), strict=False)]


def test_what_a_halt_refused_is_traded_after_a_resume_beside_the_run(tmp_path: Path, capsys: Any) -> None:
    world, codes = day(tmp_path), list[int]()
    ran = run_shadow(world, beside=halted_then_resumed(world, codes))
    assert (codes, ran.code) == ([0], 0)
    assert ends(ran) == [("new_manifest", "refused"), ("top_up", "done")]
    assert [fill["symbol"] for fill in ran.of("fill")] == [BTC.symbol]
    told = [(line["action"], line["by"], line["seq"]) for line in ran.of("halt")]
    assert [each[:2] for each in told] == [("halt", "ann"), ("resume", "ben")]
    assert min(line["seq"] for line in ran.of("send")) > told[1][2]
    assert "resumed by ben: prices were right" in "\n".join(ran.said)
    assert not world.layout.resume_request.exists()
    assert verify(world.lakehouse).ok
    assert "orders may leave again" in capsys.readouterr().out


def test_a_run_that_a_signal_halted_is_resumed_beside_it_too(tmp_path: Path, capsys: Any) -> None:
    """The flag that the signal set is the process' own: a file that is there again does not take it back, its resume does."""
    world, codes = day(tmp_path), list[int]()

    async def beside(assembly: Assembly) -> None:
        await asyncio.sleep(0.6)
        os.kill(os.getpid(), signal.SIGUSR1)
        world.install(manifest_text({BTC.symbol: "0.2"}))
        await asyncio.sleep(1.0)
        codes.append(await asyncio.to_thread(run, ["resume", *WORDS, "--lakehouse", str(world.lakehouse)]))

    ran = run_shadow(world, beside=beside)
    assert (codes, ran.code) == ([0], 0)
    assert ends(ran) == [("new_manifest", "refused"), ("top_up", "done")]
    told = [(line["action"], line["by"], line["reason"]) for line in ran.of("halt")]
    assert told == [("halt", "signal", "SIGUSR1 was sent to this process"), ("resume", "ben", "prices were right")]
    assert verify(world.lakehouse).ok
    capsys.readouterr()


def test_a_schedule_that_a_halt_stopped_is_finished_by_a_top_up_after_the_resume(tmp_path: Path, capsys: Any) -> None:
    slices = '[schedules.slices]\nkind = "twap"\nduration_s = 2\nslices = 8\n'
    world = day(tmp_path, schedules=slices, policy='schedule = "slices"\ntop_ups_max = 0', until_ms=7_000)
    world.install(manifest_text({BTC.symbol: "0.2"}))
    codes: list[int] = []

    async def beside(assembly: Assembly) -> None:
        while assembly.recorder.counts["fills"] < 3:
            await asyncio.sleep(0.02)
        FilePermission(world.layout).halt(by="ann", reason="looking", now_ns=1)
        await asyncio.sleep(0.6)
        codes.append(await asyncio.to_thread(run, ["resume", *WORDS, "--lakehouse", str(world.lakehouse)]))

    ran = run_shadow(world, beside=beside)
    assert codes == [0]
    assert ends(ran)[0] == ("new_manifest", "interrupted")
    assert ends(ran)[1:] == [("top_up", "done")]
    held = ran.assembly.recorder.keeper.positions[BTC.symbol]
    assert abs(float(held) * 100_000 - 20_000) < 200
    assert verify(world.lakehouse).ok
    capsys.readouterr()


def test_what_the_engine_halted_itself_is_not_resumed_beside_it(tmp_path: Path, capsys: Any) -> None:
    world, codes = day(tmp_path), list[int]()
    ran = run_shadow(world, beside=halted_then_resumed(world, codes, before=lambda assembly: assembly.halt("MADE: broken")))
    assert (codes, ran.code) == ([3], 1)
    assert "the run halted itself: MADE: broken" in capsys.readouterr().err
    assert [line["code"] for line in ran.of("alarm")].count("RESUME_REFUSED") == 1
    assert not ran.of("send")
    assert not world.layout.permission.exists()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: ResumeRequest(run_id="another", by="ben", reason="why", created_ns=1), "it is for run another"),
        (b"rubbish", "a plain file of `sluice resume`"),
        (b'{"version":1,"run_id":"r","by":"\xff","reason":"why","created_ns":"1"}', "a plain file of `sluice resume`"),
    ],
    ids=["of another run and old", "rubbish", "no UTF-8"],
)
def test_a_request_that_is_not_this_runs_resumes_nothing(made: Any, words: str, tmp_path: Path) -> None:
    world = day(tmp_path, until_ms=2_500)

    async def beside(assembly: Assembly) -> None:
        await asyncio.sleep(0.4)
        FilePermission(world.layout).halt(by="ann", reason="looking", now_ns=1)
        if callable(made):
            write_resume(world.layout, made())
        else:
            world.layout.resume_request.write_bytes(made)

    ran = run_shadow(world, beside=beside)
    assert [line["action"] for line in ran.of("halt")] == ["halt"]
    assert words in next(line["message"] for line in ran.of("alarm") if line["code"] == "RESUME_REFUSED")
    assert words in world.layout.resume_refused.read_text()
    assert not world.layout.resume_request.exists()
    assert not world.layout.permission.exists()


def test_a_replay_halts_and_resumes_where_the_run_did(tmp_path: Path, capsys: Any) -> None:
    world, codes = day(tmp_path), list[int]()
    run_shadow(world, beside=halted_then_resumed(world, codes))
    capsys.readouterr()
    run(["replay", "--lakehouse", str(world.lakehouse), "--json"])
    result = json.loads(capsys.readouterr().out)
    assert [(manual["action"], manual["replayed"]) for manual in result["manual"]] == [("halt", True), ("resume", True)]
    assert result["causes"].get("unexplained", 0) == 0
