"""The capacity curve of a backtest: its parents from the log, volumes from the config's files, volatility of its prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from analysis.capacity import Capacity, Coefficient, TradedParent, capacity, not_known
from analysis.log_store import open_log
from analysis.run_summary import RunSummary
from analysis.volatility import daily_volatilities
from engine.run_config import RunConfig
from engine.volumes_in import load_volumes
from lakehouse.layout import Layout
from lakehouse.strict_json import read_bounded
from lakehouse.strict_toml import parse_toml
from orders.errors import ConfigError
from sim.feed import FeedQuote

MULTIPLES_MAX: Final = 12
MULTIPLE_END: Final = Decimal(1_000_000)
COEFFICIENT_END: Final = Decimal(100)  # Y is near 1 wherever it was measured
DEFAULT_MULTIPLES: Final = "1,3,10,30,100"
SIZE_MAX: Final = 1_000_000
PARENTS: Final = """
SELECT any_value(f.symbol), any_value(f.quote_currency), sum(f.quantity), sum(f.notional_quote), min(f.market_ns)
FROM fills f LEFT JOIN (
  SELECT client_order_id, any_value(parent_client_order_id) AS parent FROM intents GROUP BY client_order_id) i
USING (client_order_id) GROUP BY coalesce(i.parent, f.client_order_id) ORDER BY min(f.seq)
"""


def parse_capital(text: str) -> tuple[Decimal, ...]:
    """Return multiples of the capital from a text such as `1,3,10,30,100`, rising. Raises `ConfigError` CAPACITY_LIST."""
    try:
        given = {Decimal(part.strip()) for part in text.split(",")}
        usable = all(value.is_finite() and 0 < value <= MULTIPLE_END for value in given)
    except InvalidOperation:
        given, usable = set(), False
    if not usable or not 1 <= len(given) <= MULTIPLES_MAX:
        raise ConfigError(
            "CAPACITY_LIST",
            expected=f"1 to {MULTIPLES_MAX} multiples of capital, above 0 up to {MULTIPLE_END}, such as {DEFAULT_MULTIPLES}",
            found=repr(text),
            action="Mend --capacity; the config's name stands before it.",
        )
    return tuple(sorted(given))


def parse_impact(text: str) -> Coefficient:
    """Return Y from a number, or from the file of a calibration that fitted it.

    Raises `ConfigError` IMPACT_UNKNOWN, and `InputError` as `read_bounded`.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return _fitted(Path(text))
    if not value.is_finite() or not 0 <= value <= COEFFICIENT_END:
        raise ConfigError(
            "IMPACT_UNKNOWN",
            expected=f"Y from 0 to {COEFFICIENT_END}, or a file of `sluice calibrate`",
            found=repr(text),
            action="Mend --impact.",
        )
    return Coefficient(value=value, high=None, source="as given with --impact")


def _fitted(path: Path) -> Coefficient:
    try:
        row = parse_toml(read_bounded(path, SIZE_MAX).decode())["parameters"]["impact_coefficient"]
        value, high = Decimal(row["estimate"]), Decimal(row["high"])
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise ConfigError(
            "IMPACT_UNKNOWN",
            expected=f"parameters.impact_coefficient with an estimate in {path}",
            found="none: it was not fitted, or this is no file of `sluice calibrate`",
            action="Calibrate with enough orders of known volume, or name a number.",
        ) from error
    if value < 0:
        raise ConfigError(
            "IMPACT_UNKNOWN",
            expected=f"an impact coefficient of 0 or more in {path}",
            found=str(value),
            action="Its orders show no impact; name a number.",
        )
    return Coefficient(value=value, high=high, source=f"fitted from {row['rows']} parent orders, {path}")


def capacity_of(
    config: RunConfig,
    *,
    layout: Layout,
    summary: RunSummary,
    quotes: Sequence[FeedQuote],
    multiples: Sequence[Decimal],
    impact: Coefficient | None,
) -> Capacity:
    """Return the curve of the run whose log is at `layout`, or why there is none."""
    if impact is None:
        return not_known("no impact coefficient; name Y or the file of a calibration with --impact")
    if config.assumptions_section.impact is not None:
        return not_known("the run was charged [assumptions.impact] already; take that out, the curve adds impact of its own")
    volumes = load_volumes(config)
    if not volumes:
        return not_known("no [venues.X] of the config names a file of average daily volumes (`sluice limits volumes`)")
    rates = {code: rate.value for code, rate in config.rates().items()} | {summary.base_currency: Decimal(1)}
    with open_log(layout.log, copy=False) as store:
        rows = store.rows(PARENTS)
    parents = [
        TradedParent(symbol=symbol, quantity=Decimal(units), notional_base=Decimal(notional) * rates[currency], market_ns=at_ns)
        for symbol, currency, units, notional, at_ns in rows
    ]
    return capacity(
        parents,
        multiples=multiples,
        coefficient=impact,
        capital=summary.equity_start,
        pnl=summary.pnl,
        volumes=volumes,
        volatilities=daily_volatilities((quote.market_ns, quote.symbol, (quote.bid + quote.ask) / 2) for quote in quotes),
    )
