"""Each condition of the arming: a table of one bad fact each, and the good facts they are made from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from live.arming import Condition, Facts, Promoted, VenueFacts, missing
from live.arming_file import Arming
from orders.promotion import State

HOUR = 3_600_000_000_000
NOW = 1_790_000_000_000_000_000
ARMING = Arming(
    venue="BINANCE",
    account_id="42",
    environment="rehearsal",
    day_notional=Decimal("50000"),
    not_before_ns=NOW - HOUR,
    expires_ns=NOW + HOUR,
    by="alice",
)
VENUE = VenueFacts(
    venue="BINANCE",
    loopback=True,
    unproven="",
    credentials="",
    can_withdraw=False,
    arming=ARMING,
    arming_problem="",
    account_id="42",
    account_expected="42",
    day_notional_max=Decimal("50000"),
    clock_offset_ms=500,
    limits_changed=(),
)
BUNDLE, OTHER = "a" * 64, "b" * 64
UNGOVERNED = Promoted(bundle_sha256=BUNDLE)
PROMOTED = Promoted(bundle_sha256=BUNDLE, governed=True, state=State.CANARY, current=BUNDLE, environment="rehearsal")
FACTS = Facts(
    environment="rehearsal",
    environment_variable="live",
    ledger_problem="",
    promoted=UNGOVERNED,
    clock_offset_max_ms=500,
    now_ns=NOW,
    venues=(VENUE,),
)
RUN: list[tuple[Condition, dict[str, Any]]] = [
    (Condition.ENV_NOT_LIVE, {"environment_variable": None}),
    (Condition.ENV_NOT_LIVE, {"environment_variable": "LIVE"}),
    (Condition.LEDGER_BROKEN, {"ledger_problem": "line 7"}),
    (Condition.ARMING_EXPIRED, {"now_ns": ARMING.expires_ns}),
    (Condition.ARMING_EXPIRED, {"now_ns": ARMING.not_before_ns - 1}),
    (Condition.ARMING_FOREIGN, {"environment": "other"}),
    (Condition.CLOCK_OFFSET, {"clock_offset_max_ms": 499}),
]
OF_VENUE: list[tuple[Condition, dict[str, Any]]] = [
    (Condition.NOT_PROMOTED, {"loopback": False}),
    (Condition.VENUE_NOT_PROVEN, {"unproven": "no harness proves kraken"}),
    (Condition.CREDENTIALS_REFUSED, {"credentials": "mode 0644"}),
    (Condition.KEY_CAN_WITHDRAW, {"can_withdraw": True}),
    (Condition.ARMING_REFUSED, {"arming": None, "arming_problem": "SIGNATURE_BAD"}),
    (Condition.ARMING_REFUSED, {"arming": None}),
    (Condition.ARMING_FOREIGN, {"arming": msgspec.structs.replace(ARMING, venue="OKX")}),
    (Condition.ARMING_FOREIGN, {"arming": msgspec.structs.replace(ARMING, account_id="43")}),
    (Condition.ACCOUNT_MISMATCH, {"account_id": "43"}),
    (Condition.ACCOUNT_MISMATCH, {"account_id": None}),
    (Condition.CAP_EXCEEDED, {"arming": msgspec.structs.replace(ARMING, day_notional=Decimal("50000.01"))}),
    (Condition.CLOCK_OFFSET, {"clock_offset_ms": None}),
    (Condition.CLOCK_OFFSET, {"clock_offset_ms": -501}),
    (Condition.CONTRACT_REFUSED, {"contracts": ("ISIN_MISSING: NYSE:NOIS: contract 990001 has no ISIN",)}),
    (Condition.LIMITS_CHANGED, {"limits_changed": ("BINANCE:BTCUSDT tick 0.01 in the snapshot, 0.1 at the venue",)}),
]


# A governed record's bundle, each wrong in one way; the words that must be told with it, and the command that mends it.
OF_PROMOTION: list[tuple[Condition, dict[str, Any], str, str]] = [
    (Condition.NOT_PROMOTED, {"state": None, "current": OTHER}, "bbbbbbbbbbbbbbbb is in canary or live", "--to candidate"),
    (Condition.NOT_PROMOTED, {"state": None, "current": None}, "none is in canary or live", "--to candidate"),
    (Condition.STATE_NOT_LIVE, {"state": State.CANDIDATE, "current": None}, "is candidate", "--to shadow"),
    (Condition.STATE_NOT_LIVE, {"state": State.SHADOW, "current": OTHER}, "is shadow", "--to canary"),
    (Condition.STATE_NOT_LIVE, {"state": State.RETIRED, "current": OTHER}, "is retired", "sluice rollback"),
    (Condition.PROMOTION_PAUSED, {"paused": "GATE_FAILED: cost"}, "GATE_FAILED: cost", "--resume"),
    (Condition.PROMOTION_FOREIGN, {"environment": "other"}, "environment other", "data directory"),
    (Condition.PROMOTION_UNSIGNED, {"unsigned": "signed by ann"}, "signed by ann", "--resume"),
    (Condition.PROMOTION_KEY_REVOKED, {"revoked": "of bob"}, "of bob", "--resume"),
    (Condition.EVIDENCE_MISSING, {"evidence": "PROMOTION_FILE_MISSING"}, "PROMOTION_FILE_MISSING", "from a copy"),
    (Condition.GATES_DIFFER, {"gates": "x.toml is 77"}, "x.toml is 77", "--gates"),
    (Condition.BUNDLE_MISSING, {"gone": "aaaa is not in"}, "aaaa is not in", "sluice bundle create CONFIG"),
    (Condition.BUNDLE_ALTERED, {"altered": "BUNDLE_PART_ALTERED"}, "BUNDLE_PART_ALTERED", "sluice bundle create CONFIG"),
    (
        Condition.BUNDLE_DIFFERS,
        {"differs": "part limits"},
        "part limits",
        "sluice bundle verify aaaaaaaaaaaaaaaa --config CONFIG",
    ),
    (Condition.KIND_MIXED, {"mixed": "fills of shadow runs"}, "fills of shadow runs", "data directory of its own"),
]


def test_good_facts_arm_a_rehearsal_at_every_bound() -> None:
    assert missing(FACTS) == ()
    last = msgspec.structs.replace(FACTS, now_ns=ARMING.expires_ns - 1)
    first = msgspec.structs.replace(FACTS, now_ns=ARMING.not_before_ns)
    assert missing(last) == missing(first) == ()


@pytest.mark.parametrize(("condition", "change"), RUN, ids=[f"{c}-{next(iter(k))}-{i}" for i, (c, k) in enumerate(RUN)])
def test_one_bad_fact_of_the_run_refuses_by_its_name_alone(condition: Condition, change: dict[str, Any]) -> None:
    found = missing(msgspec.structs.replace(FACTS, **change))
    assert [one.condition for one in found] == [condition]
    assert found[0].found
    assert found[0].action


@pytest.mark.parametrize(("condition", "change"), OF_VENUE, ids=[f"{c}-{next(iter(k))}-{i}" for i, (c, k) in enumerate(OF_VENUE)])
def test_one_bad_fact_of_a_venue_refuses_by_its_name_alone(condition: Condition, change: dict[str, Any]) -> None:
    found = missing(msgspec.structs.replace(FACTS, venues=(msgspec.structs.replace(VENUE, **change),)))
    assert [(one.condition, one.venue) for one in found] == [(condition, "BINANCE")]


def test_every_condition_has_a_bad_twin_here() -> None:
    told = {condition for condition, _ in RUN + OF_VENUE} | {condition for condition, *_ in OF_PROMOTION}
    assert told == set(Condition)


@pytest.mark.parametrize("loopback", [True, False], ids=["rehearsed", "real"])
@pytest.mark.parametrize("state", [State.CANARY, State.LIVE])
def test_a_bundle_in_canary_or_live_trades_at_every_venue(state: State, loopback: bool) -> None:
    promoted = msgspec.structs.replace(PROMOTED, state=state)
    venue = msgspec.structs.replace(VENUE, loopback=loopback)
    assert missing(msgspec.structs.replace(FACTS, promoted=promoted, venues=(venue,))) == ()


@pytest.mark.parametrize("loopback", [True, False], ids=["rehearsed", "real"])
@pytest.mark.parametrize(
    ("condition", "change", "found", "action"), OF_PROMOTION, ids=[f"{c}-{i}" for i, (c, *_) in enumerate(OF_PROMOTION)]
)
def test_one_bad_fact_of_a_promotion_refuses_by_its_name_alone_and_says_what_mends_it(
    condition: Condition, change: dict[str, Any], found: str, action: str, loopback: bool
) -> None:
    promoted = msgspec.structs.replace(PROMOTED, **change)
    venue = msgspec.structs.replace(VENUE, loopback=loopback)
    refused = missing(msgspec.structs.replace(FACTS, promoted=promoted, venues=(venue,)))
    assert [(one.condition, one.venue) for one in refused] == [(condition, None)]
    assert found in refused[0].found
    assert action in refused[0].action


def test_a_real_venue_is_closed_to_a_record_without_a_promotion_and_a_rehearsed_one_is_not() -> None:
    real = msgspec.structs.replace(VENUE, loopback=False)
    assert [one.condition for one in missing(msgspec.structs.replace(FACTS, venues=(real,)))] == [Condition.NOT_PROMOTED]
    assert missing(FACTS) == ()


def test_all_that_is_missing_is_named_at_once_in_the_order_of_the_table() -> None:
    venue = msgspec.structs.replace(VENUE, loopback=False, credentials="none", arming=None, account_id=None, clock_offset_ms=None)
    found = [one.condition for one in missing(msgspec.structs.replace(FACTS, environment_variable=None, venues=(venue,)))]
    assert found == [
        Condition.ENV_NOT_LIVE,
        Condition.NOT_PROMOTED,
        Condition.CREDENTIALS_REFUSED,
        Condition.ARMING_REFUSED,
        Condition.ACCOUNT_MISMATCH,
        Condition.CLOCK_OFFSET,
    ]


def test_a_venue_that_cannot_tell_whether_a_key_may_withdraw_is_not_refused_for_it() -> None:
    assert missing(msgspec.structs.replace(FACTS, venues=(msgspec.structs.replace(VENUE, can_withdraw=None),))) == ()
