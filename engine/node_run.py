"""One process' run of a live node, shadow or live: restore, assemble, trade, stop, leave the record.

Order of a start: data-directory lock (the caller's), permission, ledger and log verified and mended, state restored into the
node, run_start line, then prices and manifests. A second start on a finished record trades nothing.
"""

from __future__ import annotations

import asyncio
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import closing
from importlib.metadata import version
from typing import Any, ClassVar, Final

from engine.alarms import Alarms
from engine.approvals import Approvals
from engine.assemble import Assembly, Parts, write_run_start
from engine.bundle_carried import carried_bundle
from engine.clock_watch import ClockWatch
from engine.farewell import farewell
from engine.inputs import Inputs
from engine.kept_inputs import keep_inputs
from engine.narrator import Narrator, day_of
from engine.node import STOPPED_BY_ITSELF, run_until, take_halt_signal, take_signals
from engine.price_source import PriceSource
from engine.quote_recorder import QuoteRecorder
from engine.record_checks import refuse_foreign_record
from engine.restore import Restored, withdraw_dead
from engine.run_config import RunConfig
from engine.run_faults import RunFaults
from engine.snapshots_out import SnapshotWriter
from engine.state_follower import StateFollower
from engine.trading_node import MadeNode
from lakehouse import records
from lakehouse.bundles import Bundle, write_bundle
from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestRefused
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from lakehouse.rebuild import LogFold
from lakehouse.state import own_states
from orders.capital import Capital
from orders.errors import StorageError, VenueUnavailable
from sentinel.armed import Armed

ALARMS_S: Final = 10.0  # for alarms on their way when the run ends
SETTLE_S: Final = 5.0  # after the source's end an open cycle gets this long
START_S: Final = 60.0
RECORDED_TOPICS: Final = ("data.quotes.*", "data.trades.*", "data.book.depth.*")
SNAPSHOTS_S: Final = 5.0  # between snapshots of a run that goes on


