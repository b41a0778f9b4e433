"""The rows of the fail-open matrix that judge beside orders: a manifest and its approval as they are read, an account, a halt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus

from engine.approvals import Approvals
from engine.config_live import ExternalOrders
from engine.intake import ManifestIntake
from engine.lakehouse_client import LakehouseDataClient
from engine.run_faults import RunFaults
from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestOutcome
from lakehouse.permission import FilePermission
from live.account_watch import AccountWatch
from orders.plan import Outcome
from sentinel.believed import BelievedValues
from sentinel.dsse import public_text
from sentinel.locks import Locks
from sentinel.manifest_approval import ManifestApproval, approval_bytes
from tests.lakehouse_in.conftest import GENERATED_NS, HOUR_NS, Lake
from tests.planner.world import NOW, D, listing
from tests.sentinel.cases import BUY, Broken, changed
from tests.sentinel.gate_stand import BUY_APPROVAL, TRADER
from tests.sentinel.matrix import DENIES, HALTS, PASSES, Cell, Row, broken, row

ALICE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PERSONS = {"alice": public_text(ALICE.public_key())}
AGE_NS: Final = 24 * HOUR_NS  # of the lake's policy
SKEW_NS: Final = 60 * 10**9


# halt


def permission(act: Callable[[Layout, FilePermission], object]) -> Cell:
    """A data directory that was armed, and what is then done to it; asked is another process, such as one after a restart."""

    def run() -> str:
        with TemporaryDirectory() as directory:
            layout = Layout(Path(directory))
            mine = FilePermission(layout)
            assert mine.arm_if_new(by="test", now_ns=NOW)
            done = act(layout, mine)
            if getattr(done, "durable", True):
                return PASSES if FilePermission(layout).may_send() else DENIES
            return HALTS if not mine.may_send() else PASSES

    return run


def halted(layout: Layout, mine: FilePermission) -> object:
    return FilePermission(layout).halt(by="ann", reason="test", now_ns=NOW)


def halted_by_itself_and_tried_to_arm(layout: Layout, mine: FilePermission) -> object:
    halted(layout, mine)
    return FilePermission(layout).arm_if_new(by="test", now_ns=NOW + 1) and None


def that_cannot_be_removed(layout: Layout, mine: FilePermission) -> object:
    layout.permission.unlink()
    layout.permission.mkdir()
    assert mine.may_send()
    return mine.halt(by="ann", reason="test", now_ns=NOW)


# an account


class Fast(asyncio.SelectorEventLoop):
    """A second of the loop's clock takes a millisecond."""

    def time(self) -> float:
        return super().time() * 1000


def account(*told: Mapping[str, str] | None) -> Cell:
    """The book says 40 BUY, tolerance 0.1; the account says this at each comparison, None: nothing. Denying: BUY is locked."""

    def run() -> str:
        locks, halts = Locks(), list[str]()
        say: dict[str, Any] = {}

        async def read() -> bool:
            return say["found"] is not None

        async def nothing(*given: Any, **named: Any) -> None:
            return None

        def holdings() -> dict[str, Decimal]:
            return {code: D(text) for code, text in say["found"].items()}

        watch = AccountWatch(
            venue="US",
            account=SimpleNamespace(
                catch_up=read, read=read, holdings=holdings, conclude=nothing, tracks=SimpleNamespace(strangers={})
            ),  # type: ignore[arg-type]  # what is asked of a client by a comparison
            book=lambda: {"BUY": D("40")}, tolerance={"BUY": D("0.1")}, listings={BUY: listing(BUY, base="BUY")},
            transfers=SimpleNamespace(take=nothing, words="none"), external=ExternalOrders.HALT,  # type: ignore[arg-type]
            written=lambda outcome, detail: None, lock=locks.lock, halt=halts.append,
        )  # fmt: skip

        async def compare() -> None:
            for found in told:
                say["found"] = found
                await watch.compare("test")

        with asyncio.Runner(loop_factory=Fast) as runner:
            if guarded(compare(), runner) or halts:
                return HALTS
        return DENIES if any(one.outcome is Outcome.DENY for one in locks.ask(BUY_APPROVAL.instrument_id)) else PASSES

    return run


