"""Where two rules meet: a flip that a cap makes smaller, a turnover cap and a closed market, a silent venue, no money."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run as run_command
from lakehouse.verifier import verify
from lakehouse.volumes_snapshot import write_volumes
from orders.average_volume import NS_PER_DAY
from orders.values import AverageVolume
from tests.engine.test_flips_traded import LONG, SHORT, A, margin_world
from tests.gate.world import BTC, DAY_NS, Ran, World, manifest_text, quote, run_backtest, run_shadow
from tests.hours.two_markets import FAR_MS, SHARE, two_markets

type Run = Callable[..., Ran]
BOTH = pytest.mark.parametrize("run", [run_backtest, run_shadow], ids=["backtest", "node"])


def ends(ran: Ran) -> list[tuple[str, str]]:
    return [(begun["cause"], ended["outcome"]) for begun, ended in zip(ran.of("cycle"), ran.of("cycle_end"), strict=False)]


def held(ran: Ran, symbol: str) -> Decimal:
    return ran.assembly.recorder.keeper.positions.get(symbol, Decimal(0))


# a flip whose closing leg a share of volume makes smaller


def thin(world: World, *, units_per_day: str = "1500") -> None:
    """From now on an order may be a tenth of the day's volume."""
    day = DAY_NS // NS_PER_DAY * NS_PER_DAY
    known = AverageVolume(
        units_per_day=Decimal(units_per_day), days=1, as_of_ns=day - NS_PER_DAY, valid_until_ns=day + 7 * NS_PER_DAY
    )
    write_volumes(world.root / "volumes.json", {A.symbol: known}, made_at_ns=1, source="made for a test")
    text = world.config_path.read_text()
    text = text.replace('calendar = "none"', f'calendar = "none"\nvolumes = "{world.root}/volumes.json"')
    world.config_path.write_text(text.replace('adv_fraction_max = "off"', 'adv_fraction_max = "0.1"'))


def later(world: World, from_ms: int, until_ms: int) -> None:
    world.quotes = [quote(name, ms) for ms in range(from_ms, until_ms, 50) for name in world.names]
    text = world.config_path.read_text()
    world.write()
    world.config_path.write_text(text)


def flipped(root: Path, *, top_ups: int, flips: str = "same_plan") -> tuple[World, Ran]:
    """400 shares are held; then a manifest wants 300 short, and no order may be larger than 150."""
    world = margin_world(root, policy=f'flips = "{flips}"\ntop_ups_max = {top_ups}')
    first = run_shadow(world, [(60, world.save("long.json", LONG))])
    assert held(first, A.symbol) > 380
    thin(world)
    later(world, 4_000, 6_000)
    return world, run_shadow(world, [(4_100, world.save("short.json", SHORT))])


def test_a_closing_leg_that_a_cap_made_smaller_lets_nothing_open(tmp_path: Path) -> None:
    world, ran = flipped(tmp_path, top_ups=0)
    orders = [(line["side"], line["quantity"], line["reduce_only"]) for line in ran.of("intent") if line["cycle"] == 2]
    assert orders == [("SELL", "150", True)]
    assert held(ran, A.symbol) > 230
    assert [line["reason"] for line in ran.of("skip") if line["cycle"] == 2 and line["symbol"] == A.symbol] == ["REDUCE_ONLY"]
    assert not ran.of("halt", "reject")
    lines = len(ran.lines)
    later(world, 7_000, 8_000)
    again = run_shadow(world)  # the same manifest, done as far as it went: a start does not flip it
    assert [line["type"] for line in again.lines[lines:] if line["type"] in ("intent", "cycle", "fill")] == []
    assert verify(world.lakehouse).ok


def test_later_manifests_close_the_rest_and_only_then_is_the_other_side_opened(tmp_path: Path) -> None:
    """A top-up would be another tenth of a day's volume at once: what a cap made smaller is the next manifest's, or a drift's."""
    world, _ = flipped(tmp_path, top_ups=8)
    later(world, 8_000, 12_000)
    again = [manifest_text({A.symbol: "-0.3"}, generated=f"2025-01-06T13:59:3{number}") for number in (2, 3)]
    files = [(8_100 + 1_500 * place, world.save(f"{place}.json", text)) for place, text in enumerate(again)]
    ran = run_shadow(world, files)
    orders = [(line["cycle"], Decimal(line["quantity"]), line["reduce_only"]) for line in ran.of("intent") if line["cycle"] > 1]
    assert [(cycle, reduces) for cycle, _, reduces in orders] == [(2, True), (3, True), (4, True), (4, False)]
    assert [quantity for _, quantity, _ in orders[:2]] == [150, 150]
    bought = sum(Decimal(line["quantity"]) for line in ran.of("fill") if line["cycle"] == 1)
    assert sum(quantity for _, quantity, reduces in orders if reduces) == bought
    assert held(ran, A.symbol) == -150
    assert not ran.of("halt", "reject")


