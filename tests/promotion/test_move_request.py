"""The file by which a run is asked to move its bundle: what is written is read, and anything else is refused by a code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lakehouse.layout import Layout
from lakehouse.move_files import (
    Recorded,
    Refused,
    answer_move,
    drop_answer,
    read_answer,
    take_move,
    withdraw_move,
    write_move,
)
from lakehouse.move_request import (
    SIZE_MAX,
    STATEMENT_MAX,
    AskedMove,
    MoveRequest,
    PlainMove,
    SignedMove,
    parse_request,
    request_bytes,
)
from orders.canonical import canonical_bytes, sha256_hex
from orders.errors import InputError, NotAsked
from orders.promotion import STEPS, Action, Move, State
from tests.promotion.made import UP_1, A
from tests.promotion.test_statement import signed

PLAIN = PlainMove(move=UP_1, by="ann", reason="it looks wrong")
REQUEST = MoveRequest(run_id="20260106T100000-7", created_ns=1_767_693_600_000_000_000, asked=PLAIN)
REFUSED = Refused(code="MOVE_FOREIGN", expected="one", found="another", action="Ask again.", ruled=False)
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
HASHES = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
MOVES = st.builds(
    Move,
    bundle_sha256=st.just(A), action=st.sampled_from(Action), to_state=st.sampled_from(State), to_step=st.integers(-3, 25),
    steps=st.just(STEPS),
)  # fmt: skip
PLAINS = st.builds(
    PlainMove,
    move=MOVES, by=WORDS, reason=WORDS, code=st.none() | st.just("GATE_FAILED"), evidence_sha256=HASHES, gates_sha256=HASHES,
)  # fmt: skip
ASKED: st.SearchStrategy[AskedMove] = PLAINS | st.builds(
    SignedMove, statement=st.text(st.characters(exclude_categories=("Cs",)), max_size=300).map(str.encode)
)
REQUESTS = st.builds(MoveRequest, run_id=WORDS, created_ns=st.integers(0, 2**63), asked=ASKED)


@given(REQUESTS)
def test_what_is_written_is_what_is_read(request: MoveRequest) -> None:
    assert parse_request(request_bytes(request)) == request


def test_an_envelope_of_persons_is_read_as_it_was_signed() -> None:
    data = signed("ann", "bob")
    asked = parse_request(request_bytes(MoveRequest(run_id="r", created_ns=1, asked=SignedMove(statement=data)))).asked
    assert asked == SignedMove(statement=data)


@settings(max_examples=300)
@given(request=REQUESTS, data=st.data())
def test_no_byte_can_be_changed_put_in_or_left_out(request: MoveRequest, data: st.DataObject) -> None:
    raw = request_bytes(request)
    place = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.binary(max_size=2).filter(lambda found: found != raw[place : place + 1]))
    with pytest.raises(InputError) as caught:
        parse_request(raw[:place] + other + raw[place + 1 :])
    assert caught.value.code in ("MOVE_ALTERED", "MOVE_MALFORMED")


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda found: json.dumps(found).encode()))
def test_no_bytes_raise_anything_but_the_typed_error(raw: bytes) -> None:
    with pytest.raises(InputError, match="MOVE_"):
        parse_request(raw)


def made(**change: Any) -> bytes:
    """A file with its sum right, some of its fields changed; those of the move by `move__NAME`."""
    fields = json.loads(request_bytes(REQUEST))
    del fields["sha256"]
    for name, value in change.items():
        outer, _, inner = name.partition("__")
        if inner:
            fields[outer][inner] = value
        else:
            fields[name] = value
    return canonical_bytes(fields | {"sha256": sha256_hex(canonical_bytes(fields))}) + b"\n"


WRONG: dict[str, dict[str, Any]] = {
    "another version": {"version": 2},
    "a key nobody knows": {"force": True},
    "no run": {"run_id": " "},
    "a run of two lines": {"run_id": "a\nb"},
    "a time that is a number": {"created_ns": 5},
    "a negative time": {"created_ns": "-5"},
    "neither move nor statement": {"move": None},
    "both": {"statement": "{}"},
    "a statement without end": {"move": None, "statement": "x" * (STATEMENT_MAX + 1)},
    "an unknown action": {"move__action": "raise"},
    "an unknown state": {"move__to_state": "lively"},
    "a step that is text": {"move__to_step": "1"},
    "steps in another spelling": {"move__steps": ["0.010", "1"]},
    "steps without end": {"move__steps": ["0.5"] * 21},
    "a bundle that is none": {"move__bundle_sha256": "current"},
    "evidence that is none": {"move__evidence_sha256": "../x"},
    "a code in small letters": {"move__code": "gate_failed"},
    "nobody": {"move__by": ""},
    "a name without end": {"move__by": "a" * 65},
    "no reason": {"move__reason": "\t"},
    "a reason that steers the terminal": {"move__reason": "\x1b[2J"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_field_that_cannot_be_is_refused_though_its_sum_is_right(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="MOVE_MALFORMED"):
        parse_request(made(**change))


def test_the_same_file_without_the_change_is_read() -> None:
    assert parse_request(made()) == REQUEST


PLACES: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a directory": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "too large": lambda path: path.write_bytes(b" " * (SIZE_MAX + 1)),
}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("before", [None, *PLACES.values()], ids=["", *(f"on {place}" for place in PLACES)])
def test_what_is_no_plain_file_is_refused_and_put_aside(tmp_path: Path, make: Any, before: Any) -> None:
    layout = Layout(tmp_path)
    if before is not None:
        for path in (layout.move_taken, layout.move_refused, layout.move_answer):
            before(path)
    make(layout.move_request)
    with pytest.raises(InputError, match="MOVE_MALFORMED"):
        take_move(layout)
    answer_move(layout, REFUSED)
    assert read_answer(layout, request_sha256="1" * 64) == REFUSED
    assert not os.path.lexists(layout.move_request)
    assert take_move(layout) is None
    sha256 = write_move(layout, REQUEST)
    data = take_move(layout)
    assert data is not None
    assert sha256_hex(data) == sha256
    answer_move(layout, Recorded(request_sha256=sha256, log_line=7))
    assert read_answer(layout, request_sha256=sha256) == Recorded(request_sha256=sha256, log_line=7)
    assert "root:" in Path("/etc/passwd").read_text()


def test_a_request_is_taken_once_or_taken_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_move(layout, REQUEST)
    assert withdraw_move(layout)
    assert take_move(layout) is None
    write_move(layout, REQUEST)
    assert take_move(layout) == request_bytes(REQUEST)
    assert not withdraw_move(layout)
    assert take_move(layout) is None


def test_an_answer_is_read_by_whom_it_is_for_and_an_old_one_is_gone_before_the_next_request(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_answer(layout, request_sha256="1" * 64) is None
    for late in (Recorded(request_sha256="1" * 64, log_line=7), replace(REFUSED, request_sha256="1" * 64)):
        answer_move(layout, late)
        assert read_answer(layout, request_sha256="2" * 64) is None
        assert read_answer(layout, request_sha256="1" * 64) == late
    write_move(layout, REQUEST)
    assert read_answer(layout, request_sha256="1" * 64) is None
    answer_move(layout, Recorded(request_sha256="1" * 64, log_line=7))
    nobodys = layout.move_answer.read_text().replace(f'"{"1" * 64}"', "null")
    layout.move_answer.write_text(nobodys)
    with pytest.raises(InputError, match="MOVE_ANSWER"):
        read_answer(layout, request_sha256="1" * 64)
    layout.move_answer.write_text("{}")
    with pytest.raises(InputError, match="MOVE_ANSWER"):
        read_answer(layout, request_sha256="1" * 64)
    drop_answer(layout)
    assert read_answer(layout, request_sha256="1" * 64) is None


@pytest.mark.parametrize(("ruled", "kind"), [(True, NotAsked), (False, InputError)])
def test_a_refusal_is_raised_as_the_run_raised_it(tmp_path: Path, ruled: bool, kind: type[InputError]) -> None:
    layout = Layout(tmp_path)
    answer_move(layout, Refused(code="X_CODE", expected="a", found="b", action="Do c.", ruled=ruled))
    answer = read_answer(layout, request_sha256="1" * 64)
    assert isinstance(answer, Refused)
    error = answer.error()
    assert (type(error), error.code, str(error)) == (kind, "X_CODE", "X_CODE: a was expected, found b. Do c.")
