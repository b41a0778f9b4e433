"""The specification's adapter for a simulated venue."""

from __future__ import annotations

from venues.desk_adapter import DeskAdapter, OrderDesk, PositionRow

__all__ = ["OrderDesk", "PositionRow", "SimulatedAdapter"]


class SimulatedAdapter(DeskAdapter):
    """One simulated venue."""
