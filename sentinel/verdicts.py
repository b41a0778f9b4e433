"""Yes and no of a control, in words: what was observed and which limit it was held against."""

from __future__ import annotations

from orders.plan import Outcome, Verdict

type Verdicts = tuple[Verdict, ...]


def allow(control: str, observed: str, limit: str) -> Verdict:
    """Return a yes; `line` is the whole plan."""
    return Verdict(control=control, outcome=Outcome.ALLOW, observed=observed, limit=limit)


def deny(control: str, observed: str, limit: str, line: int = 0) -> Verdict:
    """Return a no to one line of a plan, or to all of it: 0."""
    return Verdict(control=control, outcome=Outcome.DENY, observed=observed, limit=limit, line=line)
