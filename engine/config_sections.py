"""The tables of a run config, as they stand in the TOML file: names, units, bounds."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import model_validator

from engine.config_policy import PolicySection as PolicySection
from engine.config_values import (
    FRACTION_HINT,
    AgeMs,
    Bps,
    Currency,
    DelayMs,
    FilePath,
    Flag,
    FractionAboveZero,
    FractionBelowOne,
    FractionOrOff,
    Instant,
    Name,
    NotNegative,
    Positive,
    Section,
    Zone,
    matching,
    member,
    number,
    one_of,
    whole,
)
from lakehouse.returns_check import ReturnsCheck
from lakehouse.shape import Shape
from orders.assumptions import FillAt, FillRule
from orders.caveats import Caveat
from orders.financing import DayCount
from orders.schedule import CHILD_ORDERS_MAX, ScheduleKind
from orders.values import AccountKind, Grade
from sentinel.limits import MESSAGES_PER_S_MAX, REPEATS_MAX

WinnerKey = Annotated[
    str, matching(re.compile(r"rank:[1-9][0-9]{0,8}|[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.-]{1,64}"), "a winner such as rank:1")
]
Symbol = Annotated[str, matching(re.compile(r"[A-Z0-9_]{1,32}:[A-Za-z0-9._!-]{1,64}"), "a symbol such as NASDAQ:AAPL")]
BORROWER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}|[A-Z0-9_]{1,32}:[A-Za-z0-9._!-]{1,64}")
GradeName = Annotated[Grade, member(Grade)]
CaveatWords = Annotated[str, matching(re.compile(r"[^\0-\x1f\x7f]{1,300}"), "a line of words, 300 characters at most")]
LIVE_KINDS: Final = ("ccxt", "ibkr")
LIVE_DATA: Final = {
    "path": "-",
    "synthetic_spread_bps": "0",
    "start": date(1970, 1, 1),
    "end": date(9999, 12, 31),
    "market_speed": 1,
}


class LakehouseSection(Section):
    """Where manifests come from and when one is too old. Ages are judged in market time. `manifest_also`: other places it may
    appear at, the newest counts. `returns_check`: how much the manifest's returns hash must prove, `returns_file` the table for
    it (None: the run's own). `regime_audit`: the platform's regime log, whose freshest line counts beside the manifest's regime;
    None: not configured, it says nothing. `drift_csv`: the drift monitor's list, shown beside a plan and never traded; None: no
    advice. The other `drift_` keys are fractions of equity: the least drift it lists, and the levels of the alert.
    `rotate_above_mb`: at a start of a shadow or live run a log or ledger of more MiB is closed into a segment; None: never.
    """

    directory: FilePath
    manifest: FilePath
    manifest_root: FilePath
    runs_directory: FilePath
    zone: Zone
    manifest_age_max_h: Annotated[int, whole(at_least=1, at_most=87_600)]
    future_skew_max_s: Annotated[int, whole(at_least=0, at_most=86_400)]
    poll_interval_ms: Annotated[int, whole(at_least=10, at_most=3_600_000)]
    manifest_size_max_bytes: Annotated[int, whole(at_least=1_000, at_most=100_000_000)]
    provenance_min: GradeName
    shapes_allowed: list[Annotated[Shape, member(Shape)]]
    manifest_also: list[FilePath] = []  # noqa: RUF012 - pydantic copies it
    returns_check: Annotated[ReturnsCheck, member(ReturnsCheck)] = ReturnsCheck.NOTED
    returns_file: FilePath | None = None
    regime_audit: FilePath | None = None
    regime_audit_age_max_h: Annotated[int | None, whole(at_least=1, at_most=87_600)] = None
    drift_csv: FilePath | None = None
    drift_min_trade_fraction: FractionAboveZero = Decimal("0.01")
    drift_rebalance_turnover: FractionAboveZero = Decimal("0.10")
    drift_urgent_turnover: FractionAboveZero = Decimal("0.20")
    drift_urgent_drift: FractionAboveZero = Decimal("0.075")
    rotate_above_mb: Annotated[int | None, whole(at_least=1, at_most=1_000_000)] = None

    @property
    def rotate_above_bytes(self) -> int | None:
        """Return `rotate_above_mb` in bytes."""
        return None if self.rotate_above_mb is None else self.rotate_above_mb << 20


class CapitalSection(Section):
    """What is traded with: fractions of equity by winner, and the cash of a first start by venue and currency."""

    base_currency: Currency
    winners: dict[WinnerKey, FractionAboveZero]
    starting_cash: dict[Name, dict[Currency, NotNegative]]


class ScheduleSection(Section):
    """One execution schedule. Durations in market time; which keys a kind needs is in `orders.schedule`, the rest may not stand.

    `catalog` of vwap: a Nautilus catalog with bars, cut into buckets of `bucket_s`.
    """

    kind: Annotated[ScheduleKind, member(ScheduleKind)]
    duration_s: Annotated[int | None, whole(at_least=1, at_most=86_400)] = None
    timeout_s: Annotated[int | None, whole(at_least=1, at_most=86_400)] = None
    slices: Annotated[int | None, whole(at_least=1, at_most=CHILD_ORDERS_MAX)] = None
    participation_max: FractionAboveZero | None = None
    randomize: Flag = False
    catalog: FilePath | None = None
    bucket_s: Annotated[int | None, whole(at_least=60, at_most=86_400)] = None


class SentinelSection(Section):
    """The guard's limits (`sentinel.limits`); exposures and leverages are fractions of equity.

    `equity_interval_s`: market time between two valuations of the book. `adv_fraction_max` "off": no volume is asked for.
    """

    max_leverage: Positive
    max_asset_exposure: Positive
    max_order_value_base: Positive
    price_collar_fraction: FractionAboveZero
    price_age_max_ms: AgeMs
    reference_age_max_ms: AgeMs
    gross_weight_min: NotNegative
    gross_weight_max: Positive
    hhi_max: Annotated[Decimal, number(above="0", hint="1 is everything in one asset; gross above 1 can exceed it")]
    turnover_max: Positive
    crisis_net_long_max: NotNegative
    turbulent_gross_fraction: Annotated[Decimal, number(at_least="0", at_most="1", hint=FRACTION_HINT)]
    duplicate_window_s: Annotated[int, whole(at_least=0, at_most=86_400 * 7)]
    provenance_min: GradeName
    max_leverage_net: Positive
    equity_interval_s: Annotated[int, whole(at_least=1, at_most=86_400)]
    equity_age_max_ms: AgeMs
    max_order_units: Positive
    adv_fraction_max: FractionOrOff
    messages_per_s_max: Annotated[int, whole(at_least=1, at_most=MESSAGES_PER_S_MAX)]
    messages_per_day_max: Annotated[int, whole(at_least=1, at_most=100_000_000)]
    repeats_max: Annotated[int, whole(at_least=1, at_most=REPEATS_MAX)]
    repeats_window_s: Annotated[int, whole(at_least=1, at_most=86_400 * 366)]
    day_loss_max_fraction: FractionAboveZero
    drawdown_max_fraction: FractionAboveZero
    spread_max_fraction: FractionAboveZero
    jump_max_fraction: FractionAboveZero
    jump_age_max_ms: AgeMs
    jump_confirm_s: Annotated[int, whole(at_least=0, at_most=86_400)] = 0
    fill_drift_max_fraction: FractionAboveZero
    fill_drift_window_s: Annotated[int, whole(at_least=1, at_most=86_400 * 7)]
    day_turnover_max: Positive
    allow: dict[Name, list[Symbol]]


class VenueSection(Section):
    """One venue: which adapter serves it, the kind of account, its dated limits, hours and volumes.

    `calendar`: an exchange's, compiled into the file `hours`; "24/7"; or "none": hours are not judged. `volumes` None: not known.
    """

    adapter: Annotated[Literal["simulated"], one_of("simulated", why="no other adapter exists yet")]
    account: Annotated[AccountKind, member(AccountKind)]
    market_limits: FilePath
    calendar: Annotated[
        str, matching(re.compile(r"[A-Za-z0-9][A-Za-z0-9_/-]{0,31}"), 'a calendar such as "XNYS", "24/7" or "none"')
    ]
    hours: FilePath | None = None
    volumes: FilePath | None = None


class FeeSection(Section):
    """Fees as fractions of notional. `base_on_buys`: a spot buy pays in the base asset."""

    maker_fraction: FractionBelowOne
    taker_fraction: FractionBelowOne
    base_on_buys: Flag


class InterestSection(Section):
    """Annual fractions of cash of one currency: earned above zero, paid below it."""

    credit_fraction: FractionBelowOne
    debit_fraction: FractionBelowOne


class FundingSection(Section):
    """Funding of one perpetual: `rate` of notional an interval, above 0 longs pay shorts, or `series`, a dated file of them."""

    rate: Annotated[Decimal | None, number(above="-1", below="1", hint=FRACTION_HINT)] = None
    series: FilePath | None = None
    interval_h: Annotated[int, whole(at_least=1, at_most=24)]

    @model_validator(mode="after")
    def _one_source(self) -> FundingSection:
        if (self.rate is None) is (self.series is None):
            raise ValueError("a rate or a series was expected, and not both")
        return self


class FinancingSection(Section):
    """What holding costs and earns; zero is written, never assumed. `borrow`: by venue, or by symbol, which wins."""

    day_count: Annotated[DayCount, member(DayCount)]
    accrue_at: Annotated[str, matching(re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]"), "a local time such as 17:00")]
    zone: Zone
    borrow: dict[Annotated[str, matching(BORROWER, "a venue or a symbol such as NASDAQ:AAPL")], FractionBelowOne]
    interest: dict[Currency, InterestSection]
    funding: dict[Symbol, FundingSection] = {}  # noqa: RUF012 - pydantic copies it


class VenueAssumptionsSection(Section):
    """What one venue is said to do otherwise; what it does not say is as for all."""

    latency_ms: DelayMs | None = None
    jitter_ms: DelayMs | None = None
    slippage_bps: Bps | None = None
    bar_half_spread_bps: Bps | None = None


class ImpactFactsSection(Section):
    """Of one symbol, what its size is measured against."""

    volatility_fraction: FractionBelowOne
    daily_volume: Positive


class ImpactSection(Section):
    """What the size of a market order adds to its slippage: Y sigma sqrt(Q/V)."""

    coefficient: Annotated[Decimal, number(at_least="0", at_most="100", hint="Y is near 1 wherever it was measured")]
    by_symbol: dict[Symbol, ImpactFactsSection]


class AssumptionsSection(Section):
    """What the simulated venue pretends."""

    name: Name
    fill_rule: Annotated[FillRule, member(FillRule)]
    fill_at: Annotated[FillAt, member(FillAt)]
    latency_ms: DelayMs
    jitter_ms: DelayMs
    cancel_latency_ms: DelayMs
    seed: Annotated[int, whole(at_least=0, at_most=2**63 - 1)]
    slippage_bps: Bps
    bar_half_spread_bps: Bps
    own_consumption: Flag
    fees: dict[Name, FeeSection]
    financing: FinancingSection
    by_venue: dict[Name, VenueAssumptionsSection] = {}  # noqa: RUF012 - pydantic copies it
    impact: ImpactSection | None = None


class RateSection(Section):
    """Units of base currency for one unit of a currency, and when that holds."""

    value: Positive
    as_of: Instant
    valid_until: Instant


class AlarmsSection(Section):
    """Where alarms go beside the log: see `engine.alarms.AlarmPolicy`. At least one of `command` and `webhook`."""

    command: list[Annotated[str, matching(re.compile(r"[^\0]{1,1000}"), "a program or an argument")]] = []  # noqa: RUF012 - pydantic copies it
    webhook: Annotated[
        str | None, matching(re.compile(r"https?://[^\s]{1,500}"), "an address such as https://alarms.example/sluice")
    ] = None
    per_minute: Annotated[int, whole(at_least=1, at_most=1_000)]
    timeout_s: Annotated[int, whole(at_least=1, at_most=60)]

    @model_validator(mode="after")
    def _goes_somewhere(self) -> AlarmsSection:
        if not self.command and self.webhook is None:
            raise ValueError("a command or a webhook was expected, there is neither; name one or take [alarms] out")
        return self


class ReplaySection(Section):
    """How much of a run a replay of it may do otherwise; without this table nothing.

    `orders_max_fraction`: of its orders, and of its plan lines; `price_max_bps`: an order's average price.
    """

    orders_max_fraction: Annotated[Decimal, number(at_least="0", at_most="1", hint=FRACTION_HINT)]
    price_max_bps: Bps


class SymbolsSection(Section):
    map: FilePath


class DataSection(Section):
    """Prices to replay, of a file or of a catalog, or live ones: a venue's public streams (kind ccxt), or those of the line to
    Interactive Brokers that the orders of a live run take (kind ibkr, which has no keys).

    `synthetic`: what of the prices is not real, in words. `market_speed` 1 is real time, 86400 a day a second. `manifests`:
    dated manifests a replay installs. Of ccxt only: `exchange` and `stale_ms` (silence after which a stream is subscribed anew),
    `endpoint` (a loopback address instead of the venue).
    Of kind catalog only: `prices` (bars or quotes), `bar` (their length, of bars), `liquidity` (sizes and volumes as recorded, or
    unlimited). `synthetic_spread_bps` opens closes into quotes, where a shadow replays bars.
    `caveats`: what limits a result of these data, by name (`orders.caveats`), in words; None: not stated.
    """

    kind: Annotated[
        Literal["replay_closes", "replay_quotes", "bars", "catalog", "ccxt", "ibkr"],
        one_of("replay_closes", "replay_quotes", "bars", "catalog", "ccxt", "ibkr"),
    ]
    path: FilePath
    synthetic_spread_bps: Bps
    synthetic: Annotated[str | None, matching(re.compile(r"[ -~]{1,300}"), "a line of text")] = None
    start: date
    end: date
    market_speed: Annotated[int, whole(at_least=1, at_most=31_536_000)]
    manifests: FilePath | None = None
    exchange: Annotated[str | None, matching(re.compile(r"[a-z0-9_]{1,32}"), "a ccxt exchange id such as binance")] = None
    endpoint: Annotated[
        str | None, matching(re.compile(r"http://[^/\s]{1,80}/?"), "an address such as http://127.0.0.1:18080")
    ] = None
    stale_ms: Annotated[int | None, whole(at_least=100, at_most=600_000)] = None
    prices: Annotated[Literal["bars", "quotes"] | None, one_of("bars", "quotes")] = None
    bar: Annotated[str | None, matching(re.compile(r"[0-9a-z]{1,8}"), "a bar length such as 1h")] = None
    liquidity: Annotated[Literal["recorded", "unlimited"] | None, one_of("recorded", "unlimited")] = None
    caveats: dict[Annotated[Caveat, member(Caveat)], CaveatWords] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_replay(cls, given: Any) -> Any:
        """Live data has no file, span or speed: they may not be given, and stand here as what they are."""
        if not isinstance(given, dict) or given.get("kind") not in LIVE_KINDS:
            return given
        foreign = sorted(given.keys() & {*LIVE_DATA, "manifests", "prices", "bar", "liquidity"})
        if foreign:
            raise ValueError(
                f"kind {given['kind']} was expected to have no {', '.join(foreign)}; they belong to a replay, remove them"
            )
        return {**given, **LIVE_DATA}

    @property
    def live(self) -> bool:
        """Whether prices come from a market as it is now."""
        return self.kind in LIVE_KINDS


class SnapshotsSection(Section):
    """Files of `sluice plan`; a run writes them."""

    quotes: FilePath
    book: FilePath
    market_limits: FilePath
