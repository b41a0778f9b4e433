"""Is the market open? Asked of every line of a plan and again of every order: a plan outlives a session's end.

The codes are the planner's own reasons: MARKET_CLOSED, and NO_HOURS where it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from orders.plan import Outcome, PlanLine, Reason, Verdict
from orders.values import MarketHours

CLOSED: Final = Reason.MARKET_CLOSED.value
UNKNOWN: Final = Reason.NO_HOURS.value
LIMIT: Final = "an open market"
STATES_MAX: Final = 256  # spans of hours whose verdict is kept ready; a day has a few by venue


@lru_cache(maxsize=STATES_MAX)
def order_hours(hours: MarketHours | None) -> tuple[Verdict, ...]:
    """Return the verdict on an order of a market with these hours; none where hours are not judged."""
    if hours is None:
        return ()
    outcome = Outcome.ALLOW if hours.state == "open" else Outcome.DENY
    control = CLOSED if hours.state in ("open", "closed") else UNKNOWN
    return (Verdict(control=control, outcome=outcome, observed=hours.detail or hours.state, limit=LIMIT),)


def line_hours(lines: Sequence[PlanLine], *, hours: Mapping[str, MarketHours] | None) -> tuple[Verdict, ...]:
    """Deny each line whose market is closed or whose hours are not known; one verdict for the rest."""
    if hours is None:
        return ()
    denied = []
    for line in lines:
        known = hours.get(line.symbol)
        if known is None:
            denied.append(
                Verdict(control=UNKNOWN, outcome=Outcome.DENY, observed=f"{line.symbol}: missing", limit=LIMIT, line=line.line)
            )
        elif known.state != "open":
            control = CLOSED if known.state == "closed" else UNKNOWN
            text = f"{line.symbol}: {known.detail or known.state}"
            denied.append(Verdict(control=control, outcome=Outcome.DENY, observed=text, limit=LIMIT, line=line.line))
    seen = f"{len(lines)} lines, all open"
    return tuple(denied) or (Verdict(control=CLOSED, outcome=Outcome.ALLOW, observed=seen, limit=LIMIT),)
