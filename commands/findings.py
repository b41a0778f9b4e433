"""What `sluice doctor` says of one thing it looked at."""

from __future__ import annotations

from typing import Final

from orders.values import Record

WELL: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "FAIL"


class Finding(Record, frozen=True, kw_only=True):
    """One check: `state` ok, warn or FAIL; `found` in words; `action`: what to do, "" when well."""

    name: str
    state: str
    found: str
    action: str = ""
