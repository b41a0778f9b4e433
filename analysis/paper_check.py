"""Paper is not easier than the market: whether a simulated fill was better than the recorded book allowed.

A taker gets the far touch at best: a buy below the best ask, a sale above the best bid is better than the market was. A maker
gets its limit, which the market must have reached: a buy below the best bid, a sale above the best ask was not to be had. How
long its queue was a recording of the touch cannot say. "Perfect fills" (at the mid) are better by assumption, and show as that.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from analysis.exact_inputs import ratio_bps
from analysis.log_store import LogStore
from analysis.quotes import QUOTE_AGE_MAX_NS
from orders.exact import ROUNDED, exact_arithmetic
from orders.values import Record

LISTED_MAX: Final = 100  # of fills that were better; the count is of all
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
SCORE_PLACES: Final = Decimal("1e-6")


class BetterFill(Record, frozen=True, kw_only=True):
    """A fill beyond its touch (see above) to its own good. `better_bps` > 0: of the touch, rounded half-even to 12 places."""

    seq: int
    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    touch: Decimal
    better_bps: Decimal


class PaperCheck(Record, frozen=True, kw_only=True):
    """How a run's fills stand against the book. `judged` + `unknown` (no book at the fill) = `fills`.

    `score`: share of the judged notional that the book allowed, 0 to 1, rounded half-even to 6 places; None: none was judged.
    `gained_bps`: what fills were better by, of all judged notional; 0 where paper was no easier than the market.
    """

    source: str
    fills: int
    judged: int
    unknown: int
    better: int
    score: Decimal | None
    gained_bps: Decimal | None
    worst: tuple[BetterFill, ...]


def check_paper(
    store: LogStore, *, fills: str = "fills", recorded: bool = False, age_max_ns: int = QUOTE_AGE_MAX_NS
) -> PaperCheck:
    """Judge every fill of the store against the book at it: the one its line has, or where `recorded` the quotes of
    `analysis.quotes.load_quotes`, which the simulated venue did not write. Amounts are in quote currency, one currency a share.
    """
    book = "fill_bid AS low, fill_ask AS high FROM " + fills
    if recorded:
        book = f"""CASE WHEN f.market_ns - q.market_ns <= {age_max_ns} THEN q.bid END AS low,
          CASE WHEN f.market_ns - q.market_ns <= {age_max_ns} THEN q.ask END AS high
          FROM {fills} f ASOF LEFT JOIN quote_mids q ON f.symbol = q.symbol AND f.market_ns >= q.market_ns"""
    prefix = "f." if recorded else ""
    names = ", ".join(
        f"{prefix}{name}" for name in ("seq", "client_order_id", "symbol", "side", "quantity", "price", "liquidity")
    )
    with store.named_faults():
        store.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE paper_fills AS
            SELECT *, CASE WHEN touch IS NOT NULL THEN quantity * touch END AS worth,
              CASE WHEN side = 'BUY' THEN touch - price ELSE price - touch END AS better
            FROM (SELECT *,
                CASE WHEN low > high THEN NULL WHEN (side = 'BUY') = (liquidity = 'taker') THEN high ELSE low END AS touch
              FROM (SELECT {names}, {book}))"""
        )
    count, judged, better, worth, easy, gained = store.rows(
        """SELECT count(*), count(touch), count(*) FILTER (better > 0), sum(worth), sum(worth) FILTER (better > 0),
          sum(quantity * better) FILTER (better > 0) FROM paper_fills"""
    )[0]
    rows = store.rows(
        f"""SELECT seq, client_order_id, symbol, side, quantity, price, touch FROM paper_fills WHERE better > 0
        ORDER BY better / touch DESC, seq LIMIT {LISTED_MAX}"""
    )
    score = gain = None
    if worth:
        share = ROUNDED.divide(easy or ZERO, worth)
        score = (ONE - share).quantize(SCORE_PLACES, context=ROUNDED)
        gain = ratio_bps(gained or ZERO, worth)
    return PaperCheck(
        source="recorded quotes" if recorded else "the fill's own book",
        fills=count,
        judged=judged,
        unknown=count - judged,
        better=better,
        score=score,
        gained_bps=gain,
        worst=tuple(_better(row) for row in rows),
    )


def _better(row: tuple[Any, ...]) -> BetterFill:
    seq, order_id, symbol, side, quantity, price, touch = row
    with exact_arithmetic():
        gap = touch - price if side == "BUY" else price - touch
        return BetterFill(
            seq=seq,
            client_order_id=order_id,
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=price,
            touch=touch,
            better_bps=ratio_bps(gap, touch),
        )
