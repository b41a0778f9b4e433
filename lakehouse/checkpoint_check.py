"""Hold the ledger's lines against its signed checkpoints while they are walked.

A hash chain alone shows neither that its end was cut off nor that all of it was written anew; checkpoints show both, to whoever
lacks the key they are signed with, and copies of them kept elsewhere show it of whoever has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakehouse.checkpoints import UNSIGNED_LINES_MAX, Checkpoint, check_signature, origin_of, parse_notes
from lakehouse.layout import Layout, storage_error
from lakehouse.ledger_format import BadLine, LedgerLine
from lakehouse.merkle import Frontier
from lakehouse.plain_file import read_plain
from orders.errors import InputError

SIZE_MAX: Final = 250_000_000  # bytes of a file of checkpoints; a year of one a minute has 150 MB


class CheckpointCheck:
    """Takes every line of the ledger in turn; `frontier` is their tree, `notes` what was signed.

    `trusted`: public keys of which one must have signed each note; empty: signatures are not looked at. `kept`: notes from
    elsewhere, which must hold as well.
    """

    def __init__(self, layout: Layout, *, trusted: Sequence[bytes], kept: Sequence[Checkpoint] = ()) -> None:
        """Read the notes and check their signatures. Raises `BadLine`, `StorageError`."""
        self._layout = layout
        file = layout.checkpoints.name
        self.frontier = Frontier()
        self.origin: str | None = None
        data = read_notes(layout.checkpoints)
        self.notes, self.whole_bytes = parse_notes(data, file=file)
        self.torn = data[self.whole_bytes :]
        self.signers = {check_signature(note, trusted=trusted) for note in self.notes} if trusted else set()
        self._kept = kept
        for note in kept if trusted else ():
            check_signature(note, trusted=trusted)
        self._due = sorted((*self.notes, *kept), key=lambda note: -note.size)
        self._named: dict[int, int] = {}  # size -> line of the ledger that names it
        self._held = 0  # lines up to here are those that were signed, or named
        self._unlike: BadLine | None = None  # another root than was signed; told when nothing names the line itself

    @property
    def signed(self) -> int:
        """Lines under the newest checkpoint of the directory; 0 without one."""
        return self.notes[-1].size if self.notes else 0

    @property
    def next_line(self) -> int:
        """Return where in its file the next note would begin, from 1."""
        return self.notes[-1].line + 5 + len(self.notes[-1].signatures) if self.notes else 1

    def line(self, raw: bytes) -> None:
        """Take the next line, chained to the last. Raises `BadLine` CHECKPOINT_ORIGIN; LEDGER_REWRITTEN of lines before."""
        if self._unlike is not None:
            raise self._unlike
        if self.origin is None:
            self.origin = origin_of(raw)
            self._same_ledger(self.origin)
        self.frontier.add(raw)
        while self._due and self._due[-1].size == self.frontier.size:
            note = self._due.pop()
            if note.root != self.frontier.root():
                self._unlike = self._unlike or self._rewritten(note.root, "was signed")
            else:
                self._held = note.size

    def named(self, record: LedgerLine, *, log_line: int, ts: str) -> None:
        """Hold a CHECKPOINT record, before its own line is taken, against all before it and the `log_line` and `ts` of the last.

        Raises `BadLine` CHECKPOINT_RECORD, LEDGER_REWRITTEN.
        """
        self._told()
        size = self.frontier.size
        root = self.frontier.root()
        body = record.body
        if body.get("root") != root.hex() and {**body, "root": ""} == {"log_line": log_line, "root": "", "size": size}:
            raise self._rewritten(None, f"line {size + 1} names")
        if body != {"log_line": log_line, "root": root.hex(), "size": size} or record.ts != ts:
            raise BadLine(
                "CHECKPOINT_RECORD",
                file=self._layout.ledger.name,
                line=size + 1,
                expected=f"a record of log_line {log_line}, size {size}, ts {ts} and the root before it",
                found=f"ts {record.ts}, {body}"[:300],
            )
        self._named[size] = size + 1
        self._held = size + 1  # nothing about this record is free: it is what it was as well

    def closed(self, record: LedgerLine) -> None:
        """Hold a SEGMENT record, before its own line is taken: it names the checkpoint over all before it, which were closed.

        Raises `BadLine` LEDGER_REWRITTEN.
        """
        self._told()
        size = self.frontier.size
        if record.body.get("ledger_root") != self.frontier.root().hex():
            raise self._rewritten(None, f"line {size + 1} names")
        self._named[size] = size + 1
        self._held = size

    def no_more_lines(self) -> None:
        """The ledger ends here. Raises `BadLine` LEDGER_CUT, LEDGER_REWRITTEN."""
        self._told()
        lines = self.frontier.size
        if self._due:
            note = self._due[0]
            raise BadLine(
                "LEDGER_CUT",
                file=self._layout.ledger.name,
                line=lines + 1,
                expected=f"{note.size} lines, which were signed",
                found=f"{lines}",
            )

    def all_there(self) -> None:
        """Look for each checkpoint that the ledger names, and that there are as many as its writer leaves.

        Raises `BadLine` CHECKPOINT_ROLLED_BACK, CHECKPOINT_OVERDUE, `StorageError`.
        """
        there = {note.size for note in self.notes}
        last = max(there, default=0)
        if self._named.keys() - there or self._overdue(last):  # a run may have signed after the notes were read
            notes, _ = parse_notes(read_notes(self._layout.checkpoints), file=self._layout.checkpoints.name)
            there |= {note.size for note in notes}
            last = max(there, default=0)
        gone = min(self._named.keys() - there, default=None)
        if gone is not None:
            raise BadLine(
                "CHECKPOINT_ROLLED_BACK",
                file=self._layout.checkpoints.name,
                line=self.next_line,
                expected=f"a checkpoint over {gone} lines, which line {self._named[gone]} of {self._layout.ledger.name} names",
                found=f"none, the newest is over {last}" if last else "no checkpoint at all",
            )
        if self._overdue(last):
            raise BadLine(
                "CHECKPOINT_OVERDUE",
                file=self._layout.checkpoints.name,
                line=self.next_line,
                expected=f"a checkpoint over all but at most {UNSIGNED_LINES_MAX} of {self.frontier.size} lines",
                found=f"the newest over {last}",
            )

    def _overdue(self, last: int) -> bool:
        """Whether a ledger that is signed at all has gone unsigned for longer than its writer lets it."""
        return last > 0 and self.frontier.size - last > UNSIGNED_LINES_MAX

    def _same_ledger(self, origin: str) -> None:
        """The first note names the ledger it is about by the ledger's first line; every other note must name the same."""
        every = (*self.notes, *self._kept)
        for note in every:
            if note.origin != origin:
                first = note is every[0]
                raise BadLine(
                    "CHECKPOINT_ORIGIN",
                    file=self._layout.ledger.name if first else note.file,
                    line=1 if first else note.line,
                    expected=f"the first line of {note.origin}, which was signed"
                    if first
                    else f"{origin}, as of the notes before",
                    found=f"that of {origin}" if first else note.origin,
                )

    def _told(self) -> None:
        if self._unlike is not None:
            raise self._unlike

    def _rewritten(self, root: bytes | None, how: str) -> BadLine:
        size, first = self.frontier.size, self._held + 1
        which = f"line {size}" if first == size else f"one of the lines {first} to {size}"
        return BadLine(
            "LEDGER_REWRITTEN",
            file=self._layout.ledger.name,
            line=first,
            expected=f"lines 1 to {size} whose root {how}{'' if root is None else f' as {root.hex()}'}",
            found=f"root {self.frontier.root().hex()}: {which} is not what it was",
        )


def read_notes(path: Path) -> bytes:
    """Return a file's bytes, none where there is no file. Raises `StorageError`, `BadLine` LINE_TOO_LONG."""
    try:
        size = path.stat().st_size  # before anything is read: a quarter of a gigabyte is not read to be refused
        data = read_plain(path, size_max=SIZE_MAX) if size <= SIZE_MAX else b""
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise storage_error(error, path) from error
    if max(size, len(data)) > SIZE_MAX:
        raise BadLine("LINE_TOO_LONG", file=path.name, line=1, expected=f"at most {SIZE_MAX} bytes", found="more")
    return data


def kept_notes(path: Path) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a copy from elsewhere, whole ones only.

    Raises `InputError` KEPT_MISSING (no file, or none in it), `BadLine`, `StorageError`.
    """
    notes, _ = parse_notes(read_notes(path), file=str(path))
    if not notes:
        raise InputError(
            "KEPT_MISSING",
            expected=f"checkpoints in {path}",
            found="none",
            action="Name a copy of audit.checkpoints, or what `sluice witness` wrote.",
        )
    return tuple(notes)
