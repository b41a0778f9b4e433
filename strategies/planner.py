"""The planner: from targets and a book to a plan, purely. One line per target and per held instrument, each with its reason.

(1) value the book, (2) decide each line's leg, (3) size it, (4) fit what opens to the turnover caps and buys of cash accounts
to cash, (5) order and sum up. Whether the plan may be traded is not judged here: see `sentinel.guard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from orders.attribution import crossed_weight
from orders.capital import CAPITAL_FRACTION, share_of
from orders.collector import no_collections
from orders.errors import InputError
from orders.exact import FLOOR, ROUNDED, exact_arithmetic, fraction
from orders.plan import Held, InFlight, OpenOrder, Plan, PlanInputs, PlanPolicy, Reason, UnnamedPositions
from orders.valuation import Mark, Marks, Valuation, value_book
from orders.values import Side
from strategies.cash_fit import available_cash as available_cash
from strategies.cash_fit import fit_to_cash
from strategies.in_flight import decide_working
from strategies.plan_lines import Draft, decide, forecast, record_line
from strategies.plan_text import in_flight
from strategies.turnover import cap_turnover

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
    first that applies: an open order works (`policy.in_flight`); unnamed and kept (KEPT); no listing, account, fees, price,
    limits or rate; a short target on a cash account (REFUSED_SHORT: the line is left alone, it does not sell to zero either);
    closer to target than the band (not for a close); the market's hours; the venue's floors and maximum; the turnover caps
    (`strategies.turnover`); cash (`strategies.cash_fit`).
    A flip closes first; the rest is the next cycle's, or on a margin account a line of its own behind it (`policy.flips`).
    Of a promoted run (`inputs.capital`) targets, drift band, turnover caps and the most of one asset are of its fraction of
    equity; weights in the plan stay fractions of the whole. While it is paused, or `opens_nothing`, what would open or add is
    NOT_OPENED; `Held` where the fraction is not known.
    Of cash accounts, buys fit the cash of their venue and currency less the buffer (its fraction of the cash and positions
    there), less open buys, plus what this plan's sells bring at bid less fees: where a pot is short, one factor scales every
    buy from it. Cash does not move between pots, and what does not trade funds nothing. Margin accounts are bound by the
    Sentinel's leverage only.
    Raises `InputError`: TARGET_INVALID, POLICY_INVALID, SHARES_DISAGREE, BOOK_INVALID, NUMBER_RANGE.
    """
    check_policy(inputs.policy)
    if inputs.turnover_today is not None and not (inputs.turnover_today.is_finite() and inputs.turnover_today >= 0):
        raise _bad_policy("turnover_today of 0 or more", inputs.turnover_today)
    if inputs.capital is not None and inputs.capital.fault:
        return Held(code=CAPITAL_FRACTION, message=f"{inputs.capital.fault}. Nothing is sized without it: `sluice promote log`.")
    with exact_arithmetic(), no_collections():
        _check_shares(inputs)
        inputs = _of_capital(inputs)
        marks = Marks.of_inputs(inputs)
        valuation = value_book(inputs.book, marks=marks)
        if isinstance(valuation, Held):
            return valuation
        for order in inputs.open_orders:
            if order.symbol not in inputs.listings:
                return Held(code="NOT_LISTED", message=f"{order.symbol} has an open order and is not in the symbol map. Add it.")
        drafts, cancels = _drafts(inputs, marks=marks, valuation=valuation)
        equity = valuation.equity_base
        slowed = cap_turnover(drafts, inputs=inputs, equity=equity)
        factor = fit_to_cash(drafts, inputs=inputs, marks=marks, equity=equity)
        return assemble_plan(
            drafts, inputs=inputs, valuation=valuation, factor=factor, turnover_factor=slowed, cancels=tuple(sorted(cancels))
        )


def _of_capital(inputs: PlanInputs) -> PlanInputs:
    """Return the inputs with all that is measured in equity at the fraction of it that the run may use."""
    share = share_of(inputs.capital)
    if share == ONE:
        return inputs
    policy = inputs.policy
    return replace(
        inputs,
        targets={symbol: weight * share for symbol, weight in inputs.targets.items()},
        shares=None
        if inputs.shares is None
        else {symbol: {winner: weight * share for winner, weight in parts.items()} for symbol, parts in inputs.shares.items()},
        policy=replace(
            policy,
            drift_band_fraction=policy.drift_band_fraction * share,
            turnover_cycle_max=_part(policy.turnover_cycle_max, share),
            turnover_day_max=_part(policy.turnover_day_max, share),
            asset_weight_max=_part(policy.asset_weight_max, share),
        ),
    )


def _part(most: Decimal | None, share: Decimal) -> Decimal | None:
    return None if most is None else most * share


def check_policy(policy: PlanPolicy) -> None:
    """Raise `InputError` POLICY_INVALID for a number outside the bounds `PlanPolicy` states."""
    for name in ("cash_buffer_fraction", "drift_band_fraction", "drift_band_relative", "cash_drift_fraction"):
        value = getattr(policy, name)
        if not (value.is_finite() and 0 <= value < 1):
            raise _bad_policy(f"{name} from 0 to below 1", value)
    for name in ("turnover_cycle_max", "turnover_day_max"):
        value = getattr(policy, name)
        if value is not None and not (value.is_finite() and value >= 0):
            raise _bad_policy(f"{name} of 0 or more, or none", value)
    most = policy.asset_weight_max
    if most is not None and not (most.is_finite() and most > 0):
        raise _bad_policy("asset_weight_max above 0, or none", most)


