"""The cost tree of random logs against plain loops: every part to the digit, and the whole is paper minus real profit."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest

from analysis.cost_groups import CostGroup, financing_costs, group_costs
from analysis.cost_names import COMPONENTS, OPPORTUNITY_OF, Opportunity
from analysis.cost_tree import order_costs
from analysis.log_store import LogStore, open_log
from analysis.shortfall import implementation_shortfall, split_trading
from lakehouse import records
from orders.errors import ConfigError
from orders.exact import exact_arithmetic
from orders.reasons import Reason
from tests.analysis.made_costs import MARKETS, MadeLog, Wish

D = Decimal


def parts_of(wish: Wish) -> dict[str, Decimal]:
    """What the wish cost in quote currency over the multiplier, by plain loops; fees apart."""
    found = dict.fromkeys(COMPONENTS, D(0))
    filled = sum((fill["quantity"] for fill in wish.fills), D(0))
    for fill in wish.fills:
        units, price, mid = fill["quantity"], fill["price"], fill["mid"]
        assert wish.paper is not None
        found["delay"] += wish.sign * units * (mid - wish.paper)
        if fill["known"]:
            split = split_trading(
                side="BUY" if wish.sign > 0 else "SELL", quantity=units, price=price, arrival_price=mid, bid=fill["bid"],
                ask=fill["ask"], maker=fill["maker"],
            )  # fmt: skip
            found["spread"] += split.spread
            found["impact"] += split.impact
            found["timing"] += split.timing
        else:
            found["unsplit"] += wish.sign * units * (price - mid)
    if wish.paper is not None and wish.end is not None:
        wanted = max(wish.wanted, wish.planned)
        found[f"opportunity_{wish.name_plan}"] += wish.sign * (wanted - wish.planned) * (wish.end - wish.paper)
        found[f"opportunity_{wish.name_order}"] += wish.sign * (wish.planned - filled) * (wish.end - wish.paper)
    return found


def fees_of(wish: Wish) -> Decimal:
    """Fees in USD: the base asset's at the fill's price."""
    _, quote, base, multiplier, rate = MARKETS[wish.symbol]
    total = D(0)
    for fill in wish.fills:
        if fill["currency"] == quote:
            total += fill["fee"] * D(rate)
        elif fill["currency"] == base:
            total += fill["fee"] * fill["price"] * D(multiplier) * D(rate)
        else:
            total += fill["fee"]
    return total


def expected(made: MadeLog) -> dict[str, dict[str, Decimal]]:
    """Symbol -> part -> USD."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(COMPONENTS, D(0)))
    with exact_arithmetic():
        for wish in made.wishes:
            multiplier, rate = MARKETS[wish.symbol][3:]
            for name, raw in parts_of(wish).items():
                sums[wish.symbol][name] += raw * D(multiplier) * D(rate)
            sums[wish.symbol]["fees"] += fees_of(wish)
    return sums


@pytest.fixture(scope="module", params=[1, 2, 3])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeLog, LogStore]:
    path = tmp_path_factory.mktemp("made") / "execution_logs.jsonl"
    made = MadeLog(path, seed=request.param, cycles=60)
    store = open_log(path)
    order_costs(store)
    return made, store


def test_every_part_of_every_symbol_is_the_oracles_to_the_digit(case: tuple[MadeLog, LogStore]) -> None:
    made, store = case
    found = {group.key[0]: dict(group.amounts) for group in group_costs(store, by=["symbol"])}
    assert found == expected(made)
    assert {name for parts in found.values() for name, amount in parts.items() if amount} >= set(COMPONENTS) - {
        "opportunity_no_price", "opportunity_other"
    }  # fmt: skip


def test_the_whole_is_paper_minus_real_profit_of_the_same_targets(case: tuple[MadeLog, LogStore]) -> None:
    made, store = case
    paper = real = D(0)
    with exact_arithmetic():
        for wish in made.wishes:
            if wish.paper is None or wish.end is None:
                continue
            multiplier, rate = MARKETS[wish.symbol][3:]
            unit = D(multiplier) * D(rate)
            paper += wish.sign * max(wish.wanted, wish.planned) * (wish.end - wish.paper) * unit
            real -= fees_of(wish)
            for fill in wish.fills:
                real += wish.sign * fill["quantity"] * (wish.end - fill["price"]) * unit
    assert group_costs(store)[0].total == paper - real


