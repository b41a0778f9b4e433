"""`sluice rehearse --crash-drill` as a person runs it: killed, started again, held against the venue, recorded as evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.evidence import gather
from commands.main import run
from engine.code_version import code_version
from lakehouse.layout import Layout
from lakehouse.live_note import read_live_note
from lakehouse.verifier import verify
from orders.gates import Gate, GatesFile, Verdict
from orders.promotion import STEPS
from tests.children import END_S, child

ROOT = Path(__file__).parents[2]
GATE = Gate(name="crash", metric="crash_drill_passed", source="rehearsal", at_least=Decimal(1), moves=("canary",))


def judged(directory: Path, *, code: str) -> Verdict:
    """What the gate says of the drills below a directory."""
    file = GatesFile(sha256="9" * 64, gates=(GATE,), sources={"rehearsal": directory}, steps=STEPS, dwell_s=(0, 0, 0))
    evidence = gather(file, bundle_sha256="b" * 64, code_sha256=code, sources={}, move="canary", now_ns=1)
    return evidence.results[0].verdict


@pytest.mark.parametrize("config", ["crypto_rehearsal", "ib_rehearsal"])
def test_a_run_that_is_killed_leaves_one_order_an_intent_and_evidence_for_this_code(tmp_path: Path, config: str) -> None:
    place = tmp_path / "drills" / "one"
    words = ["rehearse", f"data/configs/{config}.toml", "--crash-drill", "--kills", "2", "--seed", "3", "--directory", str(place)]
    command = [sys.executable, "-m", "commands.main", *words, "--json"]
    with child(command, cwd=ROOT, stderr=subprocess.PIPE, env=os.environ) as process:
        said, errors = process.communicate(timeout=5 * END_S)
    told = json.loads(said.splitlines()[-1])
    assert process.returncode == 0, (told, errors)
    assert (told["kind"], told["outcome"], told["problems"], told["kills"]) == ("crash", "passed", [], 2)
    assert told["worked"] > 0
    layout = Layout(place / "lakehouse")
    line = json.loads(layout.log.read_bytes().splitlines()[-1])
    assert (line["type"], line["source_sha256"]) == ("drill", code_version().source_sha256)
    assert verify(layout.directory).ok
    note = read_live_note(layout)
    assert note is not None
    assert not Path(f"/proc/{note.pid}").exists()
    assert judged(tmp_path / "drills", code=code_version().source_sha256) is Verdict.PASS
    assert judged(tmp_path / "drills", code="0" * 64) is Verdict.INCONCLUSIVE


def test_kills_without_the_drill_are_a_mistake_of_the_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rehearse", "--kills", "3"]) == 2
    assert "--crash-drill beside --kills" in capsys.readouterr().err