def guarded(work: Coroutine[Any, Any, None], runner: asyncio.Runner) -> bool:
    """Await what runs beside a node, as a run does; return whether it halted by it."""
    with TemporaryDirectory() as directory:
        layout = Layout(Path(directory))
        permission = FilePermission(layout)
        assert permission.arm_if_new(by="test", now_ns=NOW)
        faults = RunFaults(permission=permission, layout=layout, finished=asyncio.Event(), say=lambda text: None)
        runner.run(faults.guarded(work))
        return bool(faults.failures) and not FilePermission(layout).may_send()


# marks


def jumped(*values: str, stamps: tuple[int, ...] = (1, 2, 3), believed: str | None = "10") -> Cell:
    """A unit of BUY was worth 10; these valuations follow, and the last one is judged. At most a quarter is no jump."""

    def run() -> str:
        at = iter(stamps)
        known = BelievedValues(jump_max=D("0.25"), stamp_of=lambda symbol: next(at))
        if believed is not None:
            known.believe({BUY: D(believed)})
        said = [known.doubt([BUY], {BUY: D(value)}) for value in values]
        return DENIES if said[-1] else PASSES

    return run


def jump_that_raises() -> str:
    known = BelievedValues(jump_max=D("0.25"), stamp_of=broken)
    known.believe({BUY: D("10")})

    async def planned() -> None:
        known.doubt([BUY], {BUY: D("20")})

    with asyncio.Runner() as runner:
        return HALTS if guarded(planned(), runner) else PASSES


# a manifest


def told(outcome: ManifestOutcome, code: str) -> str:
    if isinstance(outcome, AuditedManifest):
        return PASSES
    return DENIES if outcome.code == code or not code else f"turned away by {outcome.code}"


def manifest(code: str, *, change: Callable[[Lake], object] = lambda lake: None, later_ns: int = HOUR_NS) -> Cell:
    """A manifest that verifies, after `change`, so long after it was generated. `code` "": whatever turns it away."""

    def run() -> str:
        with TemporaryDirectory() as directory:
            lake = Lake(Path(directory))
            change(lake)
            return told(lake.outcome(now_ns=GENERATED_NS + later_ns), code)

    return run


def approved(code: str, **signed: Any) -> Cell:
    """A manifest with an approval that differs from a good one in `signed`; bytes of `data` in its place."""
    data = signed.pop("data", None)

    def run() -> str:
        with TemporaryDirectory() as directory:
            lake = Lake(Path(directory))
            outcome = lake.outcome()
            assert isinstance(outcome, AuditedManifest)
            layout = Layout(Path(directory) / "ours")
            path = layout.approval(outcome.manifest_sha256)
            path.parent.mkdir(parents=True)
            approval = ManifestApproval(
                manifest_sha256=outcome.manifest_sha256, source_run=outcome.source_run, generated_ns=outcome.generated_ns,
                environment="live-1", by="alice",
            )  # fmt: skip
            if data != "none":
                path.write_bytes(data if data is not None else approval_bytes(changed(approval, **signed), key=ALICE))
            judge = Approvals(layout=layout, environment="live-1", persons=PERSONS, revoked=frozenset())
            return told(judge.judged(outcome), code)

    return run


def read_that_raises(judge: Callable[[], Any] = broken) -> Cell:
    """The client of the lakehouse looks, and what judges the file raises."""

    def run() -> str:
        halts: list[str] = []
        clock = LiveClock()
        client = LakehouseDataClient(
            loop=(loop := asyncio.new_event_loop()), msgbus=MessageBus(TRADER, clock), cache=Cache(), clock=clock, paths=(),
            judge=judge, poll_interval_s=1, halt=halts.append,
        )  # fmt: skip
        client._look()
        loop.close()
        return HALTS if halts else PASSES

    return run


def approval_that_raises() -> Any:
    with TemporaryDirectory() as directory:
        lake = Lake(Path(directory))
        layout = Layout(Path(directory) / "ours")
        outcome = lake.outcome()
        path = layout.approval(outcome.manifest_sha256 or "")
        path.parent.mkdir(parents=True)
        path.write_bytes(
            b'{"payloadType":"application/vnd.sluice.approval+json","payload":"","signatures":[{"keyid":"a","sig":""}]}'
        )
        return Approvals(layout=layout, environment="live-1", persons=Broken(), revoked=frozenset()).judged(outcome)


