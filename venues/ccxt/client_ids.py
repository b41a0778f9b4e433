"""Our client order ids as a venue takes them, and back. Ours: 32 lower-case hex digits (`orders.ids`)."""

from __future__ import annotations

import re
from typing import Final

from orders.values import Record

OURS: Final = re.compile(r"[0-9a-f]{32}")


class ClientIdRule(Record, frozen=True, kw_only=True):
    """What a venue accepts: `pattern` of a whole id, and the `prefix` that makes ours one."""

    pattern: str
    prefix: str = ""


def to_venue(client_order_id: str, rule: ClientIdRule) -> str:
    """Return the id as the venue takes it. An id that is not ours or not legal there is a mistake of ours."""
    assert OURS.fullmatch(client_order_id), client_order_id
    sent = rule.prefix + client_order_id
    assert re.fullmatch(rule.pattern, sent), sent
    return sent


def from_venue(text: object, rule: ClientIdRule) -> str | None:
    """Return our id in a venue's; None where it is not one of ours."""
    if not isinstance(text, str) or not text.startswith(rule.prefix):
        return None
    bare = text[len(rule.prefix) :]
    return bare if OURS.fullmatch(bare) else None
