"""Lines of `execution_logs.jsonl`, version 1: one JSON object a line, one line an event, told apart by `type`.

Decimals are strings, nanoseconds integers. `ts_ns` is real time (UTC), `market_ns` the same instant in market time: equal
to `ts_ns` unless a replay shifts or speeds it (`RunStart.market_*`). `seq` counts lines of the log from 1 without gaps.
Fields are documented in `data/README.md`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orders.values import Side

LOG_VERSION: Final = 1


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """What every line carries. The writer sets `seq`; a record is made with `seq=0`."""

    v: int = LOG_VERSION
    seq: int = 0
    ts_ns: int
    market_ns: int
    run_id: str


class RunStart(Line, frozen=True, kw_only=True, gc=False, tag="run_start"):
    """A process began. Market time of an instant t is `market_epoch_ns + (t - real_epoch_ns) * market_speed`."""

    sluice_version: str
    environment: str
    kind: str  # "shadow", "backtest", "live", "twin"
    config_sha256: str
    limits_sha256: str
    market_limits_sha256: str
    assumptions_sha256: str
    assumptions: Mapping[str, Any]
    data_source: str
    synthetic: Sequence[str]  # what of the inputs is not real, in words
    real_epoch_ns: int
    market_epoch_ns: int
    market_speed: int
    starting_cash: Mapping[str, Mapping[str, str]] | None  # venue -> currency -> amount; only on the first line of a log
    durable: bool  # false: a backtest that skips fdatasync
    base_currency: str
    hours_sha256: str | None = None  # of the market hours files; None: hours are not judged
    volumes_sha256: str | None = None  # of the volumes files; None: there are none
    inputs_sha256: str | None = None  # of the list of inputs so far (`lakehouse.run_inputs`); None: they were not kept
    bundle_sha256: str | None = None  # of all it depends on, for every line of its run_id; None: an older run


class RunStop(Line, frozen=True, kw_only=True, gc=False, tag="run_stop"):
    cause: str
    open_orders: int
    inputs_sha256: str | None = None  # of the whole list of inputs; None: they were not kept


class ManifestLine(Line, frozen=True, kw_only=True, gc=False, tag="manifest"):
    """A manifest's bytes were read and judged. Not ACCEPTED: targets is empty and nothing follows from it.

    `failed_checks`: names of the checks that hold the grade down; `ledger_faults`: what is wrong with the run's ledger, by code.
    `approved_by`, `approval_sha256`: whose signed approval was found, and of its bytes; empty where none was asked for.
    """

    manifest_sha256: str | None
    decision: str  # ACCEPTED, HOLD, REFUSED
    code: str
    message: str
    source_run: str | None
    grade: str | None
    run_ledger_head: str | None
    generated_ns: int | None
    written_ns: int | None
    read_ns: int
    regime: str | None
    targets: Mapping[str, str]
    decision_prices: Mapping[str, str]  # symbol -> mid last seen when the manifest was read
    failed_checks: Sequence[str] = ()
    ledger_faults: Sequence[str] = ()
    approved_by: str = ""
    approval_sha256: str = ""


class CycleOpened(Line, frozen=True, kw_only=True, gc=False, tag="cycle"):
    cycle: int
    cause: str  # new_manifest, drift, top_up, operator
    manifest_sha256: str
    request_id: str = ""  # of the flatten that this cycle carries out


class CycleClosed(Line, frozen=True, kw_only=True, gc=False, tag="cycle_end"):
    """Every order of the cycle is terminal, or none was sent.

    `outcome`: done; partial (it left something over): a top-up follows, now or after a restart; superseded (its
    orders go on in the next cycle, as orders in flight); held (no plan could be made)
    or refused (by a control): a restart plans again; interrupted (a kill or a halt cut it off): a restart tops up.
    """

    cycle: int
    manifest_sha256: str
    outcome: str


class PlanLineRecord(Line, frozen=True, kw_only=True, gc=False, tag="plan"):
    """The plan as judged; `plan` is the canonical plan object whose sha256 is `plan_sha256`.

    `regime`: what the Sentinel was told, the worse of the manifest's and the regime log's; null where it was not asked.
    `regime_audit`: what the log said (`lakehouse.regime_audit.RegimeAudit`); null where none is configured.
    """

    cycle: int
    decision: str
    code: str
    message: str
    plan_sha256: str | None
    manifest_sha256: str
    planned_ns: int
    approved_ns: int
    verdicts: Sequence[Mapping[str, Any]]
    plan: Any
    regime: str | None = None
    regime_audit: Mapping[str, Any] | None = None
    bundle_sha256: str | None = None  # of its run's `run_start`; None: an older line


class Skip(Line, frozen=True, kw_only=True, gc=False, tag="skip"):
    """A plan line that is not traded; `text` is "Below Floor" for dust."""

    cycle: int
    line: int
    symbol: str
    reason: str
    text: str
    wanted_quantity: str | None
    notional_base: str


class Intent(Line, frozen=True, kw_only=True, gc=False, tag="intent"):
    """An order Sluice means to send; durable before anything is sent.

    Of a `schedule` other than at_once this order itself is never sent: children are, each with an intent of its own that
    names `parent_client_order_id` and its number `child` from 1 (0: no child). Quantities of children are part of the parent's.
    """

    cycle: int
    line: int
    client_order_id: str
    symbol: str
    instrument_id: str
    venue: str
    side: Side
    quantity: str
    order_kind: str
    limit_price: str | None
    time_in_force: str
    reduce_only: bool
    strategy_id: str
    source_run: str
    manifest_sha256: str
    plan_sha256: str
    decision_price: str | None
    arrival_bid: str
    arrival_ask: str
    arrival_mid: str
    arrival_ns: int
    planned_ns: int
    approved_ns: int
    forecast_fee_base: str
    schedule: str = "at_once"
    parent_client_order_id: str | None = None
    child: int = 0
    attribution: Mapping[str, str] = {}  # winner (engine/profile) -> signed weight; they sum to the line's target
    bundle_sha256: str | None = None  # of its run's `run_start`; None: an older line


class VerdictLine(Line, frozen=True, kw_only=True, gc=False, tag="verdict"):
    """The gate's answer to one order: all controls that were asked; outcome DENY means it never left."""

    client_order_id: str
    symbol: str
    outcome: str
    code: str
    verdicts: Sequence[Sequence[str]]  # [control, outcome, observed, limit]
    limits_sha256: str
    bundle_sha256: str | None = None  # of its run's `run_start`; None: an older line


