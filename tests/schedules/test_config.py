"""Schedules in a run config: which keys a kind takes, who may name which, and the profile a vwap reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from engine.config_problems import ConfigInvalid
from engine.volume_profiles import load_profiles
from orders.errors import InputError
from orders.schedule import AT_ONCE, Schedule, ScheduleKind, check_schedule
from tests.gate.world import DAY_NS, ETH, SECOND, World, manifest_text, quote, run_backtest

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 600\nslices = 20\nrandomize = true\n'


def world_of(root: Any, schedules: str, policy: str = "") -> World:
    world = World(root, policy=policy, schedules=schedules)
    world.quotes = [quote(ETH, 25 * i) for i in range(4)]
    return world.write()


@pytest.mark.parametrize(
    ("policy", "schedules", "by_venue"),
    [
        ("", "", {"BINANCE": AT_ONCE}),
        ('schedule = "slow"', TWAP, {"BINANCE": "slow"}),
        ('[policy.schedule_by_venue]\nBINANCE = "slow"', TWAP, {"BINANCE": "slow"}),
        ('schedule = "slow"\n[policy.schedule_by_venue]\nBINANCE = "at_once"', TWAP, {"BINANCE": AT_ONCE}),
    ],
    ids=["at once without a word", "for all venues", "for one venue", "all but one venue"],
)
def test_a_venue_has_the_schedule_the_policy_names(policy, schedules, by_venue, tmp_path):
    config, _ = world_of(tmp_path, schedules, policy).load()
    assert config.schedule_by_venue() == by_venue


def test_a_schedule_is_read_with_its_units(tmp_path):
    config, _ = world_of(tmp_path, TWAP).load()
    assert config.schedules() == {
        "slow": Schedule(name="slow", kind=ScheduleKind.TWAP, duration_ns=600 * SECOND, slices=20, randomize=True)
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('kind = "twap"\nduration_s = 600', "a slices"),
        ('kind = "twap"\nduration_s = 600\nslices = 5\ntimeout_s = 1', "no timeout_ns"),
        ('kind = "twap"\nduration_s = 0\nslices = 5', "duration_s"),
        ('kind = "twap"\nduration_s = 600\nslices = 501', "slices"),
        ('kind = "pov"\nduration_s = 600\nparticipation_max = "1.1"', "participation_max"),
        ('kind = "pov"\nduration_s = 600\nparticipation_max = "0.1"\nrandomize = true', "randomize only"),
        ('kind = "passive_then_cross"', "a timeout_ns"),
        ('kind = "sniper"', "kind"),
        ('kind = "vwap"\nduration_s = 600\nslices = 5', "catalog"),
        ('kind = "vwap"\nduration_s = 600\nslices = 5\nbucket_s = 7000\ncatalog = "data"', "must divide a day"),
        ('kind = "vwap"\nduration_s = 600\nslices = 5\nbucket_s = 60\ncatalog = "nowhere/at/all"', "a directory was expected"),
        ('kind = "twap"\nduration_s = 600\nslices = 5\ncatalog = "data"', "belongs to vwap alone"),
        ('kind = "twap"\nduration_s = 600\nslices = 5\nurgency = 3', "urgency"),
    ],
    ids=[
        "twap without slices", "twap with a timeout", "no duration", "too many slices", "more than all volume",
        "nothing to randomize", "passive without a timeout", "an unknown kind", "vwap without bars", "buckets off the day",
        "no catalog there", "bars for a twap", "an unknown key",
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_is_refused(table, said, tmp_path):
    with pytest.raises(ConfigInvalid, match="schedules") as refused:
        world_of(tmp_path, f"[schedules.slow]\n{table}\n").load()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ('schedule = "fast"', "must be one of at_once, slow, was fast"),
        ('[policy.schedule_by_venue]\nKRAKEN = "slow"', "is no venue"),
        ('[policy.schedule_by_venue]\nBINANCE = "fast"', "must be one of"),
    ],
    ids=["no such schedule", "no such venue", "no such schedule for a venue"],
)
def test_naming_what_is_not_there_is_refused(policy, said, tmp_path):
    with pytest.raises(ConfigInvalid, match=said):
        world_of(tmp_path, TWAP, policy).load()


def test_the_built_in_name_is_not_given_again():
    with pytest.raises(InputError, match="built in"):
        check_schedule(Schedule(name=AT_ONCE, kind=ScheduleKind.PASSIVE_THEN_CROSS, timeout_ns=1))


def catalog_of(root: Any, *, at_ns: list[tuple[int, str]]) -> Any:
    """A catalog with one ETH bar at each instant."""
    path = root / "catalog"
    path.mkdir()
    kind = BarType.from_str("ETHUSDT.BINANCE-1-MINUTE-LAST-EXTERNAL")
    price = Price.from_str("4000.00")
    ParquetDataCatalog(path).write_data(
        [Bar(kind, price, price, price, price, Quantity.from_str(volume), ns, ns) for ns, volume in at_ns]
    )
    return path


MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


def vwap(path: Any) -> str:
    return f'[schedules.slow]\nkind = "vwap"\nduration_s = 2\nslices = 4\nbucket_s = 60\ncatalog = "{path}"\n'


def test_a_profile_knows_only_bars_from_before_the_replay(tmp_path):
    before = DAY_NS - DAY
    path = catalog_of(tmp_path, at_ns=[(before + MINUTE, "7.5000"), (DAY_NS + MINUTE, "999.0000")])
    world = world_of(tmp_path, vwap(path))
    config, _ = world.load()
    profiles = load_profiles(config, {ETH.symbol: ETH.instrument_id, "BINANCE:XUSDT": "XUSDT.BINANCE"}, now_ns=0)
    assert set(profiles["slow"]) == {ETH.symbol}
    assert sum(profiles["slow"][ETH.symbol].volumes) == Decimal("7.5")


def test_a_vwap_run_cuts_its_parent_by_the_profile_of_the_catalog(tmp_path):
    path = catalog_of(tmp_path, at_ns=[(DAY_NS - DAY + MINUTE, "7.5000")])
    world = World(tmp_path, latency_ms="5", jitter_ms="0", policy='schedule = "slow"', schedules=vwap(path))
    world.quotes = [quote(ETH, 25 * i) for i in range(120)]
    world.write()
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_backtest(world, [(60, first)])
    parent, *sent = ran.of("intent")
    quantities = [Decimal(child["quantity"]) for child in sent]
    assert len(quantities) == 4
    assert sum(quantities) == Decimal(parent["quantity"]) == sum(Decimal(fill["quantity"]) for fill in ran.of("fill"))
    assert max(quantities) - min(quantities) <= Decimal("0.0001")