def print_line(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class NodeRun(ABC):
    """`run()` once, inside a running loop, with the lock held. `say` prints a line.

    `on_assembled(kernel, assembly)` is called once, before the node starts. A subclass says where prices come from and which
    clients trade; everything else is the same in shadow and live.
    """

    kind: ClassVar[str]  # of the run, in its first line
    resumes: ClassVar[bool] = False  # a person's halt may be taken back while it goes on; else by a start, which checks anew
    start_s = START_S  # how long the node may take until strategies run

    def __init__(
        self,
        *,
        config: RunConfig,
        inputs: Inputs,
        layout: Layout,
        run_id: str,
        as_json: bool,
        say: Callable[[str], None] = print_line,
        on_assembled: Callable[[Any, Assembly], None] = lambda kernel, assembly: None,
        bundle: str | None = None,
    ) -> None:
        self.config = config
        self.inputs = inputs
        self.layout = layout
        self.run_id = run_id
        self.permission = FilePermission(layout)
        self.finished = asyncio.Event()
        self.faults: RunFaults
        self.narrator: Narrator
        self.say = say
        self._json = as_json
        self._named = bundle
        self._on_assembled = on_assembled
        self._accepted = False
        self._only_refused = False
        self._days = 0
        self._loop: asyncio.AbstractEventLoop

    @abstractmethod
    async def open_source(self, fold: LogFold) -> PriceSource | None:
        """Return where prices come from; None when there is nothing left to run, which has been said."""

    @abstractmethod
    def make_node(self, parts: Parts, *, loop: asyncio.AbstractEventLoop, source: PriceSource) -> MadeNode:
        """Return the node with its clients."""

    def carried(self) -> Bundle:
        """Return the bundle the run goes by. Raises what `carried_bundle` raises where it is not what it is held to."""
        return carried_bundle(self.config, self.inputs, layout=self.layout, named=self._named)

    def armed(self) -> Armed | None:
        """Return what a person armed; None where nothing is."""
        return None

    def capital(self, fold: LogFold) -> Capital | None:
        """Return what a promoted run may use of equity, as its log says; None: nothing governs it, and it is the whole."""
        return None

    def approvals(self) -> Approvals | None:
        """Return where a manifest's signed approval is looked for; None: it needs none."""
        return None

    @property
    def failures(self) -> list[str]:
        """Why the run halted itself, in order; empty while it has not."""
        return self.faults.failures

    async def run(self) -> int:
        """Start, trade until the end, stop. Return 0; 1 after a halt of its own; 3 when every manifest was refused."""
        self.bundle = self.carried()
        self._loop = asyncio.get_running_loop()
        self.faults = RunFaults(
            permission=self.permission,
            layout=self.layout,
            finished=self.finished,
            say=self.say,
            run_id=self.run_id if self.resumes else None,
        )
        take_halt_signal(self.faults.halt_by_signal)
        self._loop.set_exception_handler(self.faults.callback_failed)
        now = time.time_ns()
        own_states(self.layout.state)  # a file there that cannot be read is refused before anything is written
        self.permission.arm_if_new(by="first run", now_ns=now)
        self.journal = open_journal(
            self.layout,
            now_ns=now,
            run_id=self.run_id,
            durable=True,
            post=self._loop.call_soon_threadsafe,
            on_failure=self.faults.disk_failed,
            rotate_above=self.config.lakehouse.rotate_above_bytes,
        )
        try:
            return await self._with_journal(self.journal.fold)
        finally:
            self.journal.close()

    async def _with_journal(self, fold: LogFold) -> int:
        source = await self.open_source(fold)
        if source is None:
            return 0
        self._source = source
        try:
            refuse_foreign_record(fold, config=self.config, tradable=self.inputs.market_limits, kind=self.kind)
            if self._named is not None:  # a record holds what it was held to, wherever that was found
                write_bundle(self.layout, self.bundle)
            with closing(keep_inputs(self.config, self.layout, run_id=self.run_id)) as self._kept:
                return await self._trade(source, fold)
        finally:
            await source.close()

    async def _trade(self, source: PriceSource, fold: LogFold) -> int:
        made = self._assemble(fold, source)
        self._causes = take_signals(self._loop, self.finished)  # after Nautilus took them for itself
        node, assembly = made.node, made.assembly
        self._on_assembled(node.kernel, assembly)
        alarms = self._alarms(assembly)
        self._start_record(assembly, made.restored, fold)
        quotes = self._quote_recorder(source, assembly)
        for topic in RECORDED_TOPICS:
            node.kernel.msgbus.subscribe(topic=topic, handler=lambda tick: self.faults.keep(lambda: quotes.record(tick)))
        source.bind(kernel=node.kernel, assembly=assembly, on_instant=self._on_instant)
        self._headline(source, fold)
        cause = await run_until(
            node,
            self.finished,
            background=lambda: self._background(source, node),
            causes=self._causes,
            before_stop=self._end,
        )
        self.faults.keep(quotes.flush)
        if cause == STOPPED_BY_ITSELF:
            assembly.halt("ENGINE_STOPPED: an error inside Nautilus ended the node; the lines above this one say which")
        self._stop_record(cause, node)
        node.kernel.dispose()
        if alarms is not None:
            alarms.close(wait_s=ALARMS_S)
            if summary := alarms.summary():
                self.say(summary)
        self._farewell(quotes)
        if self.failures:
            return 1
        return 3 if self._only_refused else 0

    def _quote_recorder(self, source: PriceSource, assembly: Assembly) -> QuoteRecorder:
        return QuoteRecorder(
            catalog=self.layout.catalog,
            plain=self.layout.top_of_book,
            trades=self.layout.trades,
            run_id=self.run_id,
            market_time=source.market_time,
            symbol_of=assembly.prices.symbol_of,
            inputs=self._kept,
        )

    def _alarms(self, assembly: Assembly) -> Alarms | None:
        """Copies of alarms and halts, to where the config says; what a schedule leaves is said on the screen too."""
        policy = self.config.alarm_policy()
        alarms = None if policy is None else Alarms(policy, environment=self.config.environment, clock_ns=time.time_ns)

        def on_alarm(code: str, message: str) -> None:
            self.narrator.alarm(code, message)
            if alarms is not None:
                alarms.raise_alarm(code, message)

        assembly.recorder.on_alarm = on_alarm
        return alarms

    def _assemble(self, fold: LogFold, source: PriceSource) -> MadeNode:
        """Node, assembly and clients, with the record put back into the cache, and what is told and written of them."""
        self._parts = Parts(
            config=self.config,
            run_id=self.run_id,
            listings=self.inputs.listings,
            market_limits=self.inputs.market_limits,
            market_limits_sha256=self.inputs.market_limits_sha256,
            journal=self.journal,
            durable=True,
            permission=self.permission,
            market_time=source.market_time,
            fold=fold,
            bar_spec=None,
            on_halt=self.faults.halted,
            on_fill=lambda: self._state.on_fill(),
            post=self._loop.call_soon_threadsafe,
            requests=self.layout,
            inputs=self._kept,
            armed=self.armed(),
            approvals=self.approvals(),
            bundle_sha256=self.bundle.sha256,
            capital=self.capital(fold),
        )
        made = self.make_node(self._parts, loop=self._loop, source=source)
        assembly = self.assembly = made.assembly
        self.faults.recorder, self.faults.on_resume = assembly.recorder, self._on_resume
        narrator = self.narrator = Narrator(say=self.say, as_json=self._json, market_now_ns=assembly.recorder.market_now_ns)
        assembly.desk.on_manifest = self._on_manifest
        assembly.desk.on_plan = narrator.plan
        assembly.desk.on_cycle_end = narrator.cycle
        assert assembly.flatten is not None
        assembly.flatten.on_change = self._on_flatten
        assert assembly.override is not None
        assembly.override.on_change = narrator.override
        self._snapshots = SnapshotWriter(
            layout=self.layout,
            config=self.config,
            recorder=assembly.recorder,
            prices=assembly.prices,
            market_limits=self.inputs.market_limits,
            listings=self.inputs.listings,
            market_time=source.market_time,
            marks=fold.marks,
            desk=assembly.desk,
        )
        self._state = StateFollower(
            path=self.layout.state,
            loop=self._loop,
            journal=self.journal,
            snapshots=self._snapshots,
            last_line=lambda: assembly.recorder.last_line,
            failed=self.faults.disk_failed,
        )
        return made

    def _start_record(self, assembly: Assembly, restored: Restored, fold: LogFold) -> None:
        write_run_start(
            assembly,
            self._parts,
            kind=self.kind,
            version=version("sluice"),
            data_source=self._source.description,
            synthetic=list(self.inputs.synthetic),
        )
        withdraw_dead(restored, fold=fold, recorder=assembly.recorder)
        assembly.desk.attach(assembly.strategy, restored.working, unwatched=restored.unwatched)
        self.journal.flush()
        if fold.last_booked_line:
            self._state.write()

    async def _background(self, source: PriceSource, node: Any) -> None:
        """Beside the node: play the source, let the last cycle end, then finish; watch the permission all along."""
        self.assembly.gate.own_thread()
        beside = [asyncio.create_task(self.faults.guarded(work)) for work in self.beside()]
        try:
            await self._started(node)
            try:
                await source.play()
            except StorageError as error:
                self.faults.disk_failed(error)
                return
            deadline = time.monotonic() + SETTLE_S
            settle_polls = 0
            while time.monotonic() < deadline and settle_polls < 3:
                await asyncio.sleep(0.1)
                settle_polls = settle_polls + 1 if self.assembly.strategy.at_rest else 0
        finally:
            for task in beside:
                task.cancel()
        self.finished.set()

    def at_end(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what is done, one after another, once the run is over and before its clients disconnect."""
        return ()

    async def _end(self) -> None:
        for work in self.at_end():
            await work

    def beside(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what runs beside the node until the end."""
        clock = ClockWatch(wall_ns=time.time_ns, monotonic_ns=time.monotonic_ns, halt=self.assembly.halt)
        return (self.faults.watch_permission(), clock.watch(), self._keep_snapshots(), self._value_book())

    async def _started(self, node: Any) -> None:
        """Return once strategies run. Nautilus only logs a client that does not connect, and idles."""
        deadline = time.monotonic() + self.start_s
        while not node.kernel.trader.is_running:
            if time.monotonic() > deadline:
                raise VenueUnavailable(
                    "NODE_NOT_STARTED",
                    expected=f"every venue connected within {self.start_s:g} s",
                    found="one that is not; the lines above this one say which",
                    action="Look at the venue and the network, and start again: nothing was sent.",
                )
            await asyncio.sleep(0.01)

    async def _keep_snapshots(self) -> None:
        """What `plan` and `flatten` read while the run goes on is not older than this; written beside the loop."""
        while self.faults.disk_error is None:
            await asyncio.sleep(SNAPSHOTS_S)
            try:
                await asyncio.to_thread(self._snapshots.snapshots_of(time.time_ns()))
            except StorageError as error:
                self.faults.disk_failed(error)

    async def _value_book(self) -> None:
        """Loss and drawdown are judged between plans too."""
        while True:
            await asyncio.sleep(self.assembly.sentinel.every_ns / 1e9)
            self.assembly.sentinel.value()

    def _on_manifest(self, outcome: Any) -> None:
        """Remember whether all that was read was refused: then the run's exit code says so."""
        if isinstance(outcome, AuditedManifest):
            self._accepted = True
            self._only_refused = False
        elif isinstance(outcome, ManifestRefused):
            self._only_refused = not self._accepted
        self.narrator.manifest(outcome)

    def _on_resume(self) -> None:
        """What the halt had denied of the manifest in force is planned anew, now or at the end of the cycle that is open."""
        strategy = self.assembly.strategy
        work = self.assembly.desk.resumed(cycle_open=not strategy.at_rest)
        if work is not None:
            strategy.take_up(work)

    def _on_flatten(self, line: records.FlattenLine) -> None:
        """A flatten was taken or has ended: it is told, and what `plan` and `flatten` read says so at once."""
        self.narrator.flatten(line)
        self.faults.keep(lambda: self._snapshots.write_snapshots(now_ns=time.time_ns()))

    def _on_instant(self, market_ns: int) -> None:
        self._days += 1
        if self._json or not sys.stdout.isatty():
            return
        equity = self._snapshots.equity()
        far = f"{self._days} of {self._source.instants} days" if self._source.instants else f"{self._days} s live"
        sys.stdout.write(f"\r{day_of(market_ns)}  {far}   equity {equity:,.0f}\x1b[K\r")
        sys.stdout.flush()

    def _headline(self, source: PriceSource, fold: LogFold) -> None:
        went = f"goes on after log line {fold.log_line}" if fold.log_line else "new record"
        self.narrator.line(
            f"{self.kind} · {self.config.environment} · {source.headline()} · {went}"
            + "".join(f"\n         synthetic: {text}" for text in self.inputs.synthetic),
            type="start",
            environment=self.config.environment,
            run_id=self.run_id,
            synthetic=list(self.inputs.synthetic),
        )

    def _stop_record(self, cause: str, node: Any) -> None:
        """The last lines: how it ended, the state as of them, and the snapshots for `sluice plan`."""
        if self.faults.disk_error is not None or self.journal_failed():
            return
        self.assembly.recorder.write(
            records.RunStop,
            cause=cause,
            open_orders=len(node.kernel.cache.orders_open()) + len(node.kernel.cache.orders_inflight()),
            inputs_sha256=self._kept.sha256,
        )
        self.journal.flush()
        self._state.write()
        self._snapshots.write_snapshots(now_ns=time.time_ns())

    def journal_failed(self) -> bool:
        """Whether the journal can no longer take lines."""
        try:
            self.journal.flush()
        except StorageError:
            return True
        return False

    def _farewell(self, market: QuoteRecorder) -> None:
        if self.faults.disk_error is not None:
            self.say(
                "nothing was sent after that. Mend the disk, then `.venv/bin/sluice verify`,"
                " `.venv/bin/sluice resume --by NAME --reason WHY` and start again."
            )
            return
        text, facts = farewell(
            config=self.config,
            layout=self.layout,
            recorder=self.assembly.recorder,
            equity=self._snapshots.equity(),
            instants=self._days,
            market=market,
            faults=self._source.summary(),
        )
        self.narrator.line(text, **facts)
