"""Market time: the data's own time, mapped from real time by one stated function of shift and speed.

Manifest age, sessions and days are judged in market time; latencies, price ages and message rates in real time. For live
data and for backtests the two are the same.
"""

from __future__ import annotations

from orders.values import Record


class MarketTime(Record, frozen=True, kw_only=True):
    """`market = market_epoch_ns + (real - real_epoch_ns) * speed`; speed is an integer >= 1, exact in integers."""

    real_epoch_ns: int
    market_epoch_ns: int
    speed: int

    def at(self, real_ns: int) -> int:
        """Return the market time of a real instant, in nanoseconds."""
        return self.market_epoch_ns + (real_ns - self.real_epoch_ns) * self.speed

    def real_of(self, market_ns: int) -> int:
        """Return the first real nanosecond whose market time is at or after `market_ns`."""
        return self.real_epoch_ns - (self.market_epoch_ns - market_ns) // self.speed


IDENTITY = MarketTime(real_epoch_ns=0, market_epoch_ns=0, speed=1)
