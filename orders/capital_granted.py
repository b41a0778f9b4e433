"""What the promotions of a log leave a live run of equity: the fraction of the current bundle's step, and a pause."""

from __future__ import annotations

from orders.capital import Capital
from orders.promotion import Promotions, Standing


def granted(promotions: Promotions, *, always: bool = False) -> Capital | None:
    """Return what a run may use; None: nothing governs it, and it is the whole. `always`: it is governed without a promotion too.

    A governed run without a current bundle has no fraction, which refuses.
    """
    if not promotions.lines and not always:
        return None
    if promotions.current is None:
        return Capital(fraction=None, standing="no bundle in canary or live")
    return capital_of(promotions.current)


def capital_of(standing: Standing) -> Capital:
    """Return what a bundle in canary or live may use. While paused the fraction is that of its step all the same: what is held is
    measured by it, and nothing opens.
    """
    words = f"{standing.state.value}, step {standing.step + 1} of {len(standing.steps)}"
    return Capital(fraction=standing.steps[standing.step], paused=standing.paused, standing=words)
