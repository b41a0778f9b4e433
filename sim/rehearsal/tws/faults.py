"""What goes wrong at the fake TWS on command: a request of a kind is swallowed, answered with an error, or loses its line."""

from __future__ import annotations

import random
from decimal import Decimal
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


BY_CHANCE: Final = frozenset({"swallow", "mute", "drop", "drop_after"})


class Chance(Record, frozen=True, kw_only=True):
    """A share `fraction` of new orders and cancels goes wrong by one of `kinds` (`BY_CHANCE`); by `seed`."""

    seed: int
    fraction: Decimal
    kinds: tuple[str, ...]


class Faults:
    """What waits to strike, oldest first, and what has struck. `chance` None: nothing by itself."""

    def __init__(self, chance: Chance | None = None) -> None:
        self._chance = chance
        self._dice = random.Random(None if chance is None else chance.seed)  # repeatable draws, no secret  # nosec B311
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
        if self._chance is None or request not in ("place", "cancel") or self._dice.random() >= self._chance.fraction:
            return None
        struck = Fault(request=request, kind=self._dice.choice(self._chance.kinds))
        self.done.append((request, struck.kind))
        return struck

    def sound(self) -> None:
        """End all that waits."""
        self._waiting.clear()
