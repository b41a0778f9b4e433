"""One step of a chain: what it is, where the log has it, the links that tie it in, and the steps that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.order_account import NOT_ASKED, Stage
from analysis.trace_links import Link
from orders.plan import Outcome
from orders.values import Record


class Step(Record, frozen=True, kw_only=True):
    """`kind`: run, manifest, approval, cycle, override, plan, line, order or fill; `id`: what it is called there. `log_lines`:
    the lines of the log that are it. `words`, `events`: for a person, one line each; `facts`: more of it, for
    `orders.canonical.plain`.
    """

    kind: str
    id: str
    log_lines: tuple[int, ...]
    words: str
    facts: Mapping[str, Any]
    links: tuple[Link, ...]
    below: tuple[Step, ...]
    events: tuple[str, ...] = ()


def said_words(name: str, stage: Stage) -> tuple[str, ...]:
    """Return what a stage said, for a person: its outcome, how many controls let it pass, and each that did not."""
    if not stage.log_line:
        return (f"{name:<9}{stage.message}",)
    asked = [answer for answer in stage.answers if answer.outcome != NOT_ASKED]
    passed = sum(answer.outcome == Outcome.ALLOW for answer in asked)
    said = " ".join(part for part in (stage.outcome, stage.code) if part)
    first = f"{name:<9}{said}, {passed} of {len(asked)} answers ALLOW   log line {stage.log_line}"
    others = (
        f"         {answer.outcome} {answer.control}: {answer.observed}; limit {answer.limit}"
        for answer in asked
        if answer.outcome != Outcome.ALLOW
    )
    return (first, *others)


def said_facts(stage: Stage) -> dict[str, Any]:
    """Return what a stage said as plain JSON types; of answers those that did not let it pass (`sentinel explain` has all)."""
    asked = [answer for answer in stage.answers if answer.outcome != NOT_ASKED]
    return {
        "log_line": stage.log_line or None,
        "outcome": stage.outcome,
        "code": stage.code,
        "asked": len(asked),
        "not_allowed": [
            {"control": one.control, "outcome": one.outcome, "observed": one.observed, "limit": one.limit}
            for one in asked
            if one.outcome != Outcome.ALLOW
        ],
    }
