"""Gates: may a bundle be promoted by what was measured? PASS, FAIL or INCONCLUSIVE, what is missing, and when it can be there.

Too little is never a PASS: a gate names the least number of days, orders and notional it is judged on. Of a sample the whole 95 %
interval must lie on the right side. What no waiting can mend says so in `never`. Pure: what was measured comes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

from orders.canonical import decimal_text
from orders.exact import CEILING, FLOOR
from orders.metrics import METRICS, Metric
from orders.values import Record

DAY_NS: Final = 86_400 * 10**9
ZERO: Final = Decimal(0)
MOVES: Final = ("shadow", "canary", "step_up", "live")
DAY_D: Final = Decimal(DAY_NS)
READY_MAX_NS: Final = 3_650 * DAY_NS  # a date beyond it is no plan
BOUND_DIGITS_MAX: Final = 12
ORDERS_MIN: Final = 20  # of a sample: fewer have no interval (`analysis.intervals`)


class Verdict(StrEnum):
    """INCONCLUSIVE: too little was seen, or its interval still holds the bound."""

    PASS = "PASS"  # a verdict, not a password  # nosec B105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Gate(Record, frozen=True, kw_only=True):
    """One condition. `at_most`, `at_least`: its bounds, inclusive, one at least is there. `min_*`: what must be seen before it is
    judged: days of evidence, orders, notional in base currency. `moves`: what it stands before. `dry_run`: shown, and counts for
    nothing. `while_running`: a canary or live run is held to it while it goes on.
    """

    name: str
    metric: str
    source: str
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    min_days: Decimal = ZERO
    min_orders: int = 0
    min_notional_base: Decimal = ZERO
    moves: tuple[str, ...]
    dry_run: bool = False
    while_running: bool = False


class GatesFile(Record, frozen=True, kw_only=True):
    """A gates file (`engine.gates_file` reads it). `sources`: source -> data directory; `steps`: fractions of capital, ascending,
    the last is 1; `dwell_s`: how long each of them lasts at least before the next, seconds, one less than steps.
    """

    sha256: str
    gates: tuple[Gate, ...]
    sources: Mapping[str, Path]
    steps: tuple[Decimal, ...]
    dwell_s: tuple[int, ...]

    def before(self, move: str) -> tuple[Gate, ...]:
        """Return the gates that stand before a move of `MOVES`, or those of a running run: "while_running"."""
        return tuple(gate for gate in self.gates if (gate.while_running if move == "while_running" else move in gate.moves))


class Measured(Record, frozen=True, kw_only=True):
    """What a metric is, of the lines of one bundle (or code) in one source. `value` None: nothing to measure it of.

    `low`, `high`: ends of its 95 % interval, None where it has none. `days`, `orders`, `notional_base`: what it was seen on.
    `first_ns`, `last_ns`: real time of the first and last such line. `words`: of what, or what is the matter. `never`: why
    waiting gives no value, "" where it may. `mend`: what of it is to be mended, and how, "" where nothing is; `reach`: the
    highest that the value can then become, None: not known.
    """

    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    days: Decimal = ZERO
    orders: int = 0
    notional_base: Decimal = ZERO
    words: str = ""
    never: str = ""
    mend: str = ""
    reach: Decimal | None = None
    first_ns: int | None = None
    last_ns: int | None = None


class Lacks(Record, frozen=True, kw_only=True):
    """What must still be seen before a gate is judged: days, orders, notional in base currency; 0: enough."""

    days: Decimal
    orders: int
    notional_base: Decimal


class GateResult(Record, frozen=True, kw_only=True):
    """A gate, what was measured, and what follows. `missing`: what stands between it and a PASS, in words, empty for one.

    `ready_ns`: when enough was seen at the present rate, if the value stays; None: not known. `never`: why that day does not
    come.
    """

    gate: Gate
    measured: Measured
    verdict: Verdict
    missing: tuple[str, ...]
    ready_ns: int | None
    never: str

    @property
    def allows(self) -> bool:
        """Whether it stands in nobody's way."""
        return self.verdict is Verdict.PASS or self.gate.dry_run

    @property
    def failure(self) -> str:
        """Why it failed, in words: what more evidence does not mend, however little there is; else the bound it is beyond."""
        return self.never or ", ".join(self.missing)


