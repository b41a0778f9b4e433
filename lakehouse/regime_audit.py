"""The platform's regime log, `regime_audit.jsonl`: what the regime was as of an instant, by the freshest line up to it.

Its detector appends one JSON object a line, stamped in UTC, and may do so while this is read. The log grows for years, so its
end is read and, for an earlier instant, the place is found by halving: lines are in order of time but for a few writers that
overlapped. A line of later than the instant is never looked at: a backtest knows no future.

A log that is configured and cannot be believed is a crisis, not a silence: no file, no line up to then, a line too old, or a
newest line that cannot be read. Only a last line without its newline may be unreadable: it is being written.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from lakehouse.regimes import effective_regime
from lakehouse.strict_json import open_regular, parse
from lakehouse.upstream_time import stamp_ns, zone_of
from orders.errors import InputError
from orders.values import Record

LINE_MAX: Final = 64 << 10  # the platform's lines have about 600 bytes
WINDOW: Final = 128 << 10
DISORDER_LINES: Final = 32  # so many lines earlier a fresher one may stand
READS_MAX: Final = 64  # halvings of a file of 2^64 bytes

MISSING: Final = "REGIME_AUDIT_MISSING"
STALE: Final = "REGIME_AUDIT_STALE"
UNREADABLE: Final = "REGIME_AUDIT_UNREADABLE"


class RegimeAuditPolicy(Record, frozen=True, kw_only=True):
    """Which log, how old its freshest line may be (ns of market time, above 0), and the zone of stamps that name none."""

    path: str
    age_max_ns: int
    zone: str


class RegimeAudit(Record, frozen=True, kw_only=True):
    """What the log says. `regime` is what counts: CRISIS wherever `code` is not empty.

    `name`, `quadrant`, `stamp_ns`: of the line that counts, as written; None where there is none or it does not say.
    """

    code: str
    message: str
    regime: str
    name: str | None
    quadrant: str | None
    stamp_ns: int | None

    @property
    def reading(self) -> tuple[str | None, str | None]:
        """Name and quadrant to be judged by: the code in place of a name where nothing could be believed."""
        return (self.code, None) if self.code else (self.name, self.quadrant)


class _Line(Record, frozen=True, kw_only=True):
    stamp_ns: int
    name: str | None
    quadrant: str | None


def read_regime_audit(policy: RegimeAuditPolicy, *, as_of_ns: int) -> RegimeAudit:
    """Return the regime as of a market instant: of the freshest line stamped at or before it. Never raises on content.

    REGIME_AUDIT_MISSING: no file, or no line up to then. REGIME_AUDIT_STALE: the freshest is older than `age_max_ns`.
    REGIME_AUDIT_UNREADABLE: no regular file, or what may be the freshest line is no whole JSON object with a stamp. At most
    some 300 kB and `READS_MAX` halvings are read, whatever the size.
    """
    zone = zone_of(policy.zone)
    try:
        descriptor = open_regular(Path(policy.path))
    except InputError as error:
        return _crisis(MISSING if error.code == "VANISHED" else UNREADABLE, f"{error.code}: {error.found}")
    try:
        line = _Search(descriptor, as_of_ns=as_of_ns, zone=zone).freshest()
    except InputError as error:
        return _crisis(UNREADABLE, f"{error.code}: {error.found}")
    except OSError as error:
        return _crisis(UNREADABLE, f"{policy.path}: {error.strerror}")
    finally:
        os.close(descriptor)
    if line is None:
        return _crisis(MISSING, f"no line up to the instant in {policy.path}")
    age_ns = as_of_ns - line.stamp_ns
    code = STALE if age_ns > policy.age_max_ns else ""
    return RegimeAudit(
        code=code,
        message=f"age of at most {policy.age_max_ns} ns was expected, found {age_ns} ns in {policy.path}" if code else "",
        regime="CRISIS" if code else effective_regime(line.name, line.quadrant),
        name=line.name,
        quadrant=line.quadrant,
        stamp_ns=line.stamp_ns,
    )


class _Search:
    """One look into one open file, of the size it had when it was opened."""

    def __init__(self, descriptor: int, *, as_of_ns: int, zone: ZoneInfo) -> None:
        found = os.fstat(descriptor)
        assert stat.S_ISREG(found.st_mode)
        self._descriptor = descriptor
        self._size = found.st_size
        self._as_of_ns = as_of_ns
        self._zone = zone

    def freshest(self) -> _Line | None:
        """Return the freshest line up to the instant; None where there is none. Raises `InputError` where it cannot be read."""
        start = max(0, self._size - WINDOW)
        line, whole = self._newest_in(start, self._size)
        if line is not None or whole:
            return line
        low, high = 0, start
        for _ in range(READS_MAX):
            if high - low <= LINE_MAX:
                break
            middle = (low + high) // 2
            if self._first_after(middle).stamp_ns <= self._as_of_ns:
                low = middle
            else:
                high = middle
        line, whole = self._newest_in(max(0, low - WINDOW), min(self._size, high + 2 * LINE_MAX))
        if line is None and not whole:
            raise _unreadable(f"lines out of order around byte {low}")
        return line

    def _newest_in(self, start: int, end: int) -> tuple[_Line | None, bool]:
        """Return the freshest line of a piece up to the instant, and whether nothing can stand before the piece.

        Going back, a line that cannot be read counts until one of after the instant is met: then it too was of later. Where a
        piece has lines of after the instant only, and one that cannot be read before them, an earlier piece decides.
        """
        best: _Line | None = None
        bad: InputError | None = None
        later = False
        left = DISORDER_LINES
        lines = self._lines_back(start, end)
        if not lines and start:
            raise _unreadable(f"no whole line in {end - start} bytes")
        for raw, last in lines:
            try:
                line = self._read(raw)
            except InputError as error:
                if best is None and not last:
                    bad = bad or error
                continue
            if line.stamp_ns > self._as_of_ns:
                later = True
                if best is None:
                    bad = None
                continue
            if bad is not None:
                raise bad
            if best is None or line.stamp_ns > best.stamp_ns:
                best = line
            left -= 1
            if not left:
                break
        if best is None and bad is not None and (start == 0 or not later):
            raise bad
        return best, start == 0

    def _lines_back(self, start: int, end: int) -> list[tuple[bytes, bool]]:
        """Return the whole lines from the end of a piece to its start, and whether it is the file's last and has no newline.

        A piece that does not begin at the file's begins after its first newline; a cut line at its end is left out.
        """
        data = os.pread(self._descriptor, end - start, start)
        lines = data.split(b"\n")
        if end < self._size:
            lines.pop()
            torn = False
        else:
            torn = bool(lines[-1].strip())
        if start:
            lines = lines[1:]
        last = len(lines) - 1
        return [(lines[place], torn and place == last) for place in range(last, -1, -1) if lines[place].strip()]

    def _first_after(self, offset: int) -> _Line:
        """Return the first line that begins after a byte and can be read. Raises `InputError` where there is none near."""
        data = os.pread(self._descriptor, 2 * LINE_MAX, offset)
        for raw in data.split(b"\n")[1:-1]:
            with contextlib.suppress(InputError):  # a bad line tells no time; its neighbour does
                return self._read(raw)
        raise _unreadable(f"no line that can be read in {2 * LINE_MAX} bytes after byte {offset}")

    def _read(self, raw: bytes) -> _Line:
        document: Any = parse(raw, what="a line", size_max=LINE_MAX, nonfinite=True)
        stamp = document.get("timestamp") if isinstance(document, dict) else None
        if not isinstance(stamp, str):
            raise _unreadable(f"a line without a timestamp: {raw[:60]!r}")
        return _Line(
            stamp_ns=stamp_ns(stamp, zone=self._zone),
            name=_text(document.get("regime")),
            quadrant=_text(document.get("quadrant")),
        )


def _text(value: object) -> str | None:
    """A text, cut; None where it is not there; what is no text is named, so that it counts as unknown."""
    return None if value is None else value[:40] if isinstance(value, str) else f"{value!r:.40}"


def _crisis(code: str, found: str) -> RegimeAudit:
    message = f"a regime log with a readable fresh line was expected, found {found}"
    return RegimeAudit(code=code, message=message[:300], regime="CRISIS", name=None, quadrant=None, stamp_ns=None)


def _unreadable(found: str) -> InputError:
    action = "Look at the program that writes it."
    return InputError("LINE_UNREADABLE", expected="a JSON object with a timestamp", found=found, action=action)
