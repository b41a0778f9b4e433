"""What the planner says and what the Sentinel answers: plans, lines, verdicts, approvals. Values only.

The planner is `strategies.planner`, the judge `sentinel.guard`, the door `engine.gate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from orders.book import Book
from orders.values import AccountKind, FeeSchedule, Listing, MarketLimits, OrderKind, Quote, Rate, Record, Side


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


class PlanLine(Record, frozen=True, kw_only=True):
    """One target or held instrument. `quantity` > 0 exactly when `reason` trades; weights are fractions of equity, signed.

    `wanted_quantity` is signed and exact (before flooring); `bid`, `ask` None when there is no price.
    """

    line: int
    symbol: str
    venue: str | None
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
    notional_base: Decimal
    fee_base: Decimal

    @property
    def trades(self) -> bool:
        return self.reason in TRADING_REASONS


class Plan(Record, frozen=True, kw_only=True):
    """The whole plan, sells first. No clock in it: the only times are those of its inputs (`prices_ns`: newest quote used).

    Exposures are fractions of equity on the book after all trading lines filled at mid.
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


class Verdict(Record, frozen=True, kw_only=True):
    """One control's answer: what was seen against which limit, both with their unit in words. `line` 0 is the whole plan."""

    control: str
    outcome: Outcome
    observed: str
    limit: str
    line: int = 0


class Approval(Record, frozen=True, kw_only=True):
    """Leave for one order: made by `sentinel.guard` only. The gate compares what comes with it and uses it once.

    `reference_price` is the far touch the plan was judged on, in quote currency.
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


class Judgement(Record, frozen=True, kw_only=True):
    """The Sentinel's answer to a plan: every verdict, and an approval for each trading line when nothing denies."""

    decision: Decision
    code: str
    message: str
    verdicts: tuple[Verdict, ...]
    approvals: tuple[Approval, ...]
    limits_sha256: str
