"""Capital that is lowered while a run trades: what is above it comes down by a plan, and what opens is given up."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.assemble import Assembly
from engine.drift import DriftGrid, DriftWatch
from engine.market_time import IDENTITY
from lakehouse.rebuild import LogFold
from orders.capital import Capital
from sim.shadow_run import ShadowRun
from tests.engine.test_drift import A, B, causes, drifting, installed
from tests.gate.world import DAY_NS, MS, SECOND, Ran, World, manifest_text, run_backtest, run_shadow

BOTH = manifest_text({A.symbol: "0.4", B.symbol: "0.4"})
QUIET = manifest_text({A.symbol: "0.02", B.symbol: "0.02"})
type Lower = tuple[int, Capital]
type Run = Callable[..., Ran]


def lowering(*lowers: Lower, start: Capital | None = None) -> Callable[[Any, Assembly], None]:
    """Let the run use less from milliseconds of the made day on, at the first price from then on; `start`: from its start."""

    def prepare(kernel: Any, assembly: Assembly) -> None:
        left = list(lowers)
        if start is not None:
            assembly.hold_to(start)

        def on_quote(tick: Any) -> None:
            while left and assembly.recorder.market_now_ns() >= DAY_NS + left[0][0] * MS:
                assembly.hold_to(left.pop(0)[1])

        kernel.msgbus.subscribe(topic="data.quotes.*", handler=on_quote)

    return prepare


def of(fraction: str, **more: str) -> Capital:
    return Capital(fraction=Decimal(fraction), **more)


def held(ran: Ran) -> dict[str, int]:
    """Units at the end, by symbol."""
    return {symbol: int(units) for symbol, units in ran.assembly.recorder.keeper.positions.items()}


@pytest.fixture(params=[run_backtest, run_shadow], ids=["backtest", "node"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def test_what_is_held_above_a_lower_capital_is_sold_down_to_it_and_no_further(run: Run, tmp_path: Path) -> None:
    world = drifting(tmp_path, policy="", until_ms=2_400)
    ran = run(world, [installed(world)], prepare=lowering((1_000, of("0.25")), start=of("1")))
    assert causes(ran) == ["new_manifest", "ramp"]
    assert [(line["cycle"], line["side"]) for line in ran.of("fill")] == [(1, "BUY"), (1, "BUY"), (2, "SELL"), (2, "SELL")]
    assert held(ran) == {A.symbol: 100, B.symbol: 100}  # 400 and 400 were bought, a tenth of 100,000 each are left
    assert [line["plan"].get("capital_fraction") for line in ran.of("plan")] == ["1", "0.25"]
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]


def test_a_canary_buys_its_part_and_never_more(run: Run, tmp_path: Path) -> None:
    world = drifting(tmp_path, policy="", until_ms=1_400)
    ran = run(world, [installed(world)], prepare=lowering(start=of("0.05")))
    assert held(ran) == {A.symbol: 19, B.symbol: 19}
    assert sum(Decimal(line["price"]) * Decimal(line["quantity"]) for line in ran.of("fill")) <= 5_000
    assert causes(ran) == ["new_manifest"]


def test_each_step_down_is_followed(tmp_path: Path) -> None:
    world = drifting(tmp_path, policy="", until_ms=4_400)
    steps = [(1_000, of("0.25")), (1_500, of("1")), (2_000, of("0.05")), (3_000, of("0.01"))]
    ran = run_backtest(world, [installed(world)], prepare=lowering(*steps, start=of("1")))
    assert causes(ran) == ["new_manifest", "ramp", "ramp", "ramp"]
    assert held(ran) == {A.symbol: 4, B.symbol: 4}


def test_a_position_within_the_lower_capital_is_left_alone(tmp_path: Path) -> None:
    world = drifting(tmp_path, policy="", until_ms=2_400)
    ran = run_backtest(world, [installed(world, QUIET)], prepare=lowering((1_000, of("1", paused="by alice")), start=of("1")))
    assert causes(ran) == ["new_manifest"]


def test_a_paused_run_opens_nothing_of_a_new_manifest_and_still_sells(tmp_path: Path) -> None:
    world = drifting(tmp_path, policy="", until_ms=3_400)
    newer = manifest_text({A.symbol: "0.2", B.symbol: "0.6"}, generated="2025-01-06T13:59:31")
    steps = lowering((1_000, of("1", paused="HALTED: enough")), start=of("1"))
    ran = run_backtest(world, [installed(world), installed(world, newer, 1_600)], prepare=steps)
    second = [line for line in ran.of("fill") if line["cycle"] > 1]
    assert {(line["symbol"], line["side"]) for line in second} == {(A.symbol, "SELL")}
    assert [line["reason"] for line in ran.of("skip")] == ["NOT_OPENED"]


RESTING = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 600\n'


def resting(root: Path) -> World:
    """Orders rest at the near touch for ten minutes."""
    world = drifting(root, policy='schedule = "slow"\n', until_ms=3_400)
    text = world.config_path.read_text()
    world.schedules = RESTING
    world.write()
    assert RESTING not in text
    return world


def test_resting_orders_that_add_are_cancelled_at_once_and_planned_anew_at_the_lower_fraction(run: Run, tmp_path: Path) -> None:
    world = resting(tmp_path)
    ran = run(world, [installed(world)], prepare=lowering((1_000, of("0.25")), start=of("1")))
    first = {line["client_order_id"] for line in ran.of("intent") if line["cycle"] == 1 and not line.get("parent")}
    ended = {line["client_order_id"] for line in ran.of("cancel")}
    assert first <= ended
    assert causes(ran)[:2] == ["new_manifest", "top_up"]
    again = [line for line in ran.of("intent") if line["cycle"] == 2]
    assert {int(line["quantity"]) for line in again} == {99}
    assert [line["outcome"] for line in ran.of("cycle_end")][:1] == ["interrupted"]


class Whole(ShadowRun):
    """A run whose log says that it may use all of equity."""

    def capital(self, fold: LogFold) -> Capital | None:
        return of("1")


class Quarter(ShadowRun):
    """One whose log says a quarter."""

    def capital(self, fold: LogFold) -> Capital | None:
        return of("0.25")


def test_a_start_at_a_lower_fraction_than_the_last_plan_was_made_at_brings_the_position_down_once(tmp_path: Path) -> None:
    """A crash between a step down and what follows it."""
    world = drifting(tmp_path, policy="", until_ms=1_500)
    assert causes(run_shadow(world, [installed(world)], kind=Whole)) == ["new_manifest"]
    second = run_shadow(world.write_quotes(60_000), kind=Quarter)
    assert causes(second) == ["new_manifest", "ramp"]
    assert {line["side"] for line in second.of("fill") if line["cycle"] == 2} == {"SELL"}
    third = run_shadow(world.write_quotes(120_000), kind=Quarter)  # a price that rose is no lower step
    assert causes(third) == ["new_manifest", "ramp"]


def test_a_look_without_prices_or_manifest_is_made_again_soon_and_one_that_could_not_act_in_a_minute() -> None:
    grid = DriftGrid(every_s=0, market_time=IDENTITY, age_max_ns=1)
    intake: Any = SimpleNamespace(standing=None)
    unused: Any = None
    watch = DriftWatch(grid, intake=intake, keeper=unused, waiting=unused)
    assert watch.check_ns is None
    watch.ramp_soon(5 * SECOND)
    assert watch.check_ns is None
    watch.ramp()
    assert watch.check_ns == 0
    assert watch.due(5 * SECOND, may_send=True) is None, "prices of a start may come before its manifest is read"
    assert watch.check_ns == 6 * SECOND
    intake.standing = SimpleNamespace(targets={}, generated_ns=0)
    assert watch.due(6 * SECOND, may_send=False) is None
    assert watch.check_ns == 66 * SECOND
    watch.ramp_soon(5 * SECOND)
    assert watch.check_ns == 6 * SECOND
    watch.settled()
    assert watch.check_ns is None
