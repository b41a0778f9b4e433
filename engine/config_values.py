"""The field types of a run config: strict values from TOML, with messages a person can act on.

A refused value raises `ValueError` whose text goes into the problem list as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, PlainValidator

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
CURRENCY: Final = re.compile(r"[A-Z0-9]{2,12}")
DECIMAL_TEXT: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,18})?")
FRACTION_HINT: Final = "2 % is 0.02"


class Section(BaseModel):
    """A table of the run config: unknown keys refused, nothing converted, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def number(
    *, above: str | None = None, at_least: str | None = None, at_most: str | None = None, below: str | None = None, hint: str = ""
) -> PlainValidator:
    """Take a Decimal from TOML text or a whole number, within bounds; a TOML float is refused, it is not exact."""
    wanted = [f"above {above}"] if above is not None else [f"of {at_least} or more"] if at_least is not None else []

    def read(value: Any) -> Decimal:
        if isinstance(value, float):
            raise ValueError(f'quote it: a TOML float is not exact, write "{value!r}"')
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(" ".join(["a number", *wanted, "was expected, was", _shown(value)]))
        if not DECIMAL_TEXT.fullmatch(str(value)):
            raise ValueError(" ".join(["a number", *wanted, "was expected, was", _shown(value)]))
        result = Decimal(value)
        checks = (
            (above is None or result > Decimal(above), f"must be above {above}"),
            (at_least is None or result >= Decimal(at_least), f"must be {at_least} or more"),
            (below is None or result < Decimal(below), f"must be below {below}"),
            (at_most is None or result <= Decimal(at_most), f"must be {at_most} or less"),
        )
        for passed, words in checks:
            if not passed:
                raise ValueError(f"{words}, was {value}" + (f" ({hint})" if hint else ""))
        return result

    return PlainValidator(read)


def whole(*, at_least: int, at_most: int) -> PlainValidator:
    """Take a TOML integer within bounds."""

    def read(value: Any) -> int:
        if type(value) is not int or not at_least <= value <= at_most:
            raise ValueError(f"a whole number from {at_least} to {at_most} was expected, was {_shown(value)}")
        return value

    return PlainValidator(read)


def matching(pattern: re.Pattern[str], words: str) -> PlainValidator:
    """Take text that matches the whole pattern; `words` says what that is."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"{words} was expected, was {_shown(value)}")
        return value

    return PlainValidator(read)


def member[E: StrEnum](kind: type[E]) -> PlainValidator:
    """Take one of the texts of an enumeration."""

    def read(value: Any) -> E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"one of {', '.join(kind)} was expected, was {_shown(value)}") from None

    return PlainValidator(read)


def fraction_or_off() -> PlainValidator:
    """Take a fraction above 0, or the word "off", which stands as None: a limit is never switched off by leaving it out."""
    read_fraction: Callable[[Any], Decimal] = number(above="0", at_most="1", hint=FRACTION_HINT).func  # type: ignore[assignment]

    def read(value: Any) -> Decimal | None:
        return None if value == "off" else read_fraction(value)

    return PlainValidator(read)


def one_of(*texts: str, why: str = "") -> PlainValidator:
    """Take one of a few texts; `why` is appended to the refusal."""

    def read(value: Any) -> str:
        if value not in texts:
            raise ValueError(f"{' or '.join(texts)} was expected, was {_shown(value)}" + (f"; {why}" if why else ""))
        return str(value)

    return PlainValidator(read)


def or_none(kind: Any) -> PlainValidator:
    """Take what an annotated type takes, or the text "none", which is None: TOML has no word for it."""
    validator = next(item for item in kind.__metadata__ if isinstance(item, PlainValidator))
    read: Callable[[Any], Any] = validator.func  # type: ignore[assignment]  # ours take the value alone

    def read_or_none(value: Any) -> Any:
        return None if value == "none" else read(value)

    return PlainValidator(read_or_none)


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value or "\x00" in value:
        raise ValueError(f"a path was expected, was {_shown(value)}")
    return Path(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false was expected, was {_shown(value)}")
    return value


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        raise ValueError(f"a time zone such as UTC or America/New_York was expected, was {_shown(value)}") from None


def _instant(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"a date and time with zone, such as 2022-03-31T00:00:00Z, was expected, was {_shown(value)}")
    return value


def ns_of(instant: datetime) -> int:
    """Return nanoseconds UTC of an aware datetime, exact to its microsecond."""
    assert instant.tzinfo is not None
    delta = instant - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000


def milliseconds_ns(value_ms: Decimal) -> int:
    """Return whole nanoseconds of a duration in milliseconds; at most six decimals came in, so nothing is rounded."""
    nanoseconds = value_ms * 1_000_000
    assert nanoseconds == nanoseconds.to_integral_value()
    return int(nanoseconds)


def _delay(value: Any) -> Decimal:
    result: Decimal = _DELAY_NUMBER(value)
    if result * 1_000_000 % 1:
        raise ValueError(f"milliseconds with six decimals at most were expected, was {value}")
    return result


_DELAY_NUMBER: Final[Callable[[Any], Decimal]] = number(at_least="0", at_most="3600000").func  # type: ignore[assignment]

Name = Annotated[str, matching(NAME, "a name of letters, digits, dot, dash or underscore (64 at most)")]
Currency = Annotated[str, matching(CURRENCY, "a currency code such as USD")]
FilePath = Annotated[Path, PlainValidator(_path)]
Flag = Annotated[bool, PlainValidator(_flag)]
Zone = Annotated[str, PlainValidator(_zone)]
Instant = Annotated[datetime, PlainValidator(_instant)]
DelayMs = Annotated[Decimal, PlainValidator(_delay)]
Positive = Annotated[Decimal, number(above="0")]
NotNegative = Annotated[Decimal, number(at_least="0")]
FractionBelowOne = Annotated[Decimal, number(at_least="0", below="1", hint=FRACTION_HINT)]
FractionAboveZero = Annotated[Decimal, number(above="0", at_most="1", hint=FRACTION_HINT)]
FractionOrOff = Annotated[Decimal | None, fraction_or_off()]
Bps = Annotated[Decimal, number(at_least="0", below="10000", hint="basis points; 1 % is 100")]
AgeMs = Annotated[int, whole(at_least=1, at_most=31_536_000_000)]
SchemaVersion = Annotated[Literal[1], whole(at_least=1, at_most=1)]
