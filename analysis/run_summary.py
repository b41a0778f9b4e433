"""One run summarised from its log and the prices it saw: equity, drawdown, turnover, costs, tracking error, refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from lakehouse.rebuild import decode_line
from lakehouse.records import Fill, Financing, ManifestLine, PlanLineRecord, Reject, RunStart, Skip
from orders.book import BookKeeper
from orders.values import Record

BPS: Final = Decimal(10_000)
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


class RunSummary(Record, frozen=True, kw_only=True):
    """Money in base currency. `drawdown_max_fraction`: largest fall from a running peak, 0..1, at the instants of the prices.

    `turnover`: sum of traded notional over mean equity, one way (buys and sells both count). Costs in bps of traded notional
    at the arrival mid; `slippage_bps` is s (price - arrival mid). `financing`: kind -> currency -> booked, above 0 was
    credited; `financing_base`: all of it. `tracking_error_bps`: mean over plans of half the summed gaps between planned and
    target weights. None where there was nothing to measure.
    """

    first_ns: int
    last_ns: int
    base_currency: str
    equity_start: Decimal
    equity_end: Decimal
    return_fraction: Decimal
    drawdown_max_fraction: Decimal
    traded_notional: Decimal
    turnover: Decimal
    fees: Decimal
    fees_bps: Decimal | None
    slippage_bps: Decimal | None
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
    equity_curve: tuple[tuple[int, Decimal], ...]

    def document(self) -> dict[str, Any]:
        """Return the summary without its curve, for `--json`; the curve is in the log and the prices."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "equity_curve"}


def summarise(
    log: Path, *, marks: Sequence[tuple[int, str, Decimal]], base_currency: str, rates: Mapping[str, Decimal]
) -> RunSummary:
    """Fold the log along the marks (market instant, symbol, mid) in time order. `rates`: to base currency, base left out.

    A position is valued at its newest mid; between its fill and its first mid, at the fill's price.
    """
    reader = _Reader(log, rates={base_currency: ONE, **rates})
    prices: dict[str, Decimal] = {}
    curve: list[tuple[int, Decimal]] = []
    index = 0
    while index < len(marks):
        instant = marks[index][0]
        reader.fold_before(instant, prices)
        while index < len(marks) and marks[index][0] == instant:
            prices[marks[index][1]] = marks[index][2]
            index += 1
        curve.append((instant, reader.equity(prices)))
    reader.fold_before(None, prices)
    equity_end = reader.equity(prices)
    if curve:
        curve[-1] = (curve[-1][0], equity_end)
    start = curve[0][1] if curve else equity_end
    mean = sum((value for _, value in curve), ZERO) / len(curve) if curve else equity_end
    return RunSummary(
        first_ns=curve[0][0] if curve else 0,
        last_ns=curve[-1][0] if curve else 0,
        base_currency=base_currency,
        equity_start=start,
        equity_end=equity_end,
        return_fraction=equity_end / start - 1 if start else ZERO,
        drawdown_max_fraction=_drawdown(value for _, value in curve),
        traded_notional=reader.traded,
        turnover=reader.traded / mean if mean else ZERO,
        fees=reader.fees,
        fees_bps=reader.fees / reader.traded_at_mid * BPS if reader.traded_at_mid else None,
        slippage_bps=reader.slippage / reader.traded_at_mid * BPS if reader.traded_at_mid else None,
        financing={kind: dict(row) for kind, row in reader.keeper.financing.items()},
        financing_base=reader.financing_base(),
        tracking_error_bps=reader.tracking / reader.plans if reader.plans else None,
        plans=reader.plans,
        plans_refused=reader.counts["plans_refused"],
        manifests=reader.counts["manifests"],
        manifests_refused=reader.counts["REFUSED"],
        manifests_held=reader.counts["HOLD"],
        orders=len(reader.orders),
        fills=reader.counts["fills"],
        refusals=dict(reader.refusals),
        not_traded=dict(reader.not_traded),
        equity_curve=tuple(curve),
    )


