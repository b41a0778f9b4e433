"""The market hours file: what is written is read, each fault is one refusal that names the session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.hours_snapshot import read_hours, write_hours
from orders.canonical import sha256_hex
from orders.errors import InputError, NotYet
from orders.market_hours import Calendar, Session

GOLDEN = """{
 "version": 1,
 "made_at_ns": "7",
 "source": "by hand",
 "valid_from_ns": "0",
 "valid_until_ns": "1000",
 "calendars": {
  "XAAA": [
   {"day": "1970-01-01", "open_ns": "10", "close_ns": "20", "early_close": false},
   {"day": "1970-01-02", "open_ns": "20", "close_ns": "25", "early_close": true}
  ],
  "XBBB": [
   {"day": "1970-01-01", "open_ns": "5", "close_ns": "900", "early_close": false}
  ]
 }
}
"""


def made() -> list[Calendar]:
    def one(name: str, *rows: tuple[str, int, int, bool]) -> Calendar:
        sessions = tuple(Session(day=d, open_ns=o, close_ns=c, early_close=e) for d, o, c, e in rows)
        return Calendar(name=name, valid_from_ns=0, valid_until_ns=1000, sessions=sessions)

    return [
        one("XBBB", ("1970-01-01", 5, 900, False)),
        one("XAAA", ("1970-01-01", 10, 20, False), ("1970-01-02", 20, 25, True)),
    ]


def test_what_is_written_is_read_and_looks_like_this(tmp_path: Path) -> None:
    path = tmp_path / "hours.json"
    write_hours(path, made(), valid_from_ns=0, valid_until_ns=1000, made_at_ns=7, source="by hand")
    assert path.read_text() == GOLDEN
    snapshot = read_hours(path)
    assert dict(snapshot.calendars) == {calendar.name: calendar for calendar in made()}
    assert (snapshot.made_at_ns, snapshot.source, snapshot.sha256) == (7, "by hand", sha256_hex(GOLDEN.encode()))


def changed(*steps: Any) -> str:
    """GOLDEN with the value at the path of the steps replaced by the last of them; `...` takes the key away."""
    document = json.loads(GOLDEN)
    *path, value = steps
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(document)


FIRST = ("calendars", "XAAA", 0)
SECOND = ("calendars", "XAAA", 1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (changed("version", 2), "version"),
        (changed("source", ...), "source"),
        (changed("more", 1), "more"),
        (changed("valid_until_ns", "0"), "valid_until_ns"),
        (changed("calendars", []), "calendars"),
        (changed("calendars", "XAAA", []), "sessions of XAAA"),
        (changed(*FIRST, "open_ns", ...), "session 1 of XAAA"),
        (changed(*FIRST, "close_ns", "10"), "session 1 of XAAA"),
        (changed(*SECOND, "open_ns", "19"), "session 2 of XAAA"),
        (changed(*SECOND, "early_close", "yes"), "early_close of session 2"),
        (changed(*SECOND, "open_ns", -5), "open_ns of session 2"),
        (changed(*SECOND, "open_ns", 20.0), "20.0"),
        (changed(*SECOND, "open_ns", "NaN"), "open_ns of session 2"),
        (GOLDEN.replace('"XBBB"', '"XAAA"'), "twice"),
        (GOLDEN[:-20], "JSON"),
    ],
    ids=[
        "another version", "a field missing", "a field too many", "an empty range", "calendars as a list",
        "a calendar without sessions", "a session without its open", "a session that closes as it opens",
        "sessions that overlap", "a flag in words", "a negative instant", "an instant with a fraction",
        "an instant that is none", "a calendar twice", "cut short",
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_and_the_fault_is_named(tmp_path: Path, text: str, names: str) -> None:
    path = tmp_path / "hours.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_hours(path)
    assert caught.value.code == "HOURS_INVALID"
    assert names in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [None, ""], ids=["absent", "empty"])
def test_a_file_that_is_not_there_yet_says_so(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "hours.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotYet):
        read_hours(path)
