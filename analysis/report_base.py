"""What every part of a report reads: fills and intents of a log as two tables, made once, so that the log is read once for each.

An order is what a plan line asked for: of a schedule the parent, whose children's fills are its own.
"""

from __future__ import annotations

from typing import Final

from analysis.log_store import LogStore

FILLS: Final = """
CREATE OR REPLACE TEMP {kind} report_fills AS
SELECT f.seq, f.ts_ns, f.market_ns, f.run_id, f.client_order_id,
  coalesce(i.parent_client_order_id, f.client_order_id) AS order_id,
  f.trade_id, f.venue, f.symbol, f.side, f.quantity, f.price, f.multiplier, f.notional_quote, f.quote_currency, f.base_currency,
  f.fee, f.fee_currency, f.liquidity, f.order_kind, coalesce(p.schedule, i.schedule, 'at_once') AS schedule, f.cycle, f.line,
  f.source_run, f.order_quantity, f.decision_price, f.arrival_bid, f.arrival_ask, f.arrival_mid, f.fill_bid, f.fill_ask,
  f.manifest_written_ns, f.manifest_read_ns, f.planned_ns, f.approved_ns, f.intent_durable_ns, f.sent_ns, f.acked_ns, f.event_ns
FROM fills f LEFT JOIN report_intents i USING (client_order_id)
LEFT JOIN report_intents p ON p.client_order_id = i.parent_client_order_id
"""

INTENTS: Final = """
CREATE OR REPLACE TEMP TABLE report_intents_told AS
SELECT client_order_id, parent_client_order_id, child, seq, ts_ns, market_ns, run_id, cycle, line, symbol, venue, side, quantity,
  order_kind, limit_price, schedule, source_run, decision_price, arrival_bid, arrival_ask, arrival_mid, arrival_ns, planned_ns
FROM intents
"""


AGAIN: Final = """
CREATE OR REPLACE TEMP TABLE intended_again AS
SELECT client_order_id, min(seq) AS first_seq FROM report_intents_told GROUP BY client_order_id HAVING count(*) > 1
"""
ONCE: Final = """
CREATE OR REPLACE TEMP VIEW report_intents AS
SELECT i.* FROM report_intents_told i LEFT JOIN intended_again g USING (client_order_id)
WHERE g.first_seq IS NULL OR i.seq = g.first_seq
"""
# an order that is intended again would have every fill twice: the first counts (`contradictions`)


def make_base(store: LogStore) -> None:
    """Make `report_intents` and `report_fills`: a table where every question would read the log's text again, else a view.

    A million fills as a table take all the memory there is; of a copy in columns a question reads what it needs.
    Raises what the store raises of a broken line."""
    with store.named_faults():
        for statement in (INTENTS, AGAIN, ONCE):
            store.connection.execute(statement)
        store.connection.execute(FILLS.format(kind="VIEW" if store.in_columns else "TABLE"))
