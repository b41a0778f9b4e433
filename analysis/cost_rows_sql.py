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
PASSING: Final = ("cost_taken", "cost_lines", "cost_fates", "cost_several", "cost_fees", "cost_ends")
"""Tables that `cost_rows` is made of and nobody reads afterwards: a million orders need their memory."""
CHILDREN: Final = "(SELECT client_order_id, parent_client_order_id FROM cost_intents WHERE child > 0)"
TEXTS: Final = ("symbol", "venue", "side", "quote_currency", "multiplier", "decision_price", "source_run", "run_id")


def several_sql(fills: str) -> str:
    """Return SQL of table `cost_several`: hashes of the plan lines, and of the orders that belong to none, with several fills."""
    own = "ON k.cycle = f.cycle AND k.line = f.line"
    return f"""
CREATE OR REPLACE TEMP TABLE cost_several AS
SELECT h FROM (
  SELECT hash(f.cycle, f.line) AS h FROM {fills} f SEMI JOIN cost_lines k {own}
  UNION ALL
  SELECT hash(coalesce(c.parent_client_order_id, s.client_order_id))
  FROM (SELECT f.client_order_id FROM {fills} f ANTI JOIN cost_lines k {own}) s LEFT JOIN {CHILDREN} c USING (client_order_id))
GROUP BY h HAVING count(*) > 1
"""


def fees_sql(places: Places, *, fills: str) -> str:
    """Return SQL of table `cost_fees`: fees that are not in quote currency, by order; they are few."""
    return f"""
CREATE OR REPLACE TEMP TABLE cost_fees AS
SELECT order_id, sum(CASE WHEN in_asset THEN valued END) AS fee_units,
  sum(CASE WHEN in_asset THEN NULL ELSE fee END) AS fee_other,
  max(CASE WHEN in_asset THEN NULL ELSE fee_currency END) AS fee_other_currency,
  count(DISTINCT CASE WHEN in_asset THEN NULL ELSE fee_currency END) > 1 AS fee_mixed
FROM (SELECT coalesce(c.parent_client_order_id, f.client_order_id) AS order_id, f.fee, f.fee_currency,
    coalesce(f.fee_currency = f.base_currency, false) AS in_asset,
    CASE WHEN f.fee_currency = f.base_currency THEN {places.of_fee("f.fee")} * {places.of_price("f.price")} END AS valued
  FROM {fills} f LEFT JOIN {CHILDREN} c USING (client_order_id) WHERE f.fee <> 0 AND f.fee_currency <> f.quote_currency)
GROUP BY order_id
"""


def _sums_of(places: Places, *, fills: str, loose: bool) -> str:
    """Return a query of sums over the fills of each plan line (cycle, line), or of each order that belongs to none (loose_id).

    A fill that is alone under the hash of its line or order, as nearly all are, is only projected: grouping a million takes
    several times as long, and so does keeping their columns between. Texts of the others come by the first fill's `seq`.
    """
    price, bid, ask = (places.of_price(f"f.{name}") for name in ("price", "fill_bid", "fill_ask"))
    told = ", ".join(f"f.{name}" for name in TEXTS)
    signed = f"""
  SELECT *, CASE WHEN buys THEN units ELSE -units END AS moved, CASE WHEN takes THEN units ELSE -units END AS paying,
    CASE WHEN buys = takes THEN high ELSE low END AS touch, low <= high AND arrived IS NOT NULL AS booked
  FROM (SELECT f.seq, f.market_ns, f.client_order_id, f.cycle, f.line, f.arrival_mid, {places.of_quantity("f.quantity")} AS units,
      {price} AS paid, {bid} AS low, {ask} AS high, {places.of_price("coalesce(f.arrival_mid, f.decision_price)")} AS arrived,
      f.side = 'BUY' AS buys, f.liquidity = 'taker' AS takes, CASE WHEN f.fee_currency = f.quote_currency THEN f.fee END AS fee,
      {told}
    FROM {fills} f {"ANTI" if loose else "SEMI"} JOIN cost_lines k ON k.cycle = f.cycle AND k.line = f.line)"""
    names = "loose_id" if loose else "cycle, line"
    each = f"(SELECT *, hash(cycle, line) AS h FROM ({signed}))"
    if loose:
        order = "coalesce(c.parent_client_order_id, s.client_order_id)"
        each = f"""(SELECT s.*, {order} AS loose_id, hash({order}) AS h
  FROM ({signed}) s LEFT JOIN {CHILDREN} c USING (client_order_id))"""
    return f"""
SELECT {names}, {OF_ONE}, {", ".join(TEXTS)} FROM {each} ANTI JOIN cost_several USING (h)
UNION ALL BY NAME
SELECT s.*, {told} FROM (SELECT {names}, {FACTS} FROM {each} SEMI JOIN cost_several USING (h) GROUP BY {names}) s
JOIN {fills} f ON f.seq = s.first_seq"""


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


