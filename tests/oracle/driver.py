"""One random sequence of plans, sends, fills, cancels, prices and time, told to the Sentinel and to the oracle alike.

Every number is drawn from a small grid, so that values often stand exactly at a limit. The Sentinel is its own pure parts, put
together as the engine does; the oracle is told what happened and asked the same questions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from orders.exact import exact_operators
from orders.plan import Outcome
from sentinel.facts import RecentApproval
from sentinel.guard import judge_plan
from tests.oracle.asking import Asking
from tests.oracle.limits_oracle import Facts, Line, texts
from tests.oracle.made import (
    PARTS,
    STEP,
    STEPS_OF_TIME,
    VENUE,
    WORTH,
    ZERO,
    dec,
)


class DisagreementError(Exception):
    """The Sentinel and the oracle say different things."""


class Sequence(Asking):
    """One seed. `run` returns how many questions both answered."""

    def run(self, steps: int) -> int:
        """Do so many random deeds. Raises `DisagreementError`."""
        deeds = (
            self._plan,
            self._plan,
            self._send,
            self._send,
            self._send,
            self._fill,
            self._fill,
            self._end,
            self._move,
            self._wait,
            self._value,
            self._step_down,
        )
        for _ in range(steps):
            self.random.choice(deeds)()
        return self.asked

    def _wait(self) -> None:
        self.now += self.random.choice(STEPS_OF_TIME)
        if self.random.random() < 0.7:
            self._move()
        if self.random.random() < 0.03:
            self.halted = not self.halted

    def _move(self) -> None:
        for symbol, (bid, ask, at) in self.quotes.items():
            drawn = self.random.random()
            if drawn < 0.2:
                continue
            if at < self.now:
                self.mids[symbol] = ((bid + ask) / 2, self.now if self.random.random() < 0.7 else at)
            bid = max(Fraction(1), bid + self.random.choice((0, 0, 0, Fraction(1, 2), Fraction(-1, 2), -1, 1, 2, -3)))
            ask = bid + self.random.choice((0, 0, Fraction(1, 2), Fraction(1, 2), Fraction(1, 2), 1, 2))
            if drawn > 0.98:
                bid, ask = (Fraction(0), ask) if drawn > 0.99 else (ask + 1, ask)
            self.quotes[symbol] = (bid, ask, self.now)

    def _step_down(self) -> None:
        """Seldom: the run may use less, or it is paused; what was approved and what works stays as it is."""
        known = self.oracle.step
        if known is None or self.random.random() < 0.6:
            return
        drawn = self.random.random()
        most = len(PARTS) - (1 if drawn < 0.1 else 2)
        self.oracle.step = min(known + 1, max(known, most))
        self.oracle.paused = self.oracle.paused or drawn > 0.9
        self._use(paused=self.oracle.paused)

    def _value(self) -> None:
        """The book is valued between plans."""
        self._observe(self._facts())

    def _plan(self) -> None:
        """A basket of one or two orders, judged; what is approved waits."""
        pick, rand = self.random.choice, self.random.random
        self.cycle += rand() < 0.7
        self.cycle = max(self.cycle, 1)
        if rand() < 0.5:
            for name in list(self.waiting):
                self._withdraw(name)
        orders = [self._order(number) for number in range(1, pick((2, 2, 3)))]
        facts = self._facts()
        self._observe(facts)
        made = self._made(orders, facts)
        ids = {line.number: self._id(made, line.number) for line in orders}
        if any(name in self.oracle_names for name in ids.values()):
            return  # the same cycle again: its ids are used, which a test of its own holds
        judgement = judge_plan(made, facts=self._sentinel_facts(facts, made), limits=self.limits, sha256="0" * 64)
        said = self.oracle.judge(orders, facts)
        self._compare_plans(judgement, said, orders)
        for verdict in judgement.verdicts:
            if verdict.control == "REPEATED_EXECUTION" and verdict.line and verdict.outcome is Outcome.DENY:
                self.running.repeats.disable(next(line.symbol for line in orders if line.number == verdict.line))
        self.oracle.disabled |= said.repeated
        with exact_operators():
            self.running.approve(judgement.approvals, automatic=True, market_ns=self.now)
        for approval in judgement.approvals:
            line = next(line for line in orders if line.number == approval.line)
            line = Line(**{**line.__dict__, "units": said.goes[line.number]})
            touch = line.ask if line.side > 0 else line.bid
            self.oracle.approve(approval.client_order_id, line, cycle=self.cycle, at=self.now, touch=touch)
            self.waiting[approval.client_order_id] = (approval, line)
            self.recent.append(RecentApproval.of(approval, approved_ns=self.now))

    def _send(self) -> None:
        """An order of an approval, or one that differs from it, or one again, comes to the gate."""
        again = bool(self.gone or self.open) and self.random.random() < 0.1
        if again:
            name = self.random.choice(sorted([*self.gone, *self.open]))
            approval, line = self.gone.get(name) or self.open[name][:2]
        elif self.waiting:
            name = self.random.choice(sorted(self.waiting))
            approval, line = self.waiting[name]
        else:
            return
        units = line.units + (1 if self.random.random() < 0.05 else 0)
        limit = line.limit
        if limit is not None and self.random.random() < 0.1:
            limit += self.random.choice((-1, 1))
        facts = self._facts()
        denied = self._gate(approval, units, limit, again=again)
        expected = self.oracle.gate(name, line, units, limit, facts, again=again)
        self.asked += 1
        if bool(denied) is not bool(expected) or not denied <= expected:
            raise DisagreementError(
                f"seed {self.seed}: at the gate {line} of {units} at {limit}: the Sentinel says {texts(denied)}, the oracle "
                f"{texts(expected)}; held {self.oracle.held}, limits {self.plain}"
            )
        self.said.update(f"gate {code}" for code in denied or ("went",))
        if not denied:
            left = self.waiting.pop(name)
            order = self._order_facts(approval, units, limit)
            with exact_operators():
                self.running.passed(approval, name, dec(units), now_ns=self.now)
                self.own.passed(order, left=dec(units))
            self.oracle.sent(name, line, units, limit, self.now)
            self.open[name] = (*left, units)

    def _fill(self) -> None:
        if not self.open:
            return
        name = self.random.choice(sorted(self.open))
        approval, line, left = self.open[name]
        units = left if self.random.random() < 0.6 else min(left, STEP[line.symbol])
        bid, ask, _ = self.quotes[line.symbol]
        price = max(Fraction(1), self.random.choice((bid, ask, (bid + ask) / 2)))
        self.oracle.filled(name, units, price, line.worth, self.now)
        self.cash -= line.side * units * price * line.worth
        with exact_operators():
            self.positions[line.symbol] = self.positions.get(line.symbol, ZERO) + line.side * dec(units)
            self.running.reservations.fill(name, symbol=line.symbol, side=approval.side, quantity=dec(units))
            self.own.filled(name, dec(units))
        self.running.drift.fill(line.symbol, dec(price), self.now)
        self.traded.append((dec(units * price * line.worth), self.now))
        self.open[name] = (approval, line, left - units)
        if left == units:
            self.gone[name] = self.open.pop(name)[:2]

    def _end(self) -> None:
        if self.open and self.random.random() < 0.7:
            name = self.random.choice(sorted(self.open))
            self.gone[name] = self.open.pop(name)[:2]
            with exact_operators():
                self.running.reservations.end(name)
            self.own.ended(name)
            self.oracle.ended(name)
        elif self.waiting:
            self._withdraw(self.random.choice(sorted(self.waiting)))

    def _withdraw(self, name: str) -> None:
        del self.waiting[name]
        with exact_operators():
            self.running.reservations.release(name)
        self.oracle.withdrawn(name)

    @property
    def oracle_names(self) -> set[str]:
        return {one.name for one in self.oracle.reserved}

    def _order(self, number: int) -> Line:
        pick = self.random.choice
        symbol = pick(sorted(VENUE))
        bid, ask, _ = self.quotes[symbol]
        side = pick((1, -1))
        held = self.oracle.held.get(symbol, Fraction(0))
        grid = [Fraction(units) for units in (5, 10, 10, 20, 20, 40, 60)]
        if held:
            grid += [abs(held), abs(held) + STEP[symbol], abs(held)]
            side = -1 if held > 0 and self.random.random() < 0.5 else side
        limit = None if self.random.random() < 0.6 else max(Fraction(1), pick((bid, ask, bid - 1, ask + 1)))
        return Line(
            number=number,
            symbol=symbol,
            venue=VENUE[symbol],
            side=side,
            units=pick(grid),
            limit=limit,
            bid=bid,
            ask=ask,
            worth=WORTH[symbol],
            reduce_only=held * side < 0 and self.random.random() < 0.3,
        )

    def _facts(self) -> Facts:
        pick, rand = self.random.choice, self.random.random
        equity = self.cash + sum(
            (units * (self.quotes[name][0] + self.quotes[name][1]) / 2 * WORTH[name] for name, units in self.oracle.held.items()),
            Fraction(0),
        )
        made = self.now - (0 if rand() < 0.9 else pick((3_600 * 10**9, 3_600 * 10**9 + 1)))
        self.newest = max(self.newest, made) if rand() < 0.5 else self.newest
        self.oracle.newest = self.newest
        weights = {
            name: Fraction(pick(("0.25", "0.25", "0.5", "0", "-0.5"))) for name in pick((("A",), ("A", "B"), ("A", "C", "D")))
        }
        return Facts(
            now=self.now,
            cycle=self.cycle,
            equity=equity,
            equity_at=self.now if rand() < 0.9 else self.now - pick((10**9, 10**9 + 1)),
            quotes=dict(self.quotes),
            mids=dict(self.mids),
            refs={
                name: (pick((0, 0, 0, 0, 0, 0, 1, -1)) + (bid + ask) / 2, self.now - pick((0, 0, 0, 0, 0, 10**9, 10**9 + 1)))
                for name, (bid, ask, _) in self.quotes.items()
            },
            volumes={name: Fraction(pick((200, 300, 400, 9000))) for name in VENUE if rand() < 0.95},
            weights={} if rand() < 0.02 else weights | ({"A": Fraction("1.25")} if rand() < 0.02 else {}),
            made=made,
            halted=self.halted,
            grade=pick((3, 3, 3, 3, 2, 1, 0)) if rand() < 0.2 else 3,
            regime=pick(("QUIET", "NORMAL", "NORMAL", "TURBULENT", "NORMAL", "CRISIS")),
            worths=WORTH,
            steps=STEP,
        )

    def _observe(self, facts: Facts) -> None:
        values = {name: (bid + ask) / 2 * WORTH[name] for name, (bid, ask, _) in facts.quotes.items()}
        with exact_operators():
            self.running.observe(
                equity_base=dec(facts.equity),
                positions=self.positions,
                values={name: dec(value) for name, value in values.items()},
                now_ns=self.now,
                market_ns=self.now,
            )
        self.oracle.saw(facts.equity, self.now, values)

    def _compare_plans(self, judgement: Any, said: Any, orders: list[Line]) -> None:
        self.asked += 1
        by_line: dict[int, set[str]] = {line.number: set() for line in orders}
        whole: set[str] = set()
        for verdict in judgement.verdicts:
            if verdict.outcome in (Outcome.DENY, Outcome.NEEDS_OVERRIDE):
                plan_wide = not verdict.line or verdict.control == "MAX_ASSET_EXPOSURE"
                (whole if plan_wide else by_line[verdict.line]).add(verdict.control)
        goes = {one.line: Fraction(one.quantity) for one in judgement.approvals}
        if judgement.must_halt or by_line != said.lines or whole != said.whole or goes != said.goes:
            raise DisagreementError(
                f"seed {self.seed}: the plan {orders}: the Sentinel says {by_line}, {texts(whole)}, {goes}; the oracle "
                f"{said.lines}, {texts(said.whole)}, {said.goes}; held {self.oracle.held}, limits {self.plain}"
            )
        self.said.update(f"plan {code}" for code in (*whole, *(code for codes in by_line.values() for code in codes)))
        self.said.update(f"resize {one.control}" for one in judgement.verdicts if one.outcome is Outcome.RESIZE)
        self.said["approved"] += len(goes)
