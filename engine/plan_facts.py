"""The world as a plan sees it: book, prices, open orders, what was traded today; and what the Sentinel sees beside the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId

from engine.day_turnover import DayTurnover
from engine.gate import Gate
from engine.hours import Hours
from engine.intake import Audited
from engine.prices import Prices
from engine.recorder import Recorder
from engine.regime_watch import RegimeSeen
from engine.run_config import RunConfig
from lakehouse.permission import Permission
from orders.capital import Capital
from orders.plan import Held, OpenOrder, PlanInputs, PlanPolicy
from orders.valuation import Marks, OpenExposure, open_exposure, value_book
from orders.values import Listing, MarketLimits, Rate, Side
from sentinel.facts import RecentApproval, Reference, SentinelFacts
from sentinel.override_values import SignedOverride
from sentinel.standing import Standing


class PlanFacts:
    """One per run; reads, and writes nothing. `approvals`: a manifest is planned from only with a person's signed approval.
    `capital()`: what a promoted run may use now, None where nothing governs it.
    """

    def __init__(
        self,
        *,
        config: RunConfig,
        policy: PlanPolicy,
        rates: Mapping[str, Rate],
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        recorder: Recorder,
        gate: Gate,
        permission: Permission,
        prices: Prices,
        cache: Any,
        clock_ns: Callable[[], int],
        turnover: DayTurnover,
        hours: Hours,
        approvals: bool,
        capital: Callable[[], Capital | None],
    ) -> None:
        self.policy = policy
        self._capital = capital
        self._approvals = approvals
        self._environment = config.environment
        self._accounts = config.accounts()
        self._fees = config.fees()
        self._taker_terms = config.taker_terms()
        self._rates = rates
        self._listings = listings
        self._market_limits = market_limits
        self._recorder = recorder
        self._gate = gate
        self._permission = permission
        self._prices = prices
        self._cache = cache
        self._symbols = {listing.instrument_id: symbol for symbol, listing in listings.items()}
        self._clock_ns = clock_ns
        self._turnover = turnover
        self._hours = hours

    def inputs(
        self,
        *,
        cycle: int,
        manifest_sha256: str,
        source_run: str,
        targets: Mapping[str, Decimal],
        symbols: Sequence[str],
        after_ns: int = 0,
        awaited: Sequence[str] = (),
        shares: Mapping[str, Mapping[str, Decimal]] | None = None,
        cause: str = "",
        opens_nothing: bool = False,
    ) -> PlanInputs:
        """Return the world now, with the prices of `symbols`; of those `awaited` one not newer than `after_ns` counts as none."""
        held_to, now_ns = set(awaited), self._clock_ns()
        seen = {symbol: quote for symbol in symbols if (quote := self._prices.quote_of(symbol)) is not None}
        quotes = {symbol: quote for symbol, quote in seen.items() if quote.ts_ns > after_ns or symbol not in held_to}
        inputs = PlanInputs(
            environment=self._environment,
            manifest_sha256=manifest_sha256,
            source_run=source_run,
            cycle=cycle,
            targets=targets,
            book=self._recorder.keeper.snapshot(),
            open_orders=self.open_orders(),
            quotes=quotes,
            limits=self._market_limits,
            listings=self._listings,
            accounts=self._accounts,
            fees=self._fees,
            taker_terms=self._taker_terms,
            rates=self._rates,
            policy=self.policy,
            now_ns=now_ns,
            shares=shares,
            hours=self._hours.of(now_ns),
            cause=cause,
            capital=self._capital(),
            opens_nothing=opens_nothing,
        )
        if self.policy.turnover_day_max is None:
            return inputs
        return msgspec.structs.replace(inputs, turnover_today=self._turnover_today(inputs))

    def _turnover_today(self, inputs: PlanInputs) -> Decimal | None:
        """None where the book cannot be valued: there is no plan then either."""
        marks = Marks.of_inputs(inputs)
        valued = value_book(inputs.book, marks=marks)
        if isinstance(valued, Held):
            return None
        return self._turnover.fraction_of(valued.equity_base, market_ns=self._recorder.market_now_ns(), rate_of=marks.rate)

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Orders that may still fill: others', and those of ours that a newer manifest found working.

        A parent whose schedule runs counts with all that it has not filled, sent or not, and its children do not.
        """
        found = []
        scheduled = set()
        for parent in self._gate.children.parents():
            primary = self._cache.order(ClientOrderId(parent.client_order_id))
            left = parent.quantity - self._recorder.contexts[parent.client_order_id].filled
            if primary is not None and not primary.is_closed and left > 0:
                scheduled.add(primary.client_order_id)
                found.append(
                    OpenOrder(
                        client_order_id=parent.client_order_id, symbol=parent.symbol, side=parent.side, leaves_quantity=left
                    )
                )
        for order in self._cache.orders_open() + self._cache.orders_inflight():
            symbol = self._symbols.get(order.instrument_id.value)
            if symbol is not None and order.exec_spawn_id not in scheduled:
                found.append(
                    OpenOrder(
                        client_order_id=order.client_order_id.value,
                        symbol=symbol,
                        side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
                        leaves_quantity=order.leaves_qty.as_decimal(),
                    )
                )
        return tuple(found)

    def open_exposure(
        self, inputs: PlanInputs, unsent: Sequence[OpenOrder], *, reductions_only: bool
    ) -> Mapping[str, OpenExposure] | Held:
        """Return what open orders, and approved ones not sent yet, may still add, by symbol; `Held` where one has no price."""
        known = {order.client_order_id for order in inputs.open_orders}
        waiting = [order for order in unsent if order.client_order_id not in known]
        orders = () if reductions_only else (*inputs.open_orders, *waiting)  # it may go where they cannot be valued
        return open_exposure(orders, marks=Marks.of_inputs(inputs))

    def sentinel_facts(
        self,
        audited: Audited,
        decision: Mapping[str, tuple[Decimal, int]],
        inputs: PlanInputs,
        *,
        regime: RegimeSeen,
        open_exposure: Mapping[str, OpenExposure],
        recent: Sequence[RecentApproval],
        reductions_only: bool,
        standing: Standing,
        override: SignedOverride | None = None,
    ) -> SentinelFacts:
        """What the Sentinel sees beside the plan. A symbol without a decision price is held against its own last mid."""
        quotes = inputs.quotes
        references = {symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in quotes.items()}
        for symbol, (price, ts_ns) in decision.items():
            references[symbol] = Reference(price=price, ts_ns=ts_ns)
        return SentinelFacts(
            halted=not self._permission.may_send(),
            grade=audited.grade,
            regime_name=regime.name,
            regime_quadrant=regime.quadrant,
            regime_source=regime.source,
            weights=audited.weights,
            quotes=quotes,
            references=references,
            recent=recent,
            open_exposure=open_exposure,
            now_ns=inputs.now_ns,
            hours=inputs.hours,
            reductions_only=reductions_only,
            standing=standing,
            approved_by=audited.approved_by if self._approvals else None,
            override=override,
        )
