"""The doctor on the dated files of a venue: limits of what is allowed, hours and volumes that hold while the config trades."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from commands.doctor_files import examine_files
from commands.findings import FAIL, WARN, WELL, Finding
from engine.run_config import load_config
from lakehouse.hours_snapshot import write_hours
from lakehouse.volumes_snapshot import write_volumes
from orders.market_hours import Calendar, Session
from orders.values import AverageVolume
from tests.gate.world import BTC, CRYPTO, DAY_NS, ETH, SOL, World

DAY = 86_400 * 10**9
BTC_DAY = Decimal("9610.7")
MIDNIGHT = DAY_NS // DAY * DAY


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).write()


def configure(world: World, old: str, new: str) -> None:
    text = world.config_path.read_text()
    assert old in text
    world.config_path.write_text(text.replace(old, new, 1))


def found(world: World, *, now_ns: int = DAY_NS) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_files(load_config(world.config_path), now_ns=now_ns)}


def give_hours(world: World, *, first_day: int, days: int) -> None:
    begins, ends = MIDNIGHT + first_day * DAY, MIDNIGHT + (first_day + days) * DAY
    session = Session(day="2025-01-06", open_ns=begins, close_ns=begins + 1, early_close=False)
    calendar = Calendar(name="XMAD", valid_from_ns=begins, valid_until_ns=ends, sessions=(session,))
    path = world.root / "hours.json"
    write_hours(path, [calendar], valid_from_ns=begins, valid_until_ns=ends, made_at_ns=1, source="a test")
    configure(world, 'calendar = "none"', f'calendar = "XMAD"\nhours = "{path}"')


@pytest.mark.parametrize(
    ("first_day", "days", "state"),
    [(0, 2, WELL), (0, 1, WARN), (1, 5, WARN), (-5, 5, FAIL), (2, 5, FAIL)],
    ids=["the two days of the replay", "without the last", "without the first", "all before", "all after"],
)
def test_hours_must_cover_the_replay(world: World, first_day: int, days: int, state: str) -> None:
    give_hours(world, first_day=first_day, days=days)
    finding = found(world)["hours BINANCE"]
    assert (finding.state, bool(finding.action)) == (state, state != WELL)
    assert "XMAD from 2025-01" in finding.found


def test_a_venue_without_hours_says_which_kind_it_is(world: World) -> None:
    assert "not judged" in found(world)["hours BINANCE"].found
    configure(world, 'calendar = "none"', 'calendar = "24/7"')
    assert "never closed" in found(world)["hours BINANCE"].found


def test_an_allowed_symbol_without_limits_is_named(world: World) -> None:
    path = world.root / "limits.json"
    path.write_text(path.read_text().replace('"step_size": "0.001"', '"step_size": "0"'))
    finding = found(world)["limits BINANCE"]
    assert finding.state == WARN
    assert f"none for {SOL.symbol}" in finding.found


def volumes(world: World, *, as_of_ns: int, valid_until_ns: int, names: tuple[str, ...]) -> None:
    known = AverageVolume(units_per_day=BTC_DAY, days=20, as_of_ns=as_of_ns, valid_until_ns=valid_until_ns)
    path = world.root / "volumes.json"
    write_volumes(path, dict.fromkeys(names, known), made_at_ns=1, source="a test")
    configure(world, 'calendar = "none"', f'calendar = "none"\nvolumes = "{path}"')


ALL = tuple(name.symbol for name in CRYPTO)


@pytest.mark.parametrize(
    ("as_of_ns", "valid_until_ns", "names", "state", "words"),
    [
        (MIDNIGHT, MIDNIGHT + 2 * DAY, ALL, WELL, "3 symbols"),
        (MIDNIGHT, MIDNIGHT + 2 * DAY, (BTC.symbol, ETH.symbol), WARN, SOL.symbol),
        (MIDNIGHT + 1, MIDNIGHT + 2 * DAY, ALL, WARN, BTC.symbol),
        (MIDNIGHT, MIDNIGHT + DAY, ALL, WARN, BTC.symbol),
    ],
    ids=["true all the time", "a symbol missing", "true only later", "expired before the end"],
)
def test_volumes_must_hold_while_the_config_trades(
    world: World, as_of_ns: int, valid_until_ns: int, names: tuple[str, ...], state: str, words: str
) -> None:
    volumes(world, as_of_ns=as_of_ns, valid_until_ns=valid_until_ns, names=names)
    finding = found(world)["volumes BINANCE"]
    assert finding.state == state
    assert words in finding.found


def test_a_venue_without_volumes_has_no_finding_of_them(world: World) -> None:
    assert "volumes BINANCE" not in found(world)
