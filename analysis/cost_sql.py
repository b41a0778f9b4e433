"""SQL of what was wanted: one row for each plan line and each order, with its paper price and what became of the rest.

`analysis.cost_rows_sql` sets fills against it. DECIMALs of DuckDB have 38 digits: a quantity (10 places) times half a price (16)
leaves 12 before the point; where an amount does not fit, `Places` narrows columns to the places they really use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.cost_names import NOT_RELEASED, OPPORTUNITY_OF
from orders.reasons import TRADING_REASONS

WANTED_PLACES: Final = 10


@dataclass(frozen=True, slots=True)
class Places:
    """Digits after the point that prices, quantities and fees in a log really have. None: as wide as the store gives them."""

    price: int | None = None
    quantity: int | None = None
    fee: int | None = None

    def of_price(self, expression: str) -> str:
        """Return SQL of a price with no more places than needed."""
        return _narrowed(expression, self.price)

    def of_mid(self, expression: str) -> str:
        """Return SQL of a mean of two prices, which has one place more than they."""
        return _narrowed(expression, None if self.price is None else self.price + 1)

    def of_quantity(self, expression: str) -> str:
        """Return SQL of a quantity with no more places than needed."""
        return _narrowed(expression, self.quantity)

    def of_fee(self, expression: str) -> str:
        """Return SQL of a fee that is multiplied with a price."""
        return _exactly(expression, WANTED_PLACES if self.fee is None else self.fee)

    def of_wanted(self, expression: str) -> str:
        """Return SQL of a wanted quantity, which has more places than a traded one."""
        return _exactly(expression, WANTED_PLACES if self.quantity is None else self.quantity)


def _narrowed(expression: str, places: int | None) -> str:
    return expression if places is None else f"CAST({expression} AS DECIMAL(38,{places}))"


def _exactly(expression: str, places: int) -> str:
    """A cast that raises instead of rounding."""
    unit = "0." + "1".rjust(places, "0") if places else "1"
    cast = f"CAST({expression} AS DECIMAL(38,{places}))"
    return f"CASE WHEN {expression} IS NULL THEN NULL WHEN {expression} % {unit} = 0 THEN {cast} ELSE error('{TOO_FINE}') END"


TOO_FINE: Final = "COST_PLACES"

INTENTS: Final = """
CREATE OR REPLACE TEMP TABLE cost_intents AS
WITH again AS (SELECT client_order_id, min(seq) AS first_seq FROM intents GROUP BY client_order_id HAVING count(*) > 1)
SELECT client_order_id, parent_client_order_id, child, seq, market_ns, run_id, cycle, line, symbol, venue, side, quantity,
  schedule, source_run, decision_price, arrival_mid, attribution, order_kind, forecast_fee_base, plan_sha256
FROM intents LEFT JOIN again USING (client_order_id) WHERE first_seq IS NULL OR seq = first_seq
"""
# of an order, and of a plan line, that is intended again, the first intent counts: else every fill would count twice

# a manifest's prices when it was read, for lines that became no order; orders carry their own
DECISIONS: Final = """
CREATE OR REPLACE TEMP TABLE cost_decisions AS
SELECT seq, manifest_sha256, one.key AS symbol, CAST(one.value AS DECIMAL(38,15)) AS price FROM (
  SELECT seq, manifest_sha256, unnest(map_entries(CAST(decision_prices AS MAP(VARCHAR, VARCHAR)))) AS one
  FROM manifests WHERE decision = 'ACCEPTED')
"""

PLANNED: Final = """
CREATE OR REPLACE TEMP TABLE cost_planned AS
SELECT l.seq AS plan_seq, l.market_ns, l.run_id, l.cycle, l.line, l.symbol, l.venue, l.side, l.quantity, l.reason,
  l.wanted_quantity, (l.bid + l.ask) * 0.5 AS mid, l.bid, l.ask, l.limit_price, l.forecast_price, l.unit_value_base,
  l.fee_base, l.attribution, l.plan_sha256,
  l.manifest_sha256, p.decision AS judged, p.source_run, c.cause
FROM plan_lines l
JOIN (SELECT seq, decision, plan ->> 'source_run' AS source_run FROM plans WHERE plan_sha256 IS NOT NULL) p ON p.seq = l.seq
LEFT JOIN (SELECT cycle, any_value(cause) AS cause FROM cycles GROUP BY cycle) c ON c.cycle = l.cycle
"""


def _values(words: Mapping[str, str]) -> str:
    return ", ".join(f"('{key}', '{value}')" for key, value in words.items())


_NAMES: Final = _values({reason.value: name.value for reason, name in OPPORTUNITY_OF.items()})
_TRADES: Final = ", ".join(f"'{reason.value}'" for reason in sorted(TRADING_REASONS))
_WAITED: Final = ", ".join(f"'{reason}'" for reason in NOT_RELEASED)

_DECISION: Final = """CASE WHEN l.order_id IS NOT NULL THEN l.decision_price
    WHEN l.cause IN ('new_manifest', 'top_up') THEN l.manifest_price ELSE l.mid END"""

# fates of what was planned to trade; ids of children are led back to their parent
FATES: Final = f"""
CREATE OR REPLACE TEMP TABLE cost_fates AS
WITH parent AS (SELECT client_order_id, coalesce(parent_client_order_id, client_order_id) AS order_id FROM cost_intents),
  said AS (SELECT cycle, line, bool_or(reason IN ({_WAITED})) AS waited, bool_or(reason NOT IN ({_WAITED})) AS denied
           FROM skips GROUP BY cycle, line),
  refused AS (SELECT order_id, bool_or("by" <> 'venue') AS denied, bool_or("by" = 'venue') AS rejected
              FROM rejects JOIN parent USING (client_order_id) GROUP BY order_id),
  gone AS (SELECT client_order_id AS order_id, any_value(cause) AS cause FROM cancels GROUP BY 1),
  unclear AS (SELECT DISTINCT order_id FROM unknowns JOIN parent USING (client_order_id))
