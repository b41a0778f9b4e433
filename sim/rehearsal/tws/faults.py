"""What goes wrong at the fake TWS on command: a request of a kind is swallowed, answered with an error, or loses its line."""

from __future__ import annotations

from typing import Final

import msgspec

from orders.values import Record

KINDS: Final = frozenset({"swallow", "mute", "error", "drop", "drop_after", "warn"})
REQUESTS: Final = frozenset({
    "place", "cancel", "open_orders", "executions", "completed_orders", "positions", "account_summary", "contract", "start",
})  # fmt: skip


class Fault(Record, frozen=True, kw_only=True):
    """`kind`: `swallow`, read and nothing done; `mute`, done and nothing said; `error`, nothing done and `code` with `text` said;
    `warn`, done, and the error said beside; `drop`, the line cut before, `drop_after`, after. It strikes `times` times.
    """

    request: str
    kind: str
    times: int = 1
    code: int = 0
    text: str = ""


class Faults:
    """What waits to strike, oldest first, and what has struck."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.done: list[tuple[str, str]] = []

    def add(self, fault: Fault) -> None:
        """Let it strike from the next request on. Raises `ValueError` for a request or kind that there is not."""
        if fault.request not in REQUESTS or fault.kind not in KINDS or fault.times < 1:
            raise ValueError(f"no such fault: {fault}")
        self._waiting.append(fault)

    def take(self, request: str) -> Fault | None:
        """Return what strikes this request."""
        for at, fault in enumerate(self._waiting):
            if fault.request == request:
                if fault.times > 1:
                    self._waiting[at] = msgspec.structs.replace(fault, times=fault.times - 1)
                else:
                    del self._waiting[at]
                self.done.append((request, fault.kind))
                return fault
        return None

    def sound(self) -> None:
        """End all that waits."""
        self._waiting.clear()
