"""What `sluice status` says of promotions: which bundle stands where, since when, and what a rollback brings back.

How much of equity that is, and why it is paused, is the line of its capital.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commands.promote_view import place_words, standing_words
from lakehouse.rebuild import LogFold
from orders.canonical import decimal_text


def promoted_facts(fold: LogFold, *, now_ns: int) -> dict[str, Any] | None:
    """Return them; None of a log without a promotion. `current` None: no bundle may trade live."""
    promotions = fold.promotions
    if not promotions.lines:
        return None
    current = promotions.current
    return {
        "current": None
        if current is None
        else {
            "bundle_sha256": current.bundle_sha256,
            "standing": standing_words(current),
            "place": place_words(current),
            "fraction": decimal_text(current.fraction),
            "paused": current.paused,
            "since_s_ago": (now_ns - current.since_ns) // 1_000_000_000,
        },
        "previous": promotions.previous,
        "lines": promotions.lines,
    }


def promoted_lines(facts: dict[str, Any] | None, *, ago: Callable[[int | None], str]) -> list[str]:
    """Return the lines of the screen."""
    if facts is None:
        return []
    current = facts["current"]
    if current is None:
        return ["promoted no bundle may trade live   `sluice promote status` says what is missing"]
    previous = "" if facts["previous"] is None else f"   previous {facts['previous'][:16]}: `sluice rollback` brings it back"
    paused = ", paused" if current["paused"] else ""  # at any time since then
    where = f"{current['place']} since {ago(current['since_s_ago'])}{paused}"
    return [f"promoted {current['bundle_sha256'][:16]}  {where}{previous}"]
