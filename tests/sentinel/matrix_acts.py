"""What the rows of the fail-open matrix do at the gate, and beside it: sends, broken parts, accounts, a watchdog."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

from lakehouse.layout import Layout
from lakehouse.live_note import LiveNote
from lakehouse.permission import FilePermission
from live.last_cancel import Cancelled
from live.watchdog import BEAT, QUIT, Watchdog
from orders.plan import Outcome, Verdict
from orders.reconcile import differences
from orders.values import OrderKind, Side
from sentinel.conservation import Conservation
from sentinel.locks import locked_instruments
from sentinel.order_check import OrderFacts
from sentinel.regime_now import regime_parity_now
from sentinel.self_match import OwnOrders
from tests.planner.world import NOW, D, listing, quote
from tests.sentinel.cases import BUY, SELL, Broken, changed, facts, judged, limits, made_plan
from tests.sentinel.gate_stand import BUY_APPROVAL, SELL_APPROVAL, Stand, limited, order_of
from tests.sentinel.matrix import DENIES, HALTS, PASSES, broken, gate

BROKEN: Any = Broken()
PART: Final = SimpleNamespace(ask=broken, leave=broken, awaits=lambda order_id: False)  # of a gate, that raises when it is asked


def at(bid: str, ask: str | None = None, *, ts_ns: int = NOW) -> dict[str, Any]:
    return {SELL: quote(SELL, "10"), BUY: quote(BUY, bid, ask, ts_ns=ts_ns)}


NOTHING: dict[str, Any] = {SELL: quote(SELL, "10")}
QUARTER: dict[str, Any] = {"price_collar_fraction": D("0.25")}
DRIFT: dict[str, Any] = {"fill_drift_max_fraction": D("0.25")}
SPREAD: dict[str, Any] = {"spread_max_fraction": D("0.1")}


def filled(price: Any) -> Callable[[Stand], object]:
    return lambda stand: stand.running.drift.fill(BUY, price, NOW)


def observed(equity: str) -> Callable[[Stand], object]:
    return lambda stand: stand.running.observe(
        equity_base=D(equity), positions={SELL: D("40")}, values={BUY: D("10"), SELL: D("10")}, now_ns=NOW, market_ns=NOW
    )


def worth(value: str) -> Callable[[Stand], object]:
    """A valuation in which a unit of BUY is worth this."""
    return lambda stand: stand.running.reservations.mark(
        positions={SELL: D("40")}, values={BUY: D(value)}, equity_base=D("1000"), equity_ns=NOW
    )


def part(name: str, whole: Any = PART) -> Callable[[Stand], object]:
    """Put a broken part into the gate, or into what it counts with."""

    def put(stand: Stand) -> None:
        owner = stand.gate if hasattr(stand.gate, name) else stand.running
        setattr(owner, name, whole)

    return put


# message limit


def after_one(stand: Stand) -> tuple[str, bool]:
    assert stand.send(SELL_APPROVAL) == ("", False)
    return stand.send()


def clock_set_back(stand: Stand) -> tuple[str, bool]:
    assert stand.send(SELL_APPROVAL) == ("", False)
    stand.now_ns = NOW - 10**9
    return stand.send()


# self-match

RESTING = changed(
    SELL_APPROVAL, client_order_id="1" * 32, symbol=BUY, instrument_id=BUY_APPROVAL.instrument_id, reduce_only=False,
    order_kind=OrderKind.LIMIT, limit_price=D("10.02"),
)  # fmt: skip


def against(price: str | None) -> dict[str, Any]:
    """A sell of ours rests at 10.02; a buy comes at this price."""
    coming = BUY_APPROVAL if price is None else limited(BUY_APPROVAL, price)

    def act(stand: Stand) -> tuple[str, bool]:
        assert stand.send(RESTING) == ("", False)
        return stand.send(coming)

    return {"approvals": (RESTING, coming), "act": act}


def since_a_restart(stand: Stand) -> object:
    return stand.gate.restore_passed([order_of(RESTING, RESTING.client_order_id)])


def self_match_of_no_price() -> str:
    own = OwnOrders()
    resting = OrderFacts(
        client_order_id="1", instrument_id="X", side=Side.SELL, quantity=D("1"), order_kind=OrderKind.LIMIT,
        limit_price=D("10"), reduce_only=False,
    )  # fmt: skip
    own.passed(resting, left=D("1"))
    (verdict,) = own.ask(changed(resting, client_order_id="2", side=Side.BUY, limit_price=D("NaN")))
    return DENIES if verdict.outcome is Outcome.DENY else PASSES


# reconciliation


def account(found: Mapping[str, str], *, tolerance: str = "0.1") -> Callable[[Stand], object]:
    """The book says 40 BUY; the account says `found`, and what parts is locked."""

    def compare(stand: Stand) -> None:
        parted = differences(
            expected={"BUY": D("40")}, found={code: D(text) for code, text in found.items()}, tolerance={"BUY": D(tolerance)}
        )
        listings = {BUY: listing(BUY, base="BUY"), SELL: listing(SELL, base="SELL")}
        stand.gate.locks.lock("US", locked_instruments(parted, venue="US", listings=listings))

    return compare


def unanswered(instrument_id: str) -> Callable[[Stand], object]:
    return lambda stand: stand.gate.unknown("9" * 32, instrument_id)


def a_year_later(stand: Stand) -> None:
    unanswered(BUY_APPROVAL.instrument_id)(stand)
    stand.now_ns = NOW + 365 * 86_400 * 10**9


# conservation

PARENT = changed(BUY_APPROVAL, schedule="slow")


def child(units: str, *, number: int = 1, first: str | None = None) -> dict[str, Any]:
    """A parent of 40; its child, after another one of `first` units where that is given."""

    def act(stand: Stand) -> tuple[str, bool]:
        one = PARENT.client_order_id
        if first is not None:
            stand.gate.children.announce(one, 2)
            assert stand.send(PARENT, order_id=PARENT.child_id(2), units=first, parent=one) == ("", False)
        stand.gate.children.announce(one, number)
        return stand.send(PARENT, order_id=PARENT.child_id(number), units=units, parent=one)

    return {"approvals": (PARENT,), "act": act}


def counted(ask: Callable[[Conservation], Verdict]) -> Callable[[], str]:
    def run() -> str:
        counter = Conservation()
        counter.admit_parent("parent", D("40"))
        return DENIES if ask(counter).outcome is Outcome.DENY else PASSES

    return run


def of_a_finished_cycle(counter: Conservation) -> Verdict:
    counter.forget("parent")
    return counter.ask("parent", D("1"))


# halt


def permission_file(*, there: bool) -> Callable[[], str]:
    """The real permission of a data directory, with its file or without."""

    def run() -> str:
        with TemporaryDirectory() as directory:
            permission = FilePermission(Layout(Path(directory)))
            if there:
                assert permission.arm_if_new(by="test", now_ns=NOW)
            return gate("HALT", may_send=permission.may_send)()  # type: ignore[operator]  # a cell that is run

    return run


def taken_away(stand: Stand) -> tuple[str, bool]:
    """Halted between two orders."""
    assert stand.send(SELL_APPROVAL) == ("", False)
    stand.gate._permission = SimpleNamespace(may_send=lambda: False)  # type: ignore[assignment]
    return stand.send()


# regime


def regime(**read: Any) -> Callable[[], Verdict]:
    """What the regime of now says to the made plan, as the engine asks for it at every order that opens or adds."""
    lim = read.pop("lim", {})
    plan = read.pop("plan", None) or made_plan()
    return lambda: regime_parity_now(plan, judged().approvals, facts=facts(**read), limits=limits(**lim))


TURBULENT: dict[str, Any] = {"regime_name": "TURBULENT"}


# dead man


def watched(*, beats: int, confirmed: bool = True, closed: bool = False, breaks: int = 0) -> Callable[[], str]:
    """A watchdog of one second over a real pipe; each beat comes after two fifths of it, then the engine ends or is silent.

    Passing: it lets what rests rest. Denying: it cancels. `breaks`: how often cancelling fails before it is confirmed.
    """

    def run() -> str:
        tries: list[float] = []

        def now(*, give_up_s: float) -> Cancelled:
            tries.append(give_up_s)
            return Cancelled(confirmed=confirmed and len(tries) > breaks, detail=())

        with TemporaryDirectory() as directory:
            reading, writing = os.pipe()
            note = LiveNote(run_id="run", pid=os.getpid(), process=None, keys="", dead_man_s=1, venues=())
            last: Any = SimpleNamespace(now=now)
            dog = Watchdog(Layout(Path(directory)), note, pipe=reading, last=last)
            stop = threading.Event()

            def beat() -> None:
                for _ in range(beats):
                    os.write(writing, BEAT)
                    stop.wait(0.4)
                if beats:
                    os.write(writing, QUIT)

            engine = threading.Thread(target=beat)
            if closed:
                os.close(writing)
            engine.start()
            answer = dog.watch()
            stop.set()
            engine.join()
            os.close(reading)
            if not closed:
                os.close(writing)
        if answer is None:
            return PASSES if not tries else "passes, and cancelled"
        if breaks:
            return HALTS if answer.confirmed and len(tries) == breaks + 1 else "gave up"
        return DENIES

    return run
