"""A burst of 500 orders that a halt cuts off, over every harness, and what must be true of it afterwards.

A halt **is in effect** when the call that made it has returned: the permission is gone. What the second lock let pass before
that instant, the last time it was asked, is on the wire (and is cancelled at the venue); what asks it after must not reach the
venue. The lock's last question comes right before the bytes, so that no more than the wire holds can arrive later.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from engine.trading_node import MadeNode
from lakehouse.layout import Layout
from lakehouse.permission import FilePermission, MemoryPermission
from live.ccxt_link import CcxtAccount
from live.halted import HaltedRun
from live.ibkr_link import IbkrAccount
from orders.plan import Approval
from orders.values import OrderKind, Side
from tests.ccxt_private.world import QUICK
from tests.conformance.ccxt_harness import PAIR_AT_VENUE, CcxtHarness
from tests.conformance.harness import BacktestHarness, Harness
from tests.conformance.ib_harness import IbHarness
from tests.conformance.node_harness import NodeHarness
from tests.gate.script import arm
from venues.ccxt.private_api import POSTS_MAX
from venues.ccxt.trading_profiles import BINANCE

BURST = 500
CASH = "10000000"  # so that no other limit has anything to say
WAIT_S = 60.0
QUIET = 100  # looks, ten milliseconds apart


@dataclass
class Moment:
    """When the burst is cut off: at the `at`-th question for the permission since it began, by `trip`; None: by the test's hand.

    `effect_ns`: the monotonic instant at which the halt had returned, None before.
    """

    at: int | None
    trip: Callable[[], Any] = lambda: None
    begun: bool = False
    asked: int = 0
    effect_ns: int | None = None
    arrivals: int = 0  # by the test's hand, and not before the venue has been sent so many
    tripped: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        if not self.begun or self.tripped.is_set():
            return
        self.asked += 1
        if self.asked == self.at:
            self.cut()

    def cut(self) -> None:
        self.trip()
        self.effect_ns = time.monotonic_ns()
        self.tripped.set()


class CountedFile(FilePermission):
    """The real one, which is halted in the middle of being asked."""

    def __init__(self, layout: Layout, moment: Moment) -> None:
        super().__init__(layout)
        self._moment = moment

    def may_send(self) -> bool:
        self._moment.ask()
        return super().may_send()


class DeafFile(CountedFile):
    """The bad twin: whoever asks it does not hear of a halt, as a gate and a client without the check would not."""

    def may_send(self) -> bool:
        self._moment.ask()
        return True


class CountedMemory(MemoryPermission):
    """As `CountedFile`, of a backtest."""

    def __init__(self, moment: Moment) -> None:
        super().__init__()
        self._moment = moment

    def may_send(self) -> bool:
        self._moment.ask()
        return super().may_send()


class DeafMemory(CountedMemory):
    """The bad twin of a backtest."""

    def may_send(self) -> bool:
        self._moment.ask()
        return True


class Witness:
    """The second lock, and when it let which order pass last; what it refused it did not let pass."""

    def __init__(self, gate: Any, passes: dict[str, int]) -> None:
        self._gate = gate
        self._passes = passes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gate, name)

    def refusal(self, order: Any) -> str:
        refusal: str = self._gate.refusal(order)
        order_id = order.client_order_id.value
        if refusal:
            self._passes.pop(order_id, None)
        else:
            self._passes[order_id] = time.monotonic_ns()
        return refusal


class Bursting(Harness):
    """What a harness needs for it: a permission that counts, a lock that is watched."""

    on_the_wire: int | None = 0  # at most, where the venue may not have read what it was sent; None: one line takes it all
    moment: Moment
    deaf: bool
    passes: dict[str, int]

    @classmethod
    def of(cls, made: Any, moment: Moment, *, deaf: bool = False) -> Any:
        """Return it started, over a made market."""
        kind: Any = type(cls.__name__, (cls,), {"moment": moment, "deaf": deaf, "passes": {}})
        return kind(made)

    def own_permission(self) -> Any:
        if isinstance(self, BacktestHarness):
            return (DeafMemory if self.deaf else CountedMemory)(self.moment)
        return (DeafFile if self.deaf else CountedFile)(self.made.layout, self.moment)

    def _mortal(self, made: MadeNode) -> MadeNode:
        gate: Any = Witness(made.assembly.gate, self.passes)
        return replace(made, assembly=replace(made.assembly, gate=gate))

    def arrivals(self) -> int:
        """How many new orders the venue has been sent, whatever became of them."""
        return len(self.venue_ids())

    def sent_to_venue(self, names: list[str]) -> list[str]:
        """Which of these the venue has been sent, as often as it was."""
        return [each for each in self.venue_ids() if each in names]

    def passed_before(self, effect_ns: int) -> set[str]:
        """Client order ids that the second lock let pass last, and before the halt was in effect."""
        return {name for name, at in self.passes.items() if at <= effect_ns}


class BurstingBacktest(Bursting, BacktestHarness):
    """One thread: the lines of its log stand in the order of what happened, and nothing is on its way."""

    questions = 3 * BURST  # gate, client, wire; here all three of one order before the next

    def passed_before(self, effect_ns: int) -> set[str]:
        names = set[str]()
        for line in self.lines("send", "halt"):
            if line["type"] == "halt":
                break
            names.add(line["client_order_id"])
        return names

    def venue_ids(self) -> list[str]:
        """What the venue took, by its own events."""
        return [line["client_order_id"] for line in self.lines("ack")]


class BurstingNode(Bursting, NodeHarness):
    questions = 3 * BURST


class BurstingOutside(Bursting):
    """What it was sent counts as it comes in, before it is looked at."""

    def sent_to_venue(self, names: list[str]) -> list[str]:
        return [name for name in names for _ in range(self.posts(name))]


class BurstingCcxt(BurstingOutside, CcxtHarness):
    questions = 3 * BURST  # gate, client, and with a line to the venue in hand
    on_the_wire = POSTS_MAX
    timing = msgspec.structs.replace(QUICK, order_timeout_ms=20_000)  # on a busy machine 500 orders take their time

    def _begin(self) -> None:
        self.venue.relist(PAIR_AT_VENUE, open_orders_max=str(2 * BURST))
        super()._begin()

    def arrivals(self) -> int:
        return self.venue.counts()["POST order"]

    def account(self) -> Any:
        return CcxtAccount(self.client(self.first.venue), BINANCE)


class BurstingIb(BurstingOutside, IbHarness):
    questions = 3 * BURST
    on_the_wire = None  # the lock is asked in the same call that writes to TWS' socket

    def arrivals(self) -> int:
        return self.tws.counts()["place"]

    def account(self) -> Any:
        return IbkrAccount(self.client(self.first.venue))


KINDS = {"backtest": BurstingBacktest, "node": BurstingNode, "ccxt": BurstingCcxt, "ibkr": BurstingIb}


def send_burst(harness: Any, dice: random.Random) -> list[str]:
    """Arm 500 buys that rest, and send them in one breath of the strategy; return their client order ids."""
    first = harness.first
    names = [dice.randbytes(16).hex() for _ in range(BURST)]
    quantity = Decimal(first.step) if first.base is None else Decimal("0.001")

    def approval(order_id: str) -> Approval:
        return Approval(
            client_order_id=order_id, environment="conformance", manifest_sha256="a" * 64, plan_sha256="b" * 64, cycle=1,
            line=1, symbol=first.symbol, instrument_id=first.instrument_id, venue=first.venue, side=Side.BUY, quantity=quantity,
            order_kind=OrderKind.LIMIT, limit_price=Decimal(first.rests), reduce_only=False,
            reference_price=Decimal(first.rests), unit_value_base=Decimal(1), reduces=False,
        )  # fmt: skip

    def send() -> None:
        strategy, listing = harness.assembly.strategy, harness.parts.listings[first.symbol]
        instrument = strategy.cache.instrument(InstrumentId.from_str(first.instrument_id))
        for order_id in names:
            arm(harness.assembly, approval(order_id), listing=listing, equity_base=Decimal(CASH), automatic=False)
        harness.moment.begun = True
        for order_id in names:
            strategy.submit_order(
                strategy.order_factory.limit(
                    instrument.id, OrderSide.BUY, instrument.make_qty(quantity), instrument.make_price(Decimal(first.rests)),
                    client_order_id=ClientOrderId(order_id),
                )
            )  # fmt: skip

    harness.on_engine(send)
    return names


@dataclass(frozen=True)
class Cut:
    """A burst after its halt. `arrived`: how many the venue had been sent when the engine's loop had turned; `ended`: which it
    was sent in the end, as often as it was.
    """

    names: list[str]
    arrived: int
    ended: list[str]
    passed: set[str]  # by the second lock, before the halt was in effect
    refused: dict[str, str]  # client order id -> code
    works: list[str]
    on_the_wire: int | None

    def problems(self) -> list[str]:
        """What must not be, in words; empty where the halt held."""
        late = set(self.ended) - self.passed
        more = len(self.ended) - self.arrived
        both = self.refused.keys() & set(self.ended)
        neither = set(self.names) - self.refused.keys() - set(self.ended)
        codes = Counter(self.refused.values())
        found = {
            "reached the venue after the halt": len(late),
            "arrived later than what was on the wire": 0 if self.on_the_wire is None else max(0, more - self.on_the_wire),
            "arrived twice": len(self.ended) - len(set(self.ended)),
            "refused and arrived": len(both),
            "neither refused nor arrived": len(neither),
            **{f"refused as {code}": count for code, count in codes.items() if code != "HALT"},
            "still works": len(self.works),
        }
        return [f"{count} {words}" for words, count in found.items() if count]


def cut_off(harness: Any, dice: random.Random) -> Cut:
    """Send the burst, wait until the halt is in effect and the loop has turned, cancel all, and take stock."""
    moment = harness.moment
    names = send_burst(harness, dice)
    if moment.at is None:
        time.sleep(0 if moment.arrivals else dice.random() / 4)
        while harness.arrivals() < moment.arrivals:
            time.sleep(0.01)
        moment.cut()
    await_trip(harness, moment)
    harness.on_engine(lambda: None)
    arrived = harness.arrivals()
    cancel_all(harness, names)
    refused = refused_of(harness, names)
    ended = harness.sent_to_venue(names)
    passed = harness.passed_before(moment.effect_ns)
    return Cut(
        names=names,
        arrived=len(passed & set(ended)) if isinstance(harness, BacktestHarness) else arrived,
        ended=ended,
        passed=passed,
        refused=refused,
        works=harness.venue_orders(harness.first.venue),
        on_the_wire=harness.on_the_wire,
    )


def refused_of(harness: Any, names: list[str]) -> dict[str, str]:
    """Return the code of each order that the log says was refused."""
    refused: dict[str, str] = {}
    for line in harness.lines("verdict", "reject"):
        if line["client_order_id"] in names and (line["type"] == "reject" or line["outcome"] == "DENY"):
            refused.setdefault(line["client_order_id"], line["code"])  # a denial's reject line only repeats it
    return refused


def await_trip(harness: Any, moment: Moment) -> None:
    """Where the burst asks less often than the moment was drawn for, it is cut off once it asks no more."""
    asked, quiet = -1, 0
    while not moment.tripped.wait(0.01):
        harness.advance(1)
        quiet = quiet + 1 if moment.asked == asked else 0
        asked = moment.asked
        if quiet > QUIET:
            moment.cut()


def cancel_all(harness: Any, names: list[str]) -> None:
    """As a halted live run does, until the venue confirms; at a simulated venue by the strategy's cancels, which pass."""
    if not hasattr(harness, "account"):
        harness.settle()

        def cancel() -> None:
            strategy = harness.assembly.strategy
            for order in strategy.cache.orders_open(venue=None):
                strategy.cancel_order(order)

        harness.on_engine(cancel)
        harness.settle()
        return
    told: list[tuple[str, str]] = []
    halted = HaltedRun(
        permission=FilePermission(harness.made.layout), accounts={harness.first.venue: harness.account()},
        alarm=lambda code, words: told.append((code, words)),
    )  # fmt: skip
    (work,) = halted.works()
    running = asyncio.run_coroutine_threadsafe(work, harness._loop)
    end = time.monotonic() + WAIT_S
    while "HALT_CONFIRMED" not in dict(told):
        assert time.monotonic() < end, told
        time.sleep(0.05)
    running.cancel()
    harness.settle()
