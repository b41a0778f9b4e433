"""The cost tree by any keys: exact sums of `order_costs`, with what could not be measured counted beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.cost_names import COMPONENTS, TRADING, Opportunity
from analysis.exact_inputs import ratio_bps
from analysis.log_store import LogStore
from orders.attribution import split_amount
from orders.errors import ConfigError
from orders.exact import exact_arithmetic
from orders.values import Record

ZERO: Final = Decimal(0)
WINNER: Final = "winner"
UNATTRIBUTED: Final = ""
KEYS: Final = (
    "order_id",
    "plan_sha256",
    "cycle",
    "symbol",
    "venue",
    "side",
    "schedule",
    "source_run",
    "run_id",
    "state",
    "reason",
)
"""Columns costs may be grouped by; "winner" besides."""
OPPORTUNITIES: Final = tuple(f"opportunity_{name}" for name in Opportunity)
MONEY: Final = ("decision_notional", "traded", *COMPONENTS)
COUNTS: Final[Mapping[str, str]] = {
    "wishes": "count(*)",
    "orders": "count(*) FILTER (order_id IS NOT NULL)",
    "fills": "coalesce(sum(fills), 0)",
    "unvalued": "count(*) FILTER (delay IS NULL OR fees IS NULL)",
    "unpriced": "count(*) FILTER (NOT priced)",
    "endless": "count(*) FILTER (endless)",
    "undecided": "count(*) FILTER (NOT decided)",
    "unsplit_fills": "coalesce(sum(fills - split_fills), 0)",
}
DONE: Final[Mapping[str, str]] = {
    "planned_rows": "count(*) FILTER (planned > 0)",
    "filled_rows": "count(*) FILTER (state = 'filled')",
    "denied_rows": "count(*) FILTER (denied)",
    "rejected_rows": "count(*) FILTER (rejected)",
    "unknown_rows": "count(*) FILTER (unknown)",
    "planned_sum": "sum(planned_notional)",
    "filled_sum": "sum(filled_notional)",
    "traded_sum": "sum(traded)",
    "maker_sum": "sum(maker_traded)",
}
"""What `execution_ratios` are made of, beside `fills` and `orders` of `COUNTS`."""
CELL_KEYS: Final = ("venue", "symbol")
_KNOWN: Final = [f'sum("{name}") FILTER (delay IS NOT NULL AND fees IS NOT NULL)' for name in MONEY]
CELLS: Final = f"""
CREATE OR REPLACE TEMP TABLE cost_cells AS
SELECT {", ".join(CELL_KEYS)}, {", ".join(f'{known} AS "{name}"' for known, name in zip(_KNOWN, MONEY, strict=True))},
  sum(total) AS total, {", ".join(f"{count} AS {name}" for name, count in COUNTS.items())},
  {", ".join(f"{asked} AS {name}" for name, asked in DONE.items())}
