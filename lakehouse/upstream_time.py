"""Time stamps as the platform writes them: mostly naive local time of the research host, `T` or a space in the middle.

`datetime.now().isoformat()` and `str(pandas.Timestamp.now())` write no zone; which one is meant is config, not a guess.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orders.errors import ConfigError, InputError

_STAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_YEARS: Final = range(1970, 2262)  # nanoseconds since 1970 in 64 bits end in 2262
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name. Raises `ConfigError` ZONE_UNKNOWN."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        action = "Write the zone of the research host, such as UTC or Europe/Berlin."
        raise ConfigError("ZONE_UNKNOWN", expected="an IANA time zone", found=repr(name), action=action) from error


def stamp_ns(text: str, *, zone: ZoneInfo) -> int:
    """Return a stamp as integer nanoseconds UTC since 1970; one without an offset is local time in `zone`.

    A local time that occurs twice (clocks set back) means its first occurrence, so a file is never taken for younger than
    it is. Raises `InputError`: STAMP_MALFORMED for any other form or an impossible date, STAMP_IMPOSSIBLE for a local time
    that the zone skips (then the configured zone is not the writer's).
    """
    match = _STAMP.fullmatch(text)
    if match is None or int(text[:4]) not in _YEARS:
        raise _malformed(text)
    day, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{offset or ''}")
    except ValueError as error:
        raise _malformed(text) from error
    if offset is None:
        local = moment.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
            action = "Mend the zone of upstream time stamps in the config."
            raise InputError("STAMP_IMPOSSIBLE", expected=f"a local time that exists in {zone.key}", found=text, action=action)
        moment = local
    seconds = (moment.astimezone(UTC) - _EPOCH) // timedelta(seconds=1)
    return seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


def _malformed(text: str) -> InputError:
    expected = "YYYY-MM-DDTHH:MM:SS, with fraction and offset if known, 1970 to 2261"
    return InputError(
        "STAMP_MALFORMED", expected=expected, found=repr(text[:60]), action="Have the writer of the file looked at."
    )
