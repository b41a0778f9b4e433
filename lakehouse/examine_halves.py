"""`lakehouse.examine` in less time: another process holds log, ledger and checkpoints against each other, this one folds the log.

Both read the log, and both must have read the same bytes, known by their sha256, and have found as many lines that have a record.
Whatever is not proven good by both, for whatever reason, is examined once more by one process alone, which names the first bad
line. So what is returned or raised is what `examine` returns or raises; `each` may be called for the same lines again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from lakehouse.checkpoints import Checkpoint
from lakehouse.examine import Examination, examine
from lakehouse.layout import Layout
from lakehouse.ledger_format import LEDGERED, LINE_BYTES_MAX, BadLine
from lakehouse.rebuild import LogFold, decode_line
from lakehouse.segments import Segments
from orders.errors import SluiceError

if TYPE_CHECKING:
    from hashlib import _Hash
    from multiprocessing.connection import Connection

OWN_FIELDS: Final = ("fold", "log_hash")  # of an examination: what this process makes itself
CHUNK_BYTES: Final = 1 << 20  # of the log, read and hashed at a time


def examine_halves(
    layout: Layout,
    *,
    each: Callable[[LogFold], None] | None = None,
    trusted: Sequence[bytes] = (),
    kept: Sequence[Checkpoint] = (),
) -> Examination:
    """Return what `examine` does, and raise the same; alone where this process has threads, which must not be forked."""
    if threading.active_count() == 1:
        found = _halves(layout, each=each, trusted=trusted, kept=kept)
        if found is not None:
            return found
    return examine(layout, each=each, trusted=trusted, kept=kept)


def _halves(
    layout: Layout, *, each: Callable[[LogFold], None] | None, trusted: Sequence[bytes], kept: Sequence[Checkpoint]
) -> Examination | None:
    from multiprocessing import get_context  # here: whoever verifies a short record pays nothing for it

    forks = get_context("fork")
    ours, theirs = forks.Pipe(duplex=False)
    other = forks.Process(target=_pair, args=(theirs, layout, trusted, kept), daemon=True)
    try:
        other.start()
    except OSError:  # no process is left to this account
        ours.close()
        return None
    finally:
        theirs.close()
    fold = LogFold()
    try:
        hashed, paired = _fold(layout, fold, each=each)
        told = ours.recv()
    except (SluiceError, EOFError, OSError):
        return None
    finally:
        other.kill()
        other.join()
        other.close()
        ours.close()
    if told is None:
        return None
    fields, their_hash, their_lines = told
    if (their_hash, their_lines, fields["paired"]) != (hashed.digest(), fold.log_line, paired):
        return None
    return Examination(fold=fold, log_hash=hashed, **fields)


def _pair(told: Connection, layout: Layout, trusted: Sequence[bytes], kept: Sequence[Checkpoint]) -> None:
    """The other process."""
    try:
        found = examine(layout, trusted=trusted, kept=kept, folds=False)
    except SluiceError:
        told.send(None)
        return
    fields: dict[str, Any] = {name: getattr(found, name) for name in found.__dataclass_fields__ if name not in OWN_FIELDS}
    told.send((fields, found.log_hash.digest(), found.fold.log_line))


def _fold(layout: Layout, fold: LogFold, *, each: Callable[[LogFold], None] | None) -> tuple[_Hash, int]:
    """Fold the log; return the hash over its whole lines, and how many of them have a record.

    Raises as `LogFold.apply`, and `BadLine` LINE_TOO_LONG without its number.
    """
    hashed, paired = hashlib.sha256(), 0
    if each is not None:
        each(fold)
    with Segments(layout.log) as log:
        at, rest = 0, b""
        while data := log.pread(CHUNK_BYTES, at):
            at += len(data)
            data = rest + data
            whole = data.rfind(b"\n") + 1
            rest = data[whole:]
            if len(rest) > LINE_BYTES_MAX:
                raise BadLine("LINE_TOO_LONG", file=layout.log.name, line=0, expected="shorter lines", found="a longer one")
            hashed.update(memoryview(data)[:whole])
            for raw in data[:whole].split(b"\n")[:-1]:
                line = decode_line(raw)
                fold.apply(line)
                paired += type(line) in LEDGERED
                if each is not None:
                    each(fold)
    return hashed, paired
