"""What every order cost against its decision, as rows that sum exactly; grouped by any key, in base or in quote currency.

`order_costs` makes the tables in a log's connection. A row is a plan line that wanted something (the order it became, with its
children's fills), an order without a plan in the log, or the fills of an order without either. The paper portfolio of a plan
starts from the book the plan was made on and trades every wish at the decision price; so the rows' sum is paper minus real
profit of the same targets, with financing beside it (`financing_costs`).

Rates are the log's own: a plan line's `unit_value_base` values everything of that line, also what filled later. Without a plan
line the quote currency must be the base currency, or `rates` say what it is worth; else the row's amounts are NULL and counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import duckdb

from analysis import cost_groups, cost_rows_sql, cost_sql
from analysis.cost_sql import Places
from analysis.exact_inputs import positive
from analysis.log_store import LogStore
from orders.errors import InputError
from orders.exact import ROUNDED, exact_arithmetic

ZERO: Final = Decimal(0)
RATE_PLACES: Final = Decimal("1e-18")
NUMBER: Final = ""  # the type of a column that its values decide


def order_costs(
    store: LogStore, *, fills: str = "fills", quotes: str | None = None, rates: Mapping[str, Decimal] | None = None
) -> None:
    """Make view `order_costs` (base currency) and `order_costs_quote` (each row in its own quote currency) in the store.

    Their columns are `COMPONENTS`, `decision_notional`, `traded` and what the row is. `fills`: a relation with the columns of
    view `fills` that has them at hand already. `quotes`: one with `symbol`, `market_ns`, `mid` (`analysis.quotes`), for what the
    last plan did not trade; without it the log's own newest mid counts. `rates`: base currency for one unit, of currencies the
    log has no rate of. Making them twice is allowed.

    Raises `InputError` NUMBER_RANGE when exact amounts need more than 38 digits, and what the store raises of a broken log.
    """
    known = {code: positive(rate, name=f"rate of {code}") for code, rate in (rates or {}).items()}
    with store.named_faults():
        if fills == "fills" and _reads_json(store):
            store.connection.execute(cost_rows_sql.TAKEN)
            fills = "cost_taken"
        for statement in (cost_sql.INTENTS, cost_sql.DECISIONS, cost_sql.PLANNED, cost_sql.FATES):
            store.connection.execute(statement)
        _make_narrower(store, fills=fills, quotes=quotes, rates=known)
        for table in cost_rows_sql.PASSING:
            store.connection.execute(f"DROP TABLE IF EXISTS {table}")


def _reads_json(store: LogStore) -> bool:
    """Whether view `fills` parses the log itself: then its fills are taken once, and not once for each table made of them."""
    found = store.connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'fills'").fetchone()
    return found is not None and "read_json" in found[0]


def _too_wide(error: duckdb.Error) -> bool:
    return isinstance(error, (duckdb.OutOfRangeException, duckdb.ConversionException)) or cost_sql.TOO_FINE in str(error)


def _make_narrower(store: LogStore, *, fills: str, quotes: str | None, rates: Mapping[str, Decimal]) -> None:
    """Make all in the store's own widths; where 38 digits do not hold that, in the log's; last with rounded notionals."""
    places = Places()
    for rounded in (None, False, True):
        try:
            _make(store, places, fills=fills, quotes=quotes, rates=rates, rounded=bool(rounded))
            return
        except duckdb.Error as error:
            if not _too_wide(error):
                raise
            if rounded:
                raise InputError(
                    "NUMBER_RANGE",
                    expected="amounts that fit 38 digits",
                    found=str(error).splitlines()[0][:200],
                    action="Look for an absurd price or quantity, or analyse fewer runs at once (--run).",
                ) from error
            if rounded is None:
                places = _measured(store, fills)


def _make(
    store: LogStore, places: Places, *, fills: str, quotes: str | None, rates: Mapping[str, Decimal], rounded: bool
) -> None:
    run = store.connection.execute
    run(cost_sql.lines_sql(places))
    run(cost_rows_sql.several_sql(fills))
    run(cost_rows_sql.fees_sql(places, fills=fills))
    run(cost_rows_sql.ends_sql(places, fills=fills, quotes=quotes))
    run(cost_rows_sql.rows_sql(places, fills=fills))
    _make_units(store, rates)
    joined = """(SELECT r.*, u.unit, u.rate, u.times, o.rate AS other_rate FROM cost_rows r
      JOIN cost_units u ON u.unit_value_base IS NOT DISTINCT FROM r.unit_value_base
        AND u.multiplier IS NOT DISTINCT FROM r.multiplier AND u.quote_currency IS NOT DISTINCT FROM r.quote_currency
      LEFT JOIN cost_rates o ON o.currency = r.fee_other_currency AND NOT r.fee_mixed)"""
    fees = """CASE WHEN coalesce(fee_quote, 0) = 0 THEN 0 ELSE fee_quote * rate END + coalesce(fee_units, 0) * unit
      + CASE WHEN coalesce(fee_other, 0) = 0 THEN 0 ELSE fee_other * other_rate END"""
    run(cost_rows_sql.views_sql(amounts=joined, name="order_costs", unit="unit", fees=fees, rounded=rounded))
    own = "coalesce(fee_quote, 0) + coalesce(fee_units, 0) * times + CASE WHEN coalesce(fee_other, 0) = 0 THEN 0 END"
    run(cost_rows_sql.views_sql(amounts=joined, name="order_costs_quote", unit="times", fees=own, rounded=True))
    run(cost_groups.CELLS)  # works out every amount: overflows now or never
    run(f"SELECT {', '.join(f'sum({name})' for name in (*cost_groups.MONEY, 'total'))} FROM cost_cells")


def _make_units(store: LogStore, rates: Mapping[str, Decimal]) -> None:
    """Tables `cost_units` (what a raw amount of a row is worth) and `cost_rates` (base currency for one unit of a currency)."""
    base = base_currency(store)
    found = store.connection.execute(
        """SELECT unit_value_base, multiplier, quote_currency, max(seq) FROM cost_rows GROUP BY ALL ORDER BY max(seq)"""
    ).fetchall()
    by_currency = dict(rates)
    if base is not None:
        by_currency[base] = Decimal(1)
    for unit, multiplier, currency, _ in found:
        if unit is not None and multiplier is not None:
            by_currency[currency] = _quotient(unit, multiplier)  # in the log's order: the newest stays
    units: list[tuple[Any, ...]] = []
    for unit, multiplier, currency, _ in found:
        rate = by_currency.get(currency) if unit is None or multiplier is None else _quotient(unit, multiplier)
        with exact_arithmetic():
            value = unit if unit is not None else None if rate is None or multiplier is None else rate * multiplier
        units.append((unit, multiplier, currency, value, rate, multiplier))
    names = ("unit_value_base", "multiplier", "quote_currency", "unit", "rate", "times")
    kinds = ("DECIMAL(38,18)", "DECIMAL(38,10)", "VARCHAR", NUMBER, NUMBER, NUMBER)
    _register(store, "cost_units", names, kinds, units)
    _register(store, "cost_rates", ("currency", "rate"), ("VARCHAR", NUMBER), list(by_currency.items()))


def _register(store: LogStore, name: str, names: Sequence[str], kinds: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Make a table of a few rows; the type of a number (NUMBER) has the places its values need and no more.

    They go in as one JSON text: pyarrow would import pandas to look at a list, which takes longer than all of this.
    """
    types = []
    for number, kind in enumerate(kinds):
        values = [row[number] for row in rows if row[number] is not None]
        places = max((-int(value.normalize().as_tuple().exponent) for value in values), default=0) if kind == NUMBER else 0
        types.append(f"DECIMAL(38,{max(places, 0)})" if kind == NUMBER else kind)
    told = [[None if value is None else str(value) if isinstance(value, str) else f"{value:f}" for value in row] for row in rows]
    columns = ", ".join(
        f"CAST(json_extract_string(one, '$[{number}]') AS {kind}) AS {column}"
        for number, (column, kind) in enumerate(zip(names, types, strict=True))
    )
    select = f"SELECT {columns} FROM (SELECT unnest(CAST(? AS JSON[])) AS one)"
    store.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}", [json.dumps(told)])