def judge(gate: Gate, measured: Measured, *, now_ns: int) -> GateResult:
    """Return the verdict of a gate on what was measured.

    (1) A final metric that is beyond its bound is FAIL, however little was seen: no more evidence mends it. (2) Too few days,
    orders or notional, nothing measured, a sample without an interval, a time that still has to pass: INCONCLUSIVE. (3) The
    interval, of other metrics the value, wholly within the bounds: PASS; wholly beyond one: FAIL; else INCONCLUSIVE.
    """
    metric = METRICS[gate.metric]
    impossible, lost = _impossible(gate, metric), _lost(gate, metric, measured)
    few = tuple(_few(gate, metric, measured))
    side = Verdict.INCONCLUSIVE if impossible else _side(gate, metric, measured)
    verdict = Verdict.FAIL if lost else Verdict.INCONCLUSIVE if few else side
    never = impossible or lost or measured.never
    ready_ns = None
    if not never and verdict is Verdict.INCONCLUSIVE:
        ready_ns, never = _ready(gate, metric, measured, now_ns)
    beyond = () if few and not (measured.mend and side is Verdict.FAIL) else (_told(gate, metric, measured),)
    missing = () if verdict is Verdict.PASS else (*few, *beyond)
    return GateResult(gate=gate, measured=measured, verdict=verdict, missing=missing, ready_ns=ready_ns, never=never)


def bound_words(gate: Gate) -> str:
    """Return the bounds of a gate: `>= 30`, `<= 0.02`, both of a range."""
    bounds = (">=", gate.at_least), ("<=", gate.at_most)
    return " ".join(f"{sign} {bound_text(bound)}" for sign, bound in bounds if bound is not None)


def bound_text(bound: Decimal) -> str:
    """Return a bound as it was given; one that was reckoned, such as seconds in days, no longer than a person reads."""
    text = decimal_text(bound)
    return text if len(text) <= BOUND_DIGITS_MAX else short(bound)


def short(value: Decimal) -> str:
    """Return a number for a person: three places at most, of small ones three digits that count."""
    places = 3 if abs(value) >= 1 or value == 0 else min(12, 2 - value.adjusted())
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _impossible(gate: Gate, metric: Metric) -> str:
    """Why no evidence whatever can make it pass."""
    name, at_least, at_most = metric.name, gate.at_least, gate.at_most
    if gate.source not in metric.sources:
        return f"{name} cannot be measured in {gate.source}, but in {' or '.join(metric.sources)}"
    if at_least is not None and metric.highest is not None and at_least > metric.highest:
        return f"at least {decimal_text(at_least)} is asked, {name} is at most {metric.highest}"
    if at_most is not None and metric.lowest is not None and at_most < metric.lowest:
        return f"at most {decimal_text(at_most)} is asked, {name} is at least {metric.lowest}"
    ends = [bound for bound, end in ((at_least, metric.highest), (at_most, metric.lowest)) if bound is not None and bound == end]
    if metric.interval and ends:
        return f"the interval of {name} never lies wholly at {decimal_text(ends[0])}; ask for a little less"
    return ""


def _lost(gate: Gate, metric: Metric, measured: Measured) -> str:
    """Why what was seen of this bundle cannot be made good by more of it."""
    value, at_least, at_most = measured.value, gate.at_least, gate.at_most
    if at_least is not None and measured.reach is not None and measured.reach < at_least:
        return f"{short(measured.reach)} is the most it can still be, {decimal_text(at_least)} is asked: {measured.mend}"
    if value is None or not metric.final or gate.source in metric.mended:
        return ""
    if at_most is not None and value > at_most and metric.highest is None:
        return f"{short(value)} is over {decimal_text(at_most)}, and does not go down again for this bundle"
    if at_least is not None and value < at_least and at_least == metric.highest:
        return f"{short(value)} is below {decimal_text(at_least)}, and stays so for this bundle"
    return ""


def lacks(gate: Gate, measured: Measured) -> Lacks:
    """Return how much more than what was measured a gate asks for."""
    return Lacks(
        days=max(gate.min_days - measured.days, _to_grow(gate, METRICS[gate.metric], measured), ZERO),
        orders=max(gate.min_orders - measured.orders, 0),
        notional_base=max(gate.min_notional_base - measured.notional_base, ZERO),
    )


