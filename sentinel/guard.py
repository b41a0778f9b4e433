"""The guard: judges a whole plan and makes the approvals, here and nowhere else.

(1) The caps make single lines smaller, and the line controls deny single lines; the others go on. (2) The plan controls judge
the book as those others would make it: any DENY refuses the whole plan, and so does a NEEDS_OVERRIDE that no signed override of
this very plan answers (`sentinel.override`). (3) What is left is approved, line by line, with the smaller quantity where a cap
said so: nothing is planned anew.
All controls are asked. An exception inside a control is a DENY of the whole plan and a halt, never an exception out of here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from orders.capital import Capital
from orders.exact import exact_operators
from orders.ids import client_order_id
from orders.plan import Approval, Decision, Judgement, Outcome, Plan, PlanLine, Verdict, plan_sha256
from orders.schedule import AT_ONCE
from sentinel import controls, running_controls
from sentinel.armed import ARMED_NOTIONAL, ARMING_EXPIRED
from sentinel.armed_lines import armed_notional, arming_expired
from sentinel.capital import CAPITAL_FRACTION, capital_lines, limits_at
from sentinel.controls import Verdicts
from sentinel.facts import SentinelFacts as SentinelFacts
from sentinel.facts import far_touch, project, reduces
from sentinel.fill_drift import FILL_DRIFT
from sentinel.limits import SentinelLimits
from sentinel.line_caps import MAX_ORDER_VOLUME, REDUCE_ONLY, Capped, max_order_volume, reduce_only, second_legs
from sentinel.loss import LOSS_LIMIT
from sentinel.market_hours import line_hours
from sentinel.market_sanity import MARKET_SANITY, market_sanity
from sentinel.override import overridden
from sentinel.rates import MESSAGE_LIMIT
from sentinel.repeats import REPEATED_EXECUTION

CONTROL_FAILED: Final = "CONTROL_FAILED"
AT_ONCE_EVERYWHERE: Final[Mapping[str, str]] = MappingProxyType({})


class _Asked:
    """Controls asked so far: their verdicts, and whether one broke."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.broken = False

    def ask(self, control: str, question: Callable[[], Verdicts]) -> Verdicts:
        """Return a control's verdicts; an exception inside it is a DENY of the plan and remembered as a break."""
        try:
            answer = question()
        except Exception as error:  # a broken control must deny, not take the process down
            self.broken = True
            answer = (_failure(control, error),)
        self.verdicts.extend(answer)
        return answer

    def cap(self, control: str, question: Callable[[], Capped]) -> tuple[PlanLine, ...]:
        """Return the lines a cap leaves, made smaller where it says so; an exception inside it is a break, and leaves none."""
        kept: tuple[PlanLine, ...] = ()

        def answer() -> Verdicts:
            nonlocal kept
            kept, verdicts = question()
            return verdicts

        self.ask(control, answer)
        return kept

    def answer(self, question: Callable[[Sequence[Verdict]], tuple[Verdicts, str]]) -> str:
        """Let an override answer what needs one; return its token id, "" where none did. An exception is a break."""
        try:
            answered, token_id = question(self.verdicts)
        except Exception as error:  # the same rule as for a control
            self.broken = True
            self.verdicts.append(_failure(CONTROL_FAILED, error))
            return ""
        self.verdicts = list(answered)
        return token_id


