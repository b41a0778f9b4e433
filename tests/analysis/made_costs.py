"""A log of random cycles, and what each of its wishes cost by plain loops: the oracle shares nothing with the SQL.

Partial fills, cancels, refusals, denials, schedules with children, makers, three currencies, a multiplier of 100, fees in quote,
base asset and a third currency, plans that were refused, wishes without a price, fills whose book is not known.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from lakehouse import records
from orders.exact import exact_arithmetic
from orders.values import Side

D = Decimal
SHA = "a" * 64
MARKETS = {  # symbol -> (venue, quote currency, base currency, multiplier, rate to USD)
    "NASDAQ:ONE": ("US", "USD", None, "1", "1"),
    "NYSE:TWO": ("US", "USD", None, "1", "1"),
    "XETR:DREI": ("DE", "EUR", None, "1", "1.0825"),
    "BINANCE:COINUSDT": ("BINANCE", "USDT", "COIN", "1", "0.9993"),
    "BINANCE:DEEPUSDT.P": ("BINANCE", "USDT", "DEEP", "100", "0.9993"),
}
NOT_TRADED = ("WITHIN_BAND", "BELOW_FLOOR", "MARKET_CLOSED", "TURNOVER_CAP", "NO_PRICE")
NAME_OF = {
    "WITHIN_BAND": "held_back", "BELOW_FLOOR": "dust", "MARKET_CLOSED": "market_closed", "TURNOVER_CAP": "held_back",
    "NO_PRICE": "no_price", "TRADE": "dust", "SCALED_TO_CASH": "held_back",
}  # fmt: skip


@dataclass
class Wish:
    """One plan line, as the oracle remembers it."""

    plan: int
    symbol: str
    sign: int
    wanted: Decimal
    planned: Decimal
    paper: Decimal | None
    name_plan: str
    name_order: str
    end: Decimal | None = None
    fills: list[dict[str, Any]] = field(default_factory=list)


class MadeLog:
    """Writes `cycles` random cycles to `path`; `wishes` is what the oracle knows of them."""

    def __init__(self, path: Path, *, seed: int, cycles: int) -> None:
        self.draw = random.Random(seed)
        self.lines: list[Any] = []
        self.wishes: list[Wish] = []
        self.marks: dict[str, tuple[int, Decimal]] = {}
        self.mids = {symbol: D(self.draw.randint(1_000, 90_000)).scaleb(-2) for symbol in MARKETS}
        self.clock = 1_700_000_000 * 10**9
        self.trades = 0
        self.say(
            records.RunStart, sluice_version="0", environment="e", kind="shadow", config_sha256=SHA,
            limits_sha256=SHA, market_limits_sha256=SHA, assumptions_sha256=SHA, assumptions={},
            data_source="made", synthetic=["all"],
            real_epoch_ns=0, market_epoch_ns=0, market_speed=1, starting_cash={}, durable=True, base_currency="USD",
        )  # fmt: skip
        for cycle in range(1, cycles + 1):
            self.cycle(cycle)
        self.finish()
        encode = msgspec.json.Encoder().encode
        path.write_bytes(b"".join(encode(line) + b"\n" for line in self.lines))

    def say(self, line: Any, /, **fields: Any) -> int:
        seq = len(self.lines) + 1
        self.clock += self.draw.randint(1, 10**9)
        self.lines.append(line(seq=seq, ts_ns=self.clock, market_ns=self.clock, run_id="r", **fields))
        return seq

    def book(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Move the market, and return bid and ask."""
        with exact_arithmetic():
            self.mids[symbol] = max(self.mids[symbol] + D(self.draw.randint(-300, 300)).scaleb(-2), D(1))
            half = D(self.draw.randint(0, 20)).scaleb(-3)
            return self.mids[symbol] - half, self.mids[symbol] + half

    def cycle(self, cycle: int) -> None:
        cause = self.draw.choice(("new_manifest", "new_manifest", "top_up", "drift", "operator"))
        if cause == "new_manifest" or cycle == 1:
            cause = "new_manifest"
            self.decided = {symbol: self.mids[symbol] for symbol in MARKETS if self.draw.random() < 0.9}
            self.sha = f"{cycle:064x}"
            self.say(
                records.ManifestLine, manifest_sha256=self.sha, decision="ACCEPTED", code="", message="",
                source_run=f"run{cycle}", grade="VERIFIED", run_ledger_head=None, generated_ns=None, written_ns=None,
                read_ns=self.clock, regime=None,
                targets={}, decision_prices={symbol: str(price) for symbol, price in self.decided.items()},
            )  # fmt: skip
        self.say(records.CycleOpened, cycle=cycle, cause=cause, manifest_sha256=self.sha)
        judged = self.draw.choice(("PLAN", "PLAN", "PLAN", "PLAN", "REFUSED"))
        lines = [self.line(cycle, number, symbol) for number, symbol in enumerate(MARKETS, 1) if self.draw.random() < 0.8]
        document = {"source_run": "run", "lines": lines, "tracking_error_bps": "0"}
        plan = self.say(
            records.PlanLineRecord, cycle=cycle, decision=judged, code="" if judged == "PLAN" else "MAX_LEVERAGE", message="",
            plan_sha256=SHA, manifest_sha256=self.sha, planned_ns=self.clock, approved_ns=self.clock, verdicts=[], plan=document,
        )  # fmt: skip
        for line in lines:
            self.carry_out(line, cycle=cycle, plan=plan, cause=cause, judged=judged)

    def line(self, cycle: int, number: int, symbol: str) -> dict[str, Any]:
        venue, _, _, multiplier, rate = MARKETS[symbol]
        reason = self.draw.choice(("TRADE", "TRADE", "SCALED_TO_CASH", *NOT_TRADED))
        bid, ask = self.book(symbol)
        priced = reason != "NO_PRICE"
        sign, planned = self.draw.choice((1, -1)), D(self.draw.randint(1, 50))
        with exact_arithmetic():
            wanted = planned + D(self.draw.randint(0, 999_999)).scaleb(-6) + (30 if reason == "SCALED_TO_CASH" else 0)
            unit = D(multiplier) * D(rate)
        trades = reason in ("TRADE", "SCALED_TO_CASH")
        return {
            "line": number, "symbol": symbol, "venue": venue, "instrument_id": symbol, "reason": reason, "detail": "",
            "side": ("BUY" if sign > 0 else "SELL") if trades else None, "quantity": str(planned if trades else 0),
            "order_kind": "MARKET", "target_weight": "0.1", "held_weight": "0", "held_quantity": "0",
            "wanted_quantity": str(sign * wanted) if priced else None, "bid": str(bid) if priced else None,
            "ask": str(ask) if priced else None, "unit_value_base": str(unit) if priced else None, "notional_base": "0",
            "fee_base": "0", "limit_price": None, "attribution": self.attribution(), "crossed_weight": "0", "after_line": None,
            "reduce_only": False,
        }  # fmt: skip

    def attribution(self) -> dict[str, str]:
        return self.draw.choice(
            ({}, {"e/a": "0.1"}, {"e/a": "0.07", "e/b": "0.03"}, {"e/a": "0.12", "e/b": "-0.02", "e/c": "0.01"})
        )

    def carry_out(self, line: dict[str, Any], *, cycle: int, plan: int, cause: str, judged: str) -> None:
        symbol, priced = line["symbol"], line["bid"] is not None
        with exact_arithmetic():
            mid = (D(line["bid"]) + D(line["ask"])) / 2 if priced else None
        if mid is not None:
            self.marks[symbol] = (self.lines[plan - 1].market_ns, mid)
        decided = self.decided.get(symbol) if cause in ("new_manifest", "top_up") else mid
        wanted, planned = D(line["wanted_quantity"] or "0"), D(line["quantity"])
        wish = Wish(
            plan=plan, symbol=symbol, sign=1 if (line["side"] or ("BUY" if wanted > 0 else "SELL")) == "BUY" else -1,
            wanted=abs(wanted), planned=planned, paper=decided if decided is not None else mid, name_plan=NAME_OF[line["reason"]],
            name_order="denied" if judged != "PLAN" else "unfilled",
        )  # fmt: skip
        self.wishes.append(wish)
        if planned and judged == "PLAN" and self.draw.random() < 0.1:
            self.skip(line, cycle, "PRICE_COLLAR")
            wish.name_order = "denied"
        elif planned and judged == "PLAN":
            assert mid is not None
            self.order(wish, line, cycle=cycle, decided=decided, mid=mid)

    def skip(self, line: dict[str, Any], cycle: int, reason: str) -> None:
        self.say(
            records.Skip, cycle=cycle, line=line["line"], symbol=line["symbol"], reason=reason, text="", wanted_quantity=None,
            notional_base="0",
        )  # fmt: skip

    def order(self, wish: Wish, line: dict[str, Any], *, cycle: int, decided: Decimal | None, mid: Decimal) -> None:
        if self.draw.random() < 0.15:  # an operator's order nobody gave a price for
            decided = None
            wish.paper = mid
        order_id, children = f"{cycle:016x}{line['line']:016x}", self.draw.choice((0, 0, 3))
        known = {"decided": decided, "mid": mid}
        self.intent(
            line,
            order_id,
            cycle,
            quantity=wish.planned,
            parent=None,
            child=0,
            schedule="twap" if children else "at_once",
            **known,
        )
        fate = self.draw.choice(("filled", "filled", "part", "denied", "rejected", "not_released", "schedule_dust"))
        if fate == "denied":
            self.say(records.Reject, client_order_id=order_id, symbol=wish.symbol, by="risk_engine", code="DENIED", message="")
            wish.name_order = "denied"
            return
        if fate == "rejected":
            self.say(records.Reject, client_order_id=order_id, symbol=wish.symbol, by="venue", code="REJECTED", message="")
            return
        if fate == "not_released":
            self.skip(line, cycle, "REDUCTION_UNFILLED")
            self.say(records.CancelLine, client_order_id=order_id, venue=line["venue"], cause=fate, filled_quantity="0")
            wish.name_order = "held_back"
            return
        left = wish.planned if fate == "filled" else wish.planned - D("0.25")
        for child in range(1, max(children, 1) + 1):
            last = child == max(children, 1)
            part = left if last else min(left, D(self.draw.randint(1, 9)).scaleb(-2))
            with exact_arithmetic():
                left -= part
            sent = f"{child}{order_id[1:]}" if children else order_id
            if children:
                self.intent(line, sent, cycle, quantity=part, parent=order_id, child=child, schedule="twap", **known)
            self.fill(wish, line, sent, part, cycle=cycle, decided=decided, mid=mid)
        if fate != "filled":
            cause = "cancelled" if fate == "part" else fate
            self.say(records.CancelLine, client_order_id=order_id, venue=line["venue"], cause=cause, filled_quantity="0")
            wish.name_order = "dust" if fate == "schedule_dust" else "unfilled"

    def intent(
        self, line: dict[str, Any], order_id: str, cycle: int, *, quantity: Decimal, parent: str | None, child: int,
        schedule: str, decided: Decimal | None, mid: Decimal,
    ) -> None:  # fmt: skip
        self.say(
            records.Intent, cycle=cycle, line=line["line"], client_order_id=order_id, symbol=line["symbol"],
            instrument_id=line["symbol"], venue=line["venue"], side=Side(line["side"]), quantity=str(quantity),
            order_kind="MARKET", limit_price=None, time_in_force="GTC", reduce_only=False, strategy_id="s",
            source_run="run", manifest_sha256=self.sha,
            plan_sha256=SHA, decision_price=None if decided is None else str(decided), arrival_bid=line["bid"],
            arrival_ask=line["ask"], arrival_mid=str(mid), arrival_ns=self.clock, planned_ns=self.clock, approved_ns=self.clock,
            forecast_fee_base="0", schedule=schedule, parent_client_order_id=parent, child=child, attribution=line["attribution"],
        )  # fmt: skip

    def fill(
        self,
        wish: Wish,
        line: dict[str, Any],
        order_id: str,
        quantity: Decimal,
        *,
        cycle: int,
        decided: Decimal | None,
        mid: Decimal,
    ) -> None:
        venue, quote, base, multiplier, _ = MARKETS[wish.symbol]
        bid, ask = self.book(wish.symbol)
        with exact_arithmetic():
            price = self.draw.choice((bid, ask, bid - D("0.01"), ask + D("0.013")))
            notional = quantity * price * D(multiplier)
        known = self.draw.random() < 0.9
        currency = self.draw.choice((quote, base or quote, "USD"))
        fee, maker = D(self.draw.randint(-20, 90)).scaleb(-5), self.draw.random() < 0.4
        self.trades += 1
        self.say(
            records.Fill, client_order_id=order_id, venue_order_id=f"v{self.trades}", trade_id=f"t{self.trades}", venue=venue,
            account="a", symbol=wish.symbol, instrument_id=wish.symbol, side=Side(line["side"]), quantity=str(quantity),
            price=str(price), multiplier=multiplier, notional_quote=f"{notional:f}", quote_currency=quote, base_currency=base,
            fee=f"{fee:f}", fee_currency=currency, liquidity="maker" if maker else "taker", order_kind="MARKET",
            order_quantity=str(wish.planned), filled_quantity=str(quantity), strategy_id="s", cycle=cycle, line=line["line"],
            source_run="run", run_ledger_head=None, manifest_sha256=self.sha, plan_sha256=SHA, config_sha256=SHA,
            limits_sha256=SHA, market_limits_sha256=SHA, assumptions_sha256=SHA, environment="e",
            decision_price=None if decided is None else str(decided),
            arrival_bid=line["bid"], arrival_ask=line["ask"], arrival_mid=str(mid), arrival_ns=self.clock,
            fill_bid=str(bid) if known else None, fill_ask=str(ask) if known else None, manifest_written_ns=None,
            manifest_read_ns=self.clock, planned_ns=self.clock, approved_ns=self.clock, intent_durable_ns=self.clock,
            sent_ns=self.clock, acked_ns=None, event_ns=self.clock,
        )  # fmt: skip
        if known:
            with exact_arithmetic():
                self.marks[wish.symbol] = (self.clock, (bid + ask) / 2)
        wish.fills.append(
            {"quantity": quantity, "price": price, "mid": mid, "bid": bid, "ask": ask, "known": known, "maker": maker, "fee": fee,
             "currency": currency}
        )  # fmt: skip

    def finish(self) -> None:
        """A wish ends at the paper price of its symbol's next plan, the last one at the newest mid."""
        by_symbol: dict[str, list[Wish]] = defaultdict(list)
        for wish in self.wishes:
            by_symbol[wish.symbol].append(wish)
        for symbol, wishes in by_symbol.items():
            after: Decimal | None = self.marks[symbol][1] if symbol in self.marks else None
            for wish in reversed(wishes):
                wish.end = after
                after = wish.paper if wish.paper is not None else after
