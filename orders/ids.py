"""Identity as a pure function of intent: no clock, no randomness, so a restart derives the same ids."""

from __future__ import annotations

import hashlib
from typing import Final

CLIENT_ORDER_ID_LENGTH: Final = 32  # hex digits; legal at every venue we know (Binance 36, OKX 32 alphanumeric, IB free text)


def client_order_id(*, environment: str, manifest_sha256: str, cycle: int, line: int, child: int = 0) -> str:
    """Return the first 32 hex digits of sha256 over environment, manifest, cycle, plan line and child number.

    `cycle` >= 1, `line` >= 1, `child` >= 0 (0 is the line's order; where a schedule
    slices it that one is never sent, its children are 1, 2, …). Parts are joined by a
    newline, which none of them can contain.
    """
    assert "\n" not in environment
    assert cycle >= 1
    assert line >= 1
    assert child >= 0
    text = f"{environment}\n{manifest_sha256}\n{cycle}\n{line}\n{child}"
    return hashlib.sha256(text.encode()).hexdigest()[:CLIENT_ORDER_ID_LENGTH]
