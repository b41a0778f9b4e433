"""Checked rows as Nautilus objects, exactly, and the datasets they belong to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.model.data import Bar, BarType, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId, TradeId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.funcs import class_to_filename, urisafe_identifier
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from lakehouse.price_kinds import BarLength, Kind, Row
from orders.tradable import decimals
from orders.values import Record

SIDES = {"BUY": AggressorSide.BUYER, "SELL": AggressorSide.SELLER, "": AggressorSide.NO_AGGRESSOR}


class Dataset(Record, frozen=True, kw_only=True):
    """One series of a catalog. `name` is Nautilus' identifier: a bar type, or an instrument id for quotes and trades."""

    kind: Kind
    instrument_id: str
    name: str
    price_precision: int
    size_precision: int

    @property
    def data_cls(self) -> Any:
        """Nautilus' class of its rows."""
        return {Kind.BARS: Bar, Kind.QUOTES: QuoteTick, Kind.TRADES: TradeTick}[self.kind]

    @property
    def directory(self) -> str:
        """Where its files lie, below the catalog."""
        return f"data/{class_to_filename(self.data_cls)}/{urisafe_identifier(self.name)}"


def dataset_of(
    kind: Kind, instrument_id: str, *, tick_size: Decimal, step_size: Decimal, bar: BarLength | None, price_type: str = "LAST"
) -> Dataset:
    """Return the dataset of an instrument's prices; `bar` of bars only. Precisions are those of tick and step."""
    name = instrument_id if bar is None else f"{instrument_id}-{bar.name}-{price_type}-EXTERNAL"
    return Dataset(
        kind=kind,
        instrument_id=instrument_id,
        name=name,
        price_precision=decimals(tick_size),
        size_precision=decimals(step_size),
    )


def maker_of(dataset: Dataset) -> Callable[[Row], Any]:
    """Return what makes a Nautilus object of a row. Numbers go by text: Nautilus' other constructors go through a float."""
    price_form, size_form = f".{dataset.price_precision}f", f".{dataset.size_precision}f"

    def price(value: Decimal) -> Any:
        return Price.from_str(format(value, price_form))

    def size(value: Decimal) -> Any:
        return Quantity.from_str(format(value, size_form))

    if dataset.kind is Kind.BARS:
        bar_type = BarType.from_str(dataset.name)

        def bar(row: Row) -> Any:
            opened, high, low, close, volume = row.numbers
            return Bar(bar_type, price(opened), price(high), price(low), price(close), size(volume), row.ts_ns, row.ts_ns)

        return bar
    instrument_id = InstrumentId.from_str(dataset.instrument_id)
    if dataset.kind is Kind.QUOTES:

        def quote(row: Row) -> Any:
            bid, ask, bid_size, ask_size = row.numbers
            return QuoteTick(instrument_id, price(bid), price(ask), size(bid_size), size(ask_size), row.ts_ns, row.ts_ns)

        return quote

    def trade(row: Row) -> Any:
        at, quantity = row.numbers
        return TradeTick(instrument_id, price(at), size(quantity), SIDES[row.side], TradeId(row.trade_id), row.ts_ns, row.ts_ns)

    return trade


def objects_in(table: Any, data_cls: Any) -> list[Any]:
    """Return the rows of an Arrow table with Nautilus' metadata, always as the Python classes: some come as Rust's own."""
    found = ArrowSerializer.deserialize(data_cls, table)
    return found if not found or isinstance(found[0], data_cls) else data_cls.from_pyo3_list(found)
