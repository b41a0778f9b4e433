"""What the promotions of a log leave a live run of equity: the fraction of the current bundle's step, and a pause."""

from __future__ import annotations

from orders.capital import Capital
from orders.promotion import Promotions


def granted(promotions: Promotions, *, always: bool = False) -> Capital | None:
    """Return what a run may use; None: nothing governs it, and it is the whole. `always`: it is governed without a promotion too.

    A governed run without a current bundle has no fraction, which refuses. While paused the fraction is that of the step all the
    same: what is held is measured by it, and nothing opens.
    """
    if not promotions.lines and not always:
        return None
    current = promotions.current
    if current is None:
        return Capital(fraction=None, standing="no bundle in canary or live")
    words = f"{current.state.value}, step {current.step + 1} of {len(current.steps)}"
    return Capital(fraction=current.steps[current.step], paused=current.paused, standing=words)
