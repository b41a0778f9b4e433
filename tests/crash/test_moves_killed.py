"""A live run killed on the way of a move that a person asks of it: the move is recorded once or not at all, and never later."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from lakehouse.layout import Layout
from lakehouse.lock import current_holder
from tests.children import kill
from tests.live.canary import canary
from tests.live.test_ramp_live import carried_out, sold_down, whole_record
from tests.promotion.world import sluice

KILLS = {  # a file, the call on it, and which one: the first unlink is at the start
    "when it takes the request": ("move_request.json", "rename", 1, False),
    "when it reads what it took": ("move_request.taken", "openat", 1, False),
    "when the line is on disk and the request goes": ("move_request.taken", "unlink", 2, True),
    "before it answers": ("move_answer.json", "newfstatat", 1, True),
}


@pytest.mark.parametrize(("file", "call", "when", "recorded"), KILLS.values(), ids=KILLS)
def test_a_run_killed_between_taking_and_answering_has_the_move_once_or_not_at_all(
    tmp_path: Path, file: str, call: str, when: int, recorded: bool
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    with canary(tmp_path) as made:
        layout = Layout(made.desk.world.lakehouse)
        inject = f"inject={call}:signal=SIGKILL:when={when}"
        words = (
            strace,
            "-I2",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-P",
            str(layout.directory / file),
            "-e",
            f"trace={call}",
            "-e",
            inject,
        )
        process = made.desk.start("--gates", str(made.promoting.gates), prefix=words)
        made.desk.until(lambda: carried_out(made), process)
        before = len(made.desk.of("promotion"))
        code, said = made.promoting.promote("--step-down", key=None)
        assert current_holder(layout) is None, said
        process.terminate()  # strace lets go of what it still traces, which is the watchdog
        made.desk.end(process)
        lines = made.desk.of("promotion")[before:]
        assert [line["action"] for line in lines] == ["step_down"] * recorded, said
        assert (code, "recorded log line" in said) == ((0, True) if recorded else (1, False)), said
        assert recorded or "MOVE_RUN_ENDED" in said
        whole_record(made)
        assert not layout.move_request.exists()
        again = made.start()
        runs = len(made.desk.of("run_start"))
        made.desk.until(lambda: len(made.desk.of("run_start")) > runs, again)
        if recorded:
            made.desk.until(lambda: sold_down(made, "0.0041"), again)
        made.desk.until(lambda: not layout.move_taken.exists(), again)
        code, said = made.promoting.promote("--pause", key=None)
        assert code == 0, said
        said = made.desk.end(again)
        assert again.returncode == 0, said
        assert [line["action"] for line in made.desk.of("promotion")[before:]] == ["step_down"] * recorded + ["pause"]
        assert sluice("promote", "log", "--lakehouse", layout.directory)[0] == 0
        whole_record(made)


def test_a_command_killed_while_it_waits_leaves_the_move_once_and_keeps_nobody_from_asking(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        layout = Layout(made.desk.world.lakehouse)
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        before = len(made.desk.of("promotion"))
        asking = made.desk.command("promote", "current", "--step-down", "--by", "ann", "--reason", "killed")
        while not layout.move_lock.exists():
            assert asking.poll() is None, asking.communicate()[0]
            time.sleep(0.001)
        kill(asking)
        code, said = made.promoting.promote("--pause", key=None)
        assert code == 0, said
        said = made.desk.end(process)
        assert process.returncode == 0, said
        actions = [line["action"] for line in made.desk.of("promotion")[before:]]
        assert actions in (["pause"], ["step_down", "pause"])
        assert not layout.move_request.exists()
        whole_record(made)
