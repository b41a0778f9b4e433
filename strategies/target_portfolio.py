"""TargetPortfolio: the manifest's outcome as Nautilus data, so that a strategy subscribes and opens no file."""

from __future__ import annotations

from typing import Any, Final

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import CustomData, DataType
from nautilus_trader.model.identifiers import ClientId

LAKEHOUSE_CLIENT: Final = "LAKEHOUSE"


class TargetPortfolio(Data):
    """`outcome` is an AuditedManifest, ManifestHeld or ManifestRefused of `lakehouse.manifest`.

    `ts_event`: when the manifest was made (generated, else read); `ts_init`: when this process read it. Nanoseconds.
    """

    def __init__(self, *, outcome: Any, ts_event: int, ts_init: int) -> None:
        self.outcome = outcome
        self._ts_event = ts_event
        self._ts_init = ts_init

    @property
    def ts_event(self) -> int:
        return self._ts_event

    @property
    def ts_init(self) -> int:
        return self._ts_init


class Instant(Data):
    """Nothing but a time: lets a backtest run on without prices. Nanoseconds."""

    def __init__(self, ts_ns: int) -> None:
        self._ts_ns = ts_ns

    @property
    def ts_event(self) -> int:
        return self._ts_ns

    @property
    def ts_init(self) -> int:
        return self._ts_ns


def as_instant(ts_ns: int) -> Any:
    """Return an instant as Nautilus custom data."""
    return CustomData(DataType(Instant), Instant(ts_ns))


def data_type() -> Any:
    """Return the Nautilus data type to subscribe to."""
    return DataType(TargetPortfolio)


def as_custom(portfolio: TargetPortfolio) -> Any:
    """Return the portfolio as Nautilus custom data, which is how clients publish it and backtests hold it."""
    return CustomData(data_type(), portfolio)


def client_id() -> Any:
    """Return the id of the client that serves portfolios."""
    return ClientId(LAKEHOUSE_CLIENT)