class Send(Line, frozen=True, kw_only=True, gc=False, tag="send"):
    """A send attempt; durable before the wire. `received` lines say that the simulated venue has it."""

    client_order_id: str
    symbol: str
    venue: str
    account: str
    action: str  # submit, cancel, modify
    quantity: str
    armed_base: str | None = None  # what a submit takes of the armed amount, None where nothing is armed
    armed_day: int | None = None  # of that UTC day's, counted from 1970: the one on which it passed the gate


class Received(Line, frozen=True, kw_only=True, gc=False, tag="received"):
    """The simulated venue's own line: the order is on its side, due at `due_ns`. After a restart it is queued again."""

    client_order_id: str
    venue: str
    due_ns: int


class Ack(Line, frozen=True, kw_only=True, gc=False, tag="ack"):
    client_order_id: str
    venue_order_id: str
    venue: str
    account: str
    event_ns: int


class Reject(Line, frozen=True, kw_only=True, gc=False, tag="reject"):
    """`by`: sentinel (gate or client lock), risk_engine (Nautilus) or venue."""

    client_order_id: str
    symbol: str
    by: str
    code: str
    message: str


class UnknownOutcome(Line, frozen=True, kw_only=True, gc=False, tag="unknown"):
    client_order_id: str
    venue: str
    message: str


class CancelLine(Line, frozen=True, kw_only=True, gc=False, tag="cancel"):
    """The rest of an order is gone: cancelled or expired."""

    client_order_id: str
    venue: str
    cause: str
    filled_quantity: str


