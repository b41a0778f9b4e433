"""A handoff at the first start of a live record: what the account holds beyond the book is booked, on a person's word, once.

Each amount becomes a `transfer` line under the handoff's own id, as a deposit or withdrawal does: the book moves, and what losses
are held against with it; a coin's worth is the venue's mid. The comparison after it must agree like any other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from engine.run_config import RunConfig
from lakehouse.handoff_file import Handoff, read_handoff
from lakehouse.layout import Layout, storage_error, sync_directory
from lakehouse.rebuild import LogFold
from orders.errors import InputError
from orders.reconcile import Difference
from orders.values import Record
from venues.answers import VenueTransfer

BOOKED: Final = "handoff"  # what stands for the venue's word of its state
ZERO: Final = Decimal(0)


class Offered(Record, frozen=True, kw_only=True):
    """A handoff that may be used, or why the one that lies there may not, in words; both empty: there is none."""

    handoff: Handoff | None = None
    problem: str = ""


def offered(layout: Layout, fold: LogFold, *, config: RunConfig, bundle_sha256: str, venue: str, now_ns: int) -> Offered:
    """Return the handoff of a venue for a start on `fold`; never raises for what lies there."""
    try:
        handoff = read_handoff(layout)
    except InputError as error:
        return Offered(problem=str(error))
    if handoff is None or handoff.venue != venue:
        return Offered()
    problem = _problem(handoff, fold, config=config, bundle_sha256=bundle_sha256, now_ns=now_ns)
    return Offered(problem=problem) if problem else Offered(handoff=handoff)


def _problem(handoff: Handoff, fold: LogFold, *, config: RunConfig, bundle_sha256: str, now_ns: int) -> str:
    assert config.live is not None
    if late := book_has_moved(fold, but=handoff.transfer_prefix):
        return f"the handoff is refused: {late}"
    if handoff.environment != config.environment or handoff.account_id != config.live.venues[handoff.venue].account_id:
        return f"the handoff is of environment {handoff.environment}, account {handoff.account_id}"
    if handoff.bundle_sha256 != bundle_sha256:
        return f"the handoff is of bundle {handoff.bundle_sha256[:16]}, the run of {bundle_sha256[:16]}"
    if not handoff.created_ns <= now_ns < handoff.expires_ns:
        return "the handoff's hour is over; ask anew with `sluice promote handoff`"
    return ""


def book_has_moved(fold: LogFold, *, but: str = "") -> str:
    """Return in words what has moved the book of a record; "" for nothing. `but`: ids of transfers that do not count."""
    if fold.fill_count:
        return f"{fold.fill_count} fills have moved the book already"
    moved = [key for key in fold.transfer_keys if not (but and key[2].startswith(but))]
    return f"{len(moved)} deposits and withdrawals have moved the book already" if moved else ""


def booking(handoff: Handoff, parted: Difference) -> VenueTransfer | str:
    """Return what a difference is booked as; in words why it is not: the account holds something else than was seen."""
    seen = handoff.holdings.get(parted.code, ZERO)
    if abs(seen - parted.found) > parted.tolerance:
        return f"{parted.code} was {seen} when {handoff.by} handed it over, and is {parted.found}"
    gap = parted.found - parted.expected
    return VenueTransfer(
        kind="deposit" if gap > 0 else "withdrawal",
        transfer_id=f"{handoff.transfer_prefix}{parted.code}",
        currency=parted.code,
        amount=gap,
        fee=ZERO,
        done_ns=time.time_ns(),
        state=BOOKED,
    )


def used_up(layout: Layout) -> None:
    """Remove the file. Raises `StorageError`."""
    try:
        layout.handoff.unlink(missing_ok=True)
        sync_directory(layout.directory)
    except OSError as error:
        raise storage_error(error, layout.handoff) from error


def traded_codes(holdings: Mapping[str, Decimal], codes: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return of what an account holds that which a run trades; `codes`: by `orders.reconcile.tolerances`."""
    return {code: holdings.get(code, ZERO) for code in sorted(codes)}
