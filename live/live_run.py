"""A live run: the shadow's loop against a real venue's protocol — armed, reconciled, and only then trading.

Order of a start: data-directory lock, log and ledger verified, the venue asked (clock, account, rights of the key), every
condition of the arming, then the node: orders that were sent are looked up and missed fills told, the account is compared with
the book, and only then a strategy runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Coroutine, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final

from engine.approvals import Approvals
from engine.assemble import Assembly, Parts
from engine.config_live import LiveSection
from engine.node import MakeClient
from engine.node_run import START_S, NodeRun
from engine.price_source import PriceSource
from engine.restore import holdings_of
from engine.trading_node import MadeNode, make_trading_node
from lakehouse import records
from lakehouse.bundles import Bundle
from lakehouse.promotion_files import keep_promotion_file
from lakehouse.rebuild import LogFold
from live.account_watch import AccountWatch
from live.armed_now import noted, permit_of, tell_expiry
from live.arming import ENVIRONMENT_VARIABLE, Facts, Missing, missing
from live.dead_man import DeadMan, note_of
from live.governed import Governed
from live.halted import HaltedRun, answer_halts
from live.handoff import HandedOver, offered, require_as_seen, require_quoted, used_up
from live.promotion_signing import rules_of
from live.transfer_watch import transfer_watch
from live.venue_link import LiveAccount, Surroundings, VenueLink, look_at
from orders.capital import Capital
from orders.capital_granted import granted
from orders.errors import SluiceError
from orders.reconcile import tolerances
from sentinel.armed import Armed
from sentinel.locks import RECONCILIATION_BREAK
from venues.secrets import Redactor

LAST_LOOK_S: Final = 20.0  # for the comparison at the end
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


class LiveRun(NodeRun):
    """One process' live run. `environ`: the process' environment; `keys`: the directory of key files; `gates`, `sources`,
    `current`: as `Governed` has them.
    """

    kind: ClassVar[str] = "live"

    def __init__(
        self,
        *,
        for_s: int | None,
        keys: Path,
        environ: Mapping[str, str],
        ledger_problem: str = "",
        gates: Path,
        sources: Mapping[str, Path],
        current: str | None,
        **facts: Any,
    ) -> None:
        super().__init__(**facts)
        self._governed = Governed(self.config, layout=self.layout, gates_path=gates, sources=sources, current=current)
        self._handed: HandedOver | None = None
        assert self.config.live is not None
        self.live: LiveSection = self.config.live
        self.redactor = Redactor()
        self.links: dict[str, VenueLink] = {}
        self.watches: dict[str, AccountWatch] = {}
        self.accounts: dict[str, LiveAccount] = {}
        self.dead_man: DeadMan | None = None
        self._answers: asyncio.Task[None] | None = None
        self.start_s = self.live.absent_s + CONNECT_EXTRA_S + START_S
        self._for_s = for_s
        self._keys = keys
        self._environ = environ
        self._ledger_problem = ledger_problem
        self._jitter = random.Random(self.config.assumptions_section.seed)  # spreads requests, no secret  # nosec B311

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
            if self._answers is not None:
                self._answers.cancel()
        return code if cancelled is None or cancelled.confirmed else 1

    async def open_source(self, fold: LogFold) -> PriceSource | None:
        """Ask every venue, refuse what is not armed, and return the venue's own streams."""
        try:
            for venue in self.config.venues:
                self.links[venue] = await look_at(
                    venue, self.live, inputs=self.inputs, environ=self._environ, keys=self._keys, redactor=self.redactor
                )
            self._governed.read_gates(fold)
            gaps = missing(self._facts(fold))
            if gaps:
                raise NotArmed(gaps)
            assert self.bundle.sha256 == self._governed.held.sha256
            self._handed = await self._handed_over(fold)
            armed = {venue: noted(link.facts) for venue, link in self.links.items()}
            note = note_of(self.config, run_id=self.run_id, keys=self._keys, armed=armed)
            self.dead_man = await DeadMan.start(self.layout, note, lost=self.faults.halt)
            self._answers = asyncio.create_task(answer_halts(self.layout, run_id=self.run_id, permission=self.permission))
            (link,) = self.links.values()  # prices of one venue: the config's check has seen to it
            return await link.open_source(
                config=self.config,
                inputs=self.inputs,
                for_s=self._for_s,
                say=lambda text: self.narrator.line(text, type="alarm", message=text),
            )
        except BaseException:
            await self._close_links()
            raise

    def armed(self) -> Armed:
        """Return what the armings of all venues leave to send; every order is held against it."""
        return Armed((permit_of(link.facts) for link in self.links.values()), limits=self.config.sentinel_limits())

    def capital(self, fold: LogFold) -> Capital | None:
        """Return what the promotions of the log leave of equity; a venue that is not a stand-in is governed always."""
        return granted(fold.promotions, always=not all(link.facts.loopback for link in self.links.values()))

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
        link, assembly = self.links[venue], made.assembly
        make = link.execution(
            Surroundings(
                parts=parts,
                made=made,
                before_trading=lambda: self._before_trading(venue),
                failed=self._not_started,
                alarm=self._alarm,
                jitter=self._jitter.random,
            )
        )

        def made_client(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
            client = make(loop, msgbus, cache, clock)
            self.watches[venue] = self._watch(venue, link.account, assembly)
            self.accounts[venue] = link.account
            return client

        return made_client

    def _not_started(self, reason: str) -> None:
        """A client could not connect: the run halts and ends, whatever Nautilus waits for."""
        self.assembly.halt(reason)
        self.finished.set()

    def _alarm(self, code: str, message: str) -> None:
        self.narrator.line(f"{code}  {message}", type="alarm", code=code, message=message)
        self.assembly.recorder.write_quietly(records.Alarm, code=code, message=message)

    def approvals(self) -> Approvals:
        """A manifest is traded for real on a person's word, signed."""
        return Approvals(
            layout=self.layout,
            environment=self.config.environment,
            persons=self.live.persons,
            revoked=frozenset(self.live.revoked_keys),
        )

    def carried(self) -> Bundle:
        """Return the bundle the run goes by; where that it is held to is not sound its own, and the arming refuses."""
        return self._governed.hold(self.inputs, named=self._named)

    def _facts(self, fold: LogFold) -> Facts:
        return Facts(
            environment=self.config.environment,
            environment_variable=self._environ.get(ENVIRONMENT_VARIABLE),
            ledger_problem=self._ledger_problem,
            promoted=self._governed.promoted(fold),
            clock_offset_max_ms=self.live.clock_offset_max_ms,
            now_ns=time.time_ns(),
            venues=tuple(link.facts for link in self.links.values()),
        )

    async def _close_links(self) -> None:
        for link in self.links.values():
            await link.close()

    def _watch(self, venue: str, account: LiveAccount, assembly: Assembly) -> AccountWatch:
        section, listings, limits = self.config.venues[venue], self.inputs.listings, self.inputs.market_limits

        def book() -> dict[str, Decimal]:
            keeper = assembly.recorder.keeper
            return holdings_of(keeper, venue, account=section.account, listings=listings, limits=limits)

        return AccountWatch(
            venue=venue,
            account=account,
            transfers=transfer_watch(
                venue,
                account,
                assembly,
                fold=self._parts.fold,
                traded={symbol: listings[symbol] for symbol in limits},
                tell=lambda text, **facts: self.narrator.line(text, **facts),
            ),
            book=book,
            tolerance=tolerances(venue, listings=listings, limits=limits),
            listings={symbol: listings[symbol] for symbol in limits},
            external=self.live.external_orders,
            written=lambda outcome, detail: self._reconciled(assembly, venue, outcome, detail),
            lock=assembly.gate.locks.lock,
            halt=assembly.halt,
            handed=self._handed,
        )

    async def _handed_over(self, fold: LogFold) -> HandedOver | None:
        """Return what a person handed over to this record, kept where its transfers' lines name it.

        Raises `NotAsked` HANDOFF_REFUSED where it may not be used, the account holds something else, or has no price for it;
        `VenueUnavailable`.
        """
        if not os.path.lexists(self.layout.handoff):
            return None
        rules, now_ns = rules_of(self.config), time.time_ns()
        found = offered(self.layout, fold, config=self.config, bundle_sha256=self.bundle.sha256, rules=rules, now_ns=now_ns)
        if found is not None:
            link = self.links[found.handoff.venue]
            symbols = require_as_seen(self.layout, found, await link.holdings(), inputs=self.inputs)
            require_quoted(self.layout, await link.unquoted(symbols))
            keep_promotion_file(self.layout, found.data)
        return found

    def _reconciled(self, assembly: Assembly, venue: str, outcome: str, detail: str) -> None:
        assembly.recorder.write_quietly(records.Reconcile, outcome=outcome, detail=f"{venue}: {detail}")
        if outcome == "break":
            self._alarm(RECONCILIATION_BREAK, f"{venue}: {detail}")

    async def _before_trading(self, venue: str) -> None:
        """Return when every order that was sent is known and the account holds what the book says; else halt and end the run."""
        words = await self.watches[venue].at_start()
        if not words:
            if self._handed is not None:
                await used_up(self.layout, self.assembly.recorder)
            return
        self.assembly.halt(f"{RECONCILIATION_BREAK}: {venue}: {'; '.join(words)}")
        self.finished.set()
        await asyncio.Event().wait()  # never connected: no strategy starts; the end of the run cancels this

    def _expiries(self) -> Iterator[Coroutine[Any, Any, None]]:
        for link in self.links.values():
            assert link.facts.arming is not None
            yield tell_expiry(permit_of(link.facts), by=link.facts.arming.by, alarm=self._alarm)

    def at_end(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the last comparison of each account with the book."""
        return tuple(self._last_look(watch) for watch in self.watches.values())

    async def _last_look(self, watch: AccountWatch) -> None:
        compared = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_LOOK_S):
                compared = await watch.compare("at the end")
        if compared is None:
            self._alarm("NOT_COMPARED", f"{watch.venue}: the venue did not say what it holds at the end; the next start compares")

    def beside(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what runs beside the node: the comparison of each account with the book, what a halt asks for, the ramp."""
        halted = HaltedRun(permission=self.permission, accounts=self.accounts, alarm=self._alarm)
        return (
            *super().beside(),
            *(watch.run(self.live.reconcile_s) for watch in self.watches.values()),
            *self._expiries(),
            *halted.works(),
            *self._governed.watches(
                self._parts.fold, assembly=self.assembly, run_id=self.run_id, tell=self.narrator.line, keep=self.faults.keep
            ),
        )
