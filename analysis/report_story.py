"""The story of an order, from the manifest that wanted it to its last fill: the log's lines about it, in words, in order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from analysis.log_store import LogStore
from analysis.report_table import Table, table
from analysis.report_text import counted
from orders.canonical import decimal_text

EVENTS_MAX: Final = 40  # of one order; children beyond it are counted in words

EVENTS: Final = """
WITH wanted AS (SELECT unnest(CAST(? AS VARCHAR[])) AS order_id),
mine AS (SELECT i.*, coalesce(i.parent_client_order_id, i.client_order_id) AS order_id FROM report_intents i
         WHERE coalesce(i.parent_client_order_id, i.client_order_id) IN (SELECT order_id FROM wanted)),
orders AS (SELECT order_id, cycle, source_run FROM mine WHERE parent_client_order_id IS NULL),
opened AS (SELECT cycle, min(manifest_sha256) AS manifest_sha256, min(cause) AS cause FROM cycles GROUP BY cycle),
heard AS (
  SELECT o.order_id, m.seq, m.ts_ns, m.market_ns, 'manifest' AS event,
    [m.decision, coalesce(m.source_run, ''), coalesce(m.grade, ''), c.cause] AS facts
  FROM orders o JOIN opened c ON c.cycle = o.cycle
    JOIN (SELECT manifest_sha256, min(seq) AS seq, arg_min(ts_ns, seq) AS ts_ns, arg_min(market_ns, seq) AS market_ns,
      arg_min(decision, seq) AS decision, arg_min(source_run, seq) AS source_run, arg_min(grade, seq) AS grade
      FROM manifests WHERE decision = 'ACCEPTED' GROUP BY manifest_sha256) m ON m.manifest_sha256 = c.manifest_sha256
  UNION ALL SELECT o.order_id, p.seq, p.ts_ns, p.market_ns, 'plan', [CAST(p.cycle AS VARCHAR), p.decision, p.code, p.message]
  FROM orders o JOIN plans p ON p.cycle = o.cycle
  UNION ALL SELECT order_id, seq, ts_ns, market_ns, 'intent',
    [side, CAST(quantity AS VARCHAR), order_kind, coalesce(CAST(limit_price AS VARCHAR), ''),
     coalesce(CAST(decision_price AS VARCHAR), ''),
     CAST(arrival_bid AS VARCHAR), CAST(arrival_ask AS VARCHAR), schedule, CAST(child AS VARCHAR)] FROM mine
  UNION ALL SELECT m.order_id, v.seq, v.ts_ns, v.market_ns, 'verdict',
    [v.outcome, v.code, CAST(json_array_length(v.verdicts) AS VARCHAR)]
  FROM verdicts v JOIN mine m USING (client_order_id)
  UNION ALL SELECT m.order_id, s.seq, s.ts_ns, s.market_ns, 'send', [s.action, CAST(s.quantity AS VARCHAR), s.venue]
  FROM sends s JOIN mine m USING (client_order_id)
  UNION ALL SELECT m.order_id, a.seq, a.ts_ns, a.market_ns, 'ack', [a.venue, a.venue_order_id]
  FROM acks a JOIN mine m USING (client_order_id)
  UNION ALL SELECT m.order_id, r.seq, r.ts_ns, r.market_ns, 'reject', [r."by", r.code, r.message]
  FROM rejects r JOIN mine m USING (client_order_id)
  UNION ALL SELECT m.order_id, u.seq, u.ts_ns, u.market_ns, 'unknown', [u.venue, u.message]
  FROM unknowns u JOIN mine m USING (client_order_id)
  UNION ALL SELECT m.order_id, c.seq, c.ts_ns, c.market_ns, 'cancel', [c.cause, CAST(c.filled_quantity AS VARCHAR)]
  FROM cancels c JOIN mine m USING (client_order_id)
  UNION ALL SELECT order_id, seq, ts_ns, market_ns, 'fill',
    [CAST(quantity AS VARCHAR), CAST(price AS VARCHAR), liquidity, CAST(fee AS VARCHAR), fee_currency,
     coalesce(CAST(fill_bid AS VARCHAR), ''), coalesce(CAST(fill_ask AS VARCHAR), '')]
  FROM report_fills WHERE order_id IN (SELECT order_id FROM wanted)
)
SELECT order_id, seq, ts_ns, market_ns, event, facts FROM heard
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY seq) <= %d OR event IN ('reject', 'unknown', 'cancel')
ORDER BY order_id, seq
"""


def stories(store: LogStore, order_ids: Sequence[str]) -> Table:
    """Return the lines of the log about each of the orders: its number, both times, and what it says in words."""
    found = store.rows(EVENTS % EVENTS_MAX, [list(order_ids)])
    rank = {order_id: number for number, order_id in enumerate(order_ids)}
    rows = [
        (order_id, seq, ts_ns, market_ns, event, _words(event, facts))
        for order_id, seq, ts_ns, market_ns, event, facts in sorted(found, key=lambda row: (rank[row[0]], row[1]))
    ]
    return table("stories", ("order_id", "log_line", "ts_ns", "market_ns", "event", "words"), rows)


def _words(event: str, facts: Sequence[str]) -> str:
    match event:
        case "manifest":
            decision, run, grade, cause = facts
            return f"Manifest of run {run} {decision.lower()}, provenance {grade}; cycle opened by {cause.replace('_', ' ')}."
        case "plan":
            cycle, decision, code, message = facts
            said = f": {message}" if message else ""
            return f"Plan #{cycle} {decision}{f' {code}' if code else ''}{said}."
        case "intent":
            side, quantity, kind, limit, decision, bid, ask, schedule, child = facts
            what = f"Child {child}: " if child != "0" else ""
            price = f" limit {_number(limit)}" if limit else ""
            wanted = f"; decision price {_number(decision)}" if decision else "; no decision price"
            how = "" if schedule == "at_once" else f", schedule {schedule}"
            book = f"book {_number(bid)} / {_number(ask)}" if bid and ask else "no book known"
            size = _number(quantity) if quantity else "an unknown quantity"
            return f"{what}{side} {size} {kind or 'of unknown kind'}{price}{how}; {book} on arrival{wanted}."
        case "verdict":
            outcome, code, count = facts
            return f"Gate: {outcome}{f' {code}' if code else ''}, {counted(int(count), 'control')} asked."
        case "send":
            action, quantity, venue = facts
            return f"Sent to {venue}: {action} {_number(quantity)}."
        case "ack":
            venue, venue_order_id = facts
            return f"Acknowledged by {venue} as {venue_order_id}."
        case "reject":
            by, code, message = facts
            return f"Refused by {by}: {code} {message}".rstrip(". ") + "."
        case "unknown":
            venue, message = facts
            return f"{venue} gave no clear answer: {message}".rstrip(". ") + "."
        case "cancel":
            cause, filled = facts
            return f"Ended: {cause.replace('_', ' ')}, {_number(filled)} filled by then."
        case _:
            quantity, price, liquidity, fee, currency, bid, ask = facts
            book = f"; book {_number(bid)} / {_number(ask)}" if bid and ask else ""
            return f"Filled {_number(quantity)} at {_number(price)} as {liquidity}, fee {_number(fee)} {currency}{book}."


def _number(text: str) -> str:
    return decimal_text(Decimal(text))
