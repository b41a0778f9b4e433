"""Usual volumes for VWAP schedules, read from a Nautilus catalog of bars once, when a run is assembled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from engine.config_values import ns_of
from engine.run_config import RunConfig
from orders.errors import InputError
from strategies.schedules.profile import VolumeProfile, profile_of

NS = 1_000_000_000


def load_profiles(config: RunConfig, instrument_ids: Mapping[str, str], *, now_ns: int) -> dict[str, dict[str, VolumeProfile]]:
    """Return schedule name -> symbol -> profile for every VWAP schedule; a symbol without usable bars has none.

    Usable are bars of traded prices that are no longer than a bucket; of several lengths the shortest, or volume counted twice.
    Only bars that ended before the replay begins are used, on live data those before `now_ns`: a backtest does not know the
    volume of the days it trades. A symbol that is traded without a profile is refused then, not here.
    """
    live = config.data.live
    before_ns = now_ns if live else ns_of(datetime.combine(config.data.start, time(), tzinfo=UTC))
    found: dict[str, dict[str, VolumeProfile]] = {}
    for name, section in config.schedules_section.items():
        if section.catalog is None or section.bucket_s is None:
            continue
        from nautilus_trader.persistence.catalog import ParquetDataCatalog  # seconds to import, and few runs need it

        catalog = ParquetDataCatalog(section.catalog)
        found[name] = {}
        for symbol, instrument_id in instrument_ids.items():
            bars = _usable(catalog.bars(instrument_ids=[instrument_id]), bucket_s=section.bucket_s)
            rows = ((bar.ts_event, bar.volume.as_decimal()) for bar in bars)
            try:
                found[name][symbol] = profile_of(symbol, rows, bucket_ns=section.bucket_s * NS, before_ns=before_ns)
            except InputError as error:
                if error.code != "NO_PROFILE":
                    raise
    return found


def _usable(bars: Iterable[Any], *, bucket_s: int) -> list[Any]:
    """Return the bars of the shortest length of traded prices; none where it is longer than a bucket."""
    from nautilus_trader.model.enums import PriceType

    by_type: dict[Any, list[Any]] = {}
    for bar in bars:
        by_type.setdefault(bar.bar_type, []).append(bar)
    lengths = {
        kind: length
        for kind in by_type
        if kind.spec.price_type == PriceType.LAST and (length := kind.spec.timedelta.total_seconds()) <= bucket_s
    }
    return by_type[min(lengths, key=lambda kind: (lengths[kind], str(kind)))] if lengths else []
