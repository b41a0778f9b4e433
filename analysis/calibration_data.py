"""What calibration looks at: one row an order that filled, one a parent, one a limit order, as columns of floats.

Asked of a log (or of fills of other systems) in SQL; of a long log the newest `ORDERS_MAX` orders, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from analysis.log_store import LogStore
from orders.values import AverageVolume, Record

ORDERS_MAX: Final = 20_000  # the newest are nearest to what comes; more would not narrow an interval that anybody acts on
NS_PER_MS: Final = 1e6
BPS: Final = "1e4"

type Column = npt.NDArray[np.float64]

TAKEN: Final = f"""
CREATE OR REPLACE TEMP TABLE calibration_orders AS
WITH touched AS (
  SELECT *, CAST(quantity AS DOUBLE) AS q, CAST(price AS DOUBLE) AS p, CAST(fill_bid AS DOUBLE) AS b,
    CAST(fill_ask AS DOUBLE) AS a, CASE WHEN side = 'BUY' THEN 1.0 ELSE -1.0 END AS s
  FROM fills WHERE liquidity = 'taker' AND fill_bid > 0 AND fill_ask >= fill_bid AND quantity > 0),
orders AS (
  SELECT client_order_id, any_value(venue) AS venue, min(market_ns) AS at_ns, min(seq) AS seq,
    sum(q * (a - b) / (a + b)) / sum(q) * {BPS} AS half_bps,
    sum(q * s * (p - CASE WHEN s > 0 THEN a ELSE b END) / CASE WHEN s > 0 THEN a ELSE b END) / sum(q) * {BPS} AS slippage_bps,
    sum(q * s * (p - (a + b) / 2) / ((a + b) / 2)) / sum(q) * {BPS} AS cost_bps
  FROM touched GROUP BY client_order_id)
SELECT * FROM orders ORDER BY at_ns DESC, seq DESC LIMIT {ORDERS_MAX}
"""
LATENCIES: Final = f"""
WITH sent AS (
  SELECT client_order_id, any_value(venue) AS venue, min(sent_ns) AS sent_ns, min(event_ns) AS event_ns, min(market_ns) AS at_ns,
    min(seq) AS seq
  FROM fills WHERE order_kind = 'MARKET' AND sent_ns IS NOT NULL AND event_ns >= sent_ns GROUP BY client_order_id),
