"""SQL of what was done: sums over fills, what the rest missed, and both with what was wanted in rows of exact raw amounts.

A raw amount is quantity x price, in quote currency for a multiplier of 1; `views_sql` turns it into money.
"""

from __future__ import annotations

from typing import Final

from analysis.cost_names import COMPONENTS, Opportunity
from analysis.cost_sql import Places

FACTS: Final = """count(*) AS fills, sum(units) AS filled, count(*) FILTER (booked) AS split_fills,
  count(*) FILTER (arrival_mid IS NULL) AS unarrived_fills, count(*) FILTER (NOT takes) AS maker_fills,
  sum(units * paid) AS traded,
  sum(CASE WHEN takes THEN NULL ELSE units * paid END) AS maker_traded,
  sum(units * arrived) AS at_arrival, max(arrived) AS arrived,
  sum(CASE WHEN booked THEN paying * (high - low) END) AS spread_twice,
  sum(CASE WHEN booked THEN moved * (paid - touch) END) AS impact,
  sum(CASE WHEN booked THEN moved * (paid - arrived) END) AS split,
  sum(CASE WHEN NOT coalesce(booked, false) THEN moved * (paid - arrived) END) AS unsplit,
  sum(fee) AS fee_quote, min(seq) AS first_seq, min(market_ns) AS first_fill_ns, max(market_ns) AS last_fill_ns"""
OF_ONE: Final = """CAST(1 AS BIGINT) AS fills, units AS filled, CAST(coalesce(booked, false) AS BIGINT) AS split_fills,
  CAST(arrival_mid IS NULL AS BIGINT) AS unarrived_fills, CAST(coalesce(NOT takes, false) AS BIGINT) AS maker_fills,
  units * paid AS traded,
  CASE WHEN takes THEN NULL ELSE units * paid END AS maker_traded,
  units * arrived AS at_arrival, arrived,
  CASE WHEN booked THEN paying * (high - low) END AS spread_twice,
  CASE WHEN booked THEN moved * (paid - touch) END AS impact,
  CASE WHEN booked THEN moved * (paid - arrived) END AS split,
  CASE WHEN NOT coalesce(booked, false) THEN moved * (paid - arrived) END AS unsplit,
  fee AS fee_quote, seq AS first_seq, market_ns AS first_fill_ns, market_ns AS last_fill_ns"""
"""`FACTS` of a single fill."""
TAKEN: Final = """
CREATE OR REPLACE TEMP TABLE cost_taken AS
SELECT seq, market_ns, run_id, client_order_id, cycle, line, venue, symbol, side, quantity, price, multiplier, quote_currency,
  base_currency, fee, fee_currency, liquidity, source_run, decision_price, arrival_mid, fill_bid, fill_ask FROM fills
"""
PASSING: Final = ("cost_taken", "cost_lines", "cost_fates", "cost_fills", "cost_fees", "cost_ends")
"""Tables that `cost_rows` is made of and nobody reads afterwards: a million orders need their memory."""
CHILDREN: Final = "(SELECT client_order_id, parent_client_order_id FROM cost_intents WHERE child > 0)"


