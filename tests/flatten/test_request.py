"""The request's file: whole or absent, and anything else in its place refused with one typed error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.flatten_request import REQUEST_SIZE_MAX, read_request, remove_request, set_aside, write_request
from lakehouse.layout import Layout
from orders.errors import InputError
from orders.flatten import Scope
from tests.flatten.made import NOW_NS, request_of
from tests.gate.world import SECOND


def put(layout: Layout, **more: Any) -> dict[str, Any]:
    """A sound file, some of its keys changed; a key that is ... is left out."""
    write_request(layout, request_of(now_ns=NOW_NS))
    document = json.loads(layout.flatten_request.read_bytes()) | more
    document = {key: value for key, value in document.items() if value is not ...}
    layout.flatten_request.write_text(json.dumps(document))
    return document


def test_what_is_written_is_what_is_read(tmp_path):
    layout = Layout(tmp_path)
    asked = request_of(now_ns=NOW_NS, scope=Scope(symbols=("NYSE:BRK.B",), venue="US"))
    write_request(layout, asked)
    assert read_request(layout) == asked
    remove_request(layout)
    assert read_request(layout) is None
    remove_request(layout)


WRONG = {
    "another version": {"version": 2},
    "no version": {"version": ...},
    "a key nobody knows": {"force": True},
    "no name": {"by": " "},
    "a name of two lines": {"by": "ann\nbob"},
    "a name without end": {"by": "a" * 65},
    "no reason": {"reason": ""},
    "an id that is none": {"request_id": "../../etc/passwd"},
    "an id in capitals": {"request_id": "A" * 32},
    "no environment": {"environment": ""},
    "symbols that are one": {"symbols": "BINANCE:BTCUSDT"},
    "a symbol twice": {"symbols": ["A:B", "A:B"]},
    "a symbol with a space": {"symbols": ["A: B"]},
    "symbols without end": {"symbols": [f"A:{i}" for i in range(1_001)]},
    "a venue that is a number": {"venue": 7},
    "a plan that is none": {"plan_sha256": "b" * 63},
    "a time that is a number": {"created_ns": NOW_NS},
    "a negative time": {"created_ns": "-5"},
    "an end before the beginning": {"expires_ns": str(NOW_NS)},
    "an end a week away": {"expires_ns": str(NOW_NS + 7 * 86_400 * SECOND)},
}


@pytest.mark.parametrize("more", WRONG.values(), ids=WRONG)
def test_a_field_that_cannot_be_is_refused(more, tmp_path):
    layout = Layout(tmp_path)
    put(layout, **more)
    with pytest.raises(InputError) as caught:
        read_request(layout)
    assert caught.value.code == "FLATTEN_INVALID"


GARBAGE = {
    "nothing": b"",
    "half": b'{"version": 1, "request_id": "aa',
    "a list": b"[]",
    "no text": b"\xff\xfe\x00",
    "a lone surrogate": b'{"by": "\\ud800"}',
    "a key twice": b'{"version": 1, "version": 1}',
    "nested without end": b"[" * 100_000,
    "NaN": b'{"version": NaN}',
    "too large": b" " * (REQUEST_SIZE_MAX + 1),
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused(raw, tmp_path):
    layout = Layout(tmp_path)
    layout.flatten_request.write_bytes(raw)
    with pytest.raises(InputError, match="FLATTEN_INVALID"):
        read_request(layout)


def make_link(path: Path) -> None:
    other = path.with_name("elsewhere.json")
    write_request(Layout(path.parent), request_of(now_ns=NOW_NS))
    path.rename(other)
    path.symlink_to(other)


PLACES = {"a link": make_link, "a directory": Path.mkdir, "a pipe": lambda path: os.mkfifo(path)}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_what_is_no_plain_file_is_refused_without_waiting_and_put_aside(make, tmp_path):
    layout = Layout(tmp_path)
    make(layout.flatten_request)
    with pytest.raises(InputError, match="FLATTEN_INVALID"):
        read_request(layout)
    set_aside(layout)
    assert read_request(layout) is None


def test_the_last_refused_file_is_kept_and_no_more_than_one(tmp_path):
    layout = Layout(tmp_path)
    for text in ("one", "two"):
        layout.flatten_request.write_text(text)
        set_aside(layout)
    assert layout.flatten_refused.read_text() == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == [layout.flatten_refused.name]


@settings(deadline=None)  # a disk
@given(data=st.data())
def test_a_file_cut_or_changed_anywhere_is_read_as_sound_or_refused_and_never_anything_else(data, tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("cut"))
    write_request(layout, request_of(now_ns=NOW_NS))
    raw = bytearray(layout.flatten_request.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw = raw[:place]
    else:
        raw[place] = data.draw(st.integers(0, 255))
    layout.flatten_request.write_bytes(bytes(raw))
    try:
        found = read_request(layout)
    except InputError as error:
        assert str(error).startswith("FLATTEN_INVALID")  # noqa: PT017 - either outcome is right
        return
    assert found is not None
    assert found.created_ns < found.expires_ns