class Fill(Line, frozen=True, kw_only=True, gc=False, tag="fill"):
    """One execution, keyed by (venue, account, symbol, trade_id). Positions move by these lines only; cash by financing
    and transfers too.

    `attribution`: winner (engine/profile) -> its units of this fill, which sum to `quantity` exactly; negative where its own
    trade was crossed inside (`orders.attribution.split_amount`). Empty where nobody's target is behind it.
    Latency stages as instants: manifest_written, manifest_read, planned, approved, intent_durable, sent, acked, event.
    """

    client_order_id: str
    venue_order_id: str
    trade_id: str
    venue: str
    account: str
    symbol: str
    instrument_id: str
    side: Side
    quantity: str
    price: str
    multiplier: str
    notional_quote: str
    quote_currency: str
    base_currency: str | None
    fee: str
    fee_currency: str
    liquidity: str  # maker, taker
    order_kind: str
    order_quantity: str
    filled_quantity: str  # of the order, after this fill
    strategy_id: str
    cycle: int
    line: int
    source_run: str
    run_ledger_head: str | None
    manifest_sha256: str
    plan_sha256: str
    config_sha256: str
    limits_sha256: str
    market_limits_sha256: str
    assumptions_sha256: str
    environment: str
    decision_price: str | None
    arrival_bid: str
    arrival_ask: str
    arrival_mid: str
    arrival_ns: int
    fill_bid: str | None  # book at the fill
    fill_ask: str | None
    manifest_written_ns: int | None
    manifest_read_ns: int
    planned_ns: int
    approved_ns: int
    intent_durable_ns: int
    sent_ns: int
    acked_ns: int | None
    event_ns: int
    attribution: Mapping[str, str] = {}
    bundle_sha256: str | None = None  # of its run's `run_start`; None: an older line


class Financing(Line, frozen=True, kw_only=True, gc=False, tag="financing"):
    """Borrow, funding or interest of one period, keyed by (venue, kind, symbol or currency): periods of a key never overlap.

    Cash of `currency` moves by `amount`. `basis` x `rate` is for a year of `day_count`; of funding, which has none, for the
    period.
    """

    kind: str  # borrow, funding, interest
    venue: str
    account: str
    currency: str
    symbol: str | None  # None: interest
    amount: str  # above 0 is credited
    rate: str
    basis: str  # cash, or signed market value, in currency
    quantity: str | None  # signed units
    price: str | None  # the mark
    day_count: str | None
    from_ns: int  # market time
    to_ns: int
    assumptions_sha256: str


class Transfer(Line, frozen=True, kw_only=True, gc=False, tag="transfer"):
    """A deposit or withdrawal that the venue has confirmed or a person handed over, keyed by (venue, kind, transfer_id): cash
    moves by `amount`, once; of a traded coin or share the position in `symbol` does, valued at `price`.

    It is capital, neither cost nor result: what equity is held against moves by `amount_base` with it.
    """

    kind: str  # deposit, withdrawal
    venue: str
    account: str
    transfer_id: str  # the venue's own
    currency: str
    amount: str  # above 0 came, below 0 went, with its fee
    fee: str  # in currency, of the amount; 0 for none
    amount_base: str  # amount in base currency when it was booked
    event_ns: int  # when the venue says it was done
    symbol: str | None = None  # whose position it is; None: cash
    price: str | None = None  # of one unit in the symbol's quote currency, the middle of the venue's touch when it was booked
    statement_sha256: str | None = None  # of the handoff in `Layout.promotions` it was booked by; None: the venue confirmed it


class FlattenLine(Line, frozen=True, kw_only=True, gc=False, tag="flatten"):
    """A person's flatten, told twice: `stage` taken (the request is used up; durable before anything is done) and ended.

    `symbols` empty: all; `venue` None: all. `manifest_sha256`: the manifest in force, which counts as withdrawn from here on
    for what is named; None: there is none. `plan_sha256`: of the plan the person saw. `outcome` of an end: flat; incomplete
    (`message` says what stays and why); halted. Empty while taken.
    """

    request_id: str
    stage: str
    by: str
    reason: str
    symbols: Sequence[str]
    venue: str | None
    manifest_sha256: str | None
    plan_sha256: str
    created_ns: int
    expires_ns: int
    outcome: str = ""
    message: str = ""


