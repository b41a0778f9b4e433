"""A log's lines folded in order, up to a market instant at a time: book, costs, counts, and a book for each winner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analysis.performance import CurvePoint
from analysis.winner_pnl import Execution, WinnerBooks
from lakehouse.rebuild import decode_line
from lakehouse.records import Fill, Financing, ManifestLine, PlanLineRecord, Reject, RunStart, Skip
from orders.book import BookKeeper
from orders.exact import exact_arithmetic
from orders.values import Side

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


class LogFold:
    """What the lines taken so far say, in base currency at the given `rates`; `prices` are newest mids, set by the caller.

    `traded`, `traded_at_mid`: notional at fill prices and at arrival mids. Costs are defined in `run_summary.RunSummary`.
    """

    def __init__(self, log: Path, *, base_currency: str, rates: Mapping[str, Decimal]) -> None:
        self._lines: Iterator[bytes] = iter(log.read_bytes().splitlines())
        self._next: Any = None
        self._rates = {**rates, base_currency: ONE}
        self.prices: dict[str, Decimal] = {}
        self.keeper = BookKeeper(cash={})
        self.winners = WinnerBooks()
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.not_traded: Counter[str] = Counter()
        self.orders: set[str] = set()
        self.traded = self.traded_at_mid = self.fees = self.spread = self.slippage = self.financing_base = self.tracking = ZERO
        self.plans = 0
        self._unit_base: dict[str, Decimal] = {}
        self._advance()

    def _advance(self) -> None:
        raw = next(self._lines, None)
        self._next = None if raw is None else decode_line(raw)

    def take_before(self, instant_ns: int | None) -> None:
        """Take lines with a market time before `instant_ns` (None: all)."""
        with exact_arithmetic():
            while self._next is not None and (instant_ns is None or self._next.market_ns < instant_ns):
                self._take(self._next)
                self._advance()

    def point(self, market_ns: int) -> CurvePoint:
        """Return equity (cash and positions at the newest prices), traded notional and costs so far, exact."""
        with exact_arithmetic():
            cash = sum((amount * self._rates[code] for row in self.keeper.cash.values() for code, amount in row.items()), ZERO)
            held = (
                quantity * self.prices[symbol] * self._unit_base[symbol] for symbol, quantity in self.keeper.positions.items()
            )
            equity = sum(held, cash)
            return CurvePoint(
                market_ns=market_ns, equity=equity, traded=self.traded, costs=self.fees + self.spread + self.slippage
            )

    def _take(self, line: Any) -> None:
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
                self._fill(line)
            case Financing():
                self._financing(line)
            case _:
                pass

    def _plan(self, line: PlanLineRecord) -> None:
        if line.decision != "PLAN":
            self.counts["plans_refused"] += 1
            self.refusals[line.code] += 1
        elif line.plan is not None:
            self.winners.plan(line.plan["lines"])
        if line.plan is not None:
            self.plans += 1
            self.tracking += Decimal(line.plan["tracking_error_bps"])

    def _financing(self, line: Financing) -> None:
        amount = Decimal(line.amount)
        self.keeper.apply_financing(venue=line.venue, kind=line.kind, currency=line.currency, amount=amount)
        booked = amount * self._rates[line.currency]
        self.financing_base += booked
        self.winners.financing(booked)

    def _fill(self, line: Fill) -> None:
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
        unit_base = self._unit_base[line.symbol] = multiplier * self._rates[line.quote_currency]
        self.prices.setdefault(line.symbol, price)
        in_base_asset = line.fee_currency == line.base_currency
        fee_base = fee * price * unit_base if in_base_asset else fee * self._rates[line.fee_currency]
        touch = Decimal(line.arrival_ask if line.side is Side.BUY else line.arrival_bid)
        spread = line.side.sign * quantity * (touch - mid) * unit_base
        slippage = line.side.sign * quantity * (price - touch) * unit_base
        self.orders.add(line.client_order_id)
        self.counts["fills"] += 1
        self.traded += quantity * price * unit_base
        self.traded_at_mid += quantity * mid * unit_base
        self.fees += fee_base
        self.spread += spread
        self.slippage += slippage
        self.winners.fill(
            Execution(
                symbol=line.symbol,
                sign=line.side.sign,
                quantity=quantity,
                mid=mid,
                unit_base=unit_base,
                fee=fee_base,
                fee_units=fee if in_base_asset else ZERO,
                spread=spread,
                slippage=slippage,
                parts={winner: Decimal(text) for winner, text in getattr(line, "attribution", {}).items()},
            )
        )
