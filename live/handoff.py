"""A handoff at the first start of a live record: what the account holds beyond the book is booked, on a person's word, once.

Who said so, and of what, is proven before anything is started: a handoff that lies there and may not be used refuses the start.
Each amount becomes a `transfer` line that names the signed statement, as a deposit or withdrawal does: the book moves, and what
losses are held against with it; what is traded is worth the venue's mid. The comparison after it must agree like any other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NoReturn

from engine.inputs import Inputs
from engine.line_writer import LineWriter
from engine.run_config import RunConfig
from lakehouse.layout import Layout, storage_error, sync_directory
from lakehouse.person_file import read_person_file
from lakehouse.rebuild import LogFold
from orders.canonical import decimal_text, sha256_hex
from orders.errors import InputError, NotAsked
from orders.reconcile import Difference, asset_code, differences, tolerances
from orders.values import Record
from sentinel.dsse import ENVELOPE_SIZE_MAX
from sentinel.handoff_statement import Handoff, is_signed, open_handoff, parse_handoff
from sentinel.person_signatures import PersonRules
from venues.answers import VenueTransfer

BOOKED: Final = "handoff"  # what stands for the venue's word of its state
DIGITS: Final = 16  # of a hash, in words and ids
ZERO: Final = Decimal(0)


class HandedOver(Record, frozen=True, kw_only=True):
    """A handoff and its bytes. `signers`: nobody of an unsigned one, which only a record without promotions takes."""

    handoff: Handoff
    signers: tuple[str, ...]
    data: bytes

    @property
    def sha256(self) -> str:
        """Return the hash under which its bytes are kept, and which its transfers name."""
        return sha256_hex(self.data)

    @property
    def words(self) -> str:
        """Return on whose word it is and why, and the beginning of its hash."""
        signed = f", signed by {', '.join(self.signers)}" if self.signers else ", unsigned"
        return f"{self.handoff.by}{signed}: {self.handoff.reason}; statement {self.sha256[:DIGITS]}"


def read_handed(layout: Layout, *, rules: PersonRules) -> HandedOver | None:
    """Return what lies there, its signatures proven; None: nothing does.

    Raises `InputError` HANDOFF_MALFORMED, HANDOFF_SIGNER, and what `sentinel.dsse.opened` raises; `StorageError`.
    """
    data = read_person_file(layout.handoff, size_max=ENVELOPE_SIZE_MAX, invalid=_malformed)
    if data is None:
        return None
    if is_signed(data):
        handoff, signers = open_handoff(data, rules=rules)
        return HandedOver(handoff=handoff, signers=signers, data=data)
    return HandedOver(handoff=parse_handoff(data), signers=(), data=data)


def offered(
    layout: Layout, fold: LogFold, *, config: RunConfig, bundle_sha256: str, rules: PersonRules, now_ns: int
) -> HandedOver | None:
    """Return the handoff that a start on `fold` begins with; None: there is none.

    Raises `NotAsked` HANDOFF_REFUSED where one lies there that may not be used now, with every reason; `StorageError`.
    """
    try:
        found = read_handed(layout, rules=rules)
    except InputError as error:
        _refuse(layout, f"{error.code}: {error.expected} was expected, found {error.found}")
    if found is None:
        return None
    problems = list(_problems(found, fold, config=config, bundle_sha256=bundle_sha256, now_ns=now_ns))
    if problems:
        _refuse(layout, "; ".join(problems))
    return found


def _problems(found: HandedOver, fold: LogFold, *, config: RunConfig, bundle_sha256: str, now_ns: int) -> Iterator[str]:
    assert config.live is not None
    handoff, promotions = found.handoff, fold.promotions
    if late := book_has_moved(fold):
        yield late
    if promotions.lines and not found.signers:
        yield "nobody has signed it, and this record is governed by promotions"
    if handoff.follows != promotions.last_sha256:
        last = promotions.last_sha256[:DIGITS]
        yield f"a promotion was recorded since: it follows {handoff.follows[:DIGITS]}, the last is {last}"
    section = config.live.venues.get(handoff.venue)
    account = "none" if section is None else section.account_id
    if (handoff.environment, handoff.account_id) != (config.environment, account):
        yield (
            f"it is of environment {handoff.environment}, account {handoff.account_id} at {handoff.venue}; "
            f"the config's is {config.environment}, {account}"
        )
    if handoff.bundle_sha256 != bundle_sha256:
        yield f"it is of bundle {handoff.bundle_sha256[:DIGITS]}, the run of {bundle_sha256[:DIGITS]}"
    if not handoff.created_ns <= now_ns < handoff.expires_ns:
        yield "its hour is over" if now_ns >= handoff.expires_ns else "it was made later than now"


def require_as_seen(layout: Layout, found: HandedOver, holdings: Mapping[str, Decimal], *, inputs: Inputs) -> tuple[str, ...]:
    """Return of which symbols the account holds something, once that is what it was seen to hold. Raises `NotAsked`
    HANDOFF_REFUSED.
    """
    handoff = found.handoff
    allowed = tolerances(handoff.venue, listings=inputs.listings, limits=inputs.market_limits)
    parted = differences(expected=handoff.holdings, found=traded_codes(holdings, allowed), tolerance=allowed)
    if parted:
        _refuse(layout, "; ".join(_changed(handoff, one.code, found=one.found) for one in parted))
    limits = {symbol: one for symbol, one in inputs.market_limits.items() if one.venue == handoff.venue}
    return tuple(sorted(symbol for symbol in limits if handoff.holdings.get(asset_code(inputs.listings[symbol]))))


def require_quoted(layout: Layout, unquoted: Sequence[str]) -> None:
    """Return when whatever is booked has a price now. Raises `NotAsked` HANDOFF_REFUSED: a start without would be a break."""
    if unquoted:
        _refuse(layout, f"the venue has no price now of {', '.join(unquoted)}; is its market open?")


def book_has_moved(fold: LogFold) -> str:
    """Return in words what a record has traded, which a handoff cannot stand behind; "" for nothing.

    Deposits, withdrawals and amounts of an earlier handoff move the book too, and are no trade: what is missing is booked.
    """
    if fold.fill_count:
        return f"{fold.fill_count} fills have moved the book already"
    return f"{len(fold.open_orders)} orders of it may still fill" if fold.open_orders else ""


def booking(found: HandedOver, parted: Difference) -> VenueTransfer | str:
    """Return what a difference is booked as; in words why it is not: the account holds something else than was seen."""
    handoff = found.handoff
    if abs(handoff.holdings.get(parted.code, ZERO) - parted.found) > parted.tolerance:
        return _changed(handoff, parted.code, found=parted.found)
    gap = parted.found - parted.expected
    return VenueTransfer(
        kind="deposit" if gap > 0 else "withdrawal",
        transfer_id=f"handoff-{found.sha256[:DIGITS]}-{parted.code}",
        currency=parted.code,
        amount=gap,
        fee=ZERO,
        done_ns=time.time_ns(),
        state=BOOKED,
    )


async def used_up(layout: Layout, writer: LineWriter) -> None:
    """Remove the file once every line that was written is on disk: a file that is gone, of lines that never came, would leave a
    break that nothing explains. Raises `StorageError`.
    """
    durable = asyncio.Event()
    writer.when_durable(durable.set)
    await durable.wait()
    try:
        layout.handoff.unlink(missing_ok=True)
        sync_directory(layout.directory)
    except OSError as error:
        raise storage_error(error, layout.handoff) from error


def traded_codes(holdings: Mapping[str, Decimal], codes: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return of what an account holds that which a run trades; `codes`: by `orders.reconcile.tolerances`."""
    return {code: holdings.get(code, ZERO) for code in sorted(codes)}


def _changed(handoff: Handoff, code: str, *, found: Decimal) -> str:
    seen = decimal_text(handoff.holdings.get(code, ZERO))
    return f"{code} was {seen} when {handoff.by} handed it over, and is {decimal_text(found)}"


def _malformed(expected: str, found: str) -> InputError:
    return InputError("HANDOFF_MALFORMED", expected=expected, found=found, action="Remove it.")


def _refuse(layout: Layout, problem: str) -> NoReturn:
    raise NotAsked(
        "HANDOFF_REFUSED",
        expected=f"the handoff in {layout.handoff} to hold now, or none",
        found=problem,
        action="Ask anew with `sluice promote handoff`, or remove the file: the start then compares without it.",
    )