def test_each_row_is_the_public_shortfall_of_its_order(case: tuple[MadeLog, LogStore]) -> None:
    made, store = case
    rows = store.rows(
        f"SELECT cycle, line, {', '.join(COMPONENTS)} FROM order_costs_quote WHERE fills > 0 AND decided ORDER BY seq"
    )
    wishes = {(made.lines[wish.plan - 1].cycle, wish.symbol): wish for wish in made.wishes}
    assert len(rows) > 20
    for cycle, line, *told in rows:
        wish = wishes[cycle, list(MARKETS)[line - 1]]
        parts = dict(zip(COMPONENTS, told, strict=True))
        unit = D(MARKETS[wish.symbol][3])
        assert wish.paper is not None
        whole = implementation_shortfall(
            side="BUY" if wish.sign > 0 else "SELL", quantity=max(wish.wanted, wish.planned), decision_price=wish.paper,
            arrival_price=wish.fills[0]["mid"], fills=[(fill["quantity"], fill["price"]) for fill in wish.fills],
            end_price=wish.end, fees=D(0),
        )  # fmt: skip
        with exact_arithmetic():
            assert parts["delay"] == whole.delay * unit
            assert sum((parts[name] for name in ("spread", "impact", "timing", "unsplit")), D(0)) == whole.trading * unit
            assert sum((parts[f"opportunity_{name}"] for name in Opportunity), D(0)) == whole.opportunity * unit


@pytest.mark.parametrize(
    "by",
    [
        ["order_id"],
        ["plan_sha256"],
        ["cycle"],
        ["venue", "schedule"],
        ["source_run"],
        ["winner"],
        ["winner", "symbol"],
        ["state"],
    ],
)
def test_groups_of_any_key_sum_to_the_whole(case: tuple[MadeLog, LogStore], by: list[str]) -> None:
    _, store = case
    whole, groups = group_costs(store)[0], group_costs(store, by=by)
    with exact_arithmetic():
        for name in COMPONENTS:
            assert sum((group.amounts[name] for group in groups), D(0)) == whole.amounts[name]
        assert sum((group.total for group in groups), D(0)) == whole.total
        assert sum((group.decision_notional for group in groups), D(0)) == whole.decision_notional
        for group in groups:
            assert group.amounts["delay"] + group.trading + group.opportunity + group.amounts["fees"] == group.total


def test_what_could_not_be_measured_is_counted(case: tuple[MadeLog, LogStore]) -> None:
    made, store = case
    whole = group_costs(store)[0]
    unpriced = sum(1 for wish in made.wishes if wish.name_plan == "no_price")
    unknown = sum(1 for wish in made.wishes for fill in wish.fills if not fill["known"])
    assert (whole.unpriced, whole.unsplit_fills, whole.unvalued) == (unpriced, unknown, 0)
    assert whole.fills == made.trades
    assert whole.undecided > 0


def test_quote_currencies_are_not_mixed(case: tuple[MadeLog, LogStore]) -> None:
    _, store = case
    groups = group_costs(store, view="order_costs_quote")
    assert {group.key[0] for group in groups} == {"USD", "EUR", "USDT"}


def test_children_belong_to_their_parent(case: tuple[MadeLog, LogStore]) -> None:
    made, store = case
    parents = {line.client_order_id for line in made.lines if isinstance(line, records.Intent) and line.child == 0}
    found = {row[0] for row in store.rows("SELECT order_id FROM order_costs WHERE order_id IS NOT NULL")}
    assert found == parents


def test_a_key_that_is_none_is_refused(case: tuple[MadeLog, LogStore]) -> None:
    with pytest.raises(ConfigError, match="BY_UNKNOWN"):
        group_costs(case[1], by=["colour"])


def test_every_reason_has_one_name() -> None:
    assert set(OPPORTUNITY_OF) == set(Reason)
    assert set(OPPORTUNITY_OF.values()) == set(Opportunity) - {Opportunity.UNFILLED}


def test_no_financing_is_none(case: tuple[MadeLog, LogStore]) -> None:
    assert financing_costs(case[1]) == []


def test_a_group_without_notional_has_no_bps() -> None:
    fields = dict.fromkeys(CostGroup.__struct_fields__, 0)
    assert CostGroup(**{**fields, "key": (), "amounts": {}, "total_bps": None}).total_bps is None  # type: ignore[arg-type]
