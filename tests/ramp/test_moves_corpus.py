"""The hostile corpus where a run looks for a move: whatever bytes they are, one typed refusal each, and the run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.move_files import Recorded, Refused, read_answer
from lakehouse.move_request import MoveRequest, request_bytes
from orders.canonical import canonical_bytes, sha256_hex
from orders.promotion import Action, State
from tests.hostile.documents import BYTES, JSON, Change
from tests.hostile.kinds import JSON_TEXT, in_places
from tests.promotion.made import UP_1, UP_2, move
from tests.ramp.beside import CANARY_MOVES, Beside, plain, signed
from tests.ramp.made import RUN

DOWN = plain(move(Action.STEP_DOWN, State.CANARY, 0))
SOUND = request_bytes(MoveRequest(run_id=RUN, created_ns=1, asked=DOWN))
FIELDS = {name: value for name, value in json.loads(SOUND).items() if name != "sha256"}


def summed(data: bytes) -> bytes:
    """The same fields, whatever they are by now, with their sum right, where they still are an object."""
    try:
        fields = json.loads(data)
        return canonical_bytes(fields | {"sha256": sha256_hex(canonical_bytes(fields))}) + b"\n"
    except (ValueError, TypeError, RecursionError):
        return data


RAW = BYTES | JSON | in_places(json.loads(SOUND), whole=True)
KINDS: dict[str, list[tuple[str, bytes]]] = {
    "as it is": [(name, change(SOUND)) for name, change in RAW.items()],
    "with its sum right": [
        (name, summed(change(canonical_bytes(FIELDS)))) for name, change in in_places(FIELDS, whole=True).items()
    ],
}


def look(made: Beside, raw: bytes, *, name: str) -> Any:
    """What the run says of a file; no promotion line is in the log by it but of one it recorded."""
    lines = made.promotions.lines
    made.layout.move_answer.unlink(missing_ok=True)
    made.layout.move_request.write_bytes(raw)
    made.desk.look()
    made.disk()
    answer = read_answer(made.layout, request_sha256=sha256_hex(raw))
    assert made.promotions.lines == lines + isinstance(answer, Recorded), name
    assert not made.layout.move_request.exists(), name
    assert made.halts == [], name
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_that_is_not_a_request_for_now_moves_anything(tmp_path: Path, kind: str) -> None:
    made = Beside(tmp_path, *CANARY_MOVES, UP_1)
    for name, raw in KINDS[kind]:
        answer = look(made, raw, name=name)
        assert isinstance(answer, Refused), name
        assert answer.code.startswith("MOVE_"), (name, answer)
    assert made.moves() == []


def test_no_statement_but_the_one_that_was_signed_moves_anything(tmp_path: Path) -> None:
    made = Beside(tmp_path, *CANARY_MOVES, UP_1)
    envelope = signed(made.statement(UP_2), "ann", "bob").statement
    changes: dict[str, Change] = BYTES | JSON_TEXT | in_places(json.loads(envelope), whole=True)
    for name, change in changes.items():
        fields = FIELDS | {"created_ns": str(made.now), "move": None, "statement": change(envelope).decode(errors="replace")}
        if fields["statement"] == envelope.decode():
            continue
        raw = canonical_bytes(fields | {"sha256": sha256_hex(canonical_bytes(fields))}) + b"\n"
        assert isinstance(look(made, raw, name=name), Refused), name
    assert (made.moves(), made.raises) == ([], [])
    fields = FIELDS | {"created_ns": str(made.tick()), "move": None, "statement": envelope.decode()}
    raw = canonical_bytes(fields | {"sha256": sha256_hex(canonical_bytes(fields))}) + b"\n"
    assert isinstance(look(made, raw, name="the one that was signed"), Recorded)
