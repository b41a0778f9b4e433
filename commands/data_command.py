"""`sluice data import | show | check`: prices into a catalog, what a catalog holds, and whether it is as it was written."""

from __future__ import annotations

import argparse
import sys
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commands.output import Exit, print_json
from lakehouse.price_kinds import Kind, bar_length, chosen_columns
from orders.errors import ConfigError

if TYPE_CHECKING:
    from sim.catalog.importer import Imported, ImportOrder


def run_import(given: argparse.Namespace) -> int:
    """Import every file in turn; each is in the catalog wholly or not at all. Return the exit code."""
    from sim.catalog.importer import import_file
    from sim.catalog.pairs import import_pair
    from sim.catalog.store import CatalogStore

    pair = given.bid is not None or given.ask is not None
    if pair == bool(given.files) or (pair and (given.bid is None or given.ask is None or given.kind != "bars")):
        raise _usage("FILE..., or --bid FILE and --ask FILE of bars", "both or neither")
    if given.quote_size is not None and not pair:
        raise _usage("--quote-size with --bid and --ask", "it alone")
    if pair and given.price_type != "LAST":
        raise _usage("no --price-type with --bid and --ask, which say it", given.price_type)
    order = _order(given)
    say = silent if given.json else progress
    done: list[Imported] = []
    with CatalogStore(given.catalog) as store:
        if not given.json:
            for text in store.recovered:
                print(f"recovered  {text}")
        if pair:
            done += import_pair(store, bid=given.bid, ask=given.ask, order=order, quote_size=given.quote_size, say=say)
        for path in given.files:
            imported = import_file(store, path, order, say=say)
            done.append(imported)
            if not given.json:
                clear_line()
                tell(imported)
    if given.json:
        print_json([facts_of(each) for each in done])
    elif pair:
        clear_line()
        for each in done:
            tell(each)
    return Exit.DONE


def _order(given: argparse.Namespace) -> ImportOrder:
    from lakehouse.price_policy import BadRows, Spikes
    from sim.catalog.importer import ImportOrder, increments_of, listing_of

    kind = Kind(given.kind)
    bars = kind is Kind.BARS
    if bars and given.bar is None:
        raise _usage("--bar LENGTH with --kind bars", "none")
    if not bars and (given.bar or given.stamp or given.session_close):
        raise _usage("--bar, --stamp and --session-close with --kind bars alone", f"--kind {kind}")
    if given.session_close is not None and (given.bar != "1d" or given.stamp == "open"):
        raise _usage("--session-close with --bar 1d, as the end of its bars", f"--bar {given.bar} --stamp {given.stamp}")
    tick, step = increments_of(given.symbol, limits=given.limits, tick=given.tick, step=given.step)
    return ImportOrder(
        symbol=given.symbol,
        kind=kind,
        tick_size=tick,
        step_size=step,
        listing=listing_of(given.symbol, symbol_map=given.symbol_map),
        columns=chosen_columns(given.columns, kind),
        header=not given.no_header,
        delimiter=_delimiter(given.delimiter),
        zone=_zone(given.zone),
        session_close=_clock(given.session_close),
        bar=bar_length(given.bar) if bars else None,
        stamp_open=False if given.session_close else None if given.stamp is None else given.stamp == "open",
        price_type=given.price_type,
        bad_rows=BadRows(given.bad_rows),
        spikes=Spikes(given.spikes),
        synthetic=given.synthetic,
        only=given.only,
    )


def run_show(catalog: Path, *, as_json: bool) -> int:
    """Print what a catalog holds."""
    from lakehouse.catalog_view import datasets, table

    views = datasets(catalog)
    if as_json:
        print_json({"catalog": str(catalog), "series": views})
        return Exit.DONE
    if not views:
        print(f"{catalog} holds no prices")
        return Exit.DONE
    for line in table(views):
        print(line)
    for view in views:
        for label in view.synthetic:
            print(f"synthetic  {view.kind} {view.dataset}: {label}")
    return Exit.DONE


def run_check(catalog: Path, *, as_json: bool) -> int:
    """Print what is not as the manifests say; 1 when there is anything."""
    from lakehouse.catalog_view import listed_files, problems

    found = problems(catalog)
    files = listed_files(catalog)
    if as_json:
        print_json({"catalog": str(catalog), "files": files, "problems": found})
    else:
        for problem in found:
            print(f"{problem.code:<11}{problem.path}  {problem.message}")
        verdict = "are as they were written" if not found else f"were written; {len(found)} problems"
        print(f"{'BROKEN' if found else 'ok':<11}{files} files of {catalog} {verdict}")
    return Exit.FAILED if found else Exit.DONE


def facts_of(imported: Imported) -> dict[str, Any]:
    """Return an import for `--json`."""
    import msgspec

    return {"new": imported.new, **{name: getattr(imported.manifest, name) for name in msgspec.structs.asdict(imported.manifest)}}


def tell(imported: Imported) -> None:
    """Print what one import found and did."""
    from lakehouse.catalog_view import day_text

    facts = imported.manifest
    what = f"{facts.kind} {facts.dataset}"
    if not imported.new:
        print(f"there      {what} of {facts.sources[0].path} ({facts.import_id}): nothing was added")
        return
    span = (
        "" if facts.first_ns is None or facts.last_ns is None else f", {day_text(facts.first_ns)} … {day_text(facts.last_ns)} UTC"
    )
    print(f"imported   {what}: {facts.rows_written:,} of {facts.rows_read:,} rows in {len(facts.written)} files{span}")
    told = [f"{facts.rows_present:,} were there"] if facts.rows_present else []
    told += [f"{facts.duplicates} doubles"] if facts.duplicates else []
    told += [f"{count} dropped as {reason}" for reason, count in sorted(facts.dropped.items())]
    told += [f"{facts.gaps} gaps" + (f" ({facts.missing_bars:,} bars)" if facts.missing_bars else "")] if facts.gaps else []
    told += [f"{facts.spikes} spikes"] if facts.spikes else []
    told += [f"{facts.from_floats} binary floats taken as the multiple of tick or step they mean"] if facts.from_floats else []
    for text in told:
        print(f"           {text}")
    if facts.synthetic:
        print(f"synthetic  {facts.synthetic}")
    print(f"manifest   imports/{facts.import_id}.json")


def progress(name: str, done: int, total: int, rows: int) -> None:
    """One line that is written over on a terminal; nothing in a log."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{name}  {100 * done // max(total, 1):>3} %  {rows:,} rows\x1b[K")
        sys.stdout.flush()


def silent(name: str, done: int, total: int, rows: int) -> None:
    """A script wants the result only."""


def clear_line() -> None:
    """Take the progress line off a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")


def _delimiter(text: str) -> str:
    delimiter = "\t" if text == "tab" else text
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise _usage("--delimiter as one character, or tab", repr(text))
    return delimiter


def _zone(text: str | None) -> str | None:
    try:
        return None if text is None else ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _usage("--zone such as UTC or America/New_York", repr(text)) from None


def _clock(text: str | None) -> time | None:
    try:
        return None if text is None else time.fromisoformat(text)
    except ValueError:
        raise _usage("--session-close such as 16:00", repr(text)) from None


def _usage(expected: str, found: str) -> ConfigError:
    return ConfigError("USAGE", expected=expected, found=found, action="`sluice data import --help` shows how.")
