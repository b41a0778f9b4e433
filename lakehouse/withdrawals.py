"""What the log says of flattens: requests used up, the one still being carried out, the manifest that counts as withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from lakehouse.records import CycleOpened, FlattenLine, Intent
from orders.book import ZERO
from orders.errors import RecordCorrupt
from orders.flatten import Scope, Withdrawal, is_withdrawn, stays_flat

TAKEN: Final = "taken"
ENDED: Final = "ended"
FLAT: Final = "flat"
INCOMPLETE: Final = "incomplete"
HALTED: Final = "halted"


def scope_of(line: FlattenLine) -> Scope:
    """Return what a logged flatten covers."""
    return Scope(symbols=tuple(line.symbols), venue=line.venue)


class Flattens:
    """Part of the fold over the log. `used`: request id -> its first line; `open`: taken, and not ended yet.

    `withdrawals`: of the manifest accepted last; another manifest clears them.
    """

    def __init__(self) -> None:
        self.used: dict[str, FlattenLine] = {}
        self.last: FlattenLine | None = None
        self.open: FlattenLine | None = None
        self.withdrawals: tuple[Withdrawal, ...] = ()

    def apply(self, line: FlattenLine) -> None:
        """Take a line. Raises `RecordCorrupt` FLATTEN_TWICE, FLATTEN_ORDER: a request used again, or ended out of turn."""
        if line.stage == TAKEN:
            if line.request_id in self.used:
                raise _corrupt("FLATTEN_TWICE", "each flatten request taken once", f"{line.request_id} again")
            if self.open is not None:
                raise _corrupt("FLATTEN_ORDER", f"an end of flatten {self.open.request_id} first", f"{line.request_id} taken")
            self.used[line.request_id] = self.open = line
            if line.manifest_sha256 is not None:
                known = [w for w in self.withdrawals if w.manifest_sha256 == line.manifest_sha256]
                self.withdrawals = (*known, withdrawal_of(line))
        elif line.stage == ENDED and self.open is not None and self.open.request_id == line.request_id:
            self.open = None
        else:
            raise _corrupt("FLATTEN_ORDER", "an end of the flatten that was taken last", f"{line.stage} of {line.request_id}")
        self.last = line

    def accepted(self, manifest_sha256: str | None) -> None:
        """A manifest was accepted: what was withdrawn of another one is history."""
        self.withdrawals = tuple(known for known in self.withdrawals if known.manifest_sha256 == manifest_sha256)

    def check_cycle(self, line: CycleOpened, *, of_operator: bool) -> None:
        """Raise `RecordCorrupt` WITHDRAWN_TRADED for a cycle of a withdrawn manifest, FLATTEN_ORDER for one of no flatten."""
        if line.request_id and (self.open is None or self.open.request_id != line.request_id):
            raise _corrupt("FLATTEN_ORDER", "a cycle of the flatten being carried out", f"one of {line.request_id}")
        if not of_operator and is_withdrawn(self.withdrawals, line.manifest_sha256):
            raise _corrupt("WITHDRAWN_TRADED", "no cycle of a manifest that was flattened", f"cycle {line.cycle}")

    def check_intent(self, line: Intent, *, opened: CycleOpened | None, positions: Mapping[str, Decimal]) -> None:
        """Raise `RecordCorrupt`: FLATTEN_OPENS for an order of a flatten that does not only reduce what is held,
        WITHDRAWN_TRADED for one of a manifest that opens what a flatten closed.
        """
        if opened is None or line.parent_client_order_id is not None:
            return
        held = positions.get(line.symbol, ZERO)
        reduces = held * line.side.sign < 0 and Decimal(line.quantity) <= abs(held)
        if opened.request_id and not reduces:
            found = f"{line.side} {line.quantity} {line.symbol}, {held} held"
            raise _corrupt("FLATTEN_OPENS", "an order of a flatten to reduce a position and to stop at zero", found)
        if not self.withdrawals or opened.cause == "operator" or reduces:
            return
        if stays_flat(self.withdrawals, line.manifest_sha256, line.symbol, venue=line.venue):
            found = f"{line.side} {line.quantity} {line.symbol} in cycle {line.cycle}"
            raise _corrupt("WITHDRAWN_TRADED", "nothing opened that was flattened before a new manifest came", found)


def withdrawal_of(line: FlattenLine) -> Withdrawal:
    """Return what a taken flatten withdraws."""
    assert line.manifest_sha256 is not None
    return Withdrawal(
        manifest_sha256=line.manifest_sha256,
        scope=scope_of(line),
        by=line.by,
        reason=line.reason,
        request_id=line.request_id,
        ts_ns=line.ts_ns,
    )


def _corrupt(code: str, expected: str, found: str) -> RecordCorrupt:
    return RecordCorrupt(
        code, expected=expected, found=found, action="Change nothing and keep a copy of the log; a person must look."
    )
