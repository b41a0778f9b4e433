"""Drift cycles: a book that has left its band goes back to the manifest it follows, once an interval, and only when it may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.drift import DriftGrid
from engine.market_time import MarketTime
from tests.gate.world import DAY_NS, MS, SECOND, Ran, World, manifest_text, quote, run_backtest, run_shadow, shares

A, B = shares(2)
BOTH = manifest_text({A.symbol: "0.4", B.symbol: "0.4"})
DRIFTS = "drift_check_s = 1"
type Run = Callable[..., Ran]
type Step = tuple[int, int, int]  # from this millisecond on: ticks of A, ticks of B


def drifting(
    root: Path, *steps: Step, until_ms: int = 3_400, policy: str = DRIFTS, changes: Sequence[tuple[str, str]] = ()
) -> World:
    """Quotes of both every 100 ms, 20 ms off every second's edge; `steps` move them."""
    world = World(root, names=(A, B), latency_ms="5", jitter_ms="0", policy=policy)
    for ms in range(20, until_ms, 100):
        ticks = [step[1:] for step in ((0, 0, 0), *steps) if step[0] <= ms][-1]
        world.quotes += [quote(name, ms, ticks=by) for name, by in zip((A, B), ticks, strict=True)]
    text = world.write().config_path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    world.config_path.write_text(text)
    return world


def installed(world: World, text: str = BOTH, at_ms: int = 60) -> tuple[int, Path]:
    return at_ms, world.save(f"at-{at_ms}.json", text)


def causes(ran: Ran) -> list[str]:
    return [line["cause"] for line in ran.of("cycle")]


