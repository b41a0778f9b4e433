"""A comparison in one line for a person."""

from __future__ import annotations

from decimal import Decimal

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


def percent(ratio: str) -> str:
    """Return a fraction as a whole percentage."""
    return f"{Decimal(ratio) * 100:.0f} %"
