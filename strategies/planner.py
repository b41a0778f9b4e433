"""The planner: from targets and a book to a plan, purely. One line per target and per held instrument, each with its reason.

(1) value the book, (2) decide each line's leg, (3) size it, (4) fit the buys of cash accounts to cash, (5) order and sum up.
Whether the plan may be traded is not judged here: see `sentinel.guard`.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Final

from orders.errors import InputError
from orders.exact import CEILING, FLOOR, FRACTION_PLACES, ROUNDED, exact_arithmetic, fraction
from orders.plan import Held, OpenOrder, Plan, PlanInputs, Reason, UnnamedPositions
from orders.valuation import Mark, Marks, NoMark, Valuation, value_book
from orders.values import Side
from strategies import plan_text
from strategies.plan_lines import Draft, Pot, decide, record_line, size

PLAN_VERSION: Final = 1
BPS: Final = Decimal(10_000)
BPS_PLACES: Final = Decimal("1e-6")
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
TRADE_ORDER: Final = {Side.SELL: 0, Side.BUY: 1}
UNSENT: Final = 2


def plan(inputs: PlanInputs) -> Plan | Held:
    """Return the plan for these inputs, or `Held` when the book cannot be valued: see `orders.valuation.value_book`.

    The same inputs give the same plan, whatever the order of their mappings; `now_ns` only judges ages. Targets are valued
    at mid, buys at ask, sells at bid; quantities go toward zero to the step and never past the target. Rules of a line,
    first that applies: an open order works (IN_FLIGHT); unnamed and kept (KEPT); no listing, account, fees, price, limits or
    rate; a short target on a cash account (REFUSED_SHORT: the line is left alone, it does not sell to zero either); closer
    to target than the band (not for a close); the venue's floors and maximum.
    A flip is two cycles: this one closes, the rest is the next one's. Of cash accounts, buys fit the cash of their venue and
    currency less the buffer (its fraction of the cash and positions there), less open buys, plus what this plan's sells
    bring at bid less fees: when short anywhere, one factor scales every buy on every cash account. Margin accounts
    are bound by the Sentinel's leverage only.
    Raises `InputError`: TARGET_INVALID, POLICY_INVALID, BOOK_INVALID, NUMBER_RANGE.
    """
    policy = inputs.policy
    for name, value in (
        ("cash_buffer_fraction", policy.cash_buffer_fraction),
        ("drift_band_fraction", policy.drift_band_fraction),
    ):
        if not (value.is_finite() and 0 <= value < 1):
            raise InputError("POLICY_INVALID", expected=f"{name} from 0 to below 1", found=str(value), action="2 % is 0.02.")
    with exact_arithmetic():
        marks = Marks.of_inputs(inputs)
        valuation = value_book(inputs.book, marks=marks)
        if isinstance(valuation, Held):
            return valuation
        for order in inputs.open_orders:
            if order.symbol not in inputs.listings:
                return Held(code="NOT_LISTED", message=f"{order.symbol} has an open order and is not in the symbol map. Add it.")
        drafts = _drafts(inputs, marks=marks, valuation=valuation)
        factor = _fit_to_cash(drafts, inputs=inputs, marks=marks)
        return assemble_plan(drafts, inputs=inputs, valuation=valuation, factor=factor)


def _drafts(inputs: PlanInputs, *, marks: Marks, valuation: Valuation) -> list[Draft]:
    """Steps 2 and 3, in the order of symbols."""
    working: dict[str, list[OpenOrder]] = {}
    for order in inputs.open_orders:
        working.setdefault(order.symbol, []).append(order)
    keep = inputs.policy.unnamed_positions is UnnamedPositions.KEEP
    equity = valuation.equity_base
    band = inputs.policy.drift_band_fraction * equity
    drafts = []
    for symbol in sorted(inputs.targets.keys() | valuation.values.keys() | working.keys()):
        target = inputs.targets.get(symbol)
        value = valuation.values.get(symbol, ZERO)
        if target is not None and not target.is_finite():
            raise InputError(
                "TARGET_INVALID", expected=f"a finite weight for {symbol}", found=str(target), action="Have research mend it."
            )
        kept = target is None and keep
        draft = Draft(
            symbol,
            target=target if target is not None else fraction(value, equity) if kept else ZERO,
            held=inputs.book.held(symbol),
            value=value,
            mark=marks.of(symbol),
        )
        drafts.append(draft)
        if symbol in working:
            draft.stop(Reason.IN_FLIGHT, plan_text.in_flight(working[symbol]))
        elif kept:
            draft.stop(Reason.KEPT)
        else:
            decide(draft, inputs=inputs, equity=equity, band=band)
    return drafts


def _fit_to_cash(drafts: list[Draft], *, inputs: PlanInputs, marks: Marks) -> Decimal:
    """Step 4: scale the buys of cash accounts by one factor if any pot is short; return the factor."""
    costs: dict[Pot, Decimal] = {}
    buys = [draft for draft in drafts if draft.side is Side.BUY and draft.quantity and draft.pot is not None]
    for draft in buys:
        assert draft.pot is not None
        costs[draft.pot] = costs.get(draft.pot, ZERO) + draft.notional + draft.fee
    if not buys:
        return ONE
    available = available_cash(drafts, inputs=inputs, marks=marks)
    short = [pot for pot, cost in costs.items() if cost > available.get(pot, ZERO)]
    if not short:
        return ONE
    wanted_costs: dict[Pot, Decimal] = dict.fromkeys(short, ZERO)
    for draft in buys:
        if draft.pot in wanted_costs:
            assert draft.wanted is not None
            unit_cost = draft.notional + draft.fee
            wanted_costs[draft.pot] += draft.wanted * CEILING.divide(unit_cost, draft.quantity)
    least = min(FLOOR.divide(max(available.get(pot, ZERO), ZERO), cost) for pot, cost in wanted_costs.items())
    factor = least.quantize(FRACTION_PLACES, rounding=ROUND_DOWN, context=ROUNDED)
    for draft in buys:
        assert draft.wanted is not None
        assert isinstance(draft.mark, Mark)
        size(draft, draft.wanted * factor, mark=draft.mark, traded=Reason.SCALED_TO_CASH, below=Reason.NO_CASH)
    return factor


def available_cash(drafts: list[Draft], *, inputs: PlanInputs, marks: Marks) -> dict[Pot, Decimal]:
    """Cash the buys of each cash account's pot may use: see `plan`. A pot with an open buy that has no price offers nothing."""
    cash = {(venue, code): amount for venue, amounts in inputs.book.cash.items() for code, amount in amounts.items()}
    worth: dict[Pot, Decimal] = dict(cash)
    available: dict[Pot, Decimal] = dict(cash)
    for draft in drafts:
        if not isinstance(draft.mark, Mark):
            continue
        listing = draft.mark.listing
        pot = (listing.venue, listing.quote_currency)
        if draft.value:
            worth[pot] = worth.get(pot, ZERO) + draft.held * draft.mark.mid * draft.mark.limits.multiplier
        if draft.side is Side.SELL and draft.quantity:
            available[pot] = available.get(pot, ZERO) + draft.notional - draft.fee
    for pot, value in worth.items():
        available[pot] = available.get(pot, ZERO) - inputs.policy.cash_buffer_fraction * max(value, ZERO)
    blocked = set()
    for order in inputs.open_orders:
        if order.side is Side.SELL:
            continue
        mark, listing = marks.of(order.symbol), inputs.listings[order.symbol]
        pot, fees = (listing.venue, listing.quote_currency), inputs.fees.get(listing.venue)
        if isinstance(mark, NoMark) or fees is None:
            blocked.add(pot)
            continue
        cost = order.leaves_quantity * mark.quote.ask * mark.limits.multiplier
        available[pot] = available.get(pot, ZERO) - cost * (ONE + fees.taker_fraction)
    return {pot: amount for pot, amount in available.items() if pot not in blocked}


