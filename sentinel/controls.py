"""The Sentinel's controls over a plan: one pure function each. All are asked; `sentinel.guard` weighs the answers.

Line controls (ALLOW_LIST, MAX_ORDER_VALUE, PRICE_AGE, PRICE_COLLAR, DUPLICATE) deny single lines. Plan controls (HALT,
PROVENANCE, MANIFEST_APPROVAL, MANIFEST_BOUNDS, REGIME_PARITY, MAX_LEVERAGE, MAX_ASSET_EXPOSURE) judge the book as the lines that
are left would make it. A market order's price is the far touch, a limit order's its limit. A control that passes gives one
verdict, for the line nearest its limit. Arithmetic is exact; fractions in words are rounded to 12 places. Limits are inclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.capital import ONE, share_of
from orders.exact import fraction
from orders.plan import Outcome, Plan, PlanLine, Verdict
from orders.valuation import price_fault
from sentinel.facts import Projection, order_price, order_value_base, reduces
from sentinel.facts import RecentApproval as RecentApproval
from sentinel.facts import Reference as Reference
from sentinel.facts import SentinelFacts as SentinelFacts
from sentinel.limits import REGIME_BAND, WEIGHT_ABS_MAX, SentinelLimits
from sentinel.manifest_bounds import cycle_turnover, day_turnover, manifest_age, manifest_sequence
from sentinel.regime import Exposure, judge_regime, read_regime

ZERO: Final = Decimal(0)
Verdicts = tuple[Verdict, ...]


def _one(control: str, outcome: Outcome, observed: str, limit: str, line: int = 0) -> Verdict:
    return Verdict(control=control, outcome=outcome, observed=observed, limit=limit, line=line)


def _passed(ok: bool) -> Outcome:
    return Outcome.ALLOW if ok else Outcome.DENY


def _sum(control: str, denied: list[Verdict], nearest: str, limit: str) -> Verdicts:
    """The denials, or the one verdict of a control that passes."""
    return tuple(denied) or (_one(control, Outcome.ALLOW, nearest or "no orders", limit),)


def _fraction(value: Decimal, equity: Decimal) -> str:
    return decimal_text(fraction(value, equity))


def _part(value: Decimal, equity: Decimal) -> str:
    return f"{_fraction(value, equity)} of equity"


# line controls


def allow_list(lines: Sequence[PlanLine], *, limits: SentinelLimits) -> Verdicts:
    """Deny what is not named for its venue, compared exactly; a line without venue or instrument too."""
    allowed = {venue: frozenset(symbols) for venue, symbols in limits.allow.items()}
    denied = []
    for line in lines:
        if line.venue is None or line.instrument_id is None:
            denied.append(_one("ALLOW_LIST", Outcome.DENY, f"{line.symbol}: missing venue or instrument", "listed", line.line))
        elif line.symbol not in allowed.get(line.venue, ()):
            denied.append(_one("ALLOW_LIST", Outcome.DENY, f"{line.symbol!r} at {line.venue!r}", "symbols named", line.line))
    return _sum("ALLOW_LIST", denied, f"{len(lines)} symbols named" if lines else "", "symbols named")


def max_order_value(
    lines: Sequence[PlanLine],
    *,
    base_currency: str,
    limits: SentinelLimits,
    quoted: Set[str] = frozenset(),
    whole: SentinelLimits | None = None,
) -> Verdicts:
    """Deny a line whose quantity x price x multiplier x rate is above the limit; what is missing or not finite too.

    `whole`: the limits of the whole of equity, which hold a line that reduces: a book can always be reduced; None: `limits` are.
    `quoted`: symbols whose quantities are amounts of the quote currency already (inverse contracts, orders by amount); their
    value is quantity x multiplier x rate at any price, and a price must be there all the same.
    """
    denied, top, nearest = [], ZERO, ""
    limit = f"{decimal_text(limits.max_order_value_base)} {base_currency}"
    for line in lines:
        most = (limits if whole is None or not reduces(line) else whole).max_order_value_base
        words = f"{decimal_text(most)} {base_currency}"
        touch, unit = order_price(line), line.unit_value_base
        if (
            touch is None
            or unit is None
            or not (unit.is_finite() and unit > 0 and line.quantity.is_finite() and line.quantity > 0)
        ):
            denied.append(
                _one("MAX_ORDER_VALUE", Outcome.DENY, f"{line.symbol}: missing price, rate or quantity", words, line.line)
            )
            continue
        value = order_value_base(line.quantity, price=touch, unit_value_base=unit, quoted=line.symbol in quoted)
        if value > most:
            text = f"{decimal_text(value)} {base_currency} ({line.symbol})"
            denied.append(_one("MAX_ORDER_VALUE", Outcome.DENY, text, words, line.line))
        elif value > top:
            top, nearest = value, line.symbol
    return _sum("MAX_ORDER_VALUE", denied, f"{decimal_text(top)} {base_currency} ({nearest})" if nearest else "", limit)


def price_age(lines: Sequence[PlanLine], *, facts: SentinelFacts, limits: SentinelLimits) -> Verdicts:
    """Deny a line whose newest quote is missing, zero, not finite, crossed, from the future or older than the limit."""
    most = limits.price_age_max_ns
    words = f"{most} ns"
    denied, top, nearest = [], -1, ""
    for line in lines:
        quote = facts.quotes.get(line.symbol)
        fault = price_fault(quote, now_ns=facts.now_ns, price_age_max_ns=most)
        if quote is None:
            denied.append(_one("PRICE_AGE", Outcome.DENY, f"{line.symbol}: missing", words, line.line))
        elif fault is not None:
            text = f"{line.symbol}: {fault.value}, {facts.now_ns - quote.ts_ns} ns old, bid {quote.bid}, ask {quote.ask}"
            denied.append(_one("PRICE_AGE", Outcome.DENY, text, words, line.line))
        elif facts.now_ns - quote.ts_ns > top:
            top, nearest = facts.now_ns - quote.ts_ns, line.symbol
    return _sum("PRICE_AGE", denied, f"{top} ns ({nearest})" if nearest else "", words)


def price_collar(lines: Sequence[PlanLine], *, facts: SentinelFacts, limits: SentinelLimits) -> Verdicts:
    """Deny a line whose price is further from its reference than the limit, as a fraction of the reference; a reference
    that is missing, zero, not finite, from the future or older than its limit too.
    """
    most = limits.price_collar_fraction
    words = f"{decimal_text(most)} of the reference"
    denied, top, nearest = [], Decimal(-1), ""
    for line in lines:
        reference, touch = facts.references.get(line.symbol), order_price(line)
        if reference is None or touch is None:
            what = "reference" if reference is None else "price"
            denied.append(_one("PRICE_COLLAR", Outcome.DENY, f"{line.symbol}: missing {what}", words, line.line))
            continue
        price, age = reference.price, facts.now_ns - reference.ts_ns
        if not (price.is_finite() and price > 0):
            denied.append(_one("PRICE_COLLAR", Outcome.DENY, f"{line.symbol}: reference {price}", words, line.line))
        elif not 0 <= age <= limits.reference_age_max_ns:
            text = f"{line.symbol}: stale reference, {age} ns old, limit {limits.reference_age_max_ns} ns"
            denied.append(_one("PRICE_COLLAR", Outcome.DENY, text, words, line.line))
        else:
            gap = abs(touch - price)
            if gap > most * price:
                text = f"{decimal_text(fraction(gap, price))} ({line.symbol}: {touch} against {price})"
                denied.append(_one("PRICE_COLLAR", Outcome.DENY, text, words, line.line))
            else:
                away = fraction(gap, price)
                if away > top:
                    top, nearest = away, line.symbol
    return _sum("PRICE_COLLAR", denied, f"{decimal_text(top)} of the reference ({nearest})" if nearest else "", words)


def duplicate(
    lines: Sequence[PlanLine], *, plan: Plan, ids: Mapping[int, str], facts: SentinelFacts, limits: SentinelLimits
) -> Verdicts:
    """Deny what was approved before: the same client order id ever; the same side, symbol, quantity and price in the same
    cycle within the window; a second line of a symbol within this plan, but for the opening leg of a flip: on the same side as
    the closing leg that it names in `after_line` and waits for.
    """
    window = limits.duplicate_window_ns
    words = f"once per line; not again within {window} ns"
    used = {recent.client_order_id for recent in facts.recent}
    same = {
        (recent.symbol, recent.side, recent.quantity, recent.price)
        for recent in facts.recent
        if recent.cycle == plan.cycle and facts.now_ns - recent.approved_ns <= window
    }
    denied: list[Verdict] = []
    seen: dict[str, PlanLine] = {}
    for line in lines:
        text, first = "", seen.get(line.symbol)
        if ids[line.line] in used:
            text = f"{ids[line.line]} was approved before"
        elif (line.symbol, line.side, line.quantity, order_price(line)) in same:
            text = f"{line.side} {line.quantity} {line.symbol} at the same price was approved in this cycle"
        elif first is not None and not (line.after_line == first.line and first.after_line is None and line.side is first.side):
            text = f"{line.symbol} has two lines"
        seen[line.symbol] = line
        if text:
            denied.append(_one("DUPLICATE", Outcome.DENY, text, words, line.line))
    return _sum("DUPLICATE", denied, f"{len(lines)} new orders" if lines else "", words)


# plan controls


def reductions_only(lines: Sequence[PlanLine]) -> Verdicts:
    """Deny a flatten unless every order brings a position toward zero and stops there. It stands for PROVENANCE and
    MANIFEST_BOUNDS, which judge a manifest, and for what judges the book after: gross, leverage and each position only shrink.
    """
    control, words = "REDUCTIONS_ONLY", "toward zero, not past it"
    wrong = [
        f"{line.side} {line.quantity} {line.symbol}, {line.held_quantity} held"
        for line in lines
        if line.side is None
        or not (line.held_quantity.is_finite() and line.quantity.is_finite())
        or line.held_quantity * line.side.sign >= 0
        or not 0 < line.quantity <= abs(line.held_quantity)
    ]
    return (_one(control, _passed(not wrong), wrong[0] if wrong else f"{len(lines)} reductions", words),)


def halt(facts: SentinelFacts) -> Verdicts:
    """Deny everything unless it is known that nothing is halted."""
    ok = facts.halted is False
    return (_one("HALT", _passed(ok), "not halted" if ok else "halted", "not halted"),)


def provenance(facts: SentinelFacts, *, limits: SentinelLimits) -> Verdicts:
    """Deny a source run graded below the limit, or not graded."""
    grade = facts.grade
    ok = grade is not None and grade.rank >= limits.provenance_min.rank
    return (
        _one("PROVENANCE", _passed(ok), "missing" if grade is None else grade.value, f"{limits.provenance_min.value} or better"),
    )


def manifest_approval(facts: SentinelFacts) -> Verdicts:
    """Deny a manifest that nobody's signed approval covers, where one is asked for; nothing is said where none is."""
    if facts.approved_by is None:
        return ()
    ok = bool(facts.approved_by)
    return (_one("MANIFEST_APPROVAL", _passed(ok), f"by {facts.approved_by}" if ok else "missing", "signed by a trusted person"),)


