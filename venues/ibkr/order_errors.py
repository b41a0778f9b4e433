"""What TWS' error about an order says of it. Pure; a code nobody has thought about says "look it up".

Codes: https://ibkrcampus.com/ibkr-api-page/tws-api-error-codes/. Nautilus knows 201, 203, 321, 10289, 10293 and 202 and only logs
the rest, which leaves an order SUBMITTED after 110 and PENDING_CANCEL after 10148 for ever.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Says(StrEnum):
    """What an error means for the order it names."""

    REJECTED = "REJECTED"  # it was never taken, and never will be
    LOOK = "LOOK"  # something is wrong with it: ask where it stands
    CANCEL_REFUSED = "CANCEL_REFUSED"  # the cancel did not work: ask where it stands
    ABSENT = "ABSENT"  # TWS does not know it
    NOTE = "NOTE"  # words beside an order that goes its way


REJECTED: Final = frozenset({201, 203, 321, 10289, 10293})
CANCEL_REFUSED: Final = frozenset({136, 161, 10148, 10149})
ABSENT: Final = frozenset({135, 10147})
NOTES: Final = frozenset({202, 399, 404, 434, 2109, 10167})  # 202: its status says CANCELLED in a message of its own


def says(code: int) -> Says:
    """Return what a code says of the order it names."""
    if code in REJECTED:
        return Says.REJECTED
    if code in CANCEL_REFUSED:
        return Says.CANCEL_REFUSED
    if code in ABSENT:
        return Says.ABSENT
    if code in NOTES or 2100 <= code < 2200:
        return Says.NOTE
    return Says.LOOK


LOST: Final = frozenset({1100, 1300, 2110, 502, 503, 504})
RESTORED: Final = frozenset({1101, 1102})
CLIENT_ID_TAKEN: Final = 326
