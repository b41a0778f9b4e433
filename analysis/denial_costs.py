"""What the Sentinel's no cost: orders it denied and quantities it made smaller, by control, at what the market did afterwards.

Counterfactual: s x Q x (P_end - P_decision), the opportunity of the cost tree (`analysis.cost_tree`) for exactly the units a
control held back. Above 0 the denial cost something, below 0 it saved it: fees and what the order itself would have moved are not
in it. P_end is the next plan's decision price of the symbol, after the last plan the newest mid.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from analysis.cost_names import NOT_RELEASED
from analysis.exact_inputs import ratio_bps
from analysis.intervals import too_small
from analysis.log_store import LogStore
from analysis.report_table import Table, table
from orders.exact import exact_arithmetic
from sentinel.register import control_of

ZERO: Final = Decimal(0)
DENIED: Final = "denied"
RESIZED: Final = "resized"
COLUMNS: Final = ("code", "control", "what", "orders", "notional_base", "cost_base", "cost_bps", "unpriced", "too_small")
_WAITED: Final = ", ".join(f"'{reason}'" for reason in NOT_RELEASED)

ROWS: Final = f"""
WITH parent AS (SELECT client_order_id, coalesce(parent_client_order_id, client_order_id) AS order_id FROM cost_intents),
  gate AS (SELECT p.order_id, arg_min(r.code, r.seq) AS code FROM rejects r JOIN parent p USING (client_order_id)
    WHERE r."by" <> 'venue' GROUP BY p.order_id),
  skipped AS (SELECT cycle, line, arg_min(reason, seq) AS code FROM skips WHERE reason NOT IN ({_WAITED}) GROUP BY cycle, line),
  judged AS (SELECT cycle, arg_max(code, seq) AS code FROM plans WHERE decision <> 'PLAN' GROUP BY cycle),
  said AS (SELECT cycle, unnest(CAST(verdicts AS JSON[])) AS one FROM plans),
  smaller AS (SELECT cycle, CAST(one ->> 'line' AS BIGINT) AS line, arg_max(one ->> 'control', one ->> 'control') AS code
    FROM said WHERE one ->> 'outcome' = 'RESIZE' GROUP BY 1, 2),
  sent AS (SELECT client_order_id AS order_id, quantity FROM cost_intents WHERE child = 0)
SELECT coalesce(g.code, j.code, k.code, 'SENTINEL') AS denied_by, m.code AS resized_by, o.denied, c.planned, c.filled,
  coalesce(s.quantity, c.planned) AS asked, c.paper, c.end_move, o.unit
FROM order_costs o
JOIN cost_rows c ON c.seq = o.seq AND c.cycle IS NOT DISTINCT FROM o.cycle AND c.line IS NOT DISTINCT FROM o.line
LEFT JOIN gate g ON g.order_id = o.order_id LEFT JOIN skipped k ON k.cycle = o.cycle AND k.line = o.line
LEFT JOIN judged j ON j.cycle = o.cycle LEFT JOIN smaller m ON m.cycle = o.cycle AND m.line = o.line
LEFT JOIN sent s ON s.order_id = o.order_id
WHERE o.denied OR m.code IS NOT NULL
"""


class _Sum:
    def __init__(self) -> None:
        self.orders = self.unpriced = 0
        self.notional = self.priced = self.cost = ZERO

    def add(self, units: Decimal, *, paper: Decimal | None, end_move: Decimal | None, unit: Decimal | None) -> None:
        """Count one order's units that were held back."""
        self.orders += 1
        worth = None if paper is None or unit is None else units * paper * unit
        self.notional += worth or ZERO
        if worth is None or end_move is None or unit is None:
            self.unpriced += 1
            return
        self.priced += worth
        self.cost += units * end_move * unit


def denial_costs(store: LogStore) -> Table:
    """Return the sums by reason code and what was done, the largest notional first; `order_costs` has been made.

    `cost_bps` is of the notional that has a price afterwards; `unpriced` orders are in no cost. A group of few orders is
    `too_small` to judge.
    """
    sums: dict[tuple[str, str], _Sum] = {}
    with exact_arithmetic():
        for denied_by, resized_by, denied, planned, filled, asked, paper, end_move, unit in store.rows(ROWS):
            at: dict[str, Any] = {"paper": paper, "end_move": end_move, "unit": unit}
            smaller = planned - asked if resized_by is not None and asked < planned else ZERO
            if smaller > 0:
                sums.setdefault((resized_by, RESIZED), _Sum()).add(smaller, **at)
            if denied and (left := planned - smaller - filled) > 0:
                sums.setdefault((denied_by, DENIED), _Sum()).add(left, **at)
    rows = [_row(code, what, one) for (code, what), one in sums.items()]
    rows.sort(key=lambda row: (-row[4], row[0], row[2]))
    return table("denials", COLUMNS, rows)


def _row(code: str, what: str, one: _Sum) -> tuple[Any, ...]:
    known = control_of(code)
    judged = one.orders > one.unpriced
    return (
        code,
        "" if known is None else known.name,
        what,
        one.orders,
        one.notional,
        one.cost if judged else None,
        ratio_bps(one.cost, one.priced) if judged and one.priced else None,
        one.unpriced,
        too_small(one.orders),
    )
