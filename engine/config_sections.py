"""The tables of a run config, as they stand in the TOML file: names, units, bounds."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

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
from orders.assumptions import FillAt, FillRule
from orders.plan import UnnamedPositions
from orders.values import AccountKind, Grade

WinnerKey = Annotated[
    str, matching(re.compile(r"rank:[1-9][0-9]{0,8}|[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.-]{1,64}"), "a winner such as rank:1")
]
Symbol = Annotated[str, matching(re.compile(r"[A-Z0-9_]{1,32}:[A-Za-z0-9._!-]{1,64}"), "a symbol such as NASDAQ:AAPL")]
GradeName = Annotated[Grade, member(Grade)]


class LakehouseSection(Section):
    """Where manifests come from and when one is too old. Ages are judged in market time."""

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


class CapitalSection(Section):
    """What is traded with: fractions of equity by winner, and the cash of a first start by venue and currency."""

    base_currency: Currency
    winners: dict[WinnerKey, FractionAboveZero]
    starting_cash: dict[Name, dict[Currency, NotNegative]]


class PolicySection(Section):
    """How targets become a plan. `plan_deadline_s` is data time to wait for prices."""

    cash_buffer_fraction: FractionBelowOne
    drift_band_fraction: FractionBelowOne
    price_age_max_ms: AgeMs
    unnamed_positions: Annotated[UnnamedPositions, member(UnnamedPositions)]
    plan_deadline_s: Annotated[int, whole(at_least=0, at_most=86_400 * 7)]


class SentinelSection(Section):
    """The guard's limits (`sentinel.limits`); exposures and leverages are fractions of equity."""

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
    allow: dict[Name, list[Symbol]]


class VenueSection(Section):
    """One venue: which adapter serves it, the kind of account, and its dated limits."""

    adapter: Annotated[Literal["simulated"], one_of("simulated", why="no other adapter exists yet")]
    account: Annotated[AccountKind, member(AccountKind)]
    market_limits: FilePath


class FeeSection(Section):
    """Fees as fractions of notional. `base_on_buys`: a spot buy pays in the base asset."""

    maker_fraction: FractionBelowOne
    taker_fraction: FractionBelowOne
    base_on_buys: Flag


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


class RateSection(Section):
    """Units of base currency for one unit of a currency, and when that holds."""

    value: Positive
    as_of: Instant
    valid_until: Instant


class SymbolsSection(Section):
    map: FilePath


class DataSection(Section):
    """Prices to replay. `market_speed` 1 is real time, 86400 a day a second. `manifests`: dated manifests a replay installs."""

    kind: Annotated[
        Literal["replay_closes", "replay_quotes", "bars"],
        one_of("replay_closes", "replay_quotes", "bars"),
    ]
    path: FilePath
    synthetic_spread_bps: Bps
    start: date
    end: date
    market_speed: Annotated[int, whole(at_least=1, at_most=31_536_000)]
    manifests: FilePath | None = None


class SnapshotsSection(Section):
    """Files of `sluice plan`; a run writes them."""

    quotes: FilePath
    book: FilePath
    market_limits: FilePath
