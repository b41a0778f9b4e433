"""Average daily volumes of what a price catalog holds: of bars of traded prices, or of public trades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from nautilus_trader.persistence.catalog import ParquetDataCatalog

from lakehouse.catalog_view import DatasetView, datasets
from orders.average_volume import NS_PER_DAY, average_volume, by_day
from orders.errors import InputError
from orders.values import AverageVolume, Listing, Record

SPAN_DAYS_PER_SESSION: Final = 3  # days read back for one session: a week of five and holidays
SPAN_DAYS: Final = 14  # and at least so many, over the longest holidays
TRADED: Final = "-LAST-"  # bars of bids, asks and mids carry no traded volume

type Kind = Literal["bars", "trades"]


class Volumes(Record, frozen=True, kw_only=True):
    """Averages by platform symbol, and why the others have none: symbol -> words."""

    volumes: Mapping[str, AverageVolume]
    refused: Mapping[str, str]


def catalog_volumes(
    catalog: Path, listings: Iterable[Listing], *, kind: Kind, last_day: int, days: int, valid_days: int, bar: str | None
) -> Volumes:
    """Return the average daily volume of each listing: see `orders.average_volume`. `last_day` is a UTC day from 1970.

    `bar`: the length of the bars, such as 1-HOUR, where a symbol has several. Raises `InputError` CATALOG_MISSING.
    """
    wanted = "bars" if kind == "bars" else "trades"
    series = [view for view in datasets(catalog) if view.kind == wanted and (kind == "trades" or TRADED in view.dataset)]
    store = ParquetDataCatalog(catalog)
    found: dict[str, AverageVolume] = {}
    refused: dict[str, str] = {}
    for listing in listings:
        try:
            name = _series_of(listing, series, bar=bar)
            rows = _rows(store, name, kind=kind, last_day=last_day, days=days)
            found[listing.symbol] = average_volume(
                listing.symbol, by_day(rows), last_day=last_day, days=days, valid_days=valid_days
            )
        except InputError as error:
            refused[listing.symbol] = str(error)
    return Volumes(volumes=found, refused=refused)


def _series_of(listing: Listing, series: list[DatasetView], *, bar: str | None) -> str:
    """Return the one series of a listing's traded volume."""
    own = [view.dataset for view in series if _instrument(view) == listing.instrument_id]
    if bar is not None:
        own = [name for name in own if name.startswith(f"{listing.instrument_id}-{bar}-")]
    if len(own) != 1:
        raise InputError(
            "NO_SERIES" if not own else "SEVERAL_SERIES",
            expected=f"one series of traded volume of {listing.symbol}",
            found=", ".join(own) or "none",
            action="Import one, or name its length with --bar.",
        )
    return own[0]


def _instrument(view: DatasetView) -> str:
    if view.kind != "bars":
        return view.dataset
    return view.dataset.rsplit("-", 4)[0]  # the bar type ends in step, unit, price and source


def _rows(store: Any, name: str, *, kind: Kind, last_day: int, days: int) -> Iterator[tuple[int, Decimal]]:
    """Yield (instant, units) of the days that may count; a bar is stamped at its end."""
    span = {
        "start": (last_day + 1 - days * SPAN_DAYS_PER_SESSION - SPAN_DAYS) * NS_PER_DAY + 1,
        "end": (last_day + 1) * NS_PER_DAY,
    }
    if kind == "bars":
        for bar in store.bars(bar_types=[name], **span):
            yield bar.ts_event, bar.volume.as_decimal()
    else:
        for trade in store.trade_ticks(instrument_ids=[name], **span):
            yield trade.ts_event + 1, trade.size.as_decimal()  # a trade at midnight is of the day that begins
