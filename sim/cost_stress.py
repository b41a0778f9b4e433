"""A backtest run again at multiples of its costs: each is a run of its own by the same path, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import msgspec

from analysis.cost_stress import StressRun, stress_run
from analysis.run_summary import RunSummary
from engine.config_catalog import bar_spec_of
from engine.config_costs import with_costs
from engine.inputs import Inputs
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from orders.errors import ConfigError, RecordCorrupt
from orders.values import MarketLimits
from sim.feed import FeedQuote

MULTIPLES_MAX: Final = 9
MULTIPLE_END: Final = Decimal(1_000)
ONE: Final = Decimal(1)

type Run = Callable[[RunConfig, Sequence[FeedQuote], Layout], tuple[RunSummary, list[str]]]


def parse_multiples(text: str) -> tuple[Decimal, ...]:
    """Return the multiples of a text such as `1,2,3`, rising, with 1, the run itself, among them. Raises `ConfigError`."""
    try:
        given = {Decimal(part.strip()) for part in text.split(",")}
        usable = all(value.is_finite() and 0 <= value <= MULTIPLE_END for value in given)
    except InvalidOperation:
        given, usable = set(), False
    if not usable or not 1 <= len(given) <= MULTIPLES_MAX:
        raise ConfigError(
            "STRESS_LIST",
            expected=f"1 to {MULTIPLES_MAX} multiples of costs from 0 to {MULTIPLE_END}, such as 1,2,3",
            found=repr(text),
            action="Mend --stress, or leave it out.",
        )
    return tuple(sorted(given | {ONE}))


def stress(
    config: RunConfig,
    inputs: Inputs,
    *,
    quotes: Sequence[FeedQuote],
    multiples: Iterable[Decimal],
    base: tuple[RunSummary, list[str]],
    run: Run,
) -> tuple[StressRun, ...]:
    """Return a row a multiple; the base run is not made again. `run(config, quotes, layout)` makes one."""
    rows = []
    for multiple in multiples:
        if multiple == ONE:
            rows.append(stress_run(base[0], multiple=multiple, failure="; ".join(base[1])))
            continue
        dearer = with_costs(config, multiple)
        feed = quotes if bar_spec_of(config.data) is not None else widened(quotes, multiple, limits=inputs.market_limits)
        with tempfile.TemporaryDirectory(prefix="sluice-stress-") as scratch:
            try:
                summary, failures = run(dearer, feed, Layout(directory=Path(scratch) / "run"))
            except RecordCorrupt as error:  # an account that does not cover its orders at these costs
                rows.append(StressRun(multiple=multiple, failure=f"{error.code}: {error.found}"))
                continue
            rows.append(stress_run(summary, multiple=multiple, failure="; ".join(failures)))
    return tuple(rows)


def widened(quotes: Iterable[FeedQuote], multiple: Decimal, *, limits: Mapping[str, MarketLimits]) -> list[FeedQuote]:
    """Return quotes with their half spread times `multiple` around the same mid, bid rounded down and ask up to the tick.

    A spread of 0 times closes it to the ticks around the mid. A bid never goes below one tick.
    """
    made = []
    for quote in quotes:
        tick = limits[quote.symbol].tick_size
        mid = (quote.bid + quote.ask) / 2
        half = (quote.ask - quote.bid) / 2 * multiple
        bid = ((mid - half) / tick).to_integral_value(ROUND_FLOOR) * tick
        ask = ((mid + half) / tick).to_integral_value(ROUND_CEILING) * tick
        made.append(msgspec.structs.replace(quote, bid=max(bid, tick), ask=ask))
    return made
