"""The Sentinel's counts in a run: put back from the log, moved by what happens, handed to a judgement, written when they must be.

The counting is `sentinel.running_state`; here are the clocks, the prices, the rates and the journal around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.baseline import baseline_of
from engine.book_valuer import BookValuer
from engine.day_turnover import DayTurnover
from engine.line_writer import LineWriter
from engine.market_time import MarketTime
from engine.order_context import OrderContext
from engine.prices import Prices
from lakehouse import records
from lakehouse.rebuild import LogFold
from orders.book import BookKeeper
from orders.canonical import decimal_text
from orders.capital import Capital
from orders.errors import StorageError
from orders.exact import exact_arithmetic, exact_operators
from orders.plan import Approval, Judgement, Outcome, Plan, Verdict
from orders.values import AverageVolume, MarketLimits, Quote, Side
from sentinel.armed import Armed
from sentinel.believed import BelievedValues
from sentinel.facts import reduces
from sentinel.limits import SentinelLimits
from sentinel.loss import LossMode, with_capital
from sentinel.repeats import REPEATED_EXECUTION
from sentinel.running_state import RunningState
from sentinel.standing import Reference, Standing

VALUED_EVERY_MIN_NS: Final = 200_000_000  # real time between two valuations at least, however fast the replay


class SentinelState:
    """One per run, on the loop's thread. `quoted`: see `sentinel.standing`. `volumes` are dated in market time.

    `armed`: of a live run, what a person armed; None: nothing is armed, and nothing asks for it. `capital`: of a promoted run,
    what it may use of equity at its start; None: nothing governs it.

    `wake(instant_ns, work)`: where given, the book is valued every `interval_ns` of market time by itself (`engine.hop`); else
    the caller calls `value` that often.
    """

    def __init__(
        self,
        *,
        limits: SentinelLimits,
        writer: LineWriter,
        keeper: BookKeeper,
        prices: Prices,
        market_time: MarketTime,
        market_limits: Mapping[str, MarketLimits],
        valuer: BookValuer,
        volumes: Mapping[str, AverageVolume],
        turnover: DayTurnover,
        clock_ns: Callable[[], int],
        interval_ns: int,
        halt: Callable[[str], None],
        wake: Callable[[int, Callable[[], None]], None] | None = None,
        armed: Armed | None = None,
        capital: Capital | None = None,
    ) -> None:
        self.armed = armed
        self.running = RunningState(limits, positions=keeper.positions)
        if capital is not None:
            self.running.hold_to(capital)
        self.every_ns = max(VALUED_EVERY_MIN_NS, interval_ns // market_time.speed)
        self._limits = limits
        self._writer = writer
        self._keeper = keeper
        self._prices = prices
        self._market_time = market_time
        self._market_limits = market_limits
        self._valuer = valuer
        self._volumes = volumes
        self._clock_ns = clock_ns
        self._halt = halt
        self._wake = wake
        self._ringing = self._stopped = False
        self._turnover = turnover
        self._newest_generated_ns: int | None = None
        self.confirm_ns = limits.jump_confirm_ns // market_time.speed  # on the engine's clock
        self._believed = BelievedValues(jump_max=limits.jump_max_fraction, stamp_of=self._stamp_of, confirm_ns=self.confirm_ns)

    def restore(self, fold: LogFold) -> None:
        """Count on from what the log says: messages of the day, parents, switches, fills, baseline, open orders."""
        known, running = fold.counted, self.running
        for venue, (day, count) in known.messages.items():
            running.rates.restore(venue, day=day, count=count)
        for symbol, instants in known.parents.items():
            for instant in instants:
                running.repeats.count(symbol, instant)
        for symbol in known.disabled:
            running.repeats.disable(symbol)
        for symbol, fills in known.own_fills.items():
            for instant, price in fills:
                running.drift.fill(symbol, price, instant)
        if self.armed is not None:
            for venue, (day, sent_base) in known.sent.items():
                self.armed.restore(venue, day=day, sent_base=sent_base)
        self._newest_generated_ns = known.newest_generated_ns
        if (baseline := baseline_of(known.equity)) is not None:
            running.hold_against(baseline)
        running.reservations.restore_held(self._keeper.positions)
        for order_id, trace in fold.open_orders.items():
            if trace.send is not None:
                intent = trace.intent
                left = trace.quantity - trace.filled
                running.reservations.restore_open(order_id, symbol=intent.symbol, side=Side(intent.side), left=left)

    def accepted(self, generated_ns: int) -> None:
        """A manifest was accepted; its own stamp in market time."""
        self._newest_generated_ns = max(self._newest_generated_ns or 0, generated_ns)

    def doubted(self, made: Plan) -> str:
        """Return in words why what a plan that opens or adds was valued at is not believed yet; "" where it is."""
        if all(reduces(line) for line in made.lines if line.trades):
            return ""
        self._read_up()
        with exact_operators():
            return self._believed.doubt(self._keeper.positions, _unit_values(made))

    def observe_plan(self, made: Plan, *, now_ns: int) -> None:
        """Take the valuation a plan was made with. Raises `StorageError`."""
        with exact_operators():
            values = _unit_values(made)
        self._observe(made.equity_base, values, now_ns=now_ns)

    def stop(self) -> None:
        """The record is about to be closed: the book is valued no more."""
        self._stopped = True

    def value(self) -> None:
        """Value the book at the newest prices; where one is missing or stale nothing is observed, and equity grows old.

        So it does where a jump would raise equity and is not believed yet; one that lowers it is taken at once.

        Never raises: a journal that fails halts.
        """
        if self._stopped or (self.running.baseline is None and not self._keeper.positions):
            return  # nothing was ever at risk here
        now = self._clock_ns()
        equity, values = None, None
        if not self.running.reservations.at_work:  # no order is judged by values: equity is enough where nothing has jumped
            equity = self._valuer.quiet_equity(now, jump_max=self._limits.jump_max_fraction)
        if equity is None:
            valued = self._valuer.value(now)
            if valued is None or self._jumped_up(*valued):
                return
            equity, values = valued
        try:
            self._observe(equity, values, now_ns=now)
        except StorageError as error:
            self._halt(str(error))
        if values is not None:
            self._valuer.believe(values)

    def _jumped_up(self, equity: Decimal, values: Mapping[str, Decimal]) -> bool:
        baseline = self.running.baseline
        self._read_up()
        with exact_operators():
            doubted = self._believed.doubt(self._keeper.positions, values)
        return bool(doubted) and baseline is not None and equity > baseline.equity_base

    def _read_up(self) -> None:
        """Believe what the valuations since the last look believed."""
        if unread := self._valuer.unread():
            self._believed.believe(unread)

    def standing(self, made: Plan, *, automatic: bool, generated_ns: int | None, now_ns: int, equity_ns: int) -> Standing:
        """Return what the Sentinel judges `made` with. `generated_ns` of its manifest, None where it has none."""
        running, market_now = self.running, self._market_time.at(now_ns)
        symbols = {line.symbol for line in made.lines if line.trades}
        venues = {line.venue for line in made.lines if line.trades and line.venue is not None}
        own_fills = {}
        for symbol in symbols:
            oldest = running.drift.oldest(symbol, market_now)
            if oldest is not None:
                own_fills[symbol] = Reference(price=oldest[1], ts_ns=oldest[0])
        return Standing(
            market_now_ns=market_now,
            equity_ns=equity_ns,
            automatic=automatic,
            repeats=running.repeats.within(symbols, market_now),
            disabled=frozenset(running.repeats.disabled),
            messages_left={venue: running.rates.left_today(venue, now_ns) for venue in venues},
            turnover_today_base=self._turnover.base_of(
                market_ns=market_now, rate_of=lambda currency: self._valuer.rate(currency, now_ns)
            ),
            baseline=running.baseline,
            volumes=self._volumes,
            earlier=self._earlier(symbols),
            own_fills=own_fills,
            reducing_units=running.reservations.reducing_units(),
            generated_ns=generated_ns,
            newest_generated_ns=self._newest_generated_ns,
            market_limits=self._market_limits,
            armed=None if self.armed is None else self.armed.rooms(now_ns),
            capital=running.capital,
        )

    def judged(self, made: Plan, judgement: Judgement) -> None:
        """Disable symbols that a plan's judgement found repeated too often; a line and an alarm each. Raises `StorageError`."""
        repeats = self.running.repeats
        symbols = {line.line: line.symbol for line in made.lines}
        for verdict in judgement.verdicts:
            if verdict.control != REPEATED_EXECUTION or verdict.outcome is Outcome.ALLOW or not verdict.line:
                continue
            symbol = symbols[verdict.line]
            if symbol not in repeats.disabled:
                repeats.disable(symbol)
                reason = f"{verdict.observed}; limit {verdict.limit}"
                self._writer.write(records.SwitchLine, action="disable", symbol=symbol, by=REPEATED_EXECUTION, reason=reason)
                words = f"{symbol} is disabled: {reason}. `sluice enable {symbol} --by NAME --reason WHY` enables it again."
                self._writer.write(records.Alarm, code=REPEATED_EXECUTION, message=words)

    def approve(self, approvals: Iterable[Approval], *, automatic: bool) -> None:
        """Reserve what was approved."""
        with exact_arithmetic():
            self.running.approve(approvals, automatic=automatic, market_ns=self._market_time.at(self._clock_ns()))

    def ask(
        self, approval: Approval, *, quantity: Decimal, limit_price: Decimal | None, quote: Quote | None, now_ns: int
    ) -> tuple[Verdict, ...]:
        """Return the verdicts on one order of an approved line; see `RunningState.ask`."""
        market = self._market_time.at(now_ns)
        return self.running.ask(
            approval, quantity=quantity, limit_price=limit_price, quote=quote, now_ns=now_ns, market_ns=market
        )

    def rate(self, currency: str) -> Decimal | None:
        """Return base currency for one unit of `currency`; None when no rate holds now."""
        return self._valuer.rate(currency, self._clock_ns())

    def transferred(self, amount_base: Decimal, *, symbol: str | None, units: Decimal) -> None:
        """Capital came (above 0) or went: what equity is held against moves with it, so that it is neither gain nor loss.

        `symbol`: whose position moved by `units` with it; None: cash did.
        """
        if (known := self.running.baseline) is not None:
            self.running.hold_against(with_capital(known, amount_base))
        if symbol is not None:
            with exact_operators():
                self.running.reservations.moved(symbol, units)

    def executed(self, order_id: str, context: OrderContext, *, quantity: Decimal, price: Decimal, now_ns: int) -> None:
        """A fill of ours: it is position and own fill."""
        with exact_operators():
            self.running.reservations.fill(order_id, symbol=context.symbol, side=context.side, quantity=quantity)
        self.running.drift.fill(context.symbol, price, self._market_time.at(now_ns))

    def undo(self, order_id: str) -> None:
        """What just passed is not sent after all, inside `exact_operators`; its message stays counted."""
        self.running.undo(order_id)
        if self.armed is not None:
            self.armed.undo(order_id)

    def ended(self, order_id: str) -> None:
        """An order is terminal."""
        with exact_operators():
            self.running.ended(order_id)

    def _observe(self, equity: Decimal, values: Mapping[str, Decimal] | None, *, now_ns: int) -> None:
        running, before = self.running, self.running.baseline
        if values is not None:
            self._read_up()
            self._believed.believe(values)
            self._valuer.forget()
        changed = running.observe(
            equity_base=equity,
            positions=self._keeper.positions,
            values=values,
            now_ns=now_ns,
            market_ns=self._market_time.at(now_ns),
        )
        after = running.baseline
        assert after is not None
        if after != before:
            self._writer.write(
                records.EquityLine,
                equity_base=decimal_text(after.equity_base),
                day=after.day,
                day_start_base=decimal_text(after.day_start_base),
                peak_base=decimal_text(after.peak_base),
                mode=running.mode.value,
            )
        if changed and (before is not None or running.mode is not LossMode.OPEN):
            seen, limit = running.loss_words
            words = f"{seen}; limit {limit}." + (" Only reducing orders pass." if running.mode is LossMode.CLOSE_ONLY else "")
            self._writer.write(records.Alarm, code=running.mode.value, message=words)
        self._wake_again(now_ns)

    def _stamp_of(self, symbol: str) -> int | None:
        quote = self._prices.quote_of(symbol)
        return None if quote is None else quote.ts_ns

    def _wake_again(self, now_ns: int) -> None:
        if self._wake is not None and not self._ringing and not self._stopped:
            self._ringing = True
            self._wake(now_ns + self.every_ns, self._rung)

    def _rung(self) -> None:
        self._ringing = False
        self.value()
        self._wake_again(self._clock_ns())

    def _earlier(self, symbols: Iterable[str]) -> dict[str, Reference]:
        """The mid before the newest one, or before those a jump must have stood for. The first price of a run has none before it
        and is held against itself.
        """
        found = {}
        for symbol in symbols:
            quote = self._prices.earlier_of(symbol, gap_ns=self.confirm_ns) or self._prices.quote_of(symbol)
            if quote is not None:
                found[symbol] = Reference(price=quote.mid, ts_ns=quote.ts_ns)
        return found


def _unit_values(made: Plan) -> dict[str, Decimal]:
    """What a plan values one unit of each of its symbols at, in base currency."""
    return {
        line.symbol: (line.bid + line.ask) / 2 * line.unit_value_base
        for line in made.lines
        if line.bid is not None and line.ask is not None and line.unit_value_base is not None
    }
