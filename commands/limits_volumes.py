"""`sluice limits volumes CATALOG`: average daily volumes from a price catalog, into a dated file."""

from __future__ import annotations

import time
from argparse import Namespace
from datetime import UTC, date, datetime
from typing import Final

from commands.output import Exit, print_json
from lakehouse.catalog_view import datasets
from lakehouse.volumes_snapshot import read_volumes, write_volumes
from orders.canonical import decimal_text
from orders.errors import ConfigError, InputError
from orders.values import Listing
from venues.symbols import load_symbols

EPOCH: Final = date(1970, 1, 1)


def run(given: Namespace) -> int:
    """Write the averages of the symbols named, or of all in the catalog that the symbol map knows; say which have none."""
    from sim.catalog.volumes import catalog_volumes

    listings = _wanted(given)
    made = catalog_volumes(
        given.catalog,
        listings,
        kind=given.kind,
        last_day=(given.last - EPOCH).days,
        days=given.days,
        valid_days=given.valid,
        bar=given.bar,
    )
    if not made.volumes:
        raise InputError(
            "NO_VOLUMES",
            expected=f"volume of at least one symbol in {given.catalog}",
            found=next(iter(made.refused.values()), "none"),
            action="Nothing was written.",
        )
    synthetic = sorted({words for view in datasets(given.catalog) for words in view.synthetic})
    source = f"{given.kind} of {given.catalog}, {given.days} days to {given.last}" + "".join(f"; {w}" for w in synthetic)
    write_volumes(given.output, made.volumes, made_at_ns=time.time_ns(), source=source[:128])
    snapshot = read_volumes(given.output)  # what was written is what a run will read
    if given.json:
        facts = {"file": str(given.output), "sha256": snapshot.sha256, "source": snapshot.source}
        print_json(facts | {"volumes": snapshot.volumes, "refused": dict(made.refused)})
        return Exit.DONE
    print(f"volumes  {given.output}  {len(snapshot.volumes)} symbols; {snapshot.source}")
    for symbol, volume in snapshot.volumes.items():
        until = datetime.fromtimestamp(volume.valid_until_ns // 1_000_000_000, tz=UTC)
        units = decimal_text(volume.units_per_day)
        print(f"         {symbol:<24}  {units:>20} units a day, believed until {until:%Y-%m-%d %H:%M} UTC")
    for symbol, words in made.refused.items():
        print(f"         {symbol:<24}  none: {words}")
    return Exit.DONE


def _wanted(given: Namespace) -> list[Listing]:
    symbol_map = load_symbols(given.map)
    if given.symbols:
        unknown = [symbol for symbol in given.symbols if symbol not in symbol_map.by_symbol]
        if unknown:
            raise ConfigError(
                "NOT_LISTED",
                expected=f"symbols of {given.map}",
                found=", ".join(unknown),
                action="Add them to the symbol map, or name another with --map.",
            )
        return [symbol_map.by_symbol[symbol] for symbol in dict.fromkeys(given.symbols)]
    there = {view.dataset for view in datasets(given.catalog)}
    return [
        listing
        for listing in symbol_map.by_symbol.values()
        if any(name == listing.instrument_id or name.startswith(f"{listing.instrument_id}-") for name in there)
    ]
