"""The [policy] table of a run config: how targets become a plan, when its orders go, and what opens another cycle."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from engine.config_values import (
    AgeMs,
    Flag,
    FractionBelowOne,
    Name,
    NotNegative,
    Positive,
    Section,
    member,
    or_none,
    whole,
)
from orders.policy import Flips, InFlight, PlanPolicy, UnnamedPositions
from orders.schedule import AT_ONCE
from orders.values import AccountKind

if TYPE_CHECKING:
    from engine.config_sections import VenueSection

NS_PER_MS = 1_000_000
WEEK_S = 86_400 * 7


class PolicySection(Section):
    """How targets become a plan, and a plan orders. Seconds are of the data's time; see `orders.policy.PlanPolicy`.

    `plan_deadline_s`: to wait for prices. `release_deadline_s`: after it, what still waits for proceeds or room is skipped.
    `top_ups_max`: cycles a manifest gets after one that left something over. `drift_check_s`: how often the book is held
    against the last manifest once that is done; 0: never. `schedule`: how orders go out: at_once, or a table of [schedules];
    `schedule_by_venue` where one venue differs.
    A config of before these keys keeps its old meaning: no relative band, drift, caps or top-ups, orders in flight are waited
    for, flips take two cycles, and what opens waits a day at most.
    """

    cash_buffer_fraction: FractionBelowOne
    drift_band_fraction: FractionBelowOne
    price_age_max_ms: AgeMs
    unnamed_positions: Annotated[UnnamedPositions, member(UnnamedPositions)]
    plan_deadline_s: Annotated[int, whole(at_least=0, at_most=WEEK_S)]
    drift_band_relative: FractionBelowOne = Decimal(0)
    cash_drift_fraction: FractionBelowOne = Decimal(0)
    turnover_cycle_max: Annotated[Decimal | None, or_none(NotNegative)] = None
    turnover_day_max: Annotated[Decimal | None, or_none(NotNegative)] = None
    in_flight: Annotated[InFlight, member(InFlight)] = InFlight.WAIT
    flips: Annotated[Flips, member(Flips)] = Flips.NEXT_CYCLE
    spend_residue: Flag = False
    asset_weight_max: Annotated[Decimal | None, or_none(Positive)] = None
    release_deadline_s: Annotated[int, whole(at_least=1, at_most=WEEK_S)] = 86_400
    top_ups_max: Annotated[int, whole(at_least=0, at_most=100)] = 0
    drift_check_s: Annotated[int, whole(at_least=0, at_most=31_536_000)] = 0
    schedule: Name = AT_ONCE
    schedule_by_venue: dict[Name, Name] = {}  # noqa: RUF012 - pydantic copies it


def plan_policy(section: PolicySection, *, base_currency: str) -> PlanPolicy:
    """Return what the planner obeys of a checked section."""
    return PlanPolicy(
        base_currency=base_currency,
        cash_buffer_fraction=section.cash_buffer_fraction,
        drift_band_fraction=section.drift_band_fraction,
        price_age_max_ns=section.price_age_max_ms * NS_PER_MS,
        unnamed_positions=section.unnamed_positions,
        drift_band_relative=section.drift_band_relative,
        cash_drift_fraction=section.cash_drift_fraction,
        turnover_cycle_max=section.turnover_cycle_max,
        turnover_day_max=section.turnover_day_max,
        in_flight=section.in_flight,
        flips=section.flips,
        spend_residue=section.spend_residue,
        asset_weight_max=section.asset_weight_max,
    )


def policy_problems(policy: PolicySection, venues: dict[str, VenueSection]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return what a policy says that could not mean what it seems to."""
    if policy.drift_check_s and not (policy.drift_band_fraction or policy.drift_band_relative):
        yield (
            ("policy", "drift_check_s"),
            "needs a drift band: set drift_band_fraction or drift_band_relative above 0, else every tick would be traded",
        )
    if policy.asset_weight_max is not None and not policy.spend_residue:
        yield (
            ("policy", "asset_weight_max"),
            'bounds what spend_residue gives back and nothing else: set spend_residue = true, or "none"'
            " here; sentinel.max_asset_exposure is the limit of every order",
        )
    if policy.in_flight is InFlight.REPLACE and not policy.top_ups_max:
        yield ("policy", "top_ups_max"), "must be 1 or more with in_flight replace: what is cancelled is planned anew by a top-up"
    if policy.flips is Flips.SAME_PLAN and all(venue.account is not AccountKind.MARGIN for venue in venues.values()):
        yield ("policy", "flips"), "same_plan is of margin accounts, no venue has one; set next_cycle"