def _bad_policy(expected: str, found: Decimal) -> InputError:
    return InputError("POLICY_INVALID", expected=expected, found=str(found), action="2 % is 0.02.")


def _check_shares(inputs: PlanInputs) -> None:
    """Winners' shares must sum to the targets, symbol by symbol: else a trade would be booked to the wrong one."""
    shares = inputs.shares
    if not shares:
        return
    for symbol in sorted(inputs.targets.keys() | shares.keys()):
        total, target = sum(shares.get(symbol, {}).values(), ZERO), inputs.targets.get(symbol, ZERO)
        if total != target:
            raise InputError(
                "SHARES_DISAGREE",
                expected=f"shares of winners that sum to the target {target} of {symbol}",
                found=str(total),
                action="Make shares and targets of one manifest.",
            )


def _drafts(inputs: PlanInputs, *, marks: Marks, valuation: Valuation) -> tuple[list[Draft], list[str]]:
    """Steps 2 and 3, in the order of symbols; and the open orders that are to be cancelled."""
    working: dict[str, list[OpenOrder]] = {}
    for order in inputs.open_orders:
        working.setdefault(order.symbol, []).append(order)
    keep = inputs.policy.unnamed_positions is UnnamedPositions.KEEP
    waits = inputs.policy.in_flight is InFlight.WAIT
    equity, values, targets, shares = valuation.equity_base, valuation.values, inputs.targets, inputs.shares
    band = inputs.policy.drift_band_fraction * equity
    opens_nothing = inputs.opens_nothing or (inputs.capital is not None and bool(inputs.capital.paused))
    why_not = "" if inputs.capital is None else inputs.capital.paused or inputs.capital.words
    drafts: list[Draft] = []
    cancels: list[str] = []
    for symbol in sorted(
        {**dict.fromkeys(targets), **dict.fromkeys(values), **dict.fromkeys(working)}
    ):  # a set would shuffle them
        target = targets.get(symbol)
        value = values.get(symbol, ZERO)
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
        second = None
        if symbol in working and (waits or kept):
            draft.stop(Reason.IN_FLIGHT, in_flight(working[symbol]))
        elif kept:
            draft.stop(Reason.KEPT)
        elif symbol in working:
            cancels += decide_working(draft, working[symbol], inputs=inputs, equity=equity, band=band)
        else:
            second = decide(draft, inputs=inputs, equity=equity, band=band)
            if second is not None:
                drafts.append(second)
        if opens_nothing:
            for one in (draft, second):
                if one is not None and one.quantity and not one.reduces:
                    one.stop(Reason.NOT_OPENED, why_not)
        if shares and symbol in shares:
            named = draft if second is None else second  # the closing leg of a flip is nobody's target
            winners = shares[symbol]
            named.shares = {winner: winners[winner] for winner in sorted(winners)}
            named.crossed = crossed_weight(winners)
    return drafts, cancels


def assemble_plan(
    drafts: list[Draft],
    *,
    inputs: PlanInputs,
    valuation: Valuation,
    factor: Decimal,
    turnover_factor: Decimal = ONE,
    cancels: Sequence[str] = (),
) -> Plan:
    """Step 5: lines, sells first, and the sums over them. `drafts` come in the order of symbols and are used up."""
    equity = valuation.equity_base
    drafts.sort(key=_rank)  # stable: symbols stay in order, and the second leg of a flip behind its first
    drafts.reverse()
    gross = net = traded = cost = gaps = crossed = ZERO
    prices_ns = 0
    lines = []
    for number in range(1, len(drafts) + 1):
        draft = drafts.pop()  # its numbers go as its line comes, in the same memory
        mark = draft.mark
        after = draft.value
        if isinstance(mark, Mark):
            prices_ns = max(prices_ns, mark.quote.ts_ns)
            if draft.working:
                after += draft.working * mark.mid_value_base
            if draft.quantity:
                assert draft.side is not None
                size = draft.quantity * mark.mid_value_base
                after = after + size if draft.side is Side.BUY else after - size
                traded += size
                paid = forecast(draft, mark=mark, inputs=inputs)
                cost += draft.fee_base + abs(paid - size)
        gross += abs(after)
        net += after
        gaps += abs(after - draft.target * equity)
        if draft.crossed:
            crossed += draft.crossed
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
        cause=inputs.cause,
        crossed_weight=crossed,
        turnover_factor=turnover_factor,
        cancels=tuple(cancels),
        capital_fraction=None if inputs.capital is None else inputs.capital.fraction,
    )


def _rank(draft: Draft) -> int:
    return TRADE_ORDER[draft.side] if draft.quantity and draft.side is not None else UNSENT


def _bps(part: Decimal, whole: Decimal) -> Decimal:
    return FLOOR.divide(part * BPS, whole).quantize(BPS_PLACES, context=ROUNDED)