def assemble_plan(drafts: list[Draft], *, inputs: PlanInputs, valuation: Valuation, factor: Decimal) -> Plan:
    """Step 5: lines, sells first, and the sums over them."""
    equity = valuation.equity_base
    drafts.sort(key=_rank)
    gross = net = traded = cost = gaps = ZERO
    prices_ns = 0
    lines = []
    for number, draft in enumerate(drafts, start=1):
        mark = draft.mark
        after = draft.value
        if isinstance(mark, Mark):
            prices_ns = max(prices_ns, mark.quote.ts_ns)
            if draft.quantity:
                assert draft.side is not None
                size = draft.quantity * mark.mid_value_base
                after = after + size if draft.side is Side.BUY else after - size
                traded += size
                cost += draft.fee_base + abs(draft.notional * mark.rate - size)
        gross += abs(after)
        net += after
        gaps += abs(after - draft.target * equity)
        lines.append(record_line(number, draft, equity=equity))
    return Plan(
        version=PLAN_VERSION,
        environment=inputs.environment,
        manifest_sha256=inputs.manifest_sha256,
        source_run=inputs.source_run,
        cycle=inputs.cycle,
        base_currency=inputs.policy.base_currency,
        equity_base=equity,
        cash_base=valuation.cash_base,
        scale_factor=factor,
        gross_before=fraction(valuation.gross_base, equity),
        net_before=fraction(valuation.net_base, equity),
        gross_after=fraction(gross, equity),
        net_after=fraction(net, equity),
        turnover=fraction(traded, equity),
        tracking_error_bps=_bps(gaps / 2, equity),
        forecast_cost_bps=_bps(cost, traded) if traded else ZERO,
        prices_ns=prices_ns,
        lines=tuple(lines),
    )


def _rank(draft: Draft) -> tuple[int, str]:
    return (TRADE_ORDER[draft.side] if draft.quantity and draft.side is not None else UNSENT), draft.symbol


def _bps(part: Decimal, whole: Decimal) -> Decimal:
    return FLOOR.divide(part * BPS, whole).quantize(BPS_PLACES, context=ROUNDED)
