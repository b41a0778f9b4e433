"""`sluice shadow`: the live loop with simulated fills — lock, verify, restore, assemble, trade, stop, leave the record.

Order of a start: data-directory lock, permission, ledger and log verified and mended, state restored into the node, run_start
line, then prices and manifests. A second start on a finished record trades nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from analysis.result_text import caveat_lines
from engine.alarms import Alarms
from engine.assemble import Assembly, Parts, write_run_start
from engine.node import STOPPED_BY_ITSELF, run_until, take_signals
from engine.restore import Restored
from engine.run_config import RunConfig, load_config
from engine.snapshots_out import SnapshotWriter
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.manifest import AuditedManifest, ManifestRefused
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission, read_halt
from lakehouse.rebuild import LogFold
from lakehouse.state import own_states
from orders.errors import ConfigError, SluiceError, StorageError
from sim.ccxt_source import open_ccxt_source, with_live_data
from sim.inputs import Inputs, feed_of, manifests_of, read_inputs
from sim.kept_inputs import keep_inputs
from sim.narrator import Narrator, day_of
from sim.price_source import PriceSource, ReplaySource, manifests_left
from sim.quote_recorder import QuoteRecorder
from sim.record_checks import refuse_foreign_record
from sim.shadow_node import ShadowNode, make_shadow_node
from sim.state_follower import StateFollower

ALARMS_S: Final = 10.0  # for alarms on their way when the run ends
SETTLE_S: Final = 5.0  # after the feed's end an open cycle gets this long
RECORDED_TOPICS: Final = ("data.quotes.*", "data.trades.*", "data.book.depth.*")
SNAPSHOTS_S: Final = 5.0  # between snapshots of a run that goes on
WATCH_S: Final = 0.2  # how often the permission file is looked at between orders


def run_shadow(config_path: Path, *, as_json: bool, data: str | None = None, for_s: int | None = None) -> int:
    """Run the shadow until its feed ends, Ctrl-C or SIGTERM; live prices also end after `for_s` seconds.

    `data` such as "ccxt:binance" replaces the config's `[data]`.

    Return 0; 1 when the run had to halt itself; 3 when every manifest it read was refused.
    """
    config = load_config(config_path)
    if data is not None:
        config = with_live_data(config, data)
    if for_s is not None and config.data.kind != "ccxt":
        raise ConfigError(
            "FOR_NEEDS_LIVE_DATA",
            expected="--for with live prices, which have no end of their own",
            found=f"data of kind {config.data.kind}",
            action="Leave --for out, or add --data ccxt:binance.",
        )
    inputs = read_inputs(config)
    run_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{os.getpid()}"
    layout = Layout(directory=config.lakehouse.directory)
    with DataDirectoryLock(layout, run_id=run_id):
        run = ShadowRun(config=config, inputs=inputs, layout=layout, run_id=run_id, as_json=as_json, for_s=for_s)
        return asyncio.run(run.run())


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class ShadowRun:
    """One process' shadow; `run()` once, inside a running loop, with the lock held. `say` prints a line.

    `on_assembled(kernel, assembly)` is called once, before the node starts.
    """

    def __init__(
        self,
        *,
        config: RunConfig,
        inputs: Inputs,
        layout: Layout,
        run_id: str,
        as_json: bool,
        for_s: int | None = None,
        say: Callable[[str], None] = _print,
        on_assembled: Callable[[Any, Assembly], None] = lambda kernel, assembly: None,
    ) -> None:
        self.config = config
        self.inputs = inputs
        self.layout = layout
        self.run_id = run_id
        self.permission = FilePermission(layout)
        self.failures: list[str] = []
        self.finished = asyncio.Event()
        self._json = as_json
        self._for_s = for_s
        self._say = say
        self._on_assembled = on_assembled
        self._disk_error: SluiceError | None = None
        self._accepted = False
        self._only_refused = False
        self._days = 0
        self._loop: asyncio.AbstractEventLoop

    async def run(self) -> int:
        """Start, trade until the end, stop; return the exit code."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._callback_failed)
        now = time.time_ns()
        own_states(self.layout.state)  # a file there that cannot be read is refused before anything is written
        self.permission.arm_if_new(by="first run", now_ns=now)
        self.journal = open_journal(
            self.layout,
            now_ns=now,
            run_id=self.run_id,
            durable=True,
            post=self._loop.call_soon_threadsafe,
            on_failure=self._disk_failed,
        )
        try:
            return await self._with_journal(self.journal.fold)
        finally:
            self.journal.close()

    async def _with_journal(self, fold: LogFold) -> int:
        source = await self._open_source(fold)
        if source is None:
            return 0
        self._source = source
        try:
            refuse_foreign_record(fold, config=self.config, tradable=self.inputs.market_limits)
            with closing(keep_inputs(self.config, self.layout, run_id=self.run_id)) as self._kept:
                return await self._trade(source, fold)
        finally:
            await source.close()

    async def _open_source(self, fold: LogFold) -> PriceSource | None:
        """Return where prices come from; None when a replay has been played to its end already."""
        if self.config.data.kind == "ccxt":
            return await open_ccxt_source(
                config=self.config,
                listings=self.inputs.listings,
                symbols=self.inputs.market_limits,
                for_s=self._for_s,
                say=lambda text: self._narrator.line(text, type="alarm", message=text),
            )
        return self._replay_source(fold)

    def _replay_source(self, fold: LogFold) -> PriceSource | None:
        config = self.config
        feed = [quote for quote in feed_of(config, self.inputs.market_limits) if quote.market_ns > fold.market_ns]
        manifests = manifests_left(manifests_of(config), fold)
        if not feed and not fold.log_line:
            raise ConfigError(
                "NOTHING_TO_REPLAY",
                expected=f"prices of allowed symbols in {config.data.path} from {config.data.start} to {config.data.end}",
                found="none",
                action="Compare [data] start and end, sentinel.allow and the file.",
            )
        if not feed and fold.run_finished:
            self._say(
                f"the replay of {config.data.path} has been played to its end ({fold.log_line} lines in the log); nothing was"
                f" traded and nothing changed.\nFor a new one move {self.layout.directory} away, or change [data] in"
                f" {config.path}."
            )
            return None
        return ReplaySource(config=config, feed=feed, manifests=manifests, fold=fold, now_ns=time.time_ns())

    async def _trade(self, source: PriceSource, fold: LogFold) -> int:
        made = self._assemble(fold, source)
        self._causes = take_signals(self._loop, self.finished)  # after Nautilus took them for itself
        node, assembly = made.node, made.assembly
        self._on_assembled(node.kernel, assembly)
        alarms = self._alarms(assembly)
        self._start_record(assembly, made.restored, fold)
        quotes = QuoteRecorder(
            catalog=self.layout.catalog,
            plain=self.layout.top_of_book,
            trades=self.layout.trades,
            run_id=self.run_id,
            market_time=source.market_time,
            symbol_of=assembly.prices.symbol_of,
            inputs=self._kept,
        )
        for topic in RECORDED_TOPICS:
            node.kernel.msgbus.subscribe(topic=topic, handler=lambda tick: self._keep(lambda: quotes.record(tick)))
        source.bind(kernel=node.kernel, assembly=assembly, on_instant=self._on_instant)
        self._headline(source, fold)
        cause = await run_until(node, self.finished, background=lambda: self._background(source, node), causes=self._causes)
        self._keep(quotes.flush)
        if cause == STOPPED_BY_ITSELF:
            assembly.halt("ENGINE_STOPPED: an error inside Nautilus ended the node; the lines above this one say which")
        self._stop_record(cause, node)
        node.kernel.dispose()
        if alarms is not None:
            alarms.close(wait_s=ALARMS_S)
            if summary := alarms.summary():
                self._say(summary)
        self._farewell(quotes)
        if self.failures:
            return 1
        return 3 if self._only_refused else 0

    def _alarms(self, assembly: Assembly) -> Alarms | None:
        """Copies of alarms and halts, to where the config says."""
        policy = self.config.alarm_policy()
        if policy is None:
            return None
        alarms = Alarms(policy, environment=self.config.environment, clock_ns=time.time_ns)
        assembly.recorder.on_alarm = alarms.raise_alarm
        return alarms

    def _keep(self, work: Callable[[], None]) -> None:
        """Record quotes while the disk takes them; its first no ends the run like that of any other file."""
        if self._disk_error is None:
            try:
                work()
            except StorageError as error:
                self._disk_failed(error)

    def _assemble(self, fold: LogFold, source: PriceSource) -> ShadowNode:
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
            on_halt=self._halted,
            on_fill=lambda: self._state.on_fill(),
            post=self._loop.call_soon_threadsafe,
            requests=self.layout,
            inputs=self._kept,
        )
        made = make_shadow_node(self._parts, loop=self._loop, source=source)
        assembly = self.assembly = made.assembly
        narrator = Narrator(say=self._say, as_json=self._json, market_now_ns=assembly.recorder.market_now_ns)
        assembly.desk.on_manifest = self._on_manifest
        assembly.desk.on_plan = narrator.plan
        assembly.desk.on_cycle_end = narrator.cycle
        self._narrator = narrator
        assert assembly.flatten is not None
        assembly.flatten.on_change = self._on_flatten
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
            failed=self._disk_failed,
        )
        return made

    def _start_record(self, assembly: Assembly, restored: Restored, fold: LogFold) -> None:
        write_run_start(
            assembly,
            self._parts,
            kind="shadow",
            version=version("sluice"),
            data_source=self._source.description,
            synthetic=list(self.inputs.synthetic),
        )
        for order_id, cause in restored.dead:
            trace = fold.open_orders[order_id]
            assembly.recorder.withdraw(order_id, cause=cause, venue=trace.intent.venue, filled=trace.filled)
        assembly.desk.attach(assembly.strategy, restored.working, unwatched=restored.unwatched)
        self.journal.flush()
        if fold.last_booked_line:
            self._state.write()

    async def _background(self, source: PriceSource, node: Any) -> None:
        """Beside the node: play the source, let the last cycle end, then finish; watch the permission all along."""
        self.assembly.gate.own_thread()
        beside = [asyncio.create_task(work) for work in (self._watch_permission(), self._keep_snapshots(), self._value_book())]
        try:
            while not node.kernel.trader.is_running:
                await asyncio.sleep(0.01)
            try:
                await source.play()
            except StorageError as error:
                self._disk_failed(error)
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

    async def _keep_snapshots(self) -> None:
        """What `plan` and `flatten` read while the run goes on is not older than this; written beside the loop."""
        while self._disk_error is None:
            await asyncio.sleep(SNAPSHOTS_S)
            try:
                await asyncio.to_thread(self._snapshots.snapshots_of(time.time_ns()))
            except StorageError as error:
                self._disk_failed(error)

    async def _value_book(self) -> None:
        """Loss and drawdown are judged between plans too."""
        while True:
            await asyncio.sleep(self.assembly.sentinel.every_ns / 1e9)
            self.assembly.sentinel.value()

    async def _watch_permission(self) -> None:
        """A halt from another terminal is written down and alarmed within a moment, order or no order."""
        told = not self.permission.may_send()
        if told:
            note = read_halt(self.layout)
            why = f"{note.by}: {note.reason}" if note is not None else "the permission file is missing"
            self._say(
                f"halted ({why}): nothing will be sent. To arm it again stop this run, then"
                " `sluice resume --by NAME --reason WHY`."
            )
        while True:
            await asyncio.sleep(WATCH_S)
            if self.permission.may_send():
                told = False
            elif not told:
                told = True
                if self.failures:
                    continue  # the engine's own halt, which is written and told where it happened
                note = read_halt(self.layout)
                by, reason = (note.by, note.reason) if note is not None else ("unknown", "the permission file was removed")
                self.assembly.recorder.write_quietly(records.HaltLine, action="halt", by=by, reason=reason)
                self._say(f"halted by {by}: {reason}")

    def _halted(self, reason: str) -> None:
        """The engine halted itself: the run goes on living without sending, and ends with exit 1."""
        self._tell_halt(reason)

    def _tell_halt(self, reason: str) -> None:
        """A person is told of the first reason; the log has those that follow from it."""
        if not self.failures:
            self._say(f"HALTED  {reason}")
        self.failures.append(reason)

    def _callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception nobody awaited: a callback of ours or of the engine is broken, so nothing may be sent any more."""
        error = context.get("exception")
        if error is None or isinstance(error, asyncio.CancelledError) or self.finished.is_set():
            return
        reason = f"CALLBACK_FAILED: {type(error).__name__}: {error}"
        self.permission.halt(by="engine", reason=reason, now_ns=time.time_ns())
        self.assembly.recorder.write_quietly(records.HaltLine, action="halt", by="engine", reason=reason)
        self._tell_halt(reason)

    def _on_manifest(self, outcome: Any) -> None:
        """Remember whether all that was read was refused: then the run's exit code says so."""
        if isinstance(outcome, AuditedManifest):
            self._accepted = True
            self._only_refused = False
        elif isinstance(outcome, ManifestRefused):
            self._only_refused = not self._accepted
        self._narrator.manifest(outcome)

    def _on_flatten(self, line: records.FlattenLine) -> None:
        """A flatten was taken or has ended: it is told, and what `plan` and `flatten` read says so at once."""
        self._narrator.flatten(line)
        self._keep(lambda: self._snapshots.write_snapshots(now_ns=time.time_ns()))

    def _disk_failed(self, error: SluiceError) -> None:
        """A durable write failed: nothing is sent from here on, and the run ends. A second failure adds nothing."""
        if self._disk_error is not None:
            return
        self._disk_error = error
        self.permission.halt(by="engine", reason=str(error), now_ns=time.time_ns())
        self.assembly.recorder.write_quietly(records.HaltLine, action="halt", by="engine", reason=str(error))
        self._tell_halt(str(error))
        self.finished.set()

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
        self._narrator.line(
            f"shadow · {self.config.environment} · {source.headline()} · {went}"
            + "".join(f"\n         synthetic: {text}" for text in self.inputs.synthetic),
            type="start",
            environment=self.config.environment,
            run_id=self.run_id,
            synthetic=list(self.inputs.synthetic),
        )

    def _stop_record(self, cause: str, node: Any) -> None:
        """The last lines: how it ended, the state as of them, and the snapshots for `sluice plan`."""
        if self._disk_error is not None or self.journal_failed():
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
        """Whether the journal can still take lines."""
        try:
            self.journal.flush()
        except StorageError:
            return True
        return False

    def _farewell(self, market: QuoteRecorder) -> None:
        if self._disk_error is not None:
            self._say(
                "nothing was sent after that. Mend the disk, then `.venv/bin/sluice verify`,"
                " `.venv/bin/sluice resume --by NAME --reason WHY` and start again."
            )
            return
        recorder, layout = self.assembly.recorder, self.layout
        counts = recorder.counts
        equity = self._snapshots.equity()
        start = sum((amount for cash in self.config.starting_cash().values() for amount in cash.values()), start=equity - equity)
        change = f" ({(equity / start - 1) * 100:+.2f} %)" if start else ""
        python = ".venv/bin/sluice"
        trades = f"               {layout.trades}   {market.trades_recorded} trades\n" if market.trades_recorded else ""
        faults = self._source.summary()
        caveats = self.config.caveats()
        self._narrator.line(
            f"\n{self._days} instants · equity {equity:,.2f} {self.config.capital.base_currency}{change}"
            f" · orders {counts['orders']}"
            f" · fills {counts['fills']} · denied {counts['denied']} · rejected {counts['rejected']}"
            f" · not traded {counts['skipped']}\n"
            + (f"prices         {faults}\n" if faults else "")
            + "".join(f"{line}\n" for line in caveat_lines(caveats))
            + "\n"
            f"what is left   {layout.log}   {recorder.last_line} lines\n"
            f"               {layout.ledger}   {layout.state}\n"
            f"               {layout.top_of_book}   {market.recorded} quotes\n{trades}"
            f"next           {python} verify    prove the record\n"
            f"               {python} plan      what it would trade now, and why not the rest\n"
            f"               {python} status    what is held and open",
            type="end",
            equity=equity,
            counts=counts,
            quotes=market.recorded,
            trades=market.trades_recorded,
            faults=faults,
            caveats=None if caveats is None else {caveat.name.value: caveat.words for caveat in caveats},
        )
