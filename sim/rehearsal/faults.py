"""What goes wrong on the REST side of the rehearsal exchange: which request, how, and whether the work was done by then.

A fault is given for requests by name (`POST order`, as the counts name them), or drawn by a seed. `before`: the exchange never
gets the request; `after`: it did what was asked, and only the answer suffers. That is the difference nobody can see from outside.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal

from orders.errors import InputError
from orders.values import Record
from sim.rehearsal.values import Refusal

type When = Literal["before", "after"]

MATCHING_MESSAGE: Final = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
BAN_MESSAGE: Final = "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates to avoid bans."

# An error of the venue's own: kind -> what it says.
SAID: Final[Mapping[str, Refusal]] = {
    "unknown": Refusal(status=503, code=-1007, message=MATCHING_MESSAGE),
    "unavailable": Refusal(status=503, code=-1000, message="An unknown error occurred while processing the request."),
    "overloaded": Refusal(
        status=503, code=-1008, message="Server is currently overloaded with other requests. Please try again in a few minutes."
    ),
    "disconnected": Refusal(status=500, code=-1001, message="Internal error; unable to process your request. Please try again."),
    "limited": Refusal(
        status=429, code=-1003, message="Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
    ),
    "banned": Refusal(status=418, code=-1003, message=BAN_MESSAGE),
    "clock": Refusal(status=400, code=-1021, message="Timestamp for this request is outside of the recvWindow."),
    "duplicate": Refusal(status=400, code=-2010, message="Duplicate order sent."),
}
WIRE: Final = (
    "hang",
    "delay",
    "drop",
    "truncated",
    "cut",
    "html",
    "gateway",
    "again",
    "empty",
    "object",
    "status",
    "says",
    "die",
)
TWISTED: Final = ("unknown_fields", "nulls", "texts", "huge")
KINDS: Final = (*SAID, *WIRE, *TWISTED)
HUGE_BYTES: Final = 10_000_000
RETRY_AFTER_S: Final = 1
FAULTS_MAX: Final = 100_000


class Fault(Record, frozen=True, kw_only=True):
    """One fault for the next `times` requests of a name after `skip` of them; an empty name is any request, 0 times is for ever.

    `containing`: only requests whose parameters have this text. `ms` is of `delay` and `hang` (None: no answer at all), `status`
    of `status` and `says`, `code` and `message` of `says`, `retry_after_s` of any answer with an error status.
    """

    request: str
    kind: str
    when: When = "before"
    times: int = 1
    skip: int = 0
    containing: str = ""
    ms: int | None = None
    status: int = 500
    code: int = -1000
    message: str = ""
    retry_after_s: int | None = None


class Schedule(Record, frozen=True, kw_only=True):
    """Faults by chance: each request of these names gets one of these kinds, before or after, with this probability."""

    seed: int
    fraction: float
    requests: tuple[str, ...]
    kinds: tuple[str, ...]


class Faults:
    """The faults that wait. `done` lists (request, kind, when) of those that struck."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, str]] = []
        self._waiting: deque[list[Any]] = deque()
        self._schedule: Schedule | None = None
        self._draw = random.Random()  # repeatable draws, no secret  # nosec B311

    def add(self, *faults: Fault) -> None:
        """Queue faults; one request gets one, the first that fits. Raises `InputError` FAULT_UNKNOWN."""
        for fault in faults:
            if fault.kind not in KINDS or fault.when not in ("before", "after"):
                raise InputError(
                    "FAULT_UNKNOWN",
                    expected=f"before or after, and one of {', '.join(KINDS)}",
                    found=f"{fault.when} {fault.kind}",
                    action="Mend the fault.",
                )
            assert len(self._waiting) < FAULTS_MAX
            self._waiting.append([fault, fault.skip, fault.times])

    def schedule(self, schedule: Schedule | None) -> None:
        """Draw faults by a seed from now on, or no longer. The same requests in the same order get the same faults."""
        if schedule is not None:
            self.add(*(Fault(request=name, kind=kind) for name in schedule.requests for kind in schedule.kinds))
            self.clear()
            self._draw = random.Random(schedule.seed)  # repeatable draws, no secret  # nosec B311
        self._schedule = schedule

    def clear(self) -> None:
        """Forget every fault that waits."""
        self._waiting.clear()
        self._schedule = None

    def take(self, request: str, parameters: str) -> Fault | None:
        """Return the fault of a request that just came in, if it has one."""
        for entry in self._waiting:
            fault, skip, times = entry
            if fault.request not in ("", request) or fault.containing not in parameters:
                continue
            if skip:
                entry[1] -= 1
                continue
            if times == 1:
                self._waiting.remove(entry)
            elif times:
                entry[2] -= 1
            return self._struck(request, fault)
        return self._drawn(request)

    def _drawn(self, request: str) -> Fault | None:
        plan = self._schedule
        if plan is None or request not in plan.requests or self._draw.random() >= plan.fraction:
            return None
        when: When = self._draw.choice(("before", "after"))
        return self._struck(request, Fault(request=request, kind=self._draw.choice(plan.kinds), when=when))

    def _struck(self, request: str, fault: Fault) -> Fault:
        self.done.append((request, fault.kind, fault.when))
        return fault


def twisted(kind: str, document: Any) -> Any:
    """Return a right answer as a careless venue might send it: more fields, nulls, texts for numbers, or very large."""
    match kind:
        case "unknown_fields":
            return _each_object(document, lambda each: {"zzNew": {"zzInner": [1, None, "x"]}, **each})
        case "nulls":
            return _each_object(document, lambda each: {name: _null(value) for name, value in each.items()})
        case "texts":
            return _each_object(document, lambda each: {name: _text(value) for name, value in each.items()})
        case "huge":
            if isinstance(document, list):
                return [twisted(kind, document[0]), *document[1:]] if document else []
            return {**document, "zzPadding": "x" * HUGE_BYTES}
        case _:
            raise AssertionError(kind)


def _each_object(document: Any, change: Any) -> Any:
    if isinstance(document, list):
        return [_each_object(each, change) for each in document]
    if isinstance(document, dict):
        return change({name: _each_object(value, change) for name, value in document.items()})
    return document


def _null(value: Any) -> Any:
    return value if isinstance(value, dict | list) else None


def _text(value: Any) -> Any:
    """A number as a text, and a text that is a number as a number: what its reader does not expect."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and value.replace(".", "", 1).isdigit() and len(value) < 20:
        return float(value)
    return value
