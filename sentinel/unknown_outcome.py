"""While nobody knows what became of an order that was sent, no other one of its symbol may go: it might be the second one.

The unknown order keeps what it holds of limits and exposure, at full size, because nothing has ended it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orders.plan import Outcome, Verdict

UNKNOWN_OUTCOME: Final = "UNKNOWN_OUTCOME"
SHOWN_MAX: Final = 3


def unknown_outcome(order_ids: Iterable[str]) -> tuple[Verdict, ...]:
    """Return a denial naming the unknown orders of the symbol; none where there are none."""
    ids = sorted(order_ids)
    if not ids:
        return ()
    more = f" and {len(ids) - SHOWN_MAX} more" if len(ids) > SHOWN_MAX else ""
    seen = f"{', '.join(ids[:SHOWN_MAX])}{more} unanswered"
    return (Verdict(control=UNKNOWN_OUTCOME, outcome=Outcome.DENY, observed=seen, limit="no unanswered order of the symbol"),)