def rows_sql(places: Places, *, fills: str) -> str:
    """Return SQL of table `cost_rows`: one row for each plan line that wanted something, each order and each loose fill's order,
    in what its raw amounts are made of. `end_move`: what a unit that was not traded, by the plan or in its order, was missed by.
    """
    return f"""
CREATE OR REPLACE TEMP TABLE cost_rows AS
WITH symbols AS (SELECT symbol, venue, max(quote_currency) AS quote_currency, max(multiplier) AS multiplier,
    max(multiplier) = min(multiplier) AND max(quote_currency) = min(quote_currency) AS same
    FROM {fills} GROUP BY symbol, venue),
  wished AS (
    SELECT l.seq, l.market_ns, l.run_id, l.cycle, l.line, l.order_id, l.symbol, l.venue, l.side, l.schedule, l.source_run,
      l.attribution, l.plan_sha256, l.reason, l.decision, coalesce(l.decision, l.mid) AS paper, l.unit_value_base,
      e.price AS end_price, l.wanted, l.planned, l.plan_name, coalesce(l.early_name, CASE WHEN t.denied THEN 'denied'
        WHEN t.waited OR t.cause IN ('not_released', 'flattened', 'capital') THEN 'held_back'
        WHEN t.cause = 'schedule_dust' THEN 'dust' ELSE 'unfilled' END) AS order_name,
      t.denied, t.rejected, t.unknown, t.cause,
      f.* EXCLUDE (cycle, line, symbol, venue, side, source_run, run_id, decision_price, quote_currency, multiplier),
      coalesce(f.quote_currency, CASE WHEN s.same THEN s.quote_currency END) AS quote_currency,
      coalesce(f.multiplier, CASE WHEN s.same THEN s.multiplier END) AS multiplier
    FROM cost_lines l LEFT JOIN ({_sums_of(places, fills=fills, loose=False)}) f ON f.cycle = l.cycle AND f.line = l.line
    LEFT JOIN cost_ends e ON e.symbol = l.symbol AND e.plan_seq = l.plan_seq
    LEFT JOIN cost_fates t ON t.order_id = l.order_id LEFT JOIN symbols s ON s.symbol = l.symbol AND s.venue = l.venue
    WHERE coalesce(l.wanted, 0) > 0 OR f.fills > 0
      OR (l.wanted IS NULL AND l.plan_name IN ('no_price', 'denied', 'market_closed'))
    UNION ALL BY NAME
    SELECT first_seq AS seq, first_fill_ns AS market_ns, run_id, loose_id AS order_id, symbol, venue, side, '' AS schedule,
      source_run, '' AS reason, decision_price AS decision, coalesce(decision_price, arrived) AS paper,
      filled AS wanted, filled AS planned, 'other' AS plan_name, 'unfilled' AS order_name,
      * EXCLUDE (loose_id, symbol, venue, side, source_run, run_id, decision_price, first_seq)
    FROM ({_sums_of(places, fills=fills, loose=True)})),
  sized AS (
    SELECT w.* EXCLUDE (wanted, planned, filled, end_price), coalesce(filled, 0) AS filled, end_price,
      wanted IS NOT NULL AND paper IS NOT NULL AS priced, CASE WHEN side = 'BUY' THEN 1 ELSE -1 END AS sign,
      greatest(planned, coalesce(filled, 0)) AS planned, greatest(coalesce(wanted, 0), planned, coalesce(filled, 0)) AS wanted,
      p.fee_units, p.fee_other, p.fee_other_currency, coalesce(p.fee_mixed, false) AS fee_mixed
    FROM wished w LEFT JOIN cost_fees p ON p.order_id = w.order_id)
SELECT * EXCLUDE (decision, end_price, at_arrival, arrived, sign, first_seq, cause),
  CASE WHEN order_id IS NULL THEN 'not sent' WHEN filled >= planned THEN 'filled' WHEN filled > 0 THEN 'partly filled'
    WHEN rejected THEN 'rejected' WHEN denied THEN 'denied' WHEN unknown AND cause IS NULL THEN 'unknown'
    WHEN cause IS NOT NULL THEN 'cancelled' ELSE 'open' END AS state,
  decision IS NOT NULL AS decided, wanted > filled AND end_price IS NULL AS endless,
  sign * (at_arrival - filled * paper) AS delayed, sign * (end_price - paper) AS end_move
FROM sized
"""


