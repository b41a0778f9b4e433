"""What the Sentinel counts survives a kill: it is rebuilt from the log, and a second start judges as the first would have."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from commands import enable
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold, decode_line
from orders.errors import ConfigError
from sentinel.loss import LossMode
from sentinel.repeats import REPEATED_EXECUTION
from tests.gate.world import CRYPTO, DAY_NS, ETH, SOL, Ran, World, manifest_text, quote, run_backtest, run_shadow
from tests.restart.test_large_order import cut_after

DAY = DAY_NS // (86_400 * 1_000_000_000)


def traded(root: Path, **config: str) -> tuple[World, Ran]:
    """A day through a real node that buys SOL and ETH once; `config` replaces values of the made config."""
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, at, ticks=at // 50) for at in range(0, 900, 50) for name in CRYPTO]
    world.write()
    text = world.config_path.read_text()
    for key, value in config.items():
        (old,) = [line for line in text.splitlines() if line.startswith(f"{key} = ")]
        text = text.replace(old, f"{key} = {value}")
    world.config_path.write_text(text)
    ran = run_shadow(world, [(100, world.save("m.json", manifest_text({SOL.symbol: "0.2", ETH.symbol: "0.1"})))])
    return world, ran


def folded(lines: list[dict[str, Any]]) -> LogFold:
    fold = LogFold()
    for line in lines:
        fold.apply(decode_line(msgspec.json.encode(line)))
    return fold


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Ran]:
    return traded(tmp_path_factory.mktemp("counts"))


def test_the_log_says_what_the_state_had_counted(ran: tuple[World, Ran]) -> None:
    state, counted = ran[1].assembly.sentinel.running, folded(ran[1].lines).counted
    assert len(ran[1].of("fill")) == 2
    assert {symbol: len(instants) for symbol, instants in counted.parents.items()} == {SOL.symbol: 1, ETH.symbol: 1}
    assert [count for _, count in counted.messages.values()] == [2]
    assert counted.equity is not None
    assert state.baseline is not None
    assert Decimal(counted.equity.peak_base) == state.baseline.peak_base
    assert Decimal(counted.equity.day_start_base) == state.baseline.day_start_base == 100_000
    for symbol, fills in counted.own_fills.items():
        assert state.drift.oldest(symbol, fills[0][0]) is not None


@pytest.mark.parametrize("part", [0.3, 0.5, 0.7, 0.9])
def test_killed_anywhere_the_next_start_counts_on(ran: tuple[World, Ran], tmp_path: Path, part: float) -> None:
    """The log is cut as a kill would; what the second process restores is what the lines up to there say."""
    world, first = ran
    lines = first.lines[: int(len(first.lines) * part)]
    cut = World(tmp_path, latency_ms="5", jitter_ms="0", quotes=world.quotes).write()
    shutil.copytree(world.lakehouse, cut.lakehouse, dirs_exist_ok=True)
    cut_after(cut, len(lines))
    cut.manifest.unlink(missing_ok=True)
    expected = folded(lines)
    seen: list[Any] = []

    def prepare(kernel: Any, assembly: Any) -> None:
        running = assembly.sentinel.running
        held = {name: running.reservations.exposure(name)[0] for name in expected.keeper.positions}
        seen.append((running.baseline, running.repeats.within([SOL.symbol, ETH.symbol], first.lines[-1]["market_ns"]), held))

    run_shadow(cut, prepare=prepare)
    baseline, repeats, held = seen[0]
    equity = expected.counted.equity
    assert (None if baseline is None else str(baseline.peak_base)) == (None if equity is None else equity.peak_base)
    assert repeats == {name: len(expected.counted.parents.get(name, ())) for name in (SOL.symbol, ETH.symbol)}
    for name, units in held.items():
        assert units >= abs(expected.keeper.positions[name])  # filled, and what may still fill


def test_repeated_execution_disables_survives_a_restart_and_a_named_person_enables(tmp_path: Path, capsys: Any) -> None:
    world, first = traded(tmp_path, repeats_max="1")
    assert first.of("switch") == []
    more = manifest_text({SOL.symbol: "0.3", ETH.symbol: "0.1"}, generated="2025-01-06T13:59:40")
    again = run_shadow(world.write_quotes(1_000), [(1_100, world.save("n.json", more))])
    assert [(line["action"], line["symbol"], line["by"]) for line in again.of("switch")] == [
        ("disable", SOL.symbol, REPEATED_EXECUTION)
    ]
    assert again.of("plan")[-1]["code"] == REPEATED_EXECUTION
    assert len(again.of("fill")) == len(first.of("fill"))
    third = run_shadow(world.write_quotes(2_000), [])
    assert third.assembly.sentinel.running.repeats.disabled == {SOL.symbol}
    enable.run(world.lakehouse, symbol=SOL.symbol, by="ann", reason="looked at it", as_json=False)
    assert "enabled" in capsys.readouterr().out
    last = world.lines()[-1]
    assert (last["type"], last["action"], last["symbol"], last["by"], last["reason"]) == (
        "switch", "enable", SOL.symbol, "ann", "looked at it",
    )  # fmt: skip
    fourth = run_shadow(world.write_quotes(3_000), [])
    assert fourth.assembly.sentinel.running.repeats.disabled == set()
    assert fourth.assembly.sentinel.running.repeats.within([SOL.symbol], last["market_ns"]) == {SOL.symbol: 0}


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("ann", ""), ("ann", "a\nb"), ("x" * 65, "why")])
def test_enabling_takes_a_name_and_a_reason(tmp_path: Path, by: str, reason: str) -> None:
    with pytest.raises(ConfigError):
        enable.run(tmp_path, symbol=SOL.symbol, by=by, reason=reason, as_json=False)


def test_enabling_what_is_not_disabled_writes_nothing(ran: tuple[World, Ran], capsys: Any) -> None:
    before = Layout(ran[0].lakehouse).log.stat().st_size
    assert enable.run(ran[0].lakehouse, symbol="NO:SUCH", by="ann", reason="why", as_json=True) == 0
    assert '"recorded": false' in capsys.readouterr().out
    assert Layout(ran[0].lakehouse).log.stat().st_size == before


def test_a_loss_beyond_its_limit_closes_only_and_the_next_start_knows(tmp_path: Path) -> None:
    """SOL falls by a tenth after half of the book is in it; the limit of the day is 3 %."""
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(SOL, at, ticks=0 if at < 500 else -2_000) for at in range(0, 1_500, 50)]
    world.write()
    text = world.config_path.read_text()
    text = text.replace('day_loss_max_fraction = "0.5"', 'day_loss_max_fraction = "0.03"').replace(
        "equity_interval_s = 3600", "equity_interval_s = 1"
    )
    world.config_path.write_text(text)
    ran = run_backtest(world, [(100, world.save("m.json", manifest_text({SOL.symbol: "0.5"})))])
    modes = [line["mode"] for line in ran.of("equity")]
    assert modes[0] == "OPEN"
    assert modes[-1] == "CLOSE_ONLY"
    assert [line["code"] for line in ran.of("alarm")] == ["CLOSE_ONLY"]
    assert ran.assembly.sentinel.running.mode is LossMode.CLOSE_ONLY
    known = folded(ran.lines).counted.equity
    assert known is not None
    assert (known.mode, known.day, known.day_start_base) == ("CLOSE_ONLY", DAY, "100000")
