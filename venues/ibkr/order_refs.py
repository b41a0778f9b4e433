"""What an order carries at IB: `<client order id>:<IB order id>`, the one key that survives both programs' restarts. Pure."""

from __future__ import annotations

import re
from typing import Final

REF: Final = re.compile(r"([0-9a-f]{32})(?::([0-9]{1,10}))?")


def client_order_id_of(order_ref: object) -> str | None:
    """Return our client order id out of an orderRef; None for anything that is not exactly of our form."""
    found = REF.fullmatch(order_ref) if isinstance(order_ref, str) else None
    return found[1] if found else None
