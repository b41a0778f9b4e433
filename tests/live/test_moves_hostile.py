"""Files that are no request where a canary looks for one: each is refused by its code and put aside, and the canary goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lakehouse.layout import Layout
from lakehouse.move_request import LIFE_NS, SIZE_MAX, AskedMove, MoveRequest, PlainMove, SignedMove, request_bytes
from orders.promotion import Action, Move, Standing, State
from tests.live.canary import Canary, canary
from tests.live.test_ramp_live import carried_out, whole_record


@dataclass(kw_only=True)
class Target:
    """A canary at its second of three steps that trades. `one`, `two`: to live, as one and as two persons signed it."""

    made: Canary
    process: Any
    run_id: str
    one: bytes
    two: bytes

    @property
    def layout(self) -> Layout:
        return Layout(self.made.desk.world.lakehouse)

    @property
    def standing(self) -> Standing:
        standing = self.made.promoting.promotions.current
        assert standing is not None
        return standing

    def move(self, action: Action, *, step: int) -> Move:
        standing = self.standing
        return Move(
            bundle_sha256=standing.bundle_sha256, action=action, to_state=State.CANARY, to_step=step, steps=standing.steps
        )

    def put(self, raw: bytes) -> None:
        fresh = self.layout.directory / "fresh"
        fresh.write_bytes(raw)
        fresh.rename(self.layout.move_request)

    def asked(self, asked: AskedMove, *, run_id: str = "", age_ns: int = 1) -> None:
        request = MoveRequest(run_id=run_id or self.run_id, created_ns=time.time_ns() - age_ns, asked=asked)
        self.put(request_bytes(request))

    def down(self) -> PlainMove:
        return PlainMove(move=self.move(Action.STEP_DOWN, step=0), by="mallory", reason="because")

    def refusals(self) -> list[str]:
        alarms = [line for line in self.made.desk.of("alarm") if line["code"] == "MOVE_REFUSED"]
        return [line["message"].partition(":")[0] for line in alarms]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    root = tmp_path_factory.mktemp("hostile")
    with canary(root) as made:
        paths = [root / "one.json", root / "two.json"]
        code, said = made.promoting.promote("--to", "live", "--output", str(paths[0]))
        assert code == 0, said
        code, said = made.promoting.sign("bob", paths[0], "--output", paths[1])
        assert code == 0, said
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        run_id = made.desk.of("run_start")[0]["run_id"]
        one, two = (path.read_bytes() for path in paths)
        yield Target(made=made, process=process, run_id=run_id, one=one, two=two)
        said = made.desk.end(process)
        assert process.returncode == 0, said
        whole_record(made)


def altered(target: Target) -> None:
    raw = request_bytes(MoveRequest(run_id=target.run_id, created_ns=time.time_ns(), asked=target.down()))
    target.put(raw.replace(b"mallory", b"mallury"))


def forged(target: Target) -> None:
    """The second signature is another one's."""
    envelope = json.loads(target.two)
    envelope["signatures"][1]["sig"] = envelope["signatures"][0]["sig"]
    target.asked(SignedMove(statement=json.dumps(envelope, separators=(",", ":")).encode()))


HOSTILE: dict[str, tuple[str, Callable[[Target], object]]] = {
    "garbage": ("MOVE_MALFORMED", lambda target: target.put(b"\xff\x00 not json")),
    "nothing in it": ("MOVE_MALFORMED", lambda target: target.put(b"")),
    "nested without end": ("MOVE_MALFORMED", lambda target: target.put(b"[" * 200_000)),
    "too big": ("MOVE_MALFORMED", lambda target: target.put(b" " * (SIZE_MAX + 1))),
    "a directory": ("MOVE_MALFORMED", lambda target: target.layout.move_request.mkdir()),
    "a symbolic link": ("MOVE_MALFORMED", lambda target: target.layout.move_request.symlink_to("/etc/passwd")),
    "a pipe": ("MOVE_MALFORMED", lambda target: os.mkfifo(target.layout.move_request)),
    "altered by a byte": ("MOVE_ALTERED", altered),
    "another run's": ("MOVE_FOREIGN", lambda target: target.asked(target.down(), run_id="20260101T000000-1")),
    "too old": ("MOVE_EXPIRED", lambda target: target.asked(target.down(), age_ns=LIFE_NS + 10**9)),
    "of the future": ("MOVE_EARLY", lambda target: target.asked(target.down(), age_ns=-3_600 * 10**9)),
    "signed by one": ("PROMOTION_UNSIGNED", lambda target: target.asked(SignedMove(statement=target.one))),
    "a forged signature": ("SIGNATURE_BAD", forged),
    "a raise that nobody signed": (
        "PROMOTION_UNSIGNED",
        lambda target: target.asked(
            PlainMove(
                move=Move(
                    bundle_sha256=target.standing.bundle_sha256,
                    action=Action.PROMOTE,
                    to_state=State.LIVE,
                    to_step=2,
                    steps=target.standing.steps,
                ),
                by="mallory",
                reason="because",
            )
        ),
    ),
    "in the engine's name": (
        "MOVE_MALFORMED",
        lambda target: target.asked(PlainMove(move=target.move(Action.PAUSE, step=1), by="engine", reason="because")),
    ),
}


@pytest.mark.parametrize(("code", "put"), HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_by_its_code_told_and_put_aside_and_nothing_moves(
    target: Target, code: str, put: Callable[[Target], object]
) -> None:
    before, promotions = target.refusals(), len(target.made.desk.of("promotion"))
    put(target)
    target.made.desk.until(lambda: len(target.refusals()) > len(before), target.process)
    assert target.refusals() == [*before, code]
    target.made.desk.until(target.layout.move_answer.exists, target.process)
    assert json.loads(target.layout.move_answer.read_bytes())["code"] == code
    target.layout.move_answer.unlink()
    assert not os.path.lexists(target.layout.move_request)
    assert not os.path.lexists(target.layout.move_taken)
    assert len(target.made.desk.of("promotion")) == promotions
    assert not target.made.desk.of("halt")
    assert target.layout.permission.exists()


def test_the_target_of_a_link_is_as_it_was(target: Target) -> None:
    link = target.layout.directory / "link"
    link.symlink_to(target.made.promoting.gates)
    text = target.made.promoting.gates.read_bytes()
    link.rename(target.layout.move_request)
    target.made.desk.until(target.layout.move_answer.exists, target.process)
    target.layout.move_answer.unlink()
    assert target.made.promoting.gates.read_bytes() == text
