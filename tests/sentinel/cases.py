"""A plan of one buy and one sell, the facts that let it pass, and how to change one thing at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orders.plan import Judgement, Outcome, Plan
from orders.values import AccountKind, Grade, Record
from sentinel.facts import Reference, SentinelFacts
from sentinel.guard import judge_plan
from sentinel.limits import SentinelLimits
from sentinel.loss import DAY_NS, Baseline
from sentinel.standing import Standing
from tests.planner.world import AGE_MAX, NOW, D, inputs, planned, quote
from tests.planner.world import limits as market_limits

BUY, SELL = "NYSE:BUY", "NYSE:SELL"
WEIGHTS = {BUY: D("0.4"), SELL: D("0.2")}


class Broken(Mapping[str, Any]):
    """A mapping whose every look-up fails: what a control must survive."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("broken look-up")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("broken look-up")

    def __len__(self) -> int:
        return 1

    def __contains__(self, key: object) -> bool:
        raise RuntimeError("broken look-up")

    def get(self, key: str, default: Any = None) -> Any:
        raise RuntimeError("broken look-up")


def changed[R: Record](record: R, **changes: Any) -> R:
    return type(record)(**{name: getattr(record, name) for name in record.__struct_fields__} | changes)


def made_plan(**changes: Any) -> Plan:
    """Equity 1000: sells 20 of 40 SELL at 10, buys 40 BUY at 10; gross 0.4 -> 0.6."""
    return planned(
        inputs(
            **{
                "targets": {symbol: str(weight) for symbol, weight in WEIGHTS.items()},
                "prices": {BUY: ("10", "10"), SELL: ("10", "10")},
                "cash": "600",
                "held": {SELL: "40"},
                "account": AccountKind.MARGIN,
            }
            | changes
        )
    )


def limits(**changes: Any) -> SentinelLimits:
    values: dict[str, Any] = {
        "max_leverage": D("1"),
        "max_asset_exposure": D("0.5"),
        "max_order_value_base": D("1000"),
        "price_collar_fraction": D("0.05"),
        "price_age_max_ns": AGE_MAX,
        "reference_age_max_ns": AGE_MAX,
        "gross_weight_min": D("0"),
        "gross_weight_max": D("1"),
        "hhi_max": D("1"),
        "turnover_max": D("2"),
        "crisis_net_long_max": D("0.5"),
        "turbulent_gross_fraction": D("0.5"),
        "duplicate_window_ns": 60,
        "provenance_min": Grade.VERIFIED,
        "max_leverage_net": D("1"),
        "equity_age_max_ns": AGE_MAX,
        "max_order_units": D("1000"),
        "adv_fraction_max": None,
        "messages_per_s_max": 100,
        "messages_per_day_max": 1000,
        "repeats_max": 3,
        "repeats_window_ns": AGE_MAX,
        "day_loss_max_fraction": D("0.1"),
        "drawdown_max_fraction": D("0.2"),
        "spread_max_fraction": D("0.6"),
        "jump_max_fraction": D("0.6"),
        "jump_age_max_ns": AGE_MAX,
        "jump_confirm_ns": 0,
        "fill_drift_max_fraction": D("0.1"),
        "fill_drift_window_ns": AGE_MAX,
        "day_turnover_max": D("2"),
        "manifest_age_max_ns": AGE_MAX,
        "allow": {"US": (BUY, SELL)},
    }
    return SentinelLimits(**(values | changes))


def standing(**changes: Any) -> Standing:
    """Nothing counted yet, equity 1000 since the day began, mids of 10 before these."""
    values: dict[str, Any] = {
        "market_now_ns": NOW,
        "equity_ns": NOW,
        "automatic": True,
        "repeats": {BUY: 0, SELL: 0},
        "disabled": frozenset(),
        "messages_left": {"US": 1000},
        "turnover_today_base": D("0"),
        "baseline": Baseline(day=NOW // DAY_NS, day_start_base=D("1000"), peak_base=D("1000"), equity_base=D("1000")),
        "volumes": {},
        "earlier": {symbol: Reference(price=D("10"), ts_ns=NOW) for symbol in (BUY, SELL)},
        "own_fills": {},
        "reducing_units": {},
        "generated_ns": NOW,
        "newest_generated_ns": NOW,
        "market_limits": {symbol: market_limits(symbol) for symbol in (BUY, SELL)},
        "armed": None,
        "capital": None,
    }
    return Standing(**(values | changes))


def facts(**changes: Any) -> SentinelFacts:
    values: dict[str, Any] = {
        "halted": False,
        "grade": Grade.VERIFIED,
        "regime_name": "NORMAL",
        "regime_quadrant": None,
        "weights": WEIGHTS,
        "quotes": {symbol: quote(symbol, "10") for symbol in (BUY, SELL)},
        "references": {symbol: Reference(price=D("10"), ts_ns=NOW) for symbol in (BUY, SELL)},
        "recent": (),
        "open_exposure": {},
        "now_ns": NOW,
        "standing": standing(),
    }
    return SentinelFacts(**(values | changes))


def judged(plan: Plan | None = None, *, f: dict[str, Any] | None = None, lim: dict[str, Any] | None = None) -> Judgement:
    return judge_plan(plan if plan is not None else made_plan(), facts=facts(**(f or {})), limits=limits(**(lim or {})))


def denials(judgement: Judgement) -> list[tuple[str, int]]:
    return [(verdict.control, verdict.line) for verdict in judgement.verdicts if verdict.outcome is not Outcome.ALLOW]
