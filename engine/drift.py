"""When the book is held against a manifest that is done: at the first prices of every interval of market time, never by a clock.

The instants are a grid over market time from 1970 on, so that a backtest, a shadow and a restart look at the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from engine.intake import ManifestIntake
from engine.market_time import MarketTime
from engine.waiting import Waiting
from orders.book import BookKeeper
from orders.flatten import is_withdrawn
from orders.plan import Judgement
from orders.values import Quote, Record
from strategies.desk import DRIFT, RAMP, Work

NS = 1_000_000_000
RAMP_LOOK_NS: Final = 60 * NS  # market time between looks at what is above the capital, where one could not bring it all down


class DriftGrid(Record, frozen=True, kw_only=True):
    """`every_s` of market time between looks, 0: never; `age_max_ns` of market time after which a manifest is not drifted to."""

    every_s: int
    market_time: MarketTime
    age_max_ns: int

    def start_ns(self, now_ns: int, *, ahead: int = 0) -> int:
        """Return when the interval of `now_ns` began, or one of the next begins. On the engine's clock, like `now_ns`."""
        every_ns = self.every_s * NS
        return self.market_time.real_of((self.market_time.at(now_ns) // every_ns + ahead) * every_ns)


class DriftWatch:
    """One per run. `next_ns`: a price from then on asks for a look, on the engine's clock; None: drift is not looked at."""

    def __init__(self, grid: DriftGrid, *, intake: ManifestIntake, keeper: BookKeeper, waiting: Waiting) -> None:
        self._grid = grid
        self._intake = intake
        self._keeper = keeper
        self._waiting = waiting
        self._refused = ""  # the code of the last look, where it was a refusal
        self._held = ""  # the code of the last look, where there was no plan to judge
        self._mids: Mapping[str, Decimal] = {}  # of the last look or plan
        self.next_ns: int | None = 0 if grid.every_s else None
        self._ramp_ns: int | None = None  # from when on what is held is looked at because of the capital; None: it is not

    def pass_by(self, now_ns: int) -> None:
        """The interval of `now_ns` needs no look any more: it had one, or a cycle ended in it."""
        if self.next_ns is not None:
            self.next_ns = self._grid.start_ns(now_ns, ahead=1)

    @property
    def check_ns(self) -> int | None:
        """From when on the next price asks for a look of either kind; None: nothing is looked at."""
        looks = [instant for instant in (self.next_ns, self._ramp_ns) if instant is not None]
        return min(looks, default=None)

    def ramp(self) -> None:
        """Less capital may be used, or what is held may be more than it: look, until nothing is left to do."""
        self._ramp_ns = 0

    def ramp_soon(self, now_ns: int) -> None:
        """Such a look had no price to go by: the next one need not wait for a minute. Nothing where none is to come."""
        if self._ramp_ns is not None:
            self._ramp_ns = now_ns + NS // self._grid.market_time.speed

    def settled(self) -> None:
        """A look because of the capital found nothing that could come down."""
        self._ramp_ns = None

    def _ramp_due(self, now_ns: int, *, may_send: bool) -> Work | None:
        """As `due`, from the prices of now on: the manifest need not be done, and what it asks for beyond is not opened."""
        intake, grid = self._intake, self._grid
        self._ramp_ns = now_ns + RAMP_LOOK_NS // grid.market_time.speed
        standing = intake.standing
        if standing is None:  # prices of a start may come before its manifest is read
            self.ramp_soon(now_ns)
            return None
        if not may_send or self._bygone(standing, now_ns):
            return None
        symbols = tuple(sorted({*standing.targets, *self._keeper.positions}))
        return Work(
            outcome=standing,
            cause=RAMP,
            symbols=symbols,
            after_ns=now_ns - 1,
            deadline_ns=intake.deadline_ns(now_ns),
            awaited=self._waiting.awaited(symbols, now_ns=now_ns),
        )

    def _bygone(self, standing: Any, now_ns: int) -> bool:
        too_old = self._grid.market_time.at(now_ns) - standing.generated_ns > self._grid.age_max_ns
        return too_old or is_withdrawn(self._intake.withdrawals, standing.manifest_sha256)

    def due(self, now_ns: int, *, may_send: bool) -> Work | None:
        """Return the work of a look at the drift from the manifest in force; None where it may not be traded now.

        That manifest must be the last one read in this process, accepted, done, not withdrawn and not too old: while a HOLD or a
        refusal is in force nothing drifts back, and a halted run looks at nothing. One look an interval. A look because of the
        capital goes first.
        """
        if self._ramp_ns is not None and now_ns >= self._ramp_ns:
            return self._ramp_due(now_ns, may_send=may_send)
        self.pass_by(now_ns)
        intake, grid = self._intake, self._grid
        standing = intake.standing
        if standing is None or standing.manifest_sha256 != intake.done or not may_send:
            return None
        if self._bygone(standing, now_ns):
            return None
        symbols = tuple(sorted({*standing.targets, *self._keeper.positions}))
        return Work(
            outcome=standing,
            cause=DRIFT,
            symbols=symbols,
            after_ns=grid.start_ns(now_ns) - 1,
            deadline_ns=intake.deadline_ns(now_ns),
            awaited=self._waiting.awaited(symbols, now_ns=now_ns),
        )

    def saw(self, quotes: Mapping[str, Quote]) -> None:
        """A plan was made on these prices: the next look is held against them."""
        self._mids = {symbol: quote.mid for symbol, quote in quotes.items()}

    def jumped(self, quotes: Mapping[str, Quote], *, most: Decimal) -> str | None:
        """Return in words which price left that of the last look or plan by more than the fraction `most`; "" for none.

        After a start that is the price the manifest was read at; None: there is none yet for one of them. A look on a price that
        has jumped would take it for the market's and the equity it makes for real; the next look, an interval later, may.
        """
        audited = self._intake.audited
        before = {**(audited.facts.decision_prices if audited is not None else {}), **self._mids}
        self.saw(quotes)
        unknown = False
        for symbol, mid in sorted(self._mids.items()):
            known = before.get(symbol)
            if known is None:
                unknown = True
            elif abs(mid - known) > most * known:
                return f"{symbol} went from {known} to {mid} since it was looked at last, further than {most} of it"
        return None if unknown else ""

    def acts_on(self, judgement: Judgement) -> bool:
        """Whether a look opens a cycle: something is approved, or it is refused for another reason than the last one was."""
        told, self._refused = self._refused, judgement.code
        return bool(judgement.approvals) or judgement.code != told

    def holds_anew(self, code: str) -> bool:
        """Whether a look that could not be judged, for this reason, is the first one so since one that could; "" for one that
        could.
        """
        told, self._held = self._held, code
        return code not in ("", told)
