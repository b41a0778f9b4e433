"""Is a segment of the log or the ledger the one that follows the one before it?

The first line of a segment says which it is, how many lines come before it and what the last of them is. A segment that is
gone, out of place, doubled, of another record, cut or lengthened is named by that, before its lines are looked at as lines.
"""

from __future__ import annotations

from lakehouse.ledger_format import BadLine, FillRecord, LedgerLine, LedgerType
from lakehouse.records import AnyLine, SegmentLine
from lakehouse.segments import SegmentReader, missing_segment


def check_log_line(reader: SegmentReader, line: AnyLine, *, before_sha256: str) -> None:
    """Hold the log's last read `line` against its place; `before_sha256`: over all bytes of the lines before.

    Raises `BadLine` SEGMENT_MISPLACED, SEGMENT_MISSING, SEGMENT_LENGTH, SEGMENT_FOREIGN.
    """
    if isinstance(line, SegmentLine):
        _check(reader, line.number, lines=line.lines, stated=line.log_sha256, found=before_sha256)
    elif reader.at_first and reader.number > 1:
        raise _misplaced(reader, f"a {line.__struct_config__.tag} line")


def check_ledger_record(reader: SegmentReader, record: LedgerLine | FillRecord, *, before_sha256: str) -> None:
    """The same of the ledger's last read `record`; `before_sha256`: of the line before, which is chained to all before it."""
    if isinstance(record, LedgerLine) and record.type == LedgerType.SEGMENT:
        number = record.body.get("number")
        if type(number) is not int or record.body.get("ledger_lines") != record.seq - 1:
            raise _misplaced(reader, f"seq {record.seq}, {record.body}"[:300])
        _check(reader, number, lines=record.seq - 1, stated=record.prev, found=before_sha256)
    elif reader.at_first and reader.number > 1:
        raise _misplaced(reader, f"a {record.type} record")


def _check(reader: SegmentReader, number: int, *, lines: int, stated: str, found: str) -> None:
    segments, here = reader.segments, reader.number
    if not reader.at_first:
        raise _misplaced(reader, f"that of segment {number} further on")
    if number > here == segments.number:
        raise missing_segment(segments.file, number=here, found=f"{segments.file.name}, which is segment {number}")
    if number != here or here == 1:
        raise _misplaced(reader, f"that of segment {number}")
    before = reader.lines - 1
    previous = segments.name(here - 1)
    if lines != before:
        first = reader.first_lines[here - 2]
        raise BadLine(
            "SEGMENT_LENGTH",
            file=previous,
            line=min(lines, before) - first + 2,
            expected=f"{lines - first + 1} lines, {lines} with those before, as the first line of {segments.name(here)} says",
            found=f"{before - first + 1}",
            overall=min(lines, before) + 1,
        )
    if stated != found:
        raise BadLine(
            "SEGMENT_FOREIGN",
            file=segments.name(here),
            line=1,
            expected=f"a segment that continues what ends with {previous}, sha256 {found}",
            found=f"one that continues {stated[:80]}",
            overall=reader.lines,
        )


def _misplaced(reader: SegmentReader, found: str) -> BadLine:
    here = reader.number
    first = reader.first_lines[-1]
    return BadLine(
        "SEGMENT_MISPLACED",
        file=reader.segments.name(here),
        line=reader.lines - first + 1,
        expected=f"the first line of segment {here}, and there alone" if here > 1 else "no line of a later segment in the first",
        found=found,
        overall=reader.lines,
    )
