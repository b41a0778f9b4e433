"""One wrong print of a held symbol neither buys others with equity that is not there nor makes a peak that never was."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.engine.test_drift import BOTH, A, B, causes, drifting, installed
from tests.gate.world import MS, Ran, World, manifest_text, run_backtest

NEWER = manifest_text({A.symbol: "0.4", B.symbol: "0.4"}, generated="2025-01-06T13:59:31")
MARGIN = [('account = "cash"', 'account = "margin"'), ('max_order_value_base = "60000"', 'max_order_value_base = "600000"')]


def printed(root: Path) -> World:
    """One quote of A at ten times its price, at 1,520 ms."""
    return drifting(root, (1_500, 90_000, 0), (1_600, 0, 0), until_ms=4_500, policy="top_ups_max = 3", changes=MARGIN)


def test_a_manifest_planned_on_one_wrong_print_is_held_and_planned_on_the_next_price(tmp_path: Path) -> None:
    world = printed(tmp_path)
    ran = run_backtest(world, [installed(world), installed(world, NEWER, 1_440)])
    assert causes(ran) == ["new_manifest", "new_manifest", "top_up"]
    assert [(line["decision"], line["code"]) for line in ran.of("plan")][1:] == [("HOLD", "MARK_JUMPED"), ("PLAN", "")]
    assert len(ran.of("fill")) == 2
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "held", "done"]


@pytest.mark.parametrize(("ticks", "mode"), [(90_000, "OPEN"), (-9_900, "CLOSE_ONLY")], ids=["ten times", "a hundredth"])
def test_a_valuation_that_a_jump_raises_waits_for_the_next_and_one_that_it_lowers_counts_at_once(
    ticks: int, mode: str, tmp_path: Path
) -> None:
    changes = [
        *MARGIN,
        ("equity_interval_s = 3600", "equity_interval_s = 1"),
        ('day_loss_max_fraction = "0.5"', 'day_loss_max_fraction = "0.3"'),
    ]
    world = drifting(tmp_path, (1_500, ticks, 0), (2_400, 0, 0), until_ms=6_500, policy="", changes=changes)
    seen = run_backtest(world, [installed(world, BOTH)]).of("equity")
    assert max(Decimal(line["peak_base"]) for line in seen) == 100_000
    assert mode in {line["mode"] for line in seen}
    assert seen[-1]["mode"] == "OPEN"


STANDS = ("jump_age_max_ms = 864000000", "jump_age_max_ms = 864000000\njump_confirm_s = 1")


@pytest.mark.parametrize(
    ("until_ms", "changes", "believed"),
    [(1_700, [], True), (1_900, [STANDS], False), (2_400, [STANDS], False), (9_000, [STANDS], True)],
    ids=["two, the next decides", "four must stand a second", "nine must stand a second", "it is the price"],
)
def test_wrong_prints_one_after_the_other_are_not_believed_before_they_have_stood(
    until_ms: int, changes: list[tuple[str, str]], believed: bool, tmp_path: Path
) -> None:
    """A manifest is planned at the second of several prices of A at ten times the one before."""
    world = drifting(
        tmp_path, (1_500, 90_000, 0), (until_ms, 0, 0), until_ms=5_500, policy="top_ups_max = 3", changes=[*MARGIN, *changes]
    )
    ran = run_backtest(world, [installed(world), installed(world, NEWER, 1_440)])
    _, first, second = ran.of("plan")
    assert (first["decision"], first["code"]) == ("HOLD", "MARK_JUMPED")
    assert second["code"] != "MARK_JUMPED"
    bids = {line["symbol"]: Decimal(line["bid"]) for line in second["plan"]["lines"]}
    assert (bids[A.symbol] > 900) is believed


@pytest.mark.parametrize(("confirm", "bought"), [("0", True), ("1", False)], ids=["the next decides", "it must stand a second"])
def test_a_second_wrong_print_is_no_reference_for_buying_at_it(confirm: str, bought: bool, tmp_path: Path) -> None:
    """The manifest is read at the first wrong print of B and planned at the second."""
    stands = (STANDS[0], f"{STANDS[0]}\njump_confirm_s = {confirm}")
    world = drifting(tmp_path, (1_500, 0, 9_000), (1_900, 0, 0), until_ms=4_500, policy="", changes=[stands])
    only = manifest_text({A.symbol: "0.4"})
    ran = run_backtest(world, [installed(world, only), installed(world, NEWER, 1_560)])
    assert (B.symbol in {fill["symbol"] for fill in ran.of("fill")}) is bought
    if not bought:
        assert [line["code"] for line in ran.of("plan")] == ["", "MARKET_SANITY"]


def test_a_price_that_has_stood_long_enough_is_bought_at(tmp_path: Path) -> None:
    world = drifting(tmp_path, (1_500, 0, 9_000), until_ms=5_500, policy="", changes=[STANDS])
    ran = run_backtest(world, [installed(world, manifest_text({A.symbol: "0.4"})), installed(world, NEWER, 2_700)])
    assert B.symbol in {fill["symbol"] for fill in ran.of("fill")}


@pytest.mark.parametrize("gap_ms", [0, 1, 100, 101, 1_000, 60_000], ids=lambda gap_ms: f"{gap_ms} ms before")
def test_the_price_before_is_the_newest_that_is_so_much_older_or_the_oldest_known(gap_ms: int, tmp_path: Path) -> None:
    world = drifting(tmp_path, (700, 50, 0), (900, 70, 0), until_ms=2_400, policy="")
    found: list[tuple[int, Decimal]] = []

    def look(ran: Ran) -> None:
        earlier = ran.assembly.prices.earlier_of(A.symbol, gap_ns=gap_ms * MS)
        assert earlier is not None
        found.append((earlier.ts_ns, earlier.bid))

    run_backtest(world, [], inspect=look)
    newest, *others = sorted((q.market_ns, q.bid) for q in world.quotes if q.symbol == A.symbol)[::-1]
    assert found == [next((each for each in others if newest[0] - each[0] >= gap_ms * MS), others[-1])]
