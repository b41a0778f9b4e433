"""What would be traded if another bundle took over what is held: the plan of its config at its part of capital, line by line.

It is the planner's plan and the guard's answer on the book and the prices the last run left, as `sluice plan` makes them. What
is traded in the end is planned anew by the run, at its own prices, and passes the same guard and gate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from commands.plan_preview import Snapshots, manifest_of, preview_of, read_snapshots, stretched
from commands.plan_sums import guard, sums
from engine.run_config import RunConfig
from lakehouse.manifest import AuditedManifest
from orders.canonical import decimal_text
from orders.capital import Capital
from orders.errors import ConfigError
from orders.exact import EXACT
from orders.plan import Held, Judgement, Plan, PlanLine, plan_document
from orders.values import Record
from sentinel.guard import judge_plan

NS: Final = 1_000_000_000
TWO: Final = Decimal(2)
ZERO: Final = Decimal(0)


class Transition(Record, frozen=True, kw_only=True):
    """The plan, and the guard's answer to it. `plan` None: there is none, and `problem` says why, in words."""

    capital: Capital
    plan: Plan | None
    judgement: Judgement | None
    problem: str
    prices_age_s: int | None


def transition_of(config: RunConfig, capital: Capital, *, snapshots: Snapshots | None = None) -> Transition:
    """Return what a config would trade of what is held, at a part of capital. `snapshots` None: those of the config.

    A book that cannot be valued, a manifest that is not traded, and snapshots that are not there make a `problem`, no error.
    """
    try:
        seen = read_snapshots(config) if snapshots is None else snapshots
    except ConfigError as error:
        return _none(capital, str(error))
    age_s = max(0, time.time_ns() - seen.newest_ns) // NS
    manifest = manifest_of(config, None, now_ns=seen.newest_ns)
    if not isinstance(manifest, AuditedManifest):
        return _none(capital, f"{manifest.code}: {manifest.message}")
    preview = preview_of(config, manifest, seen, now_ns=seen.newest_ns, capital=capital)
    made = preview.made
    if isinstance(made, Held) or preview.facts is None:
        assert isinstance(made, Held)
        return _none(capital, f"{made.code}: {made.message}")
    limits = stretched(config.sentinel_limits(), speed=config.data.market_speed)
    judgement = judge_plan(made, facts=preview.facts, limits=limits)
    return Transition(capital=capital, plan=made, judgement=judgement, problem="", prices_age_s=age_s)


def transition_lines(transition: Transition, *, drift_check_s: int) -> list[str]:
    """Return it for a person: a table with the forecast cost of each line, the sums, and who trades it when."""
    plan = transition.plan
    if plan is None or transition.judgement is None:
        return [f"no plan  what would be traded is not known: {transition.problem}", *_when(drift_check_s)]
    from commands.plan_view import table

    costs = {line.symbol: f"{cost:,.2f}" for line in plan.lines if (cost := cost_of(line)) is not None}
    total = cost_total(plan)
    return [
        f"plan     what is held, brought to its targets at {transition.capital.words}; prices {transition.prices_age_s} s old",
        *table(plan.lines, more=[(f"forecast cost {plan.base_currency}", costs)]),
        *sums(plan),
        f"forecast cost of all {total:,.2f} {plan.base_currency}",
        *guard(transition.judgement),
        *_when(drift_check_s),
    ]


def _when(drift_check_s: int) -> list[str]:
    if drift_check_s:
        return ["when     the next `sluice live` plans it anew at its first prices, through the same guard and gate"]
    return ["when     at the next manifest: this config looks at no drift (policy.drift_check_s 0)"]


def transition_document(transition: Transition) -> dict[str, Any]:
    """Return it for a script."""
    plan, judgement = transition.plan, transition.judgement
    return {
        "capital_fraction": None if transition.capital.fault else decimal_text(transition.capital.usable),
        "plan": None if plan is None else plan_document(plan),
        "decision": None if judgement is None else judgement.decision,
        "forecast_cost_base": None if plan is None else decimal_text(cost_total(plan)),
        "forecast_cost_by_line": {} if plan is None else _costs(plan),
        "problem": transition.problem,
    }


def _costs(plan: Plan) -> Mapping[str, str]:
    return {str(line.line): decimal_text(cost) for line in plan.lines if (cost := cost_of(line)) is not None}


def cost_of(line: PlanLine) -> Decimal | None:
    """Return what an order is expected to cost against mid, base currency: its fee, and the way from mid to its forecast price.

    None: nothing is sent. It is the line's part of `Plan.forecast_cost_bps`.
    """
    if not line.trades or line.forecast_price is None or line.bid is None or line.ask is None or line.unit_value_base is None:
        return None
    mid = EXACT.divide(EXACT.add(line.bid, line.ask), TWO)
    way = abs(EXACT.subtract(line.forecast_price, mid))
    return EXACT.add(line.fee_base, EXACT.multiply(EXACT.multiply(way, line.quantity), line.unit_value_base))


def cost_total(plan: Plan) -> Decimal:
    """Return the sum over the lines, base currency."""
    total = ZERO
    for line in plan.lines:
        total = EXACT.add(total, cost_of(line) or ZERO)
    return total


def _none(capital: Capital, problem: str) -> Transition:
    return Transition(capital=capital, plan=None, judgement=None, problem=problem, prices_age_s=None)
