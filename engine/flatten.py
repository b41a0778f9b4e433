"""A person's flatten, carried out: taken into the journal once, what works cancelled, then cycles of reductions until it is flat.

(1) Take: refuse, or write the `flatten` line; the manifest in force counts as withdrawn from there on, and the open cycle is cut
off. (2) Once the line is on disk, remove the request's file. (3) When nothing works any more, plan what is held as it then is,
through the Sentinel and the gate like every plan; again, while something is left that can be sold. (4) Write how it ended.
A process that dies in between goes on at (3): what is planned is what is held, so nothing is sold twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from nautilus_trader.model.identifiers import ClientOrderId

from engine.desk import OPERATOR, ManifestDesk
from engine.intake import Audited
from engine.order_context import ManifestFacts
from engine.recorder import Recorder
from lakehouse import records
from lakehouse.flatten_request import FlattenRequest, read_request, remove_request, set_aside
from lakehouse.layout import Layout
from lakehouse.permission import Permission
from lakehouse.withdrawals import ENDED, FLAT, HALTED, INCOMPLETE, TAKEN, Flattens, scope_of, withdrawal_of
from orders.canonical import canonical_sha256
from orders.errors import InputError, StorageError
from orders.flatten import Scope
from orders.plan import Approval, Plan, PlanInputs, PlanLine
from orders.values import Grade
from sentinel.limits import SentinelLimits
from strategies.desk import Work
from strategies.flatten_plan import WAITS, plan_flatten, stays
from strategies.manifest_strategy import ManifestStrategy

CYCLES_MAX: Final = 50  # of one flatten; a position that needs more is for a person to look at
SKEW_NS: Final = 60 * 1_000_000_000  # how far the clock of who asked may be ahead
ASK_AGAIN_NS: Final = 1_000_000_000  # a cancel that reached nobody is asked for again
ONE: Final = Decimal(1)
SOURCE: Final = "flatten"  # source run of orders where no manifest was ever accepted


class FlattenDesk:
    """One per live kernel; `poll` on the engine's loop, often. `seen`: what the log said of flattens at the start.

    `on_change(line)`: told of each line about one, once it is written.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        environment: str,
        seen: Flattens,
        desk: ManifestDesk,
        strategy: ManifestStrategy,
        recorder: Recorder,
        permission: Permission,
        limits: SentinelLimits,
        cache: Any,
        clock_ns: Callable[[], int],
        halt: Callable[[str], None],
        messages_left: Callable[[str], int],
    ) -> None:
        self._layout = layout
        self._environment = environment
        self._used = set(seen.used)
        self._leftover = None if seen.last is None else seen.last.request_id  # its file may not have been removed yet
        self._desk = desk
        self._strategy = strategy
        self._recorder = recorder
        self._permission = permission
        self._messages_left = messages_left
        self._messages_max = limits.messages_per_s_max
        self._order_value_max = limits.max_order_value_base / (ONE + limits.price_collar_fraction)
        self._cache = cache
        self._clock_ns = clock_ns
        self._halt = halt
        self._line = seen.open  # the flatten that is being carried out
        self._durable = seen.open is not None
        self._reserved = False
        self._in_cycle = False
        self._cycles = 0
        self._fills = -1  # of the last cycle; -1 before the first
        self._deadline_ns = 0
        self._asked_ns = 0
        self._cycle_manifest = ""
        self.on_change: Callable[[records.FlattenLine], None] = lambda line: None
        strategy.on_free = self._on_free

    @property
    def active(self) -> bool:
        """Whether a flatten is being carried out."""
        return self._line is not None

    def poll(self) -> None:
        """Look for a request, or go on with the one that was taken. Never raises: a disk that fails halts."""
        try:
            if self._line is None:
                self._look()
            else:
                self._go_on()
        except StorageError as error:
            self._halt(str(error))

    def _look(self) -> None:
        try:
            request = read_request(self._layout)
        except InputError as error:
            self._refuse(error.code, str(error))
            return
        if request is None:
            return
        if request.request_id == self._leftover:  # a kill came between its line and the end of its file
            self._leftover = None
            remove_request(self._layout)
            return
        code, message = self._fault(request)
        if code:
            self._refuse(code, f"request {request.request_id} by {request.by}: {message}")
        else:
            self._take(request)

    def _fault(self, request: FlattenRequest) -> tuple[str, str]:
        """Return the code and the words of what stands against a request; "" for nothing."""
        now = self._clock_ns()
        if request.environment != self._environment:
            return "FLATTEN_FOREIGN", f"it is for {request.environment}, this is {self._environment}; nothing was flattened"
        if request.request_id in self._used:
            return "FLATTEN_USED", "it was carried out before; ask again if it is meant again"
        if request.created_ns > now + SKEW_NS:
            return "FLATTEN_INVALID", f"created at {request.created_ns}, which is not yet; look at the clocks"
        if now > request.expires_ns:
            return "FLATTEN_EXPIRED", f"it ran out {(now - request.expires_ns) // 1_000_000_000} s ago; ask again"
        if not self._permission.may_send():
            return "FLATTEN_HALTED", "halted: no order leaves. `sluice resume` first, and ask again"
        return "", ""

    def _refuse(self, code: str, message: str) -> None:
        """One alarm, and the file is out of the way."""
        self._recorder.write(records.Alarm, code=code, message=message)
        set_aside(self._layout)

    def _take(self, request: FlattenRequest) -> None:
        known = self._desk.manifest_in_force
        fields: dict[str, Any] = {
            "request_id": request.request_id,
            "by": request.by,
            "reason": request.reason,
            "symbols": list(request.scope.symbols),
            "venue": request.scope.venue,
            "manifest_sha256": None if known is None else known.facts.manifest_sha256,
            "plan_sha256": request.plan_sha256,
            "created_ns": request.created_ns,
            "expires_ns": request.expires_ns,
        }
        line = records.FlattenLine(**self._recorder.stamp(), stage=TAKEN, **fields)
        self._used.add(request.request_id)
        self._begin(line)
        self._recorder.write(records.FlattenLine, stage=TAKEN, **fields)
        self.on_change(line)
        if line.manifest_sha256 is not None:
            self._desk.withdraw(withdrawal_of(line))
        if request.scope.whole:
            self._strategy.give_up()
        self._strategy.cut_off(again=True)  # cancels need not wait for the disk
        self._recorder.when_durable(self._taken)

    def _begin(self, line: records.FlattenLine) -> None:
        self._line = line
        self._durable = self._reserved = self._in_cycle = False
        self._cycles, self._fills = 0, -1
        self._deadline_ns = 0

    def _taken(self) -> None:
        self._durable = True
        try:
            remove_request(self._layout)
            self._go_on()
        except StorageError as error:
            self._halt(str(error))

    def _on_free(self) -> bool:
        """A cycle has ended: the strategy is this desk's while there is something to flatten.

        True also where the flatten ends by this: what the strategy does next it has then begun.
        """
        if self._line is None:
            return False
        if not self._durable:
            self._reserved = self._strategy.reserve(self._ended)
            return True
        try:
            self._go_on()
        except StorageError as error:  # a Nautilus callback
            self._halt(str(error))
        return True

    def _go_on(self) -> None:
        """Do the next step that can be done now."""
        if not self._durable or self._in_cycle or not self._strategy.is_running:
            return
        now = self._clock_ns()
        again = now - self._asked_ns >= ASK_AGAIN_NS
        if again:
            self._asked_ns = now
        if not self._reserved:
            self._strategy.cut_off(again=again)
            if self._reserved or self._line is None:
                return  # what was cut off had nothing left, and its end came by here
            if not self._strategy.reserve(self._ended):
                return
            self._reserved = True
        line = self._line
        assert line is not None
        if not self._permission.may_send():
            self._end(HALTED, "halted: no order leaves. `sluice resume` first, and ask again")
            return
        scope = scope_of(line)
        if self._works(scope, again=again):
            return
        self._plan(line, scope)

    def _works(self, scope: Scope, *, again: bool) -> bool:
        """Whether anything still works in what is meant, the children of a schedule too; it is asked to cancel now and then."""
        working = [order for order in self._desk.open_orders() if self._desk.covers(scope, order.symbol)]
        for order in working if again else ():
            known = self._cache.order(ClientOrderId(order.client_order_id))
            if known is not None and not known.is_closed:
                self._strategy.cancel_order(known)
        return bool(working)

    def _plan(self, line: records.FlattenLine, scope: Scope) -> None:
        now = self._clock_ns()
        if not self._deadline_ns:
            self._deadline_ns = self._desk.deadline_ns(now)
        audited = self._audited(line)
        inputs = self._desk.inputs(
            cycle=self._recorder.last_cycle + 1,
            manifest_sha256=audited.facts.manifest_sha256,
            source_run=audited.facts.source_run,
            targets={},
            symbols=sorted(self._recorder.keeper.positions),
        )
        inputs = msgspec.structs.replace(inputs, cause=OPERATOR)
        try:
            made = plan_flatten(inputs, scope, order_value_max=self._order_value_max)
        except InputError as error:
            self._end(INCOMPLETE, str(error))
            return
        if any(each.trades for each in made.lines):
            if self._fills == 0 or self._cycles >= CYCLES_MAX:
                self._end(INCOMPLETE, self._left(made, "its last orders filled nothing: see the log"))
            elif self._may_go(made):
                self._carry_out(made, inputs=inputs, audited=audited, line=line)
            return
        left = stays(made)
        if not left:
            self._end(FLAT, "")
        elif now >= self._deadline_ns or not any(each.reason in WAITS for each in left):
            self._end(INCOMPLETE, self._left(made, ""))

    def _may_go(self, made: Plan) -> bool:
        """Whether every venue takes all of it, or as much as it ever takes in a second; else it is asked again soon. What is over
        the limit is denied, and the next cycle's.
        """
        orders = Counter(each.venue for each in made.lines if each.trades and each.venue is not None)
        return all(self._messages_left(venue) >= min(number, self._messages_max) for venue, number in orders.items())

    def _audited(self, line: records.FlattenLine) -> Audited:
        """The manifest in force, with prices as of now; a person's word stands for its grade."""
        known = self._desk.manifest_in_force
        held = sorted(self._recorder.keeper.positions)
        mids = {symbol: quote.mid for symbol in held if (quote := self._desk.quote_of(symbol)) is not None}
        if known is not None:
            facts = msgspec.structs.replace(known.facts, decision_prices=mids)
            return msgspec.structs.replace(known, facts=facts, weights={})
        facts = ManifestFacts(
            manifest_sha256=canonical_sha256({"flatten": line.request_id}),
            source_run=SOURCE,
            run_ledger_head=None,
            written_ns=None,
            read_ns=self._clock_ns(),
            decision_prices=mids,
        )
        return Audited(facts=facts, grade=Grade.ABSENT, regime_name=None, weights={})

    def _carry_out(self, made: Plan, *, inputs: PlanInputs, audited: Audited, line: records.FlattenLine) -> None:
        self._in_cycle = True
        self._cycles += 1
        self._cycle_manifest = audited.facts.manifest_sha256
        cycle = self._recorder.open_cycle(cause=OPERATOR, manifest_sha256=self._cycle_manifest, request_id=line.request_id)
        assert cycle == made.cycle

        def ready(approvals: Sequence[Approval]) -> None:
            self._strategy.send(approvals)

        self._desk.carry_out(made, inputs=inputs, audited=audited, decision={}, ready=ready, reductions_only=True)

    def _ended(self) -> Work | None:
        """The orders of a cycle are terminal, or the strategy is given back. Called from a Nautilus callback: must not raise."""
        self._reserved = False
        try:
            if self._in_cycle:
                self._in_cycle = False
                self._fills = len(self._recorder.cycle_fills)
                self._desk.disarm()
                self._recorder.close_cycle(manifest_sha256=self._cycle_manifest, outcome="done")
                self._desk.on_cycle_end(self._recorder.cycle_fills, self._recorder.cycle_orders)
        except StorageError as error:
            self._halt(str(error))
        return self._desk.topped_up() if self._line is None else None

    def _left(self, made: Plan, why: str) -> str:
        lines: Sequence[PlanLine] = [each for each in made.lines if each.trades] if why else stays(made)
        words = "; ".join(f"{each.symbol} {each.held_quantity}: {each.detail or each.reason}" for each in lines)
        return f"{why}: {words}" if why else words

    def _end(self, outcome: str, message: str) -> None:
        line = self._line
        assert line is not None
        names = [name for name in line.__struct_fields__ if name not in records.Line.__struct_fields__]
        fields = {name: getattr(line, name) for name in names} | {"stage": ENDED, "outcome": outcome, "message": message[:2000]}
        self._recorder.write(records.FlattenLine, **fields)
        if outcome != FLAT:
            self._recorder.write(records.Alarm, code=f"FLATTEN_{outcome.upper()}", message=f"flatten by {line.by}: {message}")
        self._line = None
        self.on_change(records.FlattenLine(**self._recorder.stamp(), **fields))
        if self._reserved:
            self._strategy.send(())  # gives it back: what waited for the flatten goes on