def _few(gate: Gate, metric: Metric, measured: Measured) -> Iterator[str]:
    """What of evidence is missing, in words."""
    value = measured.value
    if value is None:
        yield measured.words or "nothing to measure it of yet"
        return
    still = lacks(gate, measured)
    if still.days:
        yield f"{short(still.days)} more days"
    if still.orders:
        yield f"{still.orders:,} more orders"
    if still.notional_base:
        yield f"{still.notional_base:,.0f} more notional"
    if metric.interval and measured.low is None and measured.orders >= gate.min_orders:
        wanted = ORDERS_MIN - measured.orders
        yield f"{wanted} more orders for an interval" if wanted > 0 else "orders that make an interval"


def _to_grow(gate: Gate, metric: Metric, measured: Measured) -> Decimal:
    """How far a time that passes is from its lower bound, days."""
    if not metric.grows or gate.at_least is None or measured.value is None:
        return ZERO
    return max(gate.at_least - measured.value, ZERO)


def _side(gate: Gate, metric: Metric, measured: Measured) -> Verdict:
    if measured.value is None or (metric.interval and (measured.low is None or measured.high is None)):
        return Verdict.INCONCLUSIVE
    low, high = _ends(metric, measured)
    at_least, at_most = gate.at_least, gate.at_most
    if (at_most is not None and low > at_most) or (at_least is not None and high < at_least):
        return Verdict.FAIL
    within = (at_most is None or high <= at_most) and (at_least is None or low >= at_least)
    return Verdict.PASS if within else Verdict.INCONCLUSIVE


def _ends(metric: Metric, measured: Measured) -> tuple[Decimal, Decimal]:
    value, low, high = measured.value, measured.low, measured.high
    assert value is not None
    return (low, high) if metric.interval and low is not None and high is not None else (value, value)


def _told(gate: Gate, metric: Metric, measured: Measured) -> str:
    """What stands between enough evidence and a PASS."""
    low, high = _ends(metric, measured)
    seen = short(low) if low == high else f"{short(low)} to {short(high)}"
    return f"{seen} is not {bound_words(gate)}" + (f": {measured.mend}" if measured.mend else "")


# --- when ---


def _ready(gate: Gate, metric: Metric, measured: Measured, now_ns: int) -> tuple[int | None, str]:
    """Return when there is enough, at the rate since the first line; or why that never is. (None, ""): not known."""
    if measured.value is None or measured.first_ns is None or now_ns <= measured.first_ns:
        return None, ""
    passed_ns = now_ns - measured.first_ns
    needed = (
        ("day of evidence", gate.min_days, measured.days),
        ("order", _orders_needed(gate, metric, measured), Decimal(measured.orders)),
        ("notional", gate.min_notional_base, measured.notional_base),
    )
    wait_ns = _to_grow(gate, metric, measured) * DAY_NS
    for name, wanted, seen in needed:
        if wanted <= seen:
            continue
        if seen <= 0:
            known = passed_ns >= min(Decimal(1), gate.min_days) * DAY_NS
            return (
                None,
                f"no {name} in {short(FLOOR.divide(Decimal(passed_ns), DAY_D))} days: at this rate never" if known else "",
            )
        wait_ns = max(wait_ns, CEILING.divide(CEILING.multiply(wanted - seen, Decimal(passed_ns)), seen))
    if wait_ns > READY_MAX_NS:
        return None, f"at this rate not within {READY_MAX_NS // (365 * DAY_NS)} years"
    return (now_ns + int(wait_ns.to_integral_value(ROUND_CEILING)), "") if wait_ns > 0 else (None, "")


def _orders_needed(gate: Gate, metric: Metric, measured: Measured) -> Decimal:
    """Return how many orders it takes: the interval of n times the orders is narrower by the root of n, its centre staying."""
    wanted = Decimal(max(gate.min_orders, ORDERS_MIN if metric.interval else 0))
    value, low, high = measured.value, measured.low, measured.high
    if not metric.interval or value is None or low is None or high is None:
        return wanted
    sides = []
    if gate.at_most is not None:
        sides.append((gate.at_most - value, high - value))
    if gate.at_least is not None:
        sides.append((value - gate.at_least, value - low))
    for room, width in sides:
        if 0 < room < width:
            times = CEILING.divide(CEILING.multiply(width, width), CEILING.multiply(room, room))
            wanted = max(wanted, CEILING.multiply(Decimal(measured.orders), times).to_integral_value(ROUND_CEILING))
    return wanted
