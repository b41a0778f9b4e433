"""What the planner says and what the Sentinel answers: plans, lines, verdicts, approvals. Values only.

The planner is `strategies.planner`, the judge `sentinel.guard`, the door `engine.gate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import msgspec

from orders.book import Book
from orders.canonical import decimal_text, plain, sha256_hex
from orders.capital import Capital
from orders.costs import TakerTerms
from orders.ids import client_order_id
from orders.policy import Flips as Flips
from orders.policy import InFlight as InFlight
from orders.policy import PlanPolicy as PlanPolicy
from orders.policy import UnnamedPositions as UnnamedPositions
from orders.reasons import TRADING_REASONS as TRADING_REASONS
from orders.reasons import Reason as Reason
from orders.schedule import AT_ONCE
from orders.values import AccountKind, FeeSchedule, Listing, MarketHours, MarketLimits, OrderKind, Quote, Rate, Record, Side

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
NO_SHARES: Final[Mapping[str, Decimal]] = MappingProxyType({})

_sorted_json: Final = msgspec.json.Encoder(order="sorted")


class Decision(StrEnum):
    """PLAN: lines may trade. HOLD: nothing is traded, the last targets stand. REFUSED: this input must not trade."""

    PLAN = "PLAN"
    HOLD = "HOLD"
    REFUSED = "REFUSED"


class OpenOrder(Record, frozen=True, kw_only=True):
    """An order that may still fill; `leaves_quantity` > 0 units."""

    client_order_id: str
    symbol: str
    side: Side
    leaves_quantity: Decimal


class PlanInputs(Record, frozen=True, kw_only=True):
    """Everything a plan depends on. `now_ns` is on the time scale of the quotes; it judges ages and is not in the plan.

    `targets`: symbol -> signed net weight, a fraction of equity. `accounts`, `fees`, `taker_terms`: by venue.
    `rates`: by currency, to base currency; base itself needs none. `shares`: symbol -> winner (engine/profile) -> signed
    fraction of equity, which sum to `targets`; None: not attributed. `hours`: the session of every market traded on; None:
    not judged, a symbol absent from it is refused. `turnover_today`: fraction of equity traded since the day began; None: not
    known, which a daily cap refuses. `cause`: why the cycle was opened. `capital`: of a promoted run, what it may use of equity;
    None: nothing governs it, and it is the whole. `opens_nothing`: what would open or add is left out.
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
    taker_terms: Mapping[str, TakerTerms]
    rates: Mapping[str, Rate]
    policy: PlanPolicy
    now_ns: int
    shares: Mapping[str, Mapping[str, Decimal]] | None = None
    hours: Mapping[str, MarketHours] | None = None
    turnover_today: Decimal | None = None
    cause: str = ""
    capital: Capital | None = None
    opens_nothing: bool = False


class PlanLine(Record, frozen=True, kw_only=True, gc=False):
    """One target or held instrument. `quantity` > 0 exactly when `reason` trades; weights are fractions of equity, signed.

    `wanted_quantity` is signed, of this cycle's leg, before flooring to the step (cut six places below the step); `bid`,
    `ask` None when there is no usable price, `instrument_id` None when the symbol is not listed. `unit_value_base`: base
    currency for one unit at price 1 (multiplier x rate). `notional_base` and `fee_base` are at the far touch (buys at ask,
    sells at bid), of a LIMIT line at its `limit_price`; where the line does not trade for its size, they are of what is not
    sent. `limit_price`: quote currency, None for MARKET. `forecast_price`: what an order is expected to be filled at, by the
    assumptions (`orders.costs.market_price`), or its limit; the fee of a line that trades is at it. None: nothing is sent, or
    an older version planned it.

    `attribution`: winner -> signed weight, which sum to the target weight; empty where the plan is not attributed.
    `crossed_weight` >= 0: what the winners cancel out between themselves, (sum of |w| - |sum of w|) / 2. `after_line`: goes only
    when that line of this plan has filled in full; its held weight and quantity are those after it. `reduce_only`: must not
    take a margin position through zero.
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
    forecast_price: Decimal | None = None
    attribution: Mapping[str, Decimal] = NO_SHARES
    crossed_weight: Decimal = ZERO
    after_line: int | None = None
    reduce_only: bool = False

    @property
    def trades(self) -> bool:
        return self.reason in TRADING_REASONS


class Plan(Record, frozen=True, kw_only=True):
    """The whole plan, sells first. No clock in it: the only times are those of its inputs (`prices_ns`: newest quote used).

    Exposures are fractions of equity on the book after all trading lines filled at mid, fees left out. `turnover`: sum of
    traded notionals at mid / equity. `tracking_error_bps`: half the sum of |weight after - target weight|, 10,000 = equity
    (no covariances). `forecast_cost_bps`: taker fees and
    what lies between mid and forecast prices, of the traded notional at mid. `scale_factor`: what
    the buys of the scarcest cash pot were multiplied by, 1 when cash was enough, cut to 12 places; `turnover_factor` likewise
    what opens or adds, by the turnover caps. `crossed_weight`: exact sum over the lines. `cancels`: client order ids of open
    orders that are in the way, ascending. Where open orders are netted, they count as filled in what is "after". Fractions are
    rounded half-even to 12 places, bps to 6; amounts are exact. `capital_fraction`: what the targets were multiplied by, so that
    weights are of equity all the same; None: nothing governs the run.
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
    cause: str = ""
    crossed_weight: Decimal = ZERO
    turnover_factor: Decimal = ONE
    cancels: tuple[str, ...] = ()
    capital_fraction: Decimal | None = None


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
    """Leave for one order: made by `sentinel.guard` only, a twin's by `sentinel.followed`. The gate compares what comes with it
    and uses it once.

    `reference_price` is the far touch the plan was judged on, in quote currency; `unit_value_base` turns quantity x price
    into base currency. `schedule` other than at once: the order itself is not sent, its children are (`child_id`).
    `capital_fraction`: of a promoted run, the fraction of equity it was judged at.
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
    schedule: str = AT_ONCE
    capital_fraction: Decimal | None = None

    def child_id(self, number: int) -> str:
        """Return the client order id of the child with this number, from 1."""
        assert number >= 1
        return client_order_id(
            environment=self.environment, manifest_sha256=self.manifest_sha256, cycle=self.cycle, line=self.line, child=number
        )


class Judgement(Record, frozen=True, kw_only=True):
    """The Sentinel's answer to a plan: its verdicts, and an approval for each trading line that nothing denies.

    `code` is empty when the decision is PLAN, else the control's id. A control that passes has one verdict, for the line
    nearest its limit. `must_halt`: a control broke; trading stops until a person looked. `plan_sha256` None: not computed.
    `override`: the token id of the override without which nothing would have been approved; "" for none.
    """

    decision: Decision
    code: str
    message: str
    verdicts: tuple[Verdict, ...]
    approvals: tuple[Approval, ...]
    plan_sha256: str | None
    must_halt: bool = False
    override: str = ""


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON types of the canonical subset: the object in the log line, equal to `plain(plan)` but for a
    capital fraction that is not there: a run that nothing governs makes the plans it always made, under the same hashes.
    """
    document: dict[str, Any] = {}
    for name in plan.__struct_fields__:
        if name != "lines" and not (name == "capital_fraction" and plan.capital_fraction is None):
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
        "forecast_price": None if line.forecast_price is None else text(line.forecast_price),
        "attribution": {winner: text(weight) for winner, weight in line.attribution.items()},
        "crossed_weight": text(line.crossed_weight),
        "after_line": line.after_line,
        "reduce_only": line.reduce_only,
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