def test_no_top_up_sends_at_once_what_a_cap_has_just_taken_off_a_flip(tmp_path: Path) -> None:
    _, ran = flipped(tmp_path, top_ups=8, flips="next_cycle")
    assert [line["quantity"] for line in ran.of("intent") if line["cycle"] > 1] == ["150"]
    assert ends(ran) == [("new_manifest", "done"), ("new_manifest", "done")]


def test_the_replay_of_a_flip_that_was_made_smaller_is_the_same(tmp_path: Path, capsys: Any) -> None:
    world, _ = flipped(tmp_path, top_ups=0)
    assert run_command(["replay", "--lakehouse", str(world.lakehouse), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["orders"] == 1
    # On a busy machine the manifest may be read between the two quotes of an instant: another plan by its hash, the same lines.
    assert (result["orders_differing"], result["lines_differing"], result["differences"]) == (0, 0, [])


# a turnover cap and a market that is closed


@BOTH
@pytest.mark.parametrize("cap", ["turnover_cycle_max", "turnover_day_max"])
def test_what_waits_for_its_market_takes_nothing_of_the_cap_and_gets_what_is_left_of_it(
    cap: str, run: Run, tmp_path: Path
) -> None:
    """A cap of 0.3 and two lines of 0.2: the open market's goes whole; at the open the day has 0.1 left, a new cycle 0.3."""
    world = two_markets(tmp_path, [(1_500, 60_000)], policy=f'{cap} = "0.3"')
    text = manifest_text({BTC.symbol: "0.2", SHARE.symbol: "0.2"})
    ran = run(world, [(50, world.save("m.json", text))])
    assert ends(ran) == [("new_manifest", "waiting"), ("top_up", "done")]
    assert [line["symbol"] for line in ran.of("fill")] == [BTC.symbol, SHARE.symbol]
    first, second = ran.of("plan")
    assert Decimal(first["plan"]["turnover_factor"]) == 1
    bought = {line["symbol"]: line for line in second["plan"]["lines"]}[SHARE.symbol]
    assert bought["reason"] == ("TRADE" if cap == "turnover_cycle_max" else "SCALED_TO_TURNOVER")
    worth = Decimal(bought["quantity"]) * 100
    assert abs(worth - (40_000 if cap == "turnover_cycle_max" else 20_000)) < 250


# one of two venues falls silent


@BOTH
@pytest.mark.parametrize("held_there", [False, True], ids=["nothing is held there", "something is held there"])
def test_a_venue_whose_prices_stop_holds_what_is_held_there_and_no_more(held_there: bool, run: Run, tmp_path: Path) -> None:
    """The shares' prices end after 900 ms, and are too old 1,000 ms later; then a manifest wants both."""
    quoted = {SHARE.symbol: range(0, 900, 100)}
    world = two_markets(tmp_path, [(0, FAR_MS)], quoted=quoted, last_ms=5_000, policy="")
    text = world.config_path.read_text()
    text = text.replace("price_age_max_ms = 60000", "price_age_max_ms = 1000").replace(
        "plan_deadline_s = 30", "plan_deadline_s = 1"
    )
    world.config_path.write_text(text)
    first = {BTC.symbol: "0.1"} | ({SHARE.symbol: "0.1"} if held_there else {})
    second = manifest_text({BTC.symbol: "0.2", SHARE.symbol: "0.2"}, generated="2025-01-06T13:59:31")
    files = [(150, world.save("1.json", manifest_text(first))), (2_500, world.save("2.json", second))]
    ran = run(world, files)
    after = [line for line in ran.of("plan") if line["cycle"] > 1]
    filled = [line["symbol"] for line in ran.of("fill") if line["cycle"] > 1]
    if held_there:
        assert {line["code"] for line in after} == {"NO_MARK"}
        assert SHARE.symbol in after[0]["message"]
        assert filled == []
    else:
        assert filled == [BTC.symbol]
        assert {line["symbol"]: line["reason"] for line in ran.of("skip")}[SHARE.symbol] == "NO_PRICE"
    assert not ran.of("halt")


# no money


@BOTH
@pytest.mark.parametrize("cash", ["0", "-5"], ids=["nothing", "a debt"])
def test_without_money_nothing_is_planned_and_it_is_said(cash: str, run: Run, tmp_path: Path, capsys: Any) -> None:
    world = World(tmp_path, names=(BTC,), quotes=[quote(BTC, ms) for ms in range(0, 900, 50)]).write()
    world.config_path.write_text(world.config_path.read_text().replace('USDT = "100000"', f'USDT = "{cash}"'))
    if cash == "-5":
        assert run_command(["config", "check", str(world.config_path)]) == 2
        assert "capital.starting_cash" in capsys.readouterr().err
        return
    ran = run(world, [(60, world.save("m.json", manifest_text({BTC.symbol: "0.2"})))])
    assert {(line["decision"], line["code"]) for line in ran.of("plan")} == {("HOLD", "EQUITY_NOT_POSITIVE")}
    assert "EQUITY_NOT_POSITIVE" in {line["code"] for line in ran.of("alarm")}
    assert not ran.of("intent", "halt")
