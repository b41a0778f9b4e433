"""A recorded shadow run once more, through a backtest: the same inputs at the instants at which the node had them.

The backtest's clock runs in the real time of the run, and market time is the run's own function of it: latencies, price ages and
rates mean what they meant, at any speed. What differs from the run is then the engine, or what took it time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final

from nautilus_trader.model.identifiers import InstrumentId

from engine.assemble import Parts, write_run_start
from engine.bundle_carried import carried_bundle
from engine.inputs import Inputs, read_inputs
from engine.lakehouse_client import portfolio_of
from engine.restore import withdraw_dead
from engine.run_config import RunConfig
from lakehouse import records
from lakehouse.bundles import write_bundle
from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.permission import HaltNote, MemoryPermission
from lakehouse.rebuild import decode_line
from sim.backtest import Backtest
from sim.carried_orders import CarriedOrders
from sim.feed import FeedQuote
from sim.recorded_run import QUOTE_COLUMNS, RecordedRun, read_quotes
from sim.replay_client import tick_of
from strategies.target_portfolio import as_custom

ENGINE: Final = "engine"  # who halts by itself; any other name is a person's


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What a replay wrote, and why the engine halted itself, if it did."""

    lines: Sequence[records.AnyLine]
    halts: Sequence[str]


class RecordedHalts(MemoryPermission):
    """A person's halts, and what takes them back, at the instants at which the run saw them."""

    def __init__(self, halts: Sequence[records.HaltLine]) -> None:
        super().__init__()
        self._waiting = [(line.action, HaltNote(by=line.by, reason=line.reason, ts_ns=line.ts_ns)) for line in halts]
        self.clock_ns: Callable[[], int] = lambda: 0

    def may_send(self) -> bool:
        while self._waiting and self._waiting[0][1].ts_ns <= self.clock_ns():
            action, note = self._waiting.pop(0)
            (self.halt if action == "halt" else self.resume)(by=note.by, reason=note.reason, now_ns=note.ts_ns)
        return super().may_send()


def persons_halts(run: RecordedRun) -> list[records.HaltLine]:
    """Return the halts and resumes of a run that a person asked for; a halt in force when it began counts from its beginning."""
    halts = [line for line in run.lines if isinstance(line, records.HaltLine) and line.by != ENGINE]
    return halts if run.fold.halt is None else [run.fold.halt, *halts]


def replay(
    run: RecordedRun,
    *,
    layout: Layout,
    config: RunConfig | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,
    bundle: str | None = None,
) -> Replayed:
    """Play the run into a new record at `layout` and return its lines. `config` None: the run's own.
    `bundle`: the one it is held to, but for the data: its prices are the run's.

    `say(done, total)` is called after each batch of quotes. Raises `InputError`, `ConfigError`, `StorageError`.
    """
    config = config or run.config
    inputs = read_inputs(config)
    carried = carried_bundle(config, inputs, layout=run.layout, named=bundle, but=frozenset({"data"}))
    journal = open_journal(layout, now_ns=run.start.ts_ns, run_id=run.start.run_id, durable=False)
    if bundle is not None:
        write_bundle(layout, carried)
    failures: list[str] = []
    permission = RecordedHalts(persons_halts(run))
    parts = Parts(
        config=config,
        run_id=run.start.run_id,
        listings=inputs.listings,
        market_limits=inputs.market_limits,
        market_limits_sha256=inputs.market_limits_sha256,
        journal=journal,
        durable=False,
        permission=permission,
        market_time=run.market_time,
        fold=run.fold,
        bar_spec=None,
        on_halt=failures.append,
        bundle_sha256=carried.sha256,
    )
    test = Backtest(parts)
    permission.clock_ns = test.engine.kernel.clock.timestamp_ns
    try:
        _play(test, parts, run, inputs=inputs, say=say)
        test.stop()
        test.assembly.recorder.write(records.RunStop, cause="finished", open_orders=len(test.engine.kernel.cache.orders_open()))
        journal.flush()
    finally:
        journal.close()
        test.dispose()
    return Replayed(lines=[decode_line(raw) for raw in layout.log.read_bytes().splitlines()], halts=failures)


def _play(test: Backtest, parts: Parts, run: RecordedRun, *, inputs: Inputs, say: Callable[[int, int], None]) -> None:
    clock = test.engine.kernel.clock
    clock.set_time(run.start.ts_ns)
    write_run_start(
        test.assembly,
        parts,
        kind="replay",
        version=version("sluice"),
        data_source=f"replay of run {run.start.run_id}",
        synthetic=list(inputs.synthetic),
    )
    if test.restored is not None:
        withdraw_dead(test.restored, fold=run.fold, recorder=test.assembly.recorder)
        test.assembly.desk.attach(test.assembly.strategy, test.restored.working, unwatched=test.restored.unwatched)
        CarriedOrders(test)
    instruments = {
        symbol: test.engine.kernel.cache.instrument(InstrumentId.from_str(text))
        for symbol, text in test.assembly.instrument_ids.items()
    }
    portfolios = [(ts_ns, as_custom(portfolio_of(outcome, now_ns=ts_ns))) for ts_ns, outcome in run.published]
    for number, file in enumerate(run.market, start=1):
        ticks = list(_ticks(read_quotes(run.layout, file), instruments))
        last_ns = ticks[-1].ts_init if ticks else 0
        due = [custom for ts_ns, custom in portfolios if ts_ns <= last_ns]
        portfolios = portfolios[len(due) :]
        test.feed(ticks, due)
        say(number, len(run.market))
    test.feed((), [custom for _, custom in portfolios])
    if (left_ns := run.end_ns - clock.timestamp_ns()) > 0:
        test.advance(left_ns)


def _ticks(table: Any, instruments: Any) -> Iterator[Any]:
    """Yield a batch's quotes of instruments that are traded, stamped as they were."""
    columns = (table.column(name).to_pylist() for name in QUOTE_COLUMNS)
    for ts_ns, received_ns, symbol, bid, ask, bid_size, ask_size in zip(*columns, strict=True):
        instrument = instruments.get(symbol)
        if instrument is not None:
            quote = FeedQuote(
                market_ns=ts_ns,
                symbol=symbol,
                bid=Decimal(bid),
                ask=Decimal(ask),
                bid_size=Decimal(bid_size),
                ask_size=Decimal(ask_size),
            )
            yield tick_of(quote, instrument, ts_ns=ts_ns, received_ns=received_ns)
