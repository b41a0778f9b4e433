"""Regime parity at the gate: what was approved of a plan, judged once more by the regime of now.

A plan is judged by the regime of the instant it was made, and its orders may leave an hour later. The question is the same, the
change of gross and net from before the whole plan to after it; only the regime is another. What reduces is always let go.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from orders.exact import exact_operators
from orders.plan import Approval, Plan, Verdict
from sentinel.capital import limits_at
from sentinel.controls import regime_parity
from sentinel.facts import SentinelFacts, project
from sentinel.limits import SentinelLimits


def regime_parity_now(made: Plan, approvals: Sequence[Approval], *, facts: SentinelFacts, limits: SentinelLimits) -> Verdict:
    """Ask REGIME_PARITY about the approved lines of a plan; `facts` are those it was judged with, with the regime of now."""
    chosen = {approval.line: approval.quantity for approval in approvals}
    lines = [structs.replace(line, quantity=chosen[line.line]) for line in made.lines if line.line in chosen]
    limits = limits_at(limits, None if facts.standing is None else facts.standing.capital)
    with exact_operators():
        return regime_parity(project(made, lines, facts=facts), facts=facts, limits=limits)[0]
