"""`sluice data import`: price files into a catalog, each one wholly or not at all, with an import manifest."""

from __future__ import annotations

import platform
import time as clock
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.instruments import instrument_of
from lakehouse.import_manifest import Gap, ImportManifest, Source, import_id_of
from lakehouse.price_files import PriceFile
from lakehouse.price_kinds import BarLength, Kind, Row
from lakehouse.price_policy import BadRows, RowPolicy, Spikes, Tally
from lakehouse.price_spikes import SPIKE_RULE
from lakehouse.snapshots import read_market_limits
from orders.errors import ConfigError, InputError
from orders.values import Listing, MarketLimits, Record
from sim.catalog.append import Appender
from sim.catalog.objects import Dataset, dataset_of
from sim.catalog.source_rows import SourceRows
from sim.catalog.store import CatalogStore
from venues.symbols import load_symbols

QUIET_NS: Final = 3_600_000_000_000  # an hour without a quote or a trade is a gap
ONE: Final = Decimal(1)

type Say = Callable[[str, int, int, int], None]  # file, done, of how much, rows


class ImportOrder(Record, frozen=True, kw_only=True):
    """What is to be imported and how its files read; nothing of it is guessed. `bar`, `stamp_open`: of bars, else None.

    `only`: of a file with a column of symbols, whose rows; `synthetic`: what of the prices is made, in words; None: nothing.
    """

    symbol: str
    kind: Kind
    tick_size: Decimal
    step_size: Decimal
    listing: Listing
    columns: Mapping[str, str]
    header: bool = True
    delimiter: str = ","
    zone: str | None = None
    session_close: time | None = None
    bar: BarLength | None = None
    stamp_open: bool | None = None
    price_type: str = "LAST"
    bad_rows: BadRows = BadRows.REFUSE
    spikes: Spikes = Spikes.KEEP
    synthetic: str | None = None
    only: str | None = None

    def policy(self) -> RowPolicy:
        """Return how rows are judged."""
        return RowPolicy(
            kind=self.kind,
            tick_size=self.tick_size,
            step_size=self.step_size,
            interval_ns=0 if self.bar is None else self.bar.ns,
            stamp_open=bool(self.stamp_open),
            bad_rows=self.bad_rows,
            spikes=self.spikes,
            quiet_ns=QUIET_NS,
        )

    def dataset(self) -> Dataset:
        """Return where the rows belong."""
        return dataset_of(
            self.kind,
            self.listing.instrument_id,
            tick_size=self.tick_size,
            step_size=self.step_size,
            bar=self.bar,
            price_type=self.price_type,
        )

    def settings(self) -> dict[str, str]:
        """Return what the import depends on beside the files, for the manifest and the import's id."""
        facts = {
            "tick_size": self.tick_size,
            "step_size": self.step_size,
            "columns": ",".join(f"{name}={column}" for name, column in sorted(self.columns.items())),
            "header": self.header,
            "delimiter": self.delimiter,
            "zone": self.zone,
            "session_close": self.session_close,
            "bar": None if self.bar is None else self.bar.text,
            "stamp": None if self.stamp_open is None else "open" if self.stamp_open else "close",
            "bad_rows": self.bad_rows.value,
            "spikes": self.spikes.value,
            "synthetic": self.synthetic,
            "only": self.only,
        }
        return {name: str(value) for name, value in facts.items() if value is not None}


class Imported(Record, frozen=True, kw_only=True):
    """An import and whether it was made now (else it was there already)."""

    manifest: ImportManifest
    new: bool


def increments_of(symbol: str, *, limits: Path | None, tick: Decimal | None, step: Decimal | None) -> tuple[Decimal, Decimal]:
    """Return tick and step of a symbol: those given, else the market limits file's. Raises `ConfigError` TICK_UNKNOWN."""
    if limits is not None and (tick is None or step is None):
        entry = read_market_limits(limits).limits.get(symbol)
        if entry is not None:
            tick, step = tick or entry.tick_size, step or entry.step_size
    if tick is None or step is None:
        raise ConfigError(
            "TICK_UNKNOWN",
            expected=f"tick and step of {symbol}, which are never guessed from prices",
            found=f"no usable entry in {limits}" if limits is not None else "neither --limits nor both of --tick and --step",
            action="Give a market limits file with --limits, or both numbers.",
        )
    return tick, step


def listing_of(symbol: str, *, symbol_map: Path) -> Listing:
    """Return a symbol's listing. Raises `InputError` NOT_LISTED."""
    return load_symbols(symbol_map).listing(symbol)


def import_file(store: CatalogStore, path: Path, order: ImportOrder, *, say: Say) -> Imported:
    """Import one file. A second time nothing is read but its bytes. Raises `InputError` and leaves the catalog as it was."""
    source = PriceFile(path)

    def rows() -> tuple[Iterator[Row], Callable[[], Tally]]:
        made = SourceRows(source, order, say=say)
        return made.rows(), lambda: made.tally

    return write_rows(store, order, sources=(source_of(source),), rows=rows, files=(source,))


