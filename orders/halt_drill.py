"""A halt that was tripped on a rehearsal venue to see it work: what was measured, and whether it may be called passed."""

from __future__ import annotations

from collections.abc import Iterator

from orders.values import Record

ANSWERED = "answered"
KILLED = "killed"


class HaltFigures(Record, frozen=True, kw_only=True):
    """What was seen. Milliseconds count from the trip, the instant at which `sluice halt` was started; None: not reached.

    `hung`: the engine was stopped before the trip; `engine`: what `sluice halt` says became of it. `worked`, `left`: orders that
    worked at the venue before and after; `late`: orders the venue got after the block; None: it did not say. `blocked_ms`: the
    permission to send is gone; `cancel_ms`: the venue got the first cancel; `flat_ms`: no order works, by its own record;
    `confirmed_ms`: `sluice halt` has confirmed it. `unconfirmed`: its words where it has not, else "". `record_problem`: what is
    wrong with the log and ledger it left, "" for nothing.
    """

    hung: bool
    engine: str
    worked: int
    left: int | None
    late: int | None
    blocked_ms: int | None
    cancel_ms: int | None
    flat_ms: int | None
    confirmed_ms: int | None
    unconfirmed: str
    record_problem: str


def drill_problems(seen: HaltFigures, *, bound_ms: int | None) -> tuple[str, ...]:
    """Return why a drill has failed, in words; empty where it has passed.

    `bound_ms`: the time to the confirmation may be at most so much; None: any. A drill in which nothing worked shows nothing,
    and fails.
    """
    return tuple(_problems(seen, bound_ms))


def _problems(seen: HaltFigures, bound_ms: int | None) -> Iterator[str]:
    if seen.worked == 0:
        yield "no order worked when the halt was tripped: nothing was shown"
    if seen.blocked_ms is None:
        yield "the permission to send was not removed"
    expected = KILLED if seen.hung else ANSWERED
    if seen.engine != expected:
        yield f"the engine was to be {expected}, was {seen.engine or 'not heard of'}"
    if seen.late is None or seen.left is None:
        yield "the venue did not say what it has"
    if seen.late:
        yield f"{seen.late} orders reached the venue after the block"
    if seen.left:
        yield f"{seen.left} orders still work at the venue"
    elif seen.flat_ms is None:
        yield "the venue's own record was never seen without working orders"
    if seen.worked and seen.cancel_ms is None:
        yield "no cancel reached the venue"
    if seen.unconfirmed or seen.confirmed_ms is None:
        yield f"NOT confirmed: {seen.unconfirmed or 'no word of it'}"
    elif bound_ms is not None and seen.confirmed_ms > bound_ms:
        yield f"confirmed after {seen.confirmed_ms} ms, at most {bound_ms} ms were given"
    if seen.record_problem:
        yield seen.record_problem
