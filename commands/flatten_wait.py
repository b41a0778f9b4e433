"""Hand a request to flatten to the run and listen, in the log, for what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from lakehouse.flatten_request import FlattenRequest
from lakehouse.layout import Layout, storage_error
from lakehouse.lock import current_holder
from lakehouse.rebuild import decode_line
from lakehouse.records import Alarm, CycleOpened, FlattenLine
from lakehouse.segments import Segments
from lakehouse.withdrawals import TAKEN
from orders.values import Record

TAKE_S: Final = 15.0  # a run that is alive looks several times a second
END_S: Final = 60.0  # after it was taken
LOOK_S: Final = 0.05


class Heard(Record, frozen=True, kw_only=True):
    """`outcome`: flat, incomplete, halted (as in the log), refused, queued, or pending: not known yet. `cycles`: numbers."""

    outcome: str
    code: str
    message: str
    cycles: tuple[int, ...] = ()


def listen(layout: Layout, request: FlattenRequest, *, write: Callable[[], None], wait: bool) -> Heard:
    """Call `write`, then wait, bounded, for what the log says of the request; not at all where nobody runs.

    Raises `StorageError` when the log cannot be read; what `write` raises.
    """
    with Segments(layout.log) as log:
        offset = log.size
    write()
    if not wait:
        return Heard(outcome="queued", code="", message="nothing runs; the next start within a day flattens first")
    return _follow(layout, request, offset=offset)


def _follow(layout: Layout, request: FlattenRequest, *, offset: int) -> Heard:
    taken = False
    cycles: list[int] = []
    end = time.monotonic() + TAKE_S
    lines = _lines(layout, offset)
    while True:
        alive = current_holder(layout) is not None  # asked before the log is read: what a run wrote last is not missed
        for line in lines:
            if line is None:
                break
            if isinstance(line, FlattenLine) and line.request_id == request.request_id:
                if line.stage != TAKEN:
                    return Heard(outcome=line.outcome, code="", message=line.message or "nothing is left", cycles=tuple(cycles))
                taken, end = True, time.monotonic() + END_S
            elif isinstance(line, CycleOpened) and line.request_id == request.request_id:
                cycles.append(line.cycle)
            elif isinstance(line, Alarm) and not taken and _refuses(line, request):
                return Heard(outcome="refused", code=line.code, message=line.message)
        if not alive:
            words = "the run ended" + (" while it was carried out; its next start goes on" if taken else " before it took this")
            return Heard(outcome="pending", code="RUN_ENDED", message=words, cycles=tuple(cycles))
        if time.monotonic() > end:
            words = (
                "is being carried out; `sluice status` says how far it is" if taken else "has not been taken: does the run hang?"
            )
            return Heard(outcome="pending", code="NOT_DONE" if taken else "NOT_TAKEN", message=words, cycles=tuple(cycles))
        time.sleep(LOOK_S)


def _refuses(line: Alarm, request: FlattenRequest) -> bool:
    return line.code.startswith("FLATTEN_") and (request.request_id in line.message or line.code == "FLATTEN_INVALID")


def _lines(layout: Layout, offset: int) -> Iterator[FlattenLine | CycleOpened | Alarm | None]:
    """Yield the whole lines after `offset` that may be about flattens, and None whenever there are no more for now."""
    rest = b""
    while True:
        try:
            with Segments(layout.log) as log:
                data = log.pread(log.size - offset, offset)
        except OSError as error:
            raise storage_error(error, layout.log) from error
        offset += len(data)
        *whole, rest = (rest + data).split(b"\n")
        for raw in whole:
            if b'"type":"flatten"' in raw or b'"type":"cycle"' in raw or b'"type":"alarm"' in raw:
                line = decode_line(raw)
                if isinstance(line, FlattenLine | CycleOpened | Alarm):
                    yield line
        yield None
