"""What a preview of a plan is judged with beside its snapshots: the counts of the log, as a run that starts would find them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from engine.baseline import baseline_of
from engine.day_turnover import DayTurnover
from engine.run_config import RunConfig
from engine.volumes_in import load_volumes
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.ledger_format import BadLine
from lakehouse.rebuild import LogFold
from lakehouse.segments import Segments
from orders.errors import StorageError
from orders.plan import Plan, PlanInputs
from orders.valuation import Marks
from sentinel.facts import Reference
from sentinel.fill_drift import FillDrift
from sentinel.limits import SentinelLimits
from sentinel.loss import observe
from sentinel.rates import MessageRates
from sentinel.repeats import Repeats
from sentinel.standing import Standing

LOG_BYTES_MAX: Final = 64_000_000  # a preview reads no longer log than this, about ten seconds
ZERO: Final = Decimal(0)


def fold_of(directory: Path) -> LogFold:
    """Return what a data directory's log says; nothing of one that is absent, very long, or not whole (see `sluice verify`)."""
    layout = Layout(directory)
    try:
        with Segments(layout.log) as log:
            short = log.size <= LOG_BYTES_MAX
        if short:
            return examine(layout).fold
    except (OSError, StorageError, BadLine):
        pass
    return LogFold()


def standing_of(
    config: RunConfig,
    made: Plan,
    *,
    inputs: PlanInputs,
    limits: SentinelLimits,
    generated_ns: int | None,
    real_now_ns: int,
) -> Standing:
    """Return the counts beside a plan, at `inputs.now_ns` of market time. Snapshots have one price a symbol, so none jumps.

    `generated_ns` None: not known, which denies. `real_now_ns`: the day of the messages. A preview is held against no arming.
    """
    fold, now = fold_of(config.lakehouse.directory), inputs.now_ns
    counted = fold.counted
    repeats, rates = Repeats(window_ns=limits.repeats_window_ns), MessageRates(limits)
    drift = FillDrift(window_ns=limits.fill_drift_window_ns)
    for symbol, instants in counted.parents.items():
        for instant in instants:
            repeats.count(symbol, instant)
    for symbol, fills in counted.own_fills.items():
        for instant, price in fills:
            drift.fill(symbol, price, instant)
    for venue, (day, count) in counted.messages.items():
        rates.restore(venue, day=day, count=count)
    symbols = {line.symbol for line in made.lines if line.trades}
    oldest = {symbol: found for symbol in symbols if (found := drift.oldest(symbol, now)) is not None}
    return Standing(
        market_now_ns=now,
        equity_ns=now,
        automatic=True,
        repeats=repeats.within(symbols, now),
        disabled=frozenset(counted.disabled),
        messages_left={venue: rates.left_today(venue, real_now_ns) for venue in config.venues},
        turnover_today_base=DayTurnover(fold).base_of(market_ns=now, rate_of=Marks.of_inputs(inputs).rate),
        baseline=observe(baseline_of(counted.equity), equity_base=made.equity_base, market_ns=now),
        volumes=load_volumes(config),
        earlier={symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in inputs.quotes.items()},
        own_fills={symbol: Reference(price=price, ts_ns=instant) for symbol, (instant, price) in oldest.items()},
        reducing_units=_reducing(inputs),
        generated_ns=generated_ns,
        newest_generated_ns=generated_ns if counted.newest_generated_ns is None else counted.newest_generated_ns,
        market_limits=inputs.limits,
        armed=None,
        capital=inputs.capital,
    )


def _reducing(inputs: PlanInputs) -> Mapping[str, Decimal]:
    units: dict[str, Decimal] = {}
    for order in inputs.open_orders:
        if inputs.book.held(order.symbol) * order.side.sign < 0:
            units[order.symbol] = units.get(order.symbol, ZERO) + order.leaves_quantity
    return units
