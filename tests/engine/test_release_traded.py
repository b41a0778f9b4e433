"""Buys wait for the fills that pay for them, in a backtest and in a node: no longer, no shorter, and never beyond the cash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.rebuild import LogFold, decode_line
from tests.gate.world import BTC, ETH, SOL, Ran, World, manifest_text, quote, run_backtest, run_shadow, shares

A, B, C = shares(3)
SLICED = '[schedules.slices]\nkind = "twap"\nduration_s = 2\nslices = 4\n'
SLICES = 'schedule = "slices"\n'
type Run = Callable[..., Ran]


def rebalance(root: Path, *, policy: str = SLICES, until_ms: int = 6_000) -> tuple[World, list[tuple[int, Path]]]:
    """First all in A, then a third of it goes to B and C: there is no cash for them but what A brings, in four slices."""
    world = World(root, names=(A, B, C), latency_ms="5", jitter_ms="0", policy=policy, schedules=SLICED)
    world.quotes = [quote(name, ms) for ms in range(20, until_ms, 100) for name in world.names]
    text = world.write().config_path.read_text()
    for old, new in (('max_asset_exposure = "0.5"', 'max_asset_exposure = "1"'), ('hhi_max = "0.6"', 'hhi_max = "1"')):
        text = text.replace(old, new)
    world.config_path.write_text(text.replace('max_order_value_base = "60000"', 'max_order_value_base = "100000"'))
    first = world.save("1.json", manifest_text({A.symbol: "0.98"}))
    weights = {A.symbol: "0.5", B.symbol: "0.24", C.symbol: "0.24"}
    second = world.save("2.json", manifest_text(weights, generated="2025-01-06T13:59:31"))
    return world, [(60, first), (2_600, second)]


@pytest.fixture(params=[run_backtest, run_shadow], ids=["backtest", "node"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def children(ran: Ran, name: object, cycle: int) -> list[dict[str, object]]:
    symbol = name.symbol  # type: ignore[attr-defined]
    return [
        line
        for line in ran.of("intent")
        if line["symbol"] == symbol and line["cycle"] == cycle and line["parent_client_order_id"] is not None
    ]


def test_fills_of_a_schedules_children_release_buys_while_it_still_sells(run: Run, tmp_path: Path) -> None:
    world, manifests = rebalance(tmp_path)
    ran = run(world, manifests)
    sold = [line["seq"] for line in ran.of("fill") if line["symbol"] == A.symbol and line["side"] == "SELL"]
    begun = min(line["seq"] for line in children(ran, B, 2))  # type: ignore[type-var]
    assert len(sold) == 4
    assert sold[0] < begun < sold[-1]  # type: ignore[operator]
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]
    assert not ran.of("skip", "reject", "halt")
    assert ran.assembly.recorder.keeper.cash["US"]["USD"] >= 0


def test_what_waits_at_the_deadline_is_skipped_and_a_top_up_buys_it(run: Run, tmp_path: Path) -> None:
    world, manifests = rebalance(tmp_path, policy=SLICES + "release_deadline_s = 1\ntop_ups_max = 1\n", until_ms=9_000)
    ran = run(world, manifests)
    skipped = [line for line in ran.of("skip") if line["cycle"] == 2]
    assert skipped
    assert {line["reason"] for line in skipped} <= {"NO_CASH", "REDUCTION_UNFILLED"}
    assert {line["cause"] for line in ran.of("cancel")} == {"schedule_done", "not_released"}
    assert [(line["cause"], end["outcome"]) for line, end in zip(ran.of("cycle"), ran.of("cycle_end"), strict=True)] == [
        ("new_manifest", "done"),
        ("new_manifest", "partial"),
        ("top_up", "done"),
    ]
    held = ran.assembly.recorder.keeper.positions
    assert held[B.symbol] > 200
    assert held[C.symbol] > 200


def test_without_top_ups_what_was_skipped_stays_for_the_next_manifest(tmp_path: Path) -> None:
    world, manifests = rebalance(tmp_path, policy=SLICES + "release_deadline_s = 1\ntop_ups_max = 0\n", until_ms=9_000)
    ran = run_backtest(world, manifests)
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]
    assert [line for line in ran.of("skip") if line["cycle"] == 2]


def test_what_a_cycle_left_over_does_not_top_up_the_next_one_that_approves_nothing(tmp_path: Path) -> None:
    """The third manifest wants what is held; nothing of it is left over, whatever the second one left."""
    policy = SLICES + "release_deadline_s = 1\ntop_ups_max = 3\nplan_deadline_s = 1\n"
    world, manifests = rebalance(tmp_path, policy=policy, until_ms=9_000)
    text = world.config_path.read_text().replace("plan_deadline_s = 30\n", "", 1)
    world.config_path.write_text(text.replace('drift_band_fraction = "0.001"', 'drift_band_fraction = "0.02"'))
    manifests[1] = (
        2_600,
        world.save("2.json", manifest_text({A.symbol: "0.5", B.symbol: "0.48"}, generated="2025-01-06T13:59:31")),
    )
    held = world.save("3.json", manifest_text({A.symbol: "0.5"}, generated="2025-01-06T13:59:32"))
    ran = run_backtest(world, [*manifests, (3_200, held)])
    assert [line["symbol"] for line in ran.of("skip") if line["reason"] == "NO_CASH"] == [B.symbol]
    assert {line["cycle"] for line in ran.of("intent")} == {1, 2}
    assert [line["cause"] for line in ran.of("cycle")] == ["new_manifest"] * 3
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "partial", "done"]


def test_a_restart_tops_up_a_cycle_that_had_left_something_over(tmp_path: Path) -> None:
    world, manifests = rebalance(tmp_path, policy=SLICES + "release_deadline_s = 1\ntop_ups_max = 1\n", until_ms=9_000)
    ran = run_backtest(world, manifests)
    fold = LogFold()
    raw = (world.root / "backtest" / "execution_logs.jsonl").read_bytes().splitlines()
    for text, line in zip(raw, ran.lines, strict=True):
        fold.apply(decode_line(text))
        if line["type"] == "cycle_end" and line["outcome"] == "partial":
            break
    assert (fold.unfinished, fold.partials) == (ran.of("manifest")[1]["manifest_sha256"], 1)
    assert fold.done == ran.of("manifest")[0]["manifest_sha256"]


moves = st.lists(st.tuples(*[st.integers(-22, 22)] * 3), min_size=12, max_size=12)


@settings(max_examples=12, deadline=None)
@given(moves=moves, fractions=st.tuples(st.integers(1, 98), st.integers(0, 98), st.integers(0, 98)))
def test_no_account_is_overdrawn_while_prices_stay_within_the_collar(
    moves: Sequence[tuple[int, int, int]], fractions: tuple[int, int, int]
) -> None:
    """Nothing held back but the drift: every price may jump by as much as the collar lets pass while orders are on their way."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder), names=(BTC, ETH, SOL), latency_ms="60", jitter_ms="20", policy='cash_drift_fraction = "0.05"')
        units = [int(Decimal(name.price) / Decimal(name.tick) / 1000) for name in world.names]  # a thousandth, in ticks
        world.quotes = [
            quote(name, 20 + 100 * i, ticks=by * unit)
            for i, step in enumerate(moves)
            for name, by, unit in zip(world.names, step, units, strict=True)
        ]
        text = world.write().config_path.read_text().replace('cash_buffer_fraction = "0.02"', 'cash_buffer_fraction = "0"')
        for old in ('max_asset_exposure = "0.5"', 'hhi_max = "0.6"', 'turnover_max = "2"', 'price_collar_fraction = "0.05"'):
            text = text.replace(old, old.split("=")[0] + ('= "0.99"' if "collar" in old else '= "3"'))
        world.config_path.write_text(text.replace('max_order_value_base = "60000"', 'max_order_value_base = "200000"'))
        whole = sum(fractions)
        parts = [[str(Decimal(part * 9_999 // whole).scaleb(-4)) for part in order] for order in (fractions, fractions[::-1])]
        weights = [{name.symbol: part for name, part in zip(world.names, each, strict=True)} for each in parts]
        files = [
            (at_ms, world.save(f"{at_ms}.json", manifest_text(each, generated=f"2025-01-06T13:59:3{number}")))
            for number, (at_ms, each) in enumerate(zip((60, 600), weights, strict=True))
        ]
        ran = run_backtest(world, files)
        assert {line["decision"] for line in ran.of("plan")} == {"PLAN"}
        assert ran.of("fill")
        cash = Decimal(100_000)
        for fill in ran.of("fill"):
            cash += (1 if fill["side"] == "SELL" else -1) * Decimal(fill["notional_quote"])
            cash -= Decimal(fill["fee"]) if fill["fee_currency"] == "USDT" else 0
            assert cash >= 0
