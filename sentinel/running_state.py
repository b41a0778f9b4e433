"""What the Sentinel counts while a run goes on, and its judgement of one order by it, just before its client.

Pure but for its memory: no I/O, no clock; instants come in. One look-up an order, whatever the number of symbols. Texts of what
passes are made once, so a control that lets an order through costs a comparison. After a restart the engine puts back what the
log says (`engine.sentinel_state`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.capital import Capital, tighter
from orders.exact import fraction
from orders.plan import Approval, Outcome, Verdict
from orders.values import Quote, Side
from sentinel.capital import capital_order, limits_at
from sentinel.fill_drift import FILL_DRIFT, FillDrift
from sentinel.limits import SentinelLimits
from sentinel.line_caps import REDUCE_ONLY
from sentinel.loss import LOSS_LIMIT, Baseline, LossMode, loss_verdicts, observe
from sentinel.market_sanity import MARKET_SANITY, spread_fault
from sentinel.rates import MessageRates
from sentinel.repeats import Repeats
from sentinel.reservation import Reservations
from sentinel.verdicts import Verdicts, allow, deny

ZERO: Final = Decimal(0)


class RunningState:
    """One per gate. `positions` is the book's own mapping of signed units, read when an order is judged.

    Real time: messages and the age of equity. Market time: days, repeats, own fills.
    """

    def __init__(self, limits: SentinelLimits, *, positions: Mapping[str, Decimal]) -> None:
        self.rates = MessageRates(limits)
        self.repeats = Repeats(window_ns=limits.repeats_window_ns)
        self.drift = FillDrift(window_ns=limits.fill_drift_window_ns)
        self.reservations = Reservations(limits)
        self.baseline: Baseline | None = None
        self.limits = limits  # of the part of equity the run may use
        self.capital: Capital | None = None  # None: nothing governs it
        self._opening: dict[str, Decimal] = {}  # orders that passed to open or add, by the fraction they were approved at
        self._void: set[str] = set()  # of them, which a raise of the fraction does not bring back
        self._limits = limits
        self._positions = positions
        self._mode = LossMode.UNKNOWN
        self._loss_words = ("missing equity", "a baseline")
        spread = f"spread {decimal_text(limits.spread_max_fraction)} of the mid"
        self._drift_words = (
            f"{decimal_text(limits.fill_drift_max_fraction)} of our oldest fill in {limits.fill_drift_window_ns} ns"
        )
        self._loss_passed = allow(
            LOSS_LIMIT, "within", f"day {limits.day_loss_max_fraction}, peak {limits.drawdown_max_fraction}"
        )
        self._sane = allow(MARKET_SANITY, "within", spread)
        self._reduce_passed = allow(REDUCE_ONLY, "within", "|position| less open reductions")
        self._drift_passed = allow(FILL_DRIFT, "within", self._drift_words)
        self._spread_words = spread

    def hold_to(self, capital: Capital) -> None:
        """From now on the run uses this part of equity; the first time as it is, afterwards never more than before.

        Orders approved at more that open or add are denied, those that have passed and were not sent are void (`voids`).
        """
        self._use(capital if self.capital is None else tighter(self.capital, capital))

    def raise_to(self, capital: Capital) -> None:
        """From now on the run uses this part of equity, which persons gave it: more than before, or no pause any more.

        What was void before stays void: it is planned anew.
        """
        self._void.update(order_id for order_id in self._opening if self.voids(order_id))
        self._use(capital)

    def _use(self, capital: Capital) -> None:
        self.capital = capital
        self.limits = limits_at(self._limits, capital)
        self.reservations.hold_to(self.limits)

    def voids(self, order_id: str) -> bool:
        """Whether an order that has passed must not be sent any more: it opens or adds, and was approved at a higher fraction
        than that of now or of a moment since.
        """
        approved, capital = self._opening.get(order_id), self.capital
        if approved is None or capital is None:
            return False
        return order_id in self._void or bool(capital.paused) or approved > capital.usable

    def observe(
        self,
        *,
        equity_base: Decimal,
        positions: Mapping[str, Decimal],
        values: Mapping[str, Decimal] | None,
        now_ns: int,
        market_ns: int,
    ) -> bool:
        """Take a valuation of the book (see `Reservations.mark`); return whether the loss mode changed by it.

        `values` None: no order is reserved, open or about to be judged, and only equity is looked at.
        """
        if values is not None:
            self.reservations.mark(positions=positions, values=values, equity_base=equity_base, equity_ns=now_ns)
        return self.hold_against(observe(self.baseline, equity_base=equity_base, market_ns=market_ns))

    def hold_against(self, baseline: Baseline) -> bool:
        """Take a baseline, of now or of the log; return whether the loss mode changed by it."""
        self.baseline = baseline
        before = self._mode
        self._mode, verdicts = loss_verdicts(baseline, limits=self._limits)
        why = next((verdict for verdict in verdicts if verdict.outcome is not Outcome.ALLOW), verdicts[0])
        self._loss_words = (why.observed, why.limit)
        return self._mode is not before

    @property
    def mode(self) -> LossMode:
        """Whether everything, only reductions or nothing may trade."""
        return self._mode

    @property
    def loss_words(self) -> tuple[str, str]:
        """What was lost and the limit, in words."""
        return self._loss_words

    def approve(self, approvals: Iterable[Approval], *, automatic: bool, market_ns: int) -> None:
        """Reserve approved lines and, where a strategy made them, count them as parents."""
        approvals = tuple(approvals)
        self.reservations.reserve(approvals)
        if automatic:
            for approval in approvals:
                self.repeats.count(approval.symbol, market_ns)

    def ask(
        self,
        approval: Approval,
        *,
        quantity: Decimal,
        limit_price: Decimal | None,
        quote: Quote | None,
        now_ns: int,
        market_ns: int,
    ) -> Verdicts:
        """Return the verdicts on one order of an approved line, inside `exact_operators`; nothing is counted yet.

        RESERVATION, MAX_ASSET_EXPOSURE, MAX_LEVERAGE, MESSAGE_LIMIT, LOSS_LIMIT, MARKET_SANITY, REDUCE_ONLY, FILL_DRIFT, and of
        a promoted run CAPITAL_FRACTION. An order of a line that reduces passes LOSS_LIMIT, MARKET_SANITY, FILL_DRIFT and
        CAPITAL_FRACTION, as long as the position still has that much to reduce: a book can always be reduced.
        """
        reduces = approval.reduces and self._still_reduces(approval, quantity)
        side = approval.side
        loss = self._loss_passed
        if self._mode is not LossMode.OPEN and not reduces:
            loss = deny(LOSS_LIMIT, *self._loss_words)
        sane = self._sane
        if not reduces:
            fault = spread_fault(quote, limits=self._limits)
            if fault:
                sane = deny(MARKET_SANITY, fault, self._spread_words)
        capped = self._reduce_passed
        if approval.reduce_only:  # what reduces by `_still_reduces` is inside this cap already
            capped = self._reducing(approval, quantity)
        verdicts = (
            *self.reservations.ask(approval.client_order_id, quantity, now_ns),
            self.rates.ask(approval.venue, now_ns),
            loss,
            sane,
            capped,
            self._drift_passed if reduces else self._drifted(approval.symbol, side, limit_price, quote, market_ns),
        )
        if self.capital is None:
            return verdicts
        return (*verdicts, capital_order(approval, capital=self.capital, reduces_now=reduces))

    def passed(self, approval: Approval, order_id: str, quantity: Decimal, *, now_ns: int) -> None:
        """The gate lets an order of this line go: draw on its reservation and count its message."""
        self.reservations.draw(approval.client_order_id, order_id, quantity)
        self.rates.count(approval.venue, now_ns)
        if approval.capital_fraction is not None and not approval.reduces:
            self._opening[order_id] = approval.capital_fraction

    def ended(self, order_id: str) -> None:
        """An order is terminal, inside `exact_operators`."""
        self._opening.pop(order_id, None)
        self._void.discard(order_id)
        self.reservations.end(order_id)

    def undo(self, order_id: str) -> None:
        """What just passed is not sent after all, inside `exact_operators`; its message stays counted."""
        self._opening.pop(order_id, None)
        self._void.discard(order_id)
        self.reservations.undo(order_id)

    def _still_reduces(self, approval: Approval, quantity: Decimal) -> bool:
        """Whether the position has so much left to reduce, beside what is open on the same side: others may have traded since."""
        held = self._positions.get(approval.symbol, ZERO)
        if not held.is_finite() or not (held < ZERO if approval.side is Side.BUY else held > ZERO):
            return False
        return quantity <= abs(held) - self.reservations.open_reducing(approval.symbol, approval.side)

    def _reducing(self, approval: Approval, quantity: Decimal) -> Verdict:
        held = self._positions.get(approval.symbol, ZERO)
        pending = self.reservations.open_reducing(approval.symbol, approval.side)
        if not held.is_finite():
            return deny(REDUCE_ONLY, f"position {held}", "|position| less open reductions")
        toward = held < 0 if approval.side is Side.BUY else held > 0
        room = max(abs(held) - pending, ZERO) if toward else ZERO
        if quantity <= room:
            return self._reduce_passed
        return deny(REDUCE_ONLY, f"{quantity} units", f"{decimal_text(room)} (position {held}, open reductions {pending})")

    def _drifted(self, symbol: str, side: Side, limit_price: Decimal | None, quote: Quote | None, market_ns: int) -> Verdict:
        oldest = self.drift.oldest(symbol, market_ns)
        if oldest is None:
            return self._drift_passed
        price = limit_price
        if price is None and quote is not None:
            price = quote.ask if side is Side.BUY else quote.bid
        fill = oldest[1]
        if price is None or not (price.is_finite() and fill.is_finite() and fill > 0):
            return deny(FILL_DRIFT, f"price {price} against own fill {fill}", self._drift_words)
        gap = abs(price - fill)
        if gap <= self._limits.fill_drift_max_fraction * fill:
            return self._drift_passed
        return deny(FILL_DRIFT, f"{decimal_text(fraction(gap, fill))} ({price} against {fill})", self._drift_words)
