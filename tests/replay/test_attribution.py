"""The attribution by itself, on the real lines of a recorded day with one thing about them changed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from analysis.replay_cause import Cause
from analysis.replay_course import course_of
from analysis.replay_diff import Compared, Comparer
from analysis.replay_result import Budget, ReplayResult, read_result, result_bytes, result_of
from lakehouse import records
from lakehouse.layout import Layout
from orders.errors import InputError
from sim.recorded_market import RecordedMarket
from sim.replay import replay
from tests.gate.world import MS, SOL
from tests.parity.test_made_day import STEP_MS

STEP_NS = STEP_MS * MS  # between two prices of the made day

ALL = Budget(orders_max_fraction=Decimal(1), price_max_bps=Decimal(9_999))


@pytest.fixture(scope="session")
def replayed(day: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return replay(day[2], layout=Layout(tmp_path_factory.mktemp("replay") / "record"))


def changed(lines: Any, kind: type, change: Callable[[Any], Any], *, symbol: str = SOL.symbol) -> list[Any]:
    """The lines, with those of a kind about a symbol changed."""
    return [change(line) if isinstance(line, kind) and getattr(line, "symbol", "") == symbol else line for line in lines]


def compare(day: Any, replayed: Any, lines: Any) -> Compared:
    _, _, run = day
    market = RecordedMarket(run.layout, run.market)
    return Comparer(course_of(lines), course_of(replayed.lines), market=market).compare()


def judged(day: Any, compared: Compared, budget: Budget = ALL) -> ReplayResult:
    _, _, run = day
    return result_of(course_of(run.lines), compared, budget=budget, finished=True, changed={})


def never_shown(line: records.Intent) -> records.Intent:
    return msgspec.structs.replace(line, arrival_bid="150", arrival_ask="150.02")


def more(name: str, value: str) -> Callable[[Any], Any]:
    return lambda line: msgspec.structs.replace(line, **{name: value})


def denied(line: records.VerdictLine) -> records.VerdictLine:
    return msgspec.structs.replace(line, outcome="DENY", code="PRICE_COLLAR")


def in_two(line: records.Fill) -> records.Fill:
    return msgspec.structs.replace(line, quantity="1", filled_quantity="1")


TABLE = [
    (records.Intent, never_shown, Cause.DATA),
    (records.Intent, more("quantity", "1"), Cause.ROUNDING),
    (records.VerdictLine, denied, Cause.VERDICT),
    (records.Fill, more("fill_bid", "150"), None),
    (records.Fill, in_two, Cause.PARTIAL_FILL),
    (records.Fill, more("price", "199"), Cause.PRICE),
    (records.Fill, more("fee", "1"), Cause.FEE),
]
IDS = [
    "decided on a quote nobody recorded", "another quantity of the same wish", "another verdict",
    "the book read a moment later, the same fill", "filled in parts", "another price on the same book", "another fee",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "cause"), TABLE, ids=IDS)
def test_one_changed_line_is_named_after_what_was_changed(kind: Any, change: Any, cause: Any, day: Any, replayed: Any) -> None:
    found = compare(day, replayed, changed(day[2].lines, kind, change)).differences
    assert [(one.symbol, one.cause) for one in found] == ([] if cause is None else [(SOL.symbol, cause)])


def shown_before(day: Any, line: records.Intent) -> records.Intent:
    """The recorded quote of the symbol before the one this order was decided on."""
    world = day[0]
    quotes = [quote for quote in world.quotes if quote.symbol == line.symbol]
    place = next(i for i, quote in enumerate(quotes) if str(quote.bid.normalize()) == str(Decimal(line.arrival_bid).normalize()))
    before = quotes[place - 1]
    return msgspec.structs.replace(
        line, arrival_bid=str(before.bid), arrival_ask=str(before.ask), arrival_ns=line.arrival_ns - STEP_NS
    )


def test_a_quote_that_was_recorded_at_another_instant_is_the_clocks_doing(day: Any, replayed: Any) -> None:
    found = compare(day, replayed, changed(day[2].lines, records.Intent, lambda line: shown_before(day, line))).differences
    assert [one.cause for one in found] == [Cause.CLOCK]


def test_a_fill_on_a_recorded_book_of_another_instant_is_the_clocks_doing(day: Any, replayed: Any) -> None:
    """Filled a step of prices later than the replay, on the quote that was newest then."""
    world, _, run = day
    quotes = [quote for quote in world.quotes if quote.symbol == SOL.symbol]
    fill = next(line for line in run.lines if isinstance(line, records.Fill) and line.symbol == SOL.symbol)
    place = next(i for i, quote in enumerate(quotes) if quote.bid == Decimal(fill.fill_bid or ""))
    later = quotes[place + 1]

    def late(line: records.Fill) -> records.Fill:
        moved = {"event_ns": line.event_ns + STEP_NS, "ts_ns": line.ts_ns + STEP_NS}
        return msgspec.structs.replace(line, fill_bid=str(later.bid), fill_ask=str(later.ask), price=str(later.ask), **moved)

    found = compare(day, replayed, changed(run.lines, records.Fill, late)).differences
    assert [one.cause for one in found] == [Cause.CLOCK]
    assert found[0].price_bps is not None
    assert found[0].price_bps > 0


def unexplained_lines(day: Any) -> list[Any]:
    """An order of another size whose plan wished for another size, with nothing before it that could be the reason."""

    def wish(line: Any) -> Any:
        rows = [{**row, "wanted_quantity": "9"} if row["symbol"] == SOL.symbol else row for row in line.plan["lines"]]
        return msgspec.structs.replace(line, plan={**line.plan, "lines": rows})

    lines = changed(day[2].lines, records.Intent, more("quantity", "9"))
    return [wish(line) if isinstance(line, records.PlanLineRecord) else line for line in lines]


def test_what_nothing_proves_is_unexplained_and_over_any_budget(day: Any, replayed: Any) -> None:
    compared = compare(day, replayed, unexplained_lines(day))
    result = judged(day, compared)
    assert [one.cause for one in compared.differences] == [Cause.UNEXPLAINED]
    assert (result.ok, result.over) == (False, ("1 differences are unexplained, none may be",))


def test_a_difference_that_moves_the_book_is_what_later_ones_follow_from(day: Any, replayed: Any) -> None:
    """The first buy filled at another price; a later order of another size has no evidence of its own."""
    first = next(line for line in day[2].lines if isinstance(line, records.Fill))
    lines = [
        msgspec.structs.replace(line, price="90000") if isinstance(line, records.Fill) and line.seq == first.seq else line
        for line in unexplained_lines(day)
    ]
    found = compare(day, replayed, lines).differences
    assert [(one.cause, one.follows) for one in found] == [(Cause.PRICE, ""), (Cause.PRICE, first.client_order_id)]


def test_an_order_that_only_the_run_has_after_its_last_recorded_quote_is_data(day: Any, replayed: Any) -> None:
    _, _, run = day
    market = RecordedMarket(run.layout, run.market)
    market.until_ns = 0
    gone = [line for line in replayed.lines if getattr(line, "symbol", "") != SOL.symbol]
    found = Comparer(course_of(run.lines), course_of(gone), market=market).compare().differences
    assert [(one.symbol, one.cause) for one in found if one.stage == "order"] == [(SOL.symbol, Cause.DATA)]


@pytest.mark.parametrize(
    ("budget", "ok"),
    [
        (Budget(), False),
        (Budget(orders_max_fraction=Decimal("0.2"), price_max_bps=Decimal(60)), True),
        (Budget(orders_max_fraction=Decimal("0.19"), price_max_bps=Decimal(60)), False),
        (Budget(orders_max_fraction=Decimal("0.2"), price_max_bps=Decimal("0.1")), False),
    ],
    ids=["none", "one order in five, and its price", "a little less", "too dear"],
)
def test_one_order_of_five_is_judged_by_the_budget(budget: Budget, ok: bool, day: Any, replayed: Any) -> None:
    compared = compare(day, replayed, changed(day[2].lines, records.Fill, more("price", "199.5")))
    result = judged(day, compared, budget)
    assert (result.orders, result.orders_differing, result.orders_share) == (5, 1, Decimal("0.2"))
    assert result.ok is ok, result.over


def test_a_result_reads_back_and_one_of_another_version_does_not(day: Any, replayed: Any) -> None:
    result = judged(day, compare(day, replayed, unexplained_lines(day)))
    data = result_bytes(result)
    assert read_result(data) == result
    with pytest.raises(InputError, match="REPLAY_RESULT"):
        read_result(data.replace(b'"version": 1', b'"version": 2'))
    assert set(msgspec.json.decode(data)) == {*ReplayResult.__struct_fields__, "ok"}


def test_a_run_that_was_judged_on_another_manifest_is_over_any_budget(day: Any, replayed: Any) -> None:
    lines = [
        msgspec.structs.replace(line, code="MANIFEST_STALE", decision="HOLD") if isinstance(line, records.ManifestLine) else line
        for line in day[2].lines
    ]
    result = judged(day, compare(day, replayed, lines))
    assert "a manifest was judged otherwise, none may be" in result.over