def manifest_bounds(
    projection: Projection | None,
    *,
    facts: SentinelFacts,
    orders: bool,
    limits: SentinelLimits,
    whole: SentinelLimits | None = None,
) -> Verdicts:
    """Deny weights beyond 1, a gross of weights or of the book after rounding, concentration (HHI), a turnover of the cycle or
    of the market day above its limit, a manifest that is too old, from the future, or older than one that was accepted.

    Gross and HHI above their limits that do not grow pass, and so does a day's turnover of lines that only reduce: a book can
    always be reduced. No weights at all but orders denies, and so does a gross below its least: a manifest that was cut short
    never means "sell the rest". `orders`: whether any line trades. `whole`: the limits of the whole of equity, where `limits` are
    of a part; None: they are the same. The manifest's own weights are held against the whole ones.
    """
    control, weights = "MANIFEST_BOUNDS", facts.weights
    whole = limits if whole is None else whole
    gross_words = f"sum of |weight| {decimal_text(whole.gross_weight_max)}"
    wild = sorted(symbol for symbol, weight in weights.items() if not weight.is_finite())
    if wild or (orders and not weights):
        return (_one(control, Outcome.DENY, f"{wild[0]}: weight not finite" if wild else "missing weights", gross_words),)
    largest = max(weights, key=lambda symbol: (abs(weights[symbol]), symbol), default=None)
    most = abs(weights[largest]) if largest is not None else ZERO
    gross = sum((abs(weight) for weight in weights.values()), ZERO)
    least_words = f"sum of |weight| at least {decimal_text(limits.gross_weight_min)}"
    if orders and gross < limits.gross_weight_min:
        return (_one(control, Outcome.DENY, f"sum of |weight| {decimal_text(gross)}", least_words),)
    bounds = [
        _one(
            control, _passed(most <= WEIGHT_ABS_MAX), f"|weight| {decimal_text(most)} ({largest})", f"|weight| {WEIGHT_ABS_MAX}"
        ),
        _one(control, _passed(gross <= whole.gross_weight_max), f"sum of |weight| {decimal_text(gross)}", gross_words),
    ]
    hhi_words = f"HHI {decimal_text(limits.hhi_max)}"
    if projection is None:
        bounds.append(_one(control, Outcome.DENY, "missing: the book cannot be valued", hhi_words))
        return tuple(bounds)
    square = projection.equity * projection.equity
    hhi_ok = projection.squares_after <= limits.hhi_max * square or projection.squares_after <= projection.squares_before
    bounds.append(_one(control, _passed(hhi_ok), f"HHI {decimal_text(fraction(projection.squares_after, square))}", hhi_words))
    bounds.append(cycle_turnover(projection, limits=limits, whole=whole))
    after = projection.gross_after
    gross_ok = after <= limits.gross_weight_max * projection.equity or after <= projection.gross_before
    rounded_words = f"{decimal_text(limits.gross_weight_max)} of equity"
    bounds.append(_one(control, _passed(gross_ok), f"gross after rounding {_part(after, projection.equity)}", rounded_words))
    bounds.append(day_turnover(projection, facts=facts, limits=limits))
    if orders:
        bounds.append(manifest_age(facts, limits=limits))
        bounds.append(manifest_sequence(facts))
    return tuple(bounds)


