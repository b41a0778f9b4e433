"""`sluice data fetch`: a venue's public past into a catalog."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from commands.data_command import clear_line
from commands.output import Exit, print_json
from lakehouse.price_kinds import Kind, bar_length
from orders.errors import ConfigError

if TYPE_CHECKING:
    from sim.catalog.fetcher import Fetched
    from sim.catalog.importer import ImportOrder


def run(given: argparse.Namespace) -> int:
    """Fetch every series in turn. Return the exit code; what was fetched before a failure stays in the catalog."""
    if (given.kind == "ohlcv") == (given.timeframe is None):
        raise _usage("--timeframe with --kind ohlcv, and with it alone", f"--kind {given.kind} --timeframe {given.timeframe}")
    if len(set(given.symbols)) < len(given.symbols):
        raise _usage("each symbol once", " ".join(given.symbols))
    if len(given.symbols) > 1 and (given.tick or given.step):
        raise _usage("--limits FILE where there are several symbols: --tick and --step are of one", "--tick or --step")
    orders = [_order(given, symbol) for symbol in given.symbols]
    done = asyncio.run(_fetch(given, orders))
    if given.json:
        print_json(done)
    return Exit.DONE


def _order(given: argparse.Namespace, symbol: str) -> ImportOrder:
    from lakehouse.price_policy import BadRows
    from sim.catalog.importer import ImportOrder, increments_of, listing_of

    tick, step = increments_of(symbol, limits=given.limits, tick=given.tick, step=given.step)
    listing = listing_of(symbol, symbol_map=given.symbol_map)
    if listing.ccxt_symbol is None:
        raise ConfigError(
            "NO_CCXT_SYMBOL",
            expected=f"a ccxt_symbol in the symbol map for {symbol}",
            found="none",
            action="Add it, or leave the symbol out.",
        )
    bars = given.kind == "ohlcv"
    return ImportOrder(
        symbol=symbol,
        kind=Kind.BARS if bars else Kind.TRADES,
        tick_size=tick,
        step_size=step,
        listing=listing,
        columns={},
        bar=bar_length(given.timeframe) if bars else None,
        stamp_open=True if bars else None,
        bad_rows=BadRows(given.bad_rows),
        synthetic=f"the market is what {given.endpoint} says, not a venue" if given.endpoint else None,
    )


async def _fetch(given: argparse.Namespace, orders: list[ImportOrder]) -> list[Fetched]:
    from sim.catalog.fetcher import Fetcher
    from sim.catalog.store import CatalogStore
    from venues.ccxt.egress import VenueClient
    from venues.ccxt.endpoint import parse_endpoint
    from venues.ccxt.history import History
    from venues.ccxt.profiles import profile_of

    profile = profile_of(given.exchange)
    for order in orders:
        if order.listing.venue != profile.venue:
            raise _usage(f"symbols of {profile.venue}", f"{order.symbol} of {order.listing.venue}")
    endpoint = None if given.endpoint is None else parse_endpoint(given.endpoint)
    symbols = {order.symbol: str(order.listing.ccxt_symbol) for order in orders}
    say = _silent if given.json else _progress
    done = []
    with CatalogStore(given.catalog) as store:
        client = VenueClient(profile.exchange, options=profile.options, endpoint=endpoint, hosts=profile.hosts, streaming=False)
        client.exchange.timeout = given.timeout_ms
        try:
            history = History(client.exchange, profile, backoff_s=given.backoff_ms / 1_000, report=_report)
            await history.open(symbols, timeframe=given.timeframe)
            fetcher = Fetcher(store, history, profile, say=say)
            for order in orders:
                fetched = await fetcher.fetch(
                    order, ccxt_symbol=symbols[order.symbol], since_ns=given.since, until_ns=given.until
                )
                done.append(fetched)
                if not given.json:
                    _tell(fetched)
        finally:
            await client.close()
    return done


def _tell(fetched: Fetched) -> None:
    from lakehouse.catalog_view import day_text

    clear_line()
    before = f", {fetched.windows_before} windows were there" if fetched.windows_before else ""
    gaps = f", {fetched.gaps} gaps" if fetched.gaps else ""
    until = day_text(fetched.until_ns)
    print(f"fetched    {fetched.dataset}: {fetched.rows:,} rows in {fetched.windows} windows to {until} UTC{before}{gaps}")


def _progress(symbol: str, done: int, total: int, rows: int) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{symbol}  {done} of {total} windows  {rows:,} rows\x1b[K")
        sys.stdout.flush()


def _silent(symbol: str, done: int, total: int, rows: int) -> None:
    """A script wants the result only."""


def _report(text: str) -> None:
    print(f"waiting    {text}", file=sys.stderr)


def _usage(expected: str, found: str) -> ConfigError:
    return ConfigError("USAGE", expected=expected, found=found, action="`sluice data fetch --help` shows how.")
