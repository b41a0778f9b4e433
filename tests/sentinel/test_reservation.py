"""Control 5: filled + open + reserved stay within the limit after every step, in whatever order things happen."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orders.exact import EXACT
from orders.plan import Approval, Outcome
from orders.values import Side
from sentinel.reservation import Reservations
from tests.planner.world import NOW, D
from tests.sentinel.cases import BUY, SELL, changed, judged, limits

APPROVAL = judged().approvals[1]
EQUITY, PRICE = D("1000"), D("10")
ASSET_MAX, GROSS_MAX = D("40"), D("60")  # units: 0.4 and 0.6 of equity at a price of 10
SYMBOLS = (BUY, SELL)
UNITS = st.integers(1, 45).map(Decimal)


class Reserving(RuleBasedStateMachine):
    """Against a plainer model: positions, what is open, what is reserved, all in units. A line is granted where it fits."""

    @initialize()
    def begin(self):
        self.counter = Reservations(limits(max_asset_exposure=D("0.4"), max_leverage=D("0.6")))
        self.counter.mark(positions={}, values=dict.fromkeys(SYMBOLS, PRICE), equity_base=EQUITY, equity_ns=NOW)
        self.position = dict.fromkeys(SYMBOLS, D(0))
        self.lines: dict[str, tuple[Approval, Decimal]] = {}  # what each has left
        self.open: dict[str, tuple[str, Decimal]] = {}  # order -> line, left
        self.known: dict[str, Approval] = {}
        self.number = 0

    def worst(self, symbol, *, reserved):
        sides = {Side.BUY: D(0), Side.SELL: D(0)}
        for line, left in self.open.values():
            if self.approvals(line).symbol == symbol:
                sides[self.approvals(line).side] += left
        for approval, left in self.lines.values() if reserved else ():
            if approval.symbol == symbol:
                sides[approval.side] += left
        held = self.position[symbol]
        return max(abs(held + sides[Side.BUY]), abs(held - sides[Side.SELL]))

    def approvals(self, line):
        return self.known[line]

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(Side), units=UNITS)
    def approve(self, symbol, side, units):
        """The guard grants what keeps the symbol's worst case, reservations included, inside its limit, or does not raise it."""
        self.number += 1
        approval = changed(APPROVAL, client_order_id=f"line-{self.number}", symbol=symbol, side=side, quantity=units)
        before = self.worst(symbol, reserved=True)
        self.known[approval.client_order_id] = approval
        self.lines[approval.client_order_id] = (approval, units)
        after = self.worst(symbol, reserved=True)
        if after > ASSET_MAX and after > before:
            del self.lines[approval.client_order_id]
            return
        with localcontext(EXACT):
            self.counter.reserve([approval])

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), units=UNITS)
    def send(self, data, units):
        line = data.draw(st.sampled_from(sorted(self.lines)), label="line")
        approval, left = self.lines[line]
        with localcontext(EXACT):
            allowed = all(verdict.outcome is Outcome.ALLOW for verdict in self.counter.ask(line, units, NOW))
        if units > left:
            assert not allowed
        if not allowed:
            return
        self.number += 1
        order = f"order-{self.number}"
        with localcontext(EXACT):
            self.counter.draw(line, order, units)
        self.lines[line] = (approval, left - units)
        self.open[order] = (line, units)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), quarters=st.integers(0, 4))
    def fill(self, data, quarters):
        order = data.draw(st.sampled_from(sorted(self.open)), label="order")
        line, left = self.open[order]
        units = max(D(1), left * quarters // 4)
        approval = self.approvals(line)
        with localcontext(EXACT):
            self.counter.fill(order, symbol=approval.symbol, side=approval.side, quantity=units)
        self.position[approval.symbol] += approval.side.sign * units
        self.open[order] = (line, left - units)
        if left == units:
            del self.open[order]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data):
        order = data.draw(st.sampled_from(sorted(self.open)), label="order")
        line, left = self.open.pop(order)
        with localcontext(EXACT):
            self.counter.end(order)
        if line in self.lines:
            self.lines[line] = (self.lines[line][0], self.lines[line][1] + left)

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def lapse(self, data):
        line = data.draw(st.sampled_from(sorted(self.lines)), label="line")
        del self.lines[line]
        with localcontext(EXACT):
            self.counter.release(line)

    @invariant()
    def filled_open_and_reserved_stay_inside(self):
        for symbol in SYMBOLS:
            assert self.counter.exposure(symbol) == (self.worst(symbol, reserved=False), self.worst(symbol, reserved=True))
            assert self.worst(symbol, reserved=False) <= ASSET_MAX
        gross = sum((self.worst(symbol, reserved=False) for symbol in SYMBOLS), D(0))
        assert self.counter.gross_base == gross * PRICE
        assert gross <= GROSS_MAX


TestReserving = Reserving.TestCase
TestReserving.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_the_example_of_the_book_reserved_twice_is_denied_once() -> None:
    counter = Reservations(limits(max_asset_exposure=D("0.4"), max_leverage=D("0.6")))
    counter.mark(positions={}, values={BUY: PRICE}, equity_base=EQUITY, equity_ns=NOW)
    first, second = (changed(APPROVAL, client_order_id=name, quantity=D("30")) for name in ("first", "second"))
    with localcontext(EXACT):
        counter.reserve([first, second])
        assert counter.ask("first", D("30"), NOW) == counter.passed
        counter.draw("first", "first", D("30"))
        denied = [verdict.control for verdict in counter.ask("second", D("30"), NOW) if verdict.outcome is not Outcome.ALLOW]
        assert denied == ["MAX_ASSET_EXPOSURE"]
        counter.end("first")
        assert counter.ask("second", D("30"), NOW) == counter.passed
