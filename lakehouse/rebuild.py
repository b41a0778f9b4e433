"""What the log alone says: cash, positions, fees, open orders, cycle, manifest — a fold over its lines, one at a time.

The recorder, the restart and `sluice verify` use this same fold. Nothing here reads the ledger or the state.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, assert_never

import msgspec

from lakehouse.counted import Counted
from lakehouse.ramp_marks import RampMarks
from lakehouse.records import (
    LOG_VERSION,
    Ack,
    Alarm,
    AnyLine,
    CancelLine,
    CycleClosed,
    CycleOpened,
    DrillLine,
    EquityLine,
    Fill,
    Financing,
    FlattenLine,
    HaltLine,
    Intent,
    ManifestLine,
    OverrideUsed,
    PlanLineRecord,
    PromotionLine,
    Received,
    Reconcile,
    Recovery,
    Reject,
    RunStart,
    RunStop,
    SegmentLine,
    Send,
    Skip,
    SwitchLine,
    Transfer,
    TwinLine,
    TwinStart,
    UnknownOutcome,
    VerdictLine,
)
from lakehouse.twins import TWIN, Twins, amounts_of
from lakehouse.withdrawals import Flattens
from orders.book import ZERO, BookKeeper
from orders.canonical import sha256_hex
from orders.errors import RecordCorrupt
from orders.financing import FinancingKind
from orders.promotion import Promotions
from orders.values import Record

FillKey = tuple[str, str, str, str]  # venue, account, symbol, trade id
FinancingKey = tuple[str, str, str]  # venue, kind, symbol or currency
TransferKey = tuple[str, str, str]  # venue, kind, the venue's own id
OPERATOR: Final = "operator"  # cause of a cycle that a caller outside the engine asked for
APPROVAL_USED: Final = "APPROVAL_USED"  # a second submit or send was refused; the order itself stands
WAITING: Final = "waiting"  # outcome of a cycle some of whose lines wait for their market to open: its manifest is not done
WITHDRAWN: Final = "withdrawn"  # outcome of a cycle whose manifest a person flattened: it is not planned again
INTERRUPTED: Final = "interrupted"  # outcome of a cycle that a kill cut off: its manifest is not done
TRANSFER_KINDS: Final = ("deposit", "withdrawal")
FINANCING_KINDS: Final = frozenset(FinancingKind)
SUPERSEDED: Final = "superseded"  # outcome of a cycle whose orders go on in a newer manifest's, as orders in flight
PARTIAL: Final = "partial"  # outcome of a cycle that left something over: a top-up follows, its manifest is not done
DAY_NS: Final = 86_400 * 1_000_000_000
# Beginnings of lines that move neither book nor orders where they do not say DENIES.
PASSED_OVER: Final = (b'{"type":"verdict",', b'{"type":"plan",')
DENIES: Final = b'"DENY"'
DIGITS_MAX: Final = 28  # of a number in the log; Decimal arithmetic keeps 28 significant digits

# These may come from a process that knows no market time.
_TIMELESS: Final = frozenset({Recovery, HaltLine, DrillLine, PromotionLine, SegmentLine, SwitchLine})

_decoder = msgspec.json.Decoder(AnyLine)


def decode_line(raw: bytes) -> AnyLine:
    """Return the line in `raw` (no newline). Raises `RecordCorrupt` LOG_LINE."""
    try:
        line: AnyLine = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(
            "LOG_LINE", f"one JSON object of a known type, version {LOG_VERSION}", f"{error} in {raw[:60]!r}"
        ) from error
    if line.v != LOG_VERSION:
        raise _corrupt("LOG_VERSION", f"a line of version {LOG_VERSION}", f"version {line.v}")
    return line


class KeptInputs(Record, frozen=True, kw_only=True):
    """What the log says of a run's list of inputs: the line that names it first, its beginning, and all of it at the end."""

    line: int
    begins: str
    whole: str | None = None  # None: the run has not ended, or was cut off


class OrderTrace:
    """What the log says of one order that may still fill. `filled` >= 0 units, below the intent's quantity."""

    __slots__ = ("ack", "filled", "fills", "intent", "quantity", "received", "send", "unknown")

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        self.quantity = amount(intent.quantity)
        self.filled = ZERO
        self.fills: list[Fill] = []
        self.send: Send | None = None  # the last submit; None: the intent is durable, nothing was sent
        self.received: Received | None = None
        self.ack: Ack | None = None
        self.unknown = False  # sent, and the last word is that nobody knows


