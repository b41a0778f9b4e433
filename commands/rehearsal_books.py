"""Both sides of a rehearsed live run, beside each other: the exchange's own book and the run's journal, and where they part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from commands.rehearsal_truth import TradeKey, TruthOrder, VenueTruth
from engine.inputs import Inputs
from engine.restore import holdings_of
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.rebuild import LogFold
from lakehouse.records import Fill, Intent, Send
from lakehouse.segments import has_file
from lakehouse.verifier import verify
from orders.reconcile import differences, tolerances
from orders.values import Record

NONE: Final = "-"


class OrderRow(Record, frozen=True, kw_only=True):
    """One order on both sides; "-" where a side does not know it. `ours` is the journal's last word."""

    client_order_id: str
    symbol: str
    side: str
    quantity: str
    theirs: str
    ours: str
    filled_theirs: Decimal
    filled_ours: Decimal
    agree: bool


class BalanceRow(Record, frozen=True, kw_only=True):
    """One asset on both sides, in its own units."""

    asset: str
    theirs: Decimal
    ours: Decimal
    agree: bool


class Books(Record, frozen=True, kw_only=True):
    """Both sides. `parted`: why they do not agree, in words; empty when they do and the record verifies."""

    orders: tuple[OrderRow, ...]
    balances: tuple[BalanceRow, ...]
    fills_theirs: int
    fills_ours: int
    parted: tuple[str, ...]


class Journal:
    """What the log says of orders and fills, whole lines only."""

    def __init__(self, layout: Layout) -> None:
        """Raises what `decode_line` does."""
        self.fold = LogFold()
        self.intents: dict[str, Intent] = {}
        self.fills: dict[TradeKey, Fill] = {}
        self.sent: list[str] = []
        for line in log_lines(layout) if has_file(layout.log) else ():
            self.fold.apply(line)
            match line:
                case Intent():
                    self.intents[line.client_order_id] = line
                case Fill():
                    self.fills[line.symbol, line.trade_id] = line
                case Send() if line.action == "submit":
                    self.sent.append(line.client_order_id)

    def state(self, client_order_id: str) -> str:
        """Return the last word on an order: filled, cancelled, ..., open, unknown, or not sent."""
        trace = self.fold.open_orders.get(client_order_id)
        if trace is None:
            return self.fold.finished.get(client_order_id, NONE)
        return "not sent" if trace.send is None else "unknown" if trace.unknown else "open"

    def filled(self, client_order_id: str) -> Decimal:
        """Return what of an order was filled."""
        return sum((Decimal(one.quantity) for one in self.fills.values() if one.client_order_id == client_order_id), Decimal(0))


def compared(truth: VenueTruth, *, config: RunConfig, inputs: Inputs, venue: str) -> Books:
    """Hold what the venue knows of the account against the journal in the config's directory."""
    layout = Layout(config.lakehouse.directory)
    journal = Journal(layout)
    theirs = {order.name: order for order in truth.orders}
    orders = tuple(_order_row(name, theirs.get(name), journal) for name in dict.fromkeys([*journal.sent, *theirs]))
    held = truth.held
    book = holdings_of(
        journal.fold.keeper,
        venue,
        account=config.venues[venue].account,
        listings=inputs.listings,
        limits=inputs.market_limits,
    )
    allowed = tolerances(venue, listings=inputs.listings, limits=inputs.market_limits)
    gaps = differences(expected=book, found=held, tolerance=allowed)
    codes = {gap.code for gap in gaps}
    zero = Decimal(0)
    balances = tuple(
        BalanceRow(asset=code, theirs=held.get(code, zero), ours=book.get(code, zero), agree=code not in codes)
        for code in sorted(book.keys() | allowed.keys() | held.keys())
    )
    report = verify(layout.directory) if has_file(layout.log) else None
    parted = [
        *(f"order {row.client_order_id}: {row.theirs} at the venue, {row.ours} here" for row in orders if not row.agree),
        *_doubled(truth, journal),
        *_fill_gaps(truth.trades, journal.fills),
        *(gap.words for gap in gaps),
    ]
    if report is not None and not report.ok:
        parted.append(f"the record does not verify: {report.first_bad}")
    return Books(
        orders=orders, balances=balances, fills_theirs=len(truth.trades), fills_ours=len(journal.fills), parted=tuple(parted)
    )


def _order_row(name: str, theirs: TruthOrder | None, journal: Journal) -> OrderRow:
    intent, state = journal.intents.get(name), journal.state(name)
    filled = Decimal(0) if theirs is None else theirs.filled
    ours = journal.filled(name)
    working = theirs is not None and theirs.works
    known = theirs is not None or state in ("cancelled", "rejected")
    return OrderRow(
        client_order_id=name,
        symbol=intent.symbol if intent is not None else NONE if theirs is None else theirs.symbol,
        side=intent.side if intent is not None else NONE if theirs is None else theirs.side,
        quantity=intent.quantity if intent is not None else NONE if theirs is None else theirs.quantity,
        theirs=NONE if theirs is None else theirs.status,
        ours=state,
        filled_theirs=filled,
        filled_ours=ours,
        agree=known and intent is not None and filled == ours and working is (state == "open"),
    )


def _doubled(truth: VenueTruth, journal: Journal) -> Iterator[str]:
    """Yield what is there twice: an id at the venue, a send in the journal."""
    ids = [order.name for order in truth.orders]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"order {name} is at the venue {ids.count(name)} times"
    for name in sorted({name for name in journal.sent if journal.sent.count(name) > 1}):
        yield f"order {name} was sent {journal.sent.count(name)} times"


def _fill_gaps(theirs: Mapping[TradeKey, tuple[Decimal, Decimal]], fills: Mapping[TradeKey, Fill]) -> Iterator[str]:
    ours = {key: (Decimal(fill.quantity), Decimal(fill.price)) for key, fill in fills.items()}
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            yield f"trade {key[1]} of {key[0]}: {_at(theirs.get(key))} at the venue, {_at(ours.get(key))} here"


def _at(trade: tuple[Decimal, Decimal] | None) -> str:
    return NONE if trade is None else f"{trade[0]} at {trade[1]}"


def lines_of(books: Books) -> list[str]:
    """Return both sides as lines for a terminal."""
    rows = [("order", "symbol", "side", "quantity", "at the venue", "here")]
    rows += [
        (
            row.client_order_id[:8] + "…",
            row.symbol,
            row.side,
            row.quantity,
            f"{row.theirs.lower()} {row.filled_theirs.normalize():f}",
            f"{row.ours} {row.filled_ours.normalize():f}" + ("" if row.agree else "   differs"),
        )
        for row in books.orders
    ]
    rows.append(("fills", "", "", "", str(books.fills_theirs), str(books.fills_ours)))
    rows += [
        (
            "held",
            row.asset,
            "",
            "",
            f"{row.theirs.normalize():f}",
            f"{row.ours.normalize():f}" + ("" if row.agree else "   differs"),
        )
        for row in books.balances
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    told = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    verdict = "agree      both sides know the same orders, fills and balances, and the record verifies"
    return [*told, *(f"parted     {words}" for words in books.parted)] + ([] if books.parted else [verdict])
