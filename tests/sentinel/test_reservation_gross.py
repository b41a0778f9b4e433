"""The gross that is counted only when it is asked for is the plain sum over all symbols, whatever moved meanwhile."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from orders.exact import exact_operators
from orders.values import Side
from sentinel.reservation import Reservations
from tests.planner.world import NOW, D
from tests.sentinel.cases import BUY, SELL, changed, judged, limits

APPROVAL = judged().approvals[1]
SYMBOLS = (BUY, SELL, "NYSE:THIRD")
UNITS = st.integers(1, 40).map(Decimal)
PLACES = st.integers(0, 10**6)  # which of what there is, whatever its number
PRICES = st.fixed_dictionaries({}, optional={symbol: st.integers(1, 30).map(lambda n: D(n) / 4) for symbol in SYMBOLS})
STEPS = st.one_of(
    st.tuples(st.just("approve"), st.sampled_from(SYMBOLS), st.sampled_from(Side), UNITS),
    st.tuples(st.just("send"), PLACES, UNITS),
    st.tuples(st.just("undo"), PLACES),
    st.tuples(st.just("fill"), PLACES, UNITS),
    st.tuples(st.just("fill of a stranger"), st.sampled_from(SYMBOLS), st.sampled_from(Side), UNITS),
    st.tuples(st.just("end"), PLACES),
    st.tuples(st.just("release"), PLACES),
    st.tuples(st.just("mark"), PRICES),
)


class Book:
    """Two counters that go through the same: `looked_at` is asked for its gross after every step, `left_alone` never."""

    def __init__(self) -> None:
        self.counters = [Reservations(limits(max_asset_exposure=D("0.4"), max_leverage=D("0.4"))) for _ in range(2)]
        self.looked_at, self.left_alone = self.counters
        self.position = dict.fromkeys(SYMBOLS, D(0))
        self.values: dict[str, Decimal] = {}
        self.lines: dict[str, tuple[str, Side]] = {}
        self.open: dict[str, tuple[str, Decimal]] = {}  # order -> line, left
        self.number = 0

    def plain_gross(self) -> Decimal:
        total = D(0)
        for symbol, value in self.values.items():
            sides = {Side.BUY: D(0), Side.SELL: D(0)}
            for line, left in self.open.values():
                if self.lines[line][0] == symbol:
                    sides[self.lines[line][1]] += left
            held = self.position[symbol]
            total += max(abs(held + sides[Side.BUY]), abs(held - sides[Side.SELL])) * value
        return total

    def step(self, what: str, *given: object) -> None:
        self.number += 1
        with exact_operators():
            getattr(self, what.replace(" ", "_"))(*given)

    def approve(self, symbol: str, side: Side, units: Decimal) -> None:
        line = f"line-{self.number}"
        self.lines[line] = (symbol, side)
        for counter in self.counters:
            counter.reserve([changed(APPROVAL, client_order_id=line, symbol=symbol, side=side, quantity=units)])

    def send(self, place: int, units: Decimal) -> None:
        if not self.lines:
            return
        line = sorted(self.lines)[place % len(self.lines)]
        told = [counter.ask(line, units, NOW) for counter in self.counters]
        assert told[0] == told[1]
        if told[0] == self.looked_at.passed:
            self.open[f"order-{self.number}"] = (line, units)
            for counter in self.counters:
                counter.draw(line, f"order-{self.number}", units)

    def one_open(self, place: int) -> str | None:
        return sorted(self.open)[place % len(self.open)] if self.open else None

    def undo(self, place: int) -> None:
        order = self.one_open(place)
        if order is not None and self.open[order][0] in self.looked_at._lines:
            del self.open[order]
            for counter in self.counters:
                counter.undo(order)

    def fill(self, place: int, units: Decimal) -> None:
        order = self.one_open(place)
        if order is not None:
            line, left = self.open[order]
            symbol, side = self.lines[line]
            self.position[symbol] += side.sign * units
            self.open[order] = (line, left - min(left, units))
            if units >= left:
                del self.open[order]
            for counter in self.counters:
                counter.fill(order, symbol=symbol, side=side, quantity=units)

    def fill_of_a_stranger(self, symbol: str, side: Side, units: Decimal) -> None:
        self.position[symbol] += side.sign * units
        for counter in self.counters:
            counter.fill("stranger", symbol=symbol, side=side, quantity=units)

    def end(self, place: int) -> None:
        order = self.one_open(place)
        if order is not None:
            del self.open[order]
            for counter in self.counters:
                counter.end(order)

    def release(self, place: int) -> None:
        if self.lines:
            line = sorted(self.lines)[place % len(self.lines)]
            for counter in self.counters:
                counter.release(line)

    def mark(self, prices: dict[str, Decimal]) -> None:
        self.values |= prices
        for counter in self.counters:
            counter.mark(positions=dict(self.position), values=prices, equity_base=D(1_000), equity_ns=NOW)


@given(steps=st.lists(STEPS, max_size=60))
@example([("approve", BUY, Side.BUY, D(30)), ("approve", SELL, Side.BUY, D(30)), ("send", 0, D(30)), ("send", 1, D(30))])
@settings(max_examples=150, deadline=None)
def test_gross_and_every_verdict_are_those_of_the_plain_sum(steps: list[tuple[object, ...]]) -> None:
    book = Book()
    book.step("mark", {BUY: D(10), SELL: D(10)})
    for step in steps:
        book.step(*step)  # type: ignore[arg-type]
        assert book.looked_at.gross_base == book.plain_gross()
    assert book.left_alone.gross_base == book.plain_gross()
