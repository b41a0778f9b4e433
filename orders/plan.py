"""What the planner says and what the Sentinel answers: plans, lines, verdicts, approvals. Values only.

The planner is `strategies.planner`, the judge `sentinel.guard`, the door `engine.gate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from orders.book import Book
from orders.canonical import decimal_text, plain, sha256_hex
from orders.values import AccountKind, FeeSchedule, Listing, MarketLimits, OrderKind, Quote, Rate, Record, Side

_sorted_json: Final = msgspec.json.Encoder(order="sorted")


class Decision(StrEnum):
    """PLAN: lines may trade. HOLD: nothing is traded, the last targets stand. REFUSED: this input must not trade."""

    PLAN = "PLAN"
    HOLD = "HOLD"
    REFUSED = "REFUSED"


class Reason(StrEnum):
    """Why a plan line trades or does not."""

    TRADE = "TRADE"
    SCALED_TO_CASH = "SCALED_TO_CASH"  # trades, but less than wanted: the common factor
    ON_TARGET = "ON_TARGET"
    WITHIN_BAND = "WITHIN_BAND"
    BELOW_FLOOR = "BELOW_FLOOR"  # logged as "Below Floor"
    ABOVE_MAX_QUANTITY = "ABOVE_MAX_QUANTITY"
    NO_PRICE = "NO_PRICE"
    PRICE_STALE = "PRICE_STALE"
    PRICE_CROSSED = "PRICE_CROSSED"
    NO_LIMITS = "NO_LIMITS"
    NOT_LISTED = "NOT_LISTED"
    NO_RATE = "NO_RATE"
    REFUSED_SHORT = "REFUSED_SHORT"
    KEPT = "KEPT"  # held, not named by the manifest, policy keep
    IN_FLIGHT = "IN_FLIGHT"  # an open order works on this symbol
    OFF_STEP = "OFF_STEP"  # a single order's quantity is not a multiple of the step; never floored for the caller
    OFF_TICK = "OFF_TICK"  # a single order's limit price is not a multiple of the tick
    NO_CASH = "NO_CASH"  # scaled below the floor


TRADING_REASONS = frozenset({Reason.TRADE, Reason.SCALED_TO_CASH})


class UnnamedPositions(StrEnum):
    """What happens to a held instrument the manifest does not name."""

    CLOSE = "close"
    KEEP = "keep"


class PlanPolicy(Record, frozen=True, kw_only=True):
    """`cash_buffer_fraction` of equity is never spent, 0 <= x < 1; `drift_band_fraction` of equity is left alone, 0 <= x < 1."""

    base_currency: str
    cash_buffer_fraction: Decimal
    drift_band_fraction: Decimal
    price_age_max_ns: int
    unnamed_positions: UnnamedPositions


class OpenOrder(Record, frozen=True, kw_only=True):
    """An order that may still fill; `leaves_quantity` > 0 units."""

    client_order_id: str
    symbol: str
    side: Side
    leaves_quantity: Decimal


class PlanInputs(Record, frozen=True, kw_only=True):
    """Everything a plan depends on. `now_ns` is on the time scale of the quotes; it judges ages and is not in the plan.

    `targets`: symbol -> signed net weight, a fraction of equity. `accounts`, `fees`: by venue.
    `rates`: by currency, to base currency; base itself needs none.
    """

    environment: str
    manifest_sha256: str
    source_run: str
    cycle: int
    targets: Mapping[str, Decimal]
    book: Book
    open_orders: tuple[OpenOrder, ...]
    quotes: Mapping[str, Quote]
    limits: Mapping[str, MarketLimits]
    listings: Mapping[str, Listing]
    accounts: Mapping[str, AccountKind]
    fees: Mapping[str, FeeSchedule]
    rates: Mapping[str, Rate]
    policy: PlanPolicy
    now_ns: int


class PlanLine(Record, frozen=True, kw_only=True, gc=False):
    """One target or held instrument. `quantity` > 0 exactly when `reason` trades; weights are fractions of equity, signed.

    `wanted_quantity` is signed, of this cycle's leg, before flooring to the step (cut six places below the step); `bid`,
    `ask` None when there is no usable price, `instrument_id` None when the symbol is not listed. `unit_value_base`: base
    currency for one unit at price 1 (multiplier x rate). `notional_base` and `fee_base` are at the far touch (buys at ask,
    sells at bid), of a LIMIT line at its `limit_price`; where the line does not trade for its size, they are of what is not
    sent. `limit_price`: quote currency, None for MARKET.
    """

    line: int
    symbol: str
    venue: str | None
    instrument_id: str | None
    side: Side | None
    quantity: Decimal
    order_kind: OrderKind
    reason: Reason
    detail: str
    target_weight: Decimal
    held_weight: Decimal | None
    held_quantity: Decimal
    wanted_quantity: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    unit_value_base: Decimal | None
    notional_base: Decimal
    fee_base: Decimal
    limit_price: Decimal | None = None

    @property
    def trades(self) -> bool:
        return self.reason in TRADING_REASONS


class Plan(Record, frozen=True, kw_only=True):
    """The whole plan, sells first. No clock in it: the only times are those of its inputs (`prices_ns`: newest quote used).

    Exposures are fractions of equity on the book after all trading lines filled at mid, fees left out. `turnover`: sum of
    traded notionals at mid / equity. `tracking_error_bps`: half the sum of |weight after - target weight|, 10,000 = equity
    (no covariances). `forecast_cost_bps`: taker fees and half spreads, of the traded notional at mid. `scale_factor`: what
    the buys of cash accounts were multiplied by, 1 when cash was enough, cut to 12 places. Fractions are rounded half-even
    to 12 places, bps to 6; amounts are exact.
    """

    version: int
    environment: str
    manifest_sha256: str
    source_run: str
    cycle: int
    base_currency: str
    equity_base: Decimal
    cash_base: Decimal
    scale_factor: Decimal
    gross_before: Decimal
    net_before: Decimal
    gross_after: Decimal
    net_after: Decimal
    turnover: Decimal
    tracking_error_bps: Decimal
    forecast_cost_bps: Decimal
    prices_ns: int
    lines: tuple[PlanLine, ...]


class Held(Record, frozen=True, kw_only=True):
    """No plan: the book cannot be valued (a price, rate or limit of a held instrument is missing or stale)."""

    code: str
    message: str


class Outcome(StrEnum):
    """A control's answer. RESIZE is a verdict on plans; at the gate too large is DENY."""

    ALLOW = "ALLOW"
    RESIZE = "RESIZE"
    DENY = "DENY"
    NEEDS_OVERRIDE = "NEEDS_OVERRIDE"


