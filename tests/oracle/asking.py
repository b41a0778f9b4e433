"""The state of one random sequence, and the Sentinel's questions about it, put together as the engine does."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from orders.capital import Capital
from orders.exact import exact_operators
from orders.ids import client_order_id
from orders.plan import Approval, OpenOrder, Outcome, Plan, PlanLine
from orders.valuation import OpenExposure
from orders.values import AverageVolume, Quote, Side
from sentinel.facts import RecentApproval, Reference, SentinelFacts
from sentinel.order_check import OrderFacts, judge_order
from sentinel.running_state import RunningState
from sentinel.self_match import OwnOrders
from sentinel.standing import Standing
from tests.oracle.limits_oracle import Facts, Line, Oracle
from tests.oracle.made import (
    COUNTS,
    DAY,
    GRADES,
    GRID,
    PARTS,
    START,
    VENUE,
    WORTH,
    ZERO,
    dec,
    market_limits,
    plan_line,
    sentinel_limits,
)


class Asking:
    """One seed's world. The Sentinel's parts count for themselves; the oracle is told what happened."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        pick = self.random.choice
        self.plain: Any = SimpleNamespace(**{name: Fraction(self._limit(grid)) for name, grid in GRID.items()})
        for name, numbers in COUNTS.items():
            setattr(self.plain, name, self._limit(numbers))
        self.plain.adv_fraction = Fraction(pick(("0.1", "0.2"))) if self.random.random() < 0.4 else None
        self.plain.allow = {"US": ("A", "B"), "EU": ("C", "D") if self.random.random() < 0.9 else ("C",)}
        self.limits = sentinel_limits(self.plain)
        self.oracle = Oracle(self.plain)
        self.positions: dict[str, Decimal] = {}
        self.running = RunningState(self.limits, positions=self.positions)
        self.plain.parts = PARTS
        if self.random.random() < 0.5:
            self.oracle.step = self.random.choice((0, 0, 0, 1, 1, 2))
            self._use(paused=False)
        self.own = OwnOrders()
        self.now = START
        self.cash = Fraction(1000)
        self.cycle = 0
        self.halted = False
        self.newest = 0
        self.quotes: dict[str, tuple[Fraction, Fraction, int]] = {}
        self.mids: dict[str, tuple[Fraction, int]] = {}
        for symbol in VENUE:
            price = Fraction(pick((8, 9, 10, 11)))
            self.quotes[symbol] = (price, price + Fraction(1, 2), self.now)
            self.mids[symbol] = (price, self.now)
        self.waiting: dict[str, tuple[Approval, Line]] = {}
        self.open: dict[str, tuple[Approval, Line, Fraction]] = {}  # with what is left
        self.gone: dict[str, tuple[Approval, Line]] = {}
        self.recent: list[RecentApproval] = []
        self.traded: list[tuple[Decimal, int]] = []
        self.asked = 0
        self.said: Counter[str] = Counter()  # denials both agreed on, by stage and code, and what went

    def _limit[T](self, grid: tuple[T, ...]) -> T:
        """Mostly the widest: a sequence has a few limits that bite, or nothing would ever go."""
        return self.random.choice(grid) if self.random.random() < 0.25 else grid[-1]

    def _use(self, *, paused: bool) -> None:
        """The Sentinel uses the part of equity that the oracle was told of."""
        assert self.oracle.step is not None
        part = PARTS[self.oracle.step]
        self.running.hold_to(Capital(fraction=dec(part) if part else None, paused="paused" if paused else ""))

    def _plan_line(self, line: Line) -> PlanLine:
        return plan_line(
            line.number,
            line.symbol,
            quote=self.quotes[line.symbol],
            held=self.positions.get(line.symbol, ZERO),
            side=Side.BUY if line.side > 0 else Side.SELL,
            quantity=dec(line.units),
            limit=line.limit,
            reduce_only=line.reduce_only,
        )

    def _kept(self, symbol: str, number: int) -> PlanLine:
        return plan_line(number, symbol, quote=self.quotes[symbol], held=self.positions.get(symbol, ZERO), side=None)

    def _made(self, orders: list[Line], facts: Facts) -> Plan:
        wanted = {line.symbol for line in orders}
        lines = [self._plan_line(line) for line in orders]
        kept = [name for name, units in sorted(self.oracle.held.items()) if units and name not in wanted]
        lines += [self._kept(name, 10 + number) for number, name in enumerate(kept)]
        equity = dec(facts.equity)
        return Plan(
            version=1,
            environment="oracle",
            manifest_sha256="a" * 64,
            source_run="run",
            cycle=self.cycle,
            base_currency="USD",
            equity_base=equity,
            cash_base=dec(self.cash),
            scale_factor=Decimal(1),
            gross_before=ZERO,
            net_before=ZERO,
            gross_after=ZERO,
            net_after=ZERO,
            turnover=ZERO,
            tracking_error_bps=ZERO,
            forecast_cost_bps=ZERO,
            prices_ns=self.now,
            lines=tuple(lines),
        )

    def _sentinel_facts(self, facts: Facts, made: Plan) -> SentinelFacts:
        symbols = {line.symbol for line in made.lines if line.trades}
        running = self.running
        oldest = {name: found for name in symbols if (found := running.drift.oldest(name, self.now)) is not None}
        standing = Standing(
            market_now_ns=self.now,
            equity_ns=facts.equity_at,
            automatic=True,
            repeats=running.repeats.within(symbols, self.now),
            disabled=frozenset(running.repeats.disabled),
            messages_left={venue: running.rates.left_today(venue, self.now) for venue in ("US", "EU")},
            turnover_today_base=sum((value for value, at in self.traded if at // DAY == self.now // DAY), ZERO),
            baseline=running.baseline,
            volumes={
                name: AverageVolume(units_per_day=dec(units), days=20, as_of_ns=0, valid_until_ns=2**62)
                for name, units in facts.volumes.items()
            },
            earlier={name: Reference(price=dec(price), ts_ns=at) for name, (price, at) in facts.mids.items()},
            own_fills={name: Reference(price=price, ts_ns=at) for name, (at, price) in oldest.items()},
            reducing_units=running.reservations.reducing_units(),
            generated_ns=facts.made,
            newest_generated_ns=self.newest,
            market_limits=market_limits(),
            armed=None,
            capital=running.capital,
        )
        return SentinelFacts(
            halted=facts.halted,
            grade=GRADES[facts.grade],
            regime_name=facts.regime,
            regime_quadrant=None,
            weights={name: dec(weight) for name, weight in facts.weights.items()},
            quotes=self._quotes(facts),
            references={name: Reference(price=dec(price), ts_ns=at) for name, (price, at) in facts.refs.items()},
            recent=tuple(self.recent),
            open_exposure=self._exposure(),
            now_ns=self.now,
            standing=standing,
        )

    def _quotes(self, facts: Facts) -> dict[str, Quote]:
        return {name: Quote(symbol=name, bid=dec(bid), ask=dec(ask), ts_ns=at) for name, (bid, ask, at) in facts.quotes.items()}

    def _exposure(self) -> dict[str, OpenExposure]:
        """What still works and what waits, at mid: of what is unsent by the Sentinel's own list."""
        found: dict[str, list[Decimal]] = {}
        open_orders = [
            OpenOrder(client_order_id=name, symbol=line.symbol, side=approval.side, leaves_quantity=dec(left))
            for name, (approval, line, left) in self.open.items()
        ]
        with exact_operators():
            for order in (*open_orders, *self.running.reservations.unsent()):
                bid, ask, _ = self.quotes[order.symbol]
                both = found.setdefault(order.symbol, [ZERO, ZERO])
                value = (dec(bid) + dec(ask)) / 2 * dec(WORTH[order.symbol]) * order.leaves_quantity
                both[0 if order.side is Side.BUY else 1] += value
        return {name: OpenExposure(buy_base=buys, sell_base=sells) for name, (buys, sells) in found.items()}

    def _order_facts(self, approval: Approval, units: Fraction, limit: Fraction | None) -> OrderFacts:
        return OrderFacts(
            client_order_id=approval.client_order_id,
            instrument_id=approval.instrument_id,
            side=approval.side,
            quantity=dec(units),
            order_kind=approval.order_kind,
            limit_price=None if limit is None else dec(limit),
            reduce_only=approval.reduce_only,
        )

    def _gate(self, approval: Approval, units: Fraction, limit: Fraction | None, *, again: bool) -> set[str]:
        """As `engine.gate` asks."""
        order = self._order_facts(approval, units, limit)
        bid, ask, at = self.quotes[approval.symbol]
        quote = Quote(symbol=approval.symbol, bid=dec(bid), ask=dec(ask), ts_ns=at)
        with exact_operators():
            running: tuple[Any, ...] = ()
            if not again:
                running = self.running.ask(
                    approval,
                    quantity=order.quantity,
                    limit_price=order.limit_price,
                    quote=quote,
                    now_ns=self.now,
                    market_ns=self.now,
                )
                running += self.own.ask(order)
            verdict = judge_order(
                order,
                approval,
                used=again,
                halted=self.halted,
                quote=quote,
                now_ns=self.now,
                limits=self.limits if approval.reduces else self.running.limits,
                running=running,
            )
        return {one.control for one in verdict.verdicts if one.outcome is not Outcome.ALLOW}

    @staticmethod
    def _id(made: Plan, number: int) -> str:
        return client_order_id(environment="oracle", manifest_sha256=made.manifest_sha256, cycle=made.cycle, line=number)
