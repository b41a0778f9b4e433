"""Everything switched on against a bare Nautilus strategy that sends the same orders over the same bars.

100 assets x 1,260 daily bars, a manifest every 21 days that moves all weights: 6,000 orders. Each variant runs in a process
of its own, in turn, several times; time is from the first bar handed to the engine to the end of the run with the record
flushed (manifests read and judged included, imports and bar objects excluded), memory the process' peak. Afterwards the
verifier must find the record whole, with every fill, and both variants must have traded the same.

Time is the process' CPU time, with the wall's beside it: a variant is one process that never sleeps, and writes without waiting
for the disk, so on a machine of its own the two are the same, and on a shared one the wall counts the neighbours.

Run: .venv/bin/python benchmarks/backtest.py [--rounds N] [--assets N] [--days N]
Last lines: `ratio time_overhead X` (bound 1.10) and `ratio memory_overhead X` (bound 1.15), medians over the rounds of full over
bare of the same round; before them the same of the wall, `wall_overhead`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from made_market import MadeMarket, make_market, write_inputs

EVERY_DAYS = 21


def main() -> None:
    """Run both variants in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--days", type=int, default=1260)
    parser.add_argument("--variant", choices=["full", "bare"])
    parser.add_argument("--root", type=Path)
    arguments = parser.parse_args()
    if arguments.variant:
        market = make_market(assets=arguments.assets, days=arguments.days, every=EVERY_DAYS)
        run = run_full if arguments.variant == "full" else run_bare
        print(json.dumps(run(market, arguments.root)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        market = make_market(assets=arguments.assets, days=arguments.days, every=EVERY_DAYS)
        write_inputs(market, root)
        command = [sys.executable, __file__, "--assets", str(arguments.assets), "--days", str(arguments.days), "--root", folder]
        results: dict[str, list[dict[str, Any]]] = {"full": [], "bare": []}
        for number in range(arguments.rounds + 1):
            for variant in ("full", "bare") if number % 2 == 0 else ("bare", "full"):
                done = subprocess.run([*command, "--variant", variant], capture_output=True, text=True, check=True)
                result = json.loads(done.stdout.splitlines()[-1])
                if number:  # the first round warms the disk and writes the orders the bare one sends
                    results[variant].append(result)
                print(f"round {number} {variant:5} {result}")
    assert results["full"][0]["fills"] == results["bare"][0]["fills"], "the two did not trade the same"
    assert results["full"][0]["bought"] == results["bare"][0]["bought"], "the two did not trade the same"
    measures = (("wall_overhead", "seconds"), ("time_overhead", "cpu_seconds"), ("memory_overhead", "peak_kb"))
    for name, key in measures:
        full, bare = (median(r[key] for r in results[variant]) for variant in ("full", "bare"))
        print(f"median {name}: full {full} bare {bare}")
    for name, key in measures:
        ratios = [full[key] / bare[key] for full, bare in zip(results["full"], results["bare"], strict=True)]
        print(f"ratio {name} {median(ratios):.3f}")


def bars_of(market: MadeMarket, instruments: dict[str, Any]) -> list[Any]:
    """Return the market's bars in time order."""
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.objects import Price, Quantity

    types = {symbol: BarType.from_str(f"{instrument.id}-1-DAY-LAST-EXTERNAL") for symbol, instrument in instruments.items()}
    volume = Quantity.from_int(1_000_000)
    bars = []
    for index, instant in enumerate(market.days):
        for symbol in market.symbols:
            price = Price.from_str(market.closes[symbol][index])
            bars.append(Bar(types[symbol], price, price, price, price, volume, instant, instant))
    return bars


def now() -> tuple[float, float]:
    """Return the instant by the wall and by this process' CPU time, in seconds."""
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float]) -> dict[str, float]:
    """Return the seconds since an instant, by both."""
    return {key: round(end - start, 3) for key, start, end in zip(("seconds", "cpu_seconds"), started, now(), strict=True)}


