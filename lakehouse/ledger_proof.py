"""Prove that one line is in the ledger, to somebody who has neither the ledger nor Sluice: a C2SP tlog-proof."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from lakehouse.checkpoint_check import read_notes
from lakehouse.checkpoints import Checkpoint, check_signature, note_bytes, parse_notes
from lakehouse.layout import Layout
from lakehouse.ledger_format import BadLine
from lakehouse.merkle import inclusion_proof, root_from_proof
from lakehouse.segments import SegmentReader, Segments, closed_segments
from orders.errors import ConfigError, NotYet
from orders.values import Record

MAGIC = "c2sp.org/tlog-proof@v1"


class LineProof(Record, frozen=True, kw_only=True):
    """A line (from 1), its bytes, and the hashes from it to the root of `checkpoint`, the leaf's sibling first."""

    line: int
    raw: bytes
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint

    def text(self) -> bytes:
        """Return the proof as it is handed on; `extra` is the line itself."""
        hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in self.hashes)
        head = f"{MAGIC}\nextra {base64.b64encode(self.raw).decode()}\nindex {self.line - 1}\n{hashes}\n"
        return head.encode() + note_bytes(self.checkpoint)


def prove_line(layout: Layout, *, line: int, trusted: Sequence[bytes]) -> LineProof:
    """Return the proof of a line under the newest checkpoint. `trusted`: who may have signed it; none: not looked at.

    `line` counts over all segments. Reads the ledger once and checks of it what the proof needs: the line, and that the root is
    the one that was signed. Raises `NotYet` LINE_UNSIGNED (no checkpoint covers it), `ConfigError` USAGE (no line has that
    number), `BadLine`, `StorageError`.
    """
    notes, _ = parse_notes(read_notes(layout.checkpoints), file=layout.checkpoints.name)
    if line < 1:
        raise ConfigError(
            "USAGE", expected="a line from 1 on", found=str(line), action="`sluice verify` says how many there are."
        )
    if not notes or notes[-1].size < line:
        raise NotYet(
            "LINE_UNSIGNED",
            expected=f"a checkpoint over line {line} of {layout.ledger}",
            found=f"the newest over {notes[-1].size} lines" if notes else "none",
            action="It is signed within a minute while a run goes on, at its stop, or by the next start; then ask again.",
        )
    note = notes[-1]
    if trusted:
        check_signature(note, trusted=trusted)
    wanted: list[bytes] = []
    lines = _lines(layout, line=line, wanted=wanted, size=note.size)
    hashes = inclusion_proof(lines, index=line - 1, size=note.size)
    if root_from_proof(wanted[0], index=line - 1, size=note.size, proof=hashes) != note.root:
        raise BadLine(
            "LEDGER_REWRITTEN",
            file=(*closed_segments(layout.ledger), layout.ledger)[0].name,
            line=1,
            overall=1,
            expected=f"{note.size} lines with the root that was signed",
            found="another root; `sluice verify` says from which line on",
        )
    return LineProof(line=line, raw=wanted[0], hashes=hashes, checkpoint=note)


def _lines(layout: Layout, *, line: int, wanted: list[bytes], size: int) -> Iterator[bytes]:
    with Segments(layout.ledger) as ledger:
        reader = SegmentReader(ledger)
        number = 0
        for raw, whole in reader:
            number += whole
            if number == line:
                wanted.append(raw)
            if whole:
                yield raw
    if number < size:
        cut = BadLine(
            "LEDGER_CUT", file=layout.ledger.name, line=number + 1, expected=f"{size} lines, which were signed", found=str(number)
        )
        raise reader.located(cut)
