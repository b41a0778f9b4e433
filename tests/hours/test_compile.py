"""`sluice limits hours`: what exchange_calendars knows, compiled; and nothing else of Sluice asks it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from commands.main import run
from lakehouse.hours_snapshot import read_hours
from orders.market_hours import Calendar, span_at
from venues.calendars import compile_calendar, midnight_ns


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(scope="module")
def new_york() -> Calendar:
    return compile_calendar("XNYS", first=date(2022, 3, 1), last=date(2022, 11, 30))


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        ("2022-03-11T14:29", "closed"),
        ("2022-03-11T14:30", "open"),
        ("2022-03-14T13:30", "open"),
        ("2022-03-14T20:00", "closed"),
        ("2022-11-24T16:00", "closed"),
        ("2022-11-25T17:59", "open"),
        ("2022-11-25T18:00", "closed"),
        ("2022-11-26T16:00", "closed"),
        ("2022-03-01T00:00", "closed"),
        ("2022-02-28T23:59", "unknown"),
        ("2022-12-01T00:00", "unknown"),
    ],
    ids=[
        "winter time, before the open", "winter time, open", "summer time, an hour earlier", "summer time, closed",
        "Thanksgiving", "the day after, open", "the day after, closed early", "a Saturday", "the first known minute",
        "before the range", "past the range",
    ],
)  # fmt: skip
def test_new_york_is_open_when_it_was(new_york: Calendar, instant: str, state: str) -> None:
    assert span_at(new_york, now_ns=at(instant)).hours.state == state


def test_the_session_before_the_range_is_kept_so_that_its_close_is_known(new_york: Calendar) -> None:
    assert span_at(new_york, now_ns=at("2022-03-01T00:00")).hours.closed_ns == at("2022-02-28T21:00")


def test_only_the_early_close_is_marked(new_york: Calendar) -> None:
    assert [session.day for session in new_york.sessions if session.early_close] == ["2022-11-25"]


def test_a_lunch_break_is_closed() -> None:
    hong_kong = compile_calendar("XHKG", first=date(2022, 11, 24), last=date(2022, 11, 24))
    states = [span_at(hong_kong, now_ns=at(f"2022-11-24T{time}")).hours.state for time in ("03:59", "04:00", "05:00", "08:00")]
    assert states == ["open", "closed", "open", "closed"]


def test_a_session_that_began_the_evening_before_is_in_the_range() -> None:
    chicago = compile_calendar("CMES", first=date(2022, 11, 21), last=date(2022, 11, 21))
    assert span_at(chicago, now_ns=midnight_ns(date(2022, 11, 21))).hours.state == "open"


ARGUMENTS = ["--from", "2022-11-21", "--until", "2022-11-25"]


def test_the_command_writes_what_a_run_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "hours.json"
    assert run(["limits", "hours", "XNYS", "XLON", *ARGUMENTS, "--output", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    snapshot = read_hours(path)
    assert said["sha256"] == snapshot.sha256
    assert said["calendars"] == {"XLON": {"sessions": 6, "early_closes": 0}, "XNYS": {"sessions": 5, "early_closes": 1}}
    assert snapshot.source.startswith("exchange_calendars 4.")
    assert (snapshot.valid_from_ns, snapshot.valid_until_ns) == (at("2022-11-21T00:00"), at("2022-11-26T00:00"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["NOPE", *ARGUMENTS], "CALENDAR_UNKNOWN"),
        (["24/7", *ARGUMENTS], "CALENDAR_BUILT_IN"),
        (["none", *ARGUMENTS], "CALENDAR_BUILT_IN"),
        (["XNYS", "--from", "2022-11-25", "--until", "2022-11-21"], "CALENDAR_RANGE"),
        (["XKRX", "--from", "2022-11-21", "--until", "2090-11-21"], "CALENDAR_RANGE"),
        (["XNYS", "--from", "21.11.2022", "--until", "2022-11-25"], "USAGE"),
    ],
    ids=["no such calendar", "one that is built in", "the one that is not judged", "a range that ends before it begins",
         "holidays nobody knows yet", "a day written otherwise"],
)  # fmt: skip
def test_what_cannot_be_compiled_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    path = tmp_path / "hours.json"
    assert run(["limits", "hours", *arguments, "--output", str(path)]) == 2
    assert code in capsys.readouterr().err
    assert not path.exists()


def test_the_shipped_hours_are_what_the_library_says(pytestconfig: pytest.Config) -> None:
    shipped = read_hours(pytestconfig.rootpath / "data" / "configs" / "hours.json")
    assert shipped.calendars["XNYS"] == compile_calendar("XNYS", first=date(2019, 1, 1), last=date(2026, 12, 31))


def test_trading_never_loads_the_calendars_library() -> None:
    code = (
        "import sys; import commands.plan, commands.shadow, commands.backtest, commands.doctor, engine.assemble, sim.shadow_run;"
        "from commands.main import parser; parser();"
        "print([name for name in sys.modules if name.startswith('exchange_calendars')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
