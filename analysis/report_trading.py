"""Parts of a report about what was wanted and what came of it: refusals, weights, tracking error, prices and fills."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.log_store import LogStore
from analysis.report_table import Table, table

REASON_CHARS_MAX: Final = 300  # of a refusal's words; the log has the rest
SYMBOLS_DRAWN: Final = 12
FILLS_DRAWN: Final = 400  # of one symbol; the rest is counted on the page
MOST_TRADED: Final = f"""most AS (SELECT symbol, sum(traded_sum) AS traded FROM cost_cells GROUP BY symbol
  ORDER BY sum(traded_sum) DESC NULLS LAST, symbol LIMIT {SYMBOLS_DRAWN})"""
PRICES_MAX: Final = 240  # points of one symbol's line on a page

REFUSALS: Final = f"""
WITH heard AS (
  SELECT seq, 'order' AS what, CASE "by" WHEN 'sentinel' THEN 'control' ELSE "by" END AS refuser, code, message
  FROM rejects
  UNION ALL SELECT seq, 'plan', 'control', code, message FROM plans WHERE decision <> 'PLAN'
  UNION ALL SELECT seq, 'manifest', 'lakehouse', code, message FROM manifests WHERE decision <> 'ACCEPTED'
)
SELECT what, refuser, code, count(*), min(seq), max(seq), left(arg_min(message, seq), {REASON_CHARS_MAX})
FROM heard GROUP BY what, refuser, code ORDER BY count(*) DESC, what, refuser, code
"""

NOT_TRADED: Final = """
SELECT reason, count(*), sum(abs(notional_base)), min(seq), max(seq), arg_min(symbol || ' ' || text, seq)
FROM skips GROUP BY reason ORDER BY count(*) DESC, reason
"""

WEIGHTS: Final = """
WITH filled AS (
  SELECT cycle, line, sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) AS moved, min(seq) AS seq
  FROM report_fills GROUP BY cycle, line),
equity AS (SELECT seq, CAST(plan ->> 'equity_base' AS DECIMAL(38,10)) AS equity,
             CAST(plan ->> 'tracking_error_bps' AS DECIMAL(38,6)) AS planned_bps
           FROM plans WHERE plan IS NOT NULL AND decision = 'PLAN')
SELECT l.cycle, l.seq, l.market_ns, l.symbol, sum(l.target_weight), sum(l.held_weight),
  sum(l.held_weight) + sum(coalesce(
    CAST(f.moved AS DOUBLE) * CAST((l.bid + l.ask) / 2 AS DOUBLE) * CAST(l.unit_value_base AS DOUBLE), 0))
    / any_value(CAST(e.equity AS DOUBLE)),
  any_value(e.planned_bps)
