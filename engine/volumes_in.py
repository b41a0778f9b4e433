"""Average daily volumes of a run's venues, from the dated snapshots its config names."""

from __future__ import annotations

from engine.run_config import RunConfig
from lakehouse.volumes_snapshot import read_volumes
from orders.values import AverageVolume


def load_volumes(config: RunConfig) -> dict[str, AverageVolume]:
    """Return volumes by platform symbol; a symbol no file names has none. Raises `InputError` VOLUMES_INVALID."""
    volumes: dict[str, AverageVolume] = {}
    for venue in config.venues.values():
        if venue.volumes is not None:
            volumes.update(read_volumes(venue.volumes).volumes)
    return volumes
