"""Where an override holds: what stands against a token by itself, and which verdicts of a plan it answers."""

from __future__ import annotations

from collections.abc import Container, Sequence, Set
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from orders.canonical import decimal_text
from orders.errors import InputError
from orders.plan import Outcome, Plan, PlanLine, Verdict
from sentinel.controls import Verdicts
from sentinel.facts import SentinelFacts, order_price, order_value_base, reduces
from sentinel.override_values import OVERRIDABLE, OverrideLine, OverrideToken

ZERO: Final = Decimal(0)


def require_usable(token: OverrideToken, *, environment: str, now_ns: int, used: Container[str]) -> None:
    """Raise `InputError` unless a token may be used now in this environment, whatever for: OVERRIDE_FOREIGN, OVERRIDE_USED,
    OVERRIDE_EARLY, OVERRIDE_EXPIRED. `used`: the ids the log knows; `now_ns` by the engine's clock.
    """
    start, end = token.not_before_ns, token.expires_ns
    if token.environment != environment:
        raise _refused("FOREIGN", f"an override for {environment}", f"one for {token.environment}", "Ask for one here.")
    if token.token_id in used:
        raise _refused("USED", "an override that was not used", f"{token.token_id}, used before", "Ask for a new one.")
    if now_ns < start:
        raise _refused(
            "EARLY", f"an instant from {start} on", str(now_ns), "It may lie there until then: the run takes it when it holds."
        )
    if now_ns >= end:
        raise _refused("EXPIRED", f"an instant before {end}", str(now_ns), "Ask for a new one.")


def require_covers(token: OverrideToken, *, plan: Plan) -> None:
    """Raise `InputError` OVERRIDE_FOREIGN unless a token is of this plan's manifest, orders, venues and base currency."""
    fault = _mismatch(token, plan=plan)
    if fault:
        raise _refused("FOREIGN", "an override of the plan that was refused last", fault, "Ask for one of that plan.")


def plan_orders(plan: Plan) -> tuple[OverrideLine, ...]:
    """Return the orders of a plan as a token names them."""
    lines = [line for line in plan.lines if line.trades and line.side is not None]
    return tuple(
        OverrideLine(line=line.line, side=line.side, symbol=line.symbol)
        for line in sorted(lines, key=lambda line: line.line)
        if line.side is not None
    )


def opened_base(lines: Sequence[PlanLine], *, quoted: Set[str]) -> Decimal | None:
    """Return what these lines open or add, in base currency at the prices they are judged at; None where one is not known.

    A line that goes through zero counts whole. `quoted`: symbols whose quantities are amounts of quote currency.
    """
    total = ZERO
    for line in lines:
        if reduces(line):
            continue
        price, unit = order_price(line), line.unit_value_base
        if price is None or unit is None or not (unit.is_finite() and unit > 0 and line.quantity.is_finite()):
            return None
        total += order_value_base(line.quantity, price=price, unit_value_base=unit, quoted=line.symbol in quoted)
    return total


def overridden(
    verdicts: Sequence[Verdict], *, plan: Plan, left: Sequence[PlanLine], facts: SentinelFacts, quoted: Set[str]
) -> tuple[Verdicts, str]:
    """Return the plan's verdicts with each NEEDS_OVERRIDE that the override of `facts` answers turned into ALLOW, and its token
    id; as they are, and "", where it answers none. What denies stays denied. `left`: the lines that would be approved.

    Every field is held against the plan anew: what came before is trusted for nothing but the signatures, and that the token was
    not used.
    """
    needs = [verdict for verdict in verdicts if verdict.outcome is Outcome.NEEDS_OVERRIDE]
    if facts.override is None or not needs:
        return tuple(verdicts), ""
    token = facts.override.token
    fault = _fault(token, plan=plan, left=left, now_ns=facts.now_ns, quoted=quoted)
    answered, hit = [], False
    for verdict in verdicts:
        if verdict.outcome is not Outcome.NEEDS_OVERRIDE:
            answered.append(verdict)
        elif fault or verdict.control not in token.controls or verdict.control not in OVERRIDABLE:
            why = fault or f"it does not name {verdict.control}"
            answered.append(replace(verdict, observed=f"{verdict.observed}; override {token.token_id} does not hold: {why}"))
        else:
            hit = True
            by = f"override {token.token_id} by {', '.join(token.approvers)}"
            answered.append(replace(verdict, outcome=Outcome.ALLOW, observed=f"{verdict.observed}; {by}"))
    return tuple(answered), token.token_id if hit else ""


def _fault(token: OverrideToken, *, plan: Plan, left: Sequence[PlanLine], now_ns: int, quoted: Set[str]) -> str:
    """Return what stands against a token for this plan at this instant; "" for nothing."""
    if token.environment != plan.environment:
        return f"for {token.environment}"
    if not token.not_before_ns <= now_ns < token.expires_ns:
        return f"holds from {token.not_before_ns} to {token.expires_ns}, now {now_ns}"
    if fault := _mismatch(token, plan=plan):
        return fault
    opened = opened_base(left, quoted=quoted)
    if opened is None:
        return "what the plan opens cannot be valued"
    if opened > token.notional_max:
        most = f"{decimal_text(token.notional_max)} {token.base_currency}"
        return f"the plan opens {decimal_text(opened)} {plan.base_currency}, it allows {most}"
    return ""


def _mismatch(token: OverrideToken, *, plan: Plan) -> str:
    orders = plan_orders(plan)
    venues = tuple(sorted({line.venue for line in plan.lines if line.trades and line.venue is not None}))
    if token.manifest_sha256 != plan.manifest_sha256:
        return f"one of manifest {token.manifest_sha256}"
    if token.base_currency != plan.base_currency:
        return f"amounts in {token.base_currency}"
    if token.lines != orders:
        other = sorted({one.line for one in set(token.lines) ^ set(orders)})
        return f"other orders than the plan's, lines {', '.join(map(str, other))[:120]}"
    if token.venues != venues:
        return f"one for {', '.join(token.venues)}; the plan trades at {', '.join(venues)}"
    return ""


def _refused(what: str, expected: str, found: str, action: str) -> InputError:
    return InputError(f"OVERRIDE_{what}", expected=expected, found=found, action=f"Nothing was overridden. {action}")
