"""What `sluice status` says of a twin: whom it follows, from where, how many orders were compared and how the last one was."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from lakehouse.rebuild import LogFold


def twin_facts(fold: LogFold, *, now_ns: int) -> dict[str, Any] | None:
    """Return them; None of a log that no twin wrote."""
    twins = fold.twins
    if twins.start is None:
        return None
    last = twins.last
    return {
        "live_directory": twins.start.live_directory,
        "live_run_id": twins.start.live_run_id,
        "live_line": twins.start.live_line,
        "working": len(fold.open_orders),
        "compared": twins.compared,
        "price_bps": twins.price_bps,
        "uncompared": dict(sorted(twins.uncompared.items())),
        "last": None
        if last is None
        else {
            "side": last.side,
            "quantity": last.quantity,
            "symbol": last.symbol,
            "price_bps": last.price_bps,
            "last_fill_ms": last.last_fill_ms,
            "fill_ratio": last.fill_ratio,
            "s_ago": (now_ns - last.ts_ns) // 1_000_000_000,
        },
    }


def twin_lines(facts: dict[str, Any] | None, *, ago: Callable[[int | None], str]) -> list[str]:
    """Return the lines of the screen."""
    if facts is None:
        return []
    lines = [f"twin     of {facts['live_directory']} from line {facts['live_line']} on"]
    mean = "" if facts["price_bps"] is None else f", live {Decimal(facts['price_bps']):+.2f} bp on average"
    left = ", ".join(f"{code} {count}" for code, count in facts["uncompared"].items())
    left = f"   not compared: {left}" if left else ""
    lines.append(f"         {facts['compared']} orders compared{mean}   {facts['working']} working{left}")
    if (last := facts["last"]) is not None:
        price = "no price" if last["price_bps"] is None else f"{Decimal(last['price_bps']):+.2f} bp"
        time = "" if last["last_fill_ms"] is None else f" · {Decimal(last['last_fill_ms']):+.0f} ms"
        what = f"{last['side']} {last['quantity']} {last['symbol']}"
        ratio = f"fill ratio {Decimal(last['fill_ratio']):+.2f}"
        lines.append(f"         last {ago(last['s_ago'])}  {what}  {price}{time} · {ratio}")
    return lines
