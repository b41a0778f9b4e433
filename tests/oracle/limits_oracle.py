"""The limits once more, slow and plain, from the page of controls alone: exact fractions, whole lists, nothing clever.

It imports nothing of the engine. Every question walks over everything that happened. Where the page is silent, the reading taken
is written here, so that it can be quarrelled with:

1. A limit is inclusive: what equals it passes.
2. What does not raise a measure passes that measure, however far it is above its limit: a book can always be reduced.
3. Worst case of a symbol: the farther end of what open (and reserved) orders can take its position to.
4. A line that a control denies by itself is left out, and the rest of the plan is judged as if it had never been there.
5. What only brings a position toward zero is not held back by loss, spread, jump or drift of own fills.
6. Values are at mid; an order's own value and price are at its limit price, or at the far touch.
7. Equity that is not above zero is no equity: what is measured in it denies. A person's flatten does not ask for it.
8. Growth in a regime is gross, or the long side of net with open buys filled; up to a hundredth of equity is none.
9. Of a run that may use a part of equity, whatever is measured in equity or is an order's value is measured in that part of
   it, but for the weights of a manifest and losses. The value of an order that reduces is measured in the whole, and so is the
   turnover of a plan: what opens, in the part. A plan below the whole that opens nothing has no turnover too large.
10. An order that opens or adds goes at no larger a part than it was approved at, not while paused, nor where no part is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.oracle_book import DAY, ZERO, Line, OracleBook, Reserved


@dataclass(frozen=True)
class Facts:
    """What a plan is judged on. `mids` before these quotes, `refs` of decisions: (price, instant); absent is not known."""

    now: int
    cycle: int
    equity: Fraction
    equity_at: int
    quotes: dict[str, tuple[Fraction, Fraction, int]]
    mids: dict[str, tuple[Fraction, int]]
    refs: dict[str, tuple[Fraction, int]]
    volumes: dict[str, Fraction]
    weights: dict[str, Fraction]
    made: int
    halted: bool
    grade: int
    regime: str
    worths: dict[str, Fraction]
    steps: dict[str, Fraction]


@dataclass
class Said:
    """`lines`: number -> controls that deny it; `whole`: controls that refuse the plan; `goes`: number -> units approved."""

    lines: dict[int, set[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    goes: dict[int, Fraction] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)


class Oracle(OracleBook):
    """Asked about plans (`judge`) and orders (`gate`)."""

    def judge(self, lines: Sequence[Line], facts: Facts) -> Said:
        """Return what the plan's controls say."""
        said = Said(lines={line.number: set() for line in lines})
        mode = self._mode()
        sized: list[Line] = []
        for line in lines:
            held = self.held.get(line.symbol, ZERO)
            units = line.units
            if line.reduce_only or (mode and held * line.side < 0):
                units = self._cap(said, line, units, self._room(line.symbol, line.side), "REDUCE_ONLY", facts)
            if units > self.limits.max_order_units or units <= 0:
                said.lines[line.number].add("MAX_ORDER_VOLUME")
            elif self.limits.adv_fraction is not None:
                volume = facts.volumes.get(line.symbol)
                if volume is None:
                    said.lines[line.number].add("MAX_ORDER_VOLUME")
                else:
                    units = self._cap(said, line, units, self.limits.adv_fraction * volume, "MAX_ORDER_VOLUME", facts)
            sized.append(Line(**{**line.__dict__, "units": units}))
        counts: dict[str, int] = {}
        at_venue: dict[str, int] = {}
        for index, line in enumerate(sized):
            counts[line.symbol] = counts.get(line.symbol, 0) + 1
            at_venue[line.venue] = at_venue.get(line.venue, 0) + 1
            first = any(other.symbol == line.symbol for other in sized[:index])
            said.lines[line.number] |= self._denies(line, facts, bool(mode), first, counts[line.symbol], at_venue[line.venue])
            if "REPEATED_EXECUTION" in said.lines[line.number]:
                said.repeated.add(line.symbol)
        left = [line for line in sized if not said.lines[line.number]]
        said.whole = self._refuses(left, bool(lines), facts)
        if not said.whole:
            said.goes = {line.number: line.units for line in left}
        return said

    def gate(self, name: str, line: Line, units: Fraction, limit: Fraction | None, facts: Facts, *, again: bool) -> set[str]:
        """Return the controls that deny one order just before its client; empty: it goes."""
        known = next((one for one in self.reserved if one.name == name and not one.over), None)
        no = {"HALT"} if facts.halted else set()
        if known is None and not again:
            return no | {"NO_APPROVAL"}
        approved = self._line(name)
        if again:
            no.add("APPROVAL_USED")
        if units > approved.line.units or units <= 0:
            no.add("MISMATCH")
        bound = approved.line.limit
        other_kind = (bound is None) is not (limit is None)
        if other_kind or (bound is not None and limit is not None and line.side * (limit - bound) > 0):
            no.add("MISMATCH")
        quote = facts.quotes.get(line.symbol)
        price = limit if limit is not None else None if quote is None else quote[1] if line.side > 0 else quote[0]
        price = None if price is None or price <= 0 else price
        if self._price_age(quote, facts.now):
            no.add("PRICE_AGE")
        if price is None or abs(price - approved.touch) > self.limits.collar * approved.touch:
            no.add("PRICE_COLLAR")
        units_then = approved.line.units  # it was a reduction when it was approved, and still is one
        reduces = approved.opens_from * line.side < 0 and units_then <= abs(approved.opens_from)
        part = 1 if reduces else self.part()
        if price is None or units * price * approved.line.worth > self.limits.max_order_value * part:
            no.add("MAX_ORDER_VALUE")
        if again:
            return no
        reduces = reduces and units <= self._room(line.symbol, line.side, reserved=False)
        if units > approved.left:
            no.add("RESERVATION")
        no |= self._exposure(line, units, facts.now)
        if self.step is not None and not reduces and (self.opens_nothing() or approved.part > self.part()):
            no.add("CAPITAL_FRACTION")
        if self._sent_within_a_second(line.venue, facts.now) >= self.limits.messages_per_s:
            no.add("MESSAGE_LIMIT")
        if self._sent_today(line.venue, facts.now) >= self.limits.messages_per_day:
            no.add("MESSAGE_LIMIT")
        mode = self._mode()
        if mode and not reduces:
            no.add("LOSS_LIMIT")
        if not reduces and (quote is None or self._wide(quote)):
            no.add("MARKET_SANITY")
        if (line.reduce_only or (mode and reduces)) and units > self._room(line.symbol, line.side, reserved=False):
            no.add("REDUCE_ONLY")
        oldest = self._oldest_fill(line.symbol, facts.now)
        if not reduces and oldest is not None and (price is None or abs(price - oldest) > self.limits.drift * oldest):
            no.add("FILL_DRIFT")
        against = [
            one.limit
            for one in self.passed
            if one.left and one.symbol == line.symbol and one.side != line.side and one.limit is not None
        ]
        if any(limit is None or line.side * (limit - resting) >= 0 for resting in against):
            no.add("SELF_MATCH")
        return no

    def _denies(self, line: Line, facts: Facts, closing: bool, second: bool, number: int, at_venue: int) -> set[str]:
        limits, no = self.limits, set()
        price = self._price(line)
        held = self.held.get(line.symbol, ZERO)
        reduces = held * line.side < 0 and line.units <= abs(held)
        part = 1 if reduces else self.part()
        if price is None or line.units <= 0 or line.units * price * line.worth > limits.max_order_value * part:
            no.add("MAX_ORDER_VALUE")
        if self.opens_nothing() and not reduces:
            no.add("CAPITAL_FRACTION")
        if line.symbol not in limits.allow.get(line.venue, ()):
            no.add("ALLOW_LIST")
        quote = facts.quotes.get(line.symbol)
        if self._price_age(quote, facts.now):
            no.add("PRICE_AGE")
        ref = facts.refs.get(line.symbol)
        if (
            price is None
            or ref is None
            or not 0 <= facts.now - ref[1] <= limits.reference_age
            or self._off(price, ref[0], limits.collar)
        ):
            no.add("PRICE_COLLAR")
        same = any(
            one.cycle == facts.cycle and facts.now - one.at <= limits.duplicate_window and one.line.symbol == line.symbol
            and one.line.side == line.side and one.line.units == line.units and self._judged_at(one) == price
            for one in self.reserved
        )  # fmt: skip
        if same or second:
            no.add("DUPLICATE")
        if not reduces:
            earlier = facts.mids.get(line.symbol)
            known = earlier is not None and 0 <= facts.now - earlier[1] <= limits.jump_age
            if (
                quote is None
                or earlier is None
                or not known
                or self._wide(quote)
                or self._off(self._mid(quote[0], quote[1]), earlier[0], limits.jump)
            ):
                no.add("MARKET_SANITY")
            oldest = self._oldest_fill(line.symbol, facts.now)
            if oldest is not None and (price is None or abs(price - oldest) > limits.drift * oldest):
                no.add("FILL_DRIFT")
            if closing:
                no.add("LOSS_LIMIT")
        before = sum(1 for one in self.reserved if one.line.symbol == line.symbol and facts.now - one.at <= limits.repeats_window)
        if line.symbol in self.disabled or before + number > limits.repeats:
            no.add("REPEATED_EXECUTION")
        if self._sent_today(line.venue, facts.now) + at_venue > limits.messages_per_day:
            no.add("MESSAGE_LIMIT")
        return no

    def _refuses(self, left: Sequence[Line], orders: bool, facts: Facts) -> set[str]:
        limits, no = self.limits, set()
        if facts.halted:
            no.add("HALT")
        if facts.grade < limits.grade:
            no.add("PROVENANCE")
        equity = facts.equity
        if equity <= 0:
            return no | {"MAX_LEVERAGE", "MAX_ASSET_EXPOSURE", "REGIME_PARITY", "MANIFEST_BOUNDS"}
        equity *= self.part()
        adds = {line.symbol: line.side * line.units * self._mid(line.bid, line.ask) * line.worth for line in left}
        rows = []
        for symbol in sorted(self._symbols() | adds.keys()):
            quote = facts.quotes[symbol]
            value = self._mid(quote[0], quote[1]) * facts.worths[symbol]
            now = self.held.get(symbol, ZERO) * value
            buys, sells = (self._open(symbol, side, reserved=True) * value for side in (1, -1))
            rows.append((symbol, now, now + adds.get(symbol, ZERO), buys, sells))
        worst = [(max(abs(a + b), abs(a - c)), max(abs(z + b), abs(z - c))) for _, a, z, b, c in rows]
        gross = (sum((one for one, _ in worst), ZERO), sum((two for _, two in worst), ZERO))
        net = (sum((a + b for _, a, _, b, _ in rows), ZERO), sum((z + b for _, _, z, b, _ in rows), ZERO))
        low = (sum((a - c for _, a, _, _, c in rows), ZERO), sum((z - c for _, _, z, _, c in rows), ZERO))
        far = (max(net[0], -low[0], ZERO), max(net[1], -low[1], ZERO))
        old = not 0 <= facts.now - facts.equity_at <= limits.equity_age
        if old or self._above(gross, limits.max_leverage * equity) or self._above(far, limits.max_leverage_net * equity):
            no.add("MAX_LEVERAGE")
        for (symbol, *_), both in zip(rows, worst, strict=True):
            if symbol in adds and self._above(both, limits.max_asset * equity):
                no.add("MAX_ASSET_EXPOSURE")
        if self._regime(facts.regime, gross, net, equity):
            no.add("REGIME_PARITY")
        if self._bounds(left, orders, facts, gross, worst, adds):
            no.add("MANIFEST_BOUNDS")
        return no

    def _bounds(
        self,
        left: Sequence[Line],
        orders: bool,
        facts: Facts,
        gross: tuple[Fraction, Fraction],
        worst: Sequence[tuple[Fraction, Fraction]],
        adds: dict[str, Fraction],
    ) -> bool:
        limits, whole, part = self.limits, facts.equity, self.part()
        equity = whole * part
        weights = sum((abs(weight) for weight in facts.weights.values()), ZERO)
        squares = (sum((one * one for one, _ in worst), ZERO), sum((two * two for _, two in worst), ZERO))
        traded = sum((abs(add) for add in adds.values()), ZERO)
        opening = [
            line
            for line in left
            if not (self.held.get(line.symbol, ZERO) * line.side < 0 and line.units <= abs(self.held.get(line.symbol, ZERO)))
        ]
        opened = sum((abs(adds[line.symbol]) for line in opening), ZERO)
        today = sum((value for _, _, value, at in self.fills if at // DAY == facts.now // DAY), ZERO)
        return (
            any(abs(weight) > 1 for weight in facts.weights.values())
            or weights > limits.gross_weight_max
            or (orders and (weights < limits.gross_weight_min or not facts.weights))
            or self._above(squares, limits.hhi * equity * equity)
            or opened > limits.turnover * equity
            or (traded > limits.turnover * whole and (bool(opening) or part == 1))
            or self._above(gross, limits.gross_weight_max * equity)
            or (bool(opening) and today + traded > limits.day_turnover * equity)
            or (orders and facts.now - facts.made > limits.manifest_age)
            or (orders and facts.made < self.newest)
        )

    def _regime(self, regime: str, gross: tuple[Fraction, Fraction], net: tuple[Fraction, Fraction], equity: Fraction) -> bool:
        up, long_up = gross[1] - gross[0], max(net[1], ZERO) - max(net[0], ZERO)
        if regime in ("QUIET", "NORMAL"):
            return False
        if regime == "TURBULENT":  # what is above a limit does not rise, not by steps inside the band either
            return (up > 0 or long_up > 0) and gross[1] > self.limits.turbulent * self.limits.max_leverage * equity
        return up > equity / 100 or long_up > equity / 100 or (net[1] > self.limits.crisis_net_long * equity and net[1] > net[0])

    def _exposure(self, line: Line, units: Fraction, now: int) -> set[str]:
        before = self._worst(line.symbol, reserved=False)
        held = self.held.get(line.symbol, ZERO)
        buys, sells = self._open(line.symbol, 1, reserved=False), self._open(line.symbol, -1, reserved=False)
        buys, sells = (buys + units, sells) if line.side > 0 else (buys, sells + units)
        after = max(abs(held + buys), abs(held - sells))
        if after <= before:
            return set()
        if self.valued is None or not 0 <= now - self.valued[1] <= self.limits.equity_age or line.symbol not in self.values:
            return {"MAX_LEVERAGE"}
        equity, value = self.valued[0] * self.part(), self.values[line.symbol]
        no = {"MAX_ASSET_EXPOSURE"} if after * value > self.limits.max_asset * equity else set()
        others = self._symbols() - {line.symbol}
        if any(other not in self.values and self._worst(other, reserved=False) for other in others):
            return no | {"MAX_LEVERAGE"}
        gross = sum((self._worst(other, reserved=False) * self.values.get(other, ZERO) for other in others), ZERO)
        return no | ({"MAX_LEVERAGE"} if gross + after * value > self.limits.max_leverage * equity else set())

    def _cap(self, said: Said, line: Line, units: Fraction, room: Fraction, control: str, facts: Facts) -> Fraction:
        if units <= room:
            return units
        step = facts.steps[line.symbol]
        smaller = room // step * step
        if room <= 0 or smaller < step or self._price(line) is None:
            said.lines[line.number].add(control)
            return units
        return smaller

    def _price_age(self, quote: tuple[Fraction, Fraction, int] | None, now: int) -> bool:
        if quote is None:
            return True
        bid, ask, at = quote
        return bid <= 0 or ask <= 0 or bid > ask or not 0 <= now - at <= self.limits.price_age

    def _wide(self, quote: tuple[Fraction, Fraction, int]) -> bool:
        bid, ask, _ = quote
        return bid <= 0 or ask <= 0 or (ask - bid) > self.limits.spread * (bid + ask) / 2

    @staticmethod
    def _price(line: Line) -> Fraction | None:
        touch = line.ask if line.side > 0 else line.bid
        price = touch if line.limit is None else line.limit
        return price if touch > 0 and price > 0 else None

    def _judged_at(self, one: Reserved) -> Fraction:
        return one.touch if one.line.limit is None else one.line.limit

    @staticmethod
    def _off(price: Fraction, reference: Fraction, part: Fraction) -> bool:
        return reference <= 0 or abs(price - reference) > part * reference

    @staticmethod
    def _mid(bid: Fraction, ask: Fraction) -> Fraction:
        return (bid + ask) / 2

    @staticmethod
    def _above(both: tuple[Fraction, Fraction], limit: Fraction) -> bool:
        return both[1] > limit and both[1] > both[0]


def texts(codes: Iterable[str]) -> str:
    """Return codes in one order, for messages."""
    return ", ".join(sorted(codes)) or "none"