def after_one(*, later_ns: int) -> Cell:
    """One manifest was accepted; the next one was generated so much later."""

    def run() -> str:
        said: list[Any] = []
        intake = ManifestIntake(
            recorder=SimpleNamespace(manifest=said.append, write=lambda *one, **more: None, market_speed=1),  # type: ignore[arg-type]
            keeper=SimpleNamespace(positions={}), quote_of=lambda symbol: None, clock_ns=lambda: NOW,  # type: ignore[arg-type]
            fold=SimpleNamespace(done=None, unfinished=None, flattens=SimpleNamespace(withdrawals=()), manifest=None),  # type: ignore[arg-type]
            next_bar=False, wait_s=1, on_manifest=lambda outcome: None,
            waiting=SimpleNamespace(awaited=lambda symbols, now_ns: None),  # type: ignore[arg-type]
        )  # fmt: skip
        with TemporaryDirectory() as directory:
            outcome = Lake(Path(directory)).outcome()
        assert isinstance(outcome, AuditedManifest)
        assert intake.read(outcome) is not None
        work = intake.read(changed(outcome, generated_ns=outcome.generated_ns + later_ns))
        return PASSES if work is not None else DENIES if said[-1]["code"] == "MANIFEST_ROLLED_BACK" else said[-1]["code"]

    return run


NO_RUN_AGE: Final = "a run has no age of its own; how old its manifest is MANIFEST_STALE judges"

RUN_ROWS: tuple[Row, ...] = (
    row(12, "HALT", "run",
        permission(lambda layout, mine: None), permission(halted),
        permission(lambda layout, mine: layout.permission.unlink()), permission(halted_by_itself_and_tried_to_arm),
        "a permission is there or it is not", permission(that_cannot_be_removed)),
    row(14, "RECONCILIATION_BREAK", "run",
        account({"BUY": "40.1"}), account({"BUY": "40.11"}), account({}), account({"BUY": "41"}, None),
        account({"BUY": "NaN"}), account({"BUY": "no number"})),
    row(17, "MARK_JUMPED", "run",
        jumped("12.5"), jumped("12.51"), "what has no value yet is no valuation: the plan is held by NO_MARK before it",
        jumped("20", "20", stamps=(1, 1)), jumped("0"), jump_that_raises),
    row(18, "PROVENANCE_BELOW_MINIMUM", "run",
        manifest("PROVENANCE_BELOW_MINIMUM"), manifest("PROVENANCE_BELOW_MINIMUM", change=lambda lake: lake.candidates.unlink()),
        manifest("PROVENANCE_BELOW_MINIMUM", change=lambda lake: lake.ledger.unlink()), NO_RUN_AGE,
        manifest("PROVENANCE_BELOW_MINIMUM", change=lambda lake: lake.ledger.write_bytes(b"")), read_that_raises(),
        what="the source run"),
    row(18, "APPROVAL_FOREIGN", "run",
        approved("APPROVAL_FOREIGN"), approved("APPROVAL_FOREIGN", environment="live-2"),
        approved("APPROVAL_MISSING", data="none"),
        approved("APPROVAL_FOREIGN", generated_ns=GENERATED_NS - 1), approved("", data=b""),
        read_that_raises(approval_that_raises), what="the approval"),
    row(21, "MANIFEST_STALE", "run",
        manifest("MANIFEST_STALE", later_ns=AGE_NS), manifest("MANIFEST_STALE", later_ns=AGE_NS + 1),
        manifest("MANIFEST_VANISHED", change=lambda lake: lake.manifest.unlink()), "an age above its limit is the cell before",
        manifest("", change=lambda lake: lake.rewrite(lambda text: text.update(winners=[]))), read_that_raises()),
    row(21, "MANIFEST_FROM_FUTURE", "run",
        manifest("MANIFEST_FROM_FUTURE", later_ns=-SKEW_NS), manifest("MANIFEST_FROM_FUTURE", later_ns=-SKEW_NS - 1),
        manifest("MANIFEST_EMPTY", change=lambda lake: lake.manifest.write_bytes(b"")),
        "what is ahead of its time is not old", manifest("", change=lambda lake: lake.manifest.write_bytes(b"NaN")),
        read_that_raises()),
    row(21, "MANIFEST_ROLLED_BACK", "run",
        after_one(later_ns=0), after_one(later_ns=-1), "a manifest without a stamp is none: it is refused before it is compared",
        after_one(later_ns=-30 * AGE_NS), "a stamp that is no number is refused before it is compared",
        "two whole numbers are compared, which cannot raise"),
)  # fmt: skip
