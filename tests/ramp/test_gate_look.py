"""The gates of a running run are looked at by a process of its own: what failed takes a step, what cannot be looked at none."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.gates_file import load_gates
from lakehouse import records
from lakehouse.promotion_files import read_promotion_file
from lakehouse.rebuild import decode_line
from live.gate_look import GateLook, GateRequest, NotJudged, failed_gates, look_at_gates
from live.ramp import RunningGates
from tests.gates.made import BUNDLE, CODE, Made, made_record
from tests.promotion.made import CANARY, CANDIDATE, SHADOW, UP_1, A
from tests.ramp.made import Ramped

GATES = """\
schema_version = 1
[ramp]
steps = ["0.01", "0.05", "0.25", "1"]
dwell_s = [{dwell}, 40, 4000]
[sources]
[gates.rejects]
metric = "reject_rate"
source = "canary"
at_most = "0.2"
min_days = "0"
min_orders = 20
min_notional_base = "0"
moves = []
dry_run = {dry}
while_running = true
"""


def gates_file(root: Path, *, dry: str = "false", dwell: str = "4000") -> Path:
    path = root / "gates.toml"
    path.write_text(GATES.format(dry=dry, dwell=dwell))
    return path


def request(root: Path, path: Path, **changes: Any) -> GateRequest:
    """A look at a record in which the venue rejected half of two hundred orders."""
    made_record(root / "live", Made(rejected=100, kind="live"))
    facts: dict[str, Any] = {
        "gates": str(path), "gates_sha256": load_gates(path).sha256, "bundle_sha256": BUNDLE, "code_sha256": CODE,
        "sources": {"canary": str(root / "live")}, "since_ns": 0, "now_ns": 2**62,
    }  # fmt: skip
    return GateRequest(**facts | changes)


def test_a_gate_that_failed_is_named_with_what_it_found_and_bound(tmp_path: Path) -> None:
    look = asyncio.run(look_at_gates(request(tmp_path, gates_file(tmp_path))))
    assert list(look.failed) == ["rejects"]
    assert "is not <= 0.2" in look.failed["rejects"]
    document = json.loads(look.evidence)
    assert (document["move"], document["bundle_sha256"]) == ("while_running", BUNDLE)


@pytest.mark.parametrize(
    ("changes", "dry"),
    [({"since_ns": 2**61}, "false"), ({"bundle_sha256": A}, "false"), ({}, "true"), ({"sources": {}}, "false")],
    ids=["nothing since the step", "of another bundle", "a dry run", "a source nobody named"],
)
def test_what_was_not_seen_of_the_bundle_at_its_step_fails_nothing(tmp_path: Path, changes: dict[str, Any], dry: str) -> None:
    assert asyncio.run(look_at_gates(request(tmp_path, gates_file(tmp_path, dry=dry), **changes))).failed == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"gates_sha256": "0" * 64}, "has changed since the run began"), ({"gates": "/nonexistent/gates.toml"}, "/nonexistent")],
    ids=["another file by now", "a file that is gone"],
)
def test_gates_that_are_no_longer_those_of_the_run_are_not_judged(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NotJudged, match=words) as caught:
        asyncio.run(look_at_gates(request(tmp_path, gates_file(tmp_path), **changes)))
    assert str(caught.value).count("GATES_NOT_JUDGED") == 1


def test_a_gate_that_failed_early_is_told_by_what_it_found_and_not_by_what_is_still_to_be_seen(tmp_path: Path) -> None:
    path = gates_file(tmp_path)
    early = path.read_text().replace('"reject_rate"', '"reconciliation_breaks"').replace('at_most = "0.2"', 'at_most = "0"')
    path.write_text(early.replace('min_days = "0"', 'min_days = "50"'))
    asked = request(tmp_path, path)
    made_record(tmp_path / "live", Made(breaks=2, kind="live"), first_run=2)
    assert asyncio.run(look_at_gates(asked)).failed == {"rejects": "2 is over 0, and does not go down again for this bundle"}


def test_gates_are_not_judged_while_no_process_is_to_be_had(tmp_path: Path) -> None:
    asked = request(tmp_path, gates_file(tmp_path))

    async def without_files() -> None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")), most[1]))
        try:
            await look_at_gates(asked)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)

    with pytest.raises(NotJudged, match=r"no process that judges them: .*Too many open files"):
        asyncio.run(without_files())


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b'{"results": [{}]}', b"\xff", b'{"results": 7}'])
def test_an_answer_that_is_no_evidence_is_not_judged(answer: bytes) -> None:
    with pytest.raises(NotJudged):
        failed_gates(answer)


FAILED = GateLook(evidence=b'{"made":"up"}', failed={"rejects": "0.4 to 0.6 is not <= 0.2"})


def ramped(root: Path, kind: type[RunningGates] = RunningGates) -> Ramped:
    """At step 1 of canary, with gates."""
    path = gates_file(root)
    gates = kind(load_gates(path), path=path, sources={}, code_sha256=CODE)
    return Ramped(CANDIDATE, SHADOW, CANARY, UP_1, root=root, gates=gates)


def test_a_failed_gate_takes_a_step_and_its_evidence_is_kept(tmp_path: Path) -> None:
    made = ramped(tmp_path)
    standing = made.promotions.current
    assert standing is not None
    made.ramp.judged(standing, FAILED)
    assert made.automatic() == [("step_down", "GATE_FAILED", 1, 0)]
    (line,) = [
        found for raw in made.journal.raw if isinstance(found := decode_line(raw), records.PromotionLine) and found.by == "engine"
    ]
    assert line.reason == "rejects: 0.4 to 0.6 is not <= 0.2"
    assert line.evidence_sha256 is not None
    assert read_promotion_file(made.layout, line.evidence_sha256) == FAILED.evidence
    assert line.gates_sha256 == load_gates(tmp_path / "gates.toml").sha256


def test_a_look_at_a_step_that_was_left_meanwhile_takes_nothing(tmp_path: Path) -> None:
    made = ramped(tmp_path)
    standing = made.promotions.current
    assert standing is not None
    made.halt()
    made.ramp.look()
    made.ramp.judged(standing, FAILED)
    assert [one[1] for one in made.automatic()] == ["HALTED"]


def test_nothing_that_failed_takes_nothing(tmp_path: Path) -> None:
    made = ramped(tmp_path)
    standing = made.promotions.current
    assert standing is not None
    made.ramp.judged(standing, msgspec.structs.replace(FAILED, failed={}))
    assert made.automatic() == []


@pytest.mark.parametrize(("dwell", "every_s"), [("0", 3.0), ("40", 3.0), ("400", 20.0), ("1000000", 60.0)])
def test_gates_are_looked_at_a_few_times_in_the_shortest_dwell(tmp_path: Path, dwell: str, every_s: float) -> None:
    text = gates_file(tmp_path, dwell=dwell).read_text().replace("40, 4000]", "1000000, 1000000]")
    path = tmp_path / "gates.toml"
    path.write_text(text)
    assert RunningGates(load_gates(path), path=path, sources={}, code_sha256=CODE).every_s == every_s


class Unjudged(RunningGates):
    """Gates that nobody can look at; quickly so."""

    @property
    def every_s(self) -> float:
        return 0.001

    async def look(self, standing: Any) -> GateLook:
        raise NotJudged("GATES_NOT_JUDGED", expected="a look", found="none", action="None.")


def test_gates_that_cannot_be_looked_at_are_one_alarm_and_no_step(tmp_path: Path) -> None:
    made = ramped(tmp_path, Unjudged)

    async def some() -> None:
        task = asyncio.create_task(made.ramp.watch_gates())
        for _ in range(200):
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(some())
    alarms = [found.code for raw in made.journal.raw if isinstance(found := decode_line(raw), records.Alarm)]
    assert alarms == ["GATES_NOT_JUDGED"]
    assert made.automatic() == []