FROM order_costs GROUP BY {", ".join(CELL_KEYS)}
"""
"""Sums by venue and symbol: a table of `cost_tree.order_costs`, from which coarser sums are taken without its rows."""


class CostGroup(Record, frozen=True, kw_only=True):
    """Costs of the rows with one `key`, exact, above 0 is a cost; `amounts` by the names of `COMPONENTS` sum to `total`.

    `orders`: rows that became orders; `wishes`: all rows. `decision_notional`: wanted x paper price, which `total_bps` is of
    (rounded half-even to 12 places; None where it is zero); `traded`: at fill prices. In quote currency, and where exact ones do
    not fit 38 digits, each row's notional is rounded to 12 places.

    Counted, because a sum does not show it: `unvalued` (no rate, no part of the sums), `unpriced` (a wish without size),
    `endless` (no price after it, its opportunity is left out), `undecided` (no decision price: measured from arrival, without
    delay), `unsplit_fills` (their book is not in the log). Of winners the counts are of rows they have a part in.
    """

    key: tuple[Any, ...]
    amounts: Mapping[str, Decimal]
    total: Decimal
    total_bps: Decimal | None
    decision_notional: Decimal
    traded: Decimal
    wishes: int
    orders: int
    fills: int
    unvalued: int
    unpriced: int
    endless: int
    undecided: int
    unsplit_fills: int

    @property
    def trading(self) -> Decimal:
        """Spread, impact, timing and what could not be split, exact."""
        with exact_arithmetic():
            return sum((self.amounts[name] for name in TRADING), ZERO)

    @property
    def opportunity(self) -> Decimal:
        """All that was wanted and not traded, exact."""
        with exact_arithmetic():
            return sum((self.amounts[name] for name in OPPORTUNITIES), ZERO)


def group_costs(store: LogStore, *, by: Sequence[str] = (), view: str = "order_costs") -> list[CostGroup]:
    """Return a group for each value of the keys `by`, in the order of the keys; without keys the whole, one group.

    `view`: `order_costs`, or `order_costs_quote`, which is then grouped by quote currency first. `order_costs` has been made.
    Raises `ConfigError` BY_UNKNOWN.
    """
    for asked in by:
        if asked not in (*KEYS, WINNER):
            raise ConfigError(
                "BY_UNKNOWN", expected=f"one of {', '.join((*KEYS, WINNER))}", found=asked, action="Name others after --by."
            )
    keys = ["quote_currency", *by] if view == "order_costs_quote" else list(by)
    names, counts_of = _KNOWN, list(COUNTS.values())
    if view == "order_costs" and set(by) <= set(CELL_KEYS):
        view, names = "cost_cells", [f'sum("{name}")' for name in MONEY]
        counts_of = [f"coalesce(sum({name}), 0)" for name in COUNTS]
    columns = [_by_winner() if key == WINNER else f'"{key}"' for key in keys]
    told = ", ".join([*columns, *names, *counts_of])
    grouped = f"GROUP BY {', '.join(str(number) for number in range(1, len(keys) + 1))}" if keys else ""
    found = store.rows(f"SELECT {told} FROM {view} {grouped}")
    groups: dict[tuple[Any, ...], _Sums] = {}
    key: tuple[Any, ...]
    for row in found:
        key, money, counts = row[: len(keys)], row[len(keys) : len(keys) + len(MONEY)], row[len(keys) + len(MONEY) :]
        amounts = [ZERO if value is None else value for value in money]
        if WINNER not in keys:
            groups.setdefault(key, _Sums()).add(amounts, counts)
            continue
        at = keys.index(WINNER)
        for winner, part in _split(key[at], amounts).items():
            groups.setdefault((*key[:at], winner, *key[at + 1 :]), _Sums()).add(part, counts)
    return [groups[key].group(key) for key in sorted(groups, key=lambda key: [(part is not None, part) for part in key])]


class FinancingGroup(Record, frozen=True, kw_only=True):
    """What holding cost, beside the tree: above 0 is a cost. `base` None: no rate of the currency is in the log."""

    venue: str
    kind: str
    symbol: str | None
    currency: str
    periods: int
    amount: Decimal
    base: Decimal | None


def financing_costs(store: LogStore) -> list[FinancingGroup]:
    """Return financing by venue, kind, symbol (None: interest) and currency, exact; base at the newest rate the log has of it.

    `order_costs` has been made. With it the tree is the whole of paper minus real profit.
    """
    found = store.rows(
        """SELECT venue, kind, symbol, currency, count(*), -sum(amount), any_value(rate_base) FROM (
             SELECT f.*, r.rate AS rate_base FROM financing f LEFT JOIN cost_rates r USING (currency))
           GROUP BY venue, kind, symbol, currency ORDER BY venue, kind, symbol NULLS FIRST, currency"""
    )
    groups = []
    for venue, kind, symbol, currency, periods, amount, rate in found:
        with exact_arithmetic():
            base = None if rate is None else amount * rate
        groups.append(
            FinancingGroup(venue=venue, kind=kind, symbol=symbol, currency=currency, periods=periods, amount=amount, base=base)
        )
    return groups


class _Sums:
    def __init__(self) -> None:
        self.money = [ZERO] * len(MONEY)
        self.counts = [0] * len(COUNTS)

    def add(self, money: Sequence[Decimal], counts: Sequence[int]) -> None:
        with exact_arithmetic():
            self.money = [one + other for one, other in zip(self.money, money, strict=True)]
        self.counts = [one + int(other) for one, other in zip(self.counts, counts, strict=True)]

    def group(self, key: tuple[Any, ...]) -> CostGroup:
        amounts = dict(zip(MONEY, self.money, strict=True))
        notional, traded = amounts.pop("decision_notional"), amounts.pop("traded")
        with exact_arithmetic():
            total = sum(amounts.values(), ZERO)
        return CostGroup(
            key=key,
            amounts=amounts,
            total=total,
            total_bps=ratio_bps(total, notional) if notional else None,
            decision_notional=notional,
            traded=traded,
            **dict(zip(COUNTS, self.counts, strict=True)),
        )


def _by_winner() -> str:
    """A group key: the name where one winner alone is behind a row, else all of them with their weights, as JSON."""
    keys = "json_keys(attribution)"
    several = f"WHEN len({keys}) = 1 THEN {keys}[1] ELSE CAST(attribution AS VARCHAR)"
    return f"CASE WHEN attribution IS NULL OR len({keys}) = 0 THEN '{{}}' {several} END"


def _split(told: str, amounts: Sequence[Decimal]) -> dict[str, list[Decimal]]:
    """Winner -> its part of the amounts: winners on the side of the net weight pay in proportion, the others were crossed inside.

    The parts sum to the amounts exactly (`orders.attribution.split_amount`); the unattributed have an empty name.
    """
    if not told.startswith("{"):
        return {told: list(amounts)}
    weights = {winner: Decimal(text) for winner, text in json.loads(told).items()}
    with exact_arithmetic():
        net = sum(weights.values(), ZERO)
        paying = {winner: weight for winner, weight in weights.items() if weight * net > 0}
    if not paying:
        return {UNATTRIBUTED: list(amounts)}
    parts: dict[str, list[Decimal]] = {winner: [] for winner in paying}
    for amount in amounts:
        for winner, part in split_amount(amount, paying).items():
            parts[winner].append(part)
    return parts
