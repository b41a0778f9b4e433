"""Steps run at prices inside a kernel, and a hand-armed resting order as the manifest strategy would have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from engine.assemble import Assembly
from engine.order_context import ManifestFacts, context_of
from engine.sentinel_state import SentinelState
from lakehouse import records
from orders.plan import Approval
from orders.values import Listing, OrderKind, Side
from sentinel.armed import Armed
from sentinel.running_state import RunningState
from tests.gate.world import SOURCE_RUN, Name

EQUITY: Final = Decimal(100_000)  # of the made world


class Script(Strategy):  # type: ignore[misc]
    """Runs one step at each price of one instrument, on whatever thread the kernel runs strategies."""

    def __init__(self, instrument_id: str, steps: Sequence[Callable[[Any], None]]) -> None:
        super().__init__(StrategyConfig(strategy_id="SCRIPT", order_id_tag="777"))
        self._id = InstrumentId.from_str(instrument_id)
        self._steps = list(steps)
        self.done = 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self._id)

    def on_quote_tick(self, tick: Any) -> None:
        if self._steps:
            step = self._steps.pop(0)
            step(self)
            self.done += 1


def approval_of(name: Name, *, order_id: str, quantity: str, limit: str | None) -> Approval:
    """Return leave for one buy, as the Sentinel would give it."""
    return Approval(
        client_order_id=order_id, environment="made-day", manifest_sha256="a" * 64, plan_sha256="b" * 64, cycle=1, line=1,
        symbol=name.symbol, instrument_id=name.instrument_id, venue="BINANCE", side=Side.BUY, quantity=Decimal(quantity),
        order_kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
        limit_price=None if limit is None else Decimal(limit), reduce_only=False,
        reference_price=Decimal(limit if limit is not None else name.price), unit_value_base=Decimal(1),
        reduces=False,
    )  # fmt: skip


def arm(
    assembly: Assembly,
    approval: Approval,
    *,
    listing: Listing | None = None,
    equity_base: Decimal = EQUITY,
    automatic: bool = True,
) -> None:
    """Write the intent of an approval and give the approval to the gate. `listing` None: a pair against USDT."""
    now = assembly.recorder.stamp()["ts_ns"]
    intent = records.Intent(
        **assembly.recorder.stamp(), cycle=1, line=1, client_order_id=approval.client_order_id, symbol=approval.symbol,
        instrument_id=approval.instrument_id, venue=approval.venue, side=approval.side, quantity=str(approval.quantity),
        order_kind=approval.order_kind.value, limit_price=None if approval.limit_price is None else str(approval.limit_price),
        time_in_force="GTC", reduce_only=False, strategy_id="SLUICE-001", source_run=SOURCE_RUN, manifest_sha256="a" * 64,
        plan_sha256="b" * 64, decision_price=None, arrival_bid="1", arrival_ask="1", arrival_mid="1", arrival_ns=now,
        planned_ns=now, approved_ns=now, forecast_fee_base="0",
    )  # fmt: skip
    facts = ManifestFacts(
        manifest_sha256="a" * 64, source_run=SOURCE_RUN, run_ledger_head=None, written_ns=None, read_ns=now, decision_prices={}
    )
    listing = listing or Listing(
        symbol=approval.symbol, venue=approval.venue, instrument_id=approval.instrument_id, quote_currency="USDT",
        base_currency=approval.symbol.split(":")[1].removesuffix("USDT"), ccxt_symbol=None, asset_class="spot",
    )  # fmt: skip
    assembly.recorder._append(intent)
    assembly.recorder.contexts[approval.client_order_id] = context_of(
        intent, manifest=facts, listing=listing, multiplier=Decimal(1)
    )
    market_ns = assembly.recorder.market_now_ns()
    valued(assembly.sentinel.running, approval, now_ns=now, market_ns=market_ns, equity_base=equity_base)
    assembly.gate.approve([approval], automatic=automatic)


def valued(running: RunningState, approval: Approval, *, now_ns: int, market_ns: int, equity_base: Decimal = EQUITY) -> None:
    """Value the book, as a plan does before it is judged: at what the made world starts with."""
    running.observe(
        equity_base=equity_base, positions={}, values={approval.symbol: approval.reference_price}, now_ns=now_ns,
        market_ns=market_ns,
    )  # fmt: skip


def another_state(assembly: Assembly, *, armed: Armed | None = None) -> SentinelState:
    """Return a second state of the same run, with counts of its own, for a second gate; its equity never grows old."""
    known = assembly.sentinel
    return SentinelState(
        limits=msgspec.structs.replace(known._limits, equity_age_max_ns=2**63), writer=assembly.recorder,
        keeper=assembly.recorder.keeper, prices=assembly.prices, market_time=known._market_time,
        market_limits=known._market_limits, valuer=known._valuer, volumes={}, turnover=known._turnover,
        clock_ns=assembly.recorder._clock_ns, interval_ns=1, halt=assembly.halt, armed=armed,
    )  # fmt: skip


def order_from(assembly: Assembly, approval: Approval) -> Any:
    """Return the owner's order of an approval, made by its own factory."""
    instrument = assembly.strategy.cache.instrument(InstrumentId.from_str(approval.instrument_id))
    quantity = instrument.make_qty(approval.quantity)
    order_id = ClientOrderId(approval.client_order_id)
    factory = assembly.strategy.order_factory
    if approval.limit_price is None:
        return factory.market(instrument.id, OrderSide.BUY, quantity, client_order_id=order_id)
    price = instrument.make_price(approval.limit_price)
    return factory.limit(instrument.id, OrderSide.BUY, quantity, price, client_order_id=order_id)


def submit_of(order: Any) -> Any:
    """Return the command that submits an order."""
    return SubmitOrder(
        trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=order.ts_init
    )
