"""What may differ between an order that was simulated and the same order at the rehearsal exchange: the reviewed list.

Ids and times differ and are left out. Of everything else each difference is claimed by exactly one entry of `REVIEWED`; an entry
that claims nothing is out of date. Who adds one says why the simulation may be so, and what keeps it harmless.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Made anew by each run. A plan's hash covers the stamps of its prices, a config's the place it lies at, a bundle's its venues.
IDS = frozenset({"seq", "run_id", "venue_order_id", "trade_id", "plan_sha256", "config_sha256", "bundle_sha256"})
AGES = frozenset({"PRICE_AGE"})  # controls whose observed value is a time
EIGHT = Decimal("0.00000001")  # to which the venue rounds down what it charges


@dataclass(frozen=True)
class Found:
    """One difference of one order. `what`: "line", "field", "control" of a verdict, or "fills"; a side without it has None."""

    order_id: str
    what: str
    kind: str
    field: str
    simulated: Any
    rehearsed: Any


@dataclass(frozen=True)
class Difference:
    """A reviewed difference: what it is called, why it is right, and which found ones it claims."""

    name: str
    reason: str
    claims: Callable[[Found], bool]


def _received(found: Found) -> bool:
    return (found.what, found.kind, found.rehearsed) == ("line", "received", None)


def _cancel_sent(found: Found) -> bool:
    return (found.what, found.kind, found.simulated) == ("line", "send", None) and found.rehearsed["action"] == "cancel"


def _of_the_arming(found: Found) -> bool:
    of_it = ("control", "ARMED_NOTIONAL"), ("control", "ARMING_EXPIRED"), ("field", "armed_base"), ("field", "armed_day")
    return (found.what, found.field) in of_it and found.simulated is None


def _book_at_a_passive_fill(found: Found) -> bool:
    return found.what == "field" and found.kind == "fill" and found.field in ("fill_bid", "fill_ask")


def _last_place_of_a_fee(found: Found) -> bool:
    if (found.what, found.kind, found.field) != ("field", "fill", "fee"):
        return False
    return abs(Decimal(found.simulated) - Decimal(found.rehearsed)) <= EIGHT


def _beyond_two_touches(found: Found) -> bool:
    """The touch and one tick further against the touch and level by level, a tick apart, of the same whole."""
    if found.what != "fills" or len(found.simulated) != 2:
        return False
    first, rest = found.simulated
    tick = Decimal(rest["price"]) - Decimal(first["price"])
    prices = [Decimal(first["price"]) + place * tick for place in range(len(found.rehearsed))]
    whole = [sum(Decimal(fill["quantity"]) for fill in side) for side in (found.simulated, found.rehearsed)]
    levels = [Decimal(fill["quantity"]) for fill in found.rehearsed]
    return (
        [Decimal(fill["price"]) for fill in found.rehearsed] == prices
        and whole[0] == whole[1]
        and all(level == Decimal(first["quantity"]) for level in levels[:-1])
        and levels[-1] <= levels[0]
    )


REVIEWED = (
    Difference(
        "the simulated venue's own line",
        "`received` is the simulated venue's memory: a restart knows by it what had reached it. A real venue has its own.",
        _received,
    ),
    Difference(
        "the send of a cancel",
        "A cancel to a real venue may be lost, so its attempt is written before the wire, as an order's is. The simulated venue"
        " has no wire; that the cancel happened is told by the `cancel` line in both.",
        _cancel_sent,
    ),
    Difference(
        "the arming",
        "What was armed binds orders that leave; a shadow has no arming, and its orders stay here.",
        _of_the_arming,
    ),
    Difference(
        "the book beside a passive fill",
        "A venue tells prices and fills on two streams: the price that filled an order may be gone, or not be there yet, when the"
        " fill is heard. The simulation fills by the price itself. It is a benchmark of the analysis, nothing is decided on it.",
        _book_at_a_passive_fill,
    ),
    Difference(
        "the last place of a fee",
        "The venue rounds a fee down to eight places, Nautilus rounds to the nearest: a hundred-millionth of a unit a fill.",
        _last_place_of_a_fee,
    ),
    Difference(
        "more than twice the touch",
        "Top of book says what the first level holds and nothing of the next: the simulation fills the rest of a market order one"
        " tick further, a venue level by level. Assumptions about larger orders are the cost model's (impact, share of volume).",
        _beyond_two_touches,
    ),
)


def orders_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return each order's lines in order, by client order id, in the order in which the orders began."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        if "client_order_id" in line:
            found[line["client_order_id"]].append(line)
    return dict(found)


def differences(simulated: Sequence[Mapping[str, Any]], rehearsed: Sequence[Mapping[str, Any]]) -> list[Found]:
    """Return every difference of two logs' order events but ids and times."""
    sides = [orders_of(lines) for lines in (simulated, rehearsed)]
    found = []
    for order_id in {**sides[0], **sides[1]}:
        found.extend(_of_order(order_id, *([_shaped(line) for line in side.get(order_id, ())] for side in sides)))
    return found


def _shaped(line: Mapping[str, Any]) -> dict[str, Any]:
    shaped = {name: value for name, value in line.items() if name not in IDS and not name.endswith("_ns")}
    if "verdicts" in shaped:
        shaped["verdicts"] = [[row[0], row[1], "" if row[0] in AGES else row[2], row[3]] for row in shaped["verdicts"]]
    return shaped


def _of_order(order_id: str, simulated: list[dict[str, Any]], rehearsed: list[dict[str, Any]]) -> list[Found]:
    left, right, found = list(simulated), list(rehearsed), []
    for mine, theirs, only in ((left, right, "simulated"), (right, left, "rehearsed")):
        for line in [each for each in mine if _key(each) not in {_key(other) for other in theirs}]:
            mine.remove(line)
            sides = {"simulated": None, "rehearsed": None, only: line}
            found.append(Found(order_id, "line", line["type"], "", **sides))
    fills = [[line for line in side if line["type"] == "fill"] for side in (left, right)]
    if len(fills[0]) != len(fills[1]):
        found.append(Found(order_id, "fills", "fill", "", *fills))
        left, right = ([line for line in side if line["type"] != "fill"] for side in (left, right))
    if [_key(line) for line in left] != [_key(line) for line in right]:
        return [*found, Found(order_id, "order of lines", "", "", [_key(each) for each in left], [_key(each) for each in right])]
    for one, other in zip(left, right, strict=True):
        asked = [{row[0]: row[1:] for row in each.pop("verdicts", ())} for each in (one, other)]
        for what, (first, second) in (("field", (one, other)), ("control", asked)):
            for name in sorted(first.keys() | second.keys()):
                if first.get(name) != second.get(name):
                    found.append(Found(order_id, what, one["type"], name, first.get(name), second.get(name)))
    return found


def _key(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["type"], line.get("action", "")


def claimed(found: Iterable[Found], *, reviewed: Sequence[Difference] = REVIEWED) -> tuple[dict[str, list[Found]], list[Found]]:
    """Return what each entry claims, by its name, and what none claims or more than one."""
    by_name: dict[str, list[Found]] = {entry.name: [] for entry in reviewed}
    open_ones = []
    for each in found:
        names = [entry.name for entry in reviewed if entry.claims(each)]
        if len(names) == 1:
            by_name[names[0]].append(each)
        else:
            open_ones.append(each)
    return by_name, open_ones
