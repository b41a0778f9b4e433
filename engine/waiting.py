"""Lines that wait for their market: what of a cycle is left to the next session, and the top-up that takes it up there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec

from engine.hours import Hours
from engine.market_time import MarketTime
from orders.plan import Plan, Reason
from strategies.desk import Work

NO_PRICES: Final = frozenset({Reason.NO_PRICE, Reason.PRICE_STALE})
MANIFEST_TOO_OLD: Final = "MANIFEST_TOO_OLD_TO_WAIT"


class Waiting:
    """One per run. Instants are on the engine's clock; `age_max_ns` of a manifest is in market time."""

    def __init__(self, hours: Hours, *, market_time: MarketTime, age_max_ns: int) -> None:
        self._hours = hours
        self._market_time = market_time
        self._age_max_ns = age_max_ns

    def awaited(self, symbols: Sequence[str], *, now_ns: int) -> tuple[str, ...] | None:
        """Return the symbols whose prices are worth waiting for: those of a closed market will not come. None: all."""
        closed = self._hours.closed(symbols, now_ns=now_ns)
        return tuple(symbol for symbol in symbols if symbol not in closed) if closed else None

    def too_old_ns(self, work: Work) -> int:
        """Return when the manifest of `work` is as old as it may be, on the engine's clock."""
        return self._market_time.real_of(work.outcome.generated_ns + self._age_max_ns)

    def left(self, made: Plan | None, *, short: Collection[str], now_ns: int) -> frozenset[str]:
        """Return the symbols of a cycle that wait for a session: those whose line was stopped by it, and those whose market is
        closed now among the ones without a usable price and among `short`, which did not fill.
        """
        if made is None or not self._hours.judged:
            return frozenset()
        stopped = {line.symbol for line in made.lines if line.reason is Reason.MARKET_CLOSED}
        priceless = {line.symbol for line in made.lines if line.reason in NO_PRICES}
        return frozenset(stopped) | self._hours.closed({*priceless, *short}, now_ns=now_ns)

    def top_up(
        self, work: Work, left: Collection[str], *, now_ns: int, deadline_ns: Callable[[int], int]
    ) -> tuple[Work | None, str]:
        """Return the work of the first session that opens for one of `left`, and "" or why there is none.

        It waits for prices of the markets that open then; other markets' prices stand by their age. None: no opening is known, or
        the manifest will be too old by then.
        """
        opens = self._opens(work.symbols, now_ns=now_ns)
        instants = [opens[symbol] for symbol in left if symbol in opens]
        if not instants:
            return None, f"NO_HOURS: when a market opens is not known for {', '.join(sorted(left))}"
        first = min(instants)
        age = self._market_time.at(max(first, now_ns)) - work.outcome.generated_ns
        if age > self._age_max_ns:
            hours = self._age_max_ns // 3_600_000_000_000
            return None, f"{MANIFEST_TOO_OLD}: at the next session it would be older than {hours} h; research writes a new one"
        return (
            msgspec.structs.replace(
                work,
                cause="top_up",
                after_ns=first - 1 if first > now_ns else 0,
                deadline_ns=deadline_ns(max(first, now_ns)),
                awaited=tuple(symbol for symbol in work.symbols if opens.get(symbol) == first),
            ),
            "",
        )

    def _opens(self, symbols: Sequence[str], *, now_ns: int) -> Mapping[str, int]:
        """When each symbol's market opens, or now where it is open; without those of which it is not known."""
        hours = self._hours.of(now_ns)
        if hours is None:
            return {}
        found = {}
        for symbol in symbols:
            known = hours.get(symbol)
            opens_ns = now_ns if known is not None and known.state == "open" else self._hours.opens_ns(symbol, now_ns=now_ns)
            if opens_ns is not None:
                found[symbol] = opens_ns
        return found