class _Reader:
    """Folds a log's lines in order, up to a market instant at a time."""

    def __init__(self, log: Path, *, rates: Mapping[str, Decimal]) -> None:
        self._rates = rates
        self._lines: Iterable[bytes] = iter(log.read_bytes().splitlines())
        self._next: Any = None
        self.keeper = BookKeeper(cash={})
        self.currencies: dict[str, str] = {}
        self.multipliers: dict[str, Decimal] = {}
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.not_traded: Counter[str] = Counter()
        self.orders: set[str] = set()
        self.traded = self.traded_at_mid = self.fees = self.slippage = self.tracking = ZERO
        self.plans = 0
        self._advance()

    def _advance(self) -> None:
        raw = next(iter(self._lines), None)
        self._next = None if raw is None else decode_line(raw)

    def fold_before(self, instant_ns: int | None, prices: dict[str, Decimal]) -> None:
        """Take lines with a market time before `instant_ns` (None: all)."""
        while self._next is not None and (instant_ns is None or self._next.market_ns < instant_ns):
            self._take(self._next, prices)
            self._advance()

    def _take(self, line: Any, prices: dict[str, Decimal]) -> None:
        match line:
            case RunStart(starting_cash=cash) if cash is not None:
                self.keeper = BookKeeper(
                    cash={venue: {code: Decimal(text) for code, text in row.items()} for venue, row in cash.items()}
                )
            case ManifestLine():
                self.counts["manifests"] += 1
                self.counts[line.decision] += 1
                if line.code:
                    self.refusals[line.code] += 1
            case PlanLineRecord():
                self._plan(line)
            case Skip():
                self.not_traded[line.reason] += 1
            case Reject():
                self.refusals[line.code if line.by == "sentinel" else f"{line.by}: {line.message}"] += 1
            case Fill():
                self._fill(line, prices)
            case Financing():
                self.keeper.apply_financing(venue=line.venue, kind=line.kind, currency=line.currency, amount=Decimal(line.amount))
            case _:
                pass

    def _plan(self, line: PlanLineRecord) -> None:
        if line.decision != "PLAN":
            self.counts["plans_refused"] += 1
            self.refusals[line.code] += 1
        if line.plan is not None:
            self.plans += 1
            self.tracking += Decimal(line.plan["tracking_error_bps"])

    def _fill(self, line: Fill, prices: dict[str, Decimal]) -> None:
        quantity, price, multiplier = Decimal(line.quantity), Decimal(line.price), Decimal(line.multiplier)
        mid, fee = Decimal(line.arrival_mid), Decimal(line.fee)
        self.keeper.apply_fill(
            venue=line.venue,
            symbol=line.symbol,
            side=line.side,
            quantity=quantity,
            price=price,
            multiplier=multiplier,
            quote_currency=line.quote_currency,
            fee=fee,
            fee_currency=line.fee_currency,
            base_currency=line.base_currency,
        )
        self.currencies[line.symbol] = line.quote_currency
        self.multipliers[line.symbol] = multiplier
        prices.setdefault(line.symbol, price)
        self.orders.add(line.client_order_id)
        self.counts["fills"] += 1
        unit = multiplier * self._rates[line.quote_currency]
        self.traded += quantity * price * unit
        self.traded_at_mid += quantity * mid * unit
        in_base = line.fee_currency == line.base_currency
        self.fees += fee * price * self._rates[line.quote_currency] if in_base else fee * self._rates[line.fee_currency]
        self.slippage += line.side.sign * quantity * (price - mid) * unit

    def financing_base(self) -> Decimal:
        """All that was booked of borrow, funding and interest, in base currency."""
        amounts = ((code, amount) for row in self.keeper.financing.values() for code, amount in row.items())
        return sum((amount * self._rates[code] for code, amount in amounts), ZERO)

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Cash and positions at the newest prices, in base currency."""
        rates = self._rates
        cash = sum((amount * rates[code] for row in self.keeper.cash.values() for code, amount in row.items()), ZERO)
        held = (
            quantity * prices[symbol] * self.multipliers[symbol] * rates[self.currencies[symbol]]
            for symbol, quantity in self.keeper.positions.items()
        )
        return cash + sum(held, ZERO)


def _drawdown(values: Iterable[Decimal]) -> Decimal:
    peak = worst = ZERO
    for value in values:
        peak = max(peak, value)
        if peak:
            worst = max(worst, 1 - value / peak)
    return worst


def summary_lines(summary: RunSummary, *, title: str) -> list[str]:
    """Return the summary as lines for a person; numbers are rounded here and nowhere else."""

    def bps(value: Decimal | None) -> str:
        return "–" if value is None else f"{value:.2f} bp"

    money = f"{summary.base_currency}"
    refused = ", ".join(f"{code} {count}" for code, count in sorted(summary.refusals.items())) or "none"
    skipped = ", ".join(f"{code} {count}" for code, count in sorted(summary.not_traded.items())) or "none"
    equity = f"{summary.equity_start:>16,.2f} -> {summary.equity_end:,.2f} {money}"
    traded = f"{summary.traded_notional:,.0f} {money} traded"
    booked = [
        f"{kind} {amount:+,.2f} {code}" for kind, row in sorted(summary.financing.items()) for code, amount in sorted(row.items())
    ]
    financing = f"{summary.financing_base:+,.2f} {money}: {', '.join(booked)}" if booked else "nothing"
    spread = f"{bps(summary.slippage_bps)} spread and slippage"
    return [
        title,
        f"equity         {equity}  ({summary.return_fraction * 100:+.2f} %)",
        f"drawdown       {summary.drawdown_max_fraction * 100:>16.2f} %",
        f"turnover       {summary.turnover:>16.2f} x mean equity, {traded}",
        f"costs          {bps(summary.fees_bps):>16} fees, {spread}; {summary.fees:,.2f} {money} in fees",
        f"financing      {financing:>16}",
        f"tracking error {bps(summary.tracking_error_bps):>16} on average after planning",
        f"manifests      {summary.manifests:>16} read, {summary.manifests_refused} refused, {summary.manifests_held} held",
        f"plans          {summary.plans:>16} made, {summary.plans_refused} refused or held",
        f"orders         {summary.orders:>16} with {summary.fills} fills",
        f"refusals       {refused}",
        f"not traded     {skipped}",
    ]
