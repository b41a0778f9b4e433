"""Each condition of the arming: a table of one bad fact each, and the good facts they are made from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from live.arming import Condition, Facts, VenueFacts, missing
from live.arming_file import Arming

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
FACTS = Facts(
    environment="rehearsal",
    environment_variable="live",
    ledger_problem="",
    promoted=False,
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
    assert {condition for condition, _ in RUN + OF_VENUE} == set(Condition)


def test_a_real_venue_stays_closed_until_promotion_exists() -> None:
    promoted = msgspec.structs.replace(FACTS, promoted=True, venues=(msgspec.structs.replace(VENUE, loopback=False),))
    assert missing(promoted) == ()


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
