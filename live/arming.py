"""May a live run begin? Every condition of the arming as one table, each with its code, what was found and what mends it.

Nothing here reads a file or asks a venue: `live.venue_link` and `live.live_run` gather the facts. A fact that could not be had is
None, and None refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

from live.arming_file import Arming
from orders.promotion import WITH_CAPITAL, State
from orders.values import Record

ENVIRONMENT_VARIABLE: Final = "SLUICE_ENV"
LIVE: Final = "live"
DIGITS: Final = 16  # of a hash, in words


class Condition(StrEnum):
    """What must hold, in the order in which it is told."""

    ENV_NOT_LIVE = "ENV_NOT_LIVE"
    VENUE_NOT_PROVEN = "VENUE_NOT_PROVEN"
    BUNDLE_MISSING = "BUNDLE_MISSING"
    BUNDLE_ALTERED = "BUNDLE_ALTERED"
    BUNDLE_DIFFERS = "BUNDLE_DIFFERS"
    NOT_PROMOTED = "NOT_PROMOTED"
    STATE_NOT_LIVE = "STATE_NOT_LIVE"
    PROMOTION_PAUSED = "PROMOTION_PAUSED"
    PROMOTION_FOREIGN = "PROMOTION_FOREIGN"
    PROMOTION_UNSIGNED = "PROMOTION_UNSIGNED"
    PROMOTION_KEY_REVOKED = "PROMOTION_KEY_REVOKED"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    GATES_DIFFER = "GATES_DIFFER"
    KIND_MIXED = "KIND_MIXED"
    CREDENTIALS_REFUSED = "CREDENTIALS_REFUSED"
    KEY_CAN_WITHDRAW = "KEY_CAN_WITHDRAW"
    ARMING_REFUSED = "ARMING_REFUSED"
    ARMING_FOREIGN = "ARMING_FOREIGN"
    ARMING_EXPIRED = "ARMING_EXPIRED"
    ACCOUNT_MISMATCH = "ACCOUNT_MISMATCH"
    CAP_EXCEEDED = "CAP_EXCEEDED"
    CLOCK_OFFSET = "CLOCK_OFFSET"
    LEDGER_BROKEN = "LEDGER_BROKEN"
    LIMITS_CHANGED = "LIMITS_CHANGED"
    CONTRACT_REFUSED = "CONTRACT_REFUSED"


class VenueFacts(Record, frozen=True, kw_only=True):
    """What is known of one venue. Texts say why a fact could not be had, or what is wrong; "" where nothing is.

    `loopback`: an endpoint stands in for it; `unproven`: why its profile may not trade; `can_withdraw` None: the venue cannot
    tell; `clock_offset_ms` None: not measured; `limits_changed`: differences between the run's snapshot and the venue;
    `contracts`: what of them is not what was meant, such as a share without ISIN.
    """

    venue: str
    loopback: bool
    unproven: str
    credentials: str
    can_withdraw: bool | None
    arming: Arming | None
    arming_problem: str
    account_id: str | None
    account_expected: str
    day_notional_max: Decimal
    clock_offset_ms: int | None
    limits_changed: tuple[str, ...]
    contracts: tuple[str, ...] = ()


class Promoted(Record, frozen=True, kw_only=True):
    """What the record says of the run's bundle (`live.promoted` reads it). Texts say what is wrong; "" where nothing is.

    `governed`: the log has a promotion line, so that nothing trades here but by one. `state` None: this bundle was never promoted
    here; `current`: the bundle that may trade here; `environment`: of the promotions. `unsigned`: of the statement by which it
    has its capital; `revoked`: of its signers' keys; `evidence`: of what it passed its gates on; `mixed`: fills that are of no
    live run; `gates`: of the gates file it is to be held to. Of the bundle on disk: `gone`, `altered`, `differs` (from the run,
    each part named).
    """

    bundle_sha256: str
    governed: bool = False
    state: State | None = None
    current: str | None = None
    paused: str = ""
    environment: str | None = None
    unsigned: str = ""
    revoked: str = ""
    evidence: str = ""
    mixed: str = ""
    gates: str = ""
    gone: str = ""
    altered: str = ""
    differs: str = ""


class Facts(Record, frozen=True, kw_only=True):
    """What is known of the run. `environment_variable`: the value of SLUICE_ENV, None where unset; `ledger_problem`: "" when it
    verifies; `promoted`: what the record says of its bundle.
    """

    environment: str
    environment_variable: str | None
    ledger_problem: str
    promoted: Promoted
    clock_offset_max_ms: int
    now_ns: int
    venues: tuple[VenueFacts, ...]


class Missing(Record, frozen=True, kw_only=True):
    """A condition that does not hold; `venue` None: of the run as a whole."""

    condition: Condition
    venue: str | None
    found: str
    action: str


def missing(facts: Facts) -> tuple[Missing, ...]:
    """Return every condition that does not hold, in the order of `Condition`; empty: the run may begin."""
    found = [one for check in RUN_CHECKS for one in check(facts)]
    for venue in facts.venues:
        found += [one for check in VENUE_CHECKS for one in check(facts, venue)]
    order = list(Condition)
    return tuple(sorted(found, key=lambda one: order.index(one.condition)))


def _mode(facts: Facts) -> Iterator[Missing]:
    if facts.environment_variable != LIVE:
        was = "not set" if facts.environment_variable is None else f"{facts.environment_variable!r}"
        yield _no(
            Condition.ENV_NOT_LIVE,
            f"{ENVIRONMENT_VARIABLE} {was}",
            f"Start with {ENVIRONMENT_VARIABLE}=live.",
        )
    if facts.ledger_problem:
        yield _no(Condition.LEDGER_BROKEN, facts.ledger_problem, "`sluice verify` names the first line that does not agree.")


def _bundle(facts: Facts) -> Iterator[Missing]:
    """The bundle itself, wherever a run is held to one."""
    known = facts.promoted
    named = known.bundle_sha256[:DIGITS]
    anew = "`sluice bundle create CONFIG` makes it anew where config and code are what they were"
    if known.gone:
        yield _no(Condition.BUNDLE_MISSING, known.gone, f"Put its directory back from a copy; {anew}.")
    if known.altered:
        yield _no(Condition.BUNDLE_ALTERED, known.altered, f"Move its directory away for whoever looks who did it; then {anew}.")
    if known.differs:
        yield _no(
            Condition.BUNDLE_DIFFERS,
            known.differs,
            f"Put the part back: `sluice bundle verify {named} --config CONFIG` shows it all; or promote the bundle it is now.",
        )


def _promotion(facts: Facts) -> Iterator[Missing]:
    """A record with a promotion is governed by it, whatever the venue."""
    known = facts.promoted
    named = known.bundle_sha256[:DIGITS]
    if known.mixed:
        yield _no(
            Condition.KIND_MIXED, known.mixed, "Trade live in a data directory of its own: [lakehouse] directory, or --lakehouse."
        )
    if not known.governed:
        return
    if known.environment != facts.environment:
        yield _no(
            Condition.PROMOTION_FOREIGN,
            f"promotions of environment {known.environment}, and the config's is {facts.environment}",
            "Start the config that was promoted, or name its data directory.",
        )
    if known.state is None:
        current = "none is" if known.current is None else f"{known.current[:DIGITS]} is"
        yield _no(
            Condition.NOT_PROMOTED,
            f"bundle {named} was never promoted here; {current} in canary or live",
            f"`sluice promote {named} --to candidate` begins it; `--bundle` starts another.",
        )
        return
    if known.state not in WITH_CAPITAL:
        yield _no(
            Condition.STATE_NOT_LIVE,
            f"bundle {named} is {known.state}",
            f"`sluice promote {named} --to {_next(known.state)}` where its gates pass; a {known.state} trades in `sluice shadow`."
            if known.state is not State.RETIRED
            else "`sluice rollback` brings the previous one back; `sluice promote status` shows what may trade.",
        )
        return
    if known.paused:
        yield _no(
            Condition.PROMOTION_PAUSED,
            f"bundle {named} is paused: {known.paused}",
            f"Look at why, then `sluice promote {named} --resume`, or --step-down first, or `sluice rollback`.",
        )
    again = f"`sluice promote {named} --pause`, then --resume, is signed anew."
    for condition, problem in (
        (Condition.PROMOTION_UNSIGNED, known.unsigned),
        (Condition.PROMOTION_KEY_REVOKED, known.revoked),
    ):
        if problem:
            yield _no(condition, problem, again)
    if known.evidence:
        action = f"Put the file back from a copy, or begin anew: `sluice promote {named} --to retired`, then candidate."
        yield _no(Condition.EVIDENCE_MISSING, known.evidence, action)
    if known.gates:
        yield _no(Condition.GATES_DIFFER, known.gates, "Start with that file as --gates, or promote by this one.")


def _next(state: State) -> State:
    return State.SHADOW if state is State.CANDIDATE else State.CANARY


def _promoted_venue(facts: Facts, venue: VenueFacts) -> Iterator[Missing]:
    """A real venue is traded by a promotion alone; at a loopback stand-in a bundle without one is rehearsed."""
    if not facts.promoted.governed and not venue.loopback:
        named = facts.promoted.bundle_sha256[:DIGITS]
        yield _no(
            Condition.NOT_PROMOTED,
            f"no promotion of bundle {named}, nor of any other, in this data directory",
            f"`sluice promote {named} --to candidate` begins it; `sluice rehearse` needs none.",
            venue,
        )
    if venue.unproven:
        yield _no(Condition.VENUE_NOT_PROVEN, venue.unproven, "Use a venue that a harness proves; the README lists them.", venue)


def _credentials(facts: Facts, venue: VenueFacts) -> Iterator[Missing]:
    if venue.credentials:
        yield _no(
            Condition.CREDENTIALS_REFUSED,
            venue.credentials,
            "README, Orders through CCXT, says where keys may lie.",
            venue,
        )
    if venue.can_withdraw:
        yield _no(Condition.KEY_CAN_WITHDRAW, "a key that may withdraw", "Make a key that may only read and trade.", venue)


def _arming(facts: Facts, venue: VenueFacts) -> Iterator[Missing]:
    arming, again = venue.arming, f"Sign a new one with `sluice arm --venue {venue.venue}`."
    if arming is None:
        yield _no(Condition.ARMING_REFUSED, venue.arming_problem or "no arming file", again, venue)
        return
    wanted = (venue.venue, venue.account_expected, facts.environment)
    given = (arming.venue, arming.account_id, arming.environment)
    if given != wanted:
        words = ", ".join(f"{name} {was}" for name, was in zip(("venue", "account", "environment"), given, strict=True))
        yield _no(Condition.ARMING_FOREIGN, f"an arming of {words}", again, venue)
    if facts.now_ns < arming.not_before_ns:
        yield _no(Condition.ARMING_EXPIRED, "an arming that does not hold yet", "Wait, or look at the clock.", venue)
    if facts.now_ns >= arming.expires_ns:
        yield _no(Condition.ARMING_EXPIRED, "an arming that has expired", again, venue)
    if arming.day_notional > venue.day_notional_max:
        yield _no(
            Condition.CAP_EXCEEDED,
            f"{arming.day_notional} a day armed, over day_notional_max {venue.day_notional_max}",
            "Arm less, or raise the cap in the config, which is reviewed.",
            venue,
        )


def _venue_answers(facts: Facts, venue: VenueFacts) -> Iterator[Missing]:
    if venue.account_id != venue.account_expected:
        was = "not known" if venue.account_id is None else venue.account_id
        yield _no(
            Condition.ACCOUNT_MISMATCH,
            f"the venue's account is {was}, the config names {venue.account_expected}",
            "Look at which key is used, and at account_id.",
            venue,
        )
    offset = venue.clock_offset_ms
    if offset is None or abs(offset) > facts.clock_offset_max_ms:
        was = "not measured" if offset is None else f"{offset:+d} ms"
        yield _no(
            Condition.CLOCK_OFFSET,
            f"{was}, the bound is {facts.clock_offset_max_ms} ms",
            "Mend this machine's clock (NTP).",
            venue,
        )
    for change in venue.limits_changed:
        yield _no(Condition.LIMITS_CHANGED, change, "`sluice limits fetch` writes a new snapshot; look at what changed.", venue)
    for contract in venue.contracts:
        yield _no(Condition.CONTRACT_REFUSED, contract, "Take the symbol off sentinel.allow, or mend what the words name.", venue)


def _no(condition: Condition, found: str, action: str, venue: VenueFacts | None = None) -> Missing:
    return Missing(condition=condition, venue=None if venue is None else venue.venue, found=found, action=action)


RUN_CHECKS: Final[tuple[Callable[[Facts], Iterator[Missing]], ...]] = (_mode, _bundle, _promotion)
VENUE_CHECKS: Final[tuple[Callable[[Facts, VenueFacts], Iterator[Missing]], ...]] = (
    _promoted_venue,
    _credentials,
    _arming,
    _venue_answers,
)
