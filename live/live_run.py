"""`sluice live`: the shadow's loop against a real venue's protocol — armed, reconciled, and only then trading.

Order of a start: data-directory lock, log and ledger verified, the venue asked (clock, account, rights of the key), every
condition of the arming, then the node: orders that were sent are looked up and missed fills told, the account is compared with
the book, and only then a strategy runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final

from engine.assemble import Assembly, Parts
from engine.ccxt_source import open_ccxt_source
from engine.config_live import LiveSection
from engine.inputs import read_inputs
from engine.node import MakeClient
from engine.node_run import START_S, NodeRun
from engine.price_source import PriceSource
from engine.restore import balances_of
from engine.run_config import load_config
from engine.trading_node import MadeNode, make_trading_node
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.private_file import KEYS
from lakehouse.rebuild import LogFold
from lakehouse.verifier import verify
from live.account_watch import AccountWatch
from live.armed_now import noted, permit_of, tell_expiry
from live.arming import ENVIRONMENT_VARIABLE, Facts, Missing, missing
from live.dead_man import DeadMan, note_of
from live.halted import HaltedRun
from live.venue_link import VenueLink, look_at
from orders.errors import ConfigError, SluiceError
from orders.reconcile import tolerances
from sentinel.armed import Armed
from sentinel.locks import RECONCILIATION_BREAK
from venues.ccxt.execution_client import CcxtExecutionClient
from venues.ccxt.timing import CcxtTiming
from venues.ccxt.trading_profiles import TradingProfile
from venues.secrets import Redactor

CONNECT_EXTRA_S: Final = 60.0  # beyond the time after which an unanswered order is proven absent


class NotArmed(SluiceError):
    """A live run was refused before anything was sent; `gaps` are all its reasons."""

    def __init__(self, gaps: tuple[Missing, ...]) -> None:
        first = gaps[0]
        more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
        super().__init__(
            first.condition.value, expected="every condition of a live run", found=first.found + more, action=first.action
        )
        self.gaps = gaps


def run_live(config_path: Path, *, as_json: bool, for_s: int | None = None, keys: Path = KEYS) -> int:
    """Run live until Ctrl-C, SIGTERM or a halt that ends it; `for_s`: end after so many seconds.

    Return 0; 1 when the run had to halt itself; 3 when every manifest it read was refused. Raises `NotArmed`, `ConfigError`,
    `VenueUnavailable`, `LockHeld`, `RecordCorrupt`.
    """
    config = load_config(config_path)
    if config.live is None:
        raise ConfigError(
            "CONFIG_NOT_LIVE",
            expected=f"the table [live] in {config_path}",
            found="none",
            action="data/README.md says what it needs; `sluice shadow` runs this config with simulated fills.",
        )
    inputs = read_inputs(config)
    run_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{os.getpid()}"
    layout = Layout(directory=config.lakehouse.directory)
    with DataDirectoryLock(layout, run_id=run_id):
        report = verify(layout.directory) if layout.log.exists() else None
        problem = "" if report is None or report.ok else str(report.first_bad)
        run = LiveRun(
            config=config,
            inputs=inputs,
            layout=layout,
            run_id=run_id,
            as_json=as_json,
            for_s=for_s,
            keys=keys.expanduser(),
            environ=os.environ,
            ledger_problem=problem,
        )
        return asyncio.run(run.run())


class ReconcilingClient(CcxtExecutionClient):
    """Is connected, and lets strategies start, only when `before_trading()` has returned."""

    def __init__(self, *, before_trading: Callable[[], Awaitable[None]], **parts: Any) -> None:
        super().__init__(**parts)
        self._before_trading = before_trading

    async def _connect(self) -> None:
        await super()._connect()
        await self._before_trading()


def unseen_from_ns(fold: LogFold) -> int | None:
    """Return from when on the venue may have traded without our log knowing: the oldest open order, else the last line."""
    sent = [trace.send.ts_ns for trace in fold.open_orders.values() if trace.send is not None]
    return min([*sent, fold.last_ts_ns]) if fold.last_ts_ns is not None else None


class LiveRun(NodeRun):
    """One process' live run. `environ`: the process' environment; `keys`: the directory of key files."""

    kind: ClassVar[str] = "live"

    def __init__(
        self, *, for_s: int | None, keys: Path, environ: Mapping[str, str], ledger_problem: str = "", **facts: Any
    ) -> None:
        super().__init__(**facts)
        assert self.config.live is not None
        self.live: LiveSection = self.config.live
        self.redactor = Redactor()
        self.links: dict[str, VenueLink] = {}
        self.watches: dict[str, AccountWatch] = {}
        self.clients: dict[str, tuple[CcxtExecutionClient, TradingProfile]] = {}
        self.dead_man: DeadMan | None = None
        self.start_s = self.live.absent_s + CONNECT_EXTRA_S + START_S
        self._for_s = for_s
        self._keys = keys
        self._environ = environ
        self._ledger_problem = ledger_problem
        self._jitter = random.Random(self.config.assumptions_section.seed)

    async def run(self) -> int:
        """As every run; its end is told to the watchdog: orders that rest stay after a clean stop and go after any other."""
        code, clean = 1, False
        try:
            code = await super().run()
            clean = self.permission.may_send()
        finally:
            cancelled = None if self.dead_man is None else await self.dead_man.end(cancel=not clean)
            if cancelled is not None:
                for words in cancelled.detail:
                    self.say(f"halted   {words}")
        return code if cancelled is None or cancelled.confirmed else 1

    async def open_source(self, fold: LogFold) -> PriceSource | None:
        """Ask every venue, refuse what is not armed, and return the venue's own streams."""
        try:
            for venue in self.config.venues:
                self.links[venue] = await look_at(
                    venue, self.live, inputs=self.inputs, environ=self._environ, keys=self._keys, redactor=self.redactor
                )
            gaps = missing(self._facts())
            if gaps:
                raise NotArmed(gaps)
            armed = {venue: noted(link.facts) for venue, link in self.links.items()}
            note = note_of(self.config, run_id=self.run_id, keys=self._keys, armed=armed)
            self.dead_man = await DeadMan.start(self.layout, note, lost=self.faults.halt)
            return await open_ccxt_source(
                config=self.config,
                listings=self.inputs.listings,
                symbols=self.inputs.market_limits,
                for_s=self._for_s,
                say=lambda text: self.narrator.line(text, type="alarm", message=text),
            )
        except BaseException:
            await self._close_links()
            raise

    def armed(self) -> Armed:
        """Return what the armings of all venues leave to send; every order is held against it."""
        return Armed((permit_of(link.facts) for link in self.links.values()), limits=self.config.sentinel_limits())

    def make_node(self, parts: Parts, *, loop: asyncio.AbstractEventLoop, source: PriceSource) -> MadeNode:
        """Return the node with real execution clients, and every order that may be at a venue put back."""
        return make_trading_node(
            parts,
            loop=loop,
            source=source,
            execution=lambda venue, made: self._execution(parts, venue, made),
            outliving=tuple(self.config.venues),
            connect_s=self.live.absent_s + CONNECT_EXTRA_S,
        )

    def _execution(self, parts: Parts, venue: str, made: MadeNode) -> MakeClient:
        venue_client, profile = self.links[venue].client, self.links[venue].profile
        assert venue_client is not None
        assert profile is not None
        assembly = made.assembly

        def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
            client = ReconcilingClient(
                before_trading=lambda: self._before_trading(venue),
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                client=venue_client,
                profile=profile,
                account=f"{venue}-001",
                listings=parts.listings,
                market_limits=parts.market_limits,
                lock=assembly.gate,
                tap=assembly.recorder,
                halt=assembly.halt,
                alarm=self._alarm,
                redact=self.redactor,
                jitter=self._jitter.random,
                timing=self._timing(),
                known_fills=parts.fold.fill_keys,
                since_ns=unseen_from_ns(parts.fold),
            )
            self.watches[venue] = self._watch(venue, client, assembly)
            self.clients[venue] = (client, profile)
            return client

        return make

    def _timing(self) -> CcxtTiming:
        live = self.live
        return CcxtTiming(
            order_timeout_ms=live.order_timeout_s * 1_000,
            absent_s=float(live.absent_s),
            alarm_s=float(live.undecided_halt_s),
            skew_max_ms=live.clock_offset_max_ms,
        )

    def _alarm(self, code: str, message: str) -> None:
        self.narrator.line(f"{code}  {message}", type="alarm", code=code, message=message)
        self.assembly.recorder.write_quietly(records.Alarm, code=code, message=message)

    def _facts(self) -> Facts:
        return Facts(
            environment=self.config.environment,
            environment_variable=self._environ.get(ENVIRONMENT_VARIABLE),
            ledger_problem=self._ledger_problem,
            promoted=False,
            clock_offset_max_ms=self.live.clock_offset_max_ms,
            now_ns=time.time_ns(),
            venues=tuple(link.facts for link in self.links.values()),
        )

    async def _close_links(self) -> None:
        for link in self.links.values():
            if link.client is not None:
                await link.client.close()

    def _watch(self, venue: str, client: CcxtExecutionClient, assembly: Assembly) -> AccountWatch:
        section, listings, limits = self.config.venues[venue], self.inputs.listings, self.inputs.market_limits

        def book() -> dict[str, Decimal]:
            keeper = assembly.recorder.keeper
            return balances_of(keeper, venue, account=section.account, listings=listings, limits=limits, carried={})

        return AccountWatch(
            venue=venue,
            client=client,
            book=book,
            tolerance=tolerances(venue, listings=listings, limits=limits),
            listings={symbol: listings[symbol] for symbol in limits},
            external=self.live.external_orders,
            written=lambda outcome, detail: self._reconciled(assembly, venue, outcome, detail),
            lock=assembly.gate.locks.lock,
            halt=assembly.halt,
        )

    def _reconciled(self, assembly: Assembly, venue: str, outcome: str, detail: str) -> None:
        assembly.recorder.write_quietly(records.Reconcile, outcome=outcome, detail=f"{venue}: {detail}")
        if outcome == "break":
            self._alarm(RECONCILIATION_BREAK, f"{venue}: {detail}")

    async def _before_trading(self, venue: str) -> None:
        """Return when every order that was sent is known and the account holds what the book says; else halt and end the run."""
        words = await self.watches[venue].at_start()
        if not words:
            return
        self.assembly.halt(f"{RECONCILIATION_BREAK}: {venue}: {'; '.join(words)}")
        self.finished.set()
        await asyncio.Event().wait()  # never connected: no strategy starts; the end of the run cancels this

    def _expiries(self) -> Iterator[Coroutine[Any, Any, None]]:
        for link in self.links.values():
            assert link.facts.arming is not None
            yield tell_expiry(permit_of(link.facts), by=link.facts.arming.by, alarm=self._alarm)

    def beside(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what runs beside the node: the comparison of each account with the book, and what a halt asks for."""
        halted = HaltedRun(
            layout=self.layout, run_id=self.run_id, permission=self.permission, clients=self.clients, alarm=self._alarm
        )
        return (
            *super().beside(),
            *(watch.run(self.live.reconcile_s) for watch in self.watches.values()),
            *self._expiries(),
            *halted.works(),
        )
