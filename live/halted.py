"""What a live run does while it is halted: it answers, and cancels what works until every venue confirms that none is left.

Control 12: block first (the permission, seen by both doors), then cancel all. The state decides and not an event, so a start that
finds the halt in force does the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from lakehouse.layout import Layout
from lakehouse.live_note import answer_halt
from lakehouse.permission import Permission
from live.venue_link import LiveAccount

LOOK_S: Final = 0.2
ANSWER_EVERY_S: Final = 1.0  # so that `sluice halt` is answered by a run that was halted long ago too
SWEEP_S: Final = 30.0  # after which it is said that the venue has not confirmed; it goes on being asked


async def answer_halts(layout: Layout, *, run_id: str, permission: Permission) -> None:
    """Answer while halted, until cancelled. Runs longer than the node: a run that ends is not to be killed before it has."""
    answered_s = float("-inf")
    while True:
        await asyncio.sleep(LOOK_S)
        if permission.may_send() or time.monotonic() < answered_s + ANSWER_EVERY_S:
            continue
        answered_s = time.monotonic()
        await asyncio.to_thread(answer_halt, layout, run_id=run_id, now_ns=time.time_ns())


class HaltedRun:
    """One per live run. `accounts`: by venue, filled as they are made; `alarm(code, message)` tells an operator."""

    def __init__(
        self,
        *,
        permission: Permission,
        accounts: Mapping[str, LiveAccount],
        alarm: Callable[[str, str], None],
    ) -> None:
        self._permission = permission
        self._accounts = accounts
        self._alarm = alarm

    def works(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what runs beside the node until its end."""
        return tuple(self._cancel(venue, account) for venue, account in self._accounts.items())

    async def _cancel(self, venue: str, account: LiveAccount) -> None:
        done = False
        while True:
            await asyncio.sleep(LOOK_S)
            if self._permission.may_send():
                done = False
                continue
            if done:
                continue
            swept = await account.cancel_all(SWEEP_S)
            done = swept.confirmed
            self._alarm("HALT_CONFIRMED" if done else "HALT_UNCONFIRMED", f"{venue}: {swept.told}")
