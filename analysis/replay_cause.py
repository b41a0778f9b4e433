"""Why a replay differs from its run: the causes, what of the inputs is another one, and the recorded market as evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Protocol

from lakehouse.records import RunStart


class Cause(StrEnum):
    """What a difference comes from. UNEXPLAINED: none of the others is proven, which no budget allows."""

    DATA = "data"
    CLOCK = "clock"
    ROUNDING = "rounding"
    VERDICT = "verdict"
    LATENCY = "latency"
    PRICE = "price"
    PARTIAL_FILL = "partial fill"
    FEE = "fee"
    MANUAL = "manual action"
    UNEXPLAINED = "unexplained"


OF_ASSUMPTION: Final = {
    "latency_ns": Cause.LATENCY,
    "jitter_ns": Cause.LATENCY,
    "cancel_latency_ns": Cause.LATENCY,
    "seed": Cause.LATENCY,
    "fees": Cause.FEE,
    "financing": Cause.FEE,
    "slippage_bps": Cause.PRICE,
    "bar_half_spread_bps": Cause.PRICE,
    "impact": Cause.PRICE,
    "fill_rule": Cause.PRICE,
    "fill_at": Cause.PRICE,
    "own_consumption": Cause.PARTIAL_FILL,
}
OF_HASH: Final = {
    "market_limits_sha256": Cause.ROUNDING,
    "limits_sha256": Cause.VERDICT,
    "hours_sha256": Cause.DATA,
    "volumes_sha256": Cause.DATA,
    "config_sha256": Cause.DATA,
}


class Market(Protocol):
    """The quotes a replay was given."""

    altered: bool  # a batch is not what was recorded
    until_ns: int  # real time of the last quote, 0 for none

    def shown(self, symbol: str, bid: str, ask: str, *, from_ns: int, to_ns: int) -> bool:
        """Whether this bid and ask were the newest of the symbol at some instant of real time from `from_ns` to `to_ns`."""
        ...


def changed_inputs(one: RunStart, other: RunStart) -> dict[str, Cause]:
    """Return what of two runs' inputs is not the same, by the name of its field, and the cause that it is, nearest first."""
    found: dict[str, Cause] = {}
    for name, cause in OF_ASSUMPTION.items():
        if _assumed(one, name) != _assumed(other, name):
            found[name] = cause
    for name, cause in OF_HASH.items():
        if getattr(one, name) != getattr(other, name):
            found[name] = cause
    return found


def _assumed(run: RunStart, name: str) -> Any:
    """What a run assumed under this name, for all venues and for each that differs."""
    own = run.assumptions.get("by_venue") or {}
    return run.assumptions.get(name), {venue: said[name] for venue, said in own.items() if said.get(name) is not None}