def fills_sql(places: Places, *, fills: str) -> tuple[str, ...]:
    """Return SQL of table `cost_fills`: sums over the fills of each plan line, or of each order that belongs to none.

    A fill that is alone under the hash of its line or order, as nearly all are, is only projected: grouping a million takes
    several times as long. Texts of the others come by the first fill's `seq`, not through the sums, to save memory. Fees
    that are not in quote currency are few; `cost_fees` has them apart.
    """
    price, bid, ask = (places.of_price(f"f.{name}") for name in ("price", "fill_bid", "fill_ask"))
    texts = ("symbol", "venue", "side", "quote_currency", "multiplier", "decision_price", "source_run", "run_id")
    told = ", ".join(f"f.{name}" for name in texts)
    signed = f"""
  SELECT *, CASE WHEN buys THEN units ELSE -units END AS moved, CASE WHEN takes THEN units ELSE -units END AS paying,
    CASE WHEN buys = takes THEN high ELSE low END AS touch, low <= high AND arrived IS NOT NULL AS booked
  FROM (SELECT f.seq, f.market_ns, f.client_order_id, f.cycle, f.line, f.arrival_mid, {places.of_quantity("f.quantity")} AS units,
      {price} AS paid, {bid} AS low, {ask} AS high, {places.of_price("coalesce(f.arrival_mid, f.decision_price)")} AS arrived,
      f.side = 'BUY' AS buys, f.liquidity = 'taker' AS takes, CASE WHEN f.fee_currency = f.quote_currency THEN f.fee END AS fee,
      {told}
    FROM {fills} f {{how}} JOIN cost_lines k ON k.cycle = f.cycle AND k.line = f.line)"""
    return (
        f"""
CREATE OR REPLACE TEMP TABLE cost_fills AS
WITH each AS (
  SELECT * EXCLUDE client_order_id, CAST(NULL AS VARCHAR) AS loose_id, hash(cycle, line) AS h FROM ({signed.format(how="SEMI")})
  UNION ALL BY NAME
  SELECT s.* EXCLUDE (client_order_id, cycle, line), coalesce(c.parent_client_order_id, s.client_order_id) AS loose_id,
    hash(coalesce(c.parent_client_order_id, s.client_order_id)) AS h
  FROM ({signed.format(how="ANTI")}) s LEFT JOIN {CHILDREN} c USING (client_order_id)),
several AS (SELECT h FROM each GROUP BY h HAVING count(*) > 1),
sums AS (SELECT cycle, line, loose_id, {FACTS} FROM each SEMI JOIN several USING (h) GROUP BY cycle, line, loose_id)
SELECT cycle, line, loose_id, {OF_ONE}, {", ".join(texts)} FROM each ANTI JOIN several USING (h)
UNION ALL BY NAME
SELECT s.*, {told} FROM sums s JOIN {fills} f ON f.seq = s.first_seq""",
        f"""
CREATE OR REPLACE TEMP TABLE cost_fees AS
SELECT order_id, sum(CASE WHEN in_asset THEN valued END) AS fee_units,
  sum(CASE WHEN in_asset THEN NULL ELSE fee END) AS fee_other,
  max(CASE WHEN in_asset THEN NULL ELSE fee_currency END) AS fee_other_currency,
  count(DISTINCT CASE WHEN in_asset THEN NULL ELSE fee_currency END) > 1 AS fee_mixed
FROM (SELECT coalesce(c.parent_client_order_id, f.client_order_id) AS order_id, f.fee, f.fee_currency,
    coalesce(f.fee_currency = f.base_currency, false) AS in_asset,
    CASE WHEN f.fee_currency = f.base_currency THEN {places.of_fee("f.fee")} * {price} END AS valued
  FROM {fills} f LEFT JOIN {CHILDREN} c USING (client_order_id) WHERE f.fee <> 0 AND f.fee_currency <> f.quote_currency)
GROUP BY order_id""",
    )


def ends_sql(places: Places, *, fills: str, quotes: str | None) -> str:
    """Return SQL of table `cost_ends`: where what a line did not trade stops being missed.

    That is the paper price of the symbol's next plan, which decides about it anew, so that nothing is counted twice; after the
    last plan the newest mid there is. `quotes`: a relation of (symbol, market_ns, mid), or None.
    """
    more = "" if quotes is None else f"UNION ALL SELECT symbol, market_ns, {places.of_mid('mid')} FROM {quotes}"
    return f"""
CREATE OR REPLACE TEMP TABLE cost_ends AS
WITH marks AS (
    SELECT symbol, market_ns, mid FROM cost_lines WHERE mid IS NOT NULL
    UNION ALL SELECT symbol, market_ns, {places.of_mid("(fill_bid + fill_ask) * 0.5")} FROM {fills}
    SEMI JOIN cost_lines USING (symbol) WHERE fill_bid IS NOT NULL AND fill_ask IS NOT NULL
    {more}),
  last AS (SELECT symbol, arg_max(mid, market_ns) AS mid FROM marks GROUP BY symbol),
  papers AS (SELECT symbol, plan_seq, max(coalesce(decision, mid)) AS paper FROM cost_lines GROUP BY symbol, plan_seq),
  following AS (
    SELECT symbol, plan_seq, lead(paper IGNORE NULLS) OVER (PARTITION BY symbol ORDER BY plan_seq) AS next FROM papers)
SELECT f.symbol, f.plan_seq, coalesce(f.next, l.mid) AS price FROM following f LEFT JOIN last l USING (symbol)
"""