def regime_parity(projection: Projection | None, *, facts: SentinelFacts, limits: SentinelLimits) -> Verdicts:
    """Ask the regime's table (`sentinel.regime.judge_regime`) about the change of gross and net."""
    regime = read_regime(facts.regime_name, facts.regime_quadrant)
    gross_max = limits.turbulent_gross_fraction * limits.max_leverage
    words = {
        "TURBULENT": f"gross {decimal_text(gross_max)} of equity while growing",
        "CRISIS": f"no growth; net long {decimal_text(limits.crisis_net_long_max)} of equity",
    }.get(regime.value, "none in this regime")
    if projection is None:
        return (_one("REGIME_PARITY", Outcome.DENY, "missing: the book cannot be valued", words),)
    equity = projection.equity
    outcome = judge_regime(  # in base currency: a fraction would be rounded, and let pass what is above its limit by less
        regime,
        before=Exposure(gross=projection.gross_before, net=projection.net_before),
        after=Exposure(gross=projection.gross_after, net=projection.net_after),
        turbulent_gross_max=gross_max * equity,
        crisis_net_long_max=limits.crisis_net_long_max * equity,
        band=REGIME_BAND * equity * (ONE if facts.standing is None else share_of(facts.standing.capital)),
    )
    source = f" by the {facts.regime_source}" if facts.regime_source else ""
    named = "" if facts.regime_name == regime.value else f" (name {facts.regime_name}, quadrant {facts.regime_quadrant})"
    gross = f"gross {_fraction(projection.gross_before, equity)} -> {_fraction(projection.gross_after, equity)}"
    net = f"net {_fraction(projection.net_before, equity)} -> {_part(projection.net_after, equity)}"
    seen = f"{regime.value}{source}{named}, {gross}, {net}"
    return (_one("REGIME_PARITY", outcome, seen, words),)


