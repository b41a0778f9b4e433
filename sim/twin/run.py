"""One process' twin: beside a live run, its own orders at a simulated venue, on prices of the twin's own.

Order of a start: own data-directory lock, the live log read once (whose run, which bundle, how far), own log and ledger verified
and mended, orders that were cut off ended, then the live log again, from where this twin once began. Of the live run's directory
it reads the log and takes no lock; it reads no key of a venue, and talks to the public data host alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any, Final

from engine.alarms import Alarms
from engine.assemble import Parts, write_run_start
from engine.bundle_carried import carried_bundle
from engine.clock_watch import ClockWatch
from engine.inputs import Inputs
from engine.narrator import Narrator
from engine.node import STOPPED_BY_ITSELF, run_until, take_halt_signal, take_signals
from engine.node_run import print_line
from engine.record_checks import refuse_foreign_record
from engine.run_config import RunConfig
from engine.run_faults import RunFaults
from engine.snapshots_out import SnapshotWriter
from engine.state_follower import StateFollower
from lakehouse import records
from lakehouse.bundles import write_bundle
from lakehouse.layout import Layout
from lakehouse.log_tail import LogTail
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from lakehouse.rebuild import LogFold
from lakehouse.segments import is_recorded
from lakehouse.state import own_states
from lakehouse.twins import TWIN
from orders.errors import NotAsked, RecordCorrupt, SluiceError
from sim.twin.assembly import TwinAssembly
from sim.twin.desk import TwinDesk
from sim.twin.followed_run import check_followed, first_look, kept_bundle
from sim.twin.following import Following, tell
from sim.twin.node import nothing, started, twin_node
from sim.twin.own_orders import INTERRUPTED, OwnOrders, own_orders
from sim.twin.quotes import TwinQuotes, open_quotes
from sim.twin.words import farewell_words

ALARMS_S: Final = 10.0


class TwinRun:
    """`run()` once, inside a running loop, with the lock of `layout` held."""

    def __init__(
        self,
        *,
        config: RunConfig,
        inputs: Inputs,
        layout: Layout,
        live: Layout,
        run_id: str,
        as_json: bool,
        for_s: int | None = None,
        bundle: str | None = None,
        say: Callable[[str], None] = print_line,
    ) -> None:
        self._config = config
        self._inputs = inputs
        self._layout = layout
        self._live = live
        self._run_id = run_id
        self._json = as_json
        self._for_s = for_s
        self._named = bundle
        self._say = say
        self._permission = FilePermission(layout)
        self._finished = asyncio.Event()
        self._error: SluiceError | None = None
        self._own = OwnOrders()
        self._told: Counter[str] = Counter()  # by code, "" of those that were compared
        self._state: StateFollower
        self._narrator: Narrator

    async def run(self) -> int:
        """Follow until the end. Return 0, or 1 after a halt of its own."""
        self._followed = await first_look(self._live, say=self._say)
        named = kept_bundle(self._followed.run, live=self._live) if self._named is None else self._named
        self._bundle = carried_bundle(self._config, self._inputs, layout=self._live, named=named)
        self._check(self._followed.run)
        self._loop = asyncio.get_running_loop()
        self._faults = RunFaults(permission=self._permission, layout=self._layout, finished=self._finished, say=self._say)
        take_halt_signal(self._faults.halt_by_signal)
        self._loop.set_exception_handler(self._faults.callback_failed)
        own_states(self._layout.state)
        now = time.time_ns()
        self._permission.arm_if_new(by="first run", now_ns=now)
        self._journal = open_journal(
            self._layout,
            now_ns=now,
            run_id=self._run_id,
            durable=True,
            post=self._loop.call_soon_threadsafe,
            on_failure=self._faults.disk_failed,
            rotate_above=self._config.lakehouse.rotate_above_bytes,
        )
        try:
            return await self._with_journal(self._journal.fold)
        finally:
            self._journal.close()

    async def _with_journal(self, fold: LogFold) -> int:
        refuse_foreign_record(fold, config=self._config, tradable=self._inputs.market_limits, kind=TWIN)
        first = fold.twins.first
        if first is not None and first.live_log_sha256 != self._followed.log_sha256:
            raise NotAsked(
                "TWIN_OF_ANOTHER",
                expected=f"the log that this twin has followed, {first.live_log_sha256[:16]}",
                found=f"{self._followed.log_sha256[:16]} in {self._live.directory}",
                action="Name another directory with --directory for the twin of another live run.",
            )
        if is_recorded(self._layout.log):
            self._own = own_orders(self._layout)
        write_bundle(self._layout, self._bundle)
        source = await open_quotes(self._config, self._inputs, for_s=self._for_s)
        try:
            return await self._follow(source, fold)
        finally:
            await source.close()

    async def _follow(self, source: TwinQuotes, fold: LogFold) -> int:
        made, node = self._assembled(source, fold)
        causes = take_signals(self._loop, self._finished)
        alarms = self._alarms(made)
        self._start_record(made, source, fold)
        source.bind(kernel=node.kernel, assembly=made, on_instant=lambda market_ns: None)
        cause = await run_until(
            node,
            self._finished,
            background=lambda: self._background(source, node, made, fold),
            causes=causes,
            before_stop=nothing,
        )
        if cause == STOPPED_BY_ITSELF:
            made.halt("ENGINE_STOPPED: an error inside Nautilus ended the node; the lines above this one say which")
        self._stop_record(cause if self._error is None else self._error.code.lower(), made, node)
        node.kernel.dispose()
        if alarms is not None:
            alarms.close(wait_s=ALARMS_S)
        if self._error is not None:
            raise self._error
        return 1 if self._faults.failures else 0

    def _assembled(self, source: TwinQuotes, fold: LogFold) -> tuple[TwinAssembly, Any]:
        """The node, and what follows its log: the screen, snapshots and the state."""
        config, inputs = self._config, self._inputs
        self._parts = Parts(
            config=config,
            run_id=self._run_id,
            listings=inputs.listings,
            market_limits=inputs.market_limits,
            market_limits_sha256=inputs.market_limits_sha256,
            journal=self._journal,
            durable=True,
            permission=self._permission,
            market_time=source.market_time,
            fold=fold,
            bar_spec=None,
            on_halt=self._faults.halted,
            on_fill=lambda: self._state.on_fill(),
            bundle_sha256=self._bundle.sha256,
        )
        made, node = twin_node(self._parts, source, loop=self._loop)
        self._faults.recorder = made.recorder
        self._narrator = Narrator(say=self._say, as_json=self._json, market_now_ns=made.recorder.market_now_ns)
        snapshots = SnapshotWriter(
            layout=self._layout,
            config=config,
            recorder=made.recorder,
            prices=made.prices,
            market_limits=inputs.market_limits,
            listings=inputs.listings,
            market_time=source.market_time,
            marks=fold.marks,
            desk=None,
        )
        self._state = StateFollower(
            path=self._layout.state,
            loop=self._loop,
            journal=self._journal,
            snapshots=snapshots,
            last_line=lambda: made.recorder.last_line,
            failed=self._faults.disk_failed,
        )
        return made, node

    def _alarms(self, made: TwinAssembly) -> Alarms | None:
        policy = self._config.alarm_policy()
        alarms = None if policy is None else Alarms(policy, environment=self._config.environment, clock_ns=time.time_ns)

        def on_alarm(code: str, message: str) -> None:
            self._narrator.line(f"{code}  {message}", type="alarm", code=code, message=message)
            if alarms is not None:
                alarms.raise_alarm(code, message)

        made.recorder.on_alarm = on_alarm
        return alarms

    def _start_record(self, made: TwinAssembly, source: TwinQuotes, fold: LogFold) -> None:
        """The first lines: of the run, and of orders that an earlier twin's end cut off."""
        write_run_start(
            made,
            self._parts,
            kind=TWIN,
            version=version("sluice"),
            data_source=source.description,
            synthetic=[*self._inputs.synthetic, "the orders are a live run's, the fills are simulated"],
        )
        for order_id, trace in fold.open_orders.items():
            made.recorder.withdraw(order_id, cause=INTERRUPTED, venue=trace.intent.venue, filled=trace.filled)
        self._journal.flush()
        if fold.last_booked_line:
            self._state.write()
        went = f"goes on after log line {fold.log_line}" if fold.log_line else "new record"
        self._narrator.line(
            f"twin · {self._config.environment} · of {self._live.directory} · {source.headline()} · {went}",
            type="start",
            environment=self._config.environment,
            run_id=self._run_id,
            live_directory=str(self._live.directory),
        )

    async def _background(self, source: TwinQuotes, node: Any, made: TwinAssembly, fold: LogFold) -> None:
        """Beside the node: the live log, the clock, the permission; until the prices' time is over, or for ever."""
        made.gate.own_thread()
        clock = ClockWatch(wall_ns=time.time_ns, monotonic_ns=time.monotonic_ns, halt=made.halt)
        works: tuple[Coroutine[Any, Any, None], ...] = (self._faults.watch_permission(), clock.watch())
        beside = [asyncio.create_task(self._faults.guarded(work)) for work in works]
        try:
            await started(node)
            playing = asyncio.create_task(source.play())
            following = asyncio.create_task(self._following(node, made, fold).run())
            beside += [playing, following]
            await asyncio.wait({playing, following}, return_when=asyncio.FIRST_COMPLETED)
            for task in (playing, following):
                if task.done():
                    task.result()
        except SluiceError as error:
            self._error = error
        finally:
            for task in beside:
                task.cancel()
        self._finished.set()

    def _following(self, node: Any, made: TwinAssembly, fold: LogFold) -> Following:
        first = fold.twins.first
        desk = TwinDesk(
            made=made,
            kernel=node.kernel,
            listings=self._inputs.listings,
            limits=self._inputs.market_limits,
            base_currency=self._config.capital.base_currency,
            price_age_max_ns=self._config.sentinel_limits().price_age_max_ns,
            own=self._own,
            from_line=None if first is None else first.live_line,
            tell=self._tell,
        )
        return Following(
            desk=desk,
            tail=LogTail(self._live),
            write=made.recorder.write,
            narrator=self._narrator,
            check=self._check,
            live_directory=str(self._live.directory),
            live_log_sha256=self._followed.log_sha256,
        )

    def _tell(self, line: records.TwinLine) -> None:
        self._told[line.code] += 1
        tell(self._narrator, line)

    def _check(self, run: records.RunStart) -> None:
        """A live run is followed under the bundle this twin began with: what lies on the disk by now is not what it runs."""
        check_followed(run, config=self._config, live=self._live, bundle=self._bundle)

    def _stop_record(self, cause: str, made: TwinAssembly, node: Any) -> None:
        if self._faults.disk_error is not None:
            return
        cache = node.kernel.cache
        if isinstance(self._error, RecordCorrupt):
            made.recorder.write(records.Alarm, code="LIVE_LOG_UNREADABLE", message=str(self._error))
        made.recorder.write(
            records.RunStop, cause=cause, open_orders=len(cache.orders_open()) + len(cache.orders_inflight()), inputs_sha256=None
        )
        self._journal.flush()
        self._state.write()
        text = farewell_words(self._told, layout=self._layout, lines=made.recorder.last_line)
        self._narrator.line(text, type="end", told=dict(self._told), counts=made.recorder.counts)
