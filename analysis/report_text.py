"""How a report writes numbers for people: money, basis points, spans of time, days."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

NS_PER_S: Final = 1_000_000_000
UNKNOWN: Final = "–"
MINUS: Final = "−"


def money(amount: Decimal | None, currency: str = "") -> str:
    """Return 1,234,567 as `1.23 M`, 12,345 as `12,345`, 12.3 as `12.30`, with the currency behind."""
    if amount is None:
        return UNKNOWN
    size = abs(amount)
    if size >= 10_000_000_000:
        text = f"{amount / 1_000_000_000:,.1f} bn"
    elif size >= 1_000_000:
        text = f"{amount / 1_000_000:,.2f} M"
    elif size >= 1_000:
        text = f"{amount:,.0f}"
    else:
        text = f"{amount:,.2f}"
    return _minus(f"{text} {currency}".rstrip())


def bps(value: Decimal | None, *, signed: bool = False, unit: str = " bp") -> str:
    """Return basis points with two decimals below 10 and one above."""
    if value is None:
        return UNKNOWN
    places = 2 if abs(value) < 10 else 1
    text = f"{value:+,.{places}f}" if signed else f"{value:,.{places}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return _minus(text + unit)


def span(ns: int | None) -> str:
    """Return a span in the unit that suits it: `850 ns`, `12.3 µs`, `64 ms`, `1.85 s`, `12 min`, `5.2 h`, `3.1 d`."""
    if ns is None:
        return UNKNOWN
    size = abs(ns)
    if size == 0:
        return "0"
    for limit, unit, name in (
        (1_000, 1, "ns"), (1_000_000, 1_000, "µs"), (NS_PER_S, 1_000_000, "ms"), (120 * NS_PER_S, NS_PER_S, "s"),
        (7_200 * NS_PER_S, 60 * NS_PER_S, "min"), (172_800 * NS_PER_S, 3_600 * NS_PER_S, "h"),
    ):  # fmt: skip
        if size < limit:
            return _minus(f"{_three(ns / unit)} {name}")
    return _minus(f"{_three(ns / (86_400 * NS_PER_S))} d")


def _three(value: float) -> str:
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:,.0f}"


def day(ns: int) -> str:
    """Return a UTC day as `31 Mar 2022`."""
    when = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return f"{when.day} {when:%b %Y}"


def instant(ns: int) -> str:
    """Return a UTC instant as `2022-03-31 20:00:01`."""
    return f"{datetime.fromtimestamp(ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 order`, `2 orders`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(fraction: Decimal | None, *, places: int = 1) -> str:
    """Return a fraction as a percentage."""
    return UNKNOWN if fraction is None else _minus(f"{fraction * 100:.{places}f} %")


def words_of(name: str) -> str:
    """Return a column's or a code's name for people: `opportunity_held_back` as `held back`."""
    return name.removeprefix("opportunity_").replace("_", " ")


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
