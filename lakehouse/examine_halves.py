"""`lakehouse.examine` in less time: another process holds log, ledger and checkpoints against each other, this one folds the log.

Both read the log, which must be the same files unchanged from before the first read to after the last, by what the system says of
them (size, and when their content or their names changed), and must have found as many lines and as many that have a record.
Whatever is not proven good by both, for whatever reason, is examined once more by one process alone, which names the first bad
line. So what is returned or raised is what `examine` returns or raises; `look` may be called for the same lines again.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, Any, Final

from lakehouse.checkpoints import Checkpoint
from lakehouse.examine import Examination, examine
from lakehouse.layout import Layout
from lakehouse.ledger_format import LEDGERED
from lakehouse.rebuild import DENIES, PASSED_OVER, LogFold, decode_line
from lakehouse.segments import SegmentReader, Segments
from orders.errors import SluiceError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

OWN_FIELDS: Final = ("fold", "log_hash")  # of an examination: what this process makes itself


def examine_halves(
    layout: Layout,
    *,
    at: Set[int] = frozenset(),
    look: Callable[[LogFold], None] = lambda fold: None,
    trusted: Sequence[bytes] = (),
    kept: Sequence[Checkpoint] = (),
    counts: bool = True,
) -> Examination:
    """Return what `examine` does, and raise the same; alone where this process has threads, which must not be forked."""
    if threading.active_count() == 1:
        found = _halves(layout, at=at, look=look, trusted=trusted, kept=kept, counts=counts)
        if found is not None:
            return found
    return examine(layout, at=at, look=look, trusted=trusted, kept=kept, counts=counts)


def _halves(
    layout: Layout,
    *,
    at: Set[int],
    look: Callable[[LogFold], None],
    counts: bool,
    trusted: Sequence[bytes],
    kept: Sequence[Checkpoint],
) -> Examination | None:
    from multiprocessing import get_context  # here: whoever verifies a short record pays nothing for it

    forks = get_context("fork")
    try:
        before = _stamps(layout)
    except (SluiceError, OSError):
        return None
    ours, theirs = forks.Pipe(duplex=False)
    other = forks.Process(target=_pair, args=(theirs, layout, trusted, kept), daemon=True)
    try:
        other.start()
    except OSError:  # no process is left to this account
        ours.close()
        return None
    finally:
        theirs.close()
    fold = LogFold(counts=counts)
    collects = gc.isenabled()
    gc.disable()  # lines and orders make no cycles: looking for them takes a thirtieth of the time
    try:
        paired = _fold(layout, fold, at=at, look=look)
        told = ours.recv()
    except (SluiceError, EOFError, OSError):
        return None
    finally:
        if collects:
            gc.enable()
        other.kill()
        other.join()
        other.close()
        ours.close()
    if told is None:
        return None
    fields, their_lines = told
    if (their_lines, fields["paired"]) != (fold.log_line, paired) or _stamps(layout) != before:
        return None
    return Examination(fold=fold, log_hash=None, **fields)


def _stamps(layout: Layout) -> list[tuple[int, ...]]:
    """What the system says of every file of the log; its owner cannot set the last, when anything about the file changed."""
    with Segments(layout.log) as log:
        found = [path.stat() for path in log.closed]
        if (active := log.active_stat()) is not None:
            found.append(active)
    return [(one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found]


def _pair(told: Connection, layout: Layout, trusted: Sequence[bytes], kept: Sequence[Checkpoint]) -> None:
    """The other process."""
    gc.disable()  # as `_halves` does
    try:
        found = examine(layout, trusted=trusted, kept=kept, folds=False, passed=True)
    except SluiceError:
        told.send(None)
        return
    fields: dict[str, Any] = {name: getattr(found, name) for name in found.__dataclass_fields__ if name not in OWN_FIELDS}
    told.send((fields, found.fold.log_line))


def _fold(layout: Layout, fold: LogFold, *, at: Set[int], look: Callable[[LogFold], None]) -> int:
    """Fold the log; return how many lines have a record. Raises as `LogFold.apply` and `SegmentReader`."""
    paired = 0
    if 0 in at:
        look(fold)
    with Segments(layout.log) as log:
        for raws, whole in SegmentReader(log).blocks():
            if not whole:
                break
            looked = any(fold.log_line < line <= fold.log_line + len(raws) for line in at)
            for raw in raws:
                if raw.startswith(PASSED_OVER) and DENIES not in raw:
                    fold.pass_over()  # the other process looks at it
                else:
                    line = decode_line(raw)
                    fold.apply(line)
                    paired += type(line) in LEDGERED
                if looked and fold.log_line in at:
                    look(fold)
    return paired
