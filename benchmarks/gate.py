"""What Sentinel and gate cost an order, against what Nautilus itself needs for it, and whether that grows with the symbols.

Ours: the plan is judged (per line), approvals armed and reserved, every order judged at the gate with all controls passing, its
verdict line written and flushed, its fill counted; Nautilus' engine behind the gate is left out. Nautilus': a bare backtest with
orders less the same one without, over the orders. Both in this process, in turn, medians of several rounds. A plan has a line for
every symbol it names or holds, so whether the cost grows with the symbols is asked of the gate's part alone.

Run: .venv/bin/python benchmarks/gate.py [--rounds N]
Last lines: `ratio gate_per_order X` (bound 0.10) and `ratio flat_in_symbols X` (500 symbols against 10).
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from backtest import bars_of, run_bare
from made_market import make_market, write_inputs

ORDERS = 2_000
BARE_ASSETS = 100
BARE_DAYS = 60


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        market = make_market(assets=BARE_ASSETS, days=BARE_DAYS, every=20)
        orders = [
            (instant, f"{symbol[5:]}.US", buy, "1")
            for number, instant in enumerate(market.days[1 : 1 + ORDERS // BARE_ASSETS])
            for symbol in market.symbols
            for buy in [number % 2 == 0]
        ]
        gates = {symbols: GateBench(root / f"gate{symbols}", symbols) for symbols in (BARE_ASSETS, 10, 500)}
        found: dict[str, list[float]] = {}
        for number in range(rounds + 1):  # the first one warms up
            row = {"nautilus": (bare(market, root, orders) - bare(market, root, [])) / len(orders)}
            for symbols, bench in gates.items():
                row[f"gate{symbols}"], row[f"gate{symbols}_alone"] = bench.run()
            print(f"round {number}  " + "  ".join(f"{name} {seconds * 1e6:.1f} us" for name, seconds in row.items()))
            if number:
                for name, seconds in row.items():
                    found.setdefault(name, []).append(seconds)
    middle = {name: median(values) for name, values in found.items()}
    print("median   " + "  ".join(f"{name} {seconds * 1e6:.1f} us" for name, seconds in middle.items()))
    print(f"ratio gate_per_order {middle[f'gate{BARE_ASSETS}'] / middle['nautilus']:.3f}")
    print(f"ratio flat_in_symbols {middle['gate500_alone'] / middle['gate10_alone']:.3f}")


def bare(market: Any, root: Path, orders: list[Any]) -> float:
    """Seconds of a bare backtest that sends these orders."""
    (root / "orders.json").write_text(json.dumps(orders))
    gc.collect()
    seconds: float = run_bare(market, root)["seconds"]
    return seconds


class GateBench:
    """An assembly on a backtest kernel that has seen a price of every symbol; `run` judges and passes `ORDERS` orders."""

    def __init__(self, root: Path, symbols: int) -> None:
        from nautilus_trader.model.identifiers import InstrumentId

        from engine.assemble import Parts
        from engine.inputs import read_inputs
        from engine.market_time import IDENTITY
        from engine.run_config import load_config
        from lakehouse.layout import Layout
        from lakehouse.opening import open_journal
        from lakehouse.permission import FilePermission
        from sim.backtest import Backtest

        root.mkdir()
        market = make_market(assets=symbols, days=3, every=3)
        write_inputs(market, root)
        config = load_config(root / "config.toml")
        inputs = read_inputs(config)
        layout = Layout(directory=root / "lakehouse")
        layout.create()
        self.journal = open_journal(layout, now_ns=market.days[0], run_id="bench", durable=False)
        permission = FilePermission(layout)  # a shadow's: it looks for the file every time
        permission.resume(by="bench", reason="bench", now_ns=0)
        parts = Parts(
            config=config,
            run_id="bench",
            listings=inputs.listings,
            market_limits=inputs.market_limits,
            market_limits_sha256=inputs.market_limits_sha256,
            journal=self.journal,
            durable=False,
            permission=permission,
            market_time=IDENTITY,
            fold=self.journal.fold,
            bar_spec="1-DAY-LAST-EXTERNAL",
        )
        self.test = Backtest(parts)
        self.assembly = self.test.assembly
        cache = self.test.engine.kernel.cache
        self.instruments = {s: cache.instrument(InstrumentId.from_str(text)) for s, text in self.assembly.instrument_ids.items()}
        self.test.feed(bars_of(market, self.instruments))
        self.symbols = list(market.symbols)
        self.limits = config.sentinel_limits()
        self.gate: Any = self.assembly.gate
        self.gate._inner = lambda command: None  # what lies behind the gate is Nautilus'
        self.cycle = 0

    def run(self) -> tuple[float, float]:
        """Return seconds an order, of all and of the gate's part; Python's cycle collector comes as seldom as in a backtest."""
        from sim.backtest import rare_collections

        with rare_collections():
            return self._run()

    def _run(self) -> tuple[float, float]:
        planned = gated = 0.0
        lines = min(len(self.symbols), 100)  # a plan of a hundred lines, over whichever symbols
        for first in range(0, ORDERS, lines):
            chosen = [self.symbols[(first + place) % len(self.symbols)] for place in range(lines)]
            seconds = self._plan(chosen)
            planned, gated = planned + seconds[0], gated + seconds[1]
        started = time.perf_counter()
        self.journal.flush()
        gated += time.perf_counter() - started
        return (planned + gated) / ORDERS, gated / ORDERS

    def _plan(self, symbols: list[str]) -> tuple[float, float]:
        """Seconds for a plan that buys one unit of each symbol, and for its orders at the gate."""
        from orders.plan import Decision
        from sentinel.facts import Reference, SentinelFacts
        from sentinel.guard import judge_plan
        from sentinel.limits import limits_sha256

        self.cycle += 1
        kernel = self.test.engine.kernel
        kernel.clock.set_time(kernel.clock.timestamp_ns() + 2_000_000_000)  # a plan every two seconds: messages have a rate
        plan, quotes = self._made(symbols)
        state = self.assembly.sentinel
        now = kernel.clock.timestamp_ns()
        state.observe_plan(plan, now_ns=now)
        sha256 = "0" * 64
        assert limits_sha256(self.limits)
        clock: Callable[[], float] = time.perf_counter
        started = clock()
        facts = SentinelFacts(
            halted=False, grade=self.limits.provenance_min, regime_name="NORMAL", regime_quadrant=None,
            weights={symbol: Decimal("0.6") / len(symbols) for symbol in symbols}, quotes=quotes,
            references={symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in quotes.items()}, recent=(),
            open_exposure={}, now_ns=now,
            standing=state.standing(plan, automatic=False, generated_ns=now, now_ns=now, equity_ns=now),
        )  # fmt: skip
        judgement = judge_plan(plan, facts=facts, limits=self.limits, sha256=sha256)
        self.gate.approve(judgement.approvals, automatic=True)
        planned = clock() - started
        assert judgement.decision is Decision.PLAN, judgement.message
        assert len(judgement.approvals) == len(symbols)
        commands = [self._command(approval) for approval in judgement.approvals]
        started = clock()
        for command, approval, context in commands:
            self.gate.execute(command)
            self.gate.executed(
                approval.client_order_id, context, quantity=approval.quantity, price=approval.reference_price, now_ns=now
            )
        gated = clock() - started
        assert all(approval.client_order_id in self.gate._passed for approval in judgement.approvals), "a control denied one"
        self.gate.disarm()
        return planned, gated

    def _made(self, symbols: list[str]) -> tuple[Any, dict[str, Any]]:
        from orders.plan import Plan, PlanLine, Reason
        from orders.values import OrderKind, Side

        quotes = {symbol: quote for symbol in symbols if (quote := self.assembly.prices.quote_of(symbol)) is not None}
        zero, one = Decimal(0), Decimal(1)
        lines = tuple(
            PlanLine(
                line=number, symbol=symbol, venue="US", instrument_id=self.assembly.instrument_ids[symbol], side=Side.BUY,
                quantity=one, order_kind=OrderKind.MARKET, reason=Reason.TRADE, detail="", target_weight=zero, held_weight=zero,
                held_quantity=zero, wanted_quantity=one, bid=quotes[symbol].bid, ask=quotes[symbol].ask, unit_value_base=one,
                notional_base=quotes[symbol].ask, fee_base=zero,
            )
            for number, symbol in enumerate(symbols, start=1)
        )  # fmt: skip
        return Plan(
            version=1, environment="bench", manifest_sha256="a" * 64, source_run="bench", cycle=self.cycle, base_currency="USD",
            equity_base=Decimal(100_000_000), cash_base=Decimal(100_000_000), scale_factor=one, gross_before=zero,
            net_before=zero, gross_after=zero, net_after=zero, turnover=zero, tracking_error_bps=zero, forecast_cost_bps=zero,
            prices_ns=0, lines=lines,
        ), quotes  # fmt: skip

    def _command(self, approval: Any) -> tuple[Any, Any, Any]:
        from types import SimpleNamespace

        from nautilus_trader.core.uuid import UUID4
        from nautilus_trader.execution.messages import SubmitOrder
        from nautilus_trader.model.enums import OrderSide
        from nautilus_trader.model.identifiers import ClientOrderId
        from nautilus_trader.model.objects import Quantity

        order = self.assembly.strategy.order_factory.market(
            self.instruments[approval.symbol].id, OrderSide.BUY, Quantity(approval.quantity, 0),
            client_order_id=ClientOrderId(approval.client_order_id),
        )  # fmt: skip
        command = SubmitOrder(
            trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=order.ts_init
        )
        return command, approval, SimpleNamespace(symbol=approval.symbol, side=approval.side)


if __name__ == "__main__":
    main()