def rows_sql() -> str:
    """Return SQL of table `cost_rows`: one row for each plan line that wanted something, each order and each loose fill's order,
    in raw amounts. `left_*` is what was not traded: left out by the plan, or planned and not filled.
    """
    return """
CREATE OR REPLACE TEMP TABLE cost_rows AS
WITH symbols AS (SELECT symbol, venue, max(quote_currency) AS quote_currency, max(multiplier) AS multiplier,
    max(multiplier) = min(multiplier) AND max(quote_currency) = min(quote_currency) AS same
    FROM cost_fills GROUP BY symbol, venue),
  wished AS (
    SELECT l.seq, l.market_ns, l.run_id, l.cycle, l.line, l.order_id, l.symbol, l.venue, l.side, l.schedule, l.source_run,
      l.attribution, l.plan_sha256, l.reason, l.decision, coalesce(l.decision, l.mid) AS paper, l.unit_value_base,
      e.price AS end_price, l.wanted, l.planned, l.plan_name, coalesce(l.early_name, CASE WHEN t.denied THEN 'denied'
        WHEN t.waited OR t.cause IN ('not_released', 'flattened') THEN 'held_back'
        WHEN t.cause = 'schedule_dust' THEN 'dust' ELSE 'unfilled' END) AS order_name,
      t.denied, t.rejected, t.unknown, t.cause,
      f.* EXCLUDE (cycle, line, loose_id, symbol, venue, side, source_run, run_id, decision_price, quote_currency, multiplier),
      coalesce(f.quote_currency, CASE WHEN s.same THEN s.quote_currency END) AS quote_currency,
      coalesce(f.multiplier, CASE WHEN s.same THEN s.multiplier END) AS multiplier
    FROM cost_lines l LEFT JOIN cost_fills f ON f.cycle = l.cycle AND f.line = l.line
    LEFT JOIN cost_ends e ON e.symbol = l.symbol AND e.plan_seq = l.plan_seq
    LEFT JOIN cost_fates t ON t.order_id = l.order_id LEFT JOIN symbols s ON s.symbol = l.symbol AND s.venue = l.venue
    WHERE coalesce(l.wanted, 0) > 0 OR f.fills > 0
      OR (l.wanted IS NULL AND l.plan_name IN ('no_price', 'denied', 'market_closed'))
    UNION ALL BY NAME
    SELECT first_seq AS seq, first_fill_ns AS market_ns, run_id, loose_id AS order_id, symbol, venue, side, '' AS schedule,
      source_run, '' AS reason, decision_price AS decision, coalesce(decision_price, arrived) AS paper,
      filled AS wanted, filled AS planned, 'other' AS plan_name, 'unfilled' AS order_name,
      * EXCLUDE (cycle, line, loose_id, symbol, venue, side, source_run, run_id, decision_price, first_seq)
    FROM cost_fills WHERE loose_id IS NOT NULL),
  sized AS (
    SELECT w.* EXCLUDE (wanted, planned, filled, end_price), coalesce(filled, 0) AS filled, end_price,
      wanted IS NOT NULL AND paper IS NOT NULL AS priced, CASE WHEN side = 'BUY' THEN 1 ELSE -1 END AS sign,
      greatest(planned, coalesce(filled, 0)) AS planned, greatest(coalesce(wanted, 0), planned, coalesce(filled, 0)) AS wanted,
      p.fee_units, p.fee_other, p.fee_other_currency, coalesce(p.fee_mixed, false) AS fee_mixed
    FROM wished w LEFT JOIN cost_fees p ON p.order_id = w.order_id)
SELECT * EXCLUDE (spread_twice, split, impact, unsplit, at_arrival, arrived, sign),
  CASE WHEN order_id IS NULL THEN 'not sent' WHEN filled >= planned THEN 'filled' WHEN filled > 0 THEN 'partly filled'
    WHEN rejected THEN 'rejected' WHEN denied THEN 'denied' WHEN unknown AND cause IS NULL THEN 'unknown'
    WHEN cause IS NOT NULL THEN 'cancelled' ELSE 'open' END AS state,
  wanted > filled AND end_price IS NULL AS endless,
  coalesce(wanted * paper, 0) AS raw_notional,
  coalesce(sign * (at_arrival - filled * paper), 0) AS raw_delay,
  coalesce(spread_twice * 0.5, 0) AS raw_spread, coalesce(split - impact - spread_twice * 0.5, 0) AS raw_timing,
  coalesce(impact, 0) AS raw_impact, coalesce(unsplit, 0) AS raw_unsplit,
  coalesce((wanted - planned) * (sign * (end_price - paper)), 0) AS raw_left_plan,
  coalesce((planned - filled) * (sign * (end_price - paper)), 0) AS raw_left_order
FROM sized
"""