queued AS (
  SELECT *, max(event_ns) OVER (PARTITION BY venue ORDER BY sent_ns, seq
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM sent)
SELECT at_ns, venue, (event_ns - sent_ns) / {NS_PER_MS} AS latency_ms FROM queued WHERE before IS NULL OR before < sent_ns
ORDER BY at_ns DESC, seq DESC LIMIT {ORDERS_MAX}
"""
PARENTS: Final = f"""
WITH own AS (
  SELECT coalesce(i.parent_client_order_id, f.client_order_id) AS parent, f.symbol, f.side, f.seq, f.market_ns,
    CAST(f.quantity AS DOUBLE) AS q, CAST(f.price AS DOUBLE) AS p
  FROM fills f LEFT JOIN (SELECT client_order_id, any_value(parent_client_order_id) AS parent_client_order_id
    FROM intents GROUP BY client_order_id) i USING (client_order_id)),
parents AS (
  SELECT parent, any_value(symbol) AS symbol, CASE WHEN any_value(side) = 'BUY' THEN 1.0 ELSE -1.0 END AS s,
    min(market_ns) AS at_ns, min(seq) AS seq, sum(q) AS q, sum(q * p) / sum(q) AS paid
  FROM own GROUP BY parent),
arrivals AS (
  SELECT client_order_id AS parent, any_value(CAST(arrival_mid AS DOUBLE)) AS arrival FROM intents GROUP BY client_order_id),
priced AS (
  SELECT p.*, a.arrival, v.units, v.sigma FROM parents p JOIN arrivals a USING (parent)
  LEFT JOIN calibration_volumes v ON v.symbol = p.symbol AND p.at_ns BETWEEN v.from_ns AND v.to_ns
  WHERE a.arrival > 0)
SELECT at_ns, s * (paid - arrival) / arrival * {BPS} AS cost_bps, sigma * {BPS} * sqrt(q / units) AS root_bps
FROM priced ORDER BY at_ns DESC, seq DESC LIMIT {ORDERS_MAX}
"""
LIMITS: Final = f"""
WITH resting AS (
  SELECT client_order_id, any_value(market_ns) AS at_ns, any_value(quantity) AS quantity FROM intents
  WHERE order_kind = 'LIMIT' AND (schedule = 'at_once' OR child > 0) GROUP BY client_order_id),
done AS (SELECT client_order_id, sum(quantity) AS filled FROM fills GROUP BY client_order_id),
ended AS (SELECT DISTINCT client_order_id FROM cancels)
SELECT at_ns, CASE WHEN coalesce(filled, 0) >= quantity THEN 1.0 ELSE 0.0 END AS filled
FROM resting LEFT JOIN done USING (client_order_id) LEFT JOIN ended e USING (client_order_id)
WHERE coalesce(filled, 0) >= quantity OR e.client_order_id IS NOT NULL
ORDER BY at_ns DESC LIMIT {ORDERS_MAX}
"""


class Seen(Record, frozen=True, kw_only=True):
    """Columns of one kind of row, oldest first: `at_ns` is market time; costs in bps, above 0 is paid; latencies in ms.

    `venues`: of each row; empty texts where they are not told apart.
    """

    at_ns: npt.NDArray[np.int64]
    columns: Mapping[str, Column]
    venues: npt.NDArray[np.object_]

    def where(self, kept: npt.NDArray[np.bool_]) -> Seen:
        """Return the rows where `kept` is true."""
        columns = {name: column[kept] for name, column in self.columns.items()}
        return Seen(at_ns=self.at_ns[kept], columns=columns, venues=self.venues[kept])

    def of_venue(self, venue: str) -> Seen:
        """Return the rows of one venue."""
        return self.where(np.asarray(self.venues == venue, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.at_ns)


class Observations(Record, frozen=True, kw_only=True):
    """`orders`: half_bps, slippage_bps, cost_bps (against the mid at the fill), of taker fills whose book is known.

    `latencies`: latency_ms from send to first fill of market orders that no earlier order of the venue was in flight before: a
    connection delivers in order, so the others waited for that one. `parents`: cost_bps of the average price against the mid at
    arrival, and root_bps = sigma sqrt(Q/V), of those whose volatility and volume are known. `limits`: filled, 1 or 0, of limit
    orders that ended; None where unfilled ones are not told. `notes`: what was left out, in words.
    """

    orders: Seen
    latencies: Seen
    parents: Seen
    limits: Seen | None
    kinds: tuple[str, ...]
    notes: tuple[str, ...]

    def of_venue(self, venue: str) -> Observations:
        """Return the orders and latencies of one venue; parents and limit orders are not told apart."""
        return msgspec.structs.replace(self, orders=self.orders.of_venue(venue), latencies=self.latencies.of_venue(venue))


def observe(
    store: LogStore, *, volumes: Mapping[str, AverageVolume], volatilities: Mapping[str, Decimal], foreign: bool = False
) -> Observations:
    """Return what the store's fills show. `volumes` and `volatilities` by symbol; a volume counts while it is dated to hold."""
    connection = store.connection
    columns = "symbol VARCHAR, units DOUBLE, sigma DOUBLE, from_ns BIGINT, to_ns BIGINT"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calibration_volumes ({columns})")
    known = [
        (symbol, float(volume.units_per_day), float(volatilities[symbol]), volume.as_of_ns, volume.valid_until_ns)
        for symbol, volume in sorted(volumes.items())
        if symbol in volatilities
    ]
    if known:
        connection.executemany("INSERT INTO calibration_volumes VALUES (?, ?, ?, ?, ?)", known)
    with store.named_faults():
        connection.execute(TAKEN)
    parents, notes = _seen(store, PARENTS), list(store.notes)
    usable = np.isfinite(parents.columns["root_bps"])
    if not usable.all():
        notes.append(
            f"{int((~usable).sum())} of {len(parents)} parent orders have no known volume and volatility: no part in impact."
        )
    fills, books = store.rows(
        "SELECT count(*), count(*) FILTER (WHERE fill_bid > 0 AND fill_ask >= fill_bid) FROM fills WHERE liquidity = 'taker'"
    )[0]
    if books < fills:
        notes.append(f"{fills - books} of {fills} taker fills have no book at the fill and are left out of spread and slippage.")
    orders = _seen(
        store, "SELECT at_ns, venue, half_bps, slippage_bps, cost_bps FROM calibration_orders ORDER BY at_ns DESC, seq DESC"
    )
    if len(orders) == ORDERS_MAX:
        notes.append(f"At most the newest {ORDERS_MAX} orders are looked at.")
    kinds = tuple(sorted(str(kind) for (kind,) in store.rows("SELECT DISTINCT kind FROM runs")))
    if foreign:
        notes.append("Orders that did not fill are not in a file of fills: the fill probability of limit orders is not known.")
    return Observations(
        orders=orders,
        latencies=_seen(store, LATENCIES),
        parents=parents.where(usable),
        limits=None if foreign else _seen(store, LIMITS),
        kinds=("foreign",) if foreign else kinds,
        notes=tuple(notes),
    )


def _seen(store: LogStore, sql: str) -> Seen:
    with store.named_faults():
        told: dict[str, Any] = store.connection.execute(sql).fetchnumpy()
    at_ns = np.asarray(told.pop("at_ns"), dtype=np.int64)[::-1]
    venues = np.asarray(told.pop("venue", np.full(len(at_ns), "")), dtype=np.object_)[::-1]
    return Seen(at_ns=at_ns, columns={name: _floats(values)[::-1] for name, values in told.items()}, venues=venues)


def _floats(values: Any) -> Column:
    """NULL becomes NaN."""
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