SELECT i.client_order_id AS order_id, coalesce(r.denied, false) AS denied, coalesce(r.rejected, false) AS rejected,
  u.order_id IS NOT NULL AS unknown, g.cause, coalesce(s.waited, false) AS waited
FROM cost_intents i LEFT JOIN refused r ON r.order_id = i.client_order_id LEFT JOIN gone g ON g.order_id = i.client_order_id
LEFT JOIN unclear u ON u.order_id = i.client_order_id LEFT JOIN said s ON s.cycle = i.cycle AND s.line = i.line
WHERE i.child = 0
"""


def lines_sql(places: Places) -> str:
    """Return SQL of table `cost_lines`: one row for each plan line and each order without one, with what was wanted, the paper
    price (of the decision, of arrival where there was none), and why what is not traded is not.
    """
    wanted, quantity = places.of_wanted("abs(l.wanted_quantity)"), places.of_quantity("l.quantity")
    return f"""
CREATE OR REPLACE TEMP TABLE cost_lines AS
WITH named(reason, name) AS (VALUES {_NAMES}),
  skipped AS (SELECT cycle, line, any_value(reason) AS reason FROM skips GROUP BY cycle, line),
  again AS (SELECT cycle, line, min(seq) AS first_seq FROM cost_intents WHERE child = 0
    GROUP BY cycle, line HAVING count(*) > 1),
  orders AS (SELECT i.* EXCLUDE first_seq FROM (FROM cost_intents LEFT JOIN again USING (cycle, line)) i
    WHERE child = 0 AND (first_seq IS NULL OR seq = first_seq)),
  joined AS (
    SELECT l.*, i.client_order_id AS order_id, i.seq AS intent_seq, i.schedule, i.decision_price, d.price AS manifest_price,
      i.side AS order_side, i.source_run AS order_run
    FROM cost_planned l LEFT JOIN orders i ON i.cycle = l.cycle AND i.line = l.line
    ASOF LEFT JOIN cost_decisions d ON d.manifest_sha256 = l.manifest_sha256 AND d.symbol = l.symbol AND l.plan_seq >= d.seq)
SELECT l.plan_seq, coalesce(l.intent_seq, l.plan_seq) AS seq, l.market_ns, l.run_id, l.cycle, l.line, l.order_id, l.symbol,
  l.venue,
  coalesce(l.order_side, l.side, CASE WHEN l.wanted_quantity < 0 THEN 'SELL' ELSE 'BUY' END) AS side,
  coalesce(l.schedule, 'not sent') AS schedule, coalesce(l.order_run, l.source_run) AS source_run, l.attribution,
  l.plan_sha256, l.reason,
  CASE WHEN l.reason IN ({_TRADES}) THEN {quantity} ELSE 0 END AS planned,
  CASE WHEN l.wanted_quantity IS NOT NULL THEN greatest({wanted}, {quantity})
       WHEN l.reason IN ({_TRADES}) THEN {quantity} END AS wanted,
  {places.of_mid(_DECISION)} AS decision, {places.of_mid("l.mid")} AS mid, l.unit_value_base,
  coalesce(n.name, 'other') AS plan_name,
  CASE WHEN l.judged <> 'PLAN' THEN 'denied' WHEN l.order_id IS NOT NULL THEN NULL
       WHEN k.reason IN ({_WAITED}) THEN 'held_back' WHEN k.reason IS NOT NULL THEN 'denied' ELSE 'other' END AS early_name
FROM joined l LEFT JOIN named n ON n.reason = l.reason LEFT JOIN skipped k ON k.cycle = l.cycle AND k.line = l.line
UNION ALL BY NAME
SELECT i.seq AS plan_seq, i.seq, i.market_ns, i.run_id, i.cycle, i.line, i.client_order_id AS order_id, i.symbol, i.venue, i.side,
  i.schedule, i.source_run, i.attribution, i.plan_sha256, '' AS reason, {places.of_quantity("i.quantity")} AS planned,
  {places.of_quantity("i.quantity")} AS wanted, {places.of_price("i.decision_price")} AS decision,
  {places.of_price("i.arrival_mid")} AS mid,
  'other' AS plan_name
FROM orders i ANTI JOIN cost_planned l ON l.cycle = i.cycle AND l.line = i.line
"""
