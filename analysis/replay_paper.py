"""Paper against real of a replayed run: fills against the book they met, and the cost tree's whole against profit and loss.

What the targets would have earned at their decision prices, less what the fills earned after fees, must be the tree's total to
the digit (docs/costs.md); it is summed here again from the lines of the log, fill by fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from analysis.cost_tree import order_costs
from analysis.log_store import LogStore
from analysis.paper_check import check_paper
from analysis.replay_cause import Market
from lakehouse import records
from orders.exact import exact_arithmetic
from orders.values import Record, Side

ZERO: Final = Decimal(0)
WISHES: Final = """
SELECT c.order_id, c.side, c.wanted, c.paper, coalesce(c.end_move, 0) AS end_move, o.unit, o.fees, c.endless, o.total
FROM cost_rows c JOIN order_costs o
  ON o.seq = c.seq AND o.line IS NOT DISTINCT FROM c.line AND o.order_id IS NOT DISTINCT FROM c.order_id
WHERE c.priced
"""


class PaperParity(Record, frozen=True, kw_only=True):
    """Fills: `judged` + `unknown` (no book) = `fills`; `better` than their book allowed; `score` 0 to 1, of judged notional.

    `unproven`: fills whose book the recorded quotes do not show at their instant. Base currency: `paper_base` and `real_base`
    (after fees) are profit and loss of the same wishes from their decision prices, `shortfall_base` the total of the cost tree;
    `left_out`: wishes without a price or a rate, in none of the three.
    """

    fills: int
    judged: int
    unknown: int
    better: int
    unproven: int
    score: Decimal | None
    gained_bps: Decimal | None
    paper_base: Decimal
    real_base: Decimal
    shortfall_base: Decimal
    left_out: int

    @property
    def adds_up(self) -> bool:
        """Whether the tree explains the whole difference."""
        return self.paper_base - self.real_base == self.shortfall_base


def paper_parity(store: LogStore, lines: Sequence[records.AnyLine], *, market: Market, quotes: str | None = None) -> PaperParity:
    """Return the check of one run: `store` holds it, `lines` are its lines, `market` the quotes that were recorded.

    `quotes`: as of `order_costs`."""
    order_costs(store, quotes=quotes)
    check = check_paper(store)
    fills = [line for line in lines if isinstance(line, records.Fill)]
    unproven = sum(
        not market.shown(line.symbol, line.fill_bid, line.fill_ask, from_ns=line.event_ns, to_ns=line.ts_ns)
        for line in fills
        if line.fill_bid is not None and line.fill_ask is not None
    )
    paper, real, whole, left_out = _profits(store, lines, fills)
    return PaperParity(
        fills=check.fills,
        judged=check.judged,
        unknown=check.unknown,
        better=check.better,
        unproven=unproven,
        score=check.score,
        gained_bps=check.gained_bps,
        paper_base=paper,
        real_base=real,
        shortfall_base=whole,
        left_out=left_out,
    )


def _profits(
    store: LogStore, lines: Sequence[records.AnyLine], fills: Sequence[records.Fill]
) -> tuple[Decimal, Decimal, Decimal, int]:
    parents = {
        line.client_order_id: line.parent_client_order_id or line.client_order_id
        for line in lines
        if isinstance(line, records.Intent)
    }
    by_order: dict[str, list[records.Fill]] = {}
    for fill in fills:
        by_order.setdefault(parents.get(fill.client_order_id, fill.client_order_id), []).append(fill)
    paper = real = whole = ZERO
    left_out = 0
    with exact_arithmetic():
        for order_id, side, wanted, start, end_move, unit, fees, endless, total in store.rows(WISHES):
            if unit is None or fees is None or total is None or endless:
                left_out += 1
                continue
            sign = Side(side).sign
            end = start + sign * end_move
            paper += wanted * end_move * unit
            for fill in by_order.get(order_id, ()):
                real += sign * Decimal(fill.quantity) * (end - Decimal(fill.price)) * unit
            real -= fees
            whole += total
    return paper, real, whole, left_out