def views_sql(*, amounts: str, name: str, unit: str, fees: str, rounded: bool) -> str:
    """Return SQL of a view over `cost_rows`: every amount times `unit`, an expression in base or quote currency.

    Amounts are NULL where the unit is: no rate is known, or no multiplier. `total` is the sum of `COMPONENTS`. `rounded`: rows'
    notionals are rounded half away from zero at the 12th place, for logs whose sums of them do not fit 38 digits else.
    """
    half_spread = "coalesce(spread_twice * 0.5, 0)"
    raw = {
        "delay": "coalesce(delayed, 0)",
        "spread": half_spread,
        "impact": "coalesce(impact, 0)",
        "timing": "coalesce(split - impact - spread_twice * 0.5, 0)",
        "unsplit": "coalesce(unsplit, 0)",
    }
    left = {"plan": "coalesce((wanted - planned) * end_move, 0)", "order": "coalesce((planned - filled) * end_move, 0)"}
    parts = [f"{amount} * {unit} AS {part}" for part, amount in raw.items()]
    for why in Opportunity:
        here = " + ".join(f"CASE WHEN {side}_name = '{why}' THEN {amount} ELSE 0 END" for side, amount in left.items())
        parts.append(f"({here}) * {unit} AS opportunity_{why}")
    assert len(parts) + 1 == len(COMPONENTS)
    whole = ("coalesce(delayed, 0)", "coalesce(split, 0)", "coalesce(unsplit, 0)", "coalesce((wanted - filled) * end_move, 0)")
    parts.append(f"({' + '.join(whole)}) * {unit} + {fees} AS total")
    notionals = {
        "decision_notional": "wanted * paper",
        "planned_notional": "planned * paper",
        "filled_notional": "filled * paper",
        "traded": "a.traded",
        "maker_traded": "a.maker_traded",
    }
    parts += [f"{_notional(amount, unit, rounded=rounded)} AS {notional}" for notional, amount in notionals.items()]
    counts = ", ".join(f"coalesce({name}, 0) AS {name}" for name in ("fills", "split_fills", "unarrived_fills", "maker_fills"))
    marks = ", ".join(f"coalesce({name}, false) AS {name}" for name in ("rejected", "unknown"))
    return f"""
CREATE OR REPLACE TEMP VIEW {name} AS
SELECT order_id, seq, market_ns, run_id, cycle, line, symbol, venue, side, schedule, source_run, plan_sha256, state, reason,
  attribution, decided, priced, endless, {counts}, {marks},
  planned > 0 AND order_name = 'denied' AS denied,
  filled, planned, wanted, quote_currency, first_fill_ns, last_fill_ns, {unit} AS unit, {", ".join(parts)}, {fees} AS fees
FROM {amounts} a
"""


def _notional(raw: str, unit: str, *, rounded: bool) -> str:
    amount = f"coalesce({raw}, 0) * {unit}"
    return f"CAST({amount} AS {NOTIONAL})" if rounded else amount


NOTIONAL: Final = "DECIMAL(38,12)"
