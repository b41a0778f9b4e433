"""A request of an override, field by field: at its bounds it is read, one beyond it is refused by what that field should be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from orders.canonical import canonical_bytes
from orders.errors import InputError
from orders.plan import Outcome, Plan, Reason, Verdict
from sentinel.override import opened_base, overridden, plan_orders, require_covers, require_usable
from sentinel.override_token import (
    LINES_MAX,
    REASON_LENGTH_MAX,
    REQUEST_SIZE_MAX,
    TOKEN_FIELDS,
    open_override,
    open_signed,
    parse_token,
    sign_token,
    token_bytes,
)
from sentinel.override_values import NAMES_MAX, SPAN_MAX_NS, OverrideLine, OverrideToken, SignedOverride
from tests.overrides.forged import KEYS, PLAN, PUBLIC, body, envelope, rules, signed, token
from tests.planner.world import NOW
from tests.sentinel.cases import changed, facts

D = Decimal
NAMES = [f"n{number:02}" for number in range(NAMES_MAX + 1)]
LINES = [{"line": number, "side": "BUY", "symbol": "A"} for number in range(1, LINES_MAX + 2)]
SYMBOL = {"line": 1, "side": "SELL", "symbol": "A"}


def parsed(**change: Any) -> OverrideToken:
    return parse_token(canonical_bytes(body(**change)))


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as error:
        parse_token(data)
    assert error.value.code == "OVERRIDE_MALFORMED"
    return error.value


GOOD: list[tuple[str, Any]] = [
    ("token_id", "0123456789abcdef" * 2),
    ("environment", "e"), ("environment", "!" + "~" * 63),
    ("manifest_sha256", "0123456789abcdef" * 4),
    ("lines", LINES[:LINES_MAX]), ("lines", [SYMBOL | {"symbol": "s" * 128}]), ("lines", [LINES[4], LINES[7]]),
    ("notional_max", "0.000000000001"), ("notional_max", "9" * 15), ("notional_max", "0.5"), ("notional_max", "1.5"),
    ("base_currency", "US"), ("base_currency", "USDT1USDT123"),
    ("venues", ["a"]), ("venues", NAMES[:NAMES_MAX]), ("venues", ["v" * 64]),
    ("reason", "x"), ("reason", "x" * REASON_LENGTH_MAX),
    ("requester", "r" * 64),
    ("approvers", NAMES[:NAMES_MAX]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), GOOD, ids=[f"{name} {str(value)[:20]}" for name, value in GOOD])
def test_a_field_at_its_bound_is_read(name: str, value: Any) -> None:
    token = parsed(**{name: value})
    assert canonical_bytes(body(**{name: value})) == token_bytes(token)


BAD: list[tuple[str, Any, str]] = [
    ("token_id", "a" * 31, "token_id"), ("token_id", "a" * 33, "token_id"), ("token_id", "A" * 32, "token_id"),
    ("environment", "", "the name of an environment"), ("environment", "e" * 65, "the name"), ("environment", "a b", "the name"),
    ("manifest_sha256", "a" * 63, "manifest_sha256"), ("manifest_sha256", "a" * 65, "manifest_sha256"),
    ("lines", [], "lines, ascending"), ("lines", LINES, "lines, ascending"), ("lines", [LINES[1], LINES[0]], "lines, ascending"),
    ("lines", [LINES[0], LINES[0]], "lines, ascending"), ("lines", [SYMBOL | {"line": 0}], "lines, ascending"),
    ("lines", [SYMBOL | {"side": "HOLD"}], "lines with side"), ("lines", [SYMBOL | {"symbol": ""}], "lines with side"),
    ("lines", [SYMBOL | {"symbol": "s" * 129}], "lines with side"), ("lines", [SYMBOL | {"symbol": "a b"}], "lines with side"),
    ("lines", [LINES[0], LINES[1] | {"side": "buy"}], "lines with side"),
    ("controls", [], "controls, ascending"), ("controls", ["REGIME_PARITY"] * 2, "controls, ascending"),
    ("controls", ["MAX_LEVERAGE"], "controls of REGIME_PARITY"), ("controls", ["HALT", "REGIME_PARITY"], "controls of"),
    ("notional_max", "0", "notional_max"), ("notional_max", "-1", "notional_max"), ("notional_max", "1.0", "notional_max"),
    ("notional_max", "1" * 16, "notional_max"), ("notional_max", "0.0000000000001", "notional_max"),
    ("notional_max", "1e3", "notional_max"), ("notional_max", "NaN", "notional_max"), ("notional_max", "", "notional_max"),
    ("base_currency", "U", "base_currency"), ("base_currency", "U" * 13, "base_currency"),
    ("base_currency", "usd", "base_currency"),
    ("venues", [], "venues, ascending"), ("venues", NAMES, "venues, ascending"), ("venues", ["b", "a"], "venues, ascending"),
    ("venues", ["a", "a"], "venues, ascending"), ("venues", ["v" * 65], "venues, ascending"), ("venues", ["a", "b c"], "venues"),
    ("not_before_ns", "01", "not_before_ns"), ("not_before_ns", "-1", "not_before_ns"), ("not_before_ns", "", "not_before_ns"),
    ("not_before_ns", "1" * 20, "not_before_ns"), ("expires_ns", "1" * 20, "expires_ns as"),
    ("expires_ns", "+5", "expires_ns as"),
    ("reason", "", "reason"), ("reason", "  ", "reason"), ("reason", "a\nb", "reason"), ("reason", "x" * 501, "reason"),
    ("requester", "", "requester"), ("requester", "r" * 65, "requester"), ("requester", "a b", "requester"),
    ("approvers", [], "approvers, ascending"), ("approvers", ["bob", "ann"], "approvers, ascending"),
    ("approvers", NAMES, "approvers"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "expected"), BAD, ids=[f"{name} {str(value)[:30]}" for name, value, _ in BAD])
def test_a_field_beyond_its_bound_is_refused_by_what_it_should_be(name: str, value: Any, expected: str) -> None:
    error = refused(canonical_bytes(body(**{name: value})))
    assert error.expected.startswith(expected)
    assert error.found == ("''" if expected == "lines with side" else repr(found_in(name, value))[:100])


def found_in(name: str, value: Any) -> Any:
    return [one["line"] for one in value] if name == "lines" else value


def test_the_bounds_are_the_documented_ones() -> None:
    assert (LINES_MAX, REASON_LENGTH_MAX, REQUEST_SIZE_MAX, NAMES_MAX) == (500, 500, 50_000, 16)
    assert SPAN_MAX_NS == 4 * 3_600 * 10**9
    assert frozenset(OverrideToken.__struct_fields__) == TOKEN_FIELDS


@pytest.mark.parametrize(("span_ns", "good"), [(1, True), (SPAN_MAX_NS, True), (0, False), (-1, False), (SPAN_MAX_NS + 1, False)])
def test_a_span_is_longer_than_nothing_and_at_most_four_hours(span_ns: int, good: bool) -> None:
    change = {"not_before_ns": str(NOW), "expires_ns": str(NOW + span_ns)}
    if good:
        assert parsed(**change).expires_ns == NOW + span_ns
    else:
        assert refused(canonical_bytes(body(**change))).found == str(NOW + span_ns)


def test_a_request_is_read_up_to_its_size_and_not_a_byte_beyond() -> None:
    assert refused(b" " * REQUEST_SIZE_MAX).expected.startswith("canonical JSON")
    error = refused(b" " * (REQUEST_SIZE_MAX + 1))
    assert (error.expected, error.found) == ("at most 50000 bytes", "50001")


def test_a_request_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(InputError):
        token_bytes(token(reason=""))


def told(data: bytes, code: str, **rule: Any) -> InputError:
    with pytest.raises(InputError) as error:
        open_override(data, rules=rules(**rule))
    assert error.value.code == code
    return error.value


def test_who_may_not_sign_is_said() -> None:
    stranger = signed("ann", "mallory", approvers=("ann", "bob"))
    assert told(stranger, "OVERRIDE_SIGNER").found == "ann, mallory"
    assert told(signed("engine", approvers=("engine",)), "OVERRIDE_SIGNER").found == "the engine's own"
    both = signed("ann", "twin", approvers=("ann", "twin"))
    assert told(both, "OVERRIDE_SIGNER", signatures=2).found == "one key under two names"
    assert told(signed("ann", "bob", approvers=("ann",)), "OVERRIDE_SIGNER").found == "one by bob"
    error = told(signed("ann", approvers=("ann", "bob", "cid")), "OVERRIDE_UNSIGNED")
    assert error.found == "signed by ann; bob, cid did not"
    assert told(signed(), "OVERRIDE_UNSIGNED", signatures=2).found == "signed by ann"
    many = told(signed("ann", approvers=("ann", *NAMES[:9])), "OVERRIDE_UNSIGNED")
    assert many.found == f"signed by ann; {', '.join(NAMES[:9])} did not"
    with pytest.raises(InputError, match="one by cid"):
        sign_token(token(approvers=("ann", "bob")), signer="cid", key=KEYS["cid"])


def test_the_names_of_signers_are_shown_cut() -> None:
    names = tuple(f"{number:02}" + "s" * 40 for number in range(6))
    keys = KEYS | dict.fromkeys(names, KEYS["mallory"])
    data = envelope(token_bytes(token()), "ann", *names, keys=keys)
    assert told(data, "OVERRIDE_SIGNER").found == ", ".join(("ann", *names))[:200]


def test_an_override_in_another_spelling_is_refused_though_its_signature_is_good() -> None:
    assert told(signed() + b"\n", "OVERRIDE_MALFORMED").expected == "an envelope as `sluice override sign` writes it"


def test_one_of_two_signatures_opens_but_does_not_count() -> None:
    data = signed("ann", approvers=("ann", "bob"))
    assert open_signed(data, rules=rules(2))[1] == ("ann",)


def test_a_revoked_person_s_key_opens_nothing() -> None:
    data = signed("bob", approvers=("bob",))
    assert open_override(data, rules=rules(revoked=frozenset({PUBLIC["rex"]}))).token.approvers == ("bob",)
    with pytest.raises(InputError, match="KEY_REVOKED"):
        open_override(data, rules=rules(revoked=frozenset({PUBLIC["bob"]})))


# where it holds


@pytest.mark.parametrize(
    ("now_ns", "code"),
    [(NOW - 1, "OVERRIDE_EARLY"), (NOW, ""), (NOW + 9, ""), (NOW + 10, "OVERRIDE_EXPIRED")],
)  # fmt: skip
def test_an_override_holds_from_its_first_instant_until_before_its_last(now_ns: int, code: str) -> None:
    given = token(not_before_ns=NOW, expires_ns=NOW + 10)
    try:
        require_usable(given, environment=PLAN.environment, now_ns=now_ns, used=())
        found = ""
    except InputError as error:
        found = error.code
    assert found == code


@pytest.mark.parametrize(
    ("environment", "used", "code"), [("else", (), "OVERRIDE_FOREIGN"), (PLAN.environment, ("a" * 32,), "OVERRIDE_USED")]
)
def test_an_override_of_elsewhere_or_used_is_refused(environment: str, used: tuple[str, ...], code: str) -> None:
    with pytest.raises(InputError) as error:
        require_usable(token(), environment=environment, now_ns=NOW, used=used)
    assert error.value.code == code


def idle(plan: Plan) -> Plan:
    """The same, with a line that trades nothing, at a venue where nothing is traded."""
    still = changed(plan.lines[0], line=7, side=None, quantity=D("0"), symbol="X:Y", venue="EU", reason=Reason.WITHIN_BAND)
    return changed(plan, lines=(*reversed(plan.lines), still))


def test_the_orders_of_a_plan_are_those_that_trade_in_the_order_of_their_lines() -> None:
    orders = plan_orders(idle(PLAN))
    assert [(one.line, one.symbol) for one in orders] == [(1, "NYSE:SELL"), (2, "NYSE:BUY")]
    require_covers(token(), plan=idle(PLAN))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"manifest_sha256": "f" * 64}, f"one of manifest {'f' * 64}"),
        ({"base_currency": "EUR"}, "amounts in EUR"),
        ({"lines": plan_orders(PLAN)[:1]}, "other orders than the plan's, lines 2"),
        ({"lines": tuple(replace(one, symbol="X") for one in plan_orders(PLAN))}, "other orders than the plan's, lines 1, 2"),
        ({"venues": ("EU", "US")}, "one for EU, US; the plan trades at US"),
    ],
)
def test_an_override_of_another_plan_says_what_differs(change: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError) as error:
        require_covers(replace(token(), **change), plan=PLAN)
    assert (error.value.code, error.value.found) == ("OVERRIDE_FOREIGN", found)


def test_other_lines_are_shown_cut() -> None:
    many = tuple(replace(plan_orders(PLAN)[0], line=number) for number in range(1, 100))
    with pytest.raises(InputError) as error:
        require_covers(token(lines=many), plan=PLAN)
    assert len(error.value.found) == len("other orders than the plan's, lines ") + 120


@pytest.mark.parametrize(
    ("change", "opens"),
    [
        ({}, "400"), ({"quantity": D("3")}, "30"), ({"unit_value_base": D("2")}, "800"), ({"ask": None}, None),
        ({"unit_value_base": None}, None), ({"unit_value_base": D("0")}, None), ({"unit_value_base": D("NaN")}, None),
        ({"unit_value_base": D("-1")}, None), ({"quantity": D("NaN")}, None), ({"quantity": D("Infinity")}, None),
        ({"held_quantity": D("-40")}, "0"), ({"held_quantity": D("-39")}, "400"),
    ],
)  # fmt: skip
def test_what_a_plan_opens_is_what_its_lines_add_and_what_goes_through_zero_whole(
    change: dict[str, Any], opens: str | None
) -> None:
    selling, buying = PLAN.lines
    found = opened_base([selling, changed(buying, **change)], quoted=frozenset())
    assert found == (None if opens is None else D(opens))


def test_what_a_plan_opens_adds_up_over_its_lines() -> None:
    _, buying = PLAN.lines
    both = [buying, changed(buying, line=3, symbol="X:Z", ask=D("11"))]
    assert opened_base(both, quoted=frozenset()) == D("840")
    assert opened_base(both, quoted=frozenset({"X:Z"})) == D("440")


def test_persons_may_stand_in_any_order_in_the_config() -> None:
    reverse = {name: PUBLIC[name] for name in ("cid", "bob", "ann")}
    data = signed("ann", "bob", approvers=("ann", "bob"))
    assert open_override(data, rules=rules(2, persons=reverse)).token.approvers == ("ann", "bob")


def test_a_line_that_stopped_is_no_order_though_it_has_a_side_and_one_without_a_venue_is_no_fault() -> None:
    selling, buying = PLAN.lines
    stopped = changed(buying, line=3, symbol="X:Y", venue="EU", reason=Reason.WITHIN_BAND)
    plan = changed(PLAN, lines=(selling, changed(buying, venue=None), stopped))
    assert [one.line for one in plan_orders(plan)] == [1, 2]
    require_covers(token(), plan=plan)


def test_venues_are_those_of_the_orders_by_name() -> None:
    _, buying = PLAN.lines
    names = ("AA", "CC", "EE", "BB", "DD", "FF", "GG")
    lines = tuple(changed(buying, line=number, venue=name) for number, name in enumerate(names, start=1))
    plan = changed(PLAN, lines=lines)
    require_covers(token(lines=plan_orders(plan), venues=tuple(sorted(names))), plan=plan)


def test_lines_that_differ_are_named_in_order_on_both_sides() -> None:
    selling, buying = PLAN.lines
    plan = changed(PLAN, lines=(selling, changed(buying, line=9), changed(buying, line=33)))
    given = token(lines=(*plan_orders(plan)[:1], OverrideLine(line=16, side=selling.side, symbol="X")))
    with pytest.raises(InputError) as error:
        require_covers(given, plan=plan)
    assert error.value.found == "other orders than the plan's, lines 9, 16, 33"


NEEDS = Verdict(control="REGIME_PARITY", outcome=Outcome.NEEDS_OVERRIDE, observed="grows", limit="none")
OTHER = changed(NEEDS, control="OTHER")
FINE = changed(NEEDS, control="HALT", outcome=Outcome.ALLOW)


def answered(*verdicts: Verdict, given: OverrideToken | None = None) -> tuple[list[Outcome], str]:
    known = facts(override=None if given is None else SignedOverride(token=given, envelope_sha256="0" * 64))
    found, by = overridden(verdicts, plan=PLAN, left=PLAN.lines, facts=known, quoted=frozenset())
    assert [one.control for one in found] == [one.control for one in verdicts]
    return [one.outcome for one in found], by


def test_only_what_needs_an_override_is_answered_by_one_and_its_id_is_told_only_then() -> None:
    allow, needs = Outcome.ALLOW, Outcome.NEEDS_OVERRIDE
    assert answered(FINE, NEEDS, given=token()) == ([allow, allow], "a" * 32)
    assert answered(FINE, NEEDS) == ([allow, needs], "")
    assert answered(FINE, given=token()) == ([allow], "")
    assert answered(NEEDS, given=token(expires_ns=NOW)) == ([needs], "")
    assert answered(NEEDS, OTHER, given=token()) == ([allow, needs], "a" * 32)
    assert answered(OTHER, given=token(controls=("OTHER",))) == ([needs], "")  # nobody may override it
