"""What the Sentinel judges with: the facts beside a plan, and the book as some of its lines would make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from orders.plan import Approval, Plan, PlanLine
from orders.valuation import OpenExposure
from orders.values import Grade, MarketHours, OrderKind, Quote, Record, Side
from sentinel.override_values import SignedOverride
from sentinel.standing import Reference as Reference
from sentinel.standing import Standing

ZERO: Final = Decimal(0)
NO_EXPOSURE: Final = OpenExposure(buy_base=ZERO, sell_base=ZERO)


class RecentApproval(Record, frozen=True, kw_only=True):
    """An order that was approved before; `price` is its limit price, or the far touch it was judged on."""

    client_order_id: str
    cycle: int
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    approved_ns: int

    @staticmethod
    def of(approval: Approval, *, approved_ns: int) -> RecentApproval:
        """Return what must be remembered of `approval`."""
        return RecentApproval(
            client_order_id=approval.client_order_id,
            cycle=approval.cycle,
            symbol=approval.symbol,
            side=approval.side,
            quantity=approval.quantity,
            price=approval.reference_price if approval.limit_price is None else approval.limit_price,
            approved_ns=approved_ns,
        )


class SentinelFacts(Record, frozen=True, kw_only=True):
    """What the Sentinel knows beside the plan. `now_ns` is on the time scale of quotes, references and approvals.

    `grade` None: not graded. `regime_name`, `regime_quadrant`: the worse of the manifest's and the audit's, None when absent
    (a missing name is CRISIS); `regime_source`: who said so, in words, where it was not the manifest. `weights`: the manifest's
    net targets. `open_exposure`: by symbol, what still works.
    `recent`: at least the approvals of the duplicate window and of the open cycle. `hours`: by symbol; None: not judged.
    `reductions_only`: the plan follows no manifest but a person's word to flatten.
    `standing`: what was counted up to now; None denies in every control that needs it. `approved_by`: whose signed
    approval of the manifest was found; "" nobody's; None: none is asked for. `override`: what persons signed for this plan, not
    used before; None: nothing.
    """

    halted: bool
    grade: Grade | None
    regime_name: str | None
    regime_quadrant: str | None
    weights: Mapping[str, Decimal]
    quotes: Mapping[str, Quote]
    references: Mapping[str, Reference]
    recent: Sequence[RecentApproval]
    open_exposure: Mapping[str, OpenExposure]
    now_ns: int
    hours: Mapping[str, MarketHours] | None = None
    regime_source: str = ""
    reductions_only: bool = False
    standing: Standing | None = None
    approved_by: str | None = None
    override: SignedOverride | None = None


class Projection(Record, frozen=True, kw_only=True):
    """The book before and after some lines, in base currency, open orders at their worst case; `assets` by line number:
    (symbol, |position| before, |position| after). HHI parts are sums of squares. `net_worst_*` >= 0: the larger end of the range
    net exposure can reach. `opens`: some line takes a position further from zero, or through it; `opened`: what those trade.
    """

    equity: Decimal
    gross_before: Decimal
    gross_after: Decimal
    net_before: Decimal
    net_after: Decimal
    squares_before: Decimal
    squares_after: Decimal
    traded: Decimal
    opened: Decimal
    net_worst_before: Decimal
    net_worst_after: Decimal
    opens: bool
    assets: tuple[tuple[int, str, Decimal, Decimal], ...]


def project(plan: Plan, lines: Sequence[PlanLine], *, facts: SentinelFacts) -> Projection | None:
    """Return the book as `lines` would change it; None when equity, a held line's price or an open
    exposure is missing or not finite.

    A position's worst case is the end of the range its open orders can take it to; net counts open buys as filled.
    """
    equity = plan.equity_base
    if not (equity.is_finite() and equity > 0):
        return None
    chosen = {line.line: line for line in lines}  # a cap may have made them smaller than the plan has them
    gross_before = gross_after = net_before = net_after = squares_before = squares_after = traded = opened = ZERO
    high_before = high_after = low_before = low_after = ZERO  # net with all open buys filled, with all open sells
    opening = False
    assets = []
    seen = set()
    for planned in plan.lines:
        line = chosen.get(planned.line, planned)
        trades = planned.line in chosen
        if line.symbol in seen and not trades:
            continue  # a second line that was denied: what is held and open of its symbol is counted once
        seen.add(line.symbol)
        before = size = ZERO
        if line.held_quantity or trades:
            if line.bid is None or line.ask is None or line.unit_value_base is None:
                return None
            value = (line.bid + line.ask) / 2 * line.unit_value_base
            before = line.held_quantity * value
            if trades:
                size = line.quantity * value
        opens = facts.open_exposure.get(line.symbol, NO_EXPOSURE)
        if not (before.is_finite() and size.is_finite() and _usable(opens)):
            return None
        after = before + size if line.side is Side.BUY else before - size
        worst_before = max(before + opens.buy_base, opens.sell_base - before)  # of the two ends: none is further from zero
        worst_after = max(after + opens.buy_base, opens.sell_base - after)
        gross_before += worst_before
        gross_after += worst_after
        net_before += before + opens.buy_base
        net_after += after + opens.buy_base
        squares_before += worst_before * worst_before
        squares_after += worst_after * worst_after
        high_before += before + opens.buy_base
        high_after += after + opens.buy_base
        low_before += before - opens.sell_base
        low_after += after - opens.sell_base
        traded += size
        if trades:
            if not reduces(line):
                opening = True
                opened += size
            assets.append((line.line, line.symbol, worst_before, worst_after))
    for symbol, opens in facts.open_exposure.items():
        if symbol not in seen:
            if not _usable(opens):
                return None
            worst = max(opens.buy_base, opens.sell_base)
            gross_before, gross_after = gross_before + worst, gross_after + worst
            net_before, net_after = net_before + opens.buy_base, net_after + opens.buy_base
            squares_before, squares_after = squares_before + worst * worst, squares_after + worst * worst
            high_before, high_after = high_before + opens.buy_base, high_after + opens.buy_base
            low_before, low_after = low_before - opens.sell_base, low_after - opens.sell_base
    return Projection(
        equity=equity,
        gross_before=gross_before,
        gross_after=gross_after,
        net_before=net_before,
        net_after=net_after,
        squares_before=squares_before,
        squares_after=squares_after,
        traded=traded,
        opened=opened,
        net_worst_before=max(high_before, -low_before, ZERO),
        net_worst_after=max(high_after, -low_after, ZERO),
        opens=opening,
        assets=tuple(assets),
    )


def _usable(opens: OpenExposure) -> bool:
    return opens.buy_base.is_finite() and opens.buy_base >= 0 and opens.sell_base.is_finite() and opens.sell_base >= 0


def reduces(line: PlanLine) -> bool:
    """Whether a line only brings its position toward zero; a position or a quantity that is not finite does not."""
    if line.side is None or not (line.held_quantity.is_finite() and line.quantity.is_finite()):
        return False
    return line.held_quantity * line.side.sign < 0 and line.quantity <= abs(line.held_quantity)


def far_touch(line: PlanLine) -> Decimal | None:
    """Return the price a market order of this line meets: ask for a buy, bid for a sell; None when absent or unusable."""
    touch = line.ask if line.side is Side.BUY else line.bid
    return touch if touch is not None and touch.is_finite() and touch > 0 else None


def order_price(line: PlanLine) -> Decimal | None:
    """Return the price a line is judged at: the far touch of a market order, the limit price of a limit order; None when it
    or the far touch is absent, zero, negative or not finite.
    """
    touch = far_touch(line)
    if touch is None or line.order_kind is OrderKind.MARKET:
        return touch if line.limit_price is None else None
    price = line.limit_price
    return price if price is not None and price.is_finite() and price > 0 else None


def order_value_base(quantity: Decimal, *, price: Decimal, unit_value_base: Decimal, quoted: bool) -> Decimal:
    """Return quantity x price x multiplier x rate in base currency; of a `quoted` quantity, an amount of quote currency, without
    the price. Inside `exact_arithmetic`. Deribit's and Binance's inverse contracts are worth a fixed amount of quote currency.
    """
    return quantity * unit_value_base if quoted else quantity * price * unit_value_base
