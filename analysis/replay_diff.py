"""Two runs of the same inputs, order by order: what is not the same, and why — by evidence in the lines, never by guess.

The first stage at which an order's two courses part decides: the prices it was decided on, its size, the gate's verdict, the
instant and book of its fills, their sizes, prices, fees. What has no evidence of its own and comes after a difference that
moved the book follows from that one, and has its cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from analysis.replay_cause import Cause, Market, changed_inputs
from analysis.replay_course import TOGETHER_NS, OrderCourse, RunCourse
from lakehouse.rebuild import OPERATOR
from orders.values import Record

BPS: Final = Decimal(10_000)
HALT: Final = "HALT"


class Difference(Record, frozen=True, kw_only=True):
    """One order, plan line or manifest that is not the same. `stage`: manifest, plan, order, verdict or fill.

    `follows`: the order whose difference this one follows from; empty: it has evidence of its own. `price_bps`: how far the
    average prices are apart, of the recorded one; None where one has no fill. `moves_book`: what is held differs after it.
    """

    key: str
    symbol: str
    cycle: int
    line: int
    stage: str
    cause: Cause
    follows: str
    recorded: str
    replayed: str
    price_bps: Decimal | None = None
    moves_book: bool = False


@dataclass(slots=True)
class Compared:
    """How much was compared, and what differs, in the order of the run."""

    orders: int = 0
    lines: int = 0
    plans: int = 0
    plans_same: int = 0
    fills: int = 0
    differences: list[Difference] = field(default_factory=list)
    skews_ns: list[tuple[int, int]] = field(default_factory=list)  # planned and first filled, run minus replay, of orders in both


class Comparer:
    """Compares once: `compare()`."""

    def __init__(self, recorded: RunCourse, replayed: RunCourse, *, market: Market) -> None:
        self._one = recorded
        self._other = replayed
        self._market = market
        self._changed = changed_inputs(recorded.start, replayed.start)
        self._found = Compared()

    def compare(self) -> Compared:
        """Return what was compared and what differs."""
        found = self._found
        self._manifests()
        one, other = self._one, self._other
        keys = sorted({*one.orders, *other.orders}, key=self._moment)
        found.orders = len(keys)
        found.fills = sum(len(order.fills) for order in one.orders.values())
        for key in keys:
            difference = self._order(key, one.orders.get(key), other.orders.get(key))
            if difference is not None:
                found.differences.append(difference)
        self._plans()
        return found

    def _moment(self, key: str) -> tuple[int, int, str]:
        order = self._one.orders.get(key) or self._other.orders[key]
        return order.intent.planned_ns, order.intent.line, key

    def _manifests(self) -> None:
        one, other = self._one.manifests, self._other.manifests
        for place in range(max(len(one), len(other))):
            left = one[place] if place < len(one) else None
            right = other[place] if place < len(other) else None
            if left != right:
                cause = Cause.DATA if self._changed else Cause.UNEXPLAINED
                self._found.differences.append(
                    Difference(
                        key=f"manifest {place + 1}", symbol="", cycle=0, line=0, stage="manifest", cause=cause, follows="",
                        recorded=_told(left), replayed=_told(right),
                    )
                )  # fmt: skip
                return  # those after it are shifted

    def _order(self, key: str, one: OrderCourse | None, other: OrderCourse | None) -> Difference | None:
        if one is None or other is None:
            return self._only_in_one(key, one, other)
        left, right = one.intent, other.intent
        self._found.skews_ns.append(
            (
                left.planned_ns - right.planned_ns,
                one.fills[0].event_ns - other.fills[0].event_ns if one.fills and other.fills else 0,
            )
        )
        if left.symbol != right.symbol:  # an id counts plan lines, and the plan is another one
            return self._difference(key, one, other, "order", self._plan_priced(left.cycle), _size(one), _size(other))
        if (left.arrival_bid, left.arrival_ask) != (right.arrival_bid, right.arrival_ask):
            cause = self._priced(one, other)
            return self._difference(key, one, other, "order", cause, f"decided on {_book(left)}", f"decided on {_book(right)}")
        size = (left.side, left.quantity, left.order_kind, left.limit_price)
        if size != (right.side, right.quantity, right.order_kind, right.limit_price):
            return self._difference(key, one, other, "order", self._sized(one, other), _size(one), _size(other))
        if one.verdict != other.verdict:
            return self._difference(
                key, one, other, "verdict", self._judged(one, other), _words(one.verdict), _words(other.verdict)
            )
        return self._fills(key, one, other)

    def _difference(
        self, key: str, one: OrderCourse | None, other: OrderCourse | None, stage: str, cause: Cause | None, was: str, now: str
    ) -> Difference:
        """Make a difference; `cause` None: it has no evidence of its own."""
        order = one or other
        assert order is not None
        follows = ""
        if cause is None:
            cause, follows = self._from_earlier(order.intent.symbol)
        averages = (None if one is None else one.average, None if other is None else other.average)
        bps = None
        if averages[0] is not None and averages[1] is not None:
            bps = abs(averages[1] - averages[0]) / averages[0] * BPS
        books = [() if side is None else ([(f.quantity, f.price) for f in side.fills], side.fees) for side in (one, other)]
        return Difference(
            key=key, symbol=order.intent.symbol, cycle=order.intent.cycle, line=order.intent.line, stage=stage, cause=cause,
            follows=follows, recorded=was, replayed=now, price_bps=bps, moves_book=books[0] != books[1],
        )  # fmt: skip

    def _from_earlier(self, symbol: str) -> tuple[Cause, str]:
        """What a difference without evidence follows from: the last that moved the book, of its symbol if there is one."""
        earlier = [found for found in self._found.differences if found.moves_book]
        same = [found for found in earlier if found.symbol == symbol]
        if root := (same or earlier)[-1:]:
            return root[0].cause, root[0].key
        cause = next(iter(self._changed.values()), Cause.UNEXPLAINED)
        return (Cause.MANUAL if cause is Cause.UNEXPLAINED and self._one.manual else cause), ""

    def _priced(self, one: OrderCourse, other: OrderCourse) -> Cause | None:
        """Two different quotes: the recorded one is in the feed (the engine looked at another instant) or it is not."""
        intent = one.intent
        shown = self._market.shown(
            intent.symbol, intent.arrival_bid, intent.arrival_ask, from_ns=intent.arrival_ns, to_ns=intent.planned_ns
        )
        return self._looked(intent.planned_ns, other.intent.planned_ns) if shown else Cause.DATA

    def _looked(self, one_ns: int, other_ns: int) -> Cause | None:
        """Another instant of the same feed: the clock's doing, unless what came before had the engine look at another time."""
        moved = any(found.moves_book for found in self._found.differences)
        return None if moved and abs(one_ns - other_ns) > TOGETHER_NS else Cause.CLOCK

    def _sized(self, one: OrderCourse, other: OrderCourse) -> Cause | None:
        """Another quantity on the same price: another price of the plan, the step, a resize, or the book."""
        cycle, line = one.intent.cycle, one.intent.line
        left, right = self._one.plan_line(cycle, line), self._other.plan_line(other.intent.cycle, other.intent.line)
        if left is not None and right is not None:
            if left["wanted_quantity"] == right["wanted_quantity"]:
                resized = "limits_sha256" in self._changed and "market_limits_sha256" not in self._changed
                return Cause.VERDICT if resized else Cause.ROUNDING
            if (cause := self._plan_priced(cycle)) is not None:
                return cause
        return None

    def _same_cycle(self, cycle: int) -> bool:
        """Whether a number means the same in both: after a difference the replay may have opened one more, or one less."""
        plans = self._one.plans[cycle], self._other.plans[cycle]
        same = plans[0].manifest_sha256 == plans[1].manifest_sha256
        return same and self._one.causes.get(cycle) == self._other.causes.get(cycle)

    def _plan_priced(self, cycle: int) -> Cause | None:
        """Whether a plan was made on another price of any of its lines, and then why."""
        plans = self._one.plans.get(cycle), self._other.plans.get(cycle)
        if plans[0] is None or plans[1] is None or plans[0].plan is None or plans[1].plan is None:
            return None
        others = {line["symbol"]: line for line in plans[1].plan["lines"]}
        for line in plans[0].plan["lines"]:
            other = others.get(line["symbol"])
            if other is not None and line["bid"] is not None and (line["bid"], line["ask"]) != (other["bid"], other["ask"]):
                shown = self._market.shown(
                    line["symbol"], line["bid"], line["ask"], from_ns=plans[0].plan["prices_ns"], to_ns=plans[0].planned_ns
                )
                return self._looked(plans[0].planned_ns, plans[1].planned_ns) if shown else Cause.DATA
        return None

    def _judged(self, one: OrderCourse, other: OrderCourse) -> Cause:
        codes = {verdict[1] for verdict in (one.verdict, other.verdict) if verdict is not None}
        return Cause.MANUAL if HALT in codes and self._one.manual else Cause.VERDICT

    def _only_in_one(self, key: str, one: OrderCourse | None, other: OrderCourse | None) -> Difference:
        order = one or other
        assert order is not None
        cycle, line = order.intent.cycle, order.intent.line
        cause: Cause | None = None
        if order.cycle_cause == OPERATOR:
            cause = Cause.MANUAL
        elif one is not None and one.intent.planned_ns > self._market.until_ns:
            cause = Cause.DATA  # the quotes it was decided on were not written before the process ended
        else:
            cause = self._line_cause(cycle, line)
        words = [("no such order" if side is None else _size(side)) for side in (one, other)]
        return self._difference(key, one, other, "order", cause, *words)

    def _line_cause(self, cycle: int, line: int) -> Cause | None:
        """Why a plan line of a cycle trades in one run and not in the other; None: the plans do not say."""
        plans = self._one.plans.get(cycle), self._other.plans.get(cycle)
        if plans[0] is None or plans[1] is None or not self._same_cycle(cycle):
            return None
        if (cause := self._plan_priced(cycle)) is not None:
            return cause
        if (plans[0].decision, plans[0].code) != (plans[1].decision, plans[1].code):
            return Cause.VERDICT
        lines = self._one.plan_line(cycle, line), self._other.plan_line(cycle, line)
        if lines[0] is None or lines[1] is None or lines[0]["symbol"] != lines[1]["symbol"]:
            return None
        if lines[0]["reason"] == lines[1]["reason"]:
            skips = [side.skips.get((cycle, line)) for side in (self._one, self._other)]
            return Cause.VERDICT if (skips[0] is None) is not (skips[1] is None) else None
        return Cause.ROUNDING if lines[0]["wanted_quantity"] == lines[1]["wanted_quantity"] else None

    def _fills(self, key: str, one: OrderCourse, other: OrderCourse) -> Difference | None:
        left, right = (
            [(fill.quantity, fill.price, fill.fee, fill.fee_currency, fill.liquidity) for fill in side.fills]
            for side in (one, other)
        )
        if left == right and one.reject == other.reject:
            return None
        return self._difference(key, one, other, "fill", self._filled(one, other), _executed(one), _executed(other))

    def _filled(self, one: OrderCourse, other: OrderCourse) -> Cause | None:
        """Which of instant, book, sizes, prices and fees of an order's fills is the first that differs."""
        late = Cause.LATENCY in self._changed.values()
        if not one.fills or not other.fills:
            if late:
                return Cause.LATENCY
            return Cause.DATA if self._market.altered or self._after_quotes(one) else self._cut_off(one, other)
        first, second = one.fills[0], other.fills[0]
        if (first.fill_bid, first.fill_ask) != (second.fill_bid, second.fill_ask):
            if first.fill_bid is not None and first.fill_ask is not None:
                shown = self._market.shown(
                    first.symbol, first.fill_bid, first.fill_ask, from_ns=first.event_ns, to_ns=first.ts_ns
                )
                if not shown:
                    return Cause.DATA
            return Cause.LATENCY if late else Cause.CLOCK
        if [fill.quantity for fill in one.fills] != [fill.quantity for fill in other.fills]:
            return Cause.DATA if self._market.altered else Cause.PARTIAL_FILL
        if [fill.price for fill in one.fills] != [fill.price for fill in other.fills]:
            return Cause.PRICE
        return Cause.FEE if one.fees != other.fees else Cause.PRICE

    def _after_quotes(self, one: OrderCourse) -> bool:
        return bool(one.fills) and one.fills[0].event_ns > self._market.until_ns

    def _cut_off(self, one: OrderCourse, other: OrderCourse) -> Cause | None:
        """A run ended while an order of it was on its way, which the other run saw arrive."""
        waiting = one if not one.fills else other
        return Cause.CLOCK if waiting.reject is None and waiting.cancel is None else None

    def _plans(self) -> None:
        """Count plans, and tell of lines that trade in neither run and not for the same reason."""
        found = self._found
        traded = {(order.intent.cycle, order.intent.line) for side in (self._one, self._other) for order in side.orders.values()}
        for cycle in sorted({*self._one.plans, *self._other.plans}):
            one, other = self._one.plans.get(cycle), self._other.plans.get(cycle)
            found.plans += 1
            found.plans_same += one is not None and other is not None and one.plan_sha256 == other.plan_sha256
            for difference in self._plan_lines(cycle, traded):
                found.differences.append(difference)

    def _plan_lines(self, cycle: int, traded: set[tuple[int, int]]) -> Iterator[Difference]:
        one, other = self._one.plans.get(cycle), self._other.plans.get(cycle)
        sides: Sequence[dict[int, Any]] = [
            {} if side is None or side.plan is None else {line["line"]: line for line in side.plan["lines"]}
            for side in (one, other)
        ]
        for number in sorted({*sides[0], *sides[1]}):
            self._found.lines += 1
            left, right = sides[0].get(number), sides[1].get(number)
            words = [self._line_words(side, cycle, line) for side, line in ((self._one, left), (self._other, right))]
            if (cycle, number) in traded or words[0] == words[1]:
                continue
            symbol = (left if left is not None else sides[1][number])["symbol"]
            cause, follows = self._line_cause(cycle, number), ""
            if self._one.causes.get(cycle) == OPERATOR:
                cause = Cause.MANUAL
            if cause is None:
                cause, follows = self._from_earlier(symbol)
            yield Difference(
                key=f"cycle {cycle} line {number}", symbol=symbol, cycle=cycle, line=number, stage="plan", cause=cause,
                follows=follows, recorded=words[0], replayed=words[1],
            )  # fmt: skip

    @staticmethod
    def _line_words(side: RunCourse, cycle: int, line: Any) -> str:
        if line is None:
            return "no such line"
        skip = side.skips.get((cycle, line["line"]))
        return f"{line['symbol']} {line['reason'] if skip is None else skip.reason}"


def _told(manifest: tuple[str | None, str, str] | None) -> str:
    return "none" if manifest is None else " ".join(filter(None, (manifest[1], manifest[2], (manifest[0] or "")[:12])))


def _book(intent: Any) -> str:
    return f"{intent.arrival_bid} / {intent.arrival_ask}"


def _size(order: OrderCourse) -> str:
    intent = order.intent
    return f"{intent.side} {intent.quantity} {intent.symbol}"


def _words(verdict: tuple[str, str] | None) -> str:
    return "not judged" if verdict is None else " ".join(filter(None, verdict))


def _executed(order: OrderCourse) -> str:
    if order.fills:
        return ", ".join(f"{fill.quantity} @ {fill.price} fee {fill.fee} {fill.fee_currency}" for fill in order.fills)
    return f"rejected by {order.reject[0]}: {order.reject[1]}" if order.reject is not None else order.cancel or "no fill"
