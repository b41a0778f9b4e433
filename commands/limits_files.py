"""`sluice limits fetch | import | show`: market limits from a venue or a file, looked at before they take another's place."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commands.output import Exit, print_json
from lakehouse.limits_diff import Change, compare_limits
from lakehouse.limits_import import ImportedLimits, read_limits_csv, read_platform_limits
from lakehouse.snapshots import MarketLimitsSnapshot, RefusedLimit, read_market_limits, write_market_limits
from orders.canonical import decimal_text
from orders.errors import ConfigError, InputError, fit
from orders.values import Listing, MarketLimits
from venues.symbols import load_symbols

NS_PER_DAY: Final = 86_400 * 1_000_000_000
IBKR: Final = "ibkr"
SHOWN_MAX: Final = 20  # names in one line


def run_fetch(given: Namespace) -> int:
    """Ask a venue's public market list and write what it says of the symbol map's symbols, or of those named."""
    if given.exchange == IBKR:
        return _run_tws(given)
    _without_tws(given)
    from venues.ccxt.endpoint import parse_endpoint
    from venues.ccxt.market_limits import fetch_limits, venue_name

    venue = given.venue or venue_name(given.exchange)
    listings = _wanted(given.map, venue, given.symbols, by_ccxt=True)
    endpoint = None if given.endpoint is None else parse_endpoint(given.endpoint)
    fetched = asyncio.run(fetch_limits(given.exchange, listings, endpoint=endpoint, min_notional=given.min_notional))
    said = f"{given.exchange} by ccxt, {'its public market list' if endpoint is None else f'as {given.endpoint} says'}"
    if given.min_notional is not None:
        said += f"; where it states no minimum notional, {decimal_text(given.min_notional)} by hand"
    return _put(given, fetched.limits, fetched.refused, as_of_ns=time.time_ns(), source=said)


def _run_tws(given: Namespace) -> int:
    """Ask the TWS on this machine for the contracts of the symbol map's symbols."""
    from venues.ibkr.adapter import VENUE
    from venues.ibkr.gateway import HOST, gateway
    from venues.ibkr.reach import reach

    if given.endpoint is not None:
        raise ConfigError("USAGE", expected="--tws-port", found="--endpoint", action="TWS is on this machine: name its port.")
    port = _option(given.tws_port, "--tws-port", "TWS shows its socket port under Global Configuration, API")
    account = _option(given.account, "--account", "TWS must hold exactly the account that is meant")
    listings = _wanted(given.map, given.venue or VENUE, given.symbols, by_ccxt=False)
    address = gateway(host=HOST, port=port, client_id=1, account=account)
    reached = asyncio.run(reach(address, listings, min_notional=given.min_notional))
    said = f"TWS (API {reached.server_version}) with account {account}, its contract details and market rules"
    if given.min_notional is not None:
        said += f"; minimum notional {decimal_text(given.min_notional)} by hand"
    return _put(given, reached.limits, reached.refused, as_of_ns=time.time_ns(), source=said)


def _without_tws(given: Namespace) -> None:
    if given.tws_port is not None or given.account is not None:
        raise ConfigError(
            "USAGE", expected=f"--tws-port and --account with {IBKR} alone", found=given.exchange, action="Leave them out."
        )


def run_import(given: Namespace) -> int:
    """Take in a file: a snapshot of ours (JSON), a CSV with its fields, or the platform's `execution.parquet`."""
    path: Path = given.file
    listings = load_symbols(given.map).by_symbol
    if path.suffix == ".json":
        snapshot = read_market_limits(path)
        _check_json(snapshot, listings, path)
        return _put(given, snapshot.limits.values(), snapshot.refused, as_of_ns=snapshot.as_of_ns, source=snapshot.source)
    if path.suffix == ".csv":
        made = read_limits_csv(
            path, listings=listings, as_of_ns=_option(given.as_of, "--as-of", "a CSV does not say how old it is")
        )
    elif path.suffix == ".parquet":
        zone = _zone(_option(given.zone, "--zone", "the platform's times have no zone"))
        made = read_platform_limits(path, listings=listings, zone=zone)
    else:
        raise ConfigError("USAGE", expected="a .json, .csv or .parquet file", found=path.name, action="Rename it for what it is.")
    return _put(given, made.limits, made.refused, as_of_ns=made.as_of_ns, source=f"imported from {path.name}", imported=made)


def run_show(given: Namespace) -> int:
    """Print a limits file: table, age, what is refused or missing; or how it differs from another one."""
    snapshot = read_market_limits(given.file)
    changes = () if given.diff is None else compare_limits(read_market_limits(given.diff), snapshot)
    venues = {entry.venue for entry in snapshot.limits.values()}
    listed = load_symbols(given.map).by_symbol.values()
    known = snapshot.limits.keys() | {entry.symbol for entry in snapshot.refused}
    missing = sorted(entry.symbol for entry in listed if entry.venue in venues and entry.symbol not in known)
    days = (time.time_ns() - snapshot.as_of_ns) / NS_PER_DAY
    if given.json:
        print_json(_document(given.file, snapshot, changes) | {"age_days": f"{days:.2f}", "missing": missing})
        return Exit.DONE
    print(f"limits   {given.file}  {len(snapshot.limits)} symbols, {days:.1f} days old, sha256 {snapshot.sha256[:12]}…")
    print(f"         {fit(snapshot.source)}")
    if given.diff is None:
        _print_table(sorted(snapshot.limits.values(), key=lambda entry: entry.symbol))
    else:
        print(f"         {len(changes)} differences from {given.diff}")
        _print_changes(changes)
    _print_left_out(snapshot.refused, missing)
    return Exit.DONE


