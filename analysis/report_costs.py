"""Parts of a report about money: the cost tree, costs by any keys, the worst orders. They only sum what `order_costs` says."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.cost_groups import CELL_KEYS, WINNER, financing_costs, group_costs
from analysis.cost_names import COMPONENTS, TRADING
from analysis.exact_inputs import ratio_bps
from analysis.intervals import UNITS_MAX, ratio_interval, too_small
from analysis.log_store import LogStore
from analysis.report_table import Table, table
from analysis.report_text import counted, money
from orders.exact import exact_arithmetic

ZERO: Final = Decimal(0)
INTERVALS_MAX: Final = 24  # groups that get an interval, the largest first: as many as are drawn
WORST: Final = 10
OPPORTUNITIES: Final = tuple(name for name in COMPONENTS if name.startswith("opportunity_"))


def cost_tree(store: LogStore) -> Table:
    """Return every node of the tree: amounts in base currency, above 0 is a cost, bps of the decision notional of all wishes.

    A node's amount is the exact sum of those below it. Financing stands beside the tree and is in no node of it.
    """
    groups = group_costs(store)
    financing = financing_costs(store)
    if not groups:
        return table("cost_tree", ("node", "below", "amount_base", "cost_bps"), [])
    whole = groups[0]
    amounts, notional = whole.amounts, whole.decision_notional
    nodes: list[tuple[str, str, Decimal]] = [("delay", "total", amounts["delay"]), ("trading", "total", whole.trading)]
    nodes += [(name, "trading", amounts[name]) for name in TRADING]
    nodes.append(("opportunity", "total", whole.opportunity))
    nodes += [(name, "opportunity", amounts[name]) for name in OPPORTUNITIES]
    nodes += [("fees", "total", amounts["fees"]), ("total", "", whole.total)]
    kinds = sorted({one.kind for one in financing if one.base is not None})
    with exact_arithmetic():
        beside = [
            (kind, sum((one.base for one in financing if one.kind == kind and one.base is not None), ZERO)) for kind in kinds
        ]
    nodes += [(kind, "beside", amount) for kind, amount in beside]
    rows = [(name, parent, amount, _bps(amount, notional)) for name, parent, amount in nodes]
    return table("cost_tree", ("node", "below", "amount_base", "cost_bps"), [*rows, ("decision notional", "", notional, None)])


def costs_by(store: LogStore, *, keys: Sequence[str], seed: int) -> Table:
    """Return the costs of each group of orders by `keys`, the largest notional first.

    `low_bps`, `high_bps`: 95 % interval of the total by seeded bootstrap over the group's orders; None where the group is too
    small to judge, stands behind the first `INTERVALS_MAX`, or is a winner's (whose part of an order is no order).
    Raises `ConfigError` BY_UNKNOWN.
    """
    groups = group_costs(store, by=keys)
    groups.sort(key=lambda group: -group.decision_notional)  # stable: equal ones stay in the order of their keys
    samples = {} if WINNER in keys else _samples(store, keys, min(len(groups), INTERVALS_MAX))
    rows: list[Sequence[Any]] = []
    for group in groups:
        sample = samples.get(group.key)
        small = too_small(group.wishes)
        interval = None
        if sample is not None and not small:
            interval = ratio_interval(*sample, seed=seed, name="\n".join(str(part) for part in group.key))
        low, high = (None, None) if interval is None else (interval.low, interval.high)
        amounts = [group.amounts[name] for name in COMPONENTS]
        figures = (group.orders, group.wishes, group.decision_notional, group.traded, *amounts, group.total)
        rows.append((*group.key, *figures, _bps(group.total, group.decision_notional), low, high, small))
    head = (*keys, "orders", "wishes", "decision_notional_base", "traded_base", *(f"{name}_base" for name in COMPONENTS))
    return table(f"costs_by_{'_'.join(keys)}", (*head, "total_base", "total_bps", "low_bps", "high_bps", "too_small"), rows)


def _samples(store: LogStore, keys: Sequence[str], groups: int) -> dict[tuple[Any, ...], tuple[list[float], list[float]]]:
    """Return (total, decision notional) of the rows of the largest groups, by group: summed in turn into `UNITS_MAX` units.

    Sums are exact; they are made DOUBLE at the end, because that is slow.
    """
    names = ", ".join(f'"{key}"' for key in keys)
    cells = "cost_cells" if set(keys) <= set(CELL_KEYS) else "order_costs WHERE total IS NOT NULL"
    same = " AND ".join(f'o."{key}" IS NOT DISTINCT FROM l."{key}"' for key in keys)
    found = store.rows(
        f"""WITH largest AS (SELECT {names} FROM {cells} GROUP BY {names}
              ORDER BY sum(decision_notional) DESC NULLS LAST, {names} LIMIT {groups}),
            one AS (SELECT {names}, total, decision_notional,
              (row_number() OVER (PARTITION BY {names} ORDER BY seq, line) - 1) % {UNITS_MAX} AS unit
              FROM order_costs o SEMI JOIN largest l ON {same} WHERE total IS NOT NULL AND decision_notional IS NOT NULL),
            units AS (SELECT {names}, unit, CAST(sum(total) AS DOUBLE) AS total,
              CAST(sum(decision_notional) AS DOUBLE) AS notional FROM one GROUP BY {names}, unit)
            SELECT {names}, list(total ORDER BY unit), list(notional ORDER BY unit) FROM units GROUP BY {names}"""
    )
    return {row[: len(keys)]: (row[-2], row[-1]) for row in found}


def worst_orders(store: LogStore) -> Table:
    """Return the ten orders that cost most in base currency, the worst first; `log_line`: of the intent."""
    columns = ", ".join(f'"{name}"' for name in COMPONENTS)
    worst = store.rows(
        f"SELECT order_id, seq FROM order_costs WHERE order_id IS NOT NULL ORDER BY total DESC NULLS LAST, seq LIMIT {WORST}"
    )
    rank = {order_id: number for number, (order_id, _) in enumerate(worst)}
    lines = ", ".join(str(seq) for _, seq in worst) or "NULL"  # told as numbers: only these rows' amounts are worked out
    found = store.rows(
        f"""SELECT order_id, seq, market_ns, cycle, symbol, venue, side, schedule, state, decision_notional, {columns}
            FROM order_costs WHERE seq IN ({lines}) AND order_id IN (SELECT unnest(CAST(? AS VARCHAR[])))""",
        [list(rank)],
    )
    found.sort(key=lambda row: rank[row[0]])
    rows = []
    for row in found:
        notional, amounts = _money(row[9]), [_money(part) for part in row[10:]]
        with exact_arithmetic():
            total = sum(amounts, ZERO)
        rows.append((*row[:9], notional, *amounts, total, _bps(total, notional)))
    head = (
        "order_id",
        "log_line",
        "market_ns",
        "cycle",
        "symbol",
        "venue",
        "side",
        "schedule",
        "state",
        "decision_notional_base",
    )
    return table("worst_orders", (*head, *(f"{name}_base" for name in COMPONENTS), "total_base", "total_bps"), rows)


def left_out(store: LogStore) -> tuple[str, ...]:
    """Return in words what the sums of costs leave out, each with its count; nothing where nothing is."""
    said = []
    for whole in group_costs(store):
        for count, one, many, why in (
            (whole.unvalued, "wish or order", "wishes or orders", "without a rate to the base currency: not in the sums"),
            (whole.unpriced, "wish", "wishes", "without a price: it cannot be said what was missed"),
            (
                whole.endless,
                "wish or order",
                "wishes or orders",
                "without a price afterwards: what was missed is not in the sums",
            ),
            (whole.undecided, "wish or order", "wishes or orders", "without a decision price: measured from arrival, no delay"),
            (whole.unsplit_fills, "fill", "fills", "whose book is not in the log: spread, impact and timing stay one sum"),
        ):
            if count:
                said.append(f"{counted(count, one, many)} {why}.")
    for beside in financing_costs(store):
        if beside.base is None:
            said.append(
                f"{beside.kind} of {money(-beside.amount, beside.currency)} has no rate to the base currency: not in the sums."
            )
    return tuple(said)


def _money(value: Decimal | None) -> Decimal:
    return ZERO if value is None else value


def _bps(amount: Decimal, notional: Decimal) -> Decimal | None:
    return ratio_bps(amount, notional) if notional else None