def _quotient(unit: Decimal, multiplier: Decimal) -> Decimal:
    """The rate a plan line was valued at: its unit value is multiplier x rate, rounded at the 18th place in the store."""
    return ROUNDED.divide(unit, multiplier).quantize(RATE_PLACES, context=ROUNDED).normalize(ROUNDED)


def base_currency(store: LogStore) -> str | None:
    """Return the base currency of the log's runs; where no run is there, the one quote currency of its fills, None of several.

    Raises `InputError` BASE_CURRENCIES for runs of several.
    """
    ask = store.connection.execute
    found = [code for (code,) in ask("SELECT DISTINCT base_currency FROM runs ORDER BY 1").fetchall()]
    if not found:
        told = [code for (code,) in ask("SELECT DISTINCT quote_currency FROM cost_rows WHERE fills > 0 ORDER BY 1").fetchall()]
        return told[0] if len(told) == 1 else None
    if len(found) > 1:
        raise InputError(
            "BASE_CURRENCIES", expected="runs of one base currency", found=", ".join(found), action="Choose a run: --run R."
        )
    return found[0] if found else None


def _measured(store: LogStore, fills: str) -> Places:
    """How many places the log really uses; slow (as text), asked only when the store's own widths do not fit."""

    def places(*columns: str) -> str:
        return ", ".join(f"max(length(rtrim(split_part(CAST({name} AS VARCHAR), '.', 2), '0')))" for name in columns)

    prices = ["price", "arrival_mid", "decision_price", "fill_bid", "fill_ask"]
    ask = store.connection.execute
    first = ask(f"SELECT {places(*prices, 'quantity', 'fee')} FROM {fills}").fetchone() or ()
    second = ask(f"SELECT {places('decision_price', 'arrival_mid', 'quantity')} FROM cost_intents").fetchone() or ()
    third = ask(f"SELECT {places('bid', 'ask', 'wanted_quantity', 'quantity')} FROM cost_planned").fetchone() or ()
    fourth = ask(f"SELECT {places('price')} FROM cost_decisions").fetchone() or ()
    return Places(
        price=max(0, *(found or 0 for found in (*first[:5], *second[:2], *third[:2], *fourth))) + 1,
        quantity=max(0, *(found or 0 for found in (first[5], second[2], *third[2:]))),
        fee=max(0, first[6] or 0),
    )