FROM plan_lines l JOIN equity e USING (seq) LEFT JOIN filled f ON f.cycle = l.cycle AND f.line = l.line
GROUP BY l.cycle, l.seq, l.market_ns, l.symbol ORDER BY l.seq, l.symbol
"""


def refusals(store: LogStore) -> Table:
    """Return what was refused by whom and why: orders by controls and venues, plans, manifests; with the first words and line."""
    return table("refusals", ("what", "by", "code", "count", "first_line", "last_line", "first_message"), store.rows(REFUSALS))


def not_traded(store: LogStore) -> Table:
    """Return the plan lines that were not traded, by reason."""
    return table(
        "not_traded", ("reason", "lines", "notional_base", "first_line", "last_line", "first_text"), store.rows(NOT_TRADED)
    )


def weights(store: LogStore) -> tuple[Table, Table]:
    """Return target, held and achieved weights of each plan by symbol, and each plan's tracking errors.

    All are fractions of the plan's equity at the plan's prices: achieved is what was held plus what its orders filled.
    Tracking error: half the sum of |weight - target|, in bps of equity, before the plan, as planned, and as filled. A line
    without a price has no held weight; it is left out and counted in `unpriced`. Of a plan without any, errors are None.
    """
    rows: list[Sequence[Any]] = []
    plans: dict[int, list[Any]] = {}
    for cycle, seq, market_ns, symbol, target, held, achieved, planned in store.rows(WEIGHTS):
        reached = None if achieved is None else Decimal(f"{achieved:.9f}")
        rows.append((cycle, seq, market_ns, symbol, target, held, reached))
        sums = plans.setdefault(seq, [cycle, market_ns, Decimal(0), planned, Decimal(0), 0, 0])
        if held is None or reached is None:
            sums[5] += 1
            continue
        sums[6] += 1
        sums[2] += abs(held - target) * 5_000
        sums[4] += abs(reached - target) * 5_000
    tracking = [
        (
            cycle,
            seq,
            market_ns,
            *((None, planned, None) if not priced else (round(before, 3), planned, round(after, 3))),
            unpriced,
        )
        for seq, (cycle, market_ns, before, planned, after, unpriced, priced) in plans.items()
    ]
    return (
        table("weights", ("cycle", "log_line", "market_ns", "symbol", "target_weight", "held_weight", "achieved_weight"), rows),
        table(
            "tracking_error",
            ("cycle", "log_line", "market_ns", "before_bps", "planned_bps", "achieved_bps", "unpriced"),
            tracking,
        ),
    )


def price_points(store: LogStore, *, quotes: str | None) -> Table:
    """Return mids of the symbols that are drawn, thinned to about `PRICES_MAX` a symbol; first and last of each stay.

    From the recorded quotes within the span of the log where there are any (`quotes`), else as the log saw them: at plans, at
    arrivals and in the books at fills. Between two points nothing is known.
    """
    seen = """SELECT symbol, market_ns, (bid + ask) * CAST(0.5 AS DECIMAL(2,1)) AS mid
        FROM plan_lines SEMI JOIN most USING (symbol)
        WHERE bid IS NOT NULL AND ask IS NOT NULL
      UNION ALL SELECT symbol, market_ns, (fill_bid + fill_ask) * CAST(0.5 AS DECIMAL(2,1)) FROM report_fills
        SEMI JOIN most USING (symbol) WHERE fill_bid IS NOT NULL AND fill_ask IS NOT NULL"""
    if quotes is not None:
        seen = f"SELECT symbol, market_ns, mid FROM {quotes} SEMI JOIN most USING (symbol)"
    rows = store.rows(
        f"""WITH {MOST_TRADED}, seen AS ({seen}),
        once AS (SELECT symbol, market_ns, min(mid) AS mid FROM seen GROUP BY symbol, market_ns),
        placed AS (SELECT *, row_number() OVER s AS n, count(*) OVER (PARTITION BY symbol) AS total FROM once
                   WINDOW s AS (PARTITION BY symbol ORDER BY market_ns))
        SELECT symbol, market_ns, mid FROM placed
        WHERE n = total OR (n - 1) % CAST(ceil(total / {PRICES_MAX}.0) AS BIGINT) = 0 ORDER BY symbol, market_ns"""
    )
    return table("prices", ("symbol", "market_ns", "mid"), [(s, t, _mid(m)) for s, t, m in rows])


def _mid(value: Any) -> Decimal:
    return Decimal(f"{value:.12f}").normalize() if isinstance(value, float) else value


def fills_drawn(store: LogStore) -> Table:
    """Return fills of the symbols traded most, the first `FILLS_DRAWN` of each; `fills` counts all of the symbol's."""
    rows = store.rows(
        f"""WITH big AS (SELECT symbol, count(*) AS total FROM report_fills GROUP BY symbol), {MOST_TRADED}
            SELECT f.symbol, f.market_ns, f.side, f.price, f.quantity, f.order_id, f.seq, f.venue, f.liquidity, b.total
            FROM report_fills f JOIN most USING (symbol) JOIN big b USING (symbol)
            QUALIFY row_number() OVER (PARTITION BY f.symbol ORDER BY f.seq) <= {FILLS_DRAWN}
            ORDER BY most.traded DESC, f.symbol, f.seq"""
    )
    names = ("symbol", "market_ns", "side", "price", "quantity", "order_id", "log_line", "venue", "liquidity", "fills")
    return table("fills", names, rows)
