"""What a run config says of a price catalog: keys of `[data]` that kind catalog needs, and what of them does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lakehouse.price_kinds import bar_length
from orders.errors import ConfigError

if TYPE_CHECKING:
    from engine.config_sections import DataSection

CATALOG: Final = "catalog"
CATALOG_KEYS: Final = ("prices", "bar", "liquidity")
UNLIMITED: Final = "unlimited"
DAILY_BARS: Final = "1-DAY-LAST-EXTERNAL"

type Found = Iterator[tuple[tuple[str, ...], str]]


def catalog_problems(data: DataSection) -> Found:
    """Return what is wrong with the keys of kind catalog; with any other kind, those that may not stand there."""
    if data.kind != CATALOG:
        for name in CATALOG_KEYS:
            if getattr(data, name) is not None:
                yield ("data", name), f"belongs to kind catalog, kind was {data.kind}; remove it"
        return
    for name in ("prices", "liquidity"):
        if getattr(data, name) is None:
            yield ("data", name), "is missing; kind catalog needs it"
    if data.prices == "bars" and data.bar is None:
        yield ("data", "bar"), "is missing; prices = bars needs the length of the bars"
    if data.prices == "quotes" and data.bar is not None:
        yield ("data", "bar"), "belongs to prices = bars, prices was quotes; remove it"
    if data.bar is not None:
        try:
            bar_length(data.bar)
        except ConfigError as error:
            yield ("data", "bar"), f"{error.expected} was expected, was {error.found}"
    if data.path.exists() and not (data.path / "data").is_dir():
        yield ("data", "path"), f"a catalog was expected at {data.path}, found no directory data in it"


def bar_spec_of(data: DataSection) -> str | None:
    """Return how Nautilus names the bars a backtest trades on, such as 1-HOUR-LAST-EXTERNAL; None: on quotes."""
    if data.kind == "bars":
        return DAILY_BARS
    if data.kind == CATALOG and data.bar is not None:
        return f"{bar_length(data.bar).name}-LAST-EXTERNAL"
    return None
