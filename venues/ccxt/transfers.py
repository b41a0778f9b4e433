"""Deposits and withdrawals of an account through ccxt, as far back as they can matter and the venue tells them."""

from __future__ import annotations

from typing import Final

from venues.answers import ToldTransfers, VenueTransfer
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.ticks import NS_PER_MS

LOOK_BACK_MS: Final = 7 * 86_400_000  # what was begun before an instant and done after it


async def transfers_of(api: PrivateApi, *, since_ns: int, now_ms: int) -> ToldTransfers:
    """Return what may have been done since `since_ns`; `now_ms`: the venue's time. A list that did not come spoils the answer.

    Begun more than a week before that, or longer ago than one request of the venue reaches: not asked for.
    """
    texts = api.profile.transfers
    if texts is None:
        return ToldTransfers(items=(), problem=f"{api.profile.venue} cannot tell deposits and withdrawals")
    since_ms = max(since_ns // NS_PER_MS - LOOK_BACK_MS, now_ms - texts.span_ms + LOOK_BACK_MS)
    items, malformed = list[VenueTransfer](), 0
    for kind in ("deposit", "withdrawal"):
        told = await api.transfers(kind, since_ms=since_ms)
        if isinstance(told, NoAnswer):
            return ToldTransfers(items=(), problem=f"its deposits and withdrawals were not told: {told.why}")
        items += told.items
        malformed += told.malformed
    problem = f"{malformed} deposits or withdrawals were not understood" if malformed else ""
    return ToldTransfers(items=tuple(items), problem=problem)
