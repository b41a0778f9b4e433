"""Cancel every working order of ours at one venue until the venue itself says that none works.

For a halt: by whatever process is alive, from the account's key alone, without the engine's memory. Ours are the orders with a
client id of our form; a stranger's are left and counted. Only an answer of the venue counts as evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from venues.answers import VenueOrder
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.trading_profiles import TradingProfile
from venues.swept import Swept

LOOK_FIRST_S: Final = 0.25  # doubled up to `LOOK_LAST_S` while the venue does not answer or orders still work
LOOK_LAST_S: Final = 4.0
SETTLE_EXTRA_S: Final = 1.0  # beyond the venue's receive window


async def sweep(
    api: PrivateApi, *, settle_s: float, give_up_s: float, cancel: Callable[[VenueOrder], Awaitable[str]] | None = None
) -> Swept:
    """Cancel what works and look again, until it is confirmed or `give_up_s` have passed.

    `settle_s`: how long a request that was on its way may still become an order: longer than the venue's receive window.
    `cancel(order)` asks for a cancel and returns "" or why it could not; None: by the venue's id.
    """
    clock = asyncio.get_running_loop().time
    end, wait_s, none_since = clock() + give_up_s, LOOK_FIRST_S, float("inf")
    asked, strangers, words = dict[str, None](), 0, ""
    while True:
        listed = await api.open_orders(None, first=True)
        if isinstance(listed, NoAnswer):
            words = listed.why
        else:
            ours = [order for order in listed.items if order.client_order_id is not None]
            strangers = len(listed.items) - len(ours)
            words = f"{listed.malformed} working orders are not understood" if listed.malformed else ""
            for order in ours:
                asked[str(order.client_order_id)] = None
                if cancel is None:
                    words = await api.cancel_by_venue_id(order.venue_order_id, order.symbol) or words
                else:
                    words = await cancel(order) or words
            if ours or listed.malformed:
                none_since = float("inf")
                words = words or f"{len(ours)} worked at the last look"
            else:
                none_since = min(none_since, clock())
            if clock() - none_since >= settle_s:
                return Swept(asked=tuple(asked), strangers=strangers, confirmed=True, words="")
        if clock() >= end:
            return Swept(asked=tuple(asked), strangers=strangers, confirmed=False, words=words or "the venue was not asked twice")
        await asyncio.sleep(wait_s)
        wait_s = LOOK_FIRST_S if none_since < float("inf") else min(2 * wait_s, LOOK_LAST_S)


def settle_s_of(profile: TradingProfile) -> float:
    """Return how long after a request was sent it can still become an order at a venue, with something to spare."""
    return profile.recv_window_ms / 1_000 + SETTLE_EXTRA_S