def write_rows(
    store: CatalogStore,
    order: ImportOrder,
    *,
    sources: tuple[Source, ...],
    rows: Callable[[], tuple[Iterator[Row], Callable[[], Tally]]],
    files: tuple[PriceFile, ...] = (),
    of: ImportOrder | None = None,
    covers: tuple[int, int] | None = None,
    may_be_empty: bool = False,
) -> Imported:
    """Write the rows of one import with its manifest. `rows` is called only when the import is not there already.

    `of`: the order the settings are taken from where they differ; `covers`: the range a venue was asked for.
    """
    dataset = order.dataset()
    settings = {**(of or order).settings(), **({"synthetic": order.synthetic} if order.synthetic else {})}
    if covers is not None:
        settings |= {"from_ns": str(covers[0]), "to_ns": str(covers[1])}
    import_id = import_id_of(dataset=dataset.name, sources=sources, settings={**settings, "kind": order.kind.value})
    known = store.manifest(import_id)
    if known is not None:
        return Imported(manifest=known, new=False)
    stage = store.stage(import_id)
    try:
        appender = Appender(store, stage, dataset)
        stream, tally_of = rows()
        for row in stream:
            appender.add(row)
        appender.close()
        for file in files:
            file.unchanged()
        tally = tally_of()
        if not tally.kept and not may_be_empty:
            raise InputError(
                "NOTHING_TO_IMPORT",
                expected=f"at least one usable row in {', '.join(source.path for source in sources)}",
                found=f"{tally.read} rows, {dict(tally.dropped)} dropped" if tally.read else "no rows",
                action="Look at the file and the options; nothing was written.",
            )
        rows_written = sum(written.rows for written in stage.written)
        if stage.written:
            _stage_instrument(store, stage, order)
        manifest = _manifest(order, dataset, import_id, sources, settings, tally, covers)
        manifest = msgspec.structs.replace(
            manifest, rows_written=rows_written, rows_present=appender.present, written=tuple(stage.written)
        )
        store.commit(import_id, manifest)
    except BaseException:
        stage.discard()
        raise
    return Imported(manifest=manifest, new=True)


def _stage_instrument(store: CatalogStore, stage: Any, order: ImportOrder) -> None:
    """Put the instrument beside its prices where Nautilus has one for it and it is not there."""
    limits = MarketLimits(
        symbol=order.symbol,
        venue=order.listing.venue,
        step_size=order.step_size,
        tick_size=order.tick_size,
        min_quantity=Decimal(0),
        min_notional=Decimal(0),
        max_quantity=None,
        multiplier=ONE,
    )
    try:
        instrument = instrument_of(order.listing, limits)
    except InputError as error:
        if error.code == "ASSET_CLASS_UNSUPPORTED":
            return  # prices can be kept all the same; such a symbol is refused where it would be traded
        raise
    from nautilus_trader.persistence.funcs import class_to_filename, urisafe_identifier

    directory = f"data/{class_to_filename(type(instrument))}/{urisafe_identifier(order.listing.instrument_id)}"
    if not any((store.directory / directory).glob("*.parquet")):
        stage.put([instrument], data_cls=type(instrument), directory=directory)


def _manifest(
    order: ImportOrder,
    dataset: Dataset,
    import_id: str,
    sources: tuple[Source, ...],
    settings: Mapping[str, str],
    tally: Tally,
    covers: tuple[int, int] | None,
) -> ImportManifest:
    return ImportManifest(
        import_id=import_id,
        made_ns=clock.time_ns(),
        kind=order.kind.value,
        symbol=order.symbol,
        instrument_id=order.listing.instrument_id,
        dataset=dataset.name,
        sources=sources,
        settings=settings,
        covers=covers,
        rows_read=tally.read,
        rows_written=0,
        rows_present=0,
        duplicates=tally.duplicates,
        dropped=dict(tally.dropped),
        dropped_lines={reason: tuple(lines) for reason, lines in tally.dropped_lines.items()},
        from_floats=tally.from_floats,
        first_ns=tally.first_ns,
        last_ns=tally.last_ns,
        gaps=tally.gaps,
        missing_bars=tally.missing_bars,
        gap_list=tuple(Gap(from_ns=start, to_ns=end, missing_bars=bars) for start, end, bars in tally.gap_list),
        spikes=tally.spikes,
        spike_lines=tuple(tally.spike_lines),
        spike_rule=SPIKE_RULE,
        synthetic=order.synthetic,
        written=(),
        tools={
            "sluice": version("sluice"),
            "nautilus_trader": version("nautilus_trader"),
            "pyarrow": version("pyarrow"),
            "python": platform.python_version(),
        },
    )


def source_of(file: PriceFile) -> Source:
    """Return what a manifest says of a file."""
    return Source(path=str(file.path), sha256=file.sha256, bytes=file.size)
