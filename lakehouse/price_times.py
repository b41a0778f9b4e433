"""Time stamps of price files: integers of a unit, or ISO text with or without a zone, as nanoseconds UTC. Nothing is guessed.

One file has one kind of stamp. The unit of an integer is told by its size, which is unambiguous for the years 1990 to 2099:
seconds have then 9 to 10 digits, milliseconds 12 to 13, microseconds 15 to 16, nanoseconds 18 to 19.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Never
from zoneinfo import ZoneInfo

from orders.errors import InputError

NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * NS
FIRST_S: Final = 631_152_000  # 1990-01-01
LAST_S: Final = 4_102_444_800  # 2100-01-01
UNITS: Final = {"s": NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
INTEGER: Final = re.compile(r"[0-9]{1,20}")
ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)? ?(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII)
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class Stamps:
    """Reads the stamps of one file. `zone`: of stamps without one; `session_close`: local time of a bar whose stamp is a day.

    Raises `InputError` (TIME_MALFORMED, TIME_UNIT, TIMES_MIXED, ZONE_MISSING, ZONE_CONTRADICTED, LOCAL_TIME) with the line.
    """

    def __init__(self, path: object, *, zone: str | None, session_close: time | None = None) -> None:
        self._path = path
        self._zone = None if zone is None else ZoneInfo(zone)
        self._close = session_close
        self.form = ""  # what the first stamp was: s, ms, us, ns, with a zone, without a zone, a day
        self._day = ("", 0)

    def ns_of(self, value: str | int, line: int) -> int:
        """Return nanoseconds UTC of a stamp as the file has it."""
        if isinstance(value, int):
            return self._integer(value, line)
        text = value.strip()
        if INTEGER.fullmatch(text):
            return self._integer(int(text), line)
        return self._iso(text, line)

    def ns_of_instant(self, ns: int, line: int, *, aware: bool) -> int:
        """Return nanoseconds UTC of a typed stamp: already UTC where `aware`, else of the given zone's wall clock."""
        self._is("with a zone" if aware else "without a zone", line, str(ns))
        return ns if aware else self._local(ns, line, str(ns))

    def _integer(self, value: int, line: int) -> int:
        for unit, factor in UNITS.items():
            if FIRST_S * NS // factor <= value < LAST_S * NS // factor:
                self._is(unit, line, str(value))
                if self._zone is not None:
                    self._contradicted(line, str(value))
                return value * factor
        return self._refuse(
            "TIME_UNIT",
            line,
            "an instant of 1990 to 2099 in s, ms, us or ns since 1970",
            str(value),
            "Mend the column, or name another one as time.",
        )

    def _iso(self, text: str, line: int) -> int:
        match = ISO.fullmatch(text)
        if match is None:
            self._malformed(line, text)
        day, hour, minute, second, fraction, offset = match.groups()
        midnight = self._midnight(day, line)
        if hour is None:
            return self._of_day(midnight, offset, line, text)
        seconds = int(hour) * 3_600 + int(minute) * 60 + int(second or 0)
        if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
            self._malformed(line, text)
        wall = midnight + seconds * NS + int((fraction or "").ljust(9, "0"))
        self._is("without a zone" if offset is None else "with a zone", line, text)
        if offset is None:
            return self._local(wall, line, text)
        if self._zone is not None:
            self._contradicted(line, text)
        return wall - _offset_ns(offset)

    def _of_day(self, midnight: int, offset: str | None, line: int, text: str) -> int:
        """A bare day: the session's close where one was given, else its midnight."""
        if offset is not None:
            self._malformed(line, text)
        self._is("a day", line, text)
        clock = self._close or time(0)
        return self._local(midnight + (clock.hour * 3_600 + clock.minute * 60 + clock.second) * NS, line, text)

    def _midnight(self, day: str, line: int) -> int:
        if self._day[0] != day:
            try:
                self._day = (day, (date.fromisoformat(day).toordinal() - EPOCH_ORDINAL) * DAY_NS)
            except ValueError:
                self._malformed(line, day)
            if not FIRST_S * NS <= self._day[1] < LAST_S * NS:
                self._malformed(line, day)
        return self._day[1]

    def _local(self, wall_ns: int, line: int, text: str) -> int:
        if self._zone is None:
            self._refuse(
                "ZONE_MISSING",
                line,
                "a time zone for stamps that name none",
                repr(text),
                "Say which with --zone, such as --zone UTC.",
            )
        seconds, rest = divmod(wall_ns, NS)
        wall = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=self._zone)
        first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
        assert first is not None
        assert second is not None
        if first != second:
            self._refuse(
                "LOCAL_TIME",
                line,
                f"a wall-clock time that occurs once in {self._zone.key}",
                f"{text!r}, which daylight saving makes twice or never",
                "Export the file with UTC stamps.",
            )
        return (seconds - int(first / timedelta(seconds=1))) * NS + rest

    def _is(self, form: str, line: int, text: str) -> None:
        if not self.form:
            self.form = form
        elif self.form != form:
            self._refuse(
                "TIMES_MIXED",
                line,
                f"stamps of one kind, the first was {self.form}",
                f"{text!r}, {form}",
                "Split or mend the file.",
            )

    def _contradicted(self, line: int, text: str) -> Never:
        self._refuse("ZONE_CONTRADICTED", line, "stamps without a zone of their own for --zone", repr(text), "Leave --zone out.")

    def _malformed(self, line: int, text: str) -> Never:
        self._refuse(
            "TIME_MALFORMED",
            line,
            "a stamp of 1990 to 2099 such as 2024-01-31T23:59:00Z or 1706745540000",
            repr(text[:40]),
            "Mend the line, or name another column as time.",
        )

    def _refuse(self, code: str, line: int, expected: str, found: str, action: str) -> Never:
        raise InputError(code, expected=f"{expected} in line {line} of {self._path}", found=found, action=action)


def _offset_ns(text: str) -> int:
    if text in ("Z", "UTC"):
        return 0
    digits = text[1:].replace(":", "")
    return (int(digits[:2]) * 3_600 + int(digits[2:]) * 60) * NS * (-1 if text[0] == "-" else 1)
