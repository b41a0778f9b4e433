"""The signature that raises capital, killed at each call that changes a file: the move is recorded once or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.children import FULL
from tests.promotion.world import Promoting, promoting

ROOT = Path(__file__).parents[2]
LAST = 40  # no signature has so many calls of a kind
SAMPLE = {"rename": (1, 2, 3), "fsync": (2, 4, 6), "fdatasync": (1, 2, 3, 5), "write": (2, 4, 6, 8)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Promoting:
    """A bundle in canary that is paused, and a resume that ann has signed."""
    made = promoting(tmp_path_factory.mktemp("asked") / "world")
    made.canary()
    made.moved("--pause")
    assert "nothing has moved yet" in made.promote("--resume")[1]
    return made


def copied(made: Promoting, root: Path) -> Promoting:
    """The same somewhere else."""
    shutil.copytree(made.root, root)
    copy = replace(made, root=root, config=root / made.config.name)
    copy.config.write_text(copy.config.read_text().replace(str(made.root), str(root)))
    return copy


def traced(made: Promoting, *inject: str) -> subprocess.CompletedProcess[str]:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    sign = ["promote", "sign", "--config", made.config, "--directory", made.keys, "--key", "bob"]
    words = [strace, "-f", "-qq", "-o", "/dev/null", *inject, sys.executable, "-m", "commands.main", *map(str, sign)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:80]}")
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("call", SAMPLE)
def test_a_killed_signature_raises_capital_once_or_not_at_all(
    call: str, asked: Promoting, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    before, kills = asked.promotions.lines, 0
    for number in range(1, LAST) if FULL else SAMPLE[call]:
        made = copied(asked, tmp_path / f"{call}-{number}")
        done = traced(made, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
        if "recorded" in done.stdout:
            break
        kills += 1
        where = (call, number)
        assert verify(made.layout.directory).first_bad is None, where
        recorded = made.promotions.lines == before + 1
        assert recorded or (made.promotions.lines, made.promotions.live_fraction) == (before, 0), where
        code, said = made.sign()
        told = "PROMOTION_REPLAYED" in said or "PROMOTION_NOTHING" in said
        assert (code != 0, told) == (recorded, recorded), (where, said)
        assert (made.promotions.lines, str(made.promotions.live_fraction)) == (before + 1, "0.01"), where
        assert verify(made.layout.directory).first_bad is None, where
    record_property("kills", kills)
    assert kills >= 2
