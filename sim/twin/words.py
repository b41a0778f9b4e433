"""What a twin says to a person: a comparison in one line, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from lakehouse.layout import Layout
from lakehouse.records import TwinLine


def twin_words(line: TwinLine) -> str:
    """Return order, both prices, and how far they lie apart; or why they were not compared."""
    head = f"twin  {line.side} {line.quantity} {line.symbol}"
    if not line.compared:
        return f"{head}  not compared  {line.code}  {line.message}"
    prices = f"live {line.live_average_price or 'none'} · twin {line.twin_average_price or 'none'}"
    parts = []
    if line.price_bps is not None:
        parts.append(f"{Decimal(line.price_bps):+.2f} bp")
    if line.last_fill_ms is not None:
        parts.append(f"{Decimal(line.last_fill_ms):+.0f} ms")
    filled = f"filled {percent(line.live_fill_ratio)} and {percent(line.twin_fill_ratio)}"
    return " · ".join((f"{head}  {prices}", *parts, filled))


def farewell_words(told: Mapping[str, int], *, layout: Layout, lines: int) -> str:
    """Return what a twin tells at its end: how many orders it has told of, by code ("": compared), and what to look at."""
    left = ", ".join(f"{code} {count}" for code, count in sorted(told.items()) if code)
    python, where = ".venv/bin/sluice", f"--lakehouse {layout.directory}"
    return (
        f"\n{told.get('', 0)} orders compared" + (f", not compared: {left}" if left else "") + "\n"
        f"what is left   {layout.log}   {lines} lines\n"
        f"next           {python} report {where}    price, time and fill ratio, order by order\n"
        f"               {python} verify {layout.directory}    prove the record"
    )


def percent(ratio: str) -> str:
    """Return a fraction as a whole percentage."""
    return f"{Decimal(ratio) * 100:.0f} %"
