"""Over all combinations of the conditions exactly one arms, and what does not hold in the others is named, all of it.

Of promotions, whose conditions are of one fact, each is combined with every set of the others, and all of theirs with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec

from live.arming import Condition, Facts, Promoted, missing
from orders.promotion import State
from tests.live.test_arming import ARMING, FACTS, NOW, OF_PROMOTION, PROMOTED, UNGOVERNED, VENUE

OF_RUN: dict[Condition, dict[str, Any]] = {
    Condition.ENV_NOT_LIVE: {"environment_variable": "Live"},
    Condition.LEDGER_BROKEN: {"ledger_problem": "line 7"},
}
OF_VENUE: dict[Condition, dict[str, Any]] = {
    Condition.VENUE_NOT_PROVEN: {"unproven": "no harness proves kraken"},
    Condition.NOT_PROMOTED: {"loopback": False},
    Condition.CREDENTIALS_REFUSED: {"credentials": "mode 0644"},
    Condition.KEY_CAN_WITHDRAW: {"can_withdraw": True},
    Condition.ARMING_REFUSED: {"arming": None, "arming_problem": "SIGNATURE_BAD"},
    Condition.ACCOUNT_MISMATCH: {"account_id": None},
    Condition.CLOCK_OFFSET: {"clock_offset_ms": None},
    Condition.LIMITS_CHANGED: {"limits_changed": ("tick 0.01 in the snapshot, 0.1 at the venue",)},
    Condition.CONTRACT_REFUSED: {"contracts": ("no ISIN",)},
}
OF_ARMING: dict[Condition, dict[str, Any]] = {
    Condition.ARMING_FOREIGN: {"account_id": "43"},
    Condition.ARMING_EXPIRED: {"expires_ns": NOW},
    Condition.CAP_EXCEEDED: {"day_notional": VENUE.day_notional_max + 1},
}
PROMOTION = frozenset(condition for condition, *_ in OF_PROMOTION) - {Condition.NOT_PROMOTED}
ALL = tuple(condition for condition in Condition if condition not in PROMOTION)


def combinations(promoted: Promoted = UNGOVERNED) -> Iterator[tuple[frozenset[Condition], Facts]]:
    """Each set of conditions that do not hold, with the facts of it; those of the promotion are as they are given."""
    for held in product((True, False), repeat=len(ALL)):
        failed = frozenset(condition for condition, holds in zip(ALL, held, strict=True) if not holds)

        def changes(table: dict[Condition, dict[str, Any]], failed: frozenset[Condition] = failed) -> dict[str, Any]:
            return {name: value for condition in failed & table.keys() for name, value in table[condition].items()}

        arming = msgspec.structs.replace(ARMING, **changes(OF_ARMING))
        venue = msgspec.structs.replace(VENUE, **({"arming": arming} | changes(OF_VENUE)))
        yield failed, msgspec.structs.replace(FACTS, promoted=promoted, venues=(venue,), **changes(OF_RUN))


def test_the_tables_make_every_condition_fail() -> None:
    assert {*OF_RUN, *OF_VENUE, *OF_ARMING, *PROMOTION} == set(Condition)


def test_over_all_combinations_exactly_one_arms_and_all_that_fails_is_named() -> None:
    armed, count = [], 0
    for failed, facts in combinations():
        count += 1
        found = missing(facts)
        unseen = OF_ARMING.keys() if Condition.ARMING_REFUSED in failed else frozenset()  # of an arming that is not there
        assert {one.condition for one in found} == failed - unseen
        if not found:
            armed.append(failed)
    assert (count, armed) == (2 ** len(ALL), [frozenset()])


def test_with_any_fact_of_a_promotion_wrong_none_of_all_combinations_arms() -> None:
    for condition, change, *_ in OF_PROMOTION:
        promoted = msgspec.structs.replace(PROMOTED, **change)
        assert all(condition in {one.condition for one in missing(facts)} for _, facts in combinations(promoted))


def test_with_a_sound_promotion_exactly_one_arms_and_at_a_real_venue_too() -> None:
    """The venue's own NOT_PROMOTED is of loopback or not, which says nothing once the record is governed."""
    armed = [failed for failed, facts in combinations(PROMOTED) if not missing(facts)]
    assert sorted(armed, key=len) == [frozenset(), frozenset({Condition.NOT_PROMOTED})]


def test_over_all_combinations_of_a_promotions_own_facts_exactly_one_arms() -> None:
    changes: list[dict[str, Any]] = [change for condition, change, *_ in OF_PROMOTION if "state" not in change]
    states: list[State | None] = [State.CANARY, State.LIVE, State.CANDIDATE, State.SHADOW, State.RETIRED, None]
    armed = []
    for state, held in product(states, product((True, False), repeat=len(changes))):
        broken = [change for change, holds in zip(changes, held, strict=True) if not holds]
        facts = {name: value for change in broken for name, value in change.items()}
        promoted = msgspec.structs.replace(PROMOTED, state=state, **facts)
        if not missing(msgspec.structs.replace(FACTS, promoted=promoted)):
            armed.append((state, broken))
    assert armed == [(State.CANARY, []), (State.LIVE, [])]


def test_with_two_venues_both_must_hold_for_either_to_begin() -> None:
    bad = [msgspec.structs.replace(VENUE, **change) for change in (*OF_VENUE.values(), {"account_id": "43"})]
    for first, second in product((VENUE, *bad), repeat=2):
        armed = not missing(msgspec.structs.replace(FACTS, venues=(first, second)))
        assert armed == (first is VENUE and second is VENUE)