OF_A_BUNDLE: Final = frozenset(
    {CycleOpened, PlanLineRecord, Intent, VerdictLine, Send, Fill}
)  # which are of the bundle their run began with


class LogFold:
    """The running rebuild; `apply` one line after the other. All its fields are to be read, none to be written.

    `finished`: client order id -> filled, cancelled, rejected or denied; an id in it is never sent again.
    `marks`: symbol -> (price in quote currency, `ts_ns`): of its last fill or transfer, for what was never quoted since.
    `plans`: those of the last accepted manifest, oldest first, without the operator's single orders.
    `orders_by_line`: (cycle, line) -> client order ids, without the children of a schedule. A parent is an open order until its
    schedule ends; its `filled` is what its children filled.
    `unfinished`: the manifest whose newest cycle is open, was cut off by a kill, waits for a market or left something over;
    `done`: the one whose cycle last ended well.
    `financed_until`: the market instant up to which a key of borrow, funding or interest is booked.
    `first_ns`: when its first run began, None for an empty log. `transfer_keys`: of every deposit and withdrawal booked.
    `counted`: what the Sentinel counts. `overrides`: token id -> the line of its use, which is its only one.
    `market_ns`: the latest market time of a line that is stamped in it, 0 for none. `day`: the UTC day of the last fill in market
    time, counted from 1970, -1 for none; `day_traded`: quote currency -> notional its fills traded on that day, unsigned.
    `partials`: cycles of the last accepted manifest that left something over for a top-up. `promotions`: which bundle may trade
    what.
    """

    def __init__(self, *, counts: bool = True) -> None:
        """`counts` False, for whoever does not go on: `counted`, `day`, `day_traded`, `venues`, `marks`, `last_marks`
        and `fill_kinds` are not to be read.
        """
        self._counts = counts
        self.log_line = 0
        self.first_ns: int | None = None
        self.last_ts_ns: int | None = None
        self.market_ns = 0
        self.environment: str | None = None
        self.base_currency: str | None = None
        self.run: RunStart | None = None
        self._held: str | None = None  # the run that goes on, where it says its bundle: lines of one are known by `run_id` alone
        self.run_finished = False  # the last run wrote its run_stop
        self.keeper = BookKeeper(cash={})
        self.open_orders: dict[str, OrderTrace] = {}
        self.finished: dict[str, str] = {}
        self.fill_keys: set[FillKey] = set()
        self.fill_count = 0
        self.fill_kinds: set[str] = set()  # of the runs that had fills
        self.last_fill_market_ns = 0
        self.financing_count = 0
        self.transfer_keys: set[TransferKey] = set()
        self.last_booked_line = 0  # the last line that moved the book
        self.financed_until: dict[FinancingKey, int] = {}
        self.financing_from_ns: int | None = None  # where market time began in the first run that says what holding costs
        self.unexplained_fills = 0  # of orders that have no intent line
        self.cycle = 0  # the highest number so far
        self.open_cycle: CycleOpened | None = None
        self.unfinished: str | None = None
        self.done: str | None = None
        self.manifest: ManifestLine | None = None
        self.plans: list[PlanLineRecord] = []
        self.orders_by_line: dict[tuple[int, int], list[str]] = {}
        self.skips: dict[tuple[int, int], Skip] = {}
        self.venues: dict[str, str] = {}  # symbol -> venue of its last fill
        self.marks: dict[str, tuple[Decimal, int]] = {}
        self.last_marks: dict[str, Decimal] = {}  # of its last fill, financing or transfer, whichever is newest
        self.day = -1
        self.day_traded: dict[str, Decimal] = {}
        self.partials = 0
        self.halt: HaltLine | None = None  # the halt in force, None after a resume
        self.inputs: dict[str, KeptInputs] = {}  # by run, of those that kept theirs
        self.saved_torn: set[str] = set()
        self.flattens = Flattens()
        self.overrides: dict[str, OverrideUsed] = {}
        self.promotions = Promotions()
        self.ramp_marks = RampMarks()
        self.counted = Counted()
        self.twins = Twins()  # what a twin's log says of the run it follows
        self.bundles: dict[str, str | None] = {}  # by run, in order: what its first line says it depends on

    @property
    def unknown_orders(self) -> tuple[str, ...]:
        """Client order ids that were sent and whose last word is `unknown`."""
        return tuple(key for key, trace in self.open_orders.items() if trace.unknown)

    def apply(self, line: AnyLine, *, seq: int | None = None) -> None:
        """Take the next line; `seq` stands in for `line.seq` where the journal has just numbered it.

        Raises `RecordCorrupt`: a gap in `seq`, a number that is none, a fill told twice, an order that contradicts itself.
        After an error the fold is not to be used.
        """
        number = line.seq if seq is None else seq
        if number != self.log_line + 1:
            raise _corrupt("LOG_SEQ", f"seq {self.log_line + 1}", f"seq {number}")
        self.log_line = number
        self.last_ts_ns = line.ts_ns
        kind = type(line)
        if line.market_ns > self.market_ns and kind not in _TIMELESS:
            self.market_ns = line.market_ns
        if self._held is not None and line.run_id != self._held and kind in OF_A_BUNDLE:
            raise _corrupt("RUN_MIXED", f"a line of run {self._held}, which began last", f"one of run {line.run_id[:80]!r}")
        if (take := _OF_AN_ORDER.get(kind)) is not None:
            take(self, line)
        else:
            self._take(line)
            if self._counts:
                self.counted.apply(line)

    def pass_over(self) -> None:
        """Count the next line, one of `PASSED_OVER` that another process holds against what comes before it (`check_passed`)."""
        self.log_line += 1

    def _take(self, line: AnyLine) -> None:
        match line:
            case Financing():
                self._financing(line)
            case Transfer():
                self._transfer(line)
            case VerdictLine():
                _name_the_bundle(line, self.run)
                if line.outcome == "DENY" and not self._stands(line):
                    self._finish(line.client_order_id, "denied")
            case Reject():
                if line.code != APPROVAL_USED:
                    self._finish(line.client_order_id, "rejected" if line.by == "venue" else "denied")
            case CancelLine():
                self._finish(line.client_order_id, "cancelled")
            case CycleOpened():
                if line.cycle <= self.cycle:
                    raise _corrupt("CYCLE_ORDER", f"a cycle above {self.cycle}", str(line.cycle))
                self.flattens.check_cycle(line, of_operator=line.cause == OPERATOR)
                self.cycle = line.cycle
                self.open_cycle = line
                if line.cause != OPERATOR:
                    self.unfinished = line.manifest_sha256
            case CycleClosed():
                self._close(line)
            case PlanLineRecord():
                _name_the_bundle(line, self.run)
                if self.open_cycle is None or self.open_cycle.cause != OPERATOR:
                    self.plans.append(line)
            case Skip():
                self.skips[line.cycle, line.line] = line
            case ManifestLine():
                self._manifest(line)
            case RunStart():
                self._start(line)
            case RunStop():
                self.run_finished = True
                if line.inputs_sha256 is not None and line.run_id in self.inputs:
                    self.inputs[line.run_id] = msgspec.structs.replace(self.inputs[line.run_id], whole=line.inputs_sha256)
            case FlattenLine():
                self.flattens.apply(line)
            case OverrideUsed():
                if line.token_id in self.overrides:
                    raise _corrupt("OVERRIDE_TWICE", "each override used once", f"{line.token_id} again")
                self.overrides[line.token_id] = line
            case PromotionLine():
                self._promotion(line)
            case HaltLine():
                self.halt = None if line.action == "resume" else line
                self.ramp_marks.apply(line, number=self.log_line, running=self.run is not None and not self.run_finished)
            case Recovery():
                if line.saved_as is not None:
                    self.saved_torn.add(line.saved_as)
            case EquityLine():
                for text in (line.equity_base, line.day_start_base, line.peak_base):
                    amount(text)
                self.ramp_marks.apply(line, number=self.log_line, running=True)
            case TwinStart():
                self.twins.begun(line)
            case TwinLine():
                for text in amounts_of(line):
                    amount(text)
                self.twins.told(line)
            case Reconcile() | Alarm() | SwitchLine() | DrillLine() | SegmentLine():
                pass
            case Fill() | Intent() | Send() | Received() | Ack() | UnknownOutcome():
                raise AssertionError("in _OF_AN_ORDER")
            case never:
                assert_never(never)

    def _start(self, line: RunStart) -> None:
        if self.run is None:
            self.first_ns = line.ts_ns
            cash = line.starting_cash or {}
            self.keeper = BookKeeper(cash={v: {c: amount(text) for c, text in row.items()} for v, row in cash.items()})
            self.environment = line.environment
            self.base_currency = line.base_currency
        elif line.starting_cash is not None:
            raise _corrupt("CASH_TWICE", "starting cash on the first run_start of a log only", "it again")
        self._of_this_environment(line)
        if self.run is not None and (self.run.kind == TWIN) is not (line.kind == TWIN):
            raise _corrupt("KIND_MIXED", f"a log of {TWIN} runs alone, or of none", f"{line.kind} after {self.run.kind}")
        if self.bundles.setdefault(line.run_id, line.bundle_sha256) != line.bundle_sha256:
            raise _corrupt(
                "BUNDLE_TWICE", f"one bundle of run {line.run_id}, {self.bundles[line.run_id]}", str(line.bundle_sha256)
            )
        self.run = line
        self._held = None if line.bundle_sha256 is None else line.run_id
        self.run_finished = False
        if line.inputs_sha256 is not None:
            self.inputs[line.run_id] = KeptInputs(line=self.log_line, begins=line.inputs_sha256)
        if self.financing_from_ns is None and "financing" in line.assumptions:
            self.financing_from_ns = max(line.market_ns, line.market_epoch_ns)  # a replay's epoch is its first price

    def _of_this_environment(self, line: RunStart | PromotionLine) -> None:
        for known in (self.environment, self.promotions.environment):
            if known not in (None, line.environment):
                raise _corrupt("ENVIRONMENT_MIXED", f"environment {known}, the log's", line.environment)

    def _promotion(self, line: PromotionLine) -> None:
        """A move of a bundle; the next one follows these very bytes, as the journal has written them."""
        self._of_this_environment(line)
        numbered = msgspec.structs.replace(line, seq=self.log_line)
        self.promotions.apply(line, number=self.log_line, sha256=sha256_hex(msgspec.json.encode(numbered)))

    def _stands(self, line: VerdictLine) -> bool:
        """A denial of a second submit says nothing of the order that was let through under this id before."""
        trace = self.open_orders.get(line.client_order_id)
        return line.code == APPROVAL_USED or (trace is not None and trace.send is not None)

    def _close(self, line: CycleClosed) -> None:
        opened, self.open_cycle = self.open_cycle, None
        if opened is None or opened.cause == OPERATOR or line.outcome in (INTERRUPTED, WAITING):
            return
        if line.outcome == PARTIAL:
            self.partials += 1
            return
        self.unfinished = None
        if line.outcome == "done":
            self.done = line.manifest_sha256

    def _manifest(self, line: ManifestLine) -> None:
        if line.decision == "ACCEPTED":
            self.flattens.accepted(line.manifest_sha256)
            if self.manifest is None or line.manifest_sha256 != self.manifest.manifest_sha256:
                self.plans.clear()
                self.orders_by_line.clear()
                self.skips.clear()
                self.partials = 0
            self.manifest = line

    def _intent(self, line: Intent) -> None:
        _name_the_bundle(line, self.run)
        key = line.client_order_id
        known = self.open_orders.get(key)
        if self.finished.get(key, "denied") != "denied" or (known is not None and known.send is not None):
            raise _corrupt("ORDER_TWICE", "one order under one client order id", f"a second intent for {key}")
        if known is None and line.parent_client_order_id is None:
            self.orders_by_line.setdefault((line.cycle, line.line), []).append(key)
        self.flattens.check_intent(line, opened=self.open_cycle, positions=self.keeper.positions)
        self.finished.pop(key, None)
        self.open_orders[key] = OrderTrace(line)
        if self._counts:
            self.counted.intent(line, operator=self.open_cycle is not None and self.open_cycle.cause == OPERATOR)

    def _send(self, line: Send) -> None:
        if line.armed_base is not None and amount(line.armed_base) <= 0:
            raise _corrupt("ARMED_AMOUNT", "what an order takes of the armed amount to be above 0", line.armed_base)
        if line.action == "submit" and (trace := self.open_orders.get(line.client_order_id)) is not None:
            trace.send = line
        if self._counts:
            self.counted.send(line)

    # An answer may come late: the order has ended, or belongs to somebody else.

    def _received(self, line: Received) -> None:
        if (trace := self.open_orders.get(line.client_order_id)) is not None:
            trace.received = line

    def _ack(self, line: Ack) -> None:
        if (trace := self.open_orders.get(line.client_order_id)) is not None:
            trace.ack = line
            trace.unknown = False

    def _unknown(self, line: UnknownOutcome) -> None:
        if (trace := self.open_orders.get(line.client_order_id)) is not None:
            trace.unknown = True

    def _fill(self, line: Fill) -> None:
        _name_the_bundle(line, self.run)
        key = (line.venue, line.account, line.symbol, line.trade_id)
        if key in self.fill_keys:
            raise _corrupt(
                "FILL_TWICE", "one line for each fill", f"a second one for trade {line.trade_id} of {line.symbol} at {line.venue}"
            )
        self.fill_keys.add(key)
        quantity = amount(line.quantity)
        price, multiplier = amount(line.price), amount(line.multiplier)
        if quantity <= 0:
            raise _corrupt("FILL_QUANTITY", "a quantity above 0", line.quantity)
        self.keeper.apply_fill(
            venue=line.venue,
            symbol=line.symbol,
            side=line.side,
            quantity=quantity,
            price=price,
            multiplier=multiplier,
            quote_currency=line.quote_currency,
            fee=amount(line.fee),
            fee_currency=line.fee_currency,
            base_currency=line.base_currency,
        )
        self.fill_count += 1
        self.last_booked_line = self.log_line
        self.last_fill_market_ns = line.market_ns
        if self._counts:
            self._count_fill(line, price, notional=abs(quantity * price * multiplier))
        trace = self.open_orders.get(line.client_order_id)
        if trace is None:
            self.unexplained_fills += line.client_order_id not in self.finished
            return  # a late fill of a cancelled order is possible and counts
        trace.filled += quantity
        trace.unknown = False
        parent_id = trace.intent.parent_client_order_id
        if parent_id is not None and (parent := self.open_orders.get(parent_id)) is not None:
            parent.filled += quantity
        told = quantity if line.filled_quantity == line.quantity else amount(line.filled_quantity)  # often one fill is all
        if trace.filled != told:
            raise _corrupt("FILL_MISSING", f"{trace.filled} filled of order {line.client_order_id} so far", line.filled_quantity)
        if trace.filled < trace.quantity:
            trace.fills.append(line)
        else:
            self._finish(line.client_order_id, "filled")

    def _count_fill(self, line: Fill, price: Decimal, *, notional: Decimal) -> None:
        if self.run is not None:
            self.fill_kinds.add(self.run.kind)
        self.venues[line.symbol] = line.venue
        self.marks[line.symbol] = (price, line.ts_ns)
        self.last_marks[line.symbol] = price
        day = line.market_ns // DAY_NS
        if day > self.day:
            self.day, self.day_traded = day, {}
        self.day_traded[line.quote_currency] = self.day_traded.get(line.quote_currency, ZERO) + notional
        self.counted.fill(line, price)

    def _financing(self, line: Financing) -> None:
        """Cash moves; a period that begins before the last one of its key has ended would be booked twice."""
        key = (line.venue, line.kind, line.symbol or line.currency)
        until = self.financed_until.get(key, line.from_ns)
        if not until <= line.from_ns < line.to_ns:
            found = f"one from {line.from_ns} to {line.to_ns}"
            raise _corrupt("FINANCED_TWICE", f"a period of {' '.join(key)} from {until} on", found)
        if line.kind not in FINANCING_KINDS:
            raise _corrupt("FINANCING_KIND", f"one of {', '.join(sorted(FINANCING_KINDS))}", line.kind)
        self.financed_until[key] = line.to_ns
        self.keeper.apply_financing(venue=line.venue, kind=line.kind, currency=line.currency, amount=amount(line.amount))
        self.financing_count += 1
        self.last_booked_line = self.log_line
        if line.symbol is not None and line.price is not None:
            self.last_marks[line.symbol] = amount(line.price)

    def _transfer(self, line: Transfer) -> None:
        """Cash moves, once for each of the venue's ids."""
        key = (line.venue, line.kind, line.transfer_id)
        if key in self.transfer_keys:
            raise _corrupt("TRANSFER_TWICE", "one line for each deposit and withdrawal", f"a second one of {' '.join(key)}")
        moved, base, fee = amount(line.amount), amount(line.amount_base), amount(line.fee)
        if line.kind not in TRANSFER_KINDS or not moved or (moved > 0) is not (line.kind == TRANSFER_KINDS[0]) or fee < 0:
            found = f"{line.kind} of {line.amount}, fee {line.fee}"
            raise _corrupt("TRANSFER_AMOUNT", "a deposit above 0 or a withdrawal below 0", found)
        if base and (base > 0) is not (moved > 0):
            raise _corrupt("TRANSFER_AMOUNT", "amounts of one sign", f"{line.amount} worth {line.amount_base}")
        price = None if line.price is None else amount(line.price)
        if (line.symbol is None) is not (price is None) or (price is not None and price <= 0):
            found = f"symbol {line.symbol}, price {line.price}"
            raise _corrupt("TRANSFER_AMOUNT", "a price above 0 with the symbol of a coin that is traded, neither for cash", found)
        self.transfer_keys.add(key)
        self.keeper.apply_transfer(venue=line.venue, currency=line.currency, amount=moved, symbol=line.symbol)
        if line.symbol is not None and price is not None:
            self.marks[line.symbol] = (price, line.ts_ns)
            self.last_marks[line.symbol] = price
        self.last_booked_line = self.log_line

    def _finish(self, client_order_id: str, outcome: str) -> None:
        if self.open_orders.pop(client_order_id, None) is not None:
            self.finished[client_order_id] = outcome