def max_leverage(projection: Projection | None, *, facts: SentinelFacts, limits: SentinelLimits) -> Verdicts:
    """Deny a gross or a net exposure / equity above its limit, over all venues, unless the plan does not raise it: a book can
    always be reduced. Equity that is missing, from the future or older than its limit denies. Two verdicts.
    """
    gross_words = f"gross {decimal_text(limits.max_leverage)} of equity"
    net_words = f"net {decimal_text(limits.max_leverage_net)} of equity"
    if projection is None:
        return tuple(
            _one("MAX_LEVERAGE", Outcome.DENY, "missing: the book cannot be valued", words) for words in (gross_words, net_words)
        )
    age = None if facts.standing is None else facts.now_ns - facts.standing.equity_ns
    if age is None or not 0 <= age <= limits.equity_age_max_ns:
        seen = "missing age of equity" if age is None else f"stale equity, {age} ns old, limit {limits.equity_age_max_ns} ns"
        return tuple(_one("MAX_LEVERAGE", Outcome.DENY, seen, words) for words in (gross_words, net_words))
    equity, gross, net = projection.equity, projection.gross_after, projection.net_worst_after
    gross_ok = gross <= limits.max_leverage * equity or gross <= projection.gross_before
    net_ok = net <= limits.max_leverage_net * equity or net <= projection.net_worst_before
    return (
        _one("MAX_LEVERAGE", _passed(gross_ok), f"gross {_part(gross, equity)}", gross_words),
        _one("MAX_LEVERAGE", _passed(net_ok), f"net {_part(net, equity)}", net_words),
    )


def max_asset_exposure(projection: Projection | None, *, limits: SentinelLimits) -> Verdicts:
    """Deny a position / equity above the limit, unless its line does not raise it."""
    words = f"{decimal_text(limits.max_asset_exposure)} of equity"
    if projection is None:
        return (_one("MAX_ASSET_EXPOSURE", Outcome.DENY, "missing: the book cannot be valued", words),)
    most = limits.max_asset_exposure * projection.equity
    denied, top, nearest = [], Decimal(-1), ""
    for number, symbol, before, after in projection.assets:
        if after > most and after > before:
            text = f"{_part(after, projection.equity)} ({symbol})"
            denied.append(_one("MAX_ASSET_EXPOSURE", Outcome.DENY, text, words, number))
        elif after > top:
            top, nearest = after, symbol
    return _sum("MAX_ASSET_EXPOSURE", denied, f"{_part(top, projection.equity)} ({nearest})" if nearest else "", words)