class OverrideUsed(Line, frozen=True, kw_only=True, gc=False, tag="override"):
    """A person's signed override let a plan pass; the token is used up. Durable before any order of that plan is sent.

    `lines`: of the plan, by number; `notional_max`: base currency, the most it might open; `signers`: all who signed;
    `envelope_sha256`: of the signed file's bytes.
    """

    token_id: str
    cycle: int
    manifest_sha256: str
    plan_sha256: str
    lines: Sequence[int]
    controls: Sequence[str]
    notional_max: str
    venues: Sequence[str]
    signers: Sequence[str]
    requester: str
    reason: str
    not_before_ns: int
    expires_ns: int
    envelope_sha256: str


class Reconcile(Line, frozen=True, kw_only=True, gc=False, tag="reconcile"):
    outcome: str  # clean, break
    detail: str


class HaltLine(Line, frozen=True, kw_only=True, gc=False, tag="halt"):
    action: str  # halt, resume
    by: str
    reason: str


class DrillLine(Line, frozen=True, kw_only=True, gc=False, tag="drill"):
    """A drill was carried out on a rehearsal venue: evidence for a version of the code. Milliseconds count from the trip.

    `late`: orders that reached the venue after the block; `worked`, `left`: orders that worked there before and after. A time
    that was not reached is null. `flat_ms`: no order works, by the venue's own record; `confirmed_ms`: `sluice halt` has said so.
    Of a crash drill `worked` and `left` are the orders that were at the venue and those that work at its end, without times.
    """

    kind: str  # halt, crash
    outcome: str  # passed, failed
    problems: Sequence[str]
    venue: str
    address: str  # of the rehearsal venue, loopback
    config_sha256: str  # of the config that was rehearsed, its bytes
    sluice_version: str
    source_sha256: str  # of the code (`engine.code_version`)
    lock_sha256: str | None  # of uv.lock; None: not installed from a checkout
    hung: bool  # the engine was stopped before the trip
    engine: str  # absent, answered, killed, not killed; "" where it was not learned
    worked: int
    left: int | None  # None: the venue did not say
    late: int | None
    blocked_ms: int | None
    cancel_ms: int | None
    flat_ms: int | None
    confirmed_ms: int | None
    bound_ms: int | None  # confirmed_ms may be at most so much; None: no bound was given
    kills: int | None = None  # of a crash drill: how often the engine was killed


class PromotionLine(Line, frozen=True, kw_only=True, gc=False, tag="promotion"):
    """A bundle was promoted, stepped, paused, resumed or brought back (`orders.promotion`, which takes no other move).

    `steps`: fractions of capital, ascending to 1; `from_step`, `to_step`: indices into them. `fraction`: of equity that may trade
    afterwards. `previous`: what a rollback brings back afterwards. `by`: a person, or "engine", which has a `code`.
    `evidence_sha256`, `statement_sha256`: of files in `Layout.promotions`; `gates_sha256`: of the gates file's bytes.
    `signers`: who signed the statement. `follows`: sha256 of the bytes of the promotion line before, 64 zeros of the first.
    """

    bundle_sha256: str
    environment: str
    action: str  # promote, step_up, step_down, rollback, pause, resume
    from_state: str | None  # None: it was never promoted here
    to_state: str  # candidate, shadow, canary, live, retired
    from_step: int
    to_step: int
    steps: tuple[str, ...]
    fraction: str
    previous: str | None
    by: str
    reason: str
    code: str | None  # of what the engine does; None: a person did it
    evidence_sha256: str | None
    gates_sha256: str | None
    statement_sha256: str | None
    signers: tuple[str, ...]
    follows: str


class EquityLine(Line, frozen=True, kw_only=True, gc=False, tag="equity"):
    """The book was valued. `day` counts UTC days of market time since 1970; amounts in base currency.

    `mode`: OPEN; CLOSE_ONLY: a loss limit is passed, only reducing orders may go.
    """

    equity_base: str
    day: int
    day_start_base: str
    peak_base: str
    mode: str


