"""`calendar`, `hours` and `volumes` of a venue: what is missing, foreign or unreadable is named with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid
from engine.hours import load_calendars
from engine.run_config import load_config
from tests.hours.two_markets import hours_file

KEY = "venues.US"


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


def written(tmp_path: Path, lines: str) -> Path:
    """The shadow's config with these lines in the place of `calendar`; HOURS stands for a sound file of the calendar XMAD."""
    text = Path("data/configs/shadow.toml").read_text()
    assert text.count('calendar = "none"') == 1
    path = tmp_path / "run.toml"
    hours = hours_file(tmp_path / "hours.json", [(0, 10)])
    (tmp_path / "broken.json").write_text("{}")
    lines = lines.replace("HOURS", f'"{hours}"').replace("BROKEN", f'"{tmp_path}/broken.json"')
    path.write_text(text.replace('calendar = "none"', lines))
    return path


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("", "calendar", "is missing"),
        ("calendar = 7", "calendar", "XNYS"),
        ('calendar = "../x"', "calendar", "XNYS"),
        ('calendar = "XNYS"', "hours", "sluice limits hours XNYS"),
        ('calendar = "XNYS"\nhours = HOURS', "hours", "has no calendar XNYS, but XMAD"),
        ('calendar = "XMAD"\nhours = BROKEN', "hours", "HOURS_INVALID"),
        ('calendar = "XMAD"\nhours = "none/such.json"', "hours", "SNAPSHOT_MISSING"),
        ('calendar = "24/7"\nhours = HOURS', "hours", "remove it"),
        ('calendar = "none"\nhours = HOURS', "hours", "remove it"),
        ('calendar = "none"\nvolumes = BROKEN', "volumes", "VOLUMES_INVALID"),
        ('calendar = "none"\nvolumes = "none/such.json"', "volumes", "SNAPSHOT_MISSING"),
    ],
    ids=[
        "no calendar", "a number", "a path", "an exchange without its file", "another exchange's file", "a broken file",
        "a file that is not there", "hours of what never closes", "hours that are not judged", "broken volumes",
        "volumes that are not there",
    ],
)  # fmt: skip
def test_what_is_wrong_with_hours_is_named_with_its_key(tmp_path: Path, lines: str, key: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(written(tmp_path, lines))
    assert [problem.key for problem in caught.value.problems] == [f"{KEY}.{key}"]
    assert words in caught.value.problems[0].message


def test_a_live_market_must_judge_its_hours(tmp_path: Path) -> None:
    text = Path("data/configs/crypto_live.toml").read_text()
    path = tmp_path / "run.toml"
    path.write_text(text.replace('calendar = "24/7"', 'calendar = "none"'))
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path)
    assert [problem.key for problem in caught.value.problems] == ["venues.BINANCE.calendar"]


def test_a_config_with_hours_reads_its_calendar_and_names_the_file_by_its_hash(tmp_path: Path) -> None:
    calendars = load_calendars(load_config(written(tmp_path, 'calendar = "XMAD"\nhours = HOURS')))
    assert calendars.by_venue["US"] is not None
    assert calendars.by_venue["US"].name == "XMAD"
    assert calendars.sha256 is not None
    assert load_calendars(load_config(Path("data/configs/shadow.toml"))).sha256 is None