@pytest.fixture(params=[run_backtest, run_shadow], ids=["backtest", "node"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def test_a_book_outside_its_band_is_brought_back_by_one_cycle(run: Run, tmp_path: Path) -> None:
    world = drifting(tmp_path, (1_500, 1_000, 0))
    ran = run(world, [installed(world)])
    assert causes(ran) == ["new_manifest", "drift"]
    assert [(line["symbol"], line["side"]) for line in ran.of("fill")][2:] == [(A.symbol, "SELL"), (B.symbol, "BUY")]
    plan = ran.of("plan")[1]["plan"]
    assert (plan["cause"], Decimal(plan["tracking_error_bps"]) < 20) == ("drift", True)
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]


def test_what_a_drift_is_seen_at_is_what_it_is_decided_on(tmp_path: Path) -> None:
    world = drifting(tmp_path, (1_500, 1_000, 0))
    ran = run_backtest(world, [installed(world)])
    drift = [line for line in ran.of("intent") if line["cycle"] == 2]
    assert [line["decision_price"] for line in drift] == [line["arrival_mid"] for line in drift]
    assert all(line["attribution"] for line in drift)


def test_a_book_within_its_band_writes_nothing(tmp_path: Path) -> None:
    still = drifting(tmp_path / "still", (1_500, 9, 0), policy="")
    looked = drifting(tmp_path / "looked", (1_500, 9, 0))
    kinds = [
        [line["type"] for line in run_backtest(world, [installed(world)]).lines if line["type"] != "anchor"]
        for world in (still, looked)
    ]
    assert kinds[0] == kinds[1]


def test_an_interval_has_one_drift_cycle_at_most(tmp_path: Path) -> None:
    moves = [(ms, 1_000 if number % 2 else 0, 0) for number, ms in enumerate(range(1_000, 3_400, 200))]
    world = drifting(tmp_path, *moves)
    ran = run_backtest(world, [installed(world)])
    seconds = [(line["ts_ns"] - DAY_NS) // SECOND for line in ran.of("cycle") if line["cause"] == "drift"]
    assert seconds
    assert len(seconds) == len(set(seconds))


def test_the_grid_is_of_market_time() -> None:
    grid = DriftGrid(
        every_s=10, market_time=MarketTime(real_epoch_ns=7 * SECOND, market_epoch_ns=100 * SECOND, speed=4), age_max_ns=1
    )
    assert grid.start_ns(8 * SECOND) == 7 * SECOND  # market 104 began at 100
    assert grid.start_ns(8 * SECOND, ahead=1) == 9 * SECOND + 500 * MS  # market 110


@pytest.mark.parametrize(
    ("text", "decision"), [("", "HOLD"), (manifest_text({A.symbol: "2"}), "REFUSED")], ids=["held", "refused"]
)
def test_nothing_drifts_back_while_a_manifest_is_turned_away(text: str, decision: str, tmp_path: Path) -> None:
    world = drifting(tmp_path, (1_500, 1_000, 0))
    ran = run_backtest(world, [installed(world), installed(world, text, 700)])
    assert ran.of("manifest")[1]["decision"] == decision
    assert causes(ran) == ["new_manifest"]


def test_a_manifest_that_comes_back_after_a_hold_is_drifted_to_again(tmp_path: Path) -> None:
    world = drifting(tmp_path, (1_500, 1_000, 0))
    ran = run_backtest(world, [installed(world), installed(world, "", 700), installed(world, BOTH, 1_300)])
    assert causes(ran) == ["new_manifest", "drift"]


def test_a_manifest_that_is_too_old_is_not_drifted_to(tmp_path: Path) -> None:
    hour_ms = 3_600_000
    for name, age, expected in (("old", 1, ["new_manifest"]), ("young", 24, ["new_manifest", "drift"])):
        world = drifting(tmp_path / name, until_ms=1_000, changes=[("manifest_age_max_h = 24", f"manifest_age_max_h = {age}")])
        world.quotes += [quote(n, hour_ms + ms, ticks=1_000 if n is A else 0) for ms in range(20, 2_500, 100) for n in (A, B)]
        assert causes(run_backtest(world, [installed(world)])) == expected


def test_a_halted_run_looks_at_nothing(tmp_path: Path) -> None:
    world = drifting(tmp_path, (1_500, 1_000, 0))

    def halt_after_the_first_cycle(kernel: Any, assembly: Any) -> None:
        assembly.desk.on_cycle_end = lambda fills, orders: assembly.halt("made for a test")

    ran = run_backtest(world, [installed(world)], prepare=halt_after_the_first_cycle)
    assert causes(ran) == ["new_manifest"]


def test_a_line_that_a_control_denied_is_tried_again_by_a_drift(tmp_path: Path) -> None:
    """The collar denies a price that left its reference between the reading and the plan; later it is the market's price."""
    world = drifting(tmp_path, (200, 800, 0))
    ran = run_backtest(world, [installed(world, at_ms=150)])
    assert [line["reason"] for line in ran.of("skip") if line["cycle"] == 1] == ["PRICE_COLLAR"]
    assert causes(ran) == ["new_manifest", "drift"]
    assert {line["symbol"] for line in ran.of("fill") if line["cycle"] == 2} == {A.symbol}


def test_a_start_looks_at_the_drift_once_it_has_read_the_manifest_again(tmp_path: Path) -> None:
    world = drifting(tmp_path, until_ms=1_500)
    first = run_shadow(world, [installed(world)])
    assert causes(first) == ["new_manifest"]
    world.quotes += [quote(n, 60_000 + ms, ticks=1_000 if n is A else 0) for ms in range(20, 2_500, 100) for n in (A, B)]
    text = world.config_path.read_text()
    world.write()
    world.config_path.write_text(text)
    second = run_shadow(world)
    assert causes(second) == ["new_manifest", "drift"]
    assert [line["side"] for line in second.of("fill")][2:] == ["SELL", "BUY"]


def test_a_book_that_cannot_be_valued_any_more_is_told_once_and_nothing_drifts(tmp_path: Path) -> None:
    """A short that rose fourfold has eaten all equity: no weight means anything now, and somebody must hear of it."""
    margin = [('account = "cash"', 'account = "margin"')]
    world = drifting(tmp_path, (1_500, 30_000, 0), until_ms=5_400, changes=margin)
    ran = run_backtest(world, [installed(world, manifest_text({A.symbol: "-0.4", B.symbol: "0.3"}))])
    assert causes(ran) == ["new_manifest"]
    assert [line["code"] for line in ran.of("alarm")] == ["MARKET_SANITY", "EQUITY_NOT_POSITIVE"]


@pytest.mark.parametrize("ticks", [90_000, -9_000], ids=["ten times", "a tenth"])
def test_a_price_that_jumps_is_not_drifted_on_before_the_next_look_finds_it_there(ticks: int, tmp_path: Path) -> None:
    """On margin ten times the price made equity that was not there, and the other share was bought with it."""
    wide = [('account = "cash"', 'account = "margin"'), ('max_order_value_base = "60000"', 'max_order_value_base = "600000"')]
    world = drifting(tmp_path / "back", (1_500, ticks, 0), (2_400, 0, 0), until_ms=5_400, changes=wide)
    ran = run_backtest(world, [installed(world)])
    assert causes(ran) == ["new_manifest"]
    assert [line["code"] for line in ran.of("alarm")] == ["MARKET_SANITY"]
    assert A.symbol in ran.of("alarm")[0]["message"]
    stays = drifting(tmp_path / "stays", (1_500, ticks, 0), until_ms=4_400, changes=wide)
    found = [(line["ts_ns"] - DAY_NS) // SECOND for line in run_backtest(stays, [installed(stays)]).of("cycle")]
    assert found[:2] == [0, 3]
