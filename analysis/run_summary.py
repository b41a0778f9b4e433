"""One run summarised from its log and the prices it saw: equity, drawdown, turnover, costs, winners, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analysis.log_fold import LogFold
from analysis.performance import CurvePoint, Performance, drawdown_max, performance
from analysis.winner_pnl import WinnerResult
from orders.values import Record

BPS: Final = Decimal(10_000)
ZERO: Final = Decimal(0)


class RunSummary(Record, frozen=True, kw_only=True):
    """Money in base currency. `pnl` = `equity_end` - `equity_start`, exact, and the sum of `winners`' (the unattributed last).

    `drawdown_max_fraction`: largest fall from a running peak, 0..1, at the instants of the prices. `turnover`: traded notional
    at fill prices over mean equity, one way (buys and sells both count).

    Costs above 0 are paid: `fees`; `spread`, from the arrival mid to the touch the order was planned on; `slippage`, from that
    touch to the fill, which latency, ticks and the venue's assumed slippage make. `costs` is their sum, and `_bps` are of traded
    notional at the arrival mid. `financing`: kind -> currency -> booked, above 0 was credited; `financing_base`: all of it.
    `tracking_error_bps`: mean over plans of half the summed gaps between planned and target weights. None where there was
    nothing to measure.
    """

    first_ns: int
    last_ns: int
    base_currency: str
    equity_start: Decimal
    equity_end: Decimal
    pnl: Decimal
    return_fraction: Decimal
    drawdown_max_fraction: Decimal
    traded_notional: Decimal
    turnover: Decimal
    fees: Decimal
    spread: Decimal
    slippage: Decimal
    costs: Decimal
    fees_bps: Decimal | None
    spread_bps: Decimal | None
    slippage_bps: Decimal | None
    costs_bps: Decimal | None
    financing: Mapping[str, Mapping[str, Decimal]]
    financing_base: Decimal
    tracking_error_bps: Decimal | None
    plans: int
    plans_refused: int
    manifests: int
    manifests_refused: int
    manifests_held: int
    orders: int
    fills: int
    refusals: Mapping[str, int]
    not_traded: Mapping[str, int]
    winners: tuple[WinnerResult, ...]
    performance: Performance


def summarise(
    log: Path, *, marks: Sequence[tuple[int, str, Decimal]], base_currency: str, rates: Mapping[str, Decimal]
) -> RunSummary:
    """Fold the log along the marks (market instant, symbol, mid) in time order. `rates`: to base currency, base left out.

    A position is valued at its newest mid; between its fill and its first mid, at the fill's price.
    """
    fold = LogFold(log, base_currency=base_currency, rates=rates)
    curve: list[CurvePoint] = []
    index = 0
    while index < len(marks):
        instant = marks[index][0]
        fold.take_before(instant)
        while index < len(marks) and marks[index][0] == instant:
            fold.prices[marks[index][1]] = marks[index][2]
            index += 1
        curve.append(fold.point(instant))
    fold.take_before(None)
    end = fold.point(curve[-1].market_ns if curve else 0)
    if curve:
        curve[-1] = end
    start = curve[0].equity if curve else end.equity
    mean = sum((point.equity for point in curve), ZERO) / len(curve) if curve else end.equity

    def bps(amount: Decimal) -> Decimal | None:
        return amount / fold.traded_at_mid * BPS if fold.traded_at_mid else None

    return RunSummary(
        first_ns=curve[0].market_ns if curve else 0,
        last_ns=end.market_ns,
        base_currency=base_currency,
        equity_start=start,
        equity_end=end.equity,
        pnl=end.equity - start,
        return_fraction=end.equity / start - 1 if start else ZERO,
        drawdown_max_fraction=drawdown_max([point.equity for point in curve]),
        traded_notional=fold.traded,
        turnover=fold.traded / mean if mean else ZERO,
        fees=fold.fees,
        spread=fold.spread,
        slippage=fold.slippage,
        costs=end.costs,
        financing={kind: dict(row) for kind, row in fold.keeper.financing.items()},
        financing_base=fold.financing_base,
        fees_bps=bps(fold.fees),
        spread_bps=bps(fold.spread),
        slippage_bps=bps(fold.slippage),
        costs_bps=bps(end.costs),
        tracking_error_bps=fold.tracking / fold.plans if fold.plans else None,
        plans=fold.plans,
        plans_refused=fold.counts["plans_refused"],
        manifests=fold.counts["manifests"],
        manifests_refused=fold.counts["REFUSED"],
        manifests_held=fold.counts["HOLD"],
        orders=len(fold.orders),
        fills=fold.counts["fills"],
        refusals=dict(fold.refusals),
        not_traded=dict(fold.not_traded),
        winners=fold.winners.results(fold.prices),
        performance=performance(curve),
    )


def document(summary: RunSummary) -> dict[str, Any]:
    """Return the summary as one JSON object; days as ISO text."""
    made = {name: getattr(summary, name) for name in summary.__struct_fields__ if name not in ("performance", "winners")}
    shown = summary.performance
    made["winners"] = list(summary.winners)
    made["performance"] = {
        name: _plain_days(getattr(shown, name)) for name in shown.__struct_fields__ if name not in ("days", "months")
    }
    made["months"] = list(shown.months)
    made["days"] = [{name: _plain_days(getattr(day, name)) for name in day.__struct_fields__} for day in shown.days]
    return made


def _plain_days(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
