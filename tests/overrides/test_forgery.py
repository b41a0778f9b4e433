"""No forged override lets anything pass, and each good one does once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.override_use import use_of
from lakehouse.rebuild import LogFold
from lakehouse.records import OverrideUsed
from orders.errors import InputError, RecordCorrupt
from orders.plan import Decision, Outcome
from sentinel.guard import judge_plan
from sentinel.override import require_covers, require_usable
from sentinel.override_token import open_override, sign_again
from sentinel.override_values import SignedOverride
from tests.overrides.forged import KEYS, OPENS, PLAN, Case, forged, rules, signed, token, valid
from tests.planner.world import NOW
from tests.sentinel.cases import facts, judged, limits

FORGED = list(forged())
VALID = list(valid())


def attempt(case: Case, *, fold: LogFold | None = None) -> str:
    """What a run does with a file: open it, ask whether it holds, plan with it. "" where the plan passes by it, else why not.

    `fold`: its log, into which the line of the use goes.
    """
    used = case.used if fold is None else case.used | set(fold.overrides)
    try:
        signed = open_override(case.data, rules=case.rules)
        require_usable(signed.token, environment=PLAN.environment, now_ns=case.now_ns, used=used)
        require_covers(signed.token, plan=case.plan)
    except InputError as error:
        return error.code
    known = facts(**({"regime_name": "CRISIS", "override": signed, "now_ns": case.now_ns} | dict(case.facts)))
    judgement = judge_plan(case.plan, facts=known, limits=limits())
    if judgement.decision is not Decision.PLAN or not judgement.override:
        return judgement.code or "NOT_NEEDED"
    if fold is not None:
        line = OverrideUsed(
            seq=fold.log_line + 1, ts_ns=case.now_ns, market_ns=case.now_ns, run_id="r",
            **use_of(signed, cycle=1, plan_sha256=judgement.plan_sha256 or ""),
        )  # fmt: skip
        fold.apply(line)
    return ""


def test_the_corpus_is_large_and_its_ids_are_different() -> None:
    names = [case.name for case in FORGED]
    assert len(names) == len(set(names)) >= 400


@pytest.mark.parametrize("case", FORGED, ids=lambda case: case.name)
def test_a_forgery_lets_nothing_pass(case: Case) -> None:
    assert attempt(case) != ""


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_a_good_one_lets_the_plan_pass_once_and_never_again(case: Case) -> None:
    fold = LogFold()
    assert attempt(case, fold=fold) == ""
    assert attempt(case, fold=fold) == "OVERRIDE_USED"
    (line,) = fold.overrides.values()
    again = LogFold()  # a restart reads the same from the log
    again.apply(line)
    assert attempt(case, fold=again) == "OVERRIDE_USED"


def test_a_log_that_uses_an_override_twice_contradicts_itself() -> None:
    fold = LogFold()
    assert attempt(VALID[0], fold=fold) == ""
    (line,) = fold.overrides.values()
    with pytest.raises(RecordCorrupt, match="OVERRIDE_TWICE"):
        fold.apply(line, seq=fold.log_line + 1)


def guarded(f: dict[str, Any] | None = None, lim: dict[str, Any] | None = None, **change: Any) -> Any:
    """The guard's answer to the plan in a CRISIS with a token it is handed, whatever was asked of that before."""
    given = SignedOverride(token=token(**change), envelope_sha256="0" * 64)
    return judged(PLAN, f={"regime_name": "CRISIS", "override": given} | (f or {}), lim=lim)


def test_the_guard_allows_exactly_what_needed_it_and_names_the_token() -> None:
    judgement = guarded()
    assert (judgement.decision, judgement.override, len(judgement.approvals)) == (Decision.PLAN, "a" * 32, 2)
    (verdict,) = [one for one in judgement.verdicts if one.control == "REGIME_PARITY"]
    assert verdict.outcome is Outcome.ALLOW
    assert verdict.observed.endswith(f"override {'a' * 32} by ann")
    without = judged(PLAN, f={"regime_name": "CRISIS"})
    others = [one for one in judgement.verdicts if one.control != "REGIME_PARITY"]
    assert others == [one for one in without.verdicts if one.control != "REGIME_PARITY"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"expires_ns": NOW}, "holds from"),
        ({"not_before_ns": NOW + 1}, "holds from"),
        ({"manifest_sha256": "f" * 64}, "one of manifest"),
        ({"environment": "elsewhere"}, "for elsewhere"),
        ({"base_currency": "EUR"}, "amounts in EUR"),
        ({"venues": ("EU",)}, "one for EU"),
        ({"lines": ()}, "other orders"),
        ({"controls": ()}, "does not name REGIME_PARITY"),
        ({"controls": ("MAX_LEVERAGE",)}, "does not name REGIME_PARITY"),
        ({"notional_max": OPENS - Decimal("0.000001")}, "the plan opens 400"),
    ],
    ids=[
        "expired",
        "early",
        "manifest",
        "environment",
        "currency",
        "venue",
        "lines",
        "no control",
        "another control",
        "notional",
    ],
)
def test_the_guard_holds_every_field_against_the_plan_itself(change: dict[str, Any], why: str) -> None:
    judgement = guarded(**change)
    assert (judgement.decision, judgement.code, judgement.override) == (Decision.REFUSED, "REGIME_PARITY", "")
    assert why in judgement.message
    assert judgement.approvals == ()


@pytest.mark.parametrize(
    ("control", "f", "lim"),
    [
        ("HALT", {"halted": True}, {}),
        ("PROVENANCE", {"grade": None}, {}),
        ("MANIFEST_APPROVAL", {"approved_by": ""}, {}),
        ("MAX_LEVERAGE", {}, {"max_leverage": Decimal("0.5")}),
        ("MAX_ASSET_EXPOSURE", {}, {"max_asset_exposure": Decimal("0.3")}),
        ("MANIFEST_BOUNDS", {}, {"turnover_max": Decimal("0.1")}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_denies_is_not_overridden_and_the_token_is_not_used(control: str, f: Any, lim: Any) -> None:
    judgement = guarded(f, lim)
    assert (judgement.decision, judgement.code, judgement.override) == (Decision.REFUSED, control, "")
    assert judgement.approvals == ()


@pytest.mark.parametrize("symbol", ["NYSE:BUY", "NYSE:SELL"])
def test_a_line_off_the_allow_list_is_denied_all_the_same(symbol: str) -> None:
    other = {"NYSE:BUY": "NYSE:SELL", "NYSE:SELL": "NYSE:BUY"}[symbol]
    judgement = guarded(lim={"allow": {"US": (other,)}})
    assert [one.outcome for one in judgement.verdicts if one.control == "ALLOW_LIST"] == [Outcome.DENY]
    assert symbol not in [approval.symbol for approval in judgement.approvals]


def test_a_plan_that_needs_no_override_uses_none_up() -> None:
    judgement = guarded({"regime_name": "QUIET"})
    assert (judgement.decision, judgement.override) == (Decision.PLAN, "")


def test_a_second_signature_by_a_stranger_or_by_the_same_person_is_not_added() -> None:
    two = signed("ann", approvers=("ann", "bob"))
    for name in ("cid", "ann"):
        with pytest.raises(InputError):
            sign_again(two, rules=rules(2), signer=name, key=KEYS[name])
    assert open_override(sign_again(two, rules=rules(2), signer="bob", key=KEYS["bob"]), rules=rules(2)).token.approvers == (
        "ann",
        "bob",
    )