# Nearly all lines of a log are of these types: found by type, not one after the other.
_OF_AN_ORDER: Final[dict[type, Callable[[LogFold, Any], None]]] = {
    Fill: LogFold._fill,
    Intent: LogFold._intent,
    Send: LogFold._send,
    Received: LogFold._received,
    Ack: LogFold._ack,
    UnknownOutcome: LogFold._unknown,
}


def check_passed(line: AnyLine, raw: bytes, *, number: int, run: RunStart | None) -> RunStart | None:
    """Hold a line of `PASSED_OVER` against its number and `run`, which began last, or note one that begins; return the last run.

    Raises `RecordCorrupt` LOG_SEQ, RUN_MIXED, BUNDLE_MIXED, and LOG_LINE of a denial that is not spelled as `DENIES`.
    """
    if isinstance(line, VerdictLine) and line.outcome == "DENY" and DENIES not in raw:
        raise _corrupt("LOG_LINE", f"a denial spelled {DENIES.decode()}", "another spelling of it")
    if line.seq != number:
        raise _corrupt("LOG_SEQ", f"seq {number}", f"seq {line.seq}")
    if isinstance(line, RunStart):
        return line
    if run is not None and run.bundle_sha256 is not None and line.run_id != run.run_id and type(line) in OF_A_BUNDLE:
        raise _corrupt("RUN_MIXED", f"a line of run {run.run_id}, which began last", f"one of run {line.run_id[:80]!r}")
    if isinstance(line, VerdictLine | PlanLineRecord):
        _name_the_bundle(line, run)
    return run


