"""The rehearsal exchange's memory over its own death: one SQLite file, one transaction a step, committed before anybody is told.

It outlives kill -9 of the process, not a power cut: `synchronous=OFF` leaves the last pages to the kernel.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from orders.errors import InputError
from sim.rehearsal.listing import Listing
from sim.rehearsal.state import State
from sim.rehearsal.values import Order, Printed, Trade, Transfer

VERSION: Final = 1
PRINTS_SHOWN_MAX: Final = 10_000  # a pair, after a restart
SCHEMA: Final = """
create table if not exists orders (order_id integer primary key, body blob not null);
create table if not exists trades (symbol text, trade_id integer, order_id integer, body blob not null,
                                   primary key (symbol, trade_id, order_id));
create table if not exists balances (account text, asset text, free text, locked text, primary key (account, asset));
create table if not exists prints (symbol text, trade_id integer, body blob not null, primary key (symbol, trade_id));
create table if not exists transfers (number integer primary key, body blob not null);
create table if not exists listings (name text primary key, body blob not null);
create table if not exists next_ids (name text primary key, value integer not null);
"""


class Store:
    """Open or make a file, `load` it once, then `save` after every step. `path` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        """Raises `InputError` STATE_MALFORMED for a file that is not such a state."""
        self._encode = msgspec.json.encode
        self._saved: tuple[list[tuple[str, int]], list[tuple[str, bytes]]] | None = None
        self._database = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        try:
            self._database.execute("pragma journal_mode=wal")
            self._database.execute("pragma synchronous=off")
            version = self._database.execute("pragma user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"version {version}")
            self._database.executescript(f"{SCHEMA} pragma user_version={VERSION};")
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise InputError(
                "STATE_MALFORMED",
                expected=f"a state file of the rehearsal exchange, version {VERSION}",
                found=f"{path}: {error}",
                action="Name another --state, or remove the file to begin anew.",
            ) from error

    def load(self) -> State:
        """Return what was saved; an empty state for a new file."""
        state = State()
        for (body,) in self._database.execute("select body from orders order by order_id"):
            state.put(msgspec.json.decode(body, type=Order))
        for (body,) in self._database.execute("select body from trades order by rowid"):
            state.add_trade(msgspec.json.decode(body, type=Trade))
        for account, asset, free, locked in self._database.execute("select account, asset, free, locked from balances"):
            state.balances.restore(account, asset, free=Decimal(free), locked=Decimal(locked))
        for name, value in self._database.execute("select name, value from next_ids"):
            if name == "order":
                state.order_id = value
            else:
                state.trade_ids[name] = value
        for (body,) in self._database.execute("select body from transfers order by number"):
            state.put_transfer(msgspec.json.decode(body, type=Transfer))
        for (body,) in self._database.execute("select body from listings"):
            listing = msgspec.json.decode(body, type=Listing)
            state.listings[listing.name] = listing
        state.forget_changes()
        return state

    def prints(self, symbol: str) -> list[Printed]:
        """Return a pair's last public trades, oldest first."""
        rows = self._database.execute(
            "select body from prints where symbol = ? order by trade_id desc limit ?", (symbol, PRINTS_SHOWN_MAX)
        ).fetchall()
        return [msgspec.json.decode(body, type=Printed) for (body,) in reversed(rows)]

    def wipe(self) -> None:
        """Forget everything."""
        for table in ("orders", "trades", "prints", "balances", "transfers", "listings", "next_ids"):
            self._database.execute(f"delete from {table}")  # names of this module alone
        self._saved = None

    def save(self, state: State) -> None:
        """Write what changed since the last save, whole or not at all."""
        orders = [(order_id, self._encode(state.orders[order_id])) for order_id in sorted(state.changed_orders)]
        trades = [(each.symbol, each.trade_id, each.order_id, self._encode(each)) for each in state.new_trades]
        holdings = [(key, state.balances.holdings[key]) for key in sorted(state.balances.changed)]
        balances = [(*key, str(holding.free), str(holding.locked)) for key, holding in holdings]
        ids = [("order", state.order_id), *state.trade_ids.items()]
        listings = [(name, self._encode(listing)) for name, listing in state.listings.items()]
        prints = [(each.symbol, each.trade_id, self._encode(each)) for each in state.new_prints]
        transfers = [(number, self._encode(state.transfers[number])) for number in sorted(state.changed_transfers)]
        if not (orders or trades or balances or transfers) and (ids, listings) == self._saved:
            return  # the feed moved a book, of which nothing is kept
        self._database.execute("begin immediate")
        self._database.executemany("insert or replace into orders values (?, ?)", orders)
        self._database.executemany("insert into trades values (?, ?, ?, ?)", trades)
        self._database.executemany("insert into prints values (?, ?, ?)", prints)
        self._database.executemany("insert or replace into balances values (?, ?, ?, ?)", balances)
        self._database.executemany("insert or replace into transfers values (?, ?)", transfers)
        self._database.executemany("insert or replace into next_ids values (?, ?)", ids)
        self._database.executemany("insert or replace into listings values (?, ?)", listings)
        self._database.execute("commit")
        self._saved = (ids, listings)
        state.forget_changes()

    def close(self) -> None:
        """Close the file."""
        self._database.close()
