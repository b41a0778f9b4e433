"""What happened, as the oracle remembers it: whole lists, and sums over all of them. It imports nothing of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace

DAY = 86_400 * 10**9
SECOND = 10**9
ZERO = Fraction(0)


@dataclass(frozen=True)
class Line:
    """One order of a plan. `side` 1 buy, -1 sell. `limit` None: at market. `bid`, `ask` None: no quote."""

    number: int
    symbol: str
    venue: str
    side: int
    units: Fraction
    limit: Fraction | None
    bid: Fraction
    ask: Fraction
    worth: Fraction  # base currency of one unit at price 1
    reduce_only: bool


@dataclass
class Passed:
    """An order that went out. `left` 0: it has ended."""

    name: str
    line: str
    symbol: str
    venue: str
    side: int
    limit: Fraction | None
    left: Fraction
    at: int


@dataclass
class Reserved:
    """An approved line. `left`: what it may still send; `over`: it may send no more."""

    name: str
    line: Line
    cycle: int
    at: int
    left: Fraction
    touch: Fraction
    opens_from: Fraction  # the position it was approved at
    part: Fraction  # of equity, that it was approved at
    over: bool = False


class OracleBook:
    """`limits`: numbers by the names of the config, Fractions and ints."""

    def __init__(self, limits: SimpleNamespace) -> None:
        self.limits = limits
        self.held: dict[str, Fraction] = {}
        self.passed: list[Passed] = []
        self.reserved: list[Reserved] = []
        self.messages: list[tuple[str, int]] = []
        self.fills: list[tuple[str, Fraction, Fraction, int]] = []  # symbol, price, value, when
        self.seen: list[tuple[Fraction, int]] = []  # equity, when
        self.disabled: set[str] = set()
        self.newest = -1
        self.values: dict[str, Fraction] = {}  # of a unit, at the last valuation
        self.valued: tuple[Fraction, int] | None = None
        self.step: int | None = None  # of the parts of equity a run may use; None: nothing governs it
        self.paused = False

    def saw(self, equity: Fraction, at: int, values: dict[str, Fraction]) -> None:
        self.seen.append((equity, at))
        self.values |= values
        self.valued = (equity, at)

    def approve(self, name: str, line: Line, *, cycle: int, at: int, touch: Fraction) -> None:
        held = self.held.get(line.symbol, ZERO)
        self.reserved.append(
            Reserved(name=name, line=line, cycle=cycle, at=at, left=line.units, touch=touch, opens_from=held, part=self.part())
        )

    def part(self) -> Fraction:
        """Of equity, that may be used now; 0 where it is not known."""
        return Fraction(1) if self.step is None else self.limits.parts[self.step]

    def opens_nothing(self) -> bool:
        return self.step is not None and (self.paused or not self.part())

    def sent(self, name: str, line: Line, units: Fraction, limit: Fraction | None, at: int) -> None:
        self.passed.append(
            Passed(name=name, line=name, symbol=line.symbol, venue=line.venue, side=line.side, limit=limit, left=units, at=at)
        )
        self._line(name).left -= units
        self.messages.append((line.venue, at))

    def filled(self, name: str, units: Fraction, price: Fraction, worth: Fraction, at: int) -> None:
        order = self._order(name)
        order.left -= units
        self.held[order.symbol] = self.held.get(order.symbol, ZERO) + order.side * units
        self.fills.append((order.symbol, price, units * price * worth, at))
        if not order.left:
            self._line(name).over = True

    def ended(self, name: str) -> None:
        self._order(name).left = ZERO
        self._line(name).over = True

    def withdrawn(self, name: str) -> None:
        self._line(name).over = True

    def _room(self, symbol: str, side: int, *, reserved: bool = True) -> Fraction:
        held = self.held.get(symbol, ZERO)
        if held * side >= 0:
            return ZERO
        return max(abs(held) - self._open(symbol, side, reserved=reserved), ZERO)

    def _open(self, symbol: str, side: int, *, reserved: bool) -> Fraction:
        units = sum((one.left for one in self.passed if one.symbol == symbol and one.side == side), ZERO)
        if reserved:
            units += sum(
                (one.left for one in self.reserved if not one.over and one.line.symbol == symbol and one.line.side == side), ZERO
            )
        return units

    def _worst(self, symbol: str, *, reserved: bool) -> Fraction:
        held = self.held.get(symbol, ZERO)
        buys, sells = self._open(symbol, 1, reserved=reserved), self._open(symbol, -1, reserved=reserved)
        return max(abs(held + buys), abs(held - sells))

    def _symbols(self) -> set[str]:
        return {one.symbol for one in self.passed} | {one.line.symbol for one in self.reserved if not one.over} | set(self.held)

    def _mode(self) -> str:
        """Why only reductions may go, "" where everything may."""
        if not self.seen:
            return "nothing known"
        equity = self.seen[-1][0]
        day = max(when // DAY for _, when in self.seen)
        before = [value for value, when in self.seen if when // DAY < day]
        today = [value for value, when in self.seen if when // DAY == day]
        start = before[-1] if before else today[0]
        peak = max(value for value, _ in self.seen)
        if min(equity, start, peak) <= 0:
            return "nothing to judge by"
        if equity < (1 - self.limits.day_loss) * start:
            return "loss of the day"
        return "drawdown" if equity < (1 - self.limits.drawdown) * peak else ""

    def _oldest_fill(self, symbol: str, now: int) -> Fraction | None:
        inside = [price for name, price, _, at in self.fills if name == symbol and now - at <= self.limits.drift_window]
        return inside[0] if inside else None

    def _sent_within_a_second(self, venue: str, now: int) -> int:
        return sum(1 for where, at in self.messages if where == venue and now - at < SECOND)

    def _sent_today(self, venue: str, now: int) -> int:
        return sum(1 for where, at in self.messages if where == venue and at // DAY == now // DAY)

    def _order(self, name: str) -> Passed:
        return next(one for one in self.passed if one.name == name)

    def _line(self, name: str) -> Reserved:
        return next(one for one in self.reserved if one.name == name)