class SwitchLine(Line, frozen=True, kw_only=True, gc=False, tag="switch"):
    """A symbol was disabled for a strategy's orders, by a control, or enabled again by a named person."""

    action: str  # disable, enable
    symbol: str
    by: str
    reason: str


class TwinStart(Line, frozen=True, kw_only=True, gc=False, tag="twin_start"):
    """A twin begins to follow a live run's log, or goes on after it was stopped; the first line of each of its runs but one.

    `live_log_sha256`: of that log's first line, by which it is known again. `live_line`: orders sent after this line of it are
    followed; the same in every start of a twin's log.
    """

    live_directory: str
    live_environment: str
    live_run_id: str
    live_bundle_sha256: str | None
    live_log_sha256: str
    live_line: int


class TwinLine(Line, frozen=True, kw_only=True, gc=False, tag="twin"):
    """An order of the live run has ended there and at its twin: how far the two lie apart (`orders.twin`), once for each id.

    `compared` false: `code` says why not, `message` in words, and every divergence is null. `missing`: what of a compared order
    could not be compared, by code. `live_line`: of the live log, where the order ended. `late_ms`: how long after it was due
    there the order came to the simulated venue; null where it did not. `live_unknown`: nobody knew for a while what had become of
    it at the venue.
    """

    client_order_id: str
    parent_client_order_id: str | None
    symbol: str
    venue: str
    side: Side
    quantity: str
    order_kind: str
    live_run_id: str
    live_line: int
    planned_ns: int
    sent_ns: int  # of the live run's send line
    late_ms: str | None
    live_outcome: str
    twin_outcome: str
    live_filled_quantity: str
    twin_filled_quantity: str
    live_average_price: str | None
    twin_average_price: str | None
    live_first_fill_ns: int | None
    live_last_fill_ns: int | None
    twin_first_fill_ns: int | None
    twin_last_fill_ns: int | None
    live_fill_ratio: str
    twin_fill_ratio: str
    price_bps: str | None  # above 0: live paid more, or got less
    first_fill_ms: str | None  # live less twin
    last_fill_ms: str | None
    fill_ratio: str | None  # live less twin
    notional_base: str | None  # of what live filled, in base currency; null where no rate held
    live_unknown: bool
    compared: bool
    code: str
    message: str
    missing: Sequence[str]


class Alarm(Line, frozen=True, kw_only=True, gc=False, tag="alarm"):
    code: str
    message: str


class Recovery(Line, frozen=True, kw_only=True, gc=False, tag="recovery"):
    """Opening the journal mended what a killed process left.

    `cause`: TORN_LOG, TORN_LEDGER (a torn last line was cut, its `bytes_cut` bytes are saved in the file `saved_as`) or
    LEDGER_BEHIND (`records` ledger records were missing and have been appended; nothing was cut, `saved_as` is null).
    """

    cause: str = "TORN_LOG"
    saved_as: str | None
    bytes_cut: int
    records: int = 0


class SegmentLine(Line, frozen=True, kw_only=True, gc=False, tag="segment"):
    """First line of every file of the log but the first: what was closed before it (`lakehouse.segments`).

    `number`: of the segment that begins here, from 2. `lines`: of the log before this one; `log_sha256`: over all their bytes,
    newlines included. `ledger_lines`, `ledger_root`: of the ledger before its record of this line, which were signed.
    """

    number: int
    lines: int
    log_sha256: str
    ledger_lines: int
    ledger_root: str


AnyLine = (
    RunStart | RunStop | ManifestLine | CycleOpened | CycleClosed | PlanLineRecord | Skip | Intent | VerdictLine | Send | Received
    | Ack | Reject | UnknownOutcome | CancelLine | Fill | Financing | Transfer | FlattenLine | OverrideUsed | Reconcile
    | HaltLine | DrillLine | PromotionLine | EquityLine | SwitchLine | TwinStart | TwinLine | Alarm | Recovery | SegmentLine
)  # fmt: skip
