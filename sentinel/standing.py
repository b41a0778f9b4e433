"""What has been counted up to now: the running facts that stateful controls judge a plan with."""

from __future__ import annotations

from collections.abc import Mapping, Set
from decimal import Decimal

from orders.capital import Capital
from orders.values import AverageVolume, MarketLimits, Record
from sentinel.armed import Room
from sentinel.loss import Baseline


class Reference(Record, frozen=True, kw_only=True):
    """What a price is held against: a decision price, an earlier mid, an own fill; `ts_ns` when it was true."""

    price: Decimal
    ts_ns: int


class Standing(Record, frozen=True, kw_only=True):
    """Counted by the engine and rebuilt from the log after a restart. What is absent or None is not known, and denies.

    `market_now_ns`: now in market time. `equity_ns`: when the plan's equity was true, on the clock of the quotes.
    `automatic` false: an operator's order, no parent that a strategy made. `repeats`: automatic parents of a symbol within the
    window; `disabled`: symbols that wait for a named person. `messages_left`: of the day, by venue. `turnover_today_base`:
    notional traded since the market day began. `volumes`: average daily volumes, dated in market time. `earlier`: the mid before
    the newest one, by symbol. `own_fills`: oldest own fill within its window; a symbol without one is absent, which is no lack.
    `reducing_units`: what approved and open orders already take off a position, by symbol; absent is none.
    `generated_ns` of the manifest, `newest_generated_ns` of all that were accepted: market time. `quoted`: symbols whose
    quantities are amounts of the quote currency (inverse contracts, orders by amount): their value does not depend on the price.
    `armed`: of a live run, by venue; None: nothing is armed and nothing asks for it. `capital`: of a promoted run, what it may
    use of equity; None: nothing governs it.
    """

    market_now_ns: int
    equity_ns: int
    automatic: bool
    repeats: Mapping[str, int]
    disabled: Set[str]
    messages_left: Mapping[str, int]
    turnover_today_base: Decimal | None
    baseline: Baseline | None
    volumes: Mapping[str, AverageVolume]
    earlier: Mapping[str, Reference]
    own_fills: Mapping[str, Reference]
    reducing_units: Mapping[str, Decimal]
    generated_ns: int | None
    newest_generated_ns: int | None
    market_limits: Mapping[str, MarketLimits]
    armed: Mapping[str, Room] | None
    capital: Capital | None
    quoted: Set[str] = frozenset()