def peak_kb() -> int:
    """Return this process' peak resident memory in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_full(market: MadeMarket, root: Path) -> dict[str, Any]:
    """Sluice: manifests, planner, Sentinel, gate, recorder, journal, ledger. Leaves the orders it sent in `orders.json`."""
    import shutil

    from nautilus_trader.model.identifiers import InstrumentId

    from engine.assemble import Parts
    from engine.inputs import read_inputs
    from engine.market_time import IDENTITY
    from engine.run_config import load_config
    from lakehouse.layout import Layout
    from lakehouse.opening import open_journal
    from lakehouse.permission import MemoryPermission
    from lakehouse.verifier import verify
    from sim.backtest import Backtest
    from sim.backtest_run import portfolio_at
    from sim.inputs import manifests_of

    config = load_config(root / "config.toml")
    inputs = read_inputs(config)
    shutil.rmtree(root / "lakehouse", ignore_errors=True)
    layout = Layout(directory=root / "lakehouse")
    layout.create()
    journal = open_journal(layout, now_ns=market.days[0], run_id="bench", durable=False)
    test = Backtest(
        Parts(
            config=config,
            run_id="bench",
            listings=inputs.listings,
            market_limits=inputs.market_limits,
            market_limits_sha256=inputs.market_limits_sha256,
            journal=journal,
            durable=False,
            permission=MemoryPermission(),
            market_time=IDENTITY,
            fold=journal.fold,
            bar_spec="1-DAY-LAST-EXTERNAL",
        )
    )
    cache = test.engine.kernel.cache
    instruments = {s: cache.instrument(InstrumentId.from_str(text)) for s, text in test.assembly.instrument_ids.items()}
    bars = bars_of(market, instruments)
    started = now()
    portfolios = [portfolio_at(config, instant, path) for instant, path in manifests_of(config)]
    test.feed(bars, portfolios)
    test.finish()
    journal.close()
    seconds, peak = since(started), peak_kb()
    report = verify(layout.directory)
    assert report.ok, f"verify of the run's own record: {report}"
    counts = test.assembly.recorder.counts
    assert report.fills == counts["fills"], "the record has not every fill"
    orders = [(order.ts_init, order.instrument_id.value, order.side == 1, str(order.quantity)) for order in cache.orders()]
    (root / "orders.json").write_text(json.dumps(sorted(orders)))
    bought = sum(int(str(order.filled_qty)) for order in cache.orders() if order.side == 1)
    return {**seconds, "peak_kb": peak, "fills": counts["fills"], "bought": bought}


def run_bare(market: MadeMarket, root: Path, *, cash: int = 100_000_000) -> dict[str, Any]:
    """Nautilus alone: a strategy on all bars that sends the same orders on the same days, from `cash` dollars."""
    from decimal import Decimal

    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.trading.config import StrategyConfig
    from nautilus_trader.trading.strategy import Strategy

    by_instant: dict[int, list[tuple[str, bool, str]]] = {}
    for instant, instrument_id, buy, quantity in json.loads((root / "orders.json").read_text()):
        by_instant.setdefault(instant, []).append((instrument_id, buy, quantity))

    class Bare(Strategy):  # type: ignore[misc]  # Nautilus is untyped
        def __init__(self, types: list[Any]) -> None:
            super().__init__(StrategyConfig(order_id_tag="001"))
            self.types = types
            self.seen = 0

        def on_start(self) -> None:
            for bar_type in self.types:
                self.subscribe_bars(bar_type)

        def on_bar(self, bar: Any) -> None:
            self.seen += 1
            if self.seen % len(self.types) == 0 and bar.ts_event in by_instant:
                for instrument_id, buy, quantity in by_instant[bar.ts_event]:
                    self.submit_order(
                        self.order_factory.market(
                            InstrumentId.from_str(instrument_id),
                            OrderSide.BUY if buy else OrderSide.SELL,
                            Quantity.from_str(quantity),
                        )
                    )

    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(max_order_submit_rate="1000000/00:00:01"),
            run_analysis=False,
        )
    )
    engine.add_venue(
        Venue("US"), OmsType.NETTING, AccountType.CASH, [Money(cash, USD)], base_currency=None, default_leverage=Decimal(1)
    )
    instruments = {}
    for symbol in market.symbols:
        raw = Symbol(symbol[5:])
        instrument = Equity(
            instrument_id=InstrumentId(raw, Venue("US")),
            raw_symbol=raw,
            currency=USD,
            price_precision=2,
            price_increment=Price.from_str("0.01"),
            lot_size=Quantity.from_int(1),
            ts_event=0,
            ts_init=0,
            maker_fee=Decimal("0.0001"),
            taker_fee=Decimal("0.0001"),
        )
        instruments[symbol] = instrument
        engine.add_instrument(instrument)
    engine.add_strategy(Bare([BarType.from_str(f"{i.id}-1-DAY-LAST-EXTERNAL") for i in instruments.values()]))
    bars = bars_of(market, instruments)
    started = now()
    engine.add_data(bars)
    engine.run()
    seconds, peak = since(started), peak_kb()
    filled = [order for order in engine.cache.orders() if order.is_closed and order.filled_qty > 0]
    bought = sum(int(str(order.filled_qty)) for order in filled if order.side == OrderSide.BUY)
    return {**seconds, "peak_kb": peak, "fills": len(filled), "bought": bought}


if __name__ == "__main__":
    main()
