"""`sluice plan` judges market hours at the time it plans for, like a run does."""

from __future__ import annotations

import json
from datetime import date

import pytest

from commands.main import run
from lakehouse.hours_snapshot import write_hours
from venues.calendars import NS_PER_DAY, compile_calendar, midnight_ns

from .conftest import World

APRIL = date(2022, 4, 1), date(2022, 4, 29)


def give_hours(world: World, first: date, last: date) -> None:
    path = world.root / "hours.json"
    begins, ends = midnight_ns(first), midnight_ns(last) + NS_PER_DAY
    calendar = compile_calendar("XNYS", first=first, last=last)
    write_hours(path, [calendar], valid_from_ns=begins, valid_until_ns=ends, made_at_ns=1, source="a test")
    world.configure('calendar = "none"', f'calendar = "XNYS"\nhours = "{path}"')


def reasons(world: World, capsys: pytest.CaptureFixture[str], *extra: str) -> set[str]:
    assert run(["plan", "--config", str(world.config), "--json", *extra]) == 0
    document = json.loads(capsys.readouterr().out)
    return {line["reason"] for line in document["lines"]} - {"WITHIN_BAND", "ON_TARGET"}


def test_after_the_close_every_line_waits(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    give_hours(world, *APRIL)
    assert reasons(world, capsys) == {"MARKET_CLOSED"}


def test_past_the_known_hours_every_line_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    give_hours(world, date(2022, 4, 1), date(2022, 4, 28))
    assert reasons(world, capsys) == {"NO_HOURS"}


def test_without_a_calendar_the_same_plan_trades(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert "MARKET_CLOSED" not in reasons(world, capsys)