def _wanted(symbol_map: Path, venue: str, symbols: Sequence[str], *, by_ccxt: bool) -> tuple[Listing, ...]:
    """The listings of one venue, or those asked for, which must all be; `by_ccxt`: that CCXT can name."""
    by_symbol = load_symbols(symbol_map).by_symbol
    usable = {name: e for name, e in by_symbol.items() if e.venue == venue and (e.ccxt_symbol or not by_ccxt)}
    listings = tuple(usable[symbol] for symbol in symbols if symbol in usable) if symbols else tuple(usable.values())
    wrong = sorted(set(symbols) - usable.keys())
    if wrong or not listings:
        raise ConfigError(
            "NOT_LISTED",
            expected=f"symbols of {venue}{' with a ccxt_symbol' if by_ccxt else ''} in {symbol_map}",
            found=", ".join(wrong) or "none",
            action="Add them to the symbol map, or name another with --map.",
        )
    return listings


def _put(
    given: Namespace,
    limits: Iterable[MarketLimits],
    refused: Iterable[RefusedLimit],
    *,
    as_of_ns: int,
    source: str,
    imported: ImportedLimits | None = None,
) -> int:
    """Write the file unless it takes another's place with other numbers and nobody said so; say what is in it."""
    kept, turned_away = list(limits), list(refused)
    unlisted = imported.unlisted if imported is not None else ()
    if not kept:
        if not given.json:
            _print_left_out(turned_away, ())
        raise InputError(
            "NO_LIMITS",
            expected="usable limits of at least one symbol",
            found=f"none; {len(turned_away)} refused, {len(unlisted)} not in the symbol map",
            action="Nothing was written.",
        )
    target: Path = given.output
    fresh = target.with_name(target.name + ".new")
    write_market_limits(fresh, kept, as_of_ns=as_of_ns, source=source, refused=turned_away)
    try:
        made = read_market_limits(fresh)  # what a run would read
        changes = compare_limits(read_market_limits(target), made) if target.exists() else ()
        written = not changes or given.replace
        if written:
            write_market_limits(target, kept, as_of_ns=as_of_ns, source=source, refused=turned_away)
    finally:
        fresh.unlink()
    if given.json:
        print_json(_document(target, made, changes) | {"written": written, "unlisted": list(unlisted)})
    else:
        print(f"limits   {target}  {len(made.limits)} symbols, {len(turned_away)} refused; {source}")
        _print_changes(changes)
        _print_left_out(made.refused, ())
        if unlisted:
            print(f"         {len(unlisted)} not in the symbol map: {_some(unlisted)}")
        if not written:
            print(f"refused  LIMITS_DIFFER  {len(changes)} differences from what is there; nothing written. --replace writes it.")
    return Exit.DONE if written else Exit.REFUSED


def _check_json(snapshot: MarketLimitsSnapshot, listings: Any, path: Path) -> None:
    foreign = sorted(s for s, e in snapshot.limits.items() if s not in listings or listings[s].venue != e.venue)
    if foreign:
        raise InputError(
            "VENUE_MISMATCH",
            expected="symbols of the symbol map, each at its venue",
            found=_some(foreign),
            action=f"Mend {path} or the symbol map.",
        )


def _option[T](value: T | None, name: str, why: str) -> T:
    if value is None:
        raise ConfigError("USAGE", expected=name, found="none", action=f"{why[0].upper()}{why[1:]}.")
    return value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError("USAGE", expected="--zone as a time zone", found=repr(name)[:60], action="UTC is one.") from error


def _document(path: Path, snapshot: MarketLimitsSnapshot, changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "file": str(path),
        "sha256": snapshot.sha256,
        "as_of_ns": str(snapshot.as_of_ns),
        "source": snapshot.source,
        "limits": sorted(snapshot.limits.values(), key=lambda entry: entry.symbol),
        "refused": snapshot.refused,
        "changes": list(changes),
    }


def _print_table(limits: Sequence[MarketLimits]) -> None:
    head = ("symbol", "step", "tick", "min qty", "min notional", "max qty", "multiplier")
    rows = [head] + [
        (
            entry.symbol,
            *(decimal_text(value) for value in (entry.step_size, entry.tick_size, entry.min_quantity, entry.min_notional)),
            "none" if entry.max_quantity is None else decimal_text(entry.max_quantity),
            decimal_text(entry.multiplier),
        )
        for entry in limits
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    for row in rows:
        name, *numbers = (
            f"{text:<{width}}" if at == 0 else f"{text:>{width}}"
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("         " + "  ".join([name, *numbers]))


def _print_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        what = (
            f"{change.field} {change.before} -> {change.after}"
            if change.kind == "changed"
            else f"{change.kind} {change.after}".strip()
        )
        print(f"         {change.symbol:<24}  {what}")


def _print_left_out(refused: Sequence[RefusedLimit], missing: Sequence[str]) -> None:
    for entry in refused:
        print(f"         {entry.symbol:<24}  refused {entry.code}  {fit(entry.message.removeprefix(f'{entry.symbol}: ')[:160])}")
    if missing:
        print(f"         {len(missing)} of the symbol map have no entry: {_some(missing)}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
    return ", ".join(names[:SHOWN_MAX]) + more
