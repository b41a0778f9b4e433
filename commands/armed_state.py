"""What `sluice status` says of the arming of a live run: how much of it went out today, and until when it holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lakehouse.counted import DAY_NS
from lakehouse.layout import Layout
from lakehouse.live_note import read_live_note
from lakehouse.rebuild import LogFold
from orders.canonical import decimal_text
from orders.errors import InputError

NS_PER_S: Final = 1_000_000_000


def armed_facts(layout: Layout, fold: LogFold, *, now_ns: int) -> dict[str, dict[str, Any]]:
    """Return by venue what is armed of the last run; nothing where that was no live run, or its note cannot be read.

    `sent_base`: base currency that passed the gate and was sent on this UTC day, None where that is not known.
    """
    try:
        note = read_live_note(layout)
    except InputError:
        return {}
    if note is None or fold.run is None or fold.run.run_id != note.run_id:
        return {}
    return {
        venue.venue: {
            "day_notional_base": venue.armed.day_notional_base,
            "base_currency": fold.base_currency,
            "sent_base": _sent_today(fold, venue.venue, now_ns),
            "until": datetime.fromtimestamp(venue.armed.expires_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "by": venue.armed.by,
            "expired": now_ns >= venue.armed.expires_ns,
        }
        for venue in note.venues
        if venue.armed is not None
    }


def armed_lines(facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line a venue."""
    lines = []
    for venue, armed in facts.items():
        sent = "an amount that is not known" if armed["sent_base"] is None else armed["sent_base"]
        amount = f"{sent} of {armed['day_notional_base']} {armed['base_currency']} sent today"
        until = f"until {armed['until']} UTC, by {armed['by']}"
        lines.append(f"armed    {venue}  {amount}   {until}" + ("   EXPIRED: no order goes out" if armed["expired"] else ""))
    return lines


def _sent_today(fold: LogFold, venue: str, now_ns: int) -> str | None:
    day, sent = fold.counted.sent.get(venue, (-1, None))
    if day < now_ns // DAY_NS:
        return "0"
    return None if sent is None else decimal_text(sent)