def _name_the_bundle(line: Fill | Intent | PlanLineRecord | VerdictLine, run: RunStart | None) -> None:
    """Hold a line that names its bundle to that of the run. Raises `RecordCorrupt` BUNDLE_MIXED."""
    if line.bundle_sha256 is not None and (run is None or line.bundle_sha256 != run.bundle_sha256):
        held = "no run" if run is None else run.bundle_sha256
        raise _corrupt("BUNDLE_MIXED", f"a line of bundle {held}, its run's", f"one of {line.bundle_sha256[:80]!r}")


def amount(text: str) -> Decimal:
    """Return the Decimal in `text`: finite, at most `DIGITS_MAX` digits. Raises `RecordCorrupt` LOG_NUMBER."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if (
        not value.is_finite()
        or not -DIGITS_MAX <= value.adjusted() <= DIGITS_MAX
        or (len(text) > DIGITS_MAX and len(value.as_tuple().digits) > DIGITS_MAX)
    ):
        raise _corrupt("LOG_NUMBER", f"a finite decimal of at most {DIGITS_MAX} digits", repr(text[:60]))
    return value


def _corrupt(code: str, expected: str, found: str) -> RecordCorrupt:
    return RecordCorrupt(
        code, expected=expected, found=found, action="Change nothing and keep a copy of the log; a person must look."
    )