def _no(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.DENY or verdict.outcome is Outcome.NEEDS_OVERRIDE


def _failure(control: str, error: Exception) -> Verdict:
    return Verdict(control=control, outcome=Outcome.DENY, observed=f"{type(error).__name__}: {error}"[:200], limit="no exception")


def judge_plan(
    plan: Plan,
    *,
    facts: SentinelFacts,
    limits: SentinelLimits,
    sha256: str | None = None,
    schedules: Mapping[str, str] = AT_ONCE_EVERYWHERE,
) -> Judgement:
    """Return the Sentinel's answer: PLAN with an approval for each line nothing denies, or REFUSED with the first refusing
    control's id and no approvals. Never HOLD, never raises.

    REFUSED also when every trading line was denied by itself. A plan without trading lines that passes is PLAN without
    approvals. `sha256` is the plan's, where the caller has computed it already (`orders.plan.plan_sha256`). `schedules`: the
    name of the schedule the approvals are for, by venue; at once where none is named.
    """
    try:
        with exact_operators():
            return _judge(plan, facts=facts, limits=limits, sha256=sha256, schedules=schedules)
    except Exception as error:  # the same rule for what surrounds the controls
        failure = _failure(CONTROL_FAILED, error)
        return Judgement(
            decision=Decision.REFUSED,
            code=CONTROL_FAILED,
            message=failure.observed,
            verdicts=(failure,),
            approvals=(),
            plan_sha256=None,
            must_halt=True,
        )


def _judge(
    plan: Plan, *, facts: SentinelFacts, limits: SentinelLimits, sha256: str | None, schedules: Mapping[str, str]
) -> Judgement:
    plan_hash = plan_sha256(plan) if sha256 is None else sha256
    trading = [line for line in plan.lines if line.trades]
    ids = {
        line.line: client_order_id(
            environment=plan.environment, manifest_sha256=plan.manifest_sha256, cycle=plan.cycle, line=line.line
        )
        for line in trading
    }
    standing = facts.standing
    capital = None if standing is None else standing.capital
    whole_limits, limits = limits, limits_at(limits, capital)
    by_line = _Asked()
    reducing = by_line.cap(REDUCE_ONLY, lambda: reduce_only(trading, standing=standing, limits=limits))
    sized = by_line.cap(MAX_ORDER_VOLUME, lambda: max_order_volume(reducing, standing=standing, limits=limits))
    quoted = frozenset() if standing is None else standing.quoted
    by_line.ask(
        "MAX_ORDER_VALUE",
        lambda: controls.max_order_value(
            sized, base_currency=plan.base_currency, limits=limits, quoted=quoted, whole=whole_limits
        ),
    )
    by_line.ask("ALLOW_LIST", lambda: controls.allow_list(sized, limits=limits))
    by_line.ask("MARKET_CLOSED", lambda: line_hours(sized, hours=facts.hours))
    by_line.ask("PRICE_AGE", lambda: controls.price_age(sized, facts=facts, limits=limits))
    by_line.ask("PRICE_COLLAR", lambda: controls.price_collar(sized, facts=facts, limits=limits))
    by_line.ask("DUPLICATE", lambda: controls.duplicate(sized, plan=plan, ids=ids, facts=facts, limits=limits))
    by_line.ask(MARKET_SANITY, lambda: market_sanity(sized, facts=facts, limits=limits))
    by_line.ask(FILL_DRIFT, lambda: running_controls.fill_drift(sized, standing=standing, limits=limits))
    by_line.ask(LOSS_LIMIT, lambda: running_controls.loss_limit(sized, standing=standing, limits=limits))
    by_line.ask(REPEATED_EXECUTION, lambda: running_controls.repeated_execution(sized, standing=standing, limits=limits))
    by_line.ask(MESSAGE_LIMIT, lambda: running_controls.message_limit(sized, standing=standing, limits=limits))
    if capital is not None:
        by_line.ask(CAPITAL_FRACTION, lambda: capital_lines(sized, capital=capital))
    denied = {verdict.line for verdict in by_line.verdicts if _no(verdict)}
    left = [line for line in sized if line.line not in denied]
    if standing is not None and (rooms := standing.armed) is not None:
        by_line.ask(ARMING_EXPIRED, lambda: arming_expired(left, rooms=rooms))
        by_line.ask(ARMED_NOTIONAL, lambda: armed_notional(left, rooms=rooms))
        denied = {verdict.line for verdict in by_line.verdicts if _no(verdict)}
        left = [line for line in left if line.line not in denied]
    by_line.verdicts.extend(second_legs(left, trading=trading))
    denied = {verdict.line for verdict in by_line.verdicts if _no(verdict)}
    left = [line for line in left if line.line not in denied]

    whole = _Asked()
    projection = project(plan, left, facts=facts)
    whole.ask("HALT", lambda: controls.halt(facts))
    if facts.reductions_only:
        whole.ask("REDUCTIONS_ONLY", lambda: controls.reductions_only(trading))
    else:
        whole.ask("PROVENANCE", lambda: controls.provenance(facts, limits=limits))
        whole.ask("MANIFEST_APPROVAL", lambda: controls.manifest_approval(facts))
        whole.ask(
            "MANIFEST_BOUNDS",
            lambda: controls.manifest_bounds(projection, facts=facts, orders=bool(trading), limits=limits, whole=whole_limits),
        )
        whole.ask("REGIME_PARITY", lambda: controls.regime_parity(projection, facts=facts, limits=limits))
        whole.ask("MAX_LEVERAGE", lambda: controls.max_leverage(projection, facts=facts, limits=limits))
        whole.ask("MAX_ASSET_EXPOSURE", lambda: controls.max_asset_exposure(projection, limits=limits))

    answered = whole.answer(lambda found: overridden(found, plan=plan, left=left, facts=facts, quoted=quoted))
    verdicts = (*whole.verdicts, *by_line.verdicts)
    broken = whole.broken or by_line.broken
    refusing = [verdict for verdict in whole.verdicts if _no(verdict)]
    if broken:
        refusing = [verdict for verdict in verdicts if verdict.limit == "no exception"]
    elif not refusing and trading and not left:
        refusing = [verdict for verdict in by_line.verdicts if _no(verdict)]
    approvals = () if refusing else _approve(left, plan=plan, ids=ids, plan_hash=plan_hash, schedules=schedules, capital=capital)
    first = refusing[0] if refusing else None
    return Judgement(
        decision=Decision.PLAN if first is None else Decision.REFUSED,
        code=CONTROL_FAILED if broken else "" if first is None else first.control,
        message=_approved_words(len(approvals), trading=len(trading), verdicts=verdicts) if first is None else _words(first),
        verdicts=verdicts,
        approvals=approvals,
        plan_sha256=plan_hash,
        must_halt=broken,
        override=answered if approvals else "",
    )


def _approved_words(approved: int, *, trading: int, verdicts: Sequence[Verdict]) -> str:
    smaller = len({verdict.line for verdict in verdicts if verdict.outcome is Outcome.RESIZE})
    return f"{approved} of {trading} orders approved" + (f", {smaller} made smaller by a cap" if smaller else "")


def _words(verdict: Verdict) -> str:
    """Return a refusal in one breath: what was found, what is allowed, what to do."""
    text = f"{verdict.control}: {verdict.observed}; limit {verdict.limit}."
    if verdict.outcome is Outcome.NEEDS_OVERRIDE:
        return f"{text} It would need a person's signed override: `sluice override request`."
    return f"{text} Nothing of the plan is sent."


def _approve(
    lines: Sequence[PlanLine],
    *,
    plan: Plan,
    ids: Mapping[int, str],
    plan_hash: str,
    schedules: Mapping[str, str],
    capital: Capital | None,
) -> tuple[Approval, ...]:
    """Make the approvals, in plan order. `reduce_only` is of margin accounts: spot inventory is no position to reduce."""
    approvals = []
    for line in lines:
        touch = far_touch(line)
        assert touch is not None
        assert line.side is not None
        assert line.venue is not None
        assert line.instrument_id is not None
        assert line.unit_value_base is not None
        approvals.append(
            Approval(
                client_order_id=ids[line.line],
                environment=plan.environment,
                manifest_sha256=plan.manifest_sha256,
                plan_sha256=plan_hash,
                cycle=plan.cycle,
                line=line.line,
                symbol=line.symbol,
                instrument_id=line.instrument_id,
                venue=line.venue,
                side=line.side,
                quantity=line.quantity,
                order_kind=line.order_kind,
                limit_price=line.limit_price,
                reduce_only=line.reduce_only,
                reference_price=touch,
                unit_value_base=line.unit_value_base,
                reduces=reduces(line),
                schedule=schedules.get(line.venue, AT_ONCE),
                capital_fraction=None if capital is None else capital.usable,
            )
        )
    return tuple(approvals)