class Verdict(Record, frozen=True, kw_only=True, gc=False):
    """One control's answer: what was seen against which limit, both with their unit in words. `line` 0 is the whole plan."""

    control: str
    outcome: Outcome
    observed: str
    limit: str
    line: int = 0


class Approval(Record, frozen=True, kw_only=True, gc=False):
    """Leave for one order: made by `sentinel.guard` only. The gate compares what comes with it and uses it once.

    `reference_price` is the far touch the plan was judged on, in quote currency; `unit_value_base` turns quantity x price
    into base currency.
    """

    client_order_id: str
    environment: str
    manifest_sha256: str
    plan_sha256: str
    cycle: int
    line: int
    symbol: str
    instrument_id: str
    venue: str
    side: Side
    quantity: Decimal
    order_kind: OrderKind
    limit_price: Decimal | None
    reduce_only: bool
    reference_price: Decimal
    unit_value_base: Decimal
    reduces: bool  # brings a position toward zero: such orders go first and fund the others


class Judgement(Record, frozen=True, kw_only=True):
    """The Sentinel's answer to a plan: its verdicts, and an approval for each trading line that nothing denies.

    `code` is empty when the decision is PLAN, else the control's id. A control that passes has one verdict, for the line
    nearest its limit. `must_halt`: a control broke; trading stops until a person looked. `plan_sha256` None: not computed.
    """

    decision: Decision
    code: str
    message: str
    verdicts: tuple[Verdict, ...]
    approvals: tuple[Approval, ...]
    limits_sha256: str
    plan_sha256: str | None
    must_halt: bool = False


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON types of the canonical subset: the object in the log line, equal to `plain(plan)`."""
    document: dict[str, Any] = {}
    for name in plan.__struct_fields__:
        if name != "lines":
            document[name] = plain(getattr(plan, name))
    document["lines"] = [_line_document(line) for line in plan.lines]
    return document


def _line_document(line: PlanLine) -> dict[str, Any]:
    """`plain(line)` written out: a rebalance has thousands of lines."""
    text = decimal_text
    return {
        "line": line.line,
        "symbol": line.symbol,
        "venue": line.venue,
        "instrument_id": line.instrument_id,
        "side": None if line.side is None else line.side.value,
        "quantity": text(line.quantity),
        "order_kind": line.order_kind.value,
        "reason": line.reason.value,
        "detail": line.detail,
        "target_weight": text(line.target_weight),
        "held_weight": None if line.held_weight is None else text(line.held_weight),
        "held_quantity": text(line.held_quantity),
        "wanted_quantity": None if line.wanted_quantity is None else text(line.wanted_quantity),
        "bid": None if line.bid is None else text(line.bid),
        "ask": None if line.ask is None else text(line.ask),
        "unit_value_base": None if line.unit_value_base is None else text(line.unit_value_base),
        "notional_base": text(line.notional_base),
        "fee_base": text(line.fee_base),
        "limit_price": None if line.limit_price is None else text(line.limit_price),
    }


def plan_sha256(plan: Plan) -> str:
    """Return the sha256 hex of the plan's canonical bytes."""
    return document_sha256(plan_document(plan))


def document_sha256(document: Mapping[str, Any]) -> str:
    """Return the sha256 hex of the canonical bytes of a document that is plain already (`plan_document`)."""
    try:
        raw = _sorted_json.encode(document)
        if raw.isascii() and b"\x7f" not in raw:  # canonical JSON escapes other text
            return sha256_hex(raw)
    except UnicodeEncodeError:
        pass
    return sha256_hex(json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
