"""What was armed, while the run goes on: the permits the gate asks (`sentinel.armed`), and the word when one has expired."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from lakehouse.live_note import NotedArming
from live.arming import VenueFacts
from sentinel.armed import ARMING_EXPIRED, Permit

LOOK_S: Final = 1.0  # between looks at the clock, which may be set
NS_PER_S: Final = 1_000_000_000


def permit_of(facts: VenueFacts) -> Permit:
    """Return what may go out to a venue whose arming was judged: the armed amount, or the config's cap where that is less."""
    assert facts.arming is not None, "an arming that is missing was refused before"
    return Permit(
        venue=facts.venue,
        day_notional_max_base=min(facts.arming.day_notional, facts.day_notional_max),
        not_before_ns=facts.arming.not_before_ns,
        expires_ns=facts.arming.expires_ns,
    )


def noted(facts: VenueFacts) -> NotedArming:
    """Return what `sluice status` shows of it."""
    permit, arming = permit_of(facts), facts.arming
    assert arming is not None
    return NotedArming(day_notional_base=str(permit.day_notional_max_base), expires_ns=permit.expires_ns, by=arming.by)


async def tell_expiry(permit: Permit, *, by: str, alarm: Callable[[str, str], None]) -> None:
    """Raise one alarm when the arming of a venue has expired; nothing is cancelled, and cancels go on."""
    while time.time_ns() < permit.expires_ns:
        await asyncio.sleep(min(LOOK_S, max(0.0, (permit.expires_ns - time.time_ns()) / NS_PER_S)))
    until = datetime.fromtimestamp(permit.expires_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S")
    alarm(
        ARMING_EXPIRED,
        f"{permit.venue}: the arming by {by} held until {until} UTC. No order goes out any more, reducing ones neither; cancels"
        f" go, and what works there stays (`sluice halt` cancels it). `sluice arm` signs a new one, which is read at a start.",
    )