def views_sql(*, amounts: str, name: str, unit: str, fees: str) -> str:
    """Return SQL of a view over `cost_rows`: every amount times `unit`, an expression in base or quote currency.

    Amounts are NULL where the unit is: no rate is known, or no multiplier.
    """
    parts = [f"raw_{part} * {unit} AS {part}" for part in ("delay", "spread", "impact", "timing", "unsplit")]
    for why in Opportunity:
        left = [f"CASE WHEN {side}_name = '{why}' THEN raw_left_{side} ELSE 0 END" for side in ("plan", "order")]
        parts.append(f"({left[0]} + {left[1]}) * {unit} AS opportunity_{why}")
    assert len(parts) + 1 == len(COMPONENTS)
    planned, filled, maker = (_notional(raw, unit) for raw in ("planned * paper", "filled * paper", "maker_traded"))
    parts += [  # rounding 38 digits is slow: what equals a notional that is rounded already is not rounded again
        "rounded_wanted AS decision_notional",
        f"CASE WHEN planned = wanted THEN rounded_wanted ELSE {planned} END AS planned_notional",
        f"CASE WHEN filled = wanted THEN rounded_wanted ELSE {filled} END AS filled_notional",
        "rounded_traded AS traded",
        f"CASE WHEN maker_traded = a.traded THEN rounded_traded WHEN maker_traded <> 0 THEN {maker} "
        f"ELSE CAST(0 * {unit} AS {NOTIONAL}) END AS maker_traded",
    ]
    counts = ", ".join(f"coalesce({name}, 0) AS {name}" for name in ("fills", "split_fills", "unarrived_fills", "maker_fills"))
    marks = ", ".join(f"coalesce({name}, false) AS {name}" for name in ("rejected", "unknown"))
    return f"""
CREATE OR REPLACE TEMP VIEW {name} AS
SELECT order_id, seq, market_ns, run_id, cycle, line, symbol, venue, side, schedule, source_run, plan_sha256, state, reason,
  attribution, decision IS NOT NULL AS decided, priced, endless, {counts}, {marks},
  planned > 0 AND order_name = 'denied' AS denied,
  filled, planned, wanted, quote_currency, first_fill_ns, last_fill_ns, {unit} AS unit, {", ".join(parts)}, {fees} AS fees
FROM (SELECT *, {_notional("raw_notional", unit)} AS rounded_wanted, {_notional("traded", unit)} AS rounded_traded
  FROM {amounts}) a
"""


def _notional(raw: str, unit: str) -> str:
    return f"CAST(coalesce({raw}, 0) * {unit} AS {NOTIONAL})"


NOTIONAL: Final = "DECIMAL(38,12)"  # of notionals, which only ratios are made of: rounded half away from zero at the 12th place
