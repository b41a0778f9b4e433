"""The market hours snapshot: sessions of exchanges, compiled into one dated JSON file; schema in `data/README.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lakehouse.snapshot_parts import (
    SNAPSHOT_VERSION,
    name_of,
    nanoseconds,
    refuse,
    replace_snapshot,
    snapshot_bytes,
    snapshot_document,
    table_of,
)
from orders.canonical import sha256_hex
from orders.market_hours import Calendar, Session
from orders.values import Record

HOURS_FIELDS: Final = frozenset({"version", "made_at_ns", "source", "valid_from_ns", "valid_until_ns", "calendars"})
SESSION_FIELDS: Final = frozenset(Session.__struct_fields__)
CODE: Final = "HOURS_INVALID"


class HoursSnapshot(Record, frozen=True, kw_only=True):
    """`calendars` by name, all valid over the same range; `made_at_ns` real time; `sha256` is over the file's bytes."""

    made_at_ns: int
    source: str
    valid_from_ns: int
    valid_until_ns: int
    calendars: Mapping[str, Calendar]
    sha256: str


def read_hours(path: Path) -> HoursSnapshot:
    """Read market hours. Raises `InputError` HOURS_INVALID naming the session, `NotYet` when the file is absent or empty."""
    data = snapshot_bytes(path)
    document = snapshot_document(path, data, CODE, HOURS_FIELDS)
    begins = nanoseconds(document["valid_from_ns"], "valid_from_ns", path, CODE)
    ends = nanoseconds(document["valid_until_ns"], "valid_until_ns", path, CODE)
    if begins >= ends:
        refuse(CODE, "valid_until_ns after valid_from_ns", f"{ends} after {begins}", path)
    return HoursSnapshot(
        made_at_ns=nanoseconds(document["made_at_ns"], "made_at_ns", path, CODE),
        source=name_of(document["source"], "source", path, CODE),
        valid_from_ns=begins,
        valid_until_ns=ends,
        calendars={
            name_of(name, "a calendar's name", path, CODE): Calendar(
                name=name, valid_from_ns=begins, valid_until_ns=ends, sessions=_sessions(rows, name, path)
            )
            for name, rows in table_of(document["calendars"], "calendars", path, CODE).items()
        },
        sha256=sha256_hex(data),
    )


def _sessions(rows: Any, name: str, path: Path) -> tuple[Session, ...]:
    if not isinstance(rows, list) or not rows:
        refuse(CODE, f"a list of sessions of {name}", "none" if rows == [] else type(rows).__name__, path)
    sessions: list[Session] = []
    closed_ns = 0
    for number, value in enumerate(rows, start=1):
        where = f"session {number} of {name}"
        row = table_of(value, where, path, CODE)
        if row.keys() != SESSION_FIELDS:
            refuse(CODE, f"{', '.join(sorted(SESSION_FIELDS))} in {where}", str(sorted(row)), path)
        session = Session(
            day=name_of(row["day"], f"day of {where}", path, CODE),
            open_ns=nanoseconds(row["open_ns"], f"open_ns of {where}", path, CODE),
            close_ns=nanoseconds(row["close_ns"], f"close_ns of {where}", path, CODE),
            early_close=row["early_close"],
        )
        if type(session.early_close) is not bool:
            refuse(CODE, f"true or false as early_close of {where}", repr(session.early_close)[:80], path)
        if not closed_ns <= session.open_ns < session.close_ns:
            refuse(CODE, f"{where} to open at or after {closed_ns} and to close later", f"{session.open_ns}", path)
        closed_ns = session.close_ns
        sessions.append(session)
    return tuple(sessions)


def write_hours(
    path: Path, calendars: Iterable[Calendar], *, valid_from_ns: int, valid_until_ns: int, made_at_ns: int, source: str
) -> None:
    """Write hours, ordered by calendar, whole or not at all. Raises `StorageError`."""
    rows = {
        calendar.name: [
            {
                "day": session.day,
                "open_ns": str(session.open_ns),
                "close_ns": str(session.close_ns),
                "early_close": session.early_close,
            }
            for session in calendar.sessions
        ]
        for calendar in sorted(calendars, key=lambda calendar: calendar.name)
    }
    head = {
        "version": SNAPSHOT_VERSION,
        "made_at_ns": str(made_at_ns),
        "source": source,
        "valid_from_ns": str(valid_from_ns),
        "valid_until_ns": str(valid_until_ns),
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    tables = []
    for name, sessions in rows.items():  # a line a session: two versions of the file can be compared by eye
        listed = ",\n".join(f"   {json.dumps(session)}" for session in sessions)
        tables.append(f"  {json.dumps(name)}: [\n{listed}\n  ]")
    text = "{\n" + "\n".join(lines) + '\n "calendars": {\n' + ",\n".join(tables) + "\n }\n}\n"
    replace_snapshot(path, text.encode())
